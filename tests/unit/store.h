/*
 * store.h - an outbox in a temporary SQLite file, or in the PostgreSQL database
 * that TEST_POSTGRES names (tests/postgres.py), for tests; its statements can
 * be made to fail at the n-th.
 */
#ifndef STORE_H
#define STORE_H

#include "outbox.h"

#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char store_dir[64], store_path[96];
static sqlite3 *store_db; /* one of the two */
static PGconn *store_pg;
static long store_fail_at; /* statements until one fails; 0 = none will */
static int store_open;     /* transactions that are open */
static void (*store_hook)(const char *sql);

static inline int64_t
store_sql(void *conn, const char *sql, int n, const char *const arg[],
    klaviyo_row *row, void *rowarg)
{
	int64_t result;

	if (store_hook)
		store_hook(sql);
	/* ROLLBACK works: a host whose ROLLBACK fails closes the connection. */
	if (strcmp(sql, "ROLLBACK") != 0 && store_fail_at > 0 &&
	    --store_fail_at == 0)
		return kl_fail("the disk is on fire");
	result = store_pg ? klaviyo_pgsql(conn, sql, n, arg, row, rowarg)
	                  : klaviyo_sqlite(conn, sql, n, arg, row, rowarg);
	if (strcmp(sql, "BEGIN") == 0 && result >= 0)
		store_open++;
	if ((strcmp(sql, "COMMIT") == 0 || strcmp(sql, "ROLLBACK") == 0) &&
	    result >= 0)
		store_open--;
	return result;
}

/* For a hook: is it the statement that claims rows, or one that settles them? */
static inline bool
store_claims(const char *sql)
{
	return strstr(sql, "klaviyo_outbox SET claim = $") != NULL;
}

static inline bool
store_settles(const char *sql)
{
	return strstr(sql, "klaviyo_outbox SET profile = '', event") != NULL;
}

static inline struct klaviyo_store
store(void)
{
	return (struct klaviyo_store){
	    .sql = store_sql, .conn = store_pg ? (void *)store_pg : store_db};
}

static inline PGresult *
store_pg_run(const char *sql)
{
	PGresult *result = PQexec(store_pg, sql);

	if (PQresultStatus(result) != PGRES_COMMAND_OK &&
	    (PQresultStatus(result) != PGRES_TUPLES_OK ||
	        PQntuples(result) == 0)) {
		fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(store_pg));
		abort();
	}
	return result;
}

/* One or more statements. */
static inline void
store_do(const char *sql)
{
	char *error = NULL;

	if (store_pg) {
		PQclear(store_pg_run(sql));
	} else if (sqlite3_exec(store_db, sql, NULL, NULL, &error)) {
		fprintf(stderr, "%s: %s\n", sql, error);
		abort();
	}
}

/* The first column of the first row; "" for NULL.  Valid until the next. */
static inline const char *
store_text(const char *sql)
{
	static char text[2048];
	sqlite3_stmt *stmt = NULL;
	const char *column;

	if (store_pg) {
		PGresult *result = store_pg_run(sql);

		column = PQgetvalue(result, 0, 0);
		/* What is 1 and 0 to SQLite. */
		if (strcmp(column, "t") == 0 || strcmp(column, "f") == 0)
			column = *column == 't' ? "1" : "0";
		snprintf(text, sizeof(text), "%s", column);
		PQclear(result);
		return text;
	}
	if (sqlite3_prepare_v2(store_db, sql, -1, &stmt, NULL) ||
	    sqlite3_step(stmt) != SQLITE_ROW) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(store_db));
		abort();
	}
	column = (const char *)sqlite3_column_text(stmt, 0);
	snprintf(text, sizeof(text), "%s", column ? column : "");
	sqlite3_finalize(stmt);
	return text;
}

static inline int64_t
store_number(const char *sql)
{
	return strtoll(store_text(sql), NULL, 10);
}

static inline void
store_quiet(void *arg, const char *message)
{
	(void)arg, (void)message;
}

/* A connection to what is there; 0 or -1. */
static inline int
store_connect(void)
{
	const char *address = getenv("TEST_POSTGRES");

	if (!address)
		return sqlite3_open(store_path, &store_db) ? -1 : 0;
	store_pg = PQconnectdb(address);
	PQsetNoticeProcessor(store_pg, store_quiet, NULL);
	if (PQstatus(store_pg) == CONNECTION_OK)
		return 0;
	fprintf(stderr, "%s", PQerrorMessage(store_pg));
	return -1;
}

static inline int
store_disconnect(void)
{
	int left = 0;

	if (store_pg) {
		PQfinish(store_pg);
	} else {
		klaviyo_sqlite_finish(store_db);
		left = sqlite3_close(store_db);
	}
	store_pg = NULL;
	store_db = NULL;
	return left;
}

/* cmocka's set-up and tear-down of one test. */
static inline int
store_new(void **state)
{
	struct klaviyo_store s;

	(void)state;
	strcpy(store_dir, "/tmp/klaviyo-test-XXXXXX");
	if (!mkdtemp(store_dir))
		return -1;
	snprintf(store_path, sizeof(store_path), "%s/db", store_dir);
	if (store_connect())
		return -1;
	if (store_pg)
		store_do("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
	else /* The file goes with the test: no need to reach the disk. */
		store_do("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
	store_fail_at = 0;
	store_open = 0;
	store_hook = NULL;
	s = store();
	return klaviyo_outbox_create(&s);
}

static inline int
store_drop(void **state)
{
	static const char *const suffix[] = {"", "-wal", "-shm"};
	char path[128];
	int left = store_disconnect();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", store_path, suffix[i]);
		unlink(path);
	}
	rmdir(store_dir);
	return left || store_open ? -1 : 0;
}

/* Queues events "Placed Order/${prefix}0".. that are due at ${now}. */
static inline void
store_fill(const char *prefix, int n, enum klaviyo_lane lane, int64_t now)
{
	struct klaviyo_store s = store();
	char id[64], event[256];
	struct kl_event e = {.id = id,
	    .profile = (char[]){"{\"type\":\"profile\",\"attributes\":"
	                        "{\"email\":\"a@klaviyo-demo.com\"}}"},
	    .event = event};

	store_do("BEGIN");
	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "Placed Order/%s%d", prefix, i);
		snprintf(event, sizeof(event),
		    "{\"properties\":{},\"unique_id\":\"%s%d\"}", prefix, i);
		if (kl_outbox_add(&s, &e, lane, now))
			abort();
	}
	store_do("COMMIT");
}

/* With a store of its own; from cmocka.h. */
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_new, store_drop)

#endif
