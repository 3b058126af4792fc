/*
 * condwait.c - preloaded before libfaketime: pthread_cond_timedwait() as libc
 * has it.  libfaketime reckons the deadline of a wait that goes by the
 * monotonic clock as if that clock, too, were the one it fakes, whatever it is
 * told.  Where ThreadSanitizer is, it must see the wait: it passes it on.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

int
pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
    const struct timespec *until)
{
	void *libc = dlopen("libtsan.so.2", RTLD_LAZY | RTLD_NOLOAD);
	__typeof__(&pthread_cond_timedwait) real = NULL;

	if (libc == NULL)
		libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	if (libc != NULL)
		real = (__typeof__(real))dlsym(libc, "pthread_cond_timedwait");
	if (real == NULL)
		abort();
	return real(condition, mutex, until);
}
