/*
 * file_body.c - an answer's body in a nameless file, which answers may share
 * and which need not be written to its end when the first of them goes out.
 *
 * Promises: one thread writes, any number read; who reads waits for what is not
 * written yet, and is told when it never will be: what was cut off does not
 * look like the whole.  Nothing of it is in memory.
 *
 * Does not know what is in it, nor who sends it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storefront.h"

struct file_body {
	int fd;
	atomic_int users;
	pthread_mutex_t mutex; /* over what follows */
	pthread_cond_t changed;
	int64_t length; /* of what is written */
	enum file_state state;
};

struct file_body *
file_body_new(int fd)
{
	struct file_body *file = fd >= 0 ? malloc(sizeof(*file)) : NULL;

	if (file == NULL) {
		if (fd >= 0) {
			close(fd);
			shop_fail("out of memory");
		}
		return NULL;
	}
	file->fd = fd;
	file->length = 0;
	file->state = FILE_GROWS;
	atomic_init(&file->users, 1);
	pthread_mutex_init(&file->mutex, NULL);
	pthread_cond_init(&file->changed, NULL);
	return file;
}

struct file_body *
file_body_share(struct file_body *file)
{
	atomic_fetch_add(&file->users, 1);
	return file;
}

void
file_body_free(struct file_body *file)
{
	if (file == NULL || atomic_fetch_sub(&file->users, 1) > 1)
		return;
	close(file->fd);
	pthread_cond_destroy(&file->changed);
	pthread_mutex_destroy(&file->mutex);
	free(file);
}

/* ----------------------------------------------------------------- writing */

int
file_body_write(struct file_body *file, const char *data, size_t n)
{
	size_t left = n;

	while (left > 0) {
		ssize_t done = write(file->fd, data, left);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return shop_fail("a file without a name, in TMPDIR: %s",
			    strerror(done < 0 ? errno : ENOSPC));
		data += done;
		left -= (size_t)done;
	}
	pthread_mutex_lock(&file->mutex);
	file->length += (int64_t)n;
	pthread_cond_broadcast(&file->changed);
	pthread_mutex_unlock(&file->mutex);
	return 0;
}

void
file_body_end(struct file_body *file, bool whole)
{
	pthread_mutex_lock(&file->mutex);
	file->state = whole ? FILE_WHOLE : FILE_CUT;
	pthread_cond_broadcast(&file->changed);
	pthread_mutex_unlock(&file->mutex);
}

/* ----------------------------------------------------------------- reading */

enum file_state
file_body_state(struct file_body *file, int64_t *length)
{
	enum file_state state;

	pthread_mutex_lock(&file->mutex);
	state = file->state;
	*length = file->length;
	pthread_mutex_unlock(&file->mutex);
	return state;
}

long
file_body_read(struct file_body *file, int64_t offset, char *buffer, size_t n)
{
	enum file_state state;
	int64_t length;
	ssize_t got;

	pthread_mutex_lock(&file->mutex);
	if (file->state == FILE_GROWS && file->length <= offset)
		awake_waits();
	while (file->state == FILE_GROWS && file->length <= offset)
		pthread_cond_wait(&file->changed, &file->mutex);
	state = file->state;
	length = file->length;
	pthread_mutex_unlock(&file->mutex);
	if (state == FILE_CUT)
		return -1;
	if (offset >= length)
		return 0;
	if ((int64_t)n > length - offset)
		n = (size_t)(length - offset);
	do
		got = pread(file->fd, buffer, n, offset);
	while (got < 0 && errno == EINTR);
	/* Shorter than it was: not what was promised. */
	return got > 0 ? got : -1;
}
