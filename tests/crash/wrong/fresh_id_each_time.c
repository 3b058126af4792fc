/*
 * fresh_id_each_time.c - the wrong storefront that makes up a unique_id when
 * it sends.
 *
 * Replaces: kl_event_body
 *
 * Each attempt has another one, so that Klaviyo cannot tell the second from
 * another event.
 */
#include "internal.h"

#include <sodium.h>
#include <string.h>

__typeof__(kl_event_body) __real_kl_event_body, __wrap_kl_event_body;

char *
__wrap_kl_event_body(const char *profile, const char *event)
{
	static const char digits[] = "0123456789abcdef";
	char *body = __real_kl_event_body(profile, event), *at;

	/* As many characters as before, all of them new. */
	at = body ? strstr(body, "\"unique_id\":\"") : NULL;
	for (at = at ? at + 13 : NULL; at && *at != '"'; at++)
		*at = digits[randombytes_uniform(16)];
	return body;
}
