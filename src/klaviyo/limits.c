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

struct path {
	char text[256];
	size_t length;
};

/* Appends to a path; one that is too long is cut, it is for a reader. */
static void
descend(struct path *path, const char *key, int index)
{
	size_t room = sizeof(path->text) - path->length;
	char *at = path->text + path->length;
	int n;

	if (key == NULL)
		n = snprintf(at, room, "[%d]", index);
	else
		n = snprintf(
		    at, room, "%s%s", path->length > 0 ? "." : "", key);
	if (n > 0)
		path->length += (size_t)n < room ? (size_t)n : room - 1;
}

static int
check_text(const char *text, const struct path *path)
{
	if (!kl_utf8_ok(text))
		return kl_fail("%s: not UTF-8", path->text);
	if (strlen(text) > MAX_STRING)
		return kl_fail("%s: longer than 100 KB", path->text);
	return 0;
}

static int
check(const cJSON *value, struct path *path, int depth)
{
	const cJSON *child;
	size_t length = path->length;
	int index = 0, rc = 0;

	if (cJSON_IsString(value))
		return check_text(value->valuestring, path);
	if (!cJSON_IsObject(value) && !cJSON_IsArray(value))
		return 0;
	if (depth == 0)
		return kl_fail(
		    "%s: nested deeper than %d levels", path->text, KL_DEPTH);
	for (child = value->child; child != NULL && rc == 0;
	     child = child->next) {
		if (cJSON_IsArray(value) && index == MAX_ARRAY)
			return kl_fail(
			    "%s: more than %d items", path->text, MAX_ARRAY);
		if (child->string != NULL && !kl_utf8_ok(child->string))
			return kl_fail("%s: a name is not UTF-8", path->text);
		descend(path, child->string, index++);
		rc = check(child, path, depth - 1);
		path->length = length;
		path->text[length] = '\0';
	}
	return rc;
}

int
kl_check(const cJSON *value, const char *root)
{
	struct path path = {"", 0};

	descend(&path, root, 0);
	return check(value, &path, KL_DEPTH);
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
