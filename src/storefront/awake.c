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
 * have does nothing.
 */
#include <errno.h>
#include <sched.h>
#include <semaphore.h>

#include "storefront.h"

enum { EACH = 2, LEAST = 4 }; /* places, of a core and at all */

static sem_t places;
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
	counted = sem_init(&places, 0, (unsigned)n) == 0;
	return n;
}

void
awake_begin(void)
{
	if (!counted || mine)
		return;
	while (sem_wait(&places) != 0 && errno == EINTR)
		;
	mine = true;
}

void
awake_waits(void)
{
	if (!mine)
		return;
	mine = false;
	sem_post(&places);
}
