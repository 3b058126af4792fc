/*
 * request.c - fuzzes the making of a request (http.c).
 *
 * The input is that of given.h.
 *
 * Must hold: the status is one that the gateway knows; of a request that is
 * taken, every text is clean UTF-8, the path is normal, no name comes twice,
 * and the body was read as far as CONTENT_LENGTH and no further.
 */
#include "given.h"

#include "storefront.h"

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
	struct given given;
	struct request request;
	bool known = false;
	int status;

	given_take(&given, data, size);
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
	given_free(&given);
	arena_free(arena);
	return 0;
}
