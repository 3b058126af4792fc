/*
 * throttle.c - token buckets in the database: how often somebody may try.
 *
 * Promises: a bucket counts on all hosts and over restarts; a try counts at
 * once, before what it is about is looked at, so that tries at the same moment
 * are as many; no name, address or client can be read off the table, only that
 * the same one comes again.
 *
 * A bucket is one number: when it will be full.  A token taken moves that on;
 * as far as burst tokens ahead of now it may go.  A row whose time is past says
 * no more than no row, and is deleted some time.
 *
 * Does not lock anybody out of an account: others' tries from elsewhere are in
 * other buckets.
 */
#include "storefront.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <string.h>

#define CLOCKS_APART 300 /* seconds that hosts' clocks may differ */
#define SWEEP_ONE_IN 64

/* The first ${burst} at once, then one every ${seconds}.  Of N at once and one
 * every S seconds, no hour has more than N + 3600 / S. */
static const struct limit {
	const char *name;
	int64_t burst, seconds;
} limits[THROTTLES] = {
    [THROTTLE_LOGIN] = {"login", 10, 60},
    [THROTTLE_LOGIN_CLIENT] = {"login client", 30, 10},
    [THROTTLE_PASSWORD] = {"password", 10, 60},
    [THROTTLE_REGISTER_CLIENT] = {"register client", 10, 60},
    /* Each is a mail to somebody who may not have asked for it: three an hour
       at most. */
    [THROTTLE_RESET] = {"reset", 2, 3600},
    [THROTTLE_RESET_CLIENT] = {"reset client", 10, 60},
    [THROTTLE_CONTACT] = {"contact", 2, 3600},
    [THROTTLE_CONTACT_CLIENT] = {"contact client", 10, 60},
    /* Each is a mail, too, but only when the shop buys in. */
    [THROTTLE_NOTIFY] = {"notify", 10, 600},
    [THROTTLE_NOTIFY_CLIENT] = {"notify client", 20, 30},
    /* Each is a mail of thanks, some more of what becomes of it, and no
       client's limit: many order from behind one address. */
    [THROTTLE_ORDER] = {"order", 20, 360},
};

static const char *
bucket(
    const struct shop *shop, enum throttle what, const char *who, char key[24])
{
	char purpose[64];

	snprintf(purpose, sizeof(purpose), "throttle %s", limits[what].name);
	secret_mac(shop, purpose, who, key);
	return key;
}

static int
number_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

/* Is there a token?  *${retry}: in how many seconds there will be. */
static bool
token_there(const struct limit *limit, int64_t full_at, int64_t now, int *retry)
{
	int64_t end = now + limit->burst * limit->seconds;
	int64_t wait = full_at + limit->seconds - end;

	*retry = wait > 0 ? (int)wait : 0;
	/* Further than a bucket can go: the clock was set back. */
	return wait <= 0 || full_at > end + CLOCKS_APART;
}

static int
take(struct db *db, const struct limit *limit, const char *key, int64_t now)
{
	int64_t end = now + limit->burst * limit->seconds;

	return (int)db_run(db, NULL, NULL,
	    "INSERT INTO throttle (key, full_at) VALUES ($1, $2) "
	    "ON CONFLICT (key) DO UPDATE SET full_at = CASE "
	    "WHEN throttle.full_at > CAST($3 AS BIGINT) "
	    "AND throttle.full_at <= CAST($5 AS BIGINT) "
	    "THEN throttle.full_at + CAST($4 AS BIGINT) "
	    "ELSE CAST($2 AS BIGINT) END "
	    "WHERE throttle.full_at <= CAST($6 AS BIGINT) "
	    "OR throttle.full_at > CAST($5 AS BIGINT)",
	    key, NUM(now + limit->seconds), NUM(now), NUM(limit->seconds),
	    NUM(end + CLOCKS_APART), NUM(end - limit->seconds));
}

/* Rows that say nothing any more. */
static int
sweep(struct db *db, int64_t now)
{
	if (randombytes_uniform(SWEEP_ONE_IN) != 0)
		return 0;
	return db_run(db, NULL, NULL,
	           "DELETE FROM throttle WHERE full_at < CAST($1 AS BIGINT)",
	           NUM(now - CLOCKS_APART)) < 0
	           ? -1
	           : 0;
}

int
throttle_look(struct shop *shop, enum throttle what, const char *who,
    int64_t now, int *retry)
{
	int64_t full_at = 0;
	char key[24];

	bucket(shop, what, who, key);
	if (db_run(shop->db, number_row, &full_at,
	        "SELECT full_at FROM throttle WHERE key = $1", key) < 0)
		return -1;
	return token_there(&limits[what], full_at, now, retry);
}

int
throttle_count(struct shop *shop, enum throttle what, const char *who,
    int64_t now, int *retry)
{
	char key[24];
	int taken;

	bucket(shop, what, who, key);
	taken = take(shop->db, &limits[what], key, now);
	if (taken < 0 || sweep(shop->db, now) != 0)
		return -1;
	/* 0: others were faster. */
	*retry = taken > 0 ? 0 : 1;
	return taken;
}

int
throttle_take(struct shop *shop, enum throttle what, const char *who,
    int64_t now, int *retry)
{
	/* One who is refused costs no write. */
	int taken = throttle_look(shop, what, who, now, retry);

	if (taken != 1)
		return taken;
	if (db_begin(shop->db) != 0)
		return -1;
	taken = throttle_count(shop, what, who, now, retry);
	if (taken < 0 || db_commit(shop->db) != 0) {
		db_rollback(shop->db);
		return -1;
	}
	return taken;
}

int
throttle_give(struct shop *shop, enum throttle what, const char *who)
{
	char key[24];

	return db_run(shop->db, NULL, NULL,
	           "UPDATE throttle SET full_at = full_at - "
	           "CAST($2 AS BIGINT) WHERE key = $1",
	           bucket(shop, what, who, key), NUM(limits[what].seconds)) < 0
	           ? -1
	           : 0;
}

const char *
throttle_client(const struct request *request)
{
	const char *client = request->client != NULL ? request->client : "";
	unsigned char address[16];
	char text[INET6_ADDRSTRLEN];

	if (inet_pton(AF_INET6, client, address) != 1)
		return client;
	/* "::ffff:192.0.2.1" is one of the old kind. */
	if (memcmp(address, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0)
		return inet_ntop(AF_INET, address + 12, text, sizeof(text)) !=
		               NULL
		           ? arena_copy(request->arena, text)
		           : client;
	memset(address + 8, 0, 8);
	return inet_ntop(AF_INET6, address, text, sizeof(text)) != NULL
	           ? arena_copy(request->arena, text)
	           : client;
}
