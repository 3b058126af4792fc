/*
 * test_escaper.c - the one escaper by its property, with values that nobody
 * chose: what it prints has none of < > & U+2028 U+2029, and cJSON reads from
 * it the very value that was put in.
 *
 * ESCAPER_SEED=N repeats a run (the seed is printed), ESCAPER_ROUNDS=N makes it
 * longer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "internal.h"

static uint64_t seed, state_of_random;
static long rounds = 20000;

static uint32_t
any(uint32_t below)
{
	/* Knuth's MMIX: the high half is random enough. */
	state_of_random =
	    state_of_random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((state_of_random >> 33) % below);
}

/* ------------------------------------------------------------ random values */

/* What has ended a script, a string or a line before, or comes close to it. */
static const char *const hostile[] = {"<", ">", "&", "\xe2\x80\xa8",
    "\xe2\x80\xa9", "\xe2\x80\xa7", "\xe2\x80\xaa", "\"", "\\", "/", "'", "`",
    "</script>", "<!--", "-->", "]]>", "<script", "&lt;", "\\u003c", "\\u2028",
    "\\", "\n", "\r", "\t", "\b", "\f", "\x01", "\x1f", "\x7f", "{{", "}}",
    "${", "\xc2\x85", "\xef\xbb\xbf", "\xef\xbf\xbf", "\xf0\x9f\x98\x80",
    "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80"};

static size_t
add_character(char *to, uint32_t c)
{
	if (c < 0x80)
		to[0] = (char)c;
	else if (c < 0x800)
		to[0] = (char)(0xc0 | c >> 6);
	else if (c < 0x10000)
		to[0] = (char)(0xe0 | c >> 12);
	else
		to[0] = (char)(0xf0 | c >> 18);
	if (c < 0x80)
		return 1;
	if (c < 0x800) {
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Any text of Unicode's, half of it hostile; ${to} has 400 bytes. */
static void
random_text(char *to)
{
	size_t n = 0;

	for (uint32_t i = any(30); i > 0; i--) {
		uint32_t c = any(4) ? 1 + any(0x2ff) : 1 + any(0x10ffff);

		if (any(2)) {
			const char *put =
			    hostile[any(sizeof(hostile) / sizeof(*hostile))];

			memcpy(to + n, put, strlen(put));
			n += strlen(put);
		} else if (c < 0xd800 || c > 0xdfff) {
			n += add_character(to + n, c);
		}
	}
	to[n] = '\0';
}

static cJSON *
random_value(int depth)
{
	char text[400], name[400];
	uint32_t kind = any(depth > 0 ? 8 : 5);
	cJSON *value;

	if (kind < 3) {
		random_text(text);
		return cJSON_CreateString(text);
	}
	if (kind == 3)
		return cJSON_CreateNumber((double)any(1000000) / 64 - 99);
	if (kind == 4)
		return any(2) ? cJSON_CreateNull() : cJSON_CreateBool(any(2));
	value = kind == 5 ? cJSON_CreateArray() : cJSON_CreateObject();
	for (uint32_t i = any(5); i > 0; i--) {
		cJSON *child = random_value(depth - 1);

		random_text(name);
		/* cJSON compares by name: each comes once. */
		if (kind == 5)
			cJSON_AddItemToArray(value, child);
		else if (cJSON_HasObjectItem(value, name))
			cJSON_Delete(child);
		else
			cJSON_AddItemToObject(value, name, child);
	}
	return value;
}

/* ------------------------------------------------------------- the property */

static void
assert_safe(const char *text)
{
	assert_non_null(text);
	assert_null(strpbrk(text, "<>&"));
	assert_null(strstr(text, "\xe2\x80\xa8"));
	assert_null(strstr(text, "\xe2\x80\xa9"));
}

static void
finished_json(void **state)
{
	(void)state;
	for (long i = 0; i < rounds; i++) {
		cJSON *value = random_value(4), *back;
		char *json =
		    any(2) ? cJSON_Print(value) : cJSON_PrintUnformatted(value);
		char *safe = klaviyo_script_json(json);

		assert_safe(safe);
		back = cJSON_Parse(safe);
		assert_true(cJSON_Compare(value, back, true));
		cJSON_Delete(back);
		cJSON_Delete(value);
		free(safe);
		free(json);
	}
}

static void
quoted_text(void **state)
{
	(void)state;
	for (long i = 0; i < rounds; i++) {
		char text[400], *safe;
		cJSON *back;

		random_text(text);
		safe = klaviyo_script_string(text);
		assert_safe(safe);
		back = cJSON_Parse(safe);
		assert_string_equal(cJSON_GetStringValue(back), text);
		cJSON_Delete(back);
		free(safe);
	}
}

/* A payload's text, all the way from the shop's own words. */
static void
product(void **state)
{
	(void)state;
	for (long i = 0; i < rounds / 4; i++) {
		char name[401] = "x", sku[401] = "y", *safe;
		struct klaviyo_item item = {
		    .product_id = "7", .name = name, .sku = sku, .price = 1995};
		cJSON *back;

		/* What is empty is left out. */
		random_text(name + 1);
		random_text(sku + 1);
		safe = klaviyo_viewed_product(&item, "USD");
		assert_safe(safe);
		back = cJSON_Parse(safe);
		assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(
		                        back, "ProductName")),
		    name);
		assert_string_equal(
		    cJSON_GetStringValue(cJSON_GetObjectItem(back, "SKU")),
		    sku);
		cJSON_Delete(back);
		free(safe);
	}
}

/* Bytes that are no text are refused, and nothing is read behind them. */
static void
any_bytes(void **state)
{
	(void)state;
	for (long i = 0; i < rounds; i++) {
		size_t n = any(12);
		char *text = malloc(n + 1), *safe;

		for (size_t j = 0; j < n; j++)
			text[j] = any(3) ? (char)(1 + any(255))
			                 : "\xe2\x80\xa8"[any(3)];
		text[n] = '\0';
		safe = klaviyo_script_string(text);
		assert_int_equal(safe != NULL, kl_utf8_ok(text));
		if (safe != NULL)
			assert_safe(safe);
		free(safe);
		/* The escaper itself takes any. */
		safe = kl_script_safe(text);
		assert_safe(safe);
		free(safe);
		free(text);
	}
}

static int
set_seed(void **state)
{
	(void)state;
	state_of_random = seed;
	return 0;
}

int
main(void)
{
	const char *given = getenv("ESCAPER_SEED");
	const char *wanted = getenv("ESCAPER_ROUNDS");
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(finished_json, set_seed),
	    cmocka_unit_test_setup(quoted_text, set_seed),
	    cmocka_unit_test_setup(product, set_seed),
	    cmocka_unit_test_setup(any_bytes, set_seed),
	};

	seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	if (wanted != NULL)
		rounds = strtol(wanted, NULL, 10);
	printf("ESCAPER_SEED=%llu repeats this\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
