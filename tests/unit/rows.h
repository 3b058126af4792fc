/*
 * rows.h - asks an outbox about one row, for tests of what is queued.
 */
#ifndef ROWS_H
#define ROWS_H

#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* ${what} of the row ${id}, as text; "" for NULL. */
static inline const char *
row_text(const char *what, const char *id)
{
	char sql[512];

	snprintf(sql, sizeof(sql),
	    "SELECT %s FROM klaviyo_outbox WHERE id = '%s'", what, id);
	return store_text(sql);
}

static inline int64_t
row_count(const char *where)
{
	char sql[512];

	snprintf(sql, sizeof(sql),
	    "SELECT COUNT(*) FROM klaviyo_outbox WHERE %s", where);
	return store_number(sql);
}

static inline void
row_is(const char *id, const char *kind, const char *about, const char *profile,
    const char *event)
{
	char where[256];

	snprintf(where, sizeof(where), "id = '%s'", id);
	if (row_count(where) != 1)
		fail_msg("%s: not queued: %s", id, klaviyo_error());
	assert_string_equal(row_text("kind", id), kind);
	assert_string_equal(row_text("about", id), about);
	assert_string_equal(row_text("profile", id), profile);
	assert_string_equal(row_text("event", id), event);
}

/* A refusal: the words of the error, nothing queued, and no use in trying
   again. */
static inline void
row_refused(int rc, const char *words)
{
	assert_int_equal(rc, -1);
	assert_string_equal(klaviyo_error(), words);
	assert_false(klaviyo_error_passes());
	assert_int_equal(row_count("1 = 1"), 0);
}

/* Within a host's transaction of its own. */
#define IN_HOST(call)                                                          \
	__extension__({                                                        \
		int host_rc_;                                                  \
		store_do("BEGIN");                                             \
		host_rc_ = (call);                                             \
		store_do("COMMIT");                                            \
		host_rc_;                                                      \
	})

#endif
