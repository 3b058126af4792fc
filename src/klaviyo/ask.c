/*
 * ask.c - requests that are answered: one at a time, within the rate limits of
 * the endpoint, and again for a minute while what is wrong may pass.
 *
 *   answer                              then
 *   2xx; 404                            the reply
 *   429                                 again after Retry-After
 *   5xx, 408, 425, a broken transfer,   again after a backoff, or Retry-After
 *   nobody there
 *   the same after PATIENCE_S           an error: try again later
 *   a 2xx longer than ANSWER            an error
 *   401, 403                            an error: the key; its missing scope
 *   any other                           an error
 *
 * Promises: needs no store and no lease; the key goes where client.c lets it.
 * An error is one line, first what to do, then Klaviyo's words without
 * addresses, and shows no query of a path.
 *
 * Does not read the reply: see held.c.
 */
#include "deliver.h"

#include <curl/curl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	PATIENCE_S = 60, /* from the first failure */
	ANSWER = 16 << 20,
};

/* Where requests go, Klaviyo's limits a second and a minute, and the scope
   that a key needs.  The first that fits; the lowest of a place's. */
static const struct place {
	const char *prefix;
	int burst, steady;
	const char *read, *write;
} places[] = {
    {"/api/accounts", 1, 15, "accounts:read", NULL},
    {"/api/metrics", 10, 150, "metrics:read", "metrics:write"},
    {"/api/events", 350, 3500, "events:read", "events:write"},
    {"/api/catalog-", 75, 750, "catalogs:read", "catalogs:write"},
    {"/api/profiles", 75, 750, "profiles:read", "profiles:write"},
    {"/api/", 10, 150, NULL, NULL},
};
_Static_assert(sizeof(places) / sizeof(*places) == KL_PLACES, "a pacer each");

void
kl_ask_init(struct klaviyo *klaviyo)
{
	for (int i = 0; i < KL_PLACES; i++)
		kl_pacer_init(
		    &klaviyo->asked[i], places[i].burst, places[i].steady);
}

static int
place_of(const char *path)
{
	int i = 0;

	while (i < KL_PLACES - 1 &&
	       strncmp(path, places[i].prefix, strlen(places[i].prefix)) != 0)
		i++;
	return i;
}

static void
nap(int64_t ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&time, NULL); /* woken by a signal, it is called again */
}

/* -------------------------------------------------------------- one attempt */

static int
attempt(struct klaviyo *klaviyo, const char *method, const char *path,
    const char *body, struct kl_answer *answer)
{
	struct kl_pacer *pacer = &klaviyo->asked[place_of(path)];
	struct kl_request request = {
	    .method = method, .path = path, .cap = ANSWER};
	int64_t wait;
	void *tag;
	int got;

	if (body && !(request.body = kl_copy(body)))
		return -1;
	while ((wait = kl_pacer_wait(pacer, kl_monotonic_ms())) > 0)
		nap(wait);
	if (kl_client_send(klaviyo->client, &request))
		return -1;
	kl_pacer_take(pacer, kl_monotonic_ms());
	do
		got = kl_client_next(klaviyo->client, KL_LOOK_MS, &tag, answer);
	while (!got);
	if (got < 0) {
		kl_client_drop(klaviyo->client);
		kl_pacer_drop(pacer, kl_monotonic_ms());
		return -1;
	}
	kl_pacer_learn(pacer, answer, kl_monotonic_ms());
	return 0;
}

/* ------------------------------------------------------------------- errors */

static void
advice(const char *method, const char *path, const struct kl_answer *answer,
    char *text, size_t size)
{
	const struct place *place = &places[place_of(path)];
	const char *scope =
	    strcmp(method, "GET") == 0 ? place->read : place->write;

	switch (kl_judge(answer)) {
	case KL_V_PAUSE:
		kl_pause_reason_for(answer,
		    scope ? scope : "for this request", text, size);
		break;
	case KL_V_WAIT:
		snprintf(text, size,
		    "Klaviyo's rate limit is reached: try again in %lld s",
		    (long long)(answer->retry_after > 0 ? answer->retry_after
		                                        : PATIENCE_S));
		break;
	case KL_V_DEAD_NET:
		snprintf(text, size,
		    "Klaviyo cannot be reached: check the network and "
		    "KLAVIYO_API_URL");
		break;
	case KL_V_REFUSED:
		snprintf(text, size, "Klaviyo refuses the request");
		break;
	default:
		snprintf(text, size,
		    "Klaviyo does not answer as it should: try again later");
	}
	if (answer->curl == CURLE_WRITE_ERROR && answer->status / 100 == 2)
		snprintf(text, size, "the answer is longer than %d bytes",
		    (int)ANSWER);
}

static int
failed(const char *method, const char *path, const struct kl_answer *answer)
{
	char what[200], *words = kl_refusal_text(answer);

	advice(method, path, answer, what, sizeof(what));
	kl_fail("%s %.*s: %s (%.280s)", method, (int)strcspn(path, "?"), path,
	    what, words ? words : "");
	free(words);
	return -1;
}

/* --------------------------------------------------------------------- loop */

/* How long to wait before another attempt; 0: there is no use in one. */
static int64_t
again_in(struct kl_pacer *pacer, const struct kl_answer *answer, int tries)
{
	int64_t wait = 0, now_ms = kl_monotonic_ms();

	/* Cut off by our own cap: so it would be again. */
	if (answer->curl == CURLE_WRITE_ERROR && answer->status / 100 == 2)
		return 0;
	switch (kl_judge(answer)) {
	case KL_V_WAIT:
		return kl_pacer_stop(pacer, answer->retry_after, now_ms);
	case KL_V_RETRY:
	case KL_V_DEAD_NET:
		wait = kl_backoff(tries, randombytes_random());
		if (wait < answer->retry_after)
			wait = answer->retry_after;
		return wait * 1000;
	default:
		return 0;
	}
}

static int
answered(const struct kl_answer *answer, struct klaviyo_reply *reply)
{
	reply->status = answer->status;
	reply->date = kl_answer_date(answer);
	reply->body = answer->body ? answer->body : kl_copy("");
	return reply->body ? 0 : -1;
}

int
klaviyo_ask(struct klaviyo *klaviyo, const char *method, const char *path,
    const char *body, struct klaviyo_reply *reply)
{
	int64_t wait, until = 0;
	struct kl_answer answer;
	int result, tries = 0;

	memset(reply, 0, sizeof(*reply));
	if (klaviyo->dry_run)
		return kl_fail("a dry run asks Klaviyo nothing");
	if (!(path = kl_client_path(klaviyo->client, path)))
		return -1;
	for (;;) {
		if (attempt(klaviyo, method, path, body, &answer))
			return -1;
		if (answer.curl == CURLE_OK &&
		    (answer.status / 100 == 2 || answer.status == 404))
			return answered(&answer, reply);
		wait =
		    again_in(&klaviyo->asked[place_of(path)], &answer, ++tries);
		if (!until)
			until = kl_monotonic_ms() + PATIENCE_S * INT64_C(1000);
		if (!wait || kl_monotonic_ms() + wait > until ||
		    (klaviyo->once && kl_judge(&answer) != KL_V_WAIT))
			break;
		free(answer.body);
		nap(wait);
	}
	result = failed(method, path, &answer);
	reply->status = answer.curl == CURLE_OK ? answer.status : 0;
	reply->date = kl_answer_date(&answer);
	free(answer.body);
	return result;
}
