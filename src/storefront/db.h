/*
 * db.h - what db.c and its engines say to each other.
 *
 * An engine opens connections of one kind of address and runs statements on
 * them.  It begins its own connection struct with struct db, so that the one
 * is the other.  Nothing but db*.c includes this file.
 */
#ifndef DB_H
#define DB_H

#include "storefront.h"

#include <klaviyo.h>

struct engine {
	/* Is this address one of the engine's?  The last engine takes all. */
	bool (*takes)(const char *address);
	/* A connection, set up; ${create}: where there is no database yet,
	 * one without tables.  NULL with shop_error(). */
	struct db *(*open)(const char *address, bool create);
	/* A klaviyo_sql of struct db *, with whatever the engine needs around
	 * transactions.  What fails in it sets klaviyo_error(), or, where
	 * there is no statement to blame, shop_error(): BEGIN, or -2. */
	klaviyo_sql *sql;
	/* db_together(), with shop_error().  NULL: it has no better way than
	 * one transaction after the other. */
	int (*together)(struct db *db, db_work *work, void *arg);
	/* Is a transaction open, one that failed included? */
	bool (*inside)(struct db *db);
	/* Closes the connection and frees all. */
	void (*close)(struct db *db);
	/* What it needs once it is open: db_needs(). */
	void (*needs)(struct db *db, db_need *need, void *arg);
	/* Another number after every commit of anybody's to the database, as
	 * this connection sees it: 0; -1 where none is to be had for less than
	 * a statement: NULL. */
	int (*stamp)(struct db *db, int64_t stamp[2]);
	/* Statements that follow the schema's: its triggers. */
	const char *marks, *collections;
	/* Room for it: db_space().  NULL: it is a server's. */
	int (*space)(struct db *db, int64_t *free, int *percent);
	/* db_large().  NULL: nothing is to be done for it. */
	void (*large)(struct db *db);
	/* Product and version. */
	void (*describe)(struct db *db, char *text, size_t size);
};

extern const struct engine db_sqlite, db_pgsql;

struct script;

struct db {
	const struct engine *engine;
	struct klaviyo_store store; /* the engine's sql on this connection */
	struct script *scripts;     /* texts of statements run from a script */
	bool again, unknown;        /* the engine's answers; see storefront.h */
	char name[256];             /* the address, fit to be shown */
};

/* --------------------------------------------------- db_wal.c: SQLite's log */

struct db_wal {
	int last;    /* how the last checkpoint went */
	int version; /* SQLite's, which others' COMMITs change */
	int company; /* for so many COMMITs the log is kept short */
};
/* After a COMMIT on ${conn}, an sqlite3 *, that left ${pages} in the log; leaves
 * its busy timeout changed. */
void db_wal_committed(
    struct db_wal *wal, void *conn, const char *name, int pages);
/* This process has large transactions: where nobody else writes, the log may be
 * three times as long. */
void db_wal_large(void);
/* The head of the log's index, which every commit writes anew, whoever's; it
 * stays until ${conn}, an sqlite3 *, is closed.  NULL: there is none. */
const volatile uint64_t *db_wal_head(void *conn);
/* Another number after every commit. */
int64_t db_wal_stamp(const volatile uint64_t *head);

/* ------------------------------------------------------------------ db_lost.c */

/* SQLite's settings for the process: before its first use, or not at all. */
void db_sqlite_configure(void);

/* ---------------------------------------------------------------- db_schema.c */

/* Texts put into the program by embed.S. */
extern const char schema_3_sql[], schema_4_sql[], schema_5_sql[],
    schema_6_sql[], schema_7_sql[], marks_sqlite_sql[], marks_pgsql_sql[],
    collections_sqlite_sql[], collections_pgsql_sql[], collections_fill_sql[];
/* The version of the tables that this program knows. */
int db_schema_version(void);
/* Makes a shop of an empty database, or brings an older one up; -1 with
 * shop_error(). */
int db_make(struct db *db, const char *currency);
void db_scripts_free(struct script *script);

#endif
