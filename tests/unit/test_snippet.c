/*
 * test_snippet.c - the escaper, the payloads as a page prints them, the
 * script's address, and the cookie.
 */
#include "books.h"
#include "internal.h"
#include "nth_alloc.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define HOSTILE "</script><!--<script>\"'&\xe2\x80\xa8\xe2\x80\xa9\\\n\x01"

/* Takes ${text}. */
static void
expect(char *text, const char *expected)
{
	if (text == NULL)
		fail_msg("%s", klaviyo_error());
	assert_string_equal(text, expected);
	free(text);
}

static void
refuse(char *text, const char *error)
{
	assert_null(text);
	assert_string_equal(klaviyo_error(), error);
}

static int
harmless(const char *text)
{
	return strpbrk(text, "<>&") == NULL &&
	       strstr(text, "\xe2\x80\xa8") == NULL &&
	       strstr(text, "\xe2\x80\xa9") == NULL;
}

static void
escaper(void **state)
{
	(void)state;
	expect(klaviyo_script_string(HOSTILE),
	    "\"\\u003c/script\\u003e\\u003c!--\\u003cscript\\u003e\\\"'"
	    "\\u0026\\u2028\\u2029\\\\\\n\\u0001\"");
	expect(klaviyo_script_string(NULL), "\"\"");
	expect(klaviyo_script_string("Gr\xc3\xbc\xc3\x9f \xe2\x82\xac"),
	    "\"Gr\xc3\xbc\xc3\x9f \xe2\x82\xac\"");
	refuse(klaviyo_script_string("\xff"), "text: not UTF-8");
	expect(klaviyo_script_json("{\"<\": 1.0 , \"a\":\"\xe2\x80\xa9&\"}"),
	    "{\"\\u003c\": 1.0 , \"a\":\"\\u2029\\u0026\"}");
	expect(klaviyo_script_json("[9007199254740993]"), "[9007199254740993]");
	assert_null(klaviyo_script_json("{\"a\":1}</script>"));
	assert_null(klaviyo_script_json("alert(1)"));
	assert_null(klaviyo_script_json(""));
	refuse(klaviyo_script_json(NULL), "JSON: missing");
}

static uint32_t seed = 20260715;

static uint32_t
random_below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Whatever the text: nothing in it that a page could trip over, and it is the
   same text after JSON.parse. */
static void
escaper_random(void **state)
{
	static const char *const piece[] = {"</script>", "<!--", "<script>",
	    "-->", "]]>", "\"", "'", "&", "&amp;", "\xe2\x80\xa8",
	    "\xe2\x80\xa9", "\xe2\x80\xa7", "\xe2\x80", "\xe2\x82\xac", "\\",
	    "\\u003c", "\\", "\n", "\r", "\t", "\x01", "\x7f", "a", "B", " ",
	    "\xc3\xbc", "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "{", "}", "%s"};
	enum { PIECES = sizeof(piece) / sizeof(piece[0]) };
	char text[400], *out;
	cJSON *back;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		text[0] = '\0';
		for (uint32_t n = random_below(30); n > 0; n--)
			strcat(text, piece[random_below(PIECES)]);
		out = klaviyo_script_string(text);
		if (!kl_utf8_ok(text)) {
			assert_null(out);
			continue;
		}
		assert_non_null(out);
		if (!harmless(out))
			fail_msg("%s", out);
		back = cJSON_Parse(out);
		if (!cJSON_IsString(back) ||
		    strcmp(back->valuestring, text) != 0)
			fail_msg("%s", out);
		cJSON_Delete(back);
		free(out);
	}
}

static void
payloads(void **state)
{
	struct klaviyo_item item = {
	    .product_id = "1", .name = HOSTILE, .price = 5, .quantity = 1};
	struct klaviyo_cart cart = {.id = "c",
	    .revision = 1,
	    .changed_at = 2,
	    .currency = "EUR",
	    .value = 5,
	    .items = &item,
	    .nitems = 1};
	struct klaviyo_profile profile = {
	    .email = "a<b@c.de", .properties = "{\"</script>\":\"&\"}"};
	const char *name = "\\u003c/script\\u003e\\u003c!--\\u003cscript\\u003e"
	                   "\\\"'\\u0026\\u2028\\u2029\\\\\\n\\u0001";
	char expected[400];

	(void)state;
	expect(klaviyo_identify(&profile),
	    "{\"email\":\"a\\u003cb@c.de\","
	    "\"\\u003c/script\\u003e\":\"\\u0026\"}");
	snprintf(expected, sizeof(expected),
	    "{\"ProductName\":\"%s\",\"ProductID\":\"1\",\"Price\":0.05}",
	    name);
	expect(klaviyo_viewed_product(&item, "EUR"), expected);
	snprintf(expected, sizeof(expected),
	    "{\"Title\":\"%s\",\"ItemId\":\"1\",\"Metadata\":{\"Price\":0.05}}",
	    name);
	expect(klaviyo_viewed_item(&item, "EUR"), expected);
	snprintf(expected, sizeof(expected),
	    "{\"$event_id\":\"c_2\",\"$value\":0.05,"
	    "\"$value_currency\":\"EUR\",\"ItemNames\":[\"%s\"],"
	    "\"Items\":[{\"ProductID\":\"1\",\"ProductName\":\"%s\","
	    "\"Quantity\":1,\"ItemPrice\":0.05,\"RowTotal\":0.05}]}",
	    name, name);
	expect(klaviyo_started_checkout(&cart), expected);
	item.name = "\xff";
	refuse(klaviyo_added_to_cart(&cart, 0, 1),
	    "AddedItemProductName: not UTF-8");
	refuse(klaviyo_started_checkout(&cart), "ItemNames[0]: not UTF-8");
}

static void
script_url(void **state)
{
	static const char *const bases[] = {"javascript:alert(1)",
	    "//static.klaviyo.com", "https://a\"b", "https://a b",
	    "https://a<b", "https://a?b", "https://a&b", "ftp://a",
	    "https://\xff", "https://", "http:///a"};
	static const char *const keys[] = {"", "abc", "abcdefghijklm", "ab-def",
	    "abc/../", "abcde\"", "ab cd"};

	(void)state;
	expect(klaviyo_script_url(NULL, "AbC123"),
	    "https://static.klaviyo.com/onsite/js/AbC123/klaviyo.js");
	expect(klaviyo_script_url("http://127.0.0.1:9000/", "DEMO"),
	    "http://127.0.0.1:9000/onsite/js/DEMO/klaviyo.js");
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
		refuse(klaviyo_script_url(bases[i], "AbC123"),
		    "the script's address is not https://.. or http://..");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		refuse(klaviyo_script_url(NULL, keys[i]),
		    "the public key is not 4 to 12 letters and digits");
	assert_null(klaviyo_script_url(NULL, NULL));
}

/* The cookie that holds ${json}, as klaviyo.js writes it. */
static char *
cookie(const char *json, int variant, int encode)
{
	static char out[20000];
	char base64[8000], *to = out;

	sodium_bin2base64(base64, sizeof(base64), (const unsigned char *)json,
	    strlen(json), variant);
	for (const char *c = base64; *c != '\0'; c++)
		if (encode && strchr("+/=", *c) != NULL)
			to += sprintf(to, "%%%02X", *c);
		else
			*to++ = *c;
	*to = '\0';
	return out;
}

static void
exchange_id(void **state)
{
	static const int variant[] = {sodium_base64_VARIANT_ORIGINAL,
	    sodium_base64_VARIANT_ORIGINAL_NO_PADDING};
	static const char *const none[] = {"{}", "[]", "\"x\"", "{\"a\":1}",
	    "{\"$exchange_id\":1}", "{\"$exchange_id\":\"\"}",
	    "{\"$exchange_id\":null}", "{\"$exchange_id\":{\"a\":\"b\"}}",
	    "{\"$exchange_id\":\"a b\"}", "{\"$exchange_id\":\"a\\n\"}",
	    "{\"$exchange_id\":\"\xc3\xbc\"}", "{\"$EXCHANGE_ID\":\"a\"}",
	    "{\"$email\":\"a@b.de\"}", "{\"$exchange_id\":\"a\"",
	    "{\"$exchange_id\":\"a\"}x", "{\"$exchange_id\":\"\\u0000a\"}",
	    "{\"$exchange_id\":\"\xff\"}",
	    ("{\"x\":[[[[[[[[[[]]]]]]]]]],"
	     "\"$exchange_id\":\"a\"}")};
	static const char *const broken[] = {"", "%", "%4", "%zz", "e30", "e3",
	    "e30==", "e30%3D%3D", "e 30=", "e30=e30=", "!!!!", "e30%00",
	    "eyJhIjoiXz8_In0="};
	char json[64], long_id[400], long_json[500];

	(void)state;
	/* Of three lengths, so that each padding occurs. */
	for (int pad = 0; pad < 3; pad++)
		for (int v = 0; v < 2; v++)
			for (int encode = 0; encode < 2; encode++) {
				snprintf(json, sizeof(json),
				    "{\"%.*s\":\"\xc3\xbf\xc3\xbe?>\","
				    "\"$exchange_id\":\"oI-_=.AbC123\"}",
				    pad + 1, "cid");
				expect(klaviyo_exchange_id(
				           cookie(json, variant[v], encode)),
				    "oI-_=.AbC123");
			}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (klaviyo_exchange_id(cookie(none[i], variant[0], 1)))
			fail_msg("%s", none[i]);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		if (klaviyo_exchange_id(broken[i]))
			fail_msg("%s", broken[i]);
	refuse(klaviyo_exchange_id(NULL), "cookie: missing");
	memset(long_id, 'x', sizeof(long_id));
	snprintf(long_json, sizeof(long_json), "{\"$exchange_id\":\"%.255s\"}",
	    long_id);
	long_id[255] = '\0';
	expect(klaviyo_exchange_id(cookie(long_json, variant[0], 1)), long_id);
	long_id[255] = 'x';
	snprintf(long_json, sizeof(long_json), "{\"$exchange_id\":\"%.256s\"}",
	    long_id);
	refuse(klaviyo_exchange_id(cookie(long_json, variant[0], 1)),
	    "cookie: no $exchange_id");
}

static void
cookie_size(void **state)
{
	char json[3074] = "{\"$exchange_id\":\"a\"}", *text;

	(void)state;
	memset(json + strlen(json), ' ', sizeof(json) - 1 - strlen(json));
	json[3072] = '\0';
	text = cookie(json, sodium_base64_VARIANT_ORIGINAL, 0);
	assert_int_equal(strlen(text), 4096);
	expect(klaviyo_exchange_id(text), "a");
	json[3072] = ' ';
	refuse(klaviyo_exchange_id(
	           cookie(json, sodium_base64_VARIANT_ORIGINAL, 0)),
	    "cookie: longer than 4096 bytes");
}

/* Bytes at random must not get anything out of it, nor harm it. */
static void
cookie_random(void **state)
{
	char *text, *id;
	size_t n;

	(void)state;
	for (int i = 0; i < 50000; i++) {
		text = cookie("{\"$exchange_id\":\"oI-_=.AbC123\",\"a\":1}",
		    sodium_base64_VARIANT_ORIGINAL, i % 2);
		n = strlen(text);
		for (uint32_t k = random_below(4); k > 0; k--)
			text[random_below((uint32_t)n)] =
			    (char)(1 + random_below(255));
		if ((id = klaviyo_exchange_id(text)) != NULL) {
			assert_in_range(strlen(id), 1, 255);
			for (const char *c = id; *c != '\0'; c++)
				assert_true(*c > ' ' && *c <= '~');
		}
		free(id);
	}
}

static int
done(char *text)
{
	free(text);
	return text != NULL;
}

static int
identify_once(void)
{
	return done(klaviyo_identify(&(struct klaviyo_profile){
	    .email = "a@b.de", .properties = "{\"a\":[1]}"}));
}

static int
viewed_product_once(void)
{
	return done(klaviyo_viewed_product(&books[0], "USD"));
}

static int
viewed_item_once(void)
{
	return done(klaviyo_viewed_item(&books[0], "USD"));
}

static int
added_once(void)
{
	struct klaviyo_cart cart = books_cart();

	return done(klaviyo_added_to_cart(&cart, 1, 1));
}

static int
checkout_once(void)
{
	struct klaviyo_cart cart = books_cart();

	return done(klaviyo_started_checkout(&cart));
}

static int
string_once(void)
{
	return done(klaviyo_script_string(HOSTILE));
}

static int
json_once(void)
{
	return done(klaviyo_script_json("[\"<\"]"));
}

static int
url_once(void)
{
	return done(klaviyo_script_url(NULL, "AbC123"));
}

static int
exchange_id_once(void)
{
	return done(klaviyo_exchange_id(cookie(
	    "{\"$exchange_id\":\"a\"}", sodium_base64_VARIANT_ORIGINAL, 1)));
}

static void
no_memory(void **state)
{
	(void)state;
	assert_true(nth_alloc_each(identify_once) > 5);
	assert_true(nth_alloc_each(viewed_product_once) > 20);
	assert_true(nth_alloc_each(viewed_item_once) > 20);
	assert_true(nth_alloc_each(added_once) > 50);
	assert_true(nth_alloc_each(checkout_once) > 50);
	assert_true(nth_alloc_each(string_once) > 1);
	assert_true(nth_alloc_each(json_once) >= 0);
	assert_true(nth_alloc_each(url_once) >= 0);
	assert_true(nth_alloc_each(exchange_id_once) > 3);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(escaper),
	    cmocka_unit_test(escaper_random),
	    cmocka_unit_test(payloads),
	    cmocka_unit_test(script_url),
	    cmocka_unit_test(exchange_id),
	    cmocka_unit_test(cookie_size),
	    cmocka_unit_test(cookie_random),
	    cmocka_unit_test(no_memory),
	};

	nth_alloc_hook();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
