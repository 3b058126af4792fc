/*
 * fields.c - the names and values of a query, or of a posted form.
 *
 * Promises: names and values are valid UTF-8 without NUL or control characters
 * (values may have newlines, which arrive as "\n", and tabs).
 *
 * A form is refused when a name comes twice.  A query is not: mail programs
 * and advertisements append what is already there, and the first one counts.
 */
#include <string.h>

#include "storefront.h"

#define VALUE_MAX 8192
#define NAME_MAX_BYTES 200

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decodes ${length} bytes into an arena's text; line ends become "\n". */
static int
decode(struct arena *arena, const char *text, size_t length, const char **to)
{
	char *out = arena_alloc(arena, length + 1);
	size_t n = 0;

	if (out == NULL)
		return 503;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			if (length - i < 3 || hex(text[i + 1]) < 0 ||
			    hex(text[i + 2]) < 0)
				return 400;
			c = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
			i += 2;
		}
		if (c == '\0')
			return 400;
		if (c == '\n' && n > 0 && out[n - 1] == '\r')
			n--;
		out[n++] = c;
	}
	for (size_t i = 0; i < n; i++)
		if (out[i] == '\r')
			out[i] = '\n';
	out[n] = '\0';
	*to = out;
	return utf8_clean(out) ? 0 : 400;
}

/* Adds the field "name=value"; ${strict}: a name may come only once. */
static int
field_add(struct arena *arena, const char *text, size_t length, bool strict,
    struct fields *fields)
{
	const char *equals = memchr(text, '=', length);
	size_t n = equals == NULL ? length : (size_t)(equals - text);
	struct field f = {.value = ""};
	int status = decode(arena, text, n, &f.name);

	if (status == 0 && equals != NULL)
		status = decode(arena, equals + 1, length - n - 1, &f.value);
	if (status != 0)
		return status;
	if (*f.name == '\0')
		return strict ? 400 : 0;
	if (strpbrk(f.name, "\n\t") != NULL)
		return 400;
	if (strlen(f.name) > NAME_MAX_BYTES || strlen(f.value) > VALUE_MAX)
		return 413;
	if (field(fields, f.name) != NULL)
		return strict ? 400 : 0;
	if (fields->n == FIELDS_MAX)
		return 413;
	fields->list[fields->n++] = f;
	return 0;
}

static int
parse(struct arena *arena, const char *text, size_t length, bool strict,
    struct fields *fields)
{
	const char *end = text + length, *next;
	int parts = 0;

	*fields = (struct fields){NULL, 0};
	if (length == 0)
		return 0;
	fields->list = arena_alloc(arena, FIELDS_MAX * sizeof(struct field));
	if (fields->list == NULL)
		return 503;
	for (const char *p = text; p < end; p = next + 1) {
		int status;

		next = memchr(p, '&', (size_t)(end - p));
		if (next == NULL)
			next = end;
		if (next == p)
			continue;
		/* Repeated ones count too: they cost as much. */
		if (++parts > FIELDS_MAX)
			return 413;
		status =
		    field_add(arena, p, (size_t)(next - p), strict, fields);
		if (status != 0)
			return status;
	}
	return 0;
}

int
fields_parse(
    struct arena *arena, const char *text, size_t length, struct fields *fields)
{
	return parse(arena, text, length, true, fields);
}

int
query_parse(
    struct arena *arena, const char *text, size_t length, struct fields *fields)
{
	return parse(arena, text, length, false, fields);
}

const char *
field(const struct fields *fields, const char *name)
{
	for (size_t i = 0; i < fields->n; i++)
		if (strcmp(fields->list[i].name, name) == 0)
			return fields->list[i].value;
	return NULL;
}
