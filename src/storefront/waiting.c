/*
 * waiting.c - whose turn it is: a new connection at the listener, or a kept
 * one whose peer asks again.
 *
 * All wait in one epoll set, and so do the threads: an idle connection holds
 * none of them, however many of those a web server keeps; the next thread that
 * is free takes whoever speaks first.
 *
 * Promises: a kept connection is one thread's at a time; no more than KEPT_MAX
 * are kept, so that descriptors are left for the shop.
 *
 * Does not look for how long a connection is idle: who keeps it, ends it.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve.h"

/* nginx.conf keeps 32 for each of its workers. */
#define KEPT_MAX 256

#ifdef __SANITIZE_THREAD__
/* Asked by ThreadSanitizer, which does not know that EPOLL_CTL_MOD hands a
   connection on to the thread that epoll_wait() gives it to: the close() there
   is a race to it. */
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(
    void);

const char *
__tsan_default_suppressions(void)
{
	return "race:waiting_served\n";
}
#endif

struct waiting {
	int epoll, listener, stop;
	atomic_int kept;
};

static int
add(const struct waiting *waiting, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(waiting->epoll, EPOLL_CTL_ADD, fd, &event);
}

struct waiting *
waiting_open(int listener, int stop)
{
	struct waiting *waiting = malloc(sizeof(*waiting));

	if (waiting == NULL) {
		shop_fail("out of memory");
		return NULL;
	}
	*waiting = (struct waiting){.epoll = epoll_create1(EPOLL_CLOEXEC),
	    .listener = listener,
	    .stop = stop};
	if (waiting->epoll >= 0 && add(waiting, listener) == 0 &&
	    add(waiting, stop) == 0)
		return waiting;
	shop_fail("epoll: %s", strerror(errno));
	waiting_close(waiting);
	return NULL;
}

void
waiting_close(struct waiting *waiting)
{
	if (waiting == NULL)
		return;
	if (waiting->epoll >= 0)
		close(waiting->epoll);
	free(waiting);
}

static struct turn
accepted(const struct waiting *waiting)
{
	static const struct timeval limit = {.tv_sec = PEER_SECONDS};
	struct turn turn = {
	    .fd = accept4(waiting->listener, NULL, NULL, SOCK_CLOEXEC)};

	if (turn.fd < 0)
		turn.error = errno;
	else
		setsockopt(
		    turn.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return turn;
}

struct turn
waiting_next(const struct waiting *waiting, bool stopping)
{
	struct turn nobody = {.fd = -1};
	struct epoll_event event;

	/* The set goes round: once the process is to end, the second time that
	 * says so, nobody else is there. */
	for (int i = 0; i < 1 + stopping; i++) {
		int n =
		    epoll_wait(waiting->epoll, &event, 1, stopping ? 0 : -1);

		if (n <= 0) {
			nobody.error = n < 0 ? errno : 0;
			break;
		}
		if (event.data.fd == waiting->listener)
			return accepted(waiting);
		if (event.data.fd != waiting->stop)
			return (struct turn){.fd = event.data.fd, .kept = true};
	}
	return nobody;
}

/* Waits for its next request, among the others. */
static bool
keep(struct waiting *waiting, const struct turn *turn)
{
	/* Once: until its thread is done with it, nobody else gets it. */
	struct epoll_event event = {
	    .events = EPOLLIN | EPOLLONESHOT, .data.fd = turn->fd};

	if (turn->kept)
		return epoll_ctl(waiting->epoll, EPOLL_CTL_MOD, turn->fd,
		           &event) == 0;
	if (atomic_fetch_add(&waiting->kept, 1) < KEPT_MAX &&
	    epoll_ctl(waiting->epoll, EPOLL_CTL_ADD, turn->fd, &event) == 0)
		return true;
	atomic_fetch_sub(&waiting->kept, 1);
	return false;
}

void
waiting_served(struct waiting *waiting, const struct turn *turn, bool open)
{
	if (open && keep(waiting, turn))
		return;
	if (turn->kept)
		atomic_fetch_sub(&waiting->kept, 1);
	if (open)
		close(turn->fd);
}
