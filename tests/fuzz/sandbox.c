/*
 * sandbox.c - fuzzes what the sandbox reads of a request: JSON (json.c) and the
 * shape of each kind of body (schema.c, shapes.c, rules.c), times, and the
 * rules of --fault.
 *
 * Must hold: a value's own text is the text that was read; a refusal is JSON
 * itself, of as many errors as it tells; what json.c prints it reads again.
 */
#include "fuzz.h"

#include "../../src/sandbox/sandbox.h"

static void
check_shape(const struct json *root, const struct field *shape)
{
	struct report report = {0};
	struct walk walk = {
	    .report = &report, .revision = "2026-07-15", .now = 1790000000};
	struct buf all = {0};
	struct json_doc *doc;
	const char *why;

	schema_check(&walk, shape, root);
	must((report.count == 0) == (report.status == 0));
	buf_str(&all, "{\"errors\":[");
	buf_add(&all, report.errors.p, report.errors.n);
	buf_str(&all, "]}");
	doc = json_parse(all.p, all.n, &why);
	must(doc != NULL);
	must(json_get(json_root(doc), "errors")->size ==
	     (size_t)(report.count > 30 ? 30 : report.count));
	json_free(doc);
	buf_free(&all);
	buf_free(&report.errors);
}

static void
check_again(const struct json *root)
{
	struct buf copy = {0};
	struct json_doc *doc;
	const char *why;

	json_copy(&copy, root);
	doc = json_parse(copy.p, copy.n, &why);
	must(doc != NULL && json_root(doc)->len == root->len);
	json_free(doc);
	buf_free(&copy);
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct field *const shapes[] = {shape_event, shape_bulk,
	    shape_client_bulk, shape_profile_create, shape_profile_update,
	    shape_profile_import, shape_client_profile};
	const char *reason = NULL;
	struct json_doc *doc = json_parse((const char *)data, size, &reason);
	char *text = text_of(data, size), why[200] = "";
	int zone;

	must(doc != NULL || (reason != NULL && *reason != '\0'));
	if (doc != NULL) {
		check_again(json_root(doc));
		for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
			check_shape(json_root(doc), shapes[i]);
	}
	json_free(doc);
	check_quoted(data, size);
	must(time_parse(text, &zone) >= -1);
	email_ok(text);
	phone_ok(text);
	email_dropped(text);
	must(fault_set(text, 0, why, sizeof(why)) == 0 || *why != '\0');
	free(text);
	return 0;
}
