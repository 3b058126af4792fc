/*
 * retain.c - what the outbox keeps, and how much of it.
 *
 * Kept: the id of a sent event for as long as the operator wants to be able to
 * queue history again without sending twice (400 days by default), without a
 * body; a dead letter, body and reason, until it is retried or dropped; the id
 * of a dropped one.
 *
 * The queue is bounded (struct klaviyo_store, limit).  What comes to it, and
 * what becomes of it while that many are unsent:
 *
 *   worth                                      refused from
 *   PAST   anything historical                 half the limit
 *   LOW    browsing                            half the limit
 *   PLAIN  an event of the shop's own          the limit
 *   ORDER  an order and all that follows       never
 *
 * Promises: a refused event is counted, and the caller told; but the past is
 * not counted: whoever queues it comes again.  The bound costs
 * a queueing one lookup: unsent rows are counted anew for about one in
 * limit/1000 of them, and at each heartbeat of the sender while it is full, so
 * the queue may grow beyond the bound by about a thousandth of it.
 *
 * Does not delete a row that could still be sent.
 */
#include "outbox.h"
#include "sql.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

/* ------------------------------------------------------------------- bound */

enum { DEFAULT_LIMIT = 1000000, SAMPLES = 1000 };

static int
one_number(void *rowarg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)rowarg = to_int(col[0]);
	return 0;
}

static int64_t
limit_of(const struct klaviyo_store *store)
{
	return store->limit > 0 ? store->limit : DEFAULT_LIMIT;
}

int
kl_bound_look(const struct klaviyo_store *store, bool always)
{
	int64_t limit = limit_of(store), level, unsent = 0, was = 0;
	struct num n;
	const char *most[] = {num(&n, limit)};

	if (store->sql(store->conn, "SELECT level FROM klaviyo_bound", 0, NULL,
	        one_number, &was) < 0)
		return -1;
	if (!was && !always)
		return 0;
	if (store->sql(store->conn,
	        "SELECT COUNT(*) FROM (SELECT 1 FROM klaviyo_outbox"
	        " WHERE due_at IS NOT NULL LIMIT CAST($1 AS BIGINT)) AS unsent",
	        1, most, one_number, &unsent) < 0)
		return -1;
	level = unsent >= limit ? 2 : unsent >= (limit + 1) / 2;
	if (level == was)
		return 0;
	most[0] = num(&n, level);
	return run(store, "UPDATE klaviyo_bound SET level = CAST($1 AS BIGINT)",
	           1, most) < 0
	           ? -1
	           : 0;
}

int
kl_bound_room(const struct klaviyo_store *store, enum kl_worth worth)
{
	int64_t limit = limit_of(store), level = 0;
	uint32_t one_in = limit > SAMPLES ? (uint32_t)(limit / SAMPLES) : 1;

	if (worth == KL_WORTH_ORDER)
		return 1;
	if (randombytes_uniform(one_in) == 0 && kl_bound_look(store, true))
		return -1;
	if (store->sql(store->conn, "SELECT level FROM klaviyo_bound", 0, NULL,
	        one_number, &level) < 0)
		return -1;
	if (level < (worth <= KL_WORTH_LOW ? 1 : 2))
		return 1;
	if (worth == KL_WORTH_PAST)
		return 0;
	return run(store, "UPDATE klaviyo_bound SET refused = refused + 1", 0,
	           NULL) < 0
	           ? -1
	           : 0;
}

/* ------------------------------------------------------------ prune, drop */

int64_t
klaviyo_outbox_prune(const struct klaviyo_store *store, int64_t before, int max)
{
	struct num t, limit;
	const char *arg[] = {num(&t, before), num(&limit, max)};
	int64_t rows, dropped = 0;

	if (begin(store))
		return -1;
	rows = run(store,
	    "DELETE FROM klaviyo_outbox WHERE id IN"
	    " (SELECT id FROM klaviyo_outbox"
	    " WHERE sent_at < CAST($1 AS BIGINT)"
	    " ORDER BY sent_at LIMIT CAST($2 AS BIGINT))",
	    2, arg);
	if (rows >= 0 && rows < max) {
		arg[1] = num(&limit, max - rows);
		dropped = run(store,
		    "DELETE FROM klaviyo_outbox WHERE id IN"
		    " (SELECT id FROM klaviyo_outbox"
		    " WHERE due_at IS NULL AND sent_at IS NULL"
		    " AND event = '' AND created_at < CAST($1 AS BIGINT)"
		    " ORDER BY created_at LIMIT CAST($2 AS BIGINT))",
		    2, arg);
	}
	if (end(store, rows < 0 || dropped < 0))
		return -1;
	return rows + dropped;
}

int64_t
klaviyo_outbox_drop(
    const struct klaviyo_store *store, const char *id, int64_t now)
{
	struct num t, far;
	const char *arg[] = {id, num(&t, now), num(&far, now + KL_LEASE_MAX)};
	int64_t rows;

	if (begin(store))
		return -1;
	/* One that is being sent may arrive yet: it is not to be had.  By name
	   a waiting one may go; all means all dead letters. */
	if (id)
		rows = run(store,
		    "UPDATE klaviyo_outbox SET profile = '', event = '',"
		    " due_at = NULL, claim = NULL, about = NULL,"
		    " held_by = NULL"
		    " WHERE id = $1 AND sent_at IS NULL AND event <> ''"
		    " AND NOT (claim IS NOT NULL AND due_at IS NOT NULL"
		    " AND due_at > CAST($2 AS BIGINT)"
		    " AND due_at <= CAST($3 AS BIGINT))",
		    3, arg);
	else
		rows = run(store,
		    "UPDATE klaviyo_outbox SET profile = '', event = '',"
		    " about = NULL, held_by = NULL"
		    " WHERE due_at IS NULL AND sent_at IS NULL"
		    " AND event <> ''",
		    0, NULL);
	if (rows > 0 && id && kl_hold_release(store, id, now) < 0)
		rows = -1;
	return end(store, rows < 0) ? -1 : rows;
}

/* ------------------------------------------------------------------- erase */

struct found {
	char *id;
	bool holds; /* others may wait for it */
};

struct search {
	const struct klaviyo_profile *who;
	struct found *found;
	size_t n, room;
};

static bool
is_theirs(const struct klaviyo_profile *who, const cJSON *attributes)
{
	const struct {
		const char *name, *value;
	} known[] = {
	    {"email", who->email},
	    {"phone_number", who->phone_number},
	    {"external_id", who->external_id},
	    {"anonymous_id", who->anonymous_id},
	    {"_kx", who->exchange_id},
	};
	const char *text;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(
		    attributes, known[i].name));
		if (text && known[i].value && *known[i].value &&
		    strcasecmp(text, known[i].value) == 0)
			return true;
	}
	return false;
}

/* The new address of an Updated Email is theirs, too. */
static bool
is_about(const struct klaviyo_profile *who, const char *profile_text,
    const char *new_email)
{
	cJSON *profile = kl_json_read(profile_text, KL_DEPTH + 3, "profile");
	cJSON *attributes =
	    new_email ? kl_json_read(new_email, KL_DEPTH, "event") : NULL;
	const char *id = cJSON_GetStringValue(
	    cJSON_GetObjectItemCaseSensitive(profile, "id"));
	bool theirs = (id && who->id && *who->id && strcmp(id, who->id) == 0) ||
	              is_theirs(who, cJSON_GetObjectItemCaseSensitive(
	                                 profile, "attributes")) ||
	              is_theirs(who, attributes);

	cJSON_Delete(profile);
	cJSON_Delete(attributes);
	return theirs;
}

static int
search_row(void *rowarg, int n, const char *const col[])
{
	struct search *search = rowarg;
	struct found *grown;

	(void)n;
	if (!is_about(search->who, col[1], col[2]))
		return 0;
	if (search->n == search->room) {
		search->room = search->room ? search->room * 2 : 64;
		grown = realloc(search->found, search->room * sizeof(*grown));
		if (!grown)
			return kl_fail("out of memory");
		search->found = grown;
	}
	search->found[search->n].holds = col[2] != NULL;
	if (!(search->found[search->n].id = kl_copy(col[0])))
		return -1;
	search->n++;
	return 0;
}

static void
search_free(struct search *search)
{
	while (search->n > 0)
		free(search->found[--search->n].id);
	free(search->found);
}

int64_t
klaviyo_outbox_erase(
    const struct klaviyo_store *store, const struct klaviyo_profile *who)
{
	struct search search = {.who = who};
	int64_t rows = 0, one = 0;

	/* Not in the transaction: in a large backlog the search takes its time,
	   and the UPDATE sees what has been sent meanwhile. */
	if (store->sql(store->conn,
	        "SELECT id, profile,"
	        " CASE WHEN kind = '" KL_KIND_EMAIL "' THEN event END"
	        " FROM klaviyo_outbox"
	        " WHERE sent_at IS NULL AND event <> ''",
	        0, NULL, search_row, &search) < 0 ||
	    begin(store)) {
		search_free(&search);
		return -1;
	}
	for (size_t i = 0; one >= 0 && i < search.n; i++) {
		const char *id = search.found[i].id;

		one = run(store,
		    "UPDATE klaviyo_outbox SET profile = '', event = '',"
		    " due_at = NULL, claim = NULL, about = NULL,"
		    " held_by = NULL, error = 'erased'"
		    " WHERE id = $1 AND sent_at IS NULL AND event <> ''",
		    1, (const char *[]){id});
		rows += one;
		if (one > 0 && search.found[i].holds)
			one = kl_hold_release(store, id, kl_now());
	}
	search_free(&search);
	return end(store, one < 0) ? -1 : rows;
}
