/*
 * request.c - fuzzes the making of a request (http.c).
 *
 * The input is what a web server hands over: "NAME=value" each ended by a NUL,
 * an empty one, then the body.
 *
 * Must hold: the status is one that the gateway knows; of a request that is
 * taken, every text is clean UTF-8, the path is normal, no name comes twice,
 * and the body was read as far as CONTENT_LENGTH and no further.
 */
#include "fuzz.h"

#include "storefront.h"

enum { VARIABLES = 64 };

struct given {
	char *variable[VARIABLES];
	size_t n;
	const uint8_t *body;
	size_t length, done;
};

static void
take_variables(struct given *given, const uint8_t *data, size_t size)
{
	while (size > 0 && *data != '\0' && given->n < VARIABLES) {
		char *text = text_of(data, size);
		size_t used = strlen(text) + 1;

		given->variable[given->n++] = text;
		if (used > size)
			used = size;
		data += used;
		size -= used;
	}
	if (size > 0 && *data == '\0') {
		data++;
		size--;
	}
	given->body = data;
	given->length = size;
}

static const char *
given_get(void *arg, const char *name)
{
	struct given *given = arg;
	size_t length = strlen(name);

	for (size_t i = 0; i < given->n; i++)
		if (strncmp(given->variable[i], name, length) == 0 &&
		    given->variable[i][length] == '=')
			return given->variable[i] + length + 1;
	return NULL;
}

/* In pieces, as it comes over a socket. */
static long
given_read(void *arg, char *buffer, size_t n)
{
	struct given *given = arg;
	size_t left = given->length - given->done;

	if (n > left)
		n = left;
	if (n > 1 + given->done % 700)
		n = 1 + given->done % 700;
	memcpy(buffer, given->body + given->done, n);
	given->done += n;
	return (long)n;
}

static void
check_fields(const struct fields *fields)
{
	must(fields->n <= FIELDS_MAX);
	for (size_t i = 0; i < fields->n; i++) {
		const struct field *f = &fields->list[i];

		must(*f->name != '\0' && clean_but(f->name, ""));
		must(clean_but(f->value, "\n\t"));
		/* The first of its name: there is no second. */
		must(field(fields, f->name) == f->value);
	}
}

static void
check_header(const char *value)
{
	for (; *value != '\0'; value++)
		must(((unsigned char)*value >= 0x20 || *value == '\t') &&
		     *value != 0x7f);
}

static void
check_path(const char *path)
{
	must(*path == '/' && clean_but(path, ""));
	must(strstr(path, "//") == NULL && strstr(path, "/./") == NULL &&
	     strstr(path, "/../") == NULL);
	must(strlen(path) < 2 || strcmp(path + strlen(path) - 2, "/.") != 0);
	must(strlen(path) < 3 || strcmp(path + strlen(path) - 3, "/..") != 0);
}

static void
check(const struct request *request, struct given *given)
{
	const char *length = given_get(given, "CONTENT_LENGTH");

	check_path(request->path);
	check_fields(&request->query);
	check_fields(&request->form);
	if (strcmp(request->method, "POST") == 0)
		must((size_t)strtoull(length, NULL, 10) == given->done &&
		     given->done <= BODY_MAX);
	else
		must(given->done == 0 && request->form.n == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {0, 400, 405, 411, 413, 414, 415};
	struct arena *arena = arena_new();
	struct given given = {.n = 0};
	struct request request;
	bool known = false;
	int status;

	take_variables(&given, data, size);
	status = request_make(&request, arena, given_get, given_read, &given);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		known = known || status == statuses[i];
	must(known);
	check_header(request.cookie);
	check_header(request.accept);
	check_header(request.origin);
	check_header(request.fetch_site);
	check_header(request.if_none_match);
	check_header(request.if_modified_since);
	if (status == 0)
		check(&request, &given);
	for (size_t i = 0; i < given.n; i++)
		free(given.variable[i]);
	arena_free(arena);
	return 0;
}
