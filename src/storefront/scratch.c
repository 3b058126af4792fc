/*
 * scratch.c - files without a name, for what is too large for memory.
 *
 * They are made in a directory that is the process's user's alone, below TMPDIR
 * or /tmp: so that a confined process (confine.c) need not be let in to all
 * that others have there.  The directory is kept, for the next process; where
 * another user has taken its name, one with a random name is made.
 */
#include "storefront.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int folder = -1, folder_errno;
static char folder_name[512];

/* Opens ${folder_name}, if it is a directory, ours, and nobody else's. */
static int
folder_open(void)
{
	struct stat st;
	int fd =
	    open(folder_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	    (st.st_mode & 0077) == 0) {
		/* What sweeps /tmp leaves alone what is locked. */
		flock(fd, LOCK_SH | LOCK_NB);
		return fd;
	}
	close(fd);
	errno = EPERM;
	return -1;
}

static void
folder_make(void)
{
	const char *below = getenv("TMPDIR");
	int n;

	if (below == NULL || *below != '/')
		below = "/tmp";
	n = snprintf(folder_name, sizeof(folder_name), "%s/storefront-%ld",
	    below, (long)geteuid());
	if (n < 0 || (size_t)n >= sizeof(folder_name) - 8) {
		folder_errno = ENAMETOOLONG;
		return;
	}
	if (mkdir(folder_name, 0700) == 0 || errno == EEXIST)
		folder = folder_open();
	if (folder < 0 && errno != ENOENT) {
		memcpy(folder_name + n, ".XXXXXX", sizeof(".XXXXXX"));
		if (mkdtemp(folder_name) != NULL)
			folder = folder_open();
	}
	folder_errno = errno;
}

int
scratch_folder(void)
{
	pthread_once(&once, folder_make);
	return folder >= 0 ? folder
	                   : shop_fail("%s: %s (TMPDIR)", folder_name,
	                         strerror(folder_errno));
}

int
scratch_file(void)
{
	char name[24];
	int fd;

	if (scratch_folder() < 0)
		return -1;
	snprintf(name, sizeof(name), "%08x%08x", randombytes_random(),
	    randombytes_random());
	fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return shop_fail(
		    "%s: %s (TMPDIR)", folder_name, strerror(errno));
	unlinkat(folder, name, 0);
	return fd;
}
