/*
 * others.c - what becomes of a row that is no event, and of its endpoint, once
 * there is an answer.
 *
 *   verdict    the row                            its endpoint
 *   SENT       sent; the first step of an e-mail  works
 *              goes on to its second
 *   RETRY      due after a backoff                20 in a row: off
 *   DEAD_NET   as an event's: the whole queue pauses
 *   UNSENT     released                           -
 *   WAIT       released, due then                 waits for Retry-After
 *   PAUSE      released, due behind the others    off for KL_PAUSE_S
 *   REFUSED    a dead letter                      -
 *
 * An endpoint that is off puts off its rows and nothing else: events go on.
 * A refusal says nothing about events: it is not repaired, and is not one of
 * the 20 in a row that put the sender under suspicion.
 *
 * A 404 that points into the request is about a list or an article that is not
 * there: a refusal.  Of an e-mail's second step 404 and 409 are dead letters,
 * which say what the operator may do.  Where nobody has the old address, somebody's first event
 * may still be on its way through Klaviyo: EARLY attempts are too early to
 * tell.
 *
 * Does not send or settle.
 */
#include "deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HOUR = 3600,
	DOWN_MAX_S = 300,
	EARLY = 2,
	EARLY_S = 60, /* after each of them, at least */
};

/* Nothing is wrong with the row. */
static void
switch_off(struct kl_pass *pass, enum kl_endpoint endpoint, const char *why)
{
	struct klaviyo *klaviyo = pass->klaviyo;
	char text[512];

	snprintf(
	    text, sizeof(text), "%s wait: %s", kl_limits[endpoint].what, why);
	kl_set_text(klaviyo->other[endpoint].off,
	    sizeof(klaviyo->other[endpoint].off), text);
	klaviyo->other[endpoint].off_until =
	    kl_monotonic_ms() + KL_PAUSE_S * INT64_C(1000);
	klaviyo->other[endpoint].failed_run = 0;
	kl_send_put_off(pass, endpoint);
}

static void
not_the_row(
    struct kl_pass *pass, struct kl_job *job, const struct kl_answer *answer)
{
	enum kl_endpoint endpoint = job->endpoint;
	char why[256];

	kl_pause_reason_for(
	    answer, kl_limits[endpoint].scope, why, sizeof(why));
	kl_job_note(pass, job, KL_RELEASE, kl_now() + KL_PAUSE_S + KL_BEHIND_S,
	    kl_job_words(job, answer));
	switch_off(pass, endpoint, why);
}

static void
try_again(
    struct kl_pass *pass, struct kl_job *job, const struct kl_answer *answer)
{
	enum kl_endpoint endpoint = job->endpoint;
	char *words = kl_job_words(job, answer);

	if (++pass->klaviyo->other[endpoint].failed_run >= KL_SUSPECT)
		switch_off(pass, endpoint, words ? words : "");
	kl_job_retry(pass, job, answer->retry_after, HOUR, words);
}

static void
told_to_wait(
    struct kl_pass *pass, struct kl_job *job, const struct kl_answer *answer)
{
	int64_t wait_ms = kl_pacer_stop(&pass->klaviyo->pacer[job->endpoint],
	    answer->retry_after, kl_monotonic_ms());

	kl_job_note(
	    pass, job, KL_RELEASE, kl_now() + kl_seconds(wait_ms), NULL);
}

/* The first step's answer. */
static void
profile_found(
    struct kl_pass *pass, struct kl_job *job, const struct kl_answer *answer)
{
	int found = kl_email_found(answer, &job->profile_id);

	if (found > 0) {
		job->next = pass->second;
		pass->second = job;
	} else if (found < 0)
		kl_job_retry(pass, job, 0, HOUR, strdup(klaviyo_error()));
	else if (job->claims->attempts <= EARLY)
		kl_job_retry(pass, job, EARLY_S, HOUR,
		    strdup("there is no profile of the old address yet"));
	else
		kl_job_note(pass, job, KL_SENT, 0, NULL);
}

static void
works(struct kl_pass *pass, struct kl_job *job, const struct kl_answer *answer)
{
	pass->klaviyo->other[job->endpoint].failed_run = 0;
	kl_pass_works(pass, false);
	if (job->endpoint == KL_PROFILES && !job->profile_id)
		profile_found(pass, job, answer);
	else
		kl_job_note(pass, job, KL_SENT, 0, NULL);
}

void
kl_other_answer(
    struct kl_pass *pass, struct kl_job *job, const struct kl_answer *answer)
{
	char *words;

	if (job->profile_id &&
	    (answer->status == 404 || answer->status == 409)) {
		kl_job_note(pass, job, KL_DEAD, 0,
		    kl_email_conflict(job->claims, answer));
		return;
	}
	switch (kl_judge(answer)) {
	case KL_V_SENT:
		works(pass, job, answer);
		return;
	case KL_V_RETRY:
		try_again(pass, job, answer);
		return;
	case KL_V_DEAD_NET:
		words = kl_job_words(job, answer);
		kl_pass_down(pass, words);
		kl_job_retry(pass, job, 0, DOWN_MAX_S, words);
		return;
	case KL_V_UNSENT:
		kl_job_note(pass, job, KL_RELEASE, kl_now(), NULL);
		return;
	case KL_V_WAIT:
		told_to_wait(pass, job, answer);
		return;
	case KL_V_PAUSE:
		if (!kl_lacks_what_it_names(answer)) {
			not_the_row(pass, job, answer);
			return;
		}
		/* fall through */
	case KL_V_REFUSED:
		kl_job_note(pass, job, KL_DEAD, 0, kl_job_words(job, answer));
		return;
	}
}
