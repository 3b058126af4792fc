/*
 * schema.c - walks a body beside the table that describes it (shapes.c).
 *
 * Promises: every member that the table does not name, every required one that
 * is not there, and every value of another type than the table's is one error
 * with its JSON pointer. Nothing is coerced. At most 30 errors are told. What a
 * shape cannot say (limits, identifiers) is a rule of rules.c, named in the
 * table and called where the type was right.
 */
#include "schema.h"

#include <sodium.h>
#include <stdarg.h>
#include <string.h>

enum { TOLD = 30 };

void
report_error(struct report *r, int status, const char *code, const char *title,
    const char *source, const char *meta, const char *detail)
{
	uint32_t id[4];

	if (!r->count++)
		r->status = status;
	if (r->count > TOLD)
		return;
	if (r->errors.n)
		buf_str(&r->errors, ",");
	randombytes_buf(id, sizeof id);
	buf_printf(&r->errors,
	    "{\"id\":\"%08x-%04x-4%03x-%04x-%08x%04x\",\"status\":%d,\"code\":",
	    id[0], id[1] >> 16, id[1] & 0xfff, 0x8000 | (id[2] >> 18), id[3],
	    id[2] & 0xffff, status);
	buf_json(&r->errors, code, strlen(code));
	buf_str(&r->errors, ",\"title\":");
	buf_json(&r->errors, title, strlen(title));
	buf_str(&r->errors, ",\"detail\":");
	buf_json(&r->errors, detail, strlen(detail));
	buf_str(&r->errors, ",\"source\":{");
	if (source) {
		buf_str(&r->errors, *source && *source != '/' ? "\"parameter\":"
		                                              : "\"pointer\":");
		buf_json(&r->errors, source, strlen(source));
	}
	buf_printf(
	    &r->errors, "},\"links\":{},\"meta\":%s}", meta ? meta : "{}");
}

/* Appends a member's name to the path, as a JSON pointer does. */
size_t
walk_enter(struct walk *w, const char *name)
{
	size_t before = w->n;

	if (w->n + 2 < sizeof w->path)
		w->path[w->n++] = '/';
	for (; *name && w->n + 3 < sizeof w->path; name++) {
		if (*name == '~' || *name == '/') {
			w->path[w->n++] = '~';
			w->path[w->n++] = *name == '~' ? '0' : '1';
		} else {
			w->path[w->n++] = *name;
		}
	}
	w->path[w->n] = 0;
	return before;
}

void
walk_leave(struct walk *w, size_t before)
{
	w->n = before;
	w->path[before] = 0;
}

size_t
walk_element(struct walk *w, int i)
{
	char index[24];

	snprintf(index, sizeof index, "%d", i);
	return walk_enter(w, index);
}

void
walk_fail(struct walk *w, const char *member, const char *fmt, ...)
{
	size_t before = member ? walk_enter(w, member) : w->n;
	char detail[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof detail, fmt, ap);
	va_end(ap);
	report_error(
	    w->report, 400, "invalid", "Invalid input.", w->path, NULL, detail);
	walk_leave(w, before);
}

static const char *const wanted[] = {
    [K_STRING] = "a string",
    [K_NUMBER] = "a number",
    [K_BOOL] = "true or false",
    [K_OBJECT] = "an object",
    [K_FREE] = "an object",
    [K_ARRAY] = "an array",
    [K_TYPE] = "a string",
    [K_STRNUM] = "a string or a number",
    [K_STRINGS] = "a string or an array of strings",
    [K_TEXTS] = "an array of strings",
};
static const char *const had[] = {
    "null", "a boolean", "a number", "a string", "an array", "an object"};

static int
fits(const struct field *f, const struct json *v)
{
	switch (f->kind) {
	case K_STRING:
	case K_TYPE:
		return v->type == JSON_STRING;
	case K_NUMBER:
		return v->type == JSON_NUMBER;
	case K_BOOL:
		return v->type == JSON_BOOL;
	case K_OBJECT:
	case K_FREE:
		return v->type == JSON_OBJECT;
	case K_ARRAY:
		return v->type == JSON_ARRAY;
	case K_STRNUM:
		return v->type == JSON_STRING || v->type == JSON_NUMBER;
	case K_TEXTS:
		if (v->type != JSON_ARRAY)
			return 0;
		/* fall through */
	case K_STRINGS:
		if (v->type == JSON_ARRAY)
			for (v = v->child; v; v = v->next)
				if (v->type != JSON_STRING)
					return 0;
		return !v || v->type == JSON_STRING || v->type == JSON_ARRAY;
	}
	return 0;
}

static void members(
    struct walk *w, const struct field *table, const struct json *object);

static void
elements(struct walk *w, const struct field *f, const struct json *array)
{
	size_t before;
	int i = 0;

	for (const struct json *v = array->child; v; v = v->next) {
		before = walk_element(w, i++);
		if (v->type != JSON_OBJECT)
			walk_fail(w, NULL, "must be an object");
		else
			members(w, f->members, v);
		walk_leave(w, before);
	}
}

static void
check(struct walk *w, const struct field *f, const struct json *v)
{
	int errors = w->report->count;

	if (v->type == JSON_NULL && (f->flags & NULLABLE))
		return;
	if (!fits(f, v)) {
		walk_fail(w, NULL, "'%s' must be %s, not %s.", f->name,
		    wanted[f->kind], had[v->type]);
		return;
	}
	if (f->kind == K_TYPE && strcmp(v->str, f->is)) {
		walk_fail(w, NULL, "'%s' must be '%s'.", f->name, f->is);
		return;
	}
	if (f->kind == K_OBJECT)
		members(w, f->members, v);
	else if (f->kind == K_ARRAY)
		elements(w, f, v);
	if (f->rule && errors == w->report->count)
		f->rule(w, v);
}

static const struct field *
named(const struct walk *w, const struct field *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name) &&
		    (!table->since || strcmp(w->revision, table->since) >= 0))
			return table;
	return NULL;
}

static void
members(struct walk *w, const struct field *table, const struct json *object)
{
	const struct field *f;
	size_t before;

	for (const struct json *v = object->child; v; v = v->next) {
		before = walk_enter(w, v->key);
		if ((f = named(w, table, v->key)))
			check(w, f, v);
		else
			walk_fail(w, NULL,
			    "'%.100s' is not a valid field here.", v->key);
		walk_leave(w, before);
	}
	for (f = table; f->name; f++)
		if ((f->flags & REQUIRED) && !json_get(object, f->name))
			walk_fail(
			    w, f->name, "'%s' is a required field.", f->name);
}

void
schema_check(struct walk *w, const struct field *table, const struct json *body)
{
	w->n = 0;
	w->path[0] = 0;
	if (body->type != JSON_OBJECT)
		walk_fail(w, NULL, "The body must be an object.");
	else
		members(w, table, body);
}
