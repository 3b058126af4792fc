/*
 * heap.c - preloaded: tells how much memory a program has allocated and not
 * freed, for tests/integration/load_samples.py.
 *
 * HEAP_DIR is a directory; in it a file of the process's number gets the bytes,
 * 8 of them in this machine's order, fifty times a second.  What a leak takes may
 * long lie in pages that were there before: no look from outside finds it there.
 *
 * What lies in the per-thread caches of freed memory would count as allocated:
 * they are to be without, load_samples.py's heap_told().  Does not count what is
 * so large that it is mapped by itself, as a password's hash is made in;
 * nor the pages of SQLite's caches, which have a bound, PRAGMA cache_size, and
 * rise and fall below it as connections are used: by more than a leak does.
 */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Not in every program. */
#pragma weak sqlite3_status64

static int fd = -1;

static uint64_t
cached(void)
{
	sqlite3_int64 now = 0, most;

	if (sqlite3_status64)
		sqlite3_status64(SQLITE_STATUS_PAGECACHE_OVERFLOW, &now, &most, 0);
	return (uint64_t)now;
}

static void *
tell(void *arg)
{
	const struct timespec pause = {0, 20000000};

	for (;;) {
		struct mallinfo2 now = mallinfo2();
		uint64_t bytes = now.uordblks - cached();

		if (pwrite(fd, &bytes, sizeof(bytes), 0) != sizeof(bytes))
			return arg;
		nanosleep(&pause, NULL);
	}
}

__attribute__((constructor)) static void
begin(void)
{
	const char *dir = getenv("HEAP_DIR");
	sigset_t all, before;
	pthread_t thread;
	char path[4096];

	if (dir == NULL)
		return;
	snprintf(path, sizeof(path), "%s/%d", dir, (int)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	/* Signals are the program's own threads'. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	if (fd >= 0)
		pthread_create(&thread, NULL, tell, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
