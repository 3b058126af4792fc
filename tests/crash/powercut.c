/*
 * powercut.c - a preloaded shim that logs what reaches the disk, and when it is
 * safe there.
 *
 * SHIM_LOG names the log, which several processes and the test append to: one
 * order for all of them.  A record is struct record and ${length} bytes; replay
 * in powercut.py.
 *
 * Promises: a write is in the log before the call that made it returns, and in
 * the order in which writes took effect; a sync is there twice, before it began
 * and after it ended, because only what was written before it began is safe
 *when it has ended.
 *
 * The wrong variants, so that the test is seen to fail:
 *	SHIM_DISK_LIES	syncs succeed and do nothing: a disk that lies
 *	SHIM_NORMAL	the program's PRAGMA synchronous=FULL becomes NORMAL
 */
#include "shim.h"

#include <pthread.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/uio.h>

enum op { CREATE = 1, WRITE, TRUNCATE, SYNC, SYNCED, UNLINK };

struct record {
	uint32_t op, length;
	uint64_t inode, offset, token;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static _Atomic uint64_t tokens;

__attribute__((constructor)) static void
start(void)
{
	const char *path = getenv("SHIM_LOG");

	if (path != NULL)
		log_fd =
		    REAL(open64)(path, O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
}

/* One change at a time, of all processes: the log's order is the disk's. */
static void
enter(void)
{
	pthread_mutex_lock(&mutex);
	flock(log_fd, LOCK_EX);
}

static void
leave(void)
{
	int saved = errno;

	flock(log_fd, LOCK_UN);
	pthread_mutex_unlock(&mutex);
	errno = saved;
}

static void
note(enum op op, uint64_t inode, uint64_t offset, uint64_t token,
    const void *data, size_t length)
{
	struct record record = {op, (uint32_t)length, inode, offset, token};
	struct iovec part[] = {
	    {&record, sizeof(record)}, {(void *)(uintptr_t)data, length}};
	int saved = errno;

	if (writev(log_fd, part, 2) != (ssize_t)(sizeof(record) + length))
		abort(); /* a log with a hole proves nothing */
	errno = saved;
}

static bool
watched(int fd)
{
	return log_fd >= 0 && shim_kind(fd) != SHIM_OTHER;
}

/* ----------------------------------------------------------------- the calls
 */

int
open64(const char *path, int flags, ...)
{
	enum shim_kind kind = shim_kind_of(path);
	struct stat st;
	mode_t mode;
	va_list ap;
	bool fresh;
	int fd;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if (log_fd < 0 || kind == SHIM_OTHER) {
		fd = REAL(open64)(path, flags, mode);
		shim_note(fd, SHIM_OTHER);
		return fd;
	}
	enter();
	fresh = kind != SHIM_DIR && flags & O_CREAT && stat(path, &st) != 0;
	fd = REAL(open64)(path, flags, mode);
	shim_note(fd, kind);
	if (fd >= 0 && fresh)
		note(CREATE, shim_inode(fd), 0, 0, path, strlen(path));
	leave();
	return fd;
}

int
close(int fd)
{
	shim_note(fd, SHIM_OTHER);
	return REAL(close)(fd);
}

ssize_t
pwrite64(int fd, const void *data, size_t n, off64_t offset)
{
	ssize_t done;

	if (!watched(fd))
		return REAL(pwrite64)(fd, data, n, offset);
	enter();
	done = REAL(pwrite64)(fd, data, n, offset);
	if (done > 0)
		note(WRITE, shim_inode(fd), (uint64_t)offset, 0, data,
		    (size_t)done);
	leave();
	return done;
}

int
ftruncate64(int fd, off64_t size)
{
	int result;

	if (!watched(fd))
		return REAL(ftruncate64)(fd, size);
	enter();
	result = REAL(ftruncate64)(fd, size);
	if (result == 0)
		note(TRUNCATE, shim_inode(fd), (uint64_t)size, 0, NULL, 0);
	leave();
	return result;
}

static int
sync_with(int fd, int (*sync)(int))
{
	uint64_t token = (uint64_t)getpid() << 32 | ++tokens;
	int result;

	if (!watched(fd))
		return sync(fd);
	if (getenv("SHIM_DISK_LIES") != NULL)
		return 0;
	note(SYNC, shim_inode(fd), 0, token, NULL, 0);
	result = sync(fd);
	if (result == 0)
		note(SYNCED, shim_inode(fd), 0, token, NULL, 0);
	return result;
}

int
fsync(int fd)
{
	return sync_with(fd, REAL(fsync));
}

int
fdatasync(int fd)
{
	return sync_with(fd, REAL(fdatasync));
}

int
unlink(const char *path)
{
	int result;

	if (log_fd < 0 || shim_kind_of(path) == SHIM_OTHER)
		return REAL(unlink)(path);
	enter();
	result = REAL(unlink)(path);
	if (result == 0)
		note(UNLINK, 0, 0, 0, path, strlen(path));
	leave();
	return result;
}

int
sqlite3_exec(sqlite3 *db, const char *sql,
    int (*row)(void *, int, char **, char **), void *arg, char **error)
{
	if (getenv("SHIM_NORMAL") != NULL &&
	    strcmp(sql, "PRAGMA synchronous=FULL") == 0)
		sql = "PRAGMA synchronous=NORMAL";
	return REAL(sqlite3_exec)(db, sql, row, arg, error);
}
