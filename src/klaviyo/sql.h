/*
 * sql.h - a few words for statements through the host's seam, shared by the
 * files that have tables.
 *
 * Promises: numbers travel as text; what begin() opened, end() closes.
 */
#ifndef KLAVIYO_SQL_H
#define KLAVIYO_SQL_H

#include "internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Room for one number as text. */
struct num {
	char text[24];
};

static inline const char *
num(struct num *n, int64_t value)
{
	snprintf(n->text, sizeof(n->text), "%" PRId64, value);
	return n->text;
}

static inline int64_t
to_int(const char *text)
{
	return text ? strtoll(text, NULL, 10) : 0;
}

static inline int64_t
run(const struct klaviyo_store *store, const char *sql, int n,
    const char *const arg[])
{
	return store->sql(store->conn, sql, n, arg, NULL, NULL);
}

static inline int
begin(const struct klaviyo_store *store)
{
	return run(store, "BEGIN", 0, NULL) < 0 ? -1 : 0;
}

/* Commits if ${failed} is 0 and rolls back otherwise. */
static inline int
end(const struct klaviyo_store *store, int failed)
{
	if (!failed && run(store, "COMMIT", 0, NULL) >= 0)
		return 0;
	run(store, "ROLLBACK", 0, NULL);
	return -1;
}

#endif
