/*
 * outbox.c - the table klaviyo_outbox: its states, and the way in.  Claims are
 * made in claim.c, and end in settle.c; what ends rows otherwise (prune, drop,
 * erase) is in retain.c; what only reads the table in status.c.
 *
 * An event is a row from the commit of the order on.  Its state is read off
 * its columns:
 *
 *   state    due_at             claim     sent_at   event
 *   waiting  next attempt       NULL      NULL      text
 *   claimed  end of the lease   a token   NULL      text
 *   sent     NULL               NULL      time      ''
 *   dead     NULL               NULL      NULL      text
 *   dropped  NULL               NULL      NULL      ''
 *
 *   waiting --claim--> claimed --settle--> waiting | sent | dead
 *   claimed --lease over, another sender--> waiting
 *   dead, waiting --retry--> due now       dead, waiting --drop--> dropped
 *
 * Promises: an id is queued once, whatever is queued under it again.  Two
 * senders never hold the same row: the claim is one UPDATE that asks again, in
 * its own WHERE, whether the row is due.  A settlement matches only under the
 * token that claimed, so the late answer of a sender that was paused past its
 * lease changes nothing.  The attempt is counted before anything is sent.  A
 * sent row keeps its id and origin, and no personal data.  What a row is about,
 * and what it waits for, are hold.c's columns.
 *
 * A due time or a lease end further ahead than this library ever writes comes
 * from a clock that was set back: it counts as now (KL_DUE_MAX, KL_LEASE_MAX).
 *
 * Does not send, judge or decide when to try again.  kl_outbox_add() runs in
 * the host's transaction; everything else that writes opens its own.
 *
 * The statements are the same for SQLite and PostgreSQL; CREATE TABLE is
 * written in SQLite's dialect, and klaviyo_pgsql() translates it.
 */
#include "outbox.h"
#include "sql.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ tables */

static const char outbox[] = "CREATE TABLE IF NOT EXISTS klaviyo_outbox ("
                             " id TEXT PRIMARY KEY NOT NULL,"
                             " kind TEXT NOT NULL,"
                             " lane INTEGER NOT NULL,"
                             " profile TEXT NOT NULL,"
                             " event TEXT NOT NULL,"
                             " created_at INTEGER NOT NULL,"
                             " due_at INTEGER,"
                             " claim TEXT,"
                             " attempts INTEGER NOT NULL DEFAULT 0,"
                             " sent_at INTEGER,"
                             " error TEXT,"
                             " about TEXT,"
                             " held_by TEXT,"
                             " origin TEXT"
                             ") STRICT";

static const char *const others[] = {
    /* An older library's, with the ids.  Before the first CREATE INDEX: its lock
       and then this one's would, in PostgreSQL, be a deadlock with a claim. */
    "DROP INDEX IF EXISTS klaviyo_outbox_due",
    /* In order of delivery.  Without ids: of one second those that were queued
       together are claimed together, in SQLite, and as neighbours in the table
       they cost a claim and its settlement few pages. */
    "CREATE INDEX IF NOT EXISTS klaviyo_outbox_unsent"
    " ON klaviyo_outbox (lane, due_at, created_at)"
    " WHERE due_at IS NOT NULL",
    /* What was sent in the last minute, and what is old enough to go. */
    "CREATE INDEX IF NOT EXISTS klaviyo_outbox_sent"
    " ON klaviyo_outbox (sent_at) WHERE sent_at IS NOT NULL",
    /* What a sender that takes over frees. */
    "CREATE INDEX IF NOT EXISTS klaviyo_outbox_claimed"
    " ON klaviyo_outbox (due_at) WHERE claim IS NOT NULL",
    /* Dead and dropped. */
    "CREATE INDEX IF NOT EXISTS klaviyo_outbox_ended"
    " ON klaviyo_outbox (created_at)"
    " WHERE due_at IS NULL AND sent_at IS NULL",
    /* hold.c's. */
    "CREATE INDEX IF NOT EXISTS klaviyo_outbox_about"
    " ON klaviyo_outbox (about) WHERE about IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS klaviyo_outbox_held"
    " ON klaviyo_outbox (held_by) WHERE held_by IS NOT NULL",
    /* One row each, and apart: the heartbeat, the settlement and the queueing
       of three processes do not wait for each other's row. */
    "CREATE TABLE IF NOT EXISTS klaviyo_sender ("
    " one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),"
    " paused_until INTEGER NOT NULL DEFAULT 0,"
    " reason TEXT NOT NULL DEFAULT '',"
    " refused_run INTEGER NOT NULL DEFAULT 0,"
    " last_sent INTEGER NOT NULL DEFAULT 0"
    ") STRICT",
    "CREATE TABLE IF NOT EXISTS klaviyo_lease ("
    " one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),"
    " token TEXT NOT NULL DEFAULT '',"
    " name TEXT NOT NULL DEFAULT '',"
    " process TEXT NOT NULL DEFAULT '',"
    " since INTEGER NOT NULL DEFAULT 0,"
    " heartbeat_at INTEGER NOT NULL DEFAULT 0,"
    " until_at INTEGER NOT NULL DEFAULT 0"
    ") STRICT",
    "CREATE TABLE IF NOT EXISTS klaviyo_bound ("
    " one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),"
    " level INTEGER NOT NULL DEFAULT 0," /* 0 room, 1 half full, 2 full */
    " refused INTEGER NOT NULL DEFAULT 0"
    ") STRICT",
    "INSERT INTO klaviyo_sender (one) VALUES (1) ON CONFLICT DO NOTHING",
    "INSERT INTO klaviyo_lease (one) VALUES (1) ON CONFLICT DO NOTHING",
    "INSERT INTO klaviyo_bound (one) VALUES (1) ON CONFLICT DO NOTHING",
};

/* Runs ${n} statements, 0, or none, 1; -1: the transaction is over. */
static int
attempt(const struct klaviyo_store *store, const char *const sql[], size_t n)
{
	size_t i = 0;

	if (run(store, "SAVEPOINT klaviyo", 0, NULL) < 0)
		return -1;
	while (i < n && run(store, sql[i], 0, NULL) >= 0)
		i++;
	if (i == n)
		return run(store, "RELEASE SAVEPOINT klaviyo", 0, NULL) < 0 ? -1
		                                                            : 0;
	if (run(store, "ROLLBACK TO SAVEPOINT klaviyo", 0, NULL) < 0 ||
	    run(store, "RELEASE SAVEPOINT klaviyo", 0, NULL) < 0)
		return -1;
	return 1;
}

/* The columns that were added since the table was first made.  Asked again
   after a failure: in PostgreSQL another process may have come between. */
static int
bring_up(const struct klaviyo_store *store)
{
	static const struct {
		const char *there[1], *add[2];
		size_t n;
	} step[] = {
	    {{"SELECT about, held_by FROM klaviyo_outbox WHERE 1 = 0"},
	        {"ALTER TABLE klaviyo_outbox ADD COLUMN about TEXT",
	            "ALTER TABLE klaviyo_outbox ADD COLUMN held_by TEXT"},
	        2},
	    {{"SELECT origin FROM klaviyo_outbox WHERE 1 = 0"},
	        {"ALTER TABLE klaviyo_outbox ADD COLUMN origin TEXT"}, 1},
	};
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < sizeof(step) / sizeof(*step); i++) {
		if ((rc = attempt(store, step[i].there, 1)) > 0 &&
		    (rc = attempt(store, step[i].add, step[i].n)) > 0)
			rc = attempt(store, step[i].there, 1) == 0 ? 0 : -1;
	}
	return rc;
}

int
klaviyo_outbox_create(const struct klaviyo_store *store)
{
	int failed;

	if (begin(store))
		return -1;
	failed = run(store, outbox, 0, NULL) < 0 || bring_up(store) != 0;
	for (size_t i = 0; !failed && i < sizeof(others) / sizeof(*others); i++)
		failed = run(store, others[i], 0, NULL) < 0;
	return end(store, failed);
}

/* --------------------------------------------------------------------- add */

int
kl_outbox_add_held(const struct klaviyo_store *store,
    const struct kl_event *event, const char *held_by, enum klaviyo_lane lane,
    int64_t now)
{
	struct num l, t, d;
	int64_t due = event->due != 0 ? event->due : now;
	const char *arg[] = {event->id,
	    event->kind ? event->kind : KL_KIND_EVENT,
	    num(&l, kl_lane(event->kind, lane)), event->profile, event->event,
	    num(&t, now), num(&d, held_by ? now + KL_HOLD : due), event->about,
	    held_by, store->origin};

	return run(store,
	           "INSERT INTO klaviyo_outbox (id, kind, lane, profile, event,"
	           " created_at, due_at, about, held_by, origin)"
	           " VALUES ($1, $2, CAST($3 AS BIGINT), $4, $5,"
	           " CAST($6 AS BIGINT), CAST($7 AS BIGINT), $8, $9, $10)"
	           " ON CONFLICT (id) DO NOTHING",
	           10, arg) < 0
	           ? -1
	           : 0;
}

int
kl_outbox_add(const struct klaviyo_store *store, const struct kl_event *event,
    enum klaviyo_lane lane, int64_t now)
{
	return kl_outbox_add_held(store, event, NULL, lane, now);
}

/* ------------------------------------------------------------ free, retry */

int64_t
kl_outbox_free(const struct klaviyo_store *store, int64_t now)
{
	struct num t;

	return run(store,
	    "UPDATE klaviyo_outbox SET claim = NULL,"
	    " due_at = CAST($1 AS BIGINT)"
	    " WHERE claim IS NOT NULL AND due_at IS NOT NULL",
	    1, (const char *[]){num(&t, now)});
}

int64_t
klaviyo_outbox_retry(
    const struct klaviyo_store *store, const char *id, int64_t now)
{
	struct num t;
	const char *arg[] = {num(&t, now), id};
	int64_t rows, waiting = 0;

	if (begin(store))
		return -1;
	if (id)
		rows = run(store,
		    "UPDATE klaviyo_outbox SET due_at = CAST($1 AS BIGINT),"
		    " attempts = 0 WHERE id = $2 AND sent_at IS NULL"
		    " AND event <> '' AND (due_at IS NULL"
		    " OR (claim IS NULL AND due_at > CAST($1 AS BIGINT)))",
		    2, arg);
	else
		rows = run(store,
		    "UPDATE klaviyo_outbox SET due_at = CAST($1 AS BIGINT),"
		    " attempts = 0 WHERE due_at IS NULL AND sent_at IS NULL"
		    " AND event <> ''",
		    1, arg);
	/* Not what is only held: it was not tried yet. */
	if (rows >= 0 && !id)
		waiting = run(store,
		    "UPDATE klaviyo_outbox SET due_at = CAST($1 AS BIGINT),"
		    " attempts = 0 WHERE claim IS NULL"
		    " AND due_at > CAST($1 AS BIGINT)"
		    " AND (held_by IS NULL OR attempts > 0)",
		    1, arg);
	/* A pause that is over, and not 0, asks for a probe. */
	if (rows >= 0 && waiting >= 0 && !id &&
	    run(store,
	        "UPDATE klaviyo_sender SET paused_until = CAST($1 AS BIGINT)"
	        " WHERE paused_until > CAST($1 AS BIGINT)",
	        1, arg) < 0)
		rows = -1;
	return end(store, rows < 0 || waiting < 0) ? -1 : rows + waiting;
}
