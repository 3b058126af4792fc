/*
 * status.c - what the operator asks the outbox.
 *
 * Promises: counts and states follow the table at the top of outbox.c, with
 * the same reading of a clock that was set back.
 *
 * Does not change an event, and decides nothing.
 */
#include "outbox.h"
#include "sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------- count, list */

static int
one_number(void *rowarg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)rowarg = to_int(col[0]);
	return 0;
}

int64_t
kl_outbox_due(const struct klaviyo_store *store, int lane, int max, int64_t now)
{
	struct num t, far, far_lease, limit, low, high;
	const char *arg[] = {num(&t, now), num(&far, now + KL_DUE_MAX),
	    num(&far_lease, now + KL_LEASE_MAX), num(&limit, max),
	    num(&low, lane == KL_ANY_LANE ? KLAVIYO_REALTIME : lane),
	    num(&high, lane == KL_ANY_LANE ? KLAVIYO_HISTORICAL : lane)};
	int64_t due = 0;

	if (store->sql(store->conn, "SELECT COUNT(*) FROM " KL_DUE(KL_ORDER), 6,
	        arg, one_number, &due) < 0)
		return -1;
	return due < max ? due : max;
}

struct listing {
	klaviyo_each *each;
	void *arg;
};

static int
list_row(void *rowarg, int n, const char *const col[])
{
	const struct listing *listing = rowarg;
	struct klaviyo_entry entry = {.id = col[0], .state = col[1]};

	(void)n;
	entry.lane = to_int(col[2]) == KLAVIYO_HISTORICAL ? KLAVIYO_HISTORICAL
	                                                  : KLAVIYO_REALTIME;
	entry.created_at = to_int(col[3]);
	entry.due_at = to_int(col[4]);
	entry.sent_at = to_int(col[5]);
	entry.attempts = (int)to_int(col[6]);
	entry.error = col[7];
	entry.profile = col[8];
	entry.event = col[9];
	entry.kind = col[10];
	entry.origin = col[11];
	if (listing->each(listing->arg, &entry))
		return kl_fail("outbox: the listing was stopped");
	return 0;
}

/* An id is looked up, and what is unsent, or ended otherwise, has an index; all
   that may be would be a walk through years of sent ids. */
#define LISTED(where, order)                                                   \
	"SELECT id, state, lane, created_at, due_at, sent_at, attempts,"       \
	" error, profile, event, kind, origin FROM"                            \
	" (SELECT id, lane, created_at, due_at, sent_at, attempts, error,"     \
	" profile, event, kind, origin,"                                       \
	" CASE WHEN sent_at IS NOT NULL THEN 'sent'"                           \
	" WHEN due_at IS NULL AND event = '' THEN 'dropped'"                   \
	" WHEN due_at IS NULL THEN 'dead'"                                     \
	" WHEN claim IS NOT NULL AND due_at > CAST($3 AS BIGINT)"              \
	" AND due_at <= CAST($4 AS BIGINT) THEN 'claimed'"                     \
	" ELSE 'waiting' END AS state FROM klaviyo_outbox" where               \
	") AS entry WHERE (CAST($1 AS TEXT) IS NULL OR state = $1)"            \
	" AND (CAST($2 AS TEXT) IS NULL OR id = $2)" order                     \
	" LIMIT CAST($5 AS BIGINT)"
#define OLDEST " ORDER BY created_at, id"

static const char *
listing_of(const char *state, const char *id)
{
	if (id != NULL)
		return LISTED(" WHERE id = $2", "");
	if (state == NULL)
		return LISTED("", OLDEST);
	if (strcmp(state, "sent") == 0)
		return LISTED(" WHERE sent_at IS NOT NULL", OLDEST);
	if (strcmp(state, "waiting") == 0 || strcmp(state, "claimed") == 0)
		return LISTED(" WHERE due_at IS NOT NULL", OLDEST);
	return LISTED(" WHERE due_at IS NULL AND sent_at IS NULL", OLDEST);
}

int
klaviyo_outbox_list(const struct klaviyo_store *store, const char *state,
    const char *id, int64_t now, int limit, klaviyo_each *each, void *arg)
{
	struct listing listing = {each, arg};
	struct num t, far, l;
	const char *args[] = {state, id, num(&t, now),
	    num(&far, now + KL_LEASE_MAX), num(&l, limit)};

	return store->sql(store->conn, listing_of(state, id), 5, args,
	           list_row, &listing) < 0
	           ? -1
	           : 0;
}

static int
status_row(void *rowarg, int n, const char *const col[])
{
	struct klaviyo_status *status = rowarg;

	(void)n;
	status->waiting = to_int(col[0]);
	status->claimed = to_int(col[1]);
	status->sent = to_int(col[2]);
	status->dead = to_int(col[3]);
	status->dropped = to_int(col[4]);
	status->oldest = to_int(col[5]);
	status->oldest_realtime = to_int(col[6]);
	return 0;
}

/* A claim of a lease that is over, or too far ahead, is waiting again.  Each
   count is an index's: a monitor asks every minute, with years of sent ids. */
static int
count_states(const struct klaviyo_store *store, int64_t now,
    struct klaviyo_status *status)
{
	struct num t, far;
	const char *arg[] = {num(&t, now), num(&far, now + KL_LEASE_MAX)};

	return store->sql(store->conn,
	           "SELECT unsent.n - claimed.n, claimed.n, sent.n,"
	           " ended.n - ended.dropped, ended.dropped,"
	           " unsent.oldest, unsent.oldest_realtime"
	           " FROM (SELECT COUNT(*) AS n,"
	           " COALESCE(MIN(created_at), 0) AS oldest,"
	           " COALESCE(MIN(CASE WHEN lane <> 1 THEN created_at END), 0)"
	           " AS oldest_realtime"
	           " FROM klaviyo_outbox WHERE due_at IS NOT NULL) AS unsent,"
	           " (SELECT COUNT(*) AS n FROM klaviyo_outbox"
	           " WHERE claim IS NOT NULL AND due_at > CAST($1 AS BIGINT)"
	           " AND due_at <= CAST($2 AS BIGINT)) AS claimed,"
	           " (SELECT COUNT(*) AS n FROM klaviyo_outbox"
	           " WHERE sent_at IS NOT NULL) AS sent,"
	           " (SELECT COUNT(*) AS n, COUNT(CASE WHEN event = ''"
	           " THEN 1 END) AS dropped FROM klaviyo_outbox"
	           " WHERE due_at IS NULL AND sent_at IS NULL) AS ended",
	           2, arg, status_row, status) < 0
	           ? -1
	           : 0;
}

static int
holder_row(void *rowarg, int n, const char *const col[])
{
	struct klaviyo_status *status = rowarg;

	(void)n;
	snprintf(status->sender, sizeof(status->sender), "%s", col[0]);
	status->sender_since = to_int(col[1]);
	status->heartbeat = to_int(col[2]);
	return 0;
}

/* Who sends: nobody, once the lease is over. */
static int
holder(const struct klaviyo_store *store, int64_t now,
    struct klaviyo_status *status)
{
	struct num t, far;
	const char *arg[] = {num(&t, now), num(&far, now + KL_LEASE_MAX)};

	return store->sql(store->conn,
	           "SELECT name, since, heartbeat_at FROM klaviyo_lease"
	           " WHERE token <> '' AND until_at > CAST($1 AS BIGINT)"
	           " AND until_at <= CAST($2 AS BIGINT)",
	           2, arg, holder_row, status) < 0
	           ? -1
	           : 0;
}

int
klaviyo_outbox_status(const struct klaviyo_store *store, int64_t now,
    struct klaviyo_status *status)
{
	struct num t, minute;
	const char *arg[] = {num(&minute, now - 60), num(&t, now)};
	struct kl_sender sender;

	memset(status, 0, sizeof(*status));
	if (count_states(store, now, status) || holder(store, now, status) ||
	    kl_sender_load(store, &sender) ||
	    store->sql(store->conn,
	        "SELECT COUNT(*) FROM klaviyo_outbox"
	        " WHERE sent_at > CAST($1 AS BIGINT)"
	        " AND sent_at <= CAST($2 AS BIGINT)",
	        2, arg, one_number, &status->sent_minute) < 0 ||
	    store->sql(store->conn, "SELECT refused FROM klaviyo_bound", 0,
	        NULL, one_number, &status->refused) < 0)
		return -1;
	status->last_sent = sender.last_sent;
	if (kl_pause_left(sender.paused_until, now)) {
		status->paused_until = sender.paused_until;
		memcpy(status->reason, sender.reason, sizeof(status->reason));
	}
	return 0;
}
