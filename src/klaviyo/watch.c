/*
 * watch.c - the sockets that libcurl waits for, and the time at which it wants
 * to be called.
 *
 * libcurl says what it waits for whenever that changes (its multi_socket
 * interface), and is told which socket is ready.  Asked by
 * curl_multi_perform() it would look at every request in flight each time one
 * is answered, with a system call for each.
 *
 * Promises: waits no longer than it is told; a signal ends no wait.  A socket
 * that libcurl has let go of is not touched.
 *
 * Does not know what the requests are.
 */
#include "internal.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* Of one request: while connecting, one for each family of addresses, and the
   resolver's. */
enum { SOCKETS = 5 };

/* libcurl waits for ${what} on ${fd} from now on. */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct kl_watch *watch = arg;
	int i = 0;

	(void)easy, (void)socket_arg;
	while (i < watch->n && watch->sockets[i].fd != fd)
		i++;
	if (!(what & CURL_POLL_INOUT)) {
		if (i < watch->n)
			watch->sockets[i] = watch->sockets[--watch->n];
		return 0;
	}
	if (i == watch->room)
		return -1;
	if (i == watch->n)
		watch->n++;
	watch->sockets[i] = (struct pollfd){.fd = fd,
	    .events = (short)((what & CURL_POLL_IN ? POLLIN : 0) |
	                      (what & CURL_POLL_OUT ? POLLOUT : 0))};
	return 0;
}

static int
on_alarm(CURLM *multi, long ms, void *arg)
{
	struct kl_watch *watch = arg;

	(void)multi;
	watch->alarm_ms = ms < 0 ? -1 : kl_monotonic_ms() + ms;
	return 0;
}

int
kl_watch_init(struct kl_watch *watch, void *multi, int requests)
{
	watch->multi = multi;
	watch->alarm_ms = -1;
	watch->room = SOCKETS * requests;
	watch->sockets = calloc((size_t)watch->room, sizeof(*watch->sockets));
	watch->ready = calloc((size_t)watch->room, sizeof(*watch->ready));
	if (!watch->sockets || !watch->ready)
		return kl_fail("out of memory");
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, watch);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_alarm);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, watch);
	return 0;
}

void
kl_watch_free(struct kl_watch *watch)
{
	free(watch->sockets);
	free(watch->ready);
}

static int
tell(struct kl_watch *watch, curl_socket_t fd, int what)
{
	int running;

	return curl_multi_socket_action(watch->multi, fd, what, &running)
	           ? kl_fail("libcurl cannot go on")
	           : 0;
}

/* What is wrong with a socket libcurl learns by using it. */
static int
ready_for(int events)
{
	const int broken = POLLERR | POLLHUP | POLLNVAL;

	return (events & (POLLIN | broken) ? CURL_CSELECT_IN : 0) |
	       (events & (POLLOUT | broken) ? CURL_CSELECT_OUT : 0);
}

int
kl_watch_run(struct kl_watch *watch, int64_t ms)
{
	int64_t left = -1;
	int n = 0, found;

	if (watch->alarm_ms >= 0)
		left = watch->alarm_ms - kl_monotonic_ms();
	if (watch->alarm_ms >= 0 && left <= 0) {
		watch->alarm_ms = -1;
		return tell(watch, CURL_SOCKET_TIMEOUT, 0) ? -1 : 1;
	}
	if (left >= 0 && left < ms)
		ms = left;
	found = poll(watch->sockets, (nfds_t)watch->n, ms > 0 ? (int)ms : 0);
	if (found < 0 && errno != EINTR)
		return kl_fail("libcurl cannot wait: %s", strerror(errno));
	/* A list of its own: libcurl changes the other meanwhile. */
	for (int i = 0; found > 0 && i < watch->n; i++)
		if (watch->sockets[i].revents)
			watch->ready[n++] = watch->sockets[i];
	for (int i = 0; i < n; i++)
		if (tell(watch, watch->ready[i].fd,
		        ready_for(watch->ready[i].revents)))
			return -1;
	return n > 0;
}
