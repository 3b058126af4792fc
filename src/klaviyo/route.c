/*
 * route.c - which events go now, and by which endpoint.
 *
 *   due                                        go by
 *   real time, KL_BACKLOG events at most       single requests
 *   real time, more than that                  bulk; single requests while
 *                                              bulk must wait for long
 *   history                                    bulk
 *   anything, while bulk is off, or a probe    single requests, real time first
 *
 * Each endpoint has its own pacer, its own place in the pool of connections
 * and its own claims: neither waits for the other.  Halves of a refused job
 * go before anything new is claimed for bulk.
 *
 * Promises: memory is bounded.  A claim holds KL_CLAIM_SIZE characters, or one
 * event, whatever the queue holds.  There are at most JOBS claims in flight or
 * waiting for bulk, and two of single events, and a body for each request in
 * flight: of a bulk one 4.5 MB, so that all of it stays at about 100 MB.  (For
 * text in ASCII; and while the events are not of megabytes each: the single
 * requests in flight may hold 5 MB each.)
 *
 * Does not judge, wait or settle.
 */
#include "deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* From here on one bulk request is sooner done than so many single
	   ones: at 350 a second these take more than a second and a seventh of
	   the minute's limit, of which orders to come need the rest. */
	BACKLOG = 500,
	JOBS = 8, /* bulk requests in flight, and a quarter of the pool: enough
	             for 2.5 a second that take up to 3 s each */
	SINGLES = 8, /* claimed at once, times the requests in flight */
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
	due = kl_outbox_due(pass->store, lane, want, kl_now());
	if (due == 0)
		return NULL;
	if (due < 0 || kl_outbox_claim(pass->store, pass->token, lane, (int)due,
	                   kl_now(), kl_now() + lease_s, &list)) {
		pass->failed = true;
		return NULL;
	}
	*found = (int)due;
	for (struct kl_claim *c = list; c; c = c->next) {
		c->send_by = send_by;
		pass->tally->claimed++;
		pass->left--;
	}
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

static int64_t
claim_singles(struct kl_pass *pass, int lane, int64_t now_ms)
{
	struct klaviyo *klaviyo = pass->klaviyo;
	int room = kl_pacer_room(&klaviyo->pacer[KL_SINGLE], now_ms);
	int want = least(klaviyo->in_flight * SINGLES, KL_JOB_EVENTS), found;
	int64_t wait;

	if (room < 1) {
		wait = kl_pacer_wait(&klaviyo->pacer[KL_SINGLE], now_ms);
		look_again(pass, KL_SINGLE, now_ms);
		return limits_wait(pass, lane, wait);
	}
	want = least(want, least(pass->left, room));
	if (pass->mode == KL_PROBE)
		want = 1;
	pass->alone = claim(pass, lane, want, &found);
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

	if (wait) {
		look_again(pass, KL_BULK, now_ms);
		return limits_wait(pass, lane, wait);
	}
	/* After whole jobs the next pass has room for one again, and a smaller
	   one costs the limits as much. */
	if (want < KL_JOB_EVENTS && pass->whole_jobs)
		return 0;
	pass->jobs = kl_jobs_cut(claim(pass, lane, want, &found), &pass->alone);
	pass->whole_jobs |= pass->jobs && pass->jobs->n == KL_JOB_EVENTS;
	if (found < want)
		look_again(pass, KL_BULK, now_ms);
	return 0;
}

static int
most_jobs(const struct klaviyo *klaviyo)
{
	int jobs = least(JOBS, klaviyo->in_flight / 4);

	return jobs > 0 ? jobs : 1;
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
	bool bulk = pass->mode == KL_RUN && now_ms >= klaviyo->bulk_off_until;
	bool singles = !pass->alone && may_look(pass, KL_SINGLE, now_ms);
	bool jobs = bulk && !pass->jobs &&
	            pass->nflying[KL_BULK] < most_jobs(klaviyo) &&
	            may_look(pass, KL_BULK, now_ms);
	int64_t wait = 0;

	if (pass->mode == KL_PROBE && (pass->flying || pass->jobs))
		return 0;
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

/* -------------------------------------------------------------------- send */

static char *
body_of(const struct kl_job *job)
{
	const struct kl_claim *claim = job->claims;

	if (job->endpoint == KL_BULK)
		return kl_job_body(job);
	if (strcmp(claim->kind, "event") == 0)
		return kl_event_body(claim->profile, claim->event);
	kl_fail("this version cannot send a %s", claim->kind);
	return NULL;
}

static void
post(struct kl_pass *pass, struct kl_job *job)
{
	static const char *const path[] = {
	    [KL_SINGLE] = "/api/events",
	    [KL_BULK] = "/api/event-bulk-create-jobs",
	};
	struct klaviyo *klaviyo = pass->klaviyo;
	char *body = body_of(job);
	struct kl_answer none;

	if (body && kl_client_post_by(klaviyo->client, path[job->endpoint],
	                body, job, job->claims->send_by) == 0) {
		job->next = pass->flying;
		pass->flying = job;
		pass->nflying[job->endpoint]++;
		return;
	}
	kl_answer_clear(&none);
	kl_pacer_learn(
	    &klaviyo->pacer[job->endpoint], &none, kl_monotonic_ms());
	kl_pass_unsent(pass, job);
}

static void
release(struct kl_pass *pass, struct kl_claim *list)
{
	struct kl_claim *next;

	for (; list; list = next) {
		next = list->next;
		kl_pass_note(pass, list, KL_RELEASE, kl_now(), NULL, NULL);
	}
}

static void
release_jobs(struct kl_pass *pass, struct kl_job **jobs)
{
	struct kl_job *job;

	while ((job = *jobs)) {
		*jobs = job->next;
		release(pass, job->claims);
		free(job);
	}
}

static void
release_alone(struct kl_pass *pass)
{
	struct kl_claim *list = pass->alone;

	pass->alone = NULL;
	release(pass, list);
}

void
kl_route_release(struct kl_pass *pass)
{
	release_alone(pass);
	release_jobs(pass, &pass->jobs);
}

void
kl_route_drop(struct kl_pass *pass)
{
	for (int i = 0; i < KL_ENDPOINTS; i++) {
		kl_pacer_drop(&pass->klaviyo->pacer[i], kl_monotonic_ms());
		pass->nflying[i] = 0;
	}
	release_jobs(pass, &pass->flying);
}

/* May one more go by the endpoint, before its lease wears out?  0: now; else
   how long to wait; -1: not with this claim. */
static int64_t
may_send(struct kl_pass *pass, enum kl_endpoint endpoint, int64_t send_by)
{
	int64_t now_ms = kl_monotonic_ms();
	int64_t wait = kl_pacer_wait(&pass->klaviyo->pacer[endpoint], now_ms);

	if (now_ms + wait > send_by || wait > KL_LONG_WAIT_MS)
		return -1;
	return wait ? wait
	            : kl_pacer_take(&pass->klaviyo->pacer[endpoint], now_ms);
}

static int64_t
send_jobs(struct kl_pass *pass)
{
	struct kl_job *job;
	int64_t wait;

	while (
	    (job = pass->jobs) &&
	    pass->nflying[KL_BULK] < most_jobs(pass->klaviyo) &&
	    kl_client_busy(pass->klaviyo->client) < pass->klaviyo->in_flight) {
		wait = may_send(pass, KL_BULK, job->claims->send_by);
		if (wait < 0)
			release_jobs(pass, &pass->jobs);
		if (wait)
			return wait > 0 ? wait : 0;
		pass->jobs = job->next;
		post(pass, job);
	}
	return 0;
}

static int64_t
send_singles(struct kl_pass *pass)
{
	struct kl_claim *one;
	struct kl_job *job;
	int64_t wait;

	while ((one = pass->alone) && kl_client_busy(pass->klaviyo->client) <
	                                  pass->klaviyo->in_flight) {
		job = calloc(1, sizeof(*job));
		wait = job ? may_send(pass, KL_SINGLE, one->send_by) : -1;
		if (wait < 0)
			release_alone(pass);
		if (wait) {
			free(job);
			return wait > 0 ? wait : 0;
		}
		pass->alone = one->next;
		one->next = NULL;
		*job = (struct kl_job){KL_SINGLE, one, 1, NULL};
		post(pass, job);
	}
	return 0;
}

int64_t
kl_route_send(struct kl_pass *pass)
{
	return sooner(send_jobs(pass), send_singles(pass));
}
