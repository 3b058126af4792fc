/*
 * judgement.h - what the tests of the judgement table share: passes over all
 * that waits, and what a client makes of one request.
 */
#ifndef JUDGEMENT_H
#define JUDGEMENT_H

#include "api.h"
#include "pass.h"

static inline void
pass_all(struct klaviyo *klaviyo)
{
	assert_int_equal(pass(klaviyo, 1000), 0);
	assert_int_equal(tally.dropped, 0);
}

/* Each event once: on a slow machine one that is to be tried again in a second
   would be, in the same pass. */
static inline void
pass_once(struct klaviyo *klaviyo)
{
	assert_int_equal(pass(klaviyo, (int)rows(WAITING)), 0);
	assert_int_equal(tally.dropped, 0);
}

/* What a client makes of one request. */
static inline struct kl_answer
ask(const struct klaviyo_options *o)
{
	struct kl_client *client = kl_client_new(o);
	struct kl_answer answer;
	void *tag;

	assert_non_null(client);
	assert_int_equal(
	    kl_client_post(client, "/api/events", strdup("{}"), NULL), 0);
	while (kl_client_next(client, 1000, &tag, &answer) == 0)
		;
	free(answer.body);
	answer.body = NULL;
	kl_client_free(client);
	return answer;
}

#endif
