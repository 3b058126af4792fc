/*
 * exchange_id.c - fuzzes the reading of Klaviyo's cookie __kla_id
 * (klaviyo_exchange_id() of snippet.c).
 *
 * The input is taken as the cookie's value, and as the JSON that is encoded
 * there: no fuzzer finds its way through base64.
 *
 * Must hold: what comes out is short printable ASCII, and what is put in by the
 * same way comes out again.
 */
#include "fuzz.h"

#include <klaviyo.h>
#include <sodium.h>

static char *
in_base64(const char *text)
{
	int variant = sodium_base64_VARIANT_ORIGINAL;
	size_t n = strlen(text), size = sodium_base64_encoded_len(n, variant);
	char *to = malloc(size);

	return sodium_bin2base64(
	    to, size, (const unsigned char *)text, n, variant);
}

static void
check_again(const char *id)
{
	size_t size = strlen(id) * 6 + 32, n;
	char *json = malloc(size), *cookie, *again;

	n = (size_t)snprintf(json, size, "{\"$exchange_id\":\"");
	for (const char *c = id; *c != '\0'; c++)
		n += (size_t)snprintf(json + n, size - n, "\\u%04x", *c);
	snprintf(json + n, size - n, "\"}");
	cookie = in_base64(json);
	again = klaviyo_exchange_id(cookie);
	/* Six bytes a character may be more than a cookie holds. */
	must(again != NULL ? strcmp(again, id) == 0 : strlen(cookie) > 4096);
	free(again);
	free(cookie);
	free(json);
}

static void
read_cookie(const char *cookie)
{
	char *id = klaviyo_exchange_id(cookie);

	if (id == NULL) {
		must(clean_but(klaviyo_error(), "") && *klaviyo_error());
		return;
	}
	must(*id != '\0' && strlen(id) <= 255 && strlen(cookie) <= 4096);
	for (const char *c = id; *c != '\0'; c++)
		must(*c > ' ' && *c < 0x7f);
	check_again(id);
	free(id);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size), *coded = in_base64(text);

	read_cookie(text);
	read_cookie(coded);
	free(coded);
	free(text);
	return 0;
}
