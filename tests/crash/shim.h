/*
 * shim.h - what the preloaded shims share: which descriptors are the
 * database's.
 *
 * A shim stands between SQLite and the kernel (LD_PRELOAD) in the programs
 * under test.  SHIM_DB names the database; its file, -wal and -journal are
 * watched, and its directory, whose sync makes a new name durable.  The -shm
 * file is not: it is memory, made anew after a crash.
 *
 * Knows the calls that Debian's SQLite makes: open64, pwrite64, write,
 * ftruncate64, fsync, fdatasync, unlink, close.
 */
#ifndef SHIM_H
#define SHIM_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum shim_kind { SHIM_OTHER, SHIM_DB, SHIM_WAL, SHIM_JOURNAL, SHIM_DIR };

#define SHIM_FDS 65536
static struct {
	_Atomic unsigned char kind;
	_Atomic uint64_t inode;
} shim_fd[SHIM_FDS];

static inline void *
shim_real(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (function == NULL)
		abort();
	return function;
}
/* The next definition of a function: libc's, or a sanitizer's. */
#define REAL(name) ((__typeof__(&name))shim_real(#name))

static inline enum shim_kind
shim_kind_of(const char *path)
{
	const char *db = getenv("SHIM_DB"), *slash;
	size_t n;

	if (db == NULL || path == NULL)
		return SHIM_OTHER;
	n = strlen(db);
	if (strncmp(path, db, n) == 0) {
		path += n;
		return *path == '\0'                   ? SHIM_DB
		       : strcmp(path, "-wal") == 0     ? SHIM_WAL
		       : strcmp(path, "-journal") == 0 ? SHIM_JOURNAL
		                                       : SHIM_OTHER;
	}
	slash = strrchr(db, '/');
	return slash != NULL && strlen(path) == (size_t)(slash - db) &&
	               strncmp(path, db, strlen(path)) == 0
	           ? SHIM_DIR
	           : SHIM_OTHER;
}

static inline enum shim_kind
shim_kind(int fd)
{
	return fd >= 0 && fd < SHIM_FDS ? shim_fd[fd].kind : SHIM_OTHER;
}

static inline uint64_t
shim_inode(int fd)
{
	return shim_fd[fd].inode;
}

static inline void
shim_note(int fd, enum shim_kind kind)
{
	struct stat st;

	if (fd < 0 || fd >= SHIM_FDS)
		return;
	shim_fd[fd].inode =
	    kind != SHIM_OTHER && fstat(fd, &st) == 0 ? st.st_ino : 0;
	shim_fd[fd].kind = (unsigned char)kind;
}

#endif
