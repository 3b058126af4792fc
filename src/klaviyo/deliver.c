/*
 * deliver.c - one delivery pass: claim due events and post them with many
 * requests in flight (route.c, send.c), and hand each answer to outcome.c.
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
 * at least: nobody else holds the row meanwhile.  Every claim is counted once,
 * when its row is settled or, after the store failed, as released, for its
 * lease gives it back: claimed = sent + retried + dead + released + dropped.
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
	AT_ONCE = 200,  /* so many are settled in one transaction */
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

/* ---------------------------------------------------------------- settling */

static void
count(struct klaviyo_tally *tally, enum kl_outcome outcome)
{
	switch (outcome) {
	case KL_SENT:
		tally->sent++;
		break;
	case KL_RETRY:
		tally->retried++;
		break;
	case KL_DEAD:
		tally->dead++;
		break;
	case KL_RELEASE:
		tally->released++;
		break;
	case KL_DROP:
		tally->dropped++;
		break;
	}
}

/* To the host: it is committed. */
static void
tell(const struct klaviyo *klaviyo, const struct kl_settlement *s)
{
	static const enum klaviyo_outcome outcomes[] = {
	    [KL_SENT] = KLAVIYO_SENT,
	    [KL_RETRY] = KLAVIYO_RETRIED,
	    [KL_DEAD] = KLAVIYO_DEAD,
	    [KL_RELEASE] = KLAVIYO_RELEASED,
	    [KL_DROP] = KLAVIYO_DROPPED,
	};

	klaviyo->settled(klaviyo->settled_arg,
	    &(struct klaviyo_settlement){.id = s->claim->id,
	        .origin = s->claim->origin,
	        .outcome = outcomes[s->outcome],
	        .attempts =
	            s->claim->attempts - (s->outcome == KL_RELEASE ? 1 : 0),
	        .due_at = s->due_at,
	        .together = s->together,
	        .status = s->status,
	        .request_id = s->request_id});
}

/* ${n} from the ${first} on are settled, or, if the store failed, will be due
   again when their lease is over. */
static void
over(struct kl_pass *pass, size_t first, size_t n)
{
	struct kl_settlement *done = pass->klaviyo->done;

	for (size_t i = first; i < first + n; i++) {
		count(pass->tally, pass->failed ? KL_RELEASE : done[i].outcome);
		if (pass->klaviyo->settled && !pass->failed)
			tell(pass->klaviyo, &done[i]);
		kl_claims_free(done[i].claim);
		free(done[i].error);
		free(done[i].profile);
	}
}

/* In transactions that are over before an order waits long for one. */
void
kl_pass_flush(struct kl_pass *pass)
{
	struct kl_settlement *done = pass->klaviyo->done;
	bool broken = false;
	size_t n;

	for (size_t i = 0; i < pass->ndone; i += n) {
		n = pass->ndone - i < AT_ONCE ? pass->ndone - i : AT_ONCE;
		broken = broken || kl_outbox_settle(pass->store, pass->token,
		                       &done[i], n, kl_now()) < 0;
		pass->failed = pass->failed || broken;
		over(pass, i, n);
	}
	pass->ndone = 0;
	if (!pass->failed && pass->sender_changed) {
		if (kl_sender_save(pass->store, &pass->sender))
			pass->failed = true;
		pass->sender_changed = false;
	}
}

/* A transaction is a sync, during which nothing is sent: where answers come
   fast, what they decided goes with the next claim, as far as both are no more
   rows than a large claim alone. */
int
kl_pass_claim(struct kl_pass *pass, int lane, int want, struct kl_claim **list)
{
	struct kl_settlement *done = pass->klaviyo->done;
	size_t room = want < KL_BATCH ? KL_BATCH - (size_t)want : 0;
	size_t n = pass->ndone < room ? pass->ndone : room;
	int64_t now = kl_now();

	/* What goes with them is saved after they are settled. */
	if (pass->sender_changed)
		n = 0;
	if (kl_outbox_turn(pass->store, pass->token, done, n, lane, want, now,
	        now + pass->klaviyo->lease_s, list)) {
		pass->failed = true;
		return -1;
	}
	over(pass, 0, n);
	pass->ndone -= n;
	memmove(done, &done[n], pass->ndone * sizeof(*done));
	return 0;
}

void
kl_pass_note(struct kl_pass *pass, struct kl_claim *claim,
    enum kl_outcome outcome, int64_t due_at, char *error, char *profile)
{
	struct kl_settlement *s;

	claim->next = NULL;
	/* What is left to say takes the id. */
	free(claim->event);
	claim->event = NULL;
	if (!pass->ndone)
		pass->done_since = kl_monotonic_ms();
	s = &pass->klaviyo->done[pass->ndone++];
	*s = (struct kl_settlement){
	    .claim = claim,
	    .outcome = outcome,
	    .due_at = due_at,
	    .error = error,
	    .profile = profile,
	};
	/* An answer also makes the sender give back what it is not about. */
	if (pass->klaviyo->settled && pass->answer && outcome != KL_RELEASE) {
		s->status = (int)pass->answer->status;
		s->together = pass->together;
		memcpy(s->request_id, pass->answer->request_id,
		    sizeof(s->request_id));
	}
	if (pass->ndone == KL_BATCH || pass->failed)
		kl_pass_flush(pass);
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
