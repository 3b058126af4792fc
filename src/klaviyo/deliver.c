/*
 * deliver.c - one delivery pass: claim due events, post them with many
 * requests in flight, and hand each answer to outcome.c.
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
 * at least: nobody else holds the row meanwhile.  claimed = sent + retried +
 * dead + released, whatever happens.
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
	BURST = 350,   /* Klaviyo's limits for single events (XL): a second, */
	STEADY = 3500, /* and a minute; headers lower them */
	MIN_LEASE = 60,
	MAX_BATCH = 1000,
	FLUSH_MS = 200,  /* an answer is settled after so long at the latest */
	LOOK_MS = 100,   /* ${stop} is looked at so often */
	STANDBY_MS = 1000, /* a sender that stands by looks so often */
	GRACE_MS = 3000, /* told to stop: requests in flight may finish */
};

static int
least(int a, int b)
{
	return a < b ? a : b;
}

/* -------------------------------------------------------------- the sender */

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
	klaviyo->in_flight = o.in_flight;
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
	kl_pacer_init(&klaviyo->pacer, BURST, STEADY);
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

static struct kl_claim *
pop(struct kl_claim **list)
{
	struct kl_claim *claim = *list;

	*list = claim->next;
	return claim;
}

static void
release(struct kl_pass *pass, struct kl_claim **list)
{
	while (*list)
		kl_pass_note(pass, pop(list), KL_RELEASE, kl_now(), NULL, NULL);
}

static void
limits_wait(struct kl_pass *pass, int64_t wait_ms)
{
	if (wait_ms > KL_LONG_WAIT_MS)
		kl_pass_end(
		    pass, wait_ms, "the account's rate limit is reached");
}

static int
claim_batch(struct kl_pass *pass, int want, int64_t now_ms)
{
	int lease_s = pass->klaviyo->lease_s;
	int64_t due;

	/* A look first: polling an empty queue takes no write lock. */
	if (want < 1)
		return 0;
	due = kl_outbox_due(pass->store, KL_ANY_LANE, want, kl_now());
	/* Nothing is left: not after each of the last answers again. */
	if (due < want)
		pass->look_at = now_ms + LOOK_MS;
	/* The lease runs from before the transaction, not from after it. */
	pass->send_by = now_ms + lease_s * 1000 / 4;
	if (due == 0)
		return 0;
	if (due < 0 || kl_outbox_claim(pass->store, pass->token, KL_ANY_LANE,
	                   (int)due, kl_now(), kl_now() + lease_s, &pass->pending))
		return -1;
	for (struct kl_claim *claim = pass->pending; claim;
	     claim = claim->next) {
		pass->tally->claimed++;
		pass->left--;
	}
	return 0;
}

/* Claims what can be sent soon; ends the pass when all is done. */
static void
claim_more(struct kl_pass *pass)
{
	struct klaviyo *klaviyo = pass->klaviyo;
	int64_t now_ms = kl_monotonic_ms();
	int want = least(pass->left, least(klaviyo->in_flight * 8, MAX_BATCH));
	int room = kl_pacer_room(&klaviyo->pacer, now_ms);

	if (want > 0 && room < 1) {
		limits_wait(pass, kl_pacer_wait(&klaviyo->pacer, now_ms));
		return;
	}
	want = least(want, pass->mode == KL_PROBE ? 1 : room);
	if (claim_batch(pass, want, now_ms)) {
		pass->failed = true;
		return;
	}
	if (!pass->pending && !pass->flying && !pass->ndone)
		kl_pass_end(pass, 0, "");
}

static char *
body_of(const struct kl_claim *claim)
{
	if (strcmp(claim->kind, "event") == 0)
		return kl_event_body(claim->profile, claim->event);
	kl_fail("this version cannot send a %s", claim->kind);
	return NULL;
}

static void
post(struct kl_pass *pass, struct kl_claim *claim, char *body)
{
	struct klaviyo *klaviyo = pass->klaviyo;
	struct kl_answer none;

	if (body &&
	    kl_client_post(klaviyo->client, "/api/events", body, claim) == 0) {
		claim->next = pass->flying;
		pass->flying = claim;
		return;
	}
	kl_answer_clear(&none);
	kl_pacer_learn(&klaviyo->pacer, &none, kl_monotonic_ms());
	kl_pass_retry(pass, claim, 0, strdup(klaviyo_error()));
}

/* Sends while the limits and the pool allow.  Returns the milliseconds until
   the limits allow the next. */
static int64_t
send_pending(struct kl_pass *pass)
{
	struct klaviyo *klaviyo = pass->klaviyo;
	int busy = kl_client_busy(klaviyo->client);
	struct kl_claim *claim;
	int64_t wait;
	char *body;

	for (; pass->pending && busy < klaviyo->in_flight; busy++) {
		if (kl_monotonic_ms() > pass->send_by) {
			release(pass, &pass->pending); /* the lease wears out */
			break;
		}
		wait = kl_pacer_take(&klaviyo->pacer, kl_monotonic_ms());
		if (wait) {
			limits_wait(pass, wait);
			return wait;
		}
		claim = pop(&pass->pending);
		body = body_of(claim);
		post(pass, claim, body);
	}
	return 0;
}

/* Waits for one answer, ${timeout_ms} at most. */
static int
take_answer(struct kl_pass *pass, int64_t timeout_ms)
{
	struct kl_claim **at = &pass->flying, *claim;
	struct kl_answer answer;
	void *tag;
	int got = kl_client_next(
	    pass->klaviyo->client, (int)timeout_ms, &tag, &answer);

	if (got <= 0)
		return got;
	for (claim = tag; *at != claim;)
		at = &(*at)->next;
	*at = claim->next;
	kl_pass_answer(pass, claim, &answer);
	free(answer.body);
	return 0;
}

/* Breaks off what is in flight; whether it arrived is not known. */
static void
break_off(struct kl_pass *pass)
{
	kl_client_drop(pass->klaviyo->client);
	pass->klaviyo->pacer.in_flight = 0;
	release(pass, &pass->flying);
}

static void
stand_by(struct klaviyo_tally *tally, const char *other)
{
	tally->standby = 1;
	tally->wait_ms = STANDBY_MS;
	snprintf(tally->reason, sizeof(tally->reason), "%s", other);
}

static bool
may_claim(const struct kl_pass *pass, int64_t now)
{
	if (pass->mode == KL_END || pass->pending)
		return false;
	if (!pass->flying)
		return true;
	return pass->mode == KL_RUN && now >= pass->look_at;
}

/* Is this still the active sender?  If not, it settles nothing more. */
static bool
still_mine(struct kl_pass *pass)
{
	char other[256];
	int mine = kl_lease_hold(pass->store, &pass->klaviyo->lease, kl_now(),
	    other, sizeof(other));

	if (mine > 0)
		return true;
	pass->failed = true;
	pass->lost = mine == 0;
	if (pass->lost)
		stand_by(pass->tally, other);
	return false;
}

static int
run_pass(struct kl_pass *pass, const volatile int *stop)
{
	int64_t stop_at = 0, now, wait;
	int result = 0;

	while (!pass->failed && still_mine(pass)) {
		now = kl_monotonic_ms();
		if (stop && *stop && !stop_at) {
			stop_at = now + GRACE_MS;
			kl_pass_end(pass, 0, "");
		}
		if (may_claim(pass, now))
			claim_more(pass);
		wait = pass->mode == KL_END ? 0 : send_pending(pass);
		if (pass->mode == KL_END)
			release(pass, &pass->pending);
		if (pass->mode == KL_END && !pass->flying)
			break;
		if (stop_at && now >= stop_at) {
			break_off(pass);
			break;
		}
		if (pass->ndone &&
		    (!pass->flying || now - pass->done_since >= FLUSH_MS)) {
			kl_pass_flush(pass);
			continue;
		}
		if (take_answer(
		        pass, wait && wait < LOOK_MS ? wait : LOOK_MS)) {
			break_off(pass);
			result = -1;
			break;
		}
	}
	kl_pass_flush(pass);
	if (pass->failed) {
		/* The leases give the rest back. */
		release(pass, &pass->pending);
		break_off(pass);
	}
	return pass->failed && !pass->lost ? -1 : result;
}

int
klaviyo_deliver(struct klaviyo *klaviyo, const struct klaviyo_store *store,
    int max, const volatile int *stop, struct klaviyo_tally *tally)
{
	struct kl_pass pass = {.klaviyo = klaviyo,
	    .store = store,
	    .tally = tally,
	    .left = max,
	    .mode = KL_RUN};
	unsigned char random[16];
	char other[256];
	int64_t left;
	int mine;

	memset(tally, 0, sizeof(*tally));
	if (max < 1)
		return 0;
	if (klaviyo->dry_run) {
		tally->claimed = kl_outbox_due(
		    store, KL_ANY_LANE, max, kl_now());
		if (tally->claimed < 0)
			tally->claimed = 0, pass.failed = true;
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
	return run_pass(&pass, stop);
}

int
klaviyo_leave(struct klaviyo *klaviyo, const struct klaviyo_store *store)
{
	return kl_lease_leave(store, &klaviyo->lease);
}
