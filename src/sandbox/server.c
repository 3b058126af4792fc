/*
 * server.c - the listening socket and the HTTP server behind it.
 *
 * libmicrohttpd with one thread per connection, so that a fault may hold an
 * answer back, or a page wait for news, by simply waiting. Collects a request
 * into a struct call; answer.c does the rest.
 *
 * The fault "down" ends the whole server, listening socket and kept connections
 * alike, and starts it again on the same port.
 */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { BODY_MAX = (5 << 20) + 1, CONNECTIONS = 2000, IDLE_S = 300 };

struct request {
	struct buf body; /* no more than BODY_MAX of it */
	char *target;
	int64_t received;
};

int server_stop_fd = -1, server_down_fd = -1, server_latency;
static int listen_fd = -1;

static enum MHD_Result
handle(void *cls, struct MHD_Connection *http, const char *url,
    const char *method, const char *version, const char *data, size_t *n,
    void **con)
{
	struct request *r = *con;
	struct call c = {.http = http, .method = method, .path = url};
	enum MHD_Result ret;
	size_t room;

	(void)cls, (void)version;
	if (!r->received) {
		r->received = wall_ms();
		return MHD_YES;
	}
	if (*n) {
		room = BODY_MAX - r->body.n;
		buf_add(&r->body, data, *n < room ? *n : room);
		*n = 0;
		return MHD_YES;
	}
	c.target = r->target;
	c.body = r->body.n ? r->body.p : "";
	c.body_len = r->body.n;
	c.received = r->received;
	ret = answer_call(&c);
	free(c.headers);
	json_free(c.doc);
	buf_free(&c.reply);
	buf_free(&c.report.errors);
	return ret;
}

/* The target as sent, before its query is decoded and taken off. */
static void *
begin(void *cls, const char *uri, struct MHD_Connection *http)
{
	struct request *r = xalloc(sizeof *r);

	(void)cls, (void)http;
	r->target = xdup(uri, strlen(uri));
	return r;
}

static void
done(void *cls, struct MHD_Connection *http, void **con,
    enum MHD_RequestTerminationCode why)
{
	struct request *r = *con;

	(void)cls, (void)http, (void)why;
	if (!r)
		return;
	buf_free(&r->body);
	free(r->target);
	free(r);
	*con = NULL;
}

static int
is_loopback(const struct addrinfo *a)
{
	/* getaddrinfo() aligns what it gives. */
	const void *at = a->ai_addr;
	const struct sockaddr_in *in = at;
	const struct sockaddr_in6 *in6 = at;

	if (a->ai_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static int
bind_to(struct listen *l, const struct addrinfo *a)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} s;
	socklen_t len = sizeof s;
	int yes = 1;

	memset(&s, 0, sizeof s);
	listen_fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listen_fd == -1)
		return -1;
	setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	setsockopt(listen_fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	if (bind(listen_fd, a->ai_addr, a->ai_addrlen) ||
	    listen(listen_fd, 1024) || getsockname(listen_fd, &s.any, &len)) {
		close(listen_fd);
		listen_fd = -1;
		return -1;
	}
	l->port =
	    ntohs(s.any.sa_family == AF_INET ? s.in.sin_port : s.in6.sin6_port);
	return 0;
}

int
server_open(struct listen *l)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *a = NULL;
	char port[8];
	int ret = -1;

	server_latency = l->latency;
	snprintf(port, sizeof port, "%d", l->port);
	if (getaddrinfo(l->host, port, &hints, &a)) {
		fprintf(stderr,
		    "klaviyo-sandbox: --listen: %s is not an "
		    "address\n",
		    l->host);
		goto out;
	}
	if (!is_loopback(a) && !l->allow_remote) {
		fprintf(stderr,
		    "klaviyo-sandbox: --listen: %s is not a "
		    "loopback address; --allow-remote permits it\n",
		    l->host);
		goto out;
	}
	ret = bind_to(l, a);
	if (ret)
		fprintf(stderr,
		    "klaviyo-sandbox: cannot listen on %s:%d: %s; "
		    "choose another with --listen HOST:PORT (port 0: any free "
		    "one)\n",
		    l->host, l->port, strerror(errno));
out:
	if (a)
		freeaddrinfo(a);
	return ret;
}

static struct MHD_Daemon *
start(void)
{
	struct MHD_Daemon *d;

	d = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD |
	                         MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL,
	    0, NULL, NULL, handle, NULL, MHD_OPTION_LISTEN_SOCKET, listen_fd,
	    MHD_OPTION_NOTIFY_COMPLETED, done, NULL,
	    MHD_OPTION_URI_LOG_CALLBACK, begin, NULL,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)64 << 10,
	    MHD_OPTION_END);
	if (!d)
		fputs("klaviyo-sandbox: the HTTP server does not start\n",
		    stderr);
	return d;
}

static void
stop(struct MHD_Daemon *d)
{
	uint64_t n = 1;

	(void)!write(server_stop_fd, &n, sizeof n);
	log_wake(1);
	MHD_stop_daemon(d);
	(void)!read(server_stop_fd, &n, sizeof n);
	log_wake(0);
}

int
server_run(struct listen *l)
{
	struct MHD_Daemon *d;
	struct pollfd fds[2];
	sigset_t set;
	uint64_t ms;
	int ret = -1;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	server_stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	server_down_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fds[0] = (struct pollfd){signalfd(-1, &set, SFD_CLOEXEC), POLLIN, 0};
	fds[1] = (struct pollfd){server_down_fd, POLLIN, 0};
	if (!(d = start()))
		return -1;
	printf("klaviyo-sandbox: listening on http://%s%s%s:%d/\n",
	    strchr(l->host, ':') ? "[" : "", l->host,
	    strchr(l->host, ':') ? "]" : "", l->port);
	fflush(stdout);
	for (;;) {
		poll(fds, 2, -1);
		if (fds[0].revents)
			break;
		if (read(server_down_fd, &ms, sizeof ms) != sizeof ms)
			continue;
		stop(d);
		d = NULL;
		if (poll(fds, 1, (int)ms - 1) > 0)
			break;
		(void)!read(server_down_fd, &ms, sizeof ms);
		if (server_open(l) || !(d = start()))
			goto out;
	}
	ret = 0;
out:
	if (d)
		stop(d);
	close(fds[0].fd);
	return ret;
}
