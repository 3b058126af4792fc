/*
 * claims.h - claims rows of store.h's outbox; included after cmocka.h.
 */
#ifndef CLAIMS_H
#define CLAIMS_H

#include "store.h"

enum { NOW = 1800000000, LEASE = 60 };

/* Claims up to ${max} and returns how many; *${list} is the caller's. */
static inline int
claim(const char *token, int max, int64_t now, struct kl_claim **list)
{
	struct klaviyo_store s = store();
	int n = 0;

	assert_int_equal(kl_outbox_claim(&s, token, KL_ANY_LANE, max, now,
	                     now + LEASE, list),
	    0);
	for (const struct kl_claim *c = *list; c; c = c->next)
		n++;
	return n;
}

static inline int
claim_count(const char *token, int max, int64_t now)
{
	struct kl_claim *list;
	int n = claim(token, max, now, &list);

	kl_claims_free(list);
	return n;
}

#endif
