/*
 * snippet.c - what a page hands to Klaviyo's script, and the one thing it
 * hands back.
 *
 * Promises: a payload has no <, >, &, U+2028 or U+2029 in it, so that no
 * product name can end the script element it is printed in, open a comment
 * there or break a line of an old JavaScript; it parses to the value that was
 * put in.  One escaper does it, over the finished JSON: there, these
 * characters can only be inside strings.
 * Of the visitor's cookie only $exchange_id is believed.
 *
 * Does not: print the <script> element; see templates/klaviyo/.
 */
#include "internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_COOKIE = 4096,
	MAX_EXCHANGE_ID = 255,
	MAX_SCRIPT_DEPTH = 100,
};

/* ----------------------------------------------------------------- escaper */

/* What to write for the character at ${at}, of ${length} bytes; NULL: itself.
 */
static const char *
escape(const char *at, size_t *length)
{
	*length = 1;
	switch (*at) {
	case '<':
		return "\\u003c";
	case '>':
		return "\\u003e";
	case '&':
		return "\\u0026";
	case '\xe2':
		if (strncmp(at, "\xe2\x80\xa8", 3) == 0) {
			*length = 3;
			return "\\u2028";
		}
		if (strncmp(at, "\xe2\x80\xa9", 3) == 0) {
			*length = 3;
			return "\\u2029";
		}
	}
	return NULL;
}

char *
kl_script_safe(const char *json)
{
	const char *at, *written;
	size_t size = 1, length;
	char *safe, *to;

	for (at = json; *at != '\0'; at += length)
		size += escape(at, &length) != NULL ? 6 : 1;
	if ((safe = to = malloc(size)) == NULL) {
		kl_fail("out of memory");
		return NULL;
	}
	for (at = json; *at != '\0'; at += length) {
		if ((written = escape(at, &length)) != NULL) {
			memcpy(to, written, 6);
			to += 6;
		} else
			*to++ = *at;
	}
	*to = '\0';
	return safe;
}

/* Takes a tree (NULL when its making failed) and prints it for a page. */
static char *
print(cJSON *tree)
{
	char *text = NULL, *safe = NULL;

	if (tree == NULL || kl_check_properties(tree, "") != 0)
		goto out;
	if ((text = kl_json_text(tree)) != NULL)
		safe = kl_script_safe(text);
out:
	free(text);
	cJSON_Delete(tree);
	return safe;
}

/* ---------------------------------------------------------------- payloads */

char *
klaviyo_identify(const struct klaviyo_profile *profile)
{
	return print(kl_identify_properties(profile));
}

char *
klaviyo_viewed_product(const struct klaviyo_item *item, const char *currency)
{
	return print(kl_viewed_product_properties(item, currency));
}

char *
klaviyo_viewed_item(const struct klaviyo_item *item, const char *currency)
{
	return print(kl_viewed_item_properties(item, currency));
}

char *
klaviyo_added_to_cart(
    const struct klaviyo_cart *cart, size_t added, int quantity)
{
	return print(kl_added_to_cart_properties(cart, added, quantity));
}

char *
klaviyo_started_checkout(const struct klaviyo_cart *cart)
{
	return print(kl_started_checkout_properties(cart));
}

char *
klaviyo_script_json(const char *json)
{
	if (json == NULL ||
	    kl_json_check(json, MAX_SCRIPT_DEPTH, "JSON") != 0) {
		if (json == NULL)
			kl_fail("JSON: missing");
		return NULL;
	}
	return kl_script_safe(json);
}

char *
klaviyo_script_string(const char *text)
{
	cJSON *string;

	/* Before cJSON sees it: its printer would pass the bytes on. */
	if (text != NULL && !kl_utf8_ok(text)) {
		kl_fail("text: not UTF-8");
		return NULL;
	}
	string = cJSON_CreateString(text != NULL ? text : "");
	if (string == NULL)
		kl_fail("out of memory");
	return print(string);
}

/* The address goes into an attribute of a page: so it has no character that
   would need escaping there. */
char *
klaviyo_script_url(const char *base, const char *public_key)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                              "abcdefghijklmnopqrstuvwxyz0123456789";
	static const char format[] = "%.*s/onsite/js/%s/klaviyo.js";
	const char *host;
	size_t key, length;
	char *url;
	int n;

	if (base == NULL || *base == '\0')
		base = "https://static.klaviyo.com";
	length = strcspn(base, " \t\r\n\"'<>&?#\\`{}|^");
	if (strncmp(base, "https://", 8) == 0)
		host = base + 8;
	else if (strncmp(base, "http://", 7) == 0)
		host = base + 7;
	else
		host = "";
	if (*host == '\0' || *host == '/' || base[length] != '\0' ||
	    length > 1000 || !kl_utf8_ok(base)) {
		kl_fail("the script's address is not https://.. or http://..");
		return NULL;
	}
	key = public_key != NULL ? strspn(public_key, letters) : 0;
	if (key < 4 || key > 12 || public_key[key] != '\0') {
		kl_fail("the public key is not 4 to 12 letters and digits");
		return NULL;
	}
	while (base[length - 1] == '/')
		length--;
	n = snprintf(NULL, 0, format, (int)length, base, public_key);
	if (n < 0 || (url = malloc((size_t)n + 1)) == NULL) {
		kl_fail("out of memory");
		return NULL;
	}
	snprintf(url, (size_t)n + 1, format, (int)length, base, public_key);
	return url;
}

/* ------------------------------------------------------------------ cookie */

static int
hex(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)((at - digits) % 16) : -1;
}

/* Undoes encodeURIComponent(); ${to} is as large as ${from}.  A plus sign is
   itself: base64 has it. */
static int
percent_decode(char *to, const char *from)
{
	int high, low;

	while (*from != '\0') {
		if (*from != '%') {
			*to++ = *from++;
			continue;
		}
		if ((high = hex(from[1])) < 0 || (low = hex(from[2])) < 0)
			return kl_fail("cookie: not percent-encoded");
		*to++ = (char)(high << 4 | low);
		from += 3;
	}
	*to = '\0';
	return 0;
}

/* A cookie's value into JSON text: percent-encoding, then base64. */
static int
cookie_decode(char *json, const char *cookie)
{
	char base64[MAX_COOKIE + 1];
	size_t n, length = strlen(cookie);
	int variant = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;

	if (length > MAX_COOKIE)
		return kl_fail("cookie: longer than %d bytes", MAX_COOKIE);
	if (percent_decode(base64, cookie) != 0)
		return -1;
	length = strlen(base64); /* a %00 ends it, and is no base64 */
	if (strchr(base64, '=') != NULL)
		variant = sodium_base64_VARIANT_ORIGINAL;
	if (sodium_base642bin((unsigned char *)json, MAX_COOKIE, base64, length,
	        NULL, &n, NULL, variant) != 0)
		return kl_fail("cookie: not base64");
	json[n] = '\0';
	if (strlen(json) != n)
		return kl_fail("cookie: not text");
	return 0;
}

/* Printable ASCII; its inner form is Klaviyo's to change. */
static bool
exchange_id_ok(const char *id)
{
	size_t n = strlen(id), i;

	for (i = 0; i < n; i++)
		if (id[i] <= ' ' || id[i] > '~')
			return false;
	return n > 0 && n <= MAX_EXCHANGE_ID;
}

char *
klaviyo_exchange_id(const char *cookie)
{
	char json[MAX_COOKIE + 1], *id = NULL;
	cJSON *tree = NULL, *member;

	if (cookie == NULL || *cookie == '\0') {
		kl_fail("cookie: missing");
		return NULL;
	}
	if (cookie_decode(json, cookie) != 0 ||
	    (tree = kl_json_read(json, KL_DEPTH, "cookie")) == NULL)
		return NULL;
	member = cJSON_GetObjectItemCaseSensitive(tree, "$exchange_id");
	if (cJSON_IsString(member) && exchange_id_ok(member->valuestring))
		id = kl_copy(member->valuestring);
	else
		kl_fail("cookie: no $exchange_id");
	cJSON_Delete(tree);
	return id;
}
