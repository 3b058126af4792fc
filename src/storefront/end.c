/*
 * end.c - a process that was told to end is gone within five seconds.
 *
 *   serve     lets in who waits at the door, and finishes what was begun; 4 s
 *   worker    waits for the requests that are under way, 3 s at most, and gives
 *             back the rest
 *   status    answers the request that it is at
 *
 * Each takes less than END_SECONDS, unless it waits for others: a database that
 * does not answer, a lock that somebody holds, a name server.  Then an alarm
 * ends it as it is.  That loses nothing, as kill -9 would not: who was answered
 * has an order that is committed, and what was claimed is due again for the
 * next worker, which sees that this one is gone.
 *
 * Does not say when a process is to end: its own handler calls end_begin().
 */
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "storefront.h"

static atomic_bool begun;
static atomic_int code;

static void
gone(int number)
{
	(void)number;
	_exit(atomic_load(&code));
}

void
end_prepare(void)
{
	struct sigaction action = {.sa_handler = gone};

	sigaction(SIGALRM, &action, NULL);
}

void
end_begin(void)
{
	/* Told again, it has not got longer. */
	if (!atomic_exchange(&begun, true))
		alarm(END_SECONDS);
}

void
end_failed(void)
{
	atomic_store(&code, 1);
}
