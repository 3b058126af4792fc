/*
 * unescaped.c - an escaper that does not know U+2028 and U+2029: no sanitizer
 * sees that, the property must.
 *
 * Target: escaper
 * Replaces: klaviyo_script_json
 * Report: BROKEN PROMISE: .*safe_in_script
 */
#include "internal.h"

#include <string.h>

__typeof__(klaviyo_script_json) __real_klaviyo_script_json,
    __wrap_klaviyo_script_json;

char *
__wrap_klaviyo_script_json(const char *json)
{
	char *safe = __real_klaviyo_script_json(json), *at;

	/* A character of three bytes for its six: the rest moves up. */
	while (safe != NULL && (at = strstr(safe, "\\u202")) != NULL) {
		memcpy(at, at[5] == '8' ? "\xe2\x80\xa8" : "\xe2\x80\xa9", 3);
		memmove(at + 3, at + 6, strlen(at + 6) + 1);
	}
	return safe;
}
