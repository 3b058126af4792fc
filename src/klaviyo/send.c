/*
 * send.c - what is claimed waits here for its endpoint, and is sent.
 *
 * Promises: events and other rows do not wait for each other.  Others go by
 * their own endpoints, with a quarter of the pool at most.  What of them cannot
 * go soon is put off, due when its endpoint may be used, and of a crowd a
 * minute's worth each minute: it is claimed again once, not every minute.
 *
 * Does not claim (route.c), judge or settle.
 */
#include "deliver.h"

#include <limits.h>
#include <stdlib.h>

enum {
	MINUTE = 60,
	PUT_OFF_MAX = 3600, /* s; below KL_DUE_MAX */
	LINK_S = 60,        /* a link that cannot be had is asked for again */
};

static int64_t
sooner(int64_t a, int64_t b)
{
	return !a ? b : !b ? a : a < b ? a : b;
}

int
kl_most_jobs(const struct klaviyo *klaviyo)
{
	int jobs = klaviyo->in_flight / 4;

	return jobs < 1 ? 1 : jobs < KL_JOBS ? jobs : KL_JOBS;
}

/* --------------------------------------------------------------- put off */

void
kl_send_release(struct kl_pass *pass, struct kl_claim *list, int64_t due_at)
{
	struct kl_claim *next;

	for (; list; list = next) {
		next = list->next;
		kl_pass_note(pass, list, KL_RELEASE, due_at, NULL, NULL);
	}
}

/* Milliseconds until the endpoint may be used, by what is known now. */
static int64_t
endpoint_wait(struct kl_pass *pass, enum kl_endpoint endpoint, int64_t now_ms)
{
	int64_t off = pass->klaviyo->other[endpoint].off_until - now_ms;
	int64_t wait = kl_pacer_wait(&pass->klaviyo->pacer[endpoint], now_ms);

	return off > wait ? off : wait;
}

/* Due when it may go: once the endpoint may be used, or once those before it
   have had their minute; a crowd's own turn is a minute's worth each. */
static void
put_off(struct kl_pass *pass, enum kl_endpoint endpoint, struct kl_claim *one)
{
	int64_t wait =
	    kl_seconds(endpoint_wait(pass, endpoint, kl_monotonic_ms()));

	if (wait * 1000 <= KL_LONG_WAIT_MS)
		wait = MINUTE;
	wait += (int64_t)pass->crowd[endpoint]++ / kl_limits[endpoint].steady *
	        MINUTE;
	kl_send_release(
	    pass, one, kl_now() + (wait < PUT_OFF_MAX ? wait : PUT_OFF_MAX));
}

static int
length(const struct kl_claim *list)
{
	int n = 0;

	for (; list; list = list->next)
		n++;
	return n;
}

/* How many more of its rows may wait for the endpoint in memory: what may go
   within the minute. */
static int
room_for(struct kl_pass *pass, enum kl_endpoint endpoint)
{
	struct kl_pacer *pacer = &pass->klaviyo->pacer[endpoint];
	int64_t now_ms = kl_monotonic_ms();
	int64_t wait = endpoint_wait(pass, endpoint, now_ms);
	int room =
	    wait ? pacer->minute.limit - pacer->minute.total - pacer->in_flight
	         : kl_pacer_room(pacer, now_ms);

	if (wait > KL_LONG_WAIT_MS)
		return 0;
	return room - length(pass->alone[endpoint]);
}

/* To each row its endpoint's list; takes ${list}. */
void
kl_send_part(struct kl_pass *pass, struct kl_claim *list)
{
	struct kl_claim **end[KL_ENDPOINTS], *next;
	int room[KL_ENDPOINTS];

	for (enum kl_endpoint i = 0; i < KL_ENDPOINTS; i++) {
		end[i] = &pass->alone[i];
		while (*end[i])
			end[i] = &(*end[i])->next;
		room[i] = i < KL_OTHERS ? INT_MAX : room_for(pass, i);
	}
	for (; list; list = next) {
		const struct kl_kind *kind = kl_kind(list->kind);
		enum kl_endpoint endpoint = kind ? kind->endpoint : KL_SINGLE;

		next = list->next;
		list->next = NULL;
		if (room[endpoint]-- < 1) {
			put_off(pass, endpoint, list);
			continue;
		}
		*end[endpoint] = list;
		end[endpoint] = &list->next;
	}
}

void
kl_send_put_off(struct kl_pass *pass, enum kl_endpoint endpoint)
{
	struct kl_claim *list = pass->alone[endpoint], *next;
	struct kl_job **at = &pass->second, *job;

	pass->alone[endpoint] = NULL;
	for (; list; list = next) {
		next = list->next;
		list->next = NULL;
		put_off(pass, endpoint, list);
	}
	while ((job = *at)) {
		if (job->endpoint != endpoint) {
			at = &job->next;
			continue;
		}
		*at = job->next;
		put_off(pass, endpoint, job->claims);
		kl_job_free(job);
	}
}

/* -------------------------------------------------------------------- send */

/* Its body could not be had; takes ${job}. */
static void
not_ready(struct kl_pass *pass, struct kl_job *job, enum kl_ready ready)
{
	if (ready == KL_NOT_NOW)
		kl_job_note(pass, job, KL_RELEASE, kl_now() + LINK_S, NULL);
	else if (ready == KL_NO_MORE)
		kl_job_note(pass, job, KL_DROP, 0, NULL);
	else
		kl_pass_unsent(pass, job);
}

static void
post(struct kl_pass *pass, struct kl_job *job)
{
	struct klaviyo *klaviyo = pass->klaviyo;
	struct kl_request request;
	struct kl_answer none;
	enum kl_ready ready;
	char *path;

	ready = kl_job_request(klaviyo, job, &request, &path);
	if (ready == KL_READY &&
	    kl_client_send(klaviyo->client, &request) == 0) {
		job->next = pass->flying;
		pass->flying = job;
		pass->nflying[job->endpoint]++;
		free(path);
		return;
	}
	free(path);
	kl_answer_clear(&none);
	kl_pacer_learn(
	    &klaviyo->pacer[job->endpoint], &none, kl_monotonic_ms());
	not_ready(pass, job, ready);
}

static void
release_jobs(struct kl_pass *pass, struct kl_job **jobs)
{
	struct kl_job *job;

	while ((job = *jobs)) {
		*jobs = job->next;
		kl_send_release(pass, job->claims, kl_now());
		kl_job_free(job);
	}
}

static void
release_alone(struct kl_pass *pass)
{
	for (int i = 0; i < KL_ENDPOINTS; i++) {
		struct kl_claim *list = pass->alone[i];

		pass->alone[i] = NULL;
		kl_send_release(pass, list, kl_now());
	}
}

void
kl_send_give_back(struct kl_pass *pass)
{
	release_alone(pass);
	release_jobs(pass, &pass->jobs);
	release_jobs(pass, &pass->second);
}

void
kl_send_drop(struct kl_pass *pass)
{
	for (int i = 0; i < KL_ENDPOINTS; i++) {
		kl_pacer_drop(&pass->klaviyo->pacer[i], kl_monotonic_ms());
		pass->nflying[i] = 0;
	}
	release_jobs(pass, &pass->flying);
}

bool
kl_send_idle(const struct kl_pass *pass)
{
	for (int i = 0; i < KL_ENDPOINTS; i++)
		if (pass->alone[i])
			return false;
	return !pass->jobs && !pass->second;
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
	    pass->nflying[KL_BULK] < kl_most_jobs(pass->klaviyo) &&
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

/* The next request of rows that go alone: a second step, or ${job}, which is
   taken. */
static struct kl_job *
next_single(struct kl_pass *pass, enum kl_endpoint endpoint, struct kl_job *job)
{
	struct kl_claim *one = pass->alone[endpoint];

	if (endpoint == KL_PROFILES && pass->second) {
		free(job);
		job = pass->second;
		pass->second = job->next;
		return job;
	}
	pass->alone[endpoint] = one->next;
	one->next = NULL;
	*job = (struct kl_job){.endpoint = endpoint, .claims = one, .n = 1};
	return job;
}

static const struct kl_claim *
first_single(const struct kl_pass *pass, enum kl_endpoint endpoint)
{
	if (endpoint == KL_PROFILES && pass->second)
		return pass->second->claims;
	return pass->alone[endpoint];
}

/* Others leave three quarters of the pool to events. */
static bool
is_room(const struct kl_pass *pass, enum kl_endpoint endpoint)
{
	const struct klaviyo *klaviyo = pass->klaviyo;
	int others = 0;

	for (int i = KL_OTHERS; i < KL_ENDPOINTS; i++)
		others += pass->nflying[i];
	return kl_client_busy(klaviyo->client) < klaviyo->in_flight &&
	       (endpoint < KL_OTHERS || others < kl_most_jobs(klaviyo));
}

/* Nothing more goes by it with these claims. */
static void
give_up(struct kl_pass *pass, enum kl_endpoint endpoint)
{
	struct kl_claim *list = pass->alone[endpoint];

	if (endpoint >= KL_OTHERS) {
		kl_send_put_off(pass, endpoint);
		return;
	}
	pass->alone[endpoint] = NULL;
	kl_send_release(pass, list, kl_now());
}

static int64_t
send_singles(struct kl_pass *pass, enum kl_endpoint endpoint)
{
	const struct kl_claim *one;
	struct kl_job *job;
	int64_t wait;

	while (
	    (one = first_single(pass, endpoint)) && is_room(pass, endpoint)) {
		/* Before the limits are asked, which then count it. */
		job = calloc(1, sizeof(*job));
		wait = job ? may_send(pass, endpoint, one->send_by) : -1;
		if (wait < 0)
			give_up(pass, endpoint);
		if (wait) {
			free(job);
			return wait > 0 ? wait : 0;
		}
		post(pass, next_single(pass, endpoint, job));
	}
	return 0;
}

int64_t
kl_send(struct kl_pass *pass)
{
	int64_t wait = 0;

	/* Others first, for events would leave no room in the pool; orders
	   before history. */
	for (enum kl_endpoint i = KL_OTHERS; i < KL_ENDPOINTS; i++)
		wait = sooner(wait, send_singles(pass, i));
	wait = sooner(wait, send_singles(pass, KL_SINGLE));
	return sooner(wait, send_jobs(pass));
}
