/*
 * progress.c - how far a long command has come, on a terminal.
 *
 *	copying [##########          ] 3120 of 9000 rows, 4100/s, 1 s left
 *
 * Promises: nothing is written unless standard error is a terminal, and at most
 * a few lines a second.  What a longer line has left behind is wiped (ESC [ K).
 */
#include "storefront.h"

#include <unistd.h>

#define WIDTH 30
#define PAUSE_S 0.1

static double
seconds_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - then->tv_sec) +
	       (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

void
progress_begin(
    struct progress *p, const char *what, const char *unit, int64_t all)
{
	progress_end(p);
	p->terminal = isatty(STDERR_FILENO) == 1;
	p->what = what;
	p->unit = unit;
	p->all = all;
	p->done = 0;
	p->shown = -1;
	clock_gettime(CLOCK_MONOTONIC, &p->begun);
}

void
progress_show(struct progress *p, int64_t more, const char *remark)
{
	double seconds = seconds_since(&p->begun), rate;
	int full = WIDTH;

	p->done += more;
	if (!p->terminal ||
	    (p->shown >= 0 && seconds - p->shown < PAUSE_S && p->done < p->all))
		return;
	p->shown = seconds;
	if (p->all > 0 && p->done < p->all)
		full = (int)(p->done * WIDTH / p->all);
	rate = seconds > 0 ? (double)p->done / seconds : 0;
	fprintf(stderr,
	    "\r%s [%.*s%*s] %lld of %lld %s, %.0f/s, %.0f s left%s\033[K",
	    p->what,
	    full, "##############################", WIDTH - full, "",
	    (long long)p->done, (long long)p->all, p->unit, rate,
	    rate > 0 && p->all > p->done ? (double)(p->all - p->done) / rate
	                                 : 0,
	    remark);
}

double
progress_seconds(const struct progress *p)
{
	return seconds_since(&p->begun);
}

void
progress_end(struct progress *p)
{
	if (p->terminal && p->shown >= 0)
		fprintf(stderr, "\n");
	p->shown = -1;
}
