/*
 * sandbox.c - fuzzes klaviyo-sandbox from a request to its answer, behind its
 * HTTP server: endpoints, keys, queries and filters, JSON, the shape of each
 * body, what becomes of people and events.
 *
 * The input is requests, parted by lines of "---": a line "METHOD TARGET", and
 * the body.  Each has a key, a revision and a content type that are right.
 *
 * Must hold: every answer has a status below 500 and is JSON, or empty; what
 * json.c quotes it reads again.
 */
#include "fuzz.h"

#include "../../src/sandbox/sandbox.h"

enum { CALLS = 8, PARAMETERS = 16 };

/* --------------------------------- in the place of answer.c: one request */

struct http {
	char *name[PARAMETERS], *value[PARAMETERS];
	int n;
};

const char *
call_header(const struct call *c, const char *name)
{
	(void)c;
	if (strcasecmp(name, "revision") == 0)
		return "2026-07-15";
	if (strcasecmp(name, "Authorization") == 0)
		return "Klaviyo-API-Key pk_0123456789abcdef0123456789abcdef00";
	return strcasecmp(name, "Content-Type") == 0 ? "application/json"
	                                             : NULL;
}

const char *
call_query(const struct call *c, const char *name)
{
	const struct http *http = c->http;

	for (int i = 0; i < http->n; i++)
		if (strcmp(http->name[i], name) == 0)
			return http->value[i];
	return NULL;
}

void
call_each_query(
    const struct call *c, int (*each)(void *arg, const char *name), void *arg)
{
	const struct http *http = c->http;

	for (int i = 0; i < http->n && each(arg, http->name[i]); i++)
		;
}

/* Undoes %xx and +, in place. */
static char *
decoded(char *text)
{
	char *to = text;

	for (const char *c = text; *c != '\0'; c++) {
		unsigned byte;
		int n = 0;

		if (*c == '%' && sscanf(c, "%%%2x%n", &byte, &n) == 1 &&
		    n == 3 && byte != 0) {
			*to++ = (char)byte;
			c += 2;
		} else {
			*to++ = *c == '+' ? ' ' : *c;
		}
	}
	*to = '\0';
	return text;
}

static void
take_query(struct http *http, char *query)
{
	char *part;

	while ((part = strsep(&query, "&")) != NULL && http->n < PARAMETERS) {
		char *value = strchr(part, '=');

		if (value != NULL)
			*value++ = '\0';
		http->name[http->n] = decoded(part);
		http->value[http->n++] = value != NULL ? decoded(value) : NULL;
	}
}

static void
check_reply(const struct call *call)
{
	struct json_doc *doc;
	const char *why;

	must(call->status >= 200 && call->status < 500);
	if (call->reply.n == 0)
		return;
	doc = json_parse(call->reply.p, call->reply.n, &why);
	must(doc != NULL);
	must(call->status < 400 || json_get(json_root(doc), "errors") != NULL);
	json_free(doc);
}

/* "METHOD TARGET\nBODY" */
static void
one_call(const char *data, size_t size)
{
	const char *end = memchr(data, '\n', size);
	size_t n = end != NULL ? (size_t)(end - data) : size;
	char *line = strndup(data, n), *target = strchr(line, ' ');
	char *path = strdup(target != NULL ? target + 1 : ""), *query, *body;
	struct http http = {.n = 0};
	struct call call = {.method = line,
	    .path = path,
	    .target = target != NULL ? target + 1 : "",
	    .http = &http,
	    .received = 1790000000000};

	if (target != NULL)
		*target = '\0';
	query = strchr(path, '?');
	if (query != NULL) {
		*query++ = '\0';
		take_query(&http, query);
	}
	call.body_len = end != NULL ? size - n - 1 : 0;
	/* The server's body has a NUL behind it. */
	body = strndup(end != NULL ? end + 1 : "", call.body_len);
	if (strlen(body) == call.body_len)
		call.body = body;
	else
		call.body_len = 0;
	call.headers = strdup("{}");
	endpoint_run(&call);
	check_reply(&call);
	free(call.headers);
	json_free(call.doc);
	buf_free(&call.reply);
	buf_free(&call.report.errors);
	free(body);
	free(path);
	free(line);
}

/* ------------------------------------------------------------- the target */

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	windows_init(0, 1);
	return 0;
}

static void
check_quoted(const uint8_t *data, size_t size)
{
	struct buf quoted = {0};
	struct json_doc *doc;
	const char *why;

	buf_json(&quoted, (const char *)data, size);
	doc = json_parse(quoted.p, quoted.n, &why);
	/* A NUL is quoted, and refused again when it is read. */
	must((doc == NULL) == (memchr(data, '\0', size) != NULL));
	json_free(doc);
	buf_free(&quoted);
}

static void
clear(void)
{
	state_lock();
	people_clear();
	events_clear();
	stock_clear();
	catalog_clear();
	guide_clear();
	log_clear();
	state_unlock();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	char *spec = text_of(data, size), why[200] = "";

	check_quoted(data, size);
	must(fault_set(spec, 0, why, sizeof(why)) == 0 || *why != '\0');
	free(spec);
	for (int i = 0; i < CALLS && size > 0; i++) {
		const char *end = memmem(text, size, "\n---\n", 5);
		size_t n = end != NULL ? (size_t)(end - text) : size;

		one_call(text, n);
		n = end != NULL ? n + 5 : n;
		text += n;
		size -= n;
	}
	clear();
	return 0;
}
