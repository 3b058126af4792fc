/*
 * awake.c - how many threads are at work at a time.
 *
 * Threads that want the processor take it from each other, at some cost: two a
 * core do best.  Threads that wait for something else - the disk's sync, the
 * database's server, a peer - cost nothing, and others are to work meanwhile.
 * So there are more threads than places at work.  Who is about to wait gives up
 * its place, for the rest of its request, and takes one again before the next.
 *
 * Promises: a place is needed to begin, never to go on, so that nobody who has
 * begun waits for another's; a thread that gives up a place which it does not
 * have does nothing.  As long as a place is free somebody listens, and where
 * somebody listens nobody else is woken up.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "storefront.h"

enum { EACH = 2, LEAST = 4 }; /* places, of a core and at all */

struct sleeper {
	sem_t wake;
	struct sleeper *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sleeper *sleepers; /* who slept off last wakes up first */
static int free_places, listeners;
static bool counted; /* once, before there are threads */
static _Thread_local bool mine;

int
awake_count(void)
{
	cpu_set_t set; /* those that this process may use */
	int n = sched_getaffinity(0, sizeof(set), &set) == 0
	            ? CPU_COUNT(&set) * EACH
	            : 0;

	if (n < LEAST)
		n = LEAST;
	free_places = n;
	counted = true;
	return n;
}

static void
sleep_for_a_place(void)
{
	static _Thread_local struct sleeper self;

	sem_init(&self.wake, 0, 0);
	self.next = sleepers;
	sleepers = &self;
	pthread_mutex_unlock(&lock);
	while (sem_wait(&self.wake) != 0)
		; /* a signal */
	pthread_mutex_lock(&lock);
	sem_destroy(&self.wake);
}

/* Somebody is to listen, if nobody does. */
static void
wake_one(void)
{
	struct sleeper *next = sleepers;

	if (next == NULL || free_places == 0 || listeners > 0)
		return;
	sleepers = next->next;
	free_places--;
	listeners++;
	sem_post(&next->wake);
}

void
awake_listen(void)
{
	if (!counted)
		return;
	pthread_mutex_lock(&lock);
	if (mine) {
		listeners++;
	} else if (free_places > 0) {
		free_places--;
		listeners++;
	} else {
		sleep_for_a_place();
	}
	pthread_mutex_unlock(&lock);
	mine = true;
}

void
awake_begin(void)
{
	if (!counted)
		return;
	pthread_mutex_lock(&lock);
	listeners--;
	wake_one();
	pthread_mutex_unlock(&lock);
}

void
awake_waits(void)
{
	if (!mine)
		return;
	mine = false;
	pthread_mutex_lock(&lock);
	free_places++;
	wake_one();
	pthread_mutex_unlock(&lock);
}
