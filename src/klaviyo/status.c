/*
 * status.c - what the operator asks the outbox, and the row klaviyo_sender:
 * what a sender must remember beyond its process (a pause and its reason, the
 * run of refusals, the last delivery).
 *
 * Promises: counts and states follow the table at the top of outbox.c, with
 * the same reading of a clock that was set back.
 *
 * Does not change an event, and decides nothing.
 */
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
kl_outbox_due(const struct klaviyo_store *store, int max, int64_t now)
{
	struct num t, far, far_lease, limit;
	const char *arg[] = {num(&t, now), num(&far, now + KL_DUE_MAX),
	    num(&far_lease, now + KL_LEASE_MAX), num(&limit, max)};
	int64_t due = 0;

	if (store->sql(store->conn,
	        "SELECT COUNT(*) FROM (SELECT 1 FROM klaviyo_outbox"
	        " WHERE due_at IS NOT NULL"
	        " AND (due_at <= CAST($1 AS BIGINT)"
	        " OR due_at > CAST($2 AS BIGINT)"
	        " OR (claim IS NOT NULL AND due_at > CAST($3 AS BIGINT)))"
	        " LIMIT CAST($4 AS BIGINT)) AS due",
	        4, arg, one_number, &due) < 0)
		return -1;
	return due;
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
	entry.lane = (int)to_int(col[2]);
	entry.created_at = to_int(col[3]);
	entry.due_at = to_int(col[4]);
	entry.sent_at = to_int(col[5]);
	entry.attempts = (int)to_int(col[6]);
	entry.error = col[7];
	entry.profile = col[8];
	entry.event = col[9];
	if (listing->each(listing->arg, &entry))
		return kl_fail("outbox: the listing was stopped");
	return 0;
}

int
klaviyo_outbox_list(const struct klaviyo_store *store, const char *state,
    const char *id, int64_t now, int limit, klaviyo_each *each, void *arg)
{
	struct listing listing = {each, arg};
	struct num t, far, l;
	const char *args[] = {state, id, num(&t, now),
	    num(&far, now + KL_LEASE_MAX), num(&l, limit)};

	return store->sql(store->conn,
	           "SELECT id, state, lane, created_at, due_at, sent_at,"
	           " attempts, error, profile, event FROM"
	           " (SELECT id, lane, created_at, due_at, sent_at, attempts,"
	           " error, profile, event,"
	           " CASE WHEN sent_at IS NOT NULL THEN 'sent'"
	           " WHEN due_at IS NULL THEN 'dead'"
	           " WHEN claim IS NOT NULL AND due_at > CAST($3 AS BIGINT)"
	           " AND due_at <= CAST($4 AS BIGINT) THEN 'claimed'"
	           " ELSE 'waiting' END AS state FROM klaviyo_outbox) AS entry"
	           " WHERE (CAST($1 AS TEXT) IS NULL OR state = $1)"
	           " AND (CAST($2 AS TEXT) IS NULL OR id = $2)"
	           " ORDER BY created_at, id LIMIT CAST($5 AS BIGINT)",
	           5, args, list_row, &listing) < 0
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
	status->oldest = to_int(col[4]);
	return 0;
}

static int
sender_row(void *rowarg, int n, const char *const col[])
{
	struct kl_sender *sender = rowarg;

	(void)n;
	sender->paused_until = to_int(col[0]);
	sender->refused_run = (int)to_int(col[1]);
	snprintf(sender->reason, sizeof(sender->reason), "%s", col[2]);
	sender->last_sent = to_int(col[3]);
	return 0;
}

int
klaviyo_outbox_status(const struct klaviyo_store *store, int64_t now,
    struct klaviyo_status *status)
{
	struct num t, far;
	const char *arg[] = {num(&t, now), num(&far, now + KL_LEASE_MAX)};
	struct kl_sender sender;

	memset(status, 0, sizeof(*status));
	if (store->sql(store->conn,
	        "SELECT COALESCE(SUM(CASE WHEN due_at IS NOT NULL"
	        " AND NOT (claim IS NOT NULL AND due_at > CAST($1 AS BIGINT)"
	        " AND due_at <= CAST($2 AS BIGINT)) THEN 1 ELSE 0 END), 0),"
	        " COALESCE(SUM(CASE WHEN claim IS NOT NULL"
	        " AND due_at > CAST($1 AS BIGINT)"
	        " AND due_at <= CAST($2 AS BIGINT) THEN 1 ELSE 0 END), 0),"
	        " COUNT(sent_at),"
	        " COALESCE(SUM(CASE WHEN due_at IS NULL AND sent_at IS NULL"
	        " THEN 1 ELSE 0 END), 0),"
	        " COALESCE(MIN(CASE WHEN sent_at IS NULL"
	        " AND due_at IS NOT NULL THEN created_at END), 0)"
	        " FROM klaviyo_outbox",
	        2, arg, status_row, status) < 0 ||
	    kl_sender_load(store, &sender))
		return -1;
	status->last_sent = sender.last_sent;
	if (kl_pause_left(sender.paused_until, now)) {
		status->paused_until = sender.paused_until;
		memcpy(status->reason, sender.reason, sizeof(status->reason));
	}
	return 0;
}

/* ------------------------------------------------------------------ sender */

int64_t
kl_pause_left(int64_t until, int64_t now)
{
	return until > now && until <= now + KL_DUE_MAX ? until - now : 0;
}

int
kl_sender_load(const struct klaviyo_store *store, struct kl_sender *sender)
{
	memset(sender, 0, sizeof(*sender));
	return store->sql(store->conn,
	           "SELECT paused_until, refused_run, reason, last_sent"
	           " FROM klaviyo_sender",
	           0, NULL, sender_row, sender) < 0
	           ? -1
	           : 0;
}

int
kl_sender_save(
    const struct klaviyo_store *store, const struct kl_sender *sender)
{
	struct num until, run_length;
	const char *arg[] = {num(&until, sender->paused_until),
	    num(&run_length, sender->refused_run), sender->reason};
	int64_t rows;

	if (begin(store))
		return -1;
	rows = run(store,
	    "UPDATE klaviyo_sender SET paused_until = CAST($1 AS BIGINT),"
	    " refused_run = CAST($2 AS BIGINT), reason = $3",
	    3, arg);
	return end(store, rows < 0);
}
