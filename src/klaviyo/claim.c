/*
 * claim.c - claims rows of the outbox: theirs is what may be sent now.
 *
 *   due                          chosen by          claimed by
 *   a backlog of the lane        the order of       one UPDATE for each MANY
 *   (backlog.c)                  an index           of the ids
 *   fewer, and what a clock      the union of       the same UPDATE
 *   that was set back has left   all four (KL_DUE)
 *
 * The second is right for all, and the first cheaper: a sender that works off a
 * backlog claims thousands of rows a second.
 *
 * Promises: outbox.c's.  Each UPDATE asks again, in its own WHERE, whether the
 * row is due, because in PostgreSQL another sender may have come between.  Of
 * what was chosen, in order of delivery, as many go as KL_CLAIM_SIZE characters
 * hold, and one in any case.
 */
#include "claim.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------- claimed rows */

void
kl_claim_free(struct kl_claim *claim)
{
	if (!claim)
		return;
	free(claim->event);
	free(claim);
}

void
kl_claims_free(struct kl_claim *list)
{
	struct kl_claim *next;

	for (; list; list = next) {
		next = list->next;
		kl_claim_free(list);
	}
}

/* Its texts lie behind it, but for the event, which goes before the others; those
   that are not at hand are NULL. */
static struct kl_claim *
claim_make(const char *event, const char *const text[4])
{
	struct kl_claim *claim;
	size_t length[4], size = sizeof(*claim);
	char *copy[4], *end;

	for (int i = 0; i < 4; i++)
		size += length[i] = text[i] ? strlen(text[i]) + 1 : 0;
	if (!(claim = malloc(size)))
		return NULL;
	end = (char *)(claim + 1);
	for (int i = 0; i < 4; end += length[i++])
		copy[i] = text[i] ? memcpy(end, text[i], length[i]) : NULL;
	*claim = (struct kl_claim){.id = copy[0],
	    .kind = copy[1],
	    .profile = copy[2],
	    .origin = copy[3],
	    .event = event ? strdup(event) : NULL};
	if (event && !claim->event) {
		free(claim);
		return NULL;
	}
	return claim;
}

int
kl_claim_row(void *rowarg, int n, const char *const col[])
{
	struct claims *claims = rowarg;
	struct kl_claim *claim;

	if (n != 8 || claims->n >= claims->max)
		return kl_fail("outbox: more rows claimed than asked for");
	claim = claim_make(
	    col[4], (const char *const[]){col[0], col[1], col[3], col[7]});
	if (!claim)
		return kl_fail("out of memory");
	claim->lane = (int)to_int(col[2]);
	claim->created_at = to_int(col[5]);
	claim->attempts = (int)to_int(col[6]);
	claims->list[claims->n++] = claim;
	return 0;
}

/* Neither RETURNING nor a part is in order: within one claim, lane, then age. */
static int
by_age(const void *a, const void *b)
{
	const struct kl_claim *x = *(struct kl_claim *const *)a;
	const struct kl_claim *y = *(struct kl_claim *const *)b;

	if (x->lane != y->lane)
		return x->lane < y->lane ? -1 : 1;
	if (x->created_at != y->created_at)
		return x->created_at < y->created_at ? -1 : 1;
	return strcmp(x->id, y->id);
}

/* ------------------------------------------------------------ all that is due
 */

static int
claim_due(const struct klaviyo_store *store, const char *token, int low,
    int high, int64_t now, int64_t lease_end, struct claims *claims)
{
	struct num t, lease, far, far_lease, limit, l, h, size;
	const char *arg[] = {num(&t, now), num(&far, now + KL_DUE_MAX),
	    num(&far_lease, now + KL_LEASE_MAX),
	    num(&limit, (int64_t)claims->max), num(&l, low), num(&h, high),
	    token, num(&lease, lease_end), num(&size, KL_CLAIM_SIZE)};

	return store->sql(store->conn,
	           "UPDATE klaviyo_outbox SET claim = $7,"
	           " due_at = CAST($8 AS BIGINT), attempts = attempts + 1"
	           " WHERE due_at IS NOT NULL"
	           " AND (due_at <= CAST($1 AS BIGINT)"
	           " OR due_at > CAST($2 AS BIGINT)"
	           " OR (claim IS NOT NULL AND due_at > CAST($3 AS BIGINT)))"
	           " AND id IN (SELECT id FROM (SELECT id, size, SUM(size) OVER"
	           " (ORDER BY lane, due_at, created_at, id) AS total"
	           " FROM (SELECT id, lane, due_at, created_at,"
	           " LENGTH(profile) + LENGTH(event) AS size"
	           " FROM klaviyo_outbox WHERE id IN"
	           " (SELECT id FROM " KL_DUE(" id," KL_ORDER)
	           " ORDER BY lane, due_at, created_at, id"
	           " LIMIT CAST($4 AS BIGINT))) AS chosen) AS sized"
	           " WHERE total <= CAST($9 AS BIGINT) OR total = size)"
	           " RETURNING" KL_CLAIMED,
	           9, arg, kl_claim_row, claims) < 0
	           ? -1
	           : 0;
}

/* In the caller's transaction. */
static int
claim_within(const struct klaviyo_store *store, const char *token, int lane,
    int64_t now, int64_t lease_end, struct claims *claims)
{
	int low = lane == KL_ANY_LANE ? KLAVIYO_REALTIME : lane;
	int high = lane == KL_ANY_LANE ? KLAVIYO_HISTORICAL : lane;
	int rc = 0;

	if (claims->max >= KL_MANY)
		rc = kl_claim_backlog(
		    store, token, low, now, lease_end, claims);
	if (rc == 0)
		rc = claim_due(
		    store, token, low, high, now, lease_end, claims);
	return rc < 0 ? -1 : 0;
}

int
kl_outbox_turn(const struct klaviyo_store *store, const char *token,
    const struct kl_settlement *done, size_t ndone, int lane, int max,
    int64_t now, int64_t lease_end, struct kl_claim **list)
{
	struct claims claims = {.max = max > 0 ? (size_t)max : 0};
	int failed = 1;

	*list = NULL;
	if (!claims.max)
		return kl_outbox_settle(store, token, done, ndone, now) < 0 ? -1
		                                                            : 0;
	if (!(claims.list = calloc(claims.max, sizeof(*claims.list))))
		return kl_fail("out of memory");
	if (begin(store))
		goto out;
	failed = (ndone > 0 && kl_outbox_settle_within(
	                           store, token, done, ndone, now) < 0) ||
	         claim_within(store, token, lane, now, lease_end, &claims);
	failed = end(store, failed);
out:
	if (!failed)
		qsort(claims.list, claims.n, sizeof(*claims.list), by_age);
	for (size_t i = claims.n; i-- > 0;) {
		if (failed) {
			kl_claim_free(claims.list[i]);
			continue;
		}
		claims.list[i]->next = *list;
		*list = claims.list[i];
	}
	free(claims.list);
	return failed ? -1 : 0;
}

int
kl_outbox_claim(const struct klaviyo_store *store, const char *token, int lane,
    int max, int64_t now, int64_t lease_end, struct kl_claim **list)
{
	return kl_outbox_turn(
	    store, token, NULL, 0, lane, max, now, lease_end, list);
}
