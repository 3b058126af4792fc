/*
 * reset.c - forgotten passwords: requests, and the links that answer them.
 *
 * Promises: a link is signed (session.c), for one request, for RESET_SECONDS,
 * and good once; a later change of password or address ends it.  It is made
 * when the worker sends the mail, and is in no table, log or outbox row.
 *
 * Whoever has the shop's secret can make links; the worker needs it for that.
 */
#include "storefront.h"

#include <stdlib.h>
#include <string.h>

#define KEEP_SECONDS 86400 /* of a request that has expired */

int
reset_ask(struct db *db, struct arena *arena, const char *account,
    const char *form, int64_t now, const char **id)
{
	*id = random_id(arena, 26);
	if (*id == NULL)
		return shop_fail("out of memory");
	if (db_run(db, NULL, NULL,
	        "DELETE FROM reset_request "
	        "WHERE expires_at < CAST($1 AS BIGINT)",
	        NUM(now - KEEP_SECONDS)) < 0)
		return -1;
	return (int)db_run(db, NULL, NULL,
	    "INSERT INTO reset_request (id, account, form, created_at, "
	    "expires_at) VALUES ($1, $2, $3, $4, $5) "
	    "ON CONFLICT (form) DO NOTHING",
	    *id, account, form, NUM(now), NUM(now + (int64_t)RESET_SECONDS));
}

struct open {
	struct arena *arena;
	const char *account;
	int64_t expires;
};

static int
open_row(void *arg, int n, const char *const col[])
{
	struct open *open = arg;

	(void)n;
	open->account = arena_copy(open->arena, col[0]);
	open->expires = num(col[1]);
	return arena_failed(open->arena) ? -1 : 0;
}

/* A request that can still be used. */
static int64_t
open_load(struct db *db, const char *id, int64_t now, struct open *open)
{
	return db_run(db, open_row, open,
	    "SELECT account, expires_at FROM reset_request WHERE id = $1 "
	    "AND account IS NOT NULL AND used_at IS NULL "
	    "AND expires_at > CAST($2 AS BIGINT)",
	    id, NUM(now));
}

int
reset_find(struct shop *shop, struct arena *arena, const char *token,
    int64_t now, const char **id, const char **account)
{
	struct open open = {arena, "", 0};
	int64_t found;

	*id =
	    token != NULL ? token_open(shop, arena, "reset", token, now) : NULL;
	if (*id == NULL)
		return 0;
	found = open_load(shop->db, *id, now, &open);
	*account = open.account;
	return (int)found;
}

int
reset_use(struct db *db, const char *id, const char *account, int64_t now)
{
	int64_t used = db_run(db, NULL, NULL,
	    "UPDATE reset_request SET used_at = $2 WHERE id = $1 "
	    "AND used_at IS NULL AND expires_at > CAST($2 AS BIGINT)",
	    id, NUM(now));

	if (used <= 0)
		return (int)used;
	return reset_end(db, account, now) != 0 ? -1 : 1;
}

int
reset_end(struct db *db, const char *account, int64_t now)
{
	return db_run(db, NULL, NULL,
	           "UPDATE reset_request SET used_at = $2 "
	           "WHERE account = $1 AND used_at IS NULL",
	           account, NUM(now)) < 0
	           ? -1
	           : 0;
}

int
reset_link(void *arg, const char *id, char **link)
{
	struct shop *shop = arg;
	struct arena *arena = arena_new();
	struct open open = {arena, "", 0};
	int64_t found = -1;

	if (arena == NULL)
		return -1;
	arena_secret(arena);
	found = open_load(shop->db, id, utc_now(), &open);
	if (found == 1 &&
	    asprintf(link, "%s/account/reset/%s", shop->settings->url,
	        token_sign(shop, arena, "reset", id, open.expires)) < 0)
		found = -1;
	if (arena_failed(arena))
		found = -1;
	arena_free(arena);
	return (int)found;
}
