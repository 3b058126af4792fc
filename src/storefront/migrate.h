/*
 * migrate.h - what migrate.c (the course of a move) and migrate_copy.c (tables
 * and rows) share.
 */
#ifndef MIGRATE_H
#define MIGRATE_H

#include "storefront.h"

#define COLUMNS_MAX 40
#define KEY_MAX 4

/* A table as the source has it. */
struct table {
	const char *name;
	const char *column[COLUMNS_MAX], *key[KEY_MAX];
	int columns, keys;
	bool identity;    /* its ids are the database's to give out */
	int parents;      /* how many tables its rows refer to, all the way */
	int64_t rows;
	struct table *next;
};
/* All tables of the source, each after those that its rows refer to. */
int tables_read(struct db *from, struct arena *arena, struct table **list);

/* meta's rows that belong to a move and not to the shop begin so. */
#define MARK "moving "

/* Statements on a table; NULL if out of memory.  A batch in order of rowid, which
 * the source alone has, after $1: rowid, columns. */
const char *sql_by_rowid(struct arena *arena, const struct table *table);
/* A batch in order of the primary key, the first or the one after $1..: key,
 * columns. */
const char *sql_by_key(
    struct arena *arena, const struct table *table, bool first);
const char *sql_insert(struct arena *arena, const struct table *table);
bool table_is_meta(const struct table *table);

/* Called after each batch with the rows copied or checked. */
typedef void tell_rows(void *arg, int64_t rows);

/* Empties the new database of what init put there, in the open transaction. */
int tables_empty(struct db *to, struct arena *arena, const struct table *list);
/* Copies what is not copied yet, batch by batch. */
int table_copy(struct db *from, struct db *to, struct arena *arena,
    const struct table *table, tell_rows *tell, void *arg);
/* The next id of the new table is above all that were ever given out. */
int table_identity(struct db *from, struct db *to, const struct table *table);
/* 0 if both have the same rows. */
int table_check(struct db *from, struct db *to, struct arena *arena,
    const struct table *table, tell_rows *tell, void *arg);

#endif
