/*
 * sql.h - a few words for statements through the host's seam, shared by the
 * files that have tables.
 *
 * Promises: numbers travel as text; what begin() opened, end() closes.
 */
#ifndef KLAVIYO_SQL_H
#define KLAVIYO_SQL_H

#include "internal.h"

#include <stdlib.h>

/* Room for one number as text. */
struct num {
	char text[KL_DECIMAL];
};

static inline const char *
num(struct num *n, int64_t value)
{
	return kl_decimal(n->text, value, 0);
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

/*
 * The rows that are due: at most $4 each of four kinds, each read in the order
 * of an index.  One OR of them all would be one scan of all that waits.  $1
 * now, $2 now + KL_DUE_MAX, $3 now + KL_LEASE_MAX, $5 and $6 lanes.  ${columns}
 * begin with " " and end with it: KL_ORDER alone is in the index.
 */
#define KL_ORDER " lane, due_at, created_at "
#define KL_DUE(columns)                                                        \
	"(SELECT" columns "FROM (SELECT" columns "FROM klaviyo_outbox"         \
	" WHERE lane = CAST($5 AS BIGINT) AND due_at <= CAST($1 AS BIGINT)"    \
	" ORDER BY due_at, created_at LIMIT CAST($4 AS BIGINT)) AS first"      \
	" UNION ALL SELECT" columns "FROM (SELECT" columns                     \
	"FROM klaviyo_outbox WHERE lane = CAST($6 AS BIGINT)"                  \
	" AND due_at <= CAST($1 AS BIGINT)"                                    \
	" AND CAST($5 AS BIGINT) <> CAST($6 AS BIGINT)"                        \
	" ORDER BY due_at, created_at LIMIT CAST($4 AS BIGINT)) AS second"     \
	" UNION ALL SELECT" columns "FROM (SELECT" columns                     \
	"FROM klaviyo_outbox"                                                  \
	" WHERE lane IN (CAST($5 AS BIGINT), CAST($6 AS BIGINT))"              \
	" AND due_at > CAST($2 AS BIGINT)"                                     \
	" ORDER BY lane, due_at, created_at"                                   \
	" LIMIT CAST($4 AS BIGINT)) AS far"                                    \
	" UNION ALL SELECT" columns "FROM (SELECT" columns                     \
	"FROM klaviyo_outbox WHERE claim IS NOT NULL"                          \
	" AND due_at > CAST($3 AS BIGINT) AND due_at <= CAST($2 AS BIGINT)"    \
	" AND lane IN (CAST($5 AS BIGINT), CAST($6 AS BIGINT))"                \
	" ORDER BY due_at LIMIT CAST($4 AS BIGINT)) AS held) AS due"

/* Many ids in one statement, behind three other parameters; those that are
   missing NULL.  A literal, for a statement is found by its text. */
enum { KL_BEFORE_IDS = 3, KL_MANY = 100 };
#define KL_IDS                                                                 \
	"($4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,"  \
	"$22,$23,$24,$25,$26,$27,$28,$29,$30,$31,$32,$33,$34,$35,$36,$37,"     \
	"$38,$39,$40,$41,$42,$43,$44,$45,$46,$47,$48,$49,$50,$51,$52,$53,"     \
	"$54,$55,$56,$57,$58,$59,$60,$61,$62,$63,$64,$65,$66,$67,$68,$69,"     \
	"$70,$71,$72,$73,$74,$75,$76,$77,$78,$79,$80,$81,$82,$83,$84,$85,"     \
	"$86,$87,$88,$89,$90,$91,$92,$93,$94,$95,$96,$97,$98,$99,$100,$101,"   \
	"$102,$103)"

/* The beginning of an update of many rows, between begin() and end() only: one
   that fails is rolled back with its transaction.  klaviyo_sqlite() takes the
   comment for SQLite's words. */
#define KL_UPDATE_MANY "UPDATE /*OR FAIL*/ klaviyo_outbox SET"

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
