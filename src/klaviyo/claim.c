/*
 * claim.c - claims rows of the outbox: theirs is what may be sent now.
 *
 *   due                          chosen by          claimed by
 *   a backlog of the lane        the order of       one UPDATE for each MANY
 *                                an index           of the ids
 *   fewer, and what a clock      the union of       the same UPDATE
 *   that was set back has left   all four (KL_DUE)
 *
 * The second is right for all, and the first a third cheaper: a sender that
 * works off a backlog claims thousands of rows a second.
 *
 * Promises: outbox.c's.  Each UPDATE asks again, in its own WHERE, whether the
 * row is due, because in PostgreSQL another sender may have come between.  Of
 * what was chosen, in order of delivery, as many go as KL_CLAIM_SIZE characters
 * hold, and one in any case.
 */
#include "sql.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------- claimed rows */

#define CLAIMED " id, kind, lane, profile, event, created_at, attempts, origin"

struct claims {
	struct kl_claim **list;
	size_t n, max;
};

static void
claim_free(struct kl_claim *claim)
{
	free(claim->event);
	free(claim);
}

void
kl_claims_free(struct kl_claim *list)
{
	struct kl_claim *next;

	for (; list; list = next) {
		next = list->next;
		claim_free(list);
	}
}

/* Its texts lie behind it, but for the event, which goes before the others. */
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
	    .event = strdup(event)};
	if (!claim->event) {
		free(claim);
		return NULL;
	}
	return claim;
}

static int
claim_row(void *rowarg, int n, const char *const col[])
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

/* RETURNING has no order: within one claim, lane, then age. */
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

/* --------------------------------------------------------------- a backlog */

struct chosen {
	char **id;
	int n, max;
	int64_t size;
	bool all; /* no more of them fit, or ${max} are due */
};

static int
choose_row(void *rowarg, int n, const char *const col[])
{
	struct chosen *chosen = rowarg;
	int64_t size = to_int(col[1]);

	(void)n;
	if (chosen->all)
		return 0;
	if (chosen->n > 0 && chosen->size + size > KL_CLAIM_SIZE) {
		chosen->all = true;
		return 0;
	}
	if (!(chosen->id[chosen->n] = kl_copy(col[0])))
		return -1;
	chosen->size += size;
	chosen->all = ++chosen->n == chosen->max;
	return 0;
}

/* What is due of ${lane}, if that is as much as may be claimed; else none. */
static int
choose(const struct klaviyo_store *store, int lane, int64_t now,
    struct chosen *chosen)
{
	struct num l, t, limit;
	const char *arg[] = {
	    num(&l, lane), num(&t, now), num(&limit, chosen->max)};

	chosen->id = calloc((size_t)chosen->max, sizeof(*chosen->id));
	if (!chosen->id)
		return kl_fail("out of memory");
	return store->sql(store->conn,
	           "SELECT id, LENGTH(profile) + LENGTH(event)"
	           " FROM klaviyo_outbox WHERE lane = CAST($1 AS BIGINT)"
	           " AND due_at <= CAST($2 AS BIGINT)"
	           " ORDER BY due_at, created_at, id"
	           " LIMIT CAST($3 AS BIGINT)",
	           3, arg, choose_row, chosen) < 0
	           ? -1
	           : 0;
}

static void
chosen_free(struct chosen *chosen)
{
	while (chosen->n > 0)
		free(chosen->id[--chosen->n]);
	free(chosen->id);
}

static int
claim_chosen(const struct klaviyo_store *store, const char *token,
    const struct chosen *chosen, int64_t now, int64_t lease_end,
    struct claims *claims)
{
	struct num t, lease;
	const char *arg[KL_BEFORE_IDS + KL_MANY] = {
	    token, num(&lease, lease_end), num(&t, now)};

	for (int i = 0; i < chosen->n; i += KL_MANY) {
		for (int k = 0; k < KL_MANY; k++)
			arg[KL_BEFORE_IDS + k] =
			    i + k < chosen->n ? chosen->id[i + k] : NULL;
		if (store->sql(store->conn,
		        "UPDATE klaviyo_outbox SET claim = $1,"
		        " due_at = CAST($2 AS BIGINT), attempts = attempts + 1"
		        " WHERE due_at <= CAST($3 AS BIGINT)"
		        " AND id IN " KL_IDS " RETURNING" CLAIMED,
		        KL_BEFORE_IDS + KL_MANY, arg, claim_row, claims) < 0)
			return -1;
	}
	return 0;
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
	           " FROM klaviyo_outbox WHERE id IN (SELECT id FROM " KL_DUE
	           " ORDER BY lane, due_at, created_at, id"
	           " LIMIT CAST($4 AS BIGINT))) AS chosen) AS sized"
	           " WHERE total <= CAST($9 AS BIGINT) OR total = size)"
	           " RETURNING" CLAIMED,
	           9, arg, claim_row, claims) < 0
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
	struct chosen chosen = {.max = (int)claims->max};
	int rc = 0;

	if (chosen.max >= KL_MANY)
		rc = choose(store, low, now, &chosen);
	if (rc == 0)
		rc = chosen.all ? claim_chosen(store, token, &chosen, now,
		                      lease_end, claims)
		                : claim_due(store, token, low, high, now,
		                      lease_end, claims);
	chosen_free(&chosen);
	return rc;
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
			claim_free(claims.list[i]);
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
