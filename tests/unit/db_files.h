/*
 * db_files.h - a directory for one SQLite database, and its end.
 */
#ifndef DB_FILES_H
#define DB_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], path[96]; /* the database's, which is not there yet */

static inline void
files_make(void)
{
	snprintf(dir, sizeof(dir), "/tmp/db-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/shop.db", dir);
}

/* Fails if there is anything but the database's own files. */
static inline int
files_remove(void)
{
	static const char *const suffix[] = {"", "-wal", "-shm", ".lock"};
	char name[128];

	for (size_t i = 0; i < sizeof(suffix) / sizeof(*suffix); i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffix[i]);
		unlink(name);
	}
	return rmdir(dir);
}

#endif
