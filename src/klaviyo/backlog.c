/*
 * backlog.c - claims a backlog: as many rows of a lane as may be claimed,
 * chosen in the order of an index, with their texts, and claimed by one UPDATE
 * for each KL_MANY of them, which need not give the texts back once more.
 *
 * Promises: claim.c's.  What another sender has claimed between the two, as
 * PostgreSQL allows, is left to it; what that one has given back already is
 * claimed as it is now.  The answer to a statement holds two times
 * KL_CLAIM_SIZE characters at most.
 */
#include "claim.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------ what is due */

/* Longer texts are read once their rows are claimed: PostgreSQL's client holds
   all that a statement answers, here as many rows as may be claimed.  Of these
   comes "=" and the length.  Characters of a text are counted once, for that takes
   a good part of the statement's time; of small ones bytes are, which are more. */
#define SMALL "4096"
#define SMALL_OR_LENGTH(text)                                                  \
	" CASE WHEN SUBSTR(" text ", " SMALL " + 1, 1) = '' THEN " text        \
	" ELSE '=' || CAST(LENGTH(" text ") AS TEXT) END,"

struct chosen {
	struct claims rows; /* as they were before the claim */
	int64_t size;
	bool all; /* no more of them fit, or ${max} are due */
};

/* Its length, or as much as may be claimed; *${text} is NULL if it is not at
   hand.  No text of ours begins with "="; one that does is read as a long one
   is. */
static int64_t
measure(const char **text)
{
	int64_t length;

	if (**text != '=')
		return (int64_t)strlen(*text);
	length = to_int(*text + 1);
	*text = NULL;
	return length < 0 || length > KL_CLAIM_SIZE ? KL_CLAIM_SIZE : length;
}

static int
choose_row(void *rowarg, int n, const char *const col[])
{
	struct chosen *chosen = rowarg;
	const char *profile = col[3], *event = col[4];
	int64_t size = measure(&profile) + measure(&event);
	const char *own[] = {col[0], col[1], col[2], profile, event, col[5],
	    col[6], col[7]};

	if (chosen->all)
		return 0;
	if (chosen->rows.n > 0 && chosen->size + size > KL_CLAIM_SIZE) {
		chosen->all = true;
		return 0;
	}
	chosen->size += size;
	if (kl_claim_row(&chosen->rows, n, own))
		return -1;
	chosen->all = chosen->rows.n == chosen->rows.max;
	return 0;
}

/* What is due of ${lane}, if that is as much as may be claimed; else none. */
static int
choose(const struct klaviyo_store *store, int lane, int64_t now,
    struct chosen *chosen)
{
	struct num l, t, limit;
	const char *arg[] = {num(&l, lane), num(&t, now),
	    num(&limit, (int64_t)chosen->rows.max)};

	chosen->rows.list = calloc(chosen->rows.max, sizeof(struct kl_claim *));
	if (!chosen->rows.list)
		return kl_fail("out of memory");
	return store->sql(store->conn,
	           "SELECT id, kind, lane,"
	           SMALL_OR_LENGTH("profile") SMALL_OR_LENGTH("event")
	           " created_at, attempts, origin"
	           " FROM klaviyo_outbox WHERE lane = CAST($1 AS BIGINT)"
	           " AND due_at <= CAST($2 AS BIGINT)"
	           " ORDER BY due_at, created_at"
	           " LIMIT CAST($3 AS BIGINT)",
	           3, arg, choose_row, chosen) < 0
	           ? -1
	           : 0;
}

/* -------------------------------------------------------- a part is claimed */

static int
by_id(const void *a, const void *b)
{
	const struct kl_claim *x = *(struct kl_claim *const *)a;
	const struct kl_claim *y = *(struct kl_claim *const *)b;

	return strcmp(x->id, y->id);
}

static int
has_id(const void *id, const void *a)
{
	return strcmp(id, (*(struct kl_claim *const *)a)->id);
}

/* Some of the rows that were chosen, in order of their ids. */
struct part {
	struct kl_claim **row;
	size_t n;
	bool claimed[KL_MANY];
};

static struct kl_claim **
row_of(const struct part *part, const char *id)
{
	struct kl_claim **row =
	    bsearch(id, part->row, part->n, sizeof(*row), has_id);

	if (!row)
		kl_fail("outbox: a row claimed that was not asked for");
	return row;
}

static bool
at_hand(const struct kl_claim *claim)
{
	return claim->profile && claim->event;
}

/* Every claim counts an attempt, and texts change under a claim only, or when
   the row ends: they are as they were read if nobody else has counted one. */
static int
claimed_row(void *rowarg, int n, const char *const col[])
{
	struct part *part = rowarg;
	struct kl_claim **row = row_of(part, col[0]);
	int attempts = (int)to_int(col[1]);

	(void)n;
	if (!row)
		return -1;
	if ((*row)->attempts + 1 != attempts) {
		free((*row)->event);
		(*row)->event = NULL;
	}
	(*row)->attempts = attempts;
	part->claimed[row - part->row] = true;
	return 0;
}

static int
read_row(void *rowarg, int n, const char *const col[])
{
	struct kl_claim **row = row_of(rowarg, col[0]), *fresh = NULL;
	struct claims one = {.list = &fresh, .max = 1};

	if (!row || kl_claim_row(&one, n, col))
		return -1;
	kl_claim_free(*row);
	*row = fresh;
	return 0;
}

/* The claimed rows of which not all is at hand; ${arg} as in claim_part().
   PostgreSQL wants each parameter used: hence the second look at due_at. */
static int
read_rest(const struct klaviyo_store *store, struct part *part,
    const char *arg[KL_BEFORE_IDS + KL_MANY])
{
	int64_t rest = 0, rows = 0;

	for (size_t i = 0; i < part->n; i++) {
		bool lacks = part->claimed[i] && !at_hand(part->row[i]);

		arg[KL_BEFORE_IDS + i] = lacks ? part->row[i]->id : NULL;
		rest += lacks;
	}
	if (rest > 0)
		rows = store->sql(store->conn,
		    "SELECT" KL_CLAIMED " FROM klaviyo_outbox WHERE claim = $1"
		    " AND due_at = CAST($2 AS BIGINT)"
		    " AND due_at >= CAST($3 AS BIGINT) AND id IN " KL_IDS,
		    KL_BEFORE_IDS + KL_MANY, arg, read_row, part);
	if (rows >= 0 && rows != rest)
		return kl_fail("outbox: a claimed row is gone");
	return rows < 0 ? -1 : 0;
}

static int
claim_part(const struct klaviyo_store *store, const char *token,
    struct part *part, int64_t now, int64_t lease_end, struct claims *claims)
{
	struct num t, lease;
	const char *arg[KL_BEFORE_IDS + KL_MANY] = {
	    token, num(&lease, lease_end), num(&t, now)};

	qsort(part->row, part->n, sizeof(*part->row), by_id);
	for (size_t i = 0; i < part->n; i++)
		arg[KL_BEFORE_IDS + i] = part->row[i]->id;
	if (store->sql(store->conn,
	        KL_UPDATE_MANY " claim = $1,"
	        " due_at = CAST($2 AS BIGINT), attempts = attempts + 1"
	        " WHERE due_at <= CAST($3 AS BIGINT)"
	        " AND id IN " KL_IDS " RETURNING id, attempts",
	        KL_BEFORE_IDS + KL_MANY, arg, claimed_row, part) < 0 ||
	    read_rest(store, part, arg))
		return -1;
	for (size_t i = 0; i < part->n; i++) {
		if (!part->claimed[i])
			continue;
		claims->list[claims->n++] = part->row[i];
		part->row[i] = NULL;
	}
	return 0;
}

static int
claim_chosen(const struct klaviyo_store *store, const char *token,
    const struct claims *rows, int64_t now, int64_t lease_end,
    struct claims *claims)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < rows->n; i += KL_MANY) {
		struct part part = {.row = &rows->list[i], .n = rows->n - i};

		if (part.n > KL_MANY)
			part.n = KL_MANY;
		rc = claim_part(store, token, &part, now, lease_end, claims);
	}
	return rc;
}

int
kl_claim_backlog(const struct klaviyo_store *store, const char *token, int lane,
    int64_t now, int64_t lease_end, struct claims *claims)
{
	struct chosen chosen = {.rows.max = claims->max};
	int rc = choose(store, lane, now, &chosen);

	if (rc == 0 && chosen.all)
		rc = claim_chosen(
		         store, token, &chosen.rows, now, lease_end, claims) < 0
		         ? -1
		         : 1;
	while (chosen.rows.n > 0)
		kl_claim_free(chosen.rows.list[--chosen.rows.n]);
	free(chosen.rows.list);
	return rc;
}
