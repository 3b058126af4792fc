/*
 * deliver.c - one delivery pass: claim due events and post them with many
 * requests in flight (route.c, send.c), hand each answer to outcome.c, and have
 * what that decides settled in time (decided.c).
 *
 *   mode   claims             becomes
 *   PROBE  one at a time      RUN once that one is sent; END on a verdict that
 *                             says the queue cannot go on
 *   RUN    batches            END on such a verdict, when the limits ask for a
 *                             long wait, when nothing is due, or told to stop
 *   END    nothing; what is   (over when nothing is in flight)
 *          unsent is released
 *
 * A pass begins with PROBE after a pause or a dead network, so that one event
 * finds out, and not a batch.
 *
 * Promises: an event is claimed, and its attempt counted, by a committed
 * transaction before it is sent, and settled by another after its answer; no
 * transaction is open while a request is under way.  Nothing is sent in the
 * last three quarters of its lease, which is four times a request's timeout
 * at least: nobody else holds the row meanwhile.
 *
 * Does not wait for more than a few seconds beyond its requests: a longer wait
 * is the caller's, in the tally.
 */
#include "deliver.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MIN_LEASE = 60,
	FLUSH_MS = 200, /* an answer is settled after so long at the latest */
	STANDBY_MS = 1000, /* a sender that stands by looks so often */
	GRACE_MS = 3000,   /* told to stop: requests in flight may finish */
};

/* -------------------------------------------------------------- the sender */

static void
pace(struct klaviyo *klaviyo, enum kl_endpoint endpoint,
    struct klaviyo_rate given)
{
	const struct kl_limits *limits = &kl_limits[endpoint];

	kl_pacer_init(&klaviyo->pacer[endpoint],
	    given.second > 0 ? given.second : limits->burst,
	    given.minute > 0 ? given.minute : limits->steady);
}

struct klaviyo *
klaviyo_new(const struct klaviyo_options *options)
{
	/* What would be sent can be counted without a key. */
	bool only_count = options->dry_run && !options->private_key;
	struct klaviyo_options o = *options;
	struct klaviyo *klaviyo;

	if (sodium_init() < 0) {
		kl_fail("libsodium cannot start");
		return NULL;
	}
	if (!only_count && kl_options(&o, options))
		return NULL;
	if (!(klaviyo = calloc(1, sizeof(*klaviyo)))) {
		kl_fail("out of memory");
		return NULL;
	}
	klaviyo->dry_run = o.dry_run;
	klaviyo->once = o.ask_once;
	klaviyo->in_flight = o.in_flight;
	klaviyo->reset_link = o.reset_link;
	klaviyo->link_arg = o.link_arg;
	klaviyo->settled = o.settled;
	klaviyo->settled_arg = o.settled_arg;
	/* Below KL_LEASE_MAX, for the longest timeout, too. */
	klaviyo->lease_s = 4 * o.timeout_ms / 1000 + 1;
	if (klaviyo->lease_s < MIN_LEASE)
		klaviyo->lease_s = MIN_LEASE;
	/* Half of it: an event claimed just before a sender falls silent is
	   sent, or given up (send_by), before another one may take over. */
	if (kl_lease_init(&klaviyo->lease, o.name, klaviyo->lease_s / 2)) {
		klaviyo_free(klaviyo);
		return NULL;
	}
	klaviyo->no_jobs = o.jobs.second < 0;
	for (int i = 0; i < KL_ENDPOINTS; i++)
		pace(klaviyo, (enum kl_endpoint)i,
		    i == KL_SINGLE ? o.events
		    : i == KL_BULK ? o.jobs
		                   : (struct klaviyo_rate){0, 0});
	kl_ask_init(klaviyo);
	if (!only_count && !(klaviyo->client = kl_client_new(&o))) {
		klaviyo_free(klaviyo);
		return NULL;
	}
	return klaviyo;
}

void
klaviyo_free(struct klaviyo *klaviyo)
{
	if (!klaviyo)
		return;
	kl_client_free(klaviyo->client);
	free(klaviyo);
}

/* ---------------------------------------------------------------- one pass */

/* Waits for one answer, ${timeout_ms} at most. */
static int
take_answer(struct kl_pass *pass, int64_t timeout_ms)
{
	struct kl_job **at = &pass->flying, *job;
	struct kl_answer answer;
	void *tag;
	int got = kl_client_next(
	    pass->klaviyo->client, (int)timeout_ms, &tag, &answer);

	if (got <= 0)
		return got;
	for (job = tag; *at != job;)
		at = &(*at)->next;
	*at = job->next;
	pass->nflying[job->endpoint]--;
	pass->answer = &answer;
	pass->together = job->n;
	kl_pass_answer(pass, job, &answer);
	pass->answer = NULL;
	free(answer.body);
	return 0;
}

/* Breaks off what is in flight; whether it arrived is not known. */
static void
break_off(struct kl_pass *pass)
{
	kl_client_drop(pass->klaviyo->client);
	kl_send_drop(pass);
}

static void
stand_by(struct klaviyo_tally *tally, const char *other)
{
	tally->standby = 1;
	tally->wait_ms = STANDBY_MS;
	snprintf(tally->reason, sizeof(tally->reason), "%s", other);
}

/* Is this still the active sender?  If not, it settles nothing more. */
static bool
still_mine(struct kl_pass *pass)
{
	char other[256];
	int mine = kl_lease_hold(
	    pass->store, &pass->klaviyo->lease, kl_now(), other, sizeof(other));

	if (mine > 0)
		return true;
	pass->failed = true;
	pass->lost = mine == 0;
	if (pass->lost)
		stand_by(pass->tally, other);
	return false;
}

/* Claims and sends what can go now; ends the pass when that is nothing.
   Returns how long to wait for answers. */
static int64_t
work(struct kl_pass *pass, int64_t now_ms)
{
	int64_t wait = kl_route_claim(pass, now_ms), busy;

	if (pass->failed)
		return 0;
	busy = kl_send(pass);
	if (kl_send_idle(pass) && !pass->flying && !pass->ndone &&
	    (!wait || wait > KL_LONG_WAIT_MS))
		kl_pass_end(pass, wait, "the account's rate limit is reached");
	if (busy && (!wait || busy < wait))
		wait = busy;
	return wait && wait < KL_LOOK_MS ? wait : KL_LOOK_MS;
}

static int
run_pass(struct kl_pass *pass, const volatile int *stop)
{
	int64_t stop_at = 0, now, wait;
	int result = 0;

	while (!pass->failed && still_mine(pass)) {
		now = kl_monotonic_ms();
		wait = KL_LOOK_MS;
		if (stop && *stop && !stop_at) {
			stop_at = now + GRACE_MS;
			kl_pass_end(pass, 0, "");
		}
		if (pass->mode != KL_END)
			wait = work(pass, now);
		if (pass->mode == KL_END) {
			kl_send_give_back(pass);
			if (!pass->flying)
				break;
		}
		if (stop_at && now >= stop_at) {
			break_off(pass);
			break;
		}
		if (pass->ndone &&
		    (!pass->flying || now - pass->done_since >= FLUSH_MS)) {
			kl_pass_flush(pass);
			continue;
		}
		if (take_answer(pass, wait)) {
			break_off(pass);
			result = -1;
			break;
		}
	}
	kl_pass_flush(pass);
	if (pass->failed) {
		/* The rest stays claimed, until the next pass has a store. */
		pass->klaviyo->lease.orphans = !pass->lost;
		kl_send_give_back(pass);
		break_off(pass);
	}
	return pass->failed && !pass->lost ? -1 : result;
}

/* Unless there is more to say. */
static void
say_what_is_off(const struct klaviyo *klaviyo, struct klaviyo_tally *tally)
{
	int64_t now_ms = kl_monotonic_ms();
	const char *why = "";

	for (int i = KL_OTHERS; i < KL_ENDPOINTS; i++)
		if (now_ms < klaviyo->other[i].off_until)
			why = klaviyo->other[i].off;
	if (now_ms < klaviyo->bulk_off_until)
		why = klaviyo->bulk_off;
	if (!*tally->reason)
		kl_set_text(tally->reason, sizeof(tally->reason), why);
}

int
klaviyo_deliver(struct klaviyo *klaviyo, const struct klaviyo_store *store,
    int max, const volatile int *stop, struct klaviyo_tally *tally)
{
	struct kl_pass pass = {.klaviyo = klaviyo,
	    .store = store,
	    .tally = tally,
	    .left = max,
	    .others_left = max / 4 + 1,
	    .mode = KL_RUN};
	unsigned char random[16];
	char other[256];
	int64_t left;
	int mine;

	memset(tally, 0, sizeof(*tally));
	if (max < 1)
		return 0;
	if (klaviyo->dry_run) {
		tally->claimed =
		    kl_outbox_due(store, KL_ANY_LANE, max, kl_now());
		left = kl_outbox_due(store, KL_LANE_OTHERS, max, kl_now());
		if (tally->claimed < 0 || left < 0)
			tally->claimed = left = 0, pass.failed = true;
		tally->claimed += left;
		if (tally->claimed > max)
			tally->claimed = max;
		tally->released = tally->claimed;
		return pass.failed ? -1 : 0;
	}
	mine = kl_lease_hold(
	    store, &klaviyo->lease, kl_now(), other, sizeof(other));
	if (mine == 0)
		stand_by(tally, other);
	if (mine <= 0 || kl_sender_load(store, &pass.sender))
		return mine == 0 ? 0 : -1;
	if ((left = kl_pause_left(pass.sender.paused_until, kl_now()))) {
		kl_pass_end(&pass, left * 1000, pass.sender.reason);
		return 0;
	}
	if (pass.sender.paused_until || klaviyo->downs ||
	    pass.sender.refused_run >= KL_SUSPECT)
		pass.mode = KL_PROBE;
	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(pass.token, sizeof(pass.token), random, sizeof(random));
	left = run_pass(&pass, stop);
	/* One whose network or key is at fault must not keep the lease from
	   another that stands by; alone, it takes it again. */
	if (pass.yield && !pass.failed)
		kl_lease_leave(store, &klaviyo->lease);
	say_what_is_off(klaviyo, tally);
	return (int)left;
}

int
klaviyo_leave(struct klaviyo *klaviyo, const struct klaviyo_store *store)
{
	return kl_lease_leave(store, &klaviyo->lease);
}
