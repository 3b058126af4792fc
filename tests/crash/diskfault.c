/*
 * diskfault.c - a preloaded shim whose disk fails when it is told to.
 *
 * SHIM_FAULT names a file of one struct fault, which the test maps and writes
 * while the program runs: the ${at}-th call of the armed kinds, counted from
 * the moment of arming, fails with ${error}; with ${lasting} every one after
 * it, too.  A write that fails has written its first half: a disk fills up in
 * the middle of a write.  A sync that fails has synced nothing.
 *
 * Knows only the database's files (shim.h), and not their directory: SQLite
 * does not look at what the sync of a directory returns.
 */
#include "shim.h"

#include <sys/mman.h>

enum { WRITES = 1, SYNCS = 2 };

struct fault {
	_Atomic int64_t at, seen, failed; /* at 0: off */
	_Atomic int32_t error, kinds, lasting;
	_Atomic int32_t only; /* one file's: enum shim_kind; 0: any's */
};

static struct fault *fault;

__attribute__((constructor)) static void
start(void)
{
	const char *path = getenv("SHIM_FAULT");
	void *at = MAP_FAILED;
	int fd;

	if (path == NULL || (fd = REAL(open64)(path, O_RDWR | O_CLOEXEC)) < 0)
		return;
	at = mmap(
	    NULL, sizeof(*fault), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REAL(close)(fd);
	if (at == MAP_FAILED)
		abort();
	fault = at;
}

static bool
fails(int fd, int kind)
{
	int64_t n;

	if (fault == NULL || shim_kind(fd) == SHIM_OTHER ||
	    shim_kind(fd) == SHIM_DIR || fault->at == 0 ||
	    !(fault->kinds & kind) ||
	    (fault->only != 0 && fault->only != (int)shim_kind(fd)))
		return false;
	n = ++fault->seen;
	if (n < fault->at || (n > fault->at && !fault->lasting))
		return false;
	fault->failed++;
	errno = fault->error;
	return true;
}

int
open64(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;
	int fd;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	fd = REAL(open64)(path, flags, mode);
	shim_note(fd, fault != NULL ? shim_kind_of(path) : SHIM_OTHER);
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
	int error;

	if (!fails(fd, WRITES))
		return REAL(pwrite64)(fd, data, n, offset);
	error = errno;
	if (REAL(pwrite64)(fd, data, n / 2, offset) < 0)
		abort();
	errno = error;
	return -1;
}

int
ftruncate64(int fd, off64_t size)
{
	return fails(fd, WRITES) ? -1 : REAL(ftruncate64)(fd, size);
}

int
fsync(int fd)
{
	return fails(fd, SYNCS) ? -1 : REAL(fsync)(fd);
}

int
fdatasync(int fd)
{
	return fails(fd, SYNCS) ? -1 : REAL(fdatasync)(fd);
}
