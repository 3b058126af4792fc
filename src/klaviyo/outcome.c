/*
 * outcome.c - what becomes of an event, and of the queue, once there is an
 * answer.
 *
 *   verdict    the event                          the queue
 *   SENT       sent                               a probe: runs again
 *   RETRY      due after a backoff                20 in a row: as DEAD_NET
 *   DEAD_NET   due after a backoff, 5 min at most pauses as long, then probes
 *   UNSENT     released                           -
 *   WAIT       released                           waits for Retry-After
 *   PAUSE      released, due behind the others    pauses KL_PAUSE_S, probes
 *   REFUSED    repaired: due now                  -
 *              else a dead letter                 -
 *              the 20th in a row and every one    pauses KL_PAUSE_S, probes
 *              after it: due behind the others
 *
 * A bulk job is judged as a single event is, and what becomes of it becomes of
 * all of its events, but for this:
 *
 *   WAIT       released                           bulk waits, the rest goes on
 *   PAUSE      released                           bulk is off for KL_PAUSE_S; a
 *                                                 single event finds out more
 *   REFUSED    halves go as jobs again; ALONE     -
 *              events or fewer go one by one
 *
 * So that only a single event is ever called bad, and a bulk endpoint that
 * fails does not hold up an order.
 *
 * "Behind the others" makes the next probe take another event, so that one
 * event that Klaviyo, or a firewall in front of it, cannot stomach does not
 * hold up the rest for ever.
 *
 * A row that is no event, and its endpoint, are others.c's.
 *
 * Does not send or settle: it notes what is to be settled (decided.c).
 */
#include "deliver.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HOUR = 3600,
	DOWN_MAX_S = 300,
	/* Half of a refused job costs a 150th of bulk's minute, a single event
	   a 3500th of its own: from here on single ones are the cheaper. */
	ALONE = 16,
};

int64_t
kl_seconds(int64_t ms)
{
	return (ms + 999) / 1000;
}

/* --------------------------------------------------------------- the queue */

void
kl_set_text(char *to, size_t size, const char *text)
{
	size_t n = strnlen(text, size - 1);

	memmove(to, text, n);
	to[n] = '\0';
	while (n && !kl_utf8_ok(to))
		to[--n] = '\0'; /* cut within a character */
}

void
kl_pass_end(struct kl_pass *pass, int64_t wait_ms, const char *reason)
{
	struct klaviyo_tally *tally = pass->tally;

	pass->mode = KL_END;
	if (wait_ms <= tally->wait_ms)
		return;
	tally->wait_ms = wait_ms;
	kl_set_text(tally->reason, sizeof(tally->reason), reason);
}

static void
pause_queue(struct kl_pass *pass, int64_t wait_ms, const char *reason)
{
	struct kl_sender *sender = &pass->sender;

	sender->paused_until = kl_now() + kl_seconds(wait_ms);
	kl_set_text(sender->reason, sizeof(sender->reason), reason);
	pass->sender_changed = true;
	kl_pass_end(pass, wait_ms, reason);
}

/* So it would be for the next event. */
void
kl_pass_down(struct kl_pass *pass, const char *words)
{
	struct klaviyo *klaviyo = pass->klaviyo;
	char reason[256];
	int64_t wait;

	if (pass->down)
		return;
	pass->down = true;
	klaviyo->failed_run = 0;
	wait = kl_backoff(++klaviyo->downs, randombytes_random());
	if (wait > DOWN_MAX_S)
		wait = DOWN_MAX_S;
	snprintf(reason, sizeof(reason), "Klaviyo cannot be reached: %s",
	    words ? words : "");
	pass->yield = true;
	/* A pause as any other: status shows it, and it outlives the process.
	 */
	pause_queue(pass, wait * 1000, reason);
}

/* ------------------------------------------------- the event, or a job's all
 */

/* Of one event, or of all of a job, whose words may quote any of them. */
char *
kl_job_words(const struct kl_job *job, const struct kl_answer *answer)
{
	if (job->secret)
		return kl_refusal_hiding(
		    answer, job->claims->profile, job->secret);
	/* Nor of an old address what is in the new one: its rest would show. */
	return job->n == 1 && job->endpoint != KL_PROFILES
	           ? kl_refusal_about(answer, job->claims->profile)
	           : kl_refusal_text(answer);
}

void
kl_job_note(struct kl_pass *pass, struct kl_job *job, enum kl_outcome outcome,
    int64_t due_at, char *error)
{
	struct kl_claim *claim, *next;

	for (claim = job->claims; claim; claim = next) {
		next = claim->next;
		kl_pass_note(pass, claim, outcome, due_at,
		    error ? strdup(error) : NULL, NULL);
	}
	free(error);
	kl_job_free(job);
}

/* The same backoff for all that were tried as often. */
void
kl_job_retry(struct kl_pass *pass, struct kl_job *job, int64_t at_least_s,
    int64_t at_most_s, char *error)
{
	uint32_t random = randombytes_random();
	int64_t now = kl_now(), wait;
	struct kl_claim *claim, *next;

	for (claim = job->claims; claim; claim = next) {
		next = claim->next;
		wait = kl_backoff(claim->attempts, random);
		if (wait < at_least_s)
			wait = at_least_s;
		if (wait > at_most_s)
			wait = at_most_s;
		kl_pass_note(pass, claim, KL_RETRY, now + wait,
		    error ? strdup(error) : NULL, NULL);
	}
	free(error);
	kl_job_free(job);
}

void
kl_pass_unsent(struct kl_pass *pass, struct kl_job *job)
{
	kl_job_retry(pass, job, 0, HOUR, strdup(klaviyo_error()));
}

void
kl_pass_works(struct kl_pass *pass, bool event)
{
	struct kl_sender *sender = &pass->sender;

	pass->klaviyo->downs = pass->klaviyo->failed_run = 0;
	if (event && sender->refused_run) {
		sender->refused_run = 0;
		pass->sender_changed = true;
	}
	/* A pause that this pass began stands: this answer was under way.  Nor
	   does another row acquit us of what events were refused for. */
	if (pass->mode != KL_PROBE || sender->refused_run >= KL_SUSPECT)
		return;
	pass->mode = KL_RUN;
	if (sender->paused_until) {
		sender->paused_until = 0;
		sender->reason[0] = '\0';
		pass->sender_changed = true;
	}
}

static void
told_to_wait(
    struct kl_pass *pass, struct kl_job *job, const struct kl_answer *answer)
{
	int64_t now = kl_now();
	int64_t wait_ms = kl_pacer_stop(&pass->klaviyo->pacer[job->endpoint],
	    answer->retry_after, kl_monotonic_ms());
	char reason[256];

	if (job->endpoint == KL_BULK) {
		/* Its pacer waits; real time may go by single requests. */
		kl_job_note(pass, job, KL_RELEASE, now, NULL);
		return;
	}
	kl_job_note(pass, job, KL_RELEASE, now + kl_seconds(wait_ms), NULL);
	snprintf(reason, sizeof(reason),
	    "Klaviyo asks to wait %lld s (HTTP 429, rate limit)",
	    (long long)kl_seconds(wait_ms));
	/* A long wait must hold for the next process, too. */
	if (wait_ms > KL_LONG_WAIT_MS)
		pause_queue(pass, wait_ms, reason);
	else if (pass->mode == KL_PROBE)
		kl_pass_end(pass, wait_ms, reason);
}

/* Nothing is wrong with the events: with the bulk endpoint, or with all? */
static void
bulk_off(
    struct kl_pass *pass, struct kl_job *job, const struct kl_answer *answer)
{
	struct klaviyo *klaviyo = pass->klaviyo;
	char why[256], text[256];

	kl_pause_reason(answer, why, sizeof(why));
	snprintf(text, sizeof(text),
	    "events go one by one, for bulk requests fail: %.200s", why);
	kl_set_text(klaviyo->bulk_off, sizeof(klaviyo->bulk_off), text);
	klaviyo->bulk_off_until =
	    kl_monotonic_ms() + KL_PAUSE_S * INT64_C(1000);
	kl_job_note(pass, job, KL_RELEASE, kl_now(), kl_job_words(job, answer));
	if (pass->mode != KL_RUN)
		return;
	kl_send_give_back(pass);
	pass->mode = KL_PROBE;
}

static void
not_the_event(
    struct kl_pass *pass, struct kl_job *job, const struct kl_answer *answer)
{
	char reason[256];

	kl_job_note(pass, job, KL_RELEASE, kl_now() + KL_PAUSE_S + KL_BEHIND_S,
	    kl_job_words(job, answer));
	kl_pause_reason(answer, reason, sizeof(reason));
	pass->yield = true;
	pause_queue(pass, KL_PAUSE_S * INT64_C(1000), reason);
}

/* One bad event is enough for the whole job to be refused: which one? */
static void
bisect(struct kl_pass *pass, struct kl_job *job)
{
	struct kl_job *half = job->n > ALONE ? kl_job_halve(job) : NULL;

	if (!half) {
		kl_claims_append(&pass->alone[KL_SINGLE], job->claims);
		kl_job_free(job);
		return;
	}
	half->next = pass->jobs;
	job->next = half;
	pass->jobs = job;
}

static void
refused(
    struct kl_pass *pass, struct kl_job *job, const struct kl_answer *answer)
{
	struct kl_claim *claim = job->claims;
	char *error = kl_job_words(job, answer), reason[600];
	char *repaired = kl_repair(answer, claim->profile);
	struct kl_sender *sender = &pass->sender;

	kl_job_free(job);
	if (repaired) {
		kl_pass_note(pass, claim, KL_RETRY, kl_now(), error, repaired);
		return;
	}
	pass->sender_changed = true;
	if (++sender->refused_run < KL_SUSPECT) {
		kl_pass_note(pass, claim, KL_DEAD, 0, error, NULL);
		return;
	}
	snprintf(reason, sizeof(reason),
	    "%d events in a row were refused, so the fault is more likely "
	    "here than in them: check KLAVIYO_REVISION and the properties of "
	    "your events. Last: %s",
	    sender->refused_run, error ? error : "");
	kl_pass_note(pass, claim, KL_RETRY, kl_now() + KL_PAUSE_S + KL_BEHIND_S,
	    error, NULL);
	pause_queue(pass, KL_PAUSE_S * INT64_C(1000), reason);
}

void
kl_pass_answer(
    struct kl_pass *pass, struct kl_job *job, const struct kl_answer *answer)
{
	struct klaviyo *klaviyo = pass->klaviyo;
	bool bulk = job->endpoint == KL_BULK;
	char *words;

	kl_pacer_learn(
	    &klaviyo->pacer[job->endpoint], answer, kl_monotonic_ms());
	if (job->endpoint >= KL_OTHERS) {
		kl_other_answer(pass, job, answer);
		return;
	}
	switch (kl_judge(answer)) {
	case KL_V_SENT:
		kl_job_note(pass, job, KL_SENT, 0, NULL);
		kl_pass_works(pass, true);
		return;
	case KL_V_RETRY:
		words = kl_job_words(job, answer);
		/* Spends one event's attempt, not everyone's. */
		if (++klaviyo->failed_run >= KL_SUSPECT ||
		    pass->mode == KL_PROBE)
			kl_pass_down(pass, words);
		kl_job_retry(pass, job, answer->retry_after, HOUR, words);
		return;
	case KL_V_DEAD_NET:
		words = kl_job_words(job, answer);
		kl_pass_down(pass, words);
		/* Never sent: when the network is back, it goes soon. */
		kl_job_retry(pass, job, 0, DOWN_MAX_S, words);
		return;
	case KL_V_UNSENT:
		kl_job_note(pass, job, KL_RELEASE, kl_now(), NULL);
		return;
	case KL_V_WAIT:
		told_to_wait(pass, job, answer);
		return;
	case KL_V_PAUSE:
		bulk ? bulk_off(pass, job, answer)
		     : not_the_event(pass, job, answer);
		return;
	case KL_V_REFUSED:
		bulk ? bisect(pass, job) : refused(pass, job, answer);
		return;
	}
}
