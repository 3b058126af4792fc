/*
 * claim.h - rows that are being claimed, as claim.c and backlog.c share them.
 */
#ifndef KLAVIYO_CLAIM_H
#define KLAVIYO_CLAIM_H

#include "outbox.h"
#include "sql.h"

/* The columns that kl_claim_row() takes. */
#define KL_CLAIMED                                                             \
	" id, kind, lane, profile, event, created_at, attempts, origin"

struct claims {
	struct kl_claim **list;
	size_t n, max;
};

/* A klaviyo_row of struct claims *: appends one.  A text that is NULL is not at
 * hand. */
int kl_claim_row(void *rowarg, int n, const char *const col[]);
void kl_claim_free(struct kl_claim *claim); /* or NULL */

/* backlog.c: claims what is due of ${lane}, if that is as much as may be
 * claimed: 1; 0: it is less, and nothing is claimed; -1. */
int kl_claim_backlog(const struct klaviyo_store *store, const char *token,
    int lane, int64_t now, int64_t lease_end, struct claims *claims);

#endif
