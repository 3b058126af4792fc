/*
 * value_changed.c - an escaper that is safe, and loses a character where it
 * escapes one: only a comparison with what went in sees it.
 *
 * Target: escaper
 * Replaces: klaviyo_script_json
 * Report: BROKEN PROMISE: .*same
 */
#include "internal.h"

#include <string.h>

__typeof__(klaviyo_script_json) __real_klaviyo_script_json,
    __wrap_klaviyo_script_json;

char *
__wrap_klaviyo_script_json(const char *json)
{
	char *safe = __real_klaviyo_script_json(json), *at;

	if (safe != NULL && (at = strstr(safe, "\\u003c")) != NULL)
		memmove(at, at + 6, strlen(at + 6) + 1);
	return safe;
}
