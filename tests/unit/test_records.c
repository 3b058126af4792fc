/*
 * test_records.c - a body that is sent while it is written: first bytes before
 * the last are there, a peer that holds nobody up, an end that is seen to be
 * none.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "serve.h"

enum { PATIENCE = 120, BYTES = 4 << 20, PIECE = 40000 };

/* Waits for what must come, and not for a time; in any thread. */
static void
take(sem_t *sem)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	while (sem_timedwait(sem, &until) != 0)
		if (errno != EINTR) {
			fprintf(stderr, "test_records: waited in vain\n");
			abort();
		}
}

/* ------------------------------------------------------------ who is sent to
 */

/* Reads records; says when it has seen some of the body, and waits, if it is
 * told to, before it goes on. */
struct peer {
	int fd;
	pthread_t thread;
	bool waits;     /* before it reads anything */
	sem_t go;       /* .. for this */
	sem_t has_some; /* of the body */
	sem_t reads;    /* it has begun to */
	struct text out;
	bool ended, broken, half;
};

static bool
read_all(int fd, void *to, size_t n)
{
	char *at = to;

	while (n > 0) {
		ssize_t got = read(fd, at, n);

		if (got <= 0)
			return false;
		at += got;
		n -= (size_t)got;
	}
	return true;
}

static void *
peer_run(void *arg)
{
	struct peer *p = arg;
	static _Thread_local char content[65536];
	uint8_t header[8];
	bool told = false;

	if (p->waits)
		take(&p->go);
	while (read_all(p->fd, header, sizeof(header))) {
		size_t n = (size_t)header[4] << 8 | header[5];
		const char *body;

		if (!read_all(p->fd, content, n)) {
			p->half = true;
			break;
		}
		if (header[0] != 1) {
			p->broken = true; /* no record: no more is read */
			break;
		}
		if (header[1] == 6)
			text_addn(&p->out, content, n);
		p->ended |= header[1] == 3;
		body = p->out.data != NULL ? strstr(p->out.data, "\r\n\r\n")
		                           : NULL;
		if (!told && body != NULL && body[4] != '\0') {
			told = true;
			sem_post(&p->has_some);
		}
		sem_post(&p->reads);
	}
	return NULL;
}

static int
peer_start(struct peer *p, bool waits)
{
	int pair[2];

	*p = (struct peer){.waits = waits};
	sem_init(&p->go, 0, 0);
	sem_init(&p->has_some, 0, 0);
	sem_init(&p->reads, 0, 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	p->fd = pair[0];
	assert_int_equal(pthread_create(&p->thread, NULL, peer_run, p), 0);
	return pair[1];
}

/* The connection is closed; the body that came. */
static const char *
peer_end(struct peer *p, int fd)
{
	const char *body;

	close(fd);
	pthread_join(p->thread, NULL);
	close(p->fd);
	assert_false(p->half);
	assert_non_null(p->out.data);
	body = strstr(p->out.data, "\r\n\r\n");
	assert_non_null(body);
	return body + 4;
}

static void
peer_free(struct peer *p)
{
	text_free(&p->out);
	sem_destroy(&p->go);
	sem_destroy(&p->has_some);
	sem_destroy(&p->reads);
}

/* ------------------------------------------------------------- who writes it
 */

static struct file_body *
new_file(void)
{
	char name[] = "/tmp/records.XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	return file_body_new(fd);
}

/* The answer of a body that is to be made. */
static struct answer
answer_of(struct file_body *file, file_body_make *make, void *arg)
{
	struct answer a = {.file = file, .make = make, .make_arg = arg};

	text_add(&a.out, "Status: 200 OK\r\n\r\n");
	a.slice[a.slices++] = (struct slice){a.out.data, a.out.length};
	return a;
}

/* The bytes of a body: each tells where it is. */
static char
byte(size_t at)
{
	return (char)('a' + at % 251 % 26);
}

static void
write_until(struct file_body *file, size_t from, size_t to,
    file_body_more *more, void *arg)
{
	static char piece[PIECE];

	while (from < to) {
		size_t n = to - from < PIECE ? to - from : PIECE;

		for (size_t i = 0; i < n; i++)
			piece[i] = byte(from + i);
		assert_int_equal(file_body_write(file, piece, n), 0);
		if (more != NULL)
			more(arg);
		from += n;
	}
}

static void
assert_whole(const struct peer *p, const char *body, size_t length)
{
	assert_true(p->ended && !p->broken);
	assert_int_equal(strlen(body), length);
	for (size_t i = 0; i < length; i++)
		if (body[i] != byte(i))
			fail_msg("another byte at %zu", i);
}

/* ------------------------------------------------------------------- tests */

/* Writes half, and the other half once some of the first has arrived. */
static void
make_in_two(void *make_arg, struct shop *shop, struct file_body *file,
    file_body_more *more, void *arg)
{
	struct peer *p = make_arg;

	(void)shop;
	write_until(file, 0, 100, more, arg);
	take(&p->has_some);
	write_until(file, 100, 100000, more, arg);
	file_body_end(file, true);
}

static void
first_bytes_before_the_last(void **state)
{
	struct file_body *file = new_file();
	struct peer p;
	int fd = peer_start(&p, false);
	struct answer a = answer_of(file, make_in_two, &p);

	(void)state;
	records_answer(NULL, fd, 1, &a);
	assert_null(a.make);
	assert_whole(&p, peer_end(&p, fd), 100000);
	peer_free(&p);
	text_free(&a.out);
	file_body_free(file);
}

/* Writes all to a peer that reads nothing; then it may begin. */
static void
make_all(void *make_arg, struct shop *shop, struct file_body *file,
    file_body_more *more, void *arg)
{
	struct peer *p = make_arg;

	(void)shop;
	write_until(file, 0, BYTES, more, arg);
	file_body_end(file, true);
	sem_post(&p->go);
	/* Not before it does: what takes nothing for long is left. */
	take(&p->reads);
}

static void
a_slow_peer_holds_nobody_up(void **state)
{
	struct file_body *file = new_file();
	struct peer p;
	int fd = peer_start(&p, true);
	struct answer a = answer_of(file, make_all, &p);

	(void)state;
	records_answer(NULL, fd, 1, &a);
	assert_whole(&p, peer_end(&p, fd), BYTES);
	peer_free(&p);
	text_free(&a.out);
	file_body_free(file);
}

/* Others read the same file. */
struct follower {
	struct answer a;
	int fd;
};

static void *
follower_run(void *arg)
{
	struct follower *f = arg;

	records_answer(NULL, f->fd, 1, &f->a);
	close(f->fd);
	return NULL;
}

static void
followers(bool whole)
{
	enum { FOLLOWERS = 3 };
	struct file_body *file = new_file();
	struct follower f[FOLLOWERS];
	struct peer p[FOLLOWERS];
	pthread_t thread[FOLLOWERS];

	for (int i = 0; i < FOLLOWERS; i++) {
		f[i].fd = peer_start(&p[i], false);
		f[i].a = answer_of(file, NULL, NULL);
		pthread_create(&thread[i], NULL, follower_run, &f[i]);
	}
	write_until(file, 0, 100, NULL, NULL);
	for (int i = 0; i < FOLLOWERS; i++)
		take(&p[i].has_some);
	write_until(file, 100, 200000, NULL, NULL);
	file_body_end(file, whole);
	for (int i = 0; i < FOLLOWERS; i++) {
		const char *body;

		pthread_join(thread[i], NULL);
		body = peer_end(&p[i], -1);
		if (whole)
			assert_whole(&p[i], body, 200000);
		else
			assert_true(p[i].broken && !p[i].ended);
		peer_free(&p[i]);
		text_free(&f[i].a.out);
	}
	file_body_free(file);
}

static void
all_read_what_one_writes(void **state)
{
	(void)state;
	followers(true);
}

static void
all_see_that_it_was_cut_off(void **state)
{
	(void)state;
	followers(false);
}

/* Ends half way, or at once. */
static void
make_half(void *make_arg, struct shop *shop, struct file_body *file,
    file_body_more *more, void *arg)
{
	(void)shop;
	write_until(file, 0, *(size_t *)make_arg, more, arg);
	file_body_end(file, false);
}

static void
cut_off(void **state)
{
	for (size_t bytes = 0; bytes <= 100000; bytes += 50000) {
		struct file_body *file = new_file();
		struct peer p;
		int fd = peer_start(&p, false);
		struct answer a = answer_of(file, make_half, &bytes);

		(void)state;
		records_answer(NULL, fd, 1, &a);
		if (bytes > 0) {
			assert_true(strlen(peer_end(&p, fd)) <= bytes);
			assert_true(p.broken && !p.ended);
		} else {
			/* Nothing had been said: then it is an error. */
			assert_string_equal(peer_end(&p, fd), "");
			assert_int_equal(
			    strncmp(p.out.data, "Status: 503 ", 12), 0);
			assert_true(p.ended && !p.broken);
		}
		peer_free(&p);
		text_free(&a.out);
		file_body_free(file);
	}
}

/* The peer goes away: it is written to its end, for others. */
static void
make_for_nobody(void *make_arg, struct shop *shop, struct file_body *file,
    file_body_more *more, void *arg)
{
	(void)shop;
	close(*(int *)make_arg);
	write_until(file, 0, BYTES, more, arg);
	file_body_end(file, true);
}

static void
nobody_is_left(void **state)
{
	struct file_body *file = new_file();
	int pair[2];
	int64_t length;
	struct answer a = answer_of(file, make_for_nobody, &pair[0]);

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	records_answer(NULL, pair[1], 1, &a);
	close(pair[1]);
	assert_int_equal(file_body_state(file, &length), FILE_WHOLE);
	assert_int_equal(length, BYTES);
	text_free(&a.out);
	file_body_free(file);
}

/* ------------------------------------------------ what is said of its length
 */

static void
length_of_what_grows(void **state)
{
	struct response r = {.file = new_file()};
	struct text out = {0};
	char piece[8];

	(void)state;
	response_cgi(&r, false, &out);
	assert_string_equal(out.data, "Status: 200 OK\r\n\r\n");
	text_free(&out);
	assert_int_equal(file_body_write(r.file, "abc", 3), 0);
	file_body_end(r.file, true);
	response_cgi(&r, false, &out);
	assert_string_equal(
	    out.data, "Status: 200 OK\r\nContent-Length: 3\r\n\r\n");
	text_free(&out);
	assert_int_equal(file_body_read(r.file, 1, piece, sizeof(piece)), 2);
	assert_int_equal(file_body_read(r.file, 3, piece, sizeof(piece)), 0);
	response_free(&r);
	assert_null(file_body_new(-1));
}

/* An answer that nobody sends: who shares its file does not wait for ever. */
static void
never_made(void **state)
{
	struct response r = {.file = new_file(), .make = make_half};
	struct file_body *file = file_body_share(r.file);
	int64_t length;
	char piece[8];

	(void)state;
	response_free(&r);
	assert_null(r.make);
	assert_int_equal(file_body_state(file, &length), FILE_CUT);
	assert_int_equal(file_body_read(file, 0, piece, sizeof(piece)), -1);
	file_body_free(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(first_bytes_before_the_last),
	    cmocka_unit_test(a_slow_peer_holds_nobody_up),
	    cmocka_unit_test(all_read_what_one_writes),
	    cmocka_unit_test(all_see_that_it_was_cut_off),
	    cmocka_unit_test(cut_off),
	    cmocka_unit_test(nobody_is_left),
	    cmocka_unit_test(length_of_what_grows),
	    cmocka_unit_test(never_made),
	};

	return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
