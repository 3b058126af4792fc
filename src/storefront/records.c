/*
 * records.c - an answer on a FastCGI connection.
 *
 * Promises: a page goes out in one call; a peer that takes nothing is left
 * after PEER_SECONDS.
 *
 * A body that is still to be written goes out as it grows, and a peer that
 * takes it slowly holds nobody up: its writer sends what is taken at once, and
 * the rest when all is written.  A body that was cut off ends in a record that
 * is none: by that nginx breaks off its own answer, and keeps nothing of it; a
 * connection that is merely closed it takes for the end, but with
 * fastcgi_keep_conn.  Where nothing had gone out yet, the answer is a bare 503.
 *
 * Does not read requests, nor close connections.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "serve.h"

#define PIECE 32768

static const struct timeval limit = {.tv_sec = PEER_SECONDS};

/* What FastCGI wraps an answer in: records of a type, in this request's name,
 * with their length; the end of the output; and the end of the request. */
#define RECORD_MAX 65535
#define HEADER(type, id, length)                                               \
	{                                                                      \
		1, (type), (uint8_t)((id) >> 8), (uint8_t)(id),                \
		    (uint8_t)((length) >> 8), (uint8_t)(length), 0, 0          \
	}
enum { STDOUT = 6, END_REQUEST = 3 };

/* As struct iovec wants it, who serves reading, too. */
static void *
sendable(const void *data)
{
	void *same;

	memcpy(&same, &data, sizeof(same));
	return same;
}

/* false: the peer is gone, or takes nothing. */
static bool
write_parts(int fd, struct iovec *part, int parts)
{
	int flags = MSG_NOSIGNAL | MSG_DONTWAIT;

	while (parts > 0) {
		struct msghdr message = {
		    .msg_iov = part, .msg_iovlen = (size_t)parts};
		ssize_t n = sendmsg(fd, &message, flags);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && (flags & MSG_DONTWAIT) != 0) {
			/* Only who takes it slowly needs a limit. */
			awake_waits();
			setsockopt(
			    fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
			flags = MSG_NOSIGNAL;
			continue;
		}
		if (n <= 0)
			return false;
		for (; parts > 0 && (size_t)n >= part->iov_len; part++, parts--)
			n -= (ssize_t)part->iov_len;
		if (parts > 0) {
			part->iov_base = (char *)part->iov_base + n;
			part->iov_len -= (size_t)n;
		}
	}
	return true;
}

/* Sends the slices, and with ${end} that there is no more, in as few calls as
 * there are records. */
static bool
send_slices(int fd, int id, const struct slice *slice, size_t n, bool end)
{
	const uint8_t last[][8] = {HEADER(STDOUT, id, 0),
	    HEADER(END_REQUEST, id, 8), {0} /* it went well */};
	size_t done = 0; /* of the first slice */

	do {
		uint8_t header[8] = HEADER(STDOUT, id, 0);
		struct iovec part[3 + PIECES_MAX];
		size_t length = 0;
		int parts = 1;

		while (n > 0 && length < RECORD_MAX) {
			size_t more = slice->length - done;

			if (more > RECORD_MAX - length)
				more = RECORD_MAX - length;
			part[parts++] = (struct iovec){
			    (char *)sendable(slice->data) + done, more};
			length += more;
			done += more;
			if (done == slice->length) {
				slice++;
				n--;
				done = 0;
			}
		}
		header[4] = (uint8_t)(length >> 8);
		header[5] = (uint8_t)length;
		/* An empty record would be the output's end. */
		part[0] = (struct iovec){header, length > 0 ? 8 : 0};
		if (n == 0 && end)
			part[parts++] =
			    (struct iovec){sendable(last), sizeof(last)};
		if (!write_parts(fd, part, parts))
			return false;
	} while (n > 0);
	return true;
}

/* An answer whose body is a file, on its way. */
struct sending {
	int fd, id;
	const struct answer *a;
	int64_t at;          /* in the file: what follows the record */
	size_t length, done; /* of the record */
	bool begun, gone;    /* the head is out; the peer is not there */
	uint8_t record[8 + PIECE];
};

static void
begin(struct sending *s)
{
	if (s->begun)
		return;
	s->begun = true;
	s->gone = !send_slices(s->fd, s->id, s->a->slice, s->a->slices, false);
}

/* The next record, which is waited for; what file_body_read() says. */
static long
next_record(struct sending *s)
{
	const int id = s->id;
	long n =
	    file_body_read(s->a->file, s->at, (char *)s->record + 8, PIECE);

	if (n > 0) {
		const uint8_t header[8] = HEADER(STDOUT, id, n);

		memcpy(s->record, header, sizeof(header));
		s->at += n;
		s->length = 8 + (size_t)n;
		s->done = 0;
	}
	return n;
}

/* A file_body_more: sends what is there, as far as the peer takes it now. */
static void
send_more(void *arg)
{
	struct sending *s = arg;
	int64_t there;

	begin(s);
	file_body_state(s->a->file, &there);
	while (!s->gone &&
	       (s->done < s->length || (s->at < there && next_record(s) > 0))) {
		ssize_t n = send(s->fd, s->record + s->done,
		    s->length - s->done, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		s->gone = n <= 0;
		s->done += n > 0 ? (size_t)n : 0;
	}
}

/* What is left, until all is there and out. */
static bool
send_rest(struct sending *s)
{
	/* Of version 0, which there is not. */
	static const uint8_t broken[8] = {0};
	struct iovec none = {sendable(broken), sizeof(broken)};
	long n = 1;

	while (!s->gone && n > 0) {
		struct iovec part = {s->record + s->done, s->length - s->done};

		if (s->done < s->length)
			s->gone = !write_parts(s->fd, &part, 1);
		s->done = s->length;
		if (!s->gone && (n = next_record(s)) >= 0)
			begin(s);
	}
	if (n == 0 && !s->gone)
		return send_slices(s->fd, s->id, NULL, 0, true);
	if (n < 0 && s->begun && !s->gone)
		write_parts(s->fd, &none, 1);
	return false;
}

/* The answer's file; false: not all of it.  ${nothing}: none of it is out, nor
 * ever will be. */
static bool
send_file(struct shop *shop, int fd, int id, struct answer *a, bool *nothing)
{
	struct sending s = {.fd = fd, .id = id, .a = a};
	file_body_make *make = a->make;
	bool whole;

	a->make = NULL;
	if (make != NULL)
		make(a->make_arg, shop, a->file, send_more, &s);
	whole = send_rest(&s);
	*nothing = !s.begun;
	return whole;
}

bool
records_answer(struct shop *shop, int fd, int id, struct answer *a)
{
	static const char failed[] = "Status: 503 Service Unavailable\r\n\r\n";
	const struct slice bare = {failed, sizeof(failed) - 1};
	bool nothing = a->out.failed, whole = false;

	if (!nothing && a->file == NULL)
		return send_slices(fd, id, a->slice, a->slices, true);
	if (!nothing)
		whole = send_file(shop, fd, id, a, &nothing);
	return nothing ? send_slices(fd, id, &bare, 1, true) : whole;
}
