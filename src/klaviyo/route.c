/*
 * route.c - which events are claimed now, and for which endpoint; send.c sends
 * them.
 *
 *   due                                        go by
 *   real time, KL_BACKLOG events at most       single requests
 *   real time, more than that                  bulk; single requests while
 *                                              bulk must wait for long
 *   history                                    bulk
 *   anything, while bulk is off, or a probe    single requests, real time first
 *   what is no event                           endpoints of its own
 *
 * Each endpoint has its own pacer, its own place in the pool of connections
 * and its own claims: neither waits for the other.  Halves of a refused job
 * go before anything new is claimed for bulk.
 *
 * Rows that are no events have a lane of their own, and a quarter of a pass: no
 * backlog of events is before them, and no crowd of them before an order.  They
 * are a probe only while no event is due.
 *
 * Promises: memory is bounded.  A claim holds KL_CLAIM_SIZE characters, or one
 * event, whatever the queue holds.  There are at most KL_JOBS claims in flight
 * or waiting for bulk, and two of single events, a minute's worth of other
 * rows, which are small, and a body for each request in flight: of a bulk
 * one 4.5 MB, so that all of it stays at about 100 MB.  (For text in ASCII; and
 * while the events are not of megabytes each: the single requests in flight may
 * hold 5 MB each.)
 *
 * Does not send, judge, wait or settle.
 */
#include "deliver.h"

#include <stdlib.h>

enum {
	/* From here on one bulk request is sooner done than so many single
	   ones: at 350 a second these take more than a second and a seventh of
	   the minute's limit, of which orders to come need the rest. */
	BACKLOG = 500,
	SINGLES = 8, /* claimed at once, times the requests in flight */
	SINGLES_MAX = KL_BATCH / 2, /* the same, when they go fast: as many
	                               may be settled with them */
	FAST_MS = 500,
};

static int
least(int a, int b)
{
	return a < b ? a : b;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return !a ? b : !b ? a : a < b ? a : b;
}

/* ------------------------------------------------------------------- claim */

/* Up to ${want} rows of ${lane}; *${found} is how many were due. */
static struct kl_claim *
claim(struct kl_pass *pass, int lane, int want, int *found)
{
	int lease_s = pass->klaviyo->lease_s;
	/* The lease runs from before the transaction, not from after it. */
	int64_t due, send_by = kl_monotonic_ms() + lease_s * 1000 / 4;
	struct kl_claim *list = NULL;

	*found = 0;
	/* A look first: polling an empty queue takes no write lock. */
	due = kl_outbox_due(pass->store, lane, 1, kl_now());
	if (due == 0)
		return NULL;
	if (due < 0 || kl_pass_claim(pass, lane, want, &list)) {
		pass->failed = true;
		return NULL;
	}
	for (struct kl_claim *c = list; c; c = c->next) {
		c->send_by = send_by;
		pass->tally->claimed++;
		pass->left--;
		++*found;
	}
	/* Fewer may be all that a claim holds, and not all that were due. */
	if (*found < want &&
	    (due = kl_outbox_due(pass->store, lane, 1, kl_now())) > 0)
		*found = want;
	if (due < 0)
		pass->failed = true;
	return list;
}

/* How long until the endpoint may be used, if it is needed for ${lane}. */
static int64_t
limits_wait(struct kl_pass *pass, int lane, int64_t wait)
{
	int64_t due = wait ? kl_outbox_due(pass->store, lane, 1, kl_now()) : 0;

	if (due < 0)
		pass->failed = true;
	return due > 0 ? wait : 0;
}

/* Nothing is left: not after each of the last answers again. */
static void
look_again(struct kl_pass *pass, enum kl_endpoint endpoint, int64_t now_ms)
{
	pass->look_at[endpoint] = now_ms + KL_LOOK_MS;
}

static bool
may_look(const struct kl_pass *pass, enum kl_endpoint endpoint, int64_t now_ms)
{
	if (pass->failed || pass->left < 1 || pass->mode == KL_END)
		return false;
	if (!pass->flying)
		return true;
	return pass->mode == KL_RUN && now_ms >= pass->look_at[endpoint];
}

/* How many single events are claimed at once.  A claim is a transaction and a
   sync, during which nothing is sent: where Klaviyo answers so fast that the
   last claim is used up, the next is twice as large.  Not more than are sent
   soon: a lease runs. */
static int
at_once(struct klaviyo *klaviyo, int64_t now_ms)
{
	bool fast = now_ms - klaviyo->claimed_ms < FAST_MS;

	klaviyo->at_once = fast ? least(2 * klaviyo->at_once, SINGLES_MAX)
	                        : klaviyo->in_flight * SINGLES;
	klaviyo->claimed_ms = now_ms;
	return klaviyo->at_once;
}

static int64_t
claim_singles(struct kl_pass *pass, int lane, int64_t now_ms)
{
	struct klaviyo *klaviyo = pass->klaviyo;
	int room = kl_pacer_room(&klaviyo->pacer[KL_SINGLE], now_ms);
	int64_t wait;
	int want, found;

	if (room < 1) {
		wait = kl_pacer_wait(&klaviyo->pacer[KL_SINGLE], now_ms);
		look_again(pass, KL_SINGLE, now_ms);
		return limits_wait(pass, lane, wait);
	}
	want = least(at_once(klaviyo, now_ms), least(pass->left, room));
	if (pass->mode == KL_PROBE)
		want = 1;
	kl_send_part(pass, claim(pass, lane, want, &found));
	if (found < want)
		look_again(pass, KL_SINGLE, now_ms);
	return 0;
}

static int64_t
claim_jobs(struct kl_pass *pass, int lane, int64_t now_ms)
{
	struct klaviyo *klaviyo = pass->klaviyo;
	int64_t wait = kl_pacer_wait(&klaviyo->pacer[KL_BULK], now_ms);
	int want = least(pass->left, KL_JOB_EVENTS), found;
	struct kl_claim *rest = NULL;

	if (wait) {
		look_again(pass, KL_BULK, now_ms);
		return limits_wait(pass, lane, wait);
	}
	/* After whole jobs the next pass has room for one again, and a smaller
	   one costs the limits as much. */
	if (want < KL_JOB_EVENTS && pass->whole_jobs)
		return 0;
	pass->jobs = kl_jobs_cut(claim(pass, lane, want, &found), &rest);
	kl_send_part(pass, rest);
	pass->whole_jobs |= pass->jobs && pass->jobs->n == KL_JOB_EVENTS;
	if (found < want)
		look_again(pass, KL_BULK, now_ms);
	return 0;
}

static void
claim_others(struct kl_pass *pass, int64_t now_ms)
{
	int want = least(pass->klaviyo->in_flight * SINGLES, KL_JOB_EVENTS);
	int found;

	want = least(want, least(pass->left, pass->others_left));
	if (pass->mode == KL_PROBE)
		want = least(want, 1);
	if (want < 1)
		return;
	kl_send_part(pass, claim(pass, KL_LANE_OTHERS, want, &found));
	pass->others_left -= found;
	if (found < want)
		look_again(pass, KL_OTHERS, now_ms);
}

/* An event, if one is due; another row says nothing about events. */
static int64_t
claim_probe(struct kl_pass *pass, int64_t now_ms)
{
	int64_t wait;

	if (pass->flying || !kl_send_idle(pass) ||
	    !may_look(pass, KL_SINGLE, now_ms))
		return 0;
	wait = claim_singles(pass, KL_ANY_LANE, now_ms);
	if (!wait && kl_send_idle(pass) && !pass->failed && pass->left > 0)
		claim_others(pass, now_ms);
	return wait;
}

/* Sets pass->backlog.  Returns whether any of real time is due. */
static bool
look_for_backlog(struct kl_pass *pass, int64_t now_ms)
{
	int64_t due =
	    kl_outbox_due(pass->store, KLAVIYO_REALTIME, BACKLOG + 1, kl_now());

	if (due < 0)
		pass->failed = true;
	pass->backlog = due > BACKLOG &&
	                kl_pacer_wait(&pass->klaviyo->pacer[KL_BULK], now_ms) <=
	                    KL_LONG_WAIT_MS;
	return due > 0;
}

int64_t
kl_route_claim(struct kl_pass *pass, int64_t now_ms)
{
	struct klaviyo *klaviyo = pass->klaviyo;
	bool bulk = !klaviyo->no_jobs && now_ms >= klaviyo->bulk_off_until;
	bool singles, jobs;
	int64_t wait = 0;

	if (pass->mode == KL_PROBE)
		return claim_probe(pass, now_ms);
	if (may_look(pass, KL_OTHERS, now_ms))
		claim_others(pass, now_ms);
	singles = !pass->alone[KL_SINGLE] && may_look(pass, KL_SINGLE, now_ms);
	jobs = bulk && !pass->jobs &&
	       pass->nflying[KL_BULK] < kl_most_jobs(klaviyo) &&
	       may_look(pass, KL_BULK, now_ms);
	if (bulk && (singles || jobs) && !look_for_backlog(pass, now_ms)) {
		look_again(pass, KL_SINGLE, now_ms);
		singles = false;
	}
	if (singles && !(bulk && pass->backlog))
		wait = claim_singles(
		    pass, bulk ? KLAVIYO_REALTIME : KL_ANY_LANE, now_ms);
	if (jobs && pass->left > 0 && !pass->failed)
		wait = sooner(wait,
		    claim_jobs(pass,
		        pass->backlog ? KLAVIYO_REALTIME : KLAVIYO_HISTORICAL,
		        now_ms));
	return wait;
}
