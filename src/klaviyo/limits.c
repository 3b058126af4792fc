/*
 * limits.c - Klaviyo's limits on what an event or a profile may hold.
 *
 * Klaviyo answers 202 first and judges later; what breaks a limit is lost
 * without a word.  So it is refused here, while there is someone to tell.
 *
 * Promises: an error names the path of the field.  Where Klaviyo's wording
 * leaves a choice, the stricter reading holds: KB is 1000 bytes, lengths are
 * in bytes, arrays count as levels of nesting as objects do.
 *
 * Does not: shorten anything to make it fit.
 */
#include "internal.h"

#include <stdio.h>
#include <string.h>

enum {
	MAX_STRING = 100 * 1000,
	MAX_ARRAY = 4000,
	MAX_PROPERTIES = 400,
};

/* Where a value is, from the inside out; made a text for an error only. */
struct path {
	const struct path *within; /* NULL: the outermost */
	const char *key;           /* NULL: in an array */
	int index;
};

enum { MAX_PATH = 256 };

/* Appends to a text; one that is too long is cut, it is for a reader. */
static size_t
spell(const struct path *path, char text[MAX_PATH])
{
	size_t length = path->within != NULL ? spell(path->within, text) : 0;
	size_t room = MAX_PATH - length;
	int n;

	if (path->key == NULL)
		n = snprintf(text + length, room, "[%d]", path->index);
	else
		n = snprintf(text + length, room, "%s%s", length > 0 ? "." : "",
		    path->key);
	if (n > 0)
		length += (size_t)n < room ? (size_t)n : room - 1;
	return length;
}

static const char *
spelled(const struct path *path, char text[MAX_PATH])
{
	spell(path, text);
	return text;
}

static int
check_text(const char *value, const struct path *path)
{
	char text[MAX_PATH];

	if (!kl_utf8_ok(value))
		return kl_fail("%s: not UTF-8", spelled(path, text));
	if (strlen(value) > MAX_STRING)
		return kl_fail("%s: longer than 100 KB", spelled(path, text));
	return 0;
}

static int
check(const cJSON *value, const struct path *path, int depth)
{
	struct path inside = {path, NULL, 0};
	char text[MAX_PATH];
	const cJSON *child;
	int rc = 0;

	if (cJSON_IsString(value))
		return check_text(value->valuestring, path);
	if (!cJSON_IsObject(value) && !cJSON_IsArray(value))
		return 0;
	if (depth == 0)
		return kl_fail("%s: nested deeper than %d levels",
		    spelled(path, text), KL_DEPTH);
	for (child = value->child; child != NULL && rc == 0;
	     child = child->next) {
		if (cJSON_IsArray(value) && inside.index == MAX_ARRAY)
			return kl_fail("%s: more than %d items",
			    spelled(path, text), MAX_ARRAY);
		if (child->string != NULL && !kl_utf8_ok(child->string))
			return kl_fail(
			    "%s: a name is not UTF-8", spelled(path, text));
		inside.key = child->string;
		rc = check(child, &inside, depth - 1);
		inside.index++;
	}
	return rc;
}

int
kl_check(const cJSON *value, const char *root)
{
	return check(value, &(struct path){NULL, root, 0}, KL_DEPTH);
}

int
kl_check_properties(const cJSON *properties, const char *root)
{
	if (cJSON_GetArraySize(properties) > MAX_PROPERTIES)
		return kl_fail("%s: more than %d properties",
		    *root ? root : "properties", MAX_PROPERTIES);
	return kl_check(properties, root);
}

int
kl_check_length(const char *text, size_t most, const char *field)
{
	if (text == NULL || *text == '\0')
		return kl_fail("%s: missing", field);
	if (!kl_utf8_ok(text))
		return kl_fail("%s: not UTF-8", field);
	if (strlen(text) > most)
		return kl_fail("%s: longer than %zu bytes", field, most);
	return 0;
}
