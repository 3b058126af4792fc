/*
 * server.c - HTTP: from a connection to a struct call, and back.
 *
 * libmicrohttpd with one thread per connection, so that a fault may hold an
 * answer back, or a page wait for news, by simply waiting. Carries out the
 * faults that fault.c decides: the connection's socket is at hand, and what is
 * wrong on the wire is written, or reset, past the library.
 *
 * "down" ends the whole server, listening socket and kept connections alike,
 * and starts it again on the same port.
 */
#include "sandbox.h"

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
	struct buf body;
	size_t body_len; /* as sent; no more than BODY_MAX of it is kept */
	char *target;
	int64_t received;
};

static int listen_fd = -1, stop_fd = -1, down_fd = -1;
static int latency;

const char *
call_header(const struct call *c, const char *name)
{
	return MHD_lookup_connection_value(c->http, MHD_HEADER_KIND, name);
}

const char *
call_query(const struct call *c, const char *name)
{
	return MHD_lookup_connection_value(c->http, MHD_GET_ARGUMENT_KIND,
	    name);
}

static int
socket_of(const struct call *c)
{
	return MHD_get_connection_info(c->http,
	    MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

/* Waits, but no longer than the caller or the server is there. */
static void
wait_ms(const struct call *c, int ms)
{
	struct pollfd fds[2] = {{stop_fd, POLLIN, 0},
	    {socket_of(c), POLLRDHUP, 0}};

	if (ms > 0)
		poll(fds, 2, ms);
}

static enum MHD_Result
add_header(void *cls, enum MHD_ValueKind kind, const char *name,
    const char *value)
{
	struct buf *b = cls;

	(void)kind;
	buf_str(b, b->n > 1 ? "," : "");
	buf_json(b, name, strlen(name));
	buf_str(b, ":");
	buf_json(b, value ? value : "", value ? strlen(value) : 0);
	return MHD_YES;
}

static void
rate_headers(struct MHD_Response *r, const struct call *c)
{
	const char *const names[] = {"RateLimit-Limit", "RateLimit-Remaining",
	    "RateLimit-Reset"};
	const int values[] = {c->rate.limit, c->rate.remaining, c->rate.reset};
	char s[16];

	if (c->status == 429) {
		snprintf(s, sizeof s, "%d", c->rate.retry_after);
		MHD_add_response_header(r, "Retry-After",
		    c->rate.limited ? s : c->fault.text);
		return;
	}
	for (int i = 0; c->rate.limit && i < 3; i++) {
		snprintf(s, sizeof s, "%d", values[i]);
		MHD_add_response_header(r, names[i], s);
	}
}

static void
cross_origin(struct MHD_Response *r)
{
	MHD_add_response_header(r, "Access-Control-Allow-Origin", "*");
	MHD_add_response_header(r, "Access-Control-Allow-Methods",
	    "GET, POST, OPTIONS");
	MHD_add_response_header(r, "Access-Control-Allow-Headers",
	    "content-type, accept, revision");
	MHD_add_response_header(r, "Access-Control-Max-Age", "600");
	MHD_add_response_header(r, "Access-Control-Expose-Headers",
	    "Retry-After, RateLimit-Limit, RateLimit-Remaining, "
	    "RateLimit-Reset");
	MHD_add_response_header(r, "Cross-Origin-Resource-Policy",
	    "cross-origin");
}

static enum MHD_Result
answer(struct call *c)
{
	struct MHD_Response *r;
	enum MHD_Result ret;
	char *text = c->reply.n ? c->reply.p : NULL;

	r = MHD_create_response_from_buffer(c->reply.n, text,
	    text ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (!r)
		return MHD_NO;
	if (text)
		memset(&c->reply, 0, sizeof c->reply);
	if (c->type && text)
		MHD_add_response_header(r, "Content-Type", c->type);
	if (c->policy)
		MHD_add_response_header(r, "Content-Security-Policy",
		    c->policy);
	MHD_add_response_header(r, "Cache-Control", "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
	if (!strncmp(c->path, "/client", 7) || !strncmp(c->path, "/onsite", 7))
		cross_origin(r);
	rate_headers(r, c);
	ret = MHD_queue_response(c->http, (unsigned)c->status, r);
	MHD_destroy_response(r);
	return ret;
}

/* Disconnecting a socket sends an RST at once, and no FIN before it. */
static enum MHD_Result
reset(const struct call *c)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	(void)!connect(socket_of(c), &none, sizeof none);
	return MHD_NO;
}

static enum MHD_Result
truncate_answer(const struct call *c)
{
	static const char body[] = "HTTP/1.1 %d Accepted\r\n"
	    "Content-Type: application/vnd.api+json\r\n"
	    "Content-Length: 512\r\n\r\n{\"data\":{\"type\":\"pro";
	char s[256];
	int n;

	n = snprintf(s, sizeof s, *c->fault.text ? body : "HTTP/1.1 %d Acc",
	    c->status);
	(void)!send(socket_of(c), s, (size_t)n, MSG_NOSIGNAL);
	return MHD_NO;
}

static void
fault_answer(struct call *c)
{
	static const char html[] = "<html><body>Bad gateway</body></html>";

	c->status = c->fault.number;
	c->reply.n = 0;
	if (c->status >= 502 && c->status != 503) {
		/* Such an answer comes from something before Klaviyo. */
		c->type = "text/html";
		buf_str(&c->reply, html);
		return;
	}
	c->type = "application/vnd.api+json";
	buf_free(&c->report.errors);
	memset(&c->report, 0, sizeof c->report);
	report_error(&c->report, c->status, "fault", "Injected fault.", NULL,
	    NULL, "klaviyo-sandbox answers so on purpose (--fault).");
	buf_printf(&c->reply, "{\"errors\":[%s]}", c->report.errors.p);
}

static enum MHD_Result
carry_out(struct call *c)
{
	uint64_t ms = (uint64_t)c->fault.number + 1;

	switch (c->fault.kind) {
	case F_NONE:
	case F_STATUS:
		return answer(c);
	case F_SLOW:
		wait_ms(c, c->fault.number);
		return answer(c);
	case F_HANG:
		wait_ms(c, c->fault.number);
		return reset(c);
	case F_TRUNCATED:
		return truncate_answer(c);
	case F_DOWN:
		(void)!write(down_fd, &ms, sizeof ms);
		return reset(c);
	case F_RESET:
		break;
	}
	return reset(c);
}

/* A request to Klaviyo. */
static enum MHD_Result
serve(struct call *c)
{
	struct buf headers = {0};
	struct arrival a;
	int processed = 0;

	buf_str(&headers, "{");
	MHD_get_connection_values(c->http, MHD_HEADER_KIND, add_header,
	    &headers);
	buf_str(&headers, "}");
	c->headers = headers.p;
	c->fault = fault_next(c->path);
	wait_ms(c, latency);
	a = (struct arrival){.method = c->method, .path = c->target,
	    .headers = c->headers, .received = c->received,
	    .browser = !strncmp(c->path, "/client", 7),
	    .fault = c->fault.kind ? c->fault.name : NULL};
	if (!c->fault.kind || c->fault.processed) {
		endpoint_run(c);
		processed = c->status;
	}
	if (c->fault.kind == F_STATUS)
		fault_answer(c);
	a.status = c->fault.kind == F_NONE || c->fault.kind == F_STATUS ||
	    c->fault.kind == F_SLOW ? c->status : 0;
	if (!processed) {
		state_lock();
		events_refused(&a, FAULTED, NULL, c->body, c->body_len, NULL);
		state_unlock();
	}
	if (strncmp(c->path, "/onsite", 7))
		record_write(&a, processed, a.status, c->body, c->body_len);
	return carry_out(c);
}

static int
is_klaviyo(const char *path)
{
	return !strncmp(path, "/api/", 5) || !strncmp(path, "/client/", 8);
}

static enum MHD_Result
dispatch(struct call *c)
{
	if (!strcmp(c->method, "OPTIONS") && !strncmp(c->path, "/client/", 8)) {
		c->status = 204;
		return answer(c);
	}
	if (is_klaviyo(c->path))
		return serve(c);
	if (!control_run(c)) {
		c->status = 404;
		c->type = "text/plain; charset=utf-8";
		buf_str(&c->reply, "There is nothing here. The live page is "
		    "at /, Klaviyo's endpoints are below /api and /client.\n");
	}
	if (!strncmp(c->path, "/onsite/", 8)) {
		c->fault = fault_next(c->path);
		if (c->fault.kind == F_STATUS)
			fault_answer(c);
		return carry_out(c);
	}
	return answer(c);
}

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
	ret = dispatch(&c);
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
	if (a->ai_family == AF_INET)
		return ntohl(((struct sockaddr_in *)a->ai_addr)
		    ->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(
	    &((struct sockaddr_in6 *)a->ai_addr)->sin6_addr);
}

static int
bind_to(struct listen *l, const struct addrinfo *a)
{
	struct sockaddr_storage s;
	socklen_t len = sizeof s;
	int yes = 1;

	listen_fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listen_fd == -1)
		return -1;
	setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	setsockopt(listen_fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	if (bind(listen_fd, a->ai_addr, a->ai_addrlen) ||
	    listen(listen_fd, 1024) ||
	    getsockname(listen_fd, (struct sockaddr *)&s, &len)) {
		close(listen_fd);
		listen_fd = -1;
		return -1;
	}
	l->port = ntohs(s.ss_family == AF_INET ?
	    ((struct sockaddr_in *)&s)->sin_port :
	    ((struct sockaddr_in6 *)&s)->sin6_port);
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

	latency = l->latency;
	snprintf(port, sizeof port, "%d", l->port);
	if (getaddrinfo(l->host, port, &hints, &a)) {
		fprintf(stderr, "klaviyo-sandbox: --listen: %s is not an "
		    "address\n", l->host);
		goto out;
	}
	if (!is_loopback(a) && !l->allow_remote) {
		fprintf(stderr, "klaviyo-sandbox: --listen: %s is not a "
		    "loopback address; --allow-remote permits it\n", l->host);
		goto out;
	}
	ret = bind_to(l, a);
	if (ret)
		fprintf(stderr, "klaviyo-sandbox: cannot listen on %s:%d: %s; "
		    "choose another with --listen HOST:PORT (port 0: any free "
		    "one)\n", l->host, l->port, strerror(errno));
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
	    MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL, 0, NULL, NULL, handle,
	    NULL, MHD_OPTION_LISTEN_SOCKET, listen_fd,
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

	(void)!write(stop_fd, &n, sizeof n);
	log_wake(1);
	MHD_stop_daemon(d);
	(void)!read(stop_fd, &n, sizeof n);
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
	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	down_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fds[0] = (struct pollfd){signalfd(-1, &set, SFD_CLOEXEC), POLLIN, 0};
	fds[1] = (struct pollfd){down_fd, POLLIN, 0};
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
		if (read(down_fd, &ms, sizeof ms) != sizeof ms)
			continue;
		stop(d);
		d = NULL;
		if (poll(fds, 1, (int)ms - 1) > 0)
			break;
		(void)!read(down_fd, &ms, sizeof ms);
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
