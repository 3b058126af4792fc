/*
 * requeue.c - an event once more that was sent, and that Klaviyo does not hold.
 *
 * Promises: the same id, so that Klaviyo drops it if it does hold it after all.
 * Only a sent row is made anew, or one that is missing: what waits will be sent
 * anyway, a dead letter is the operator's, and so is what was dropped.
 */
#include "sql.h"

int
klaviyo_requeue(const struct klaviyo_store *store,
    const struct klaviyo_entry *entry, int64_t now)
{
	struct num l, t, d;
	const char *arg[] = {entry->id, entry->kind, num(&l, entry->lane),
	    entry->profile, entry->event, num(&t, now),
	    num(&d, entry->due_at != 0 ? entry->due_at : now), store->origin};
	int64_t rows;

	if (*entry->event == '\0')
		return kl_fail("%s: its body was emptied", entry->id);
	rows = run(store,
	    "INSERT INTO klaviyo_outbox"
	    " (id, kind, lane, profile, event, created_at, due_at, origin)"
	    " VALUES ($1, $2, CAST($3 AS BIGINT), $4, $5,"
	    " CAST($6 AS BIGINT), CAST($7 AS BIGINT), $8)"
	    " ON CONFLICT (id) DO UPDATE SET kind = excluded.kind,"
	    " lane = excluded.lane, profile = excluded.profile,"
	    " event = excluded.event, created_at = excluded.created_at,"
	    " due_at = excluded.due_at, sent_at = NULL, attempts = 0,"
	    " error = NULL, origin = excluded.origin"
	    " WHERE klaviyo_outbox.sent_at IS NOT NULL",
	    8, arg);
	return rows < 0 ? -1 : rows > 0;
}
