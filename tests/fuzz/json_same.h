/*
 * json_same.h - is what two texts say the same?  By two readers that are not
 * the library's own: the sandbox's, which keeps every number's digits, and
 * cJSON alone for what the sandbox refuses (a name that comes twice, or a
 * nesting deeper than it likes).
 */
#ifndef JSON_SAME_H
#define JSON_SAME_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <string.h>

#include "../../src/sandbox/sandbox.h"

static inline bool
values_same(const struct json *a, const struct json *b)
{
	const struct json *x, *y;

	if (a->type != b->type || a->size != b->size)
		return false;
	if (a->type == JSON_STRING)
		return memcmp(a->str, b->str, a->size) == 0;
	if (a->type != JSON_ARRAY && a->type != JSON_OBJECT)
		return a->len == b->len && memcmp(a->src, b->src, a->len) == 0;
	for (x = a->child, y = b->child; x && y; x = x->next, y = y->next)
		if ((x->key != NULL && strcmp(x->key, y->key) != 0) ||
		    !values_same(x, y))
			return false;
	return x == NULL && y == NULL;
}

static inline bool
trees_same(const cJSON *a, const cJSON *b)
{
	for (; a != NULL && b != NULL; a = a->next, b = b->next) {
		if (a->type != b->type || !trees_same(a->child, b->child))
			return false;
		if (a->string != NULL && strcmp(a->string, b->string) != 0)
			return false;
		if (cJSON_IsString(a) &&
		    strcmp(a->valuestring, b->valuestring) != 0)
			return false;
		/* Two infinities are equal, and no number is NaN. */
		if (cJSON_IsNumber(a) && a->valuedouble != b->valuedouble)
			return false;
	}
	return a == NULL && b == NULL;
}

/* 1 yes, 0 no; -1: the sandbox refuses ${a}, and ${why} says why. */
static inline int
same_to_sandbox(const char *a, const char *b, const char **why)
{
	const char *reason = NULL;
	struct json_doc *x = json_parse(a, strlen(a), why), *y;
	int same = -1;

	if (x == NULL)
		return -1;
	y = json_parse(b, strlen(b), &reason);
	same = y != NULL && values_same(json_root(x), json_root(y));
	json_free(x);
	json_free(y);
	return same;
}

static inline bool
same_to_cjson(const char *a, const char *b)
{
	cJSON *x = cJSON_Parse(a), *y = cJSON_Parse(b);
	bool same = x != NULL && y != NULL && trees_same(x, y);

	cJSON_Delete(x);
	cJSON_Delete(y);
	return same;
}

/* Has it nothing that could end a <script>, or a line of an old JavaScript? */
static inline bool
safe_in_script(const char *text)
{
	return strpbrk(text, "<>&") == NULL &&
	       strstr(text, "\xe2\x80\xa8") == NULL &&
	       strstr(text, "\xe2\x80\xa9") == NULL;
}

#endif
