/*
 * server.h - a small HTTP server with a script, for the client's tests.
 *
 * Runs in a process of its own on a free port of 127.0.0.1 and is ended by
 * its pid.  What it answers and what it saw is in memory shared with the
 * test: the first rule whose needle is in the request's body, whose line is in
 * the request's first line, and whose times are not used up, decides.  Not Klaviyo's rules: those are the sandbox's.
 */
#ifndef SERVER_H
#define SERVER_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum fault {
	WELL,
	RESET_BEFORE, /* RST instead of an answer */
	RESET_AFTER,  /* RST after the header */
	TRUNCATED,    /* less body than announced */
	CLOSED,       /* closed without a byte */
	HALF_HEADER,  /* closed within the header */
	HANG,         /* no answer, ever */
	ENDLESS,      /* body without end */
	LONG_HEADERS, /* headers without end */
	GARBAGE,      /* no HTTP */
	CONTINUE,     /* a 1xx with a Retry-After first */
	DRIP,         /* a byte of body now and then, without end */
	LONG_HEADER,  /* one header line without end */
	LAST_WORD,    /* the answer, and the connection is closed */
};

struct rule {
	char needle[64]; /* in the body; "" = any */
	char line[160];  /* in the request line; "" = any */
	int times;       /* -1 = always, 0 = the rule is off */
	int status;
	enum fault fault;
	int delay_ms;
	char headers[256]; /* each ended by \r\n */
	char body[2048];
	size_t pad; /* so many spaces follow the body */
};

enum { RULES = 8, SEEN = 20000, LINES = 4096 };

struct server {
	int port;
	atomic_int requests, connections, open, most_open;
	atomic_int jobs; /* of the requests: bulk ones */
	struct rule rule[RULES];
	char head[4096]; /* of the last request */
	char body[16384];
	char line[LINES][512]; /* of each request, in order of coming */
	/* The unique_ids that were answered with a 2xx header, in order; of
	   what is no event the e-mail addresses. */
	atomic_int nseen;
	char seen[SEEN][48];
};

static struct server *server; /* shared */
/* Not shared: the child would write its 0, and kill(0) ends everyone. */
static pid_t server_pid;
static pthread_mutex_t server_lock = PTHREAD_MUTEX_INITIALIZER;

static inline int
server_put(int fd, const char *text, size_t n)
{
	while (n) {
		ssize_t put = send(fd, text, n, MSG_NOSIGNAL);

		if (put <= 0)
			return -1;
		text += put;
		n -= (size_t)put;
	}
	return 0;
}

static inline int
server_say(int fd, const char *text)
{
	return server_put(fd, text, strlen(text));
}

static inline void
server_reset(int fd)
{
	struct linger linger = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static inline void
server_note(const char *head, const char *body)
{
	bool event = strncmp(head, "POST /api/event", 15) == 0;
	const char *name = event ? "\"unique_id\":\"" : "\"email\":\"";
	const char *id = body;
	int n = server->nseen;

	while ((id = strstr(id, name)) && n < SEEN) {
		id += strlen(name);
		snprintf(server->seen[n], sizeof(server->seen[n]), "%.*s",
		    (int)strcspn(id, "\""), id);
		n++;
	}
	server->nseen = n;
}

/* For contract.py, if TEST_RECORD names a file: what was answered with a 2xx,
   one request a line. */
static inline void
server_record(const char *head, const char *body)
{
	const char *name = getenv("TEST_RECORD"), *path = strchr(head, ' ') + 1;
	FILE *file = name ? fopen(name, "a") : NULL;

	if (!file)
		return;
	fprintf(file,
	    "{\"method\":\"%.*s\",\"path\":\"%.*s\",\"headers\":{"
	    "\"Authorization\":\"Klaviyo-API-Key pk_1\",\"Revision\":\"%.10s\""
	    "%s},\"body\":%s}\n",
	    (int)(path - 1 - head), head, (int)strcspn(path, " "), path,
	    strstr(head, "\r\nrevision: ") + 12,
	    strstr(head, "\r\nContent-Type: application/vnd.api+json\r\n")
	        ? ",\"Content-Type\":\"application/vnd.api+json\""
	        : "",
	    *body ? body : "null");
	fclose(file);
}

static inline bool
server_line_has(const char *head, const char *needle)
{
	const char *at = strstr(head, needle);

	return at && at + strlen(needle) <= head + strcspn(head, "\r");
}

static inline struct rule
server_choose(const char *head, const char *body)
{
	static const struct rule none = {.status = 500};
	struct rule rule = none;

	pthread_mutex_lock(&server_lock);
	if (server->requests < LINES)
		snprintf(server->line[server->requests],
		    sizeof(*server->line), "%.*s", (int)strcspn(head, "\r"),
		    head);
	server->requests++;
	server->jobs += strncmp(head, "POST /api/event-bulk", 20) == 0;
	snprintf(server->head, sizeof(server->head), "%s", head);
	snprintf(server->body, sizeof(server->body), "%s", body);
	for (int i = 0; i < RULES; i++) {
		struct rule *r = &server->rule[i];

		if (r->times == 0 || !strstr(body, r->needle) ||
		    !server_line_has(head, r->line))
			continue;
		if (r->times > 0)
			r->times--;
		rule = *r;
		break;
	}
	if (rule.status / 100 == 2) {
		server_note(head, body);
		server_record(head, body);
	}
	pthread_mutex_unlock(&server_lock);
	return rule;
}

/* 0: the connection may go on. */
static inline int
server_answer(int fd, const struct rule *rule)
{
	char text[4096];
	int n;

	usleep((useconds_t)rule->delay_ms * 1000);
	switch (rule->fault) {
	case RESET_BEFORE:
		server_reset(fd);
		return -1;
	case CLOSED:
		return -1;
	case HALF_HEADER:
		server_say(fd, "HTTP/1.1 202 Acc");
		return -1;
	case GARBAGE:
		server_say(fd, "\1\2\3 no HTTP\r\n\r\n");
		return -1;
	case HANG:
		pause();
		return -1;
	case CONTINUE:
		server_say(
		    fd, "HTTP/1.1 103 Early Hints\r\nRetry-After: 99\r\n\r\n");
		break;
	default:
		break;
	}
	n = snprintf(text, sizeof(text), "HTTP/1.1 %d x\r\n%s", rule->status,
	    rule->headers);
	server_put(fd, text, (size_t)n);
	while (rule->fault == LONG_HEADERS)
		if (server_say(fd, "X-Long: 0123456789012345678901234\r\n"))
			return -1;
	if (rule->fault == LONG_HEADER) {
		server_say(fd, "X-Long: ");
		while (server_say(fd, "0123456789012345678901234") == 0)
			;
		return -1;
	}
	if (rule->fault == DRIP) {
		server_say(fd, "Content-Length: 1000000\r\n\r\n");
		while (server_say(fd, "x") == 0)
			usleep(10000);
		return -1;
	}
	if (rule->fault == ENDLESS) {
		server_say(fd, "\r\n");
		while (server_put(fd, text, (size_t)n) == 0)
			;
		return -1;
	}
	if (rule->fault == TRUNCATED || rule->fault == RESET_AFTER) {
		server_say(fd, "Content-Length: 100\r\n\r\nshort");
		if (rule->fault == RESET_AFTER) {
			usleep(50000); /* so that it is read before the RST */
			server_reset(fd);
		}
		return -1;
	}
	n = snprintf(text, sizeof(text), "Content-Length: %zu\r\n\r\n%s",
	    strlen(rule->body) + rule->pad, rule->body);
	if (server_put(fd, text, (size_t)n))
		return -1;
	memset(text, ' ', sizeof(text));
	for (size_t left = rule->pad, put; left; left -= put) {
		put = left < sizeof(text) ? left : sizeof(text);
		if (server_put(fd, text, put))
			return -1;
	}
	return rule->fault == LAST_WORD ? -1 : 0;
}

static inline void *
server_connection(void *arg)
{
	int fd = (int)(long)arg, open = ++server->open, one = 1;
	size_t n = 0, room = 6 << 20, need;
	char *text = malloc(room), *end, *length;
	struct rule rule;
	ssize_t got;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	server->connections++;
	if (open > server->most_open)
		server->most_open = open;
	for (;;) {
		text[n] = '\0';
		if ((end = strstr(text, "\r\n\r\n"))) {
			length = strcasestr(text, "Content-Length:");
			need = (size_t)(end + 4 - text);
			if (length && length < end)
				need += (size_t)atol(length + 15);
			if (n >= need) {
				end[2] = '\0';
				rule = server_choose(text, end + 4);
				if (server_answer(fd, &rule))
					break;
				n = 0; /* no pipelining */
				continue;
			}
		}
		got = recv(fd, text + n, room - 1 - n, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	free(text);
	close(fd);
	server->open--;
	return NULL;
}

static inline void
server_serve(int listener)
{
	pthread_attr_t attr;
	pthread_t thread;
	int fd;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	while ((fd = accept(listener, NULL, NULL)) >= 0)
		pthread_create(
		    &thread, &attr, server_connection, (void *)(long)fd);
	_exit(1);
}

/* cmocka's group set-up and tear-down. */
static inline int
server_start(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t parent = getpid();

	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server = mmap(NULL, sizeof(*server), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (server == MAP_FAILED || listener < 0 ||
	    bind(listener, (struct sockaddr *)&address, size) ||
	    listen(listener, 64) ||
	    getsockname(listener, (struct sockaddr *)&address, &size))
		return -1;
	server->port = ntohs(address.sin_port);
	if ((server_pid = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		server_serve(listener);
	}
	close(listener);
	return server_pid < 0 ? -1 : 0;
}

static inline int
server_stop(void **state)
{
	(void)state;
	if (server_pid > 0) {
		kill(server_pid, SIGKILL);
		waitpid(server_pid, NULL, 0);
	}
	munmap(server, sizeof(*server));
	return 0;
}

/* How many requests began with ${line}. */
static inline int
server_lines(const char *line)
{
	int n = 0;

	for (int i = 0; i < server->requests && i < LINES; i++)
		n += strncmp(server->line[i], line, strlen(line)) == 0;
	return n;
}

/* Forgets what was seen; one rule for all requests. */
static inline void
server_script(int status, const char *headers, const char *body)
{
	memset(server->rule, 0, sizeof(server->rule));
	server->requests = server->jobs = server->nseen = 0;
	server->rule[RULES - 1].status = status;
	server->rule[RULES - 1].times = -1;
	strcpy(server->rule[RULES - 1].headers, headers);
	strcpy(server->rule[RULES - 1].body, body);
}

/* The rule for what comes before it; ${at} is below RULES - 1. */
static inline struct rule *
server_rule(int at, const char *needle, int times, int status)
{
	struct rule *rule = &server->rule[at];

	memset(rule, 0, sizeof(*rule));
	strcpy(rule->needle, needle);
	rule->times = times;
	rule->status = status;
	return rule;
}

#endif
