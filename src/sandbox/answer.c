/*
 * answer.c - from a struct call to what goes over the wire.
 *
 * Sends a request to Klaviyo's endpoints or to the live page, records it, and
 * writes the answer. Carries out the faults that fault.c decides: the
 * connection's socket is at hand, and what is to go wrong on the wire is
 * written, or reset, past the library.
 */
#include "server.h"

#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

const char *
call_header(const struct call *c, const char *name)
{
	return MHD_lookup_connection_value(c->http, MHD_HEADER_KIND, name);
}

const char *
call_query(const struct call *c, const char *name)
{
	return MHD_lookup_connection_value(
	    c->http, MHD_GET_ARGUMENT_KIND, name);
}

struct names {
	int (*each)(void *arg, const char *name);
	void *arg;
};

static enum MHD_Result
one_name(void *cls, enum MHD_ValueKind kind, const char *name, const char *v)
{
	struct names *n = cls;

	(void)kind, (void)v;
	return n->each(n->arg, name) ? MHD_YES : MHD_NO;
}

void
call_each_query(
    const struct call *c, int (*each)(void *arg, const char *name), void *arg)
{
	struct names n = {each, arg};

	MHD_get_connection_values(c->http, MHD_GET_ARGUMENT_KIND, one_name, &n);
}

static int
socket_of(const struct call *c)
{
	return MHD_get_connection_info(
	    c->http, MHD_CONNECTION_INFO_CONNECTION_FD)
	    ->connect_fd;
}

/* Waits, but no longer than the caller or the server is there. */
static void
wait_ms(const struct call *c, int ms)
{
	struct pollfd fds[2] = {
	    {server_stop_fd, POLLIN, 0}, {socket_of(c), POLLRDHUP, 0}};

	if (ms > 0)
		poll(fds, 2, ms);
}

static enum MHD_Result
add_header(
    void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
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
	const char *const names[] = {
	    "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"};
	const int values[] = {c->rate.limit, c->rate.remaining, c->rate.reset};
	char s[16];

	if (c->status == 429) {
		snprintf(s, sizeof s, "%d", c->rate.retry_after);
		MHD_add_response_header(
		    r, "Retry-After", c->rate.limited ? s : c->fault.text);
		return;
	}
	for (int i = 0; c->rate.limit && i < 3; i++) {
		snprintf(s, sizeof s, "%d", values[i]);
		MHD_add_response_header(r, names[i], s);
	}
}

/* As Klaviyo calls its requests, for whoever asks what became of one. */
static void
name_request(struct call *c)
{
	uint64_t r[2] = {0, 0};

	(void)!getrandom(r, sizeof r, 0);
	snprintf(c->request_id, sizeof c->request_id,
	    "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)(r[0] >> 32),
	    (unsigned)(r[0] >> 16 & 0xffff), (unsigned)(r[0] & 0xfff),
	    (unsigned)(r[1] >> 52), (unsigned long long)r[1] & 0xffffffffffff);
}

static void
cross_origin(struct MHD_Response *r)
{
	MHD_add_response_header(r, "Access-Control-Allow-Origin", "*");
	MHD_add_response_header(
	    r, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
	MHD_add_response_header(r, "Access-Control-Allow-Headers",
	    "content-type, accept, revision");
	MHD_add_response_header(r, "Access-Control-Max-Age", "600");
	MHD_add_response_header(r, "Access-Control-Expose-Headers",
	    "Retry-After, RateLimit-Limit, RateLimit-Remaining, "
	    "RateLimit-Reset");
	MHD_add_response_header(
	    r, "Cross-Origin-Resource-Policy", "cross-origin");
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
		MHD_add_response_header(
		    r, "Content-Security-Policy", c->policy);
	MHD_add_response_header(r, "Cache-Control", "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
	if (!strncmp(c->path, "/client", 7) || !strncmp(c->path, "/onsite", 7))
		cross_origin(r);
	rate_headers(r, c);
	if (*c->request_id)
		MHD_add_response_header(r, "X-Klaviyo-Req-Id", c->request_id);
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
	static const char body[] =
	    "HTTP/1.1 %d Accepted\r\n"
	    "Content-Type: application/vnd.api+json\r\n"
	    "Content-Length: 512\r\n\r\n{\"data\":{\"type\":\"pro";
	char s[256];
	int n;

	/* Cut within the status: some clients take "202 Acc" for an answer. */
	n = snprintf(s, sizeof s, *c->fault.text ? body : "HTTP/1.1 %d",
	    *c->fault.text ? c->status : c->status / 100);
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
		(void)!write(server_down_fd, &ms, sizeof ms);
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
	const char *why;
	int processed = 0;

	buf_str(&headers, "{");
	MHD_get_connection_values(
	    c->http, MHD_HEADER_KIND, add_header, &headers);
	buf_str(&headers, "}");
	c->headers = headers.p;
	name_request(c);
	c->fault = fault_next(c->path);
	wait_ms(c, server_latency);
	a = (struct arrival){.method = c->method,
	    .path = c->target,
	    .headers = c->headers,
	    .received = c->received,
	    .browser = !strncmp(c->path, "/client", 7),
	    .request_id = c->request_id,
	    .fault = c->fault.kind ? c->fault.name : NULL};
	if (!c->fault.kind || c->fault.processed) {
		endpoint_run(c);
		processed = c->status;
	}
	if (c->fault.kind == F_STATUS)
		fault_answer(c);
	a.status = c->fault.kind == F_NONE || c->fault.kind == F_STATUS ||
	                   c->fault.kind == F_SLOW
	               ? c->status
	               : 0;
	if (!processed) {
		c->doc = json_parse(c->body, c->body_len, &why);
		state_lock();
		events_refused(
		    &a, FAULTED, NULL, c->body, c->body_len, json_root(c->doc));
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

enum MHD_Result
answer_call(struct call *c)
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
		buf_str(&c->reply,
		    "There is nothing here. The live page is "
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
