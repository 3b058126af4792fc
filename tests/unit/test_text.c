/*
 * test_text.c - errors, UTF-8, phone numbers, money, strict JSON.
 */
#include "internal.h"
#include "nth_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void
errors(void **state)
{
	char big[2000];

	(void)state;
	assert_int_equal(kl_fail("%s", "one\ntwo\x7f"), -1);
	assert_string_equal(klaviyo_error(), "one?two?");
	kl_fail("again: %s", klaviyo_error());
	assert_string_equal(klaviyo_error(), "again: one?two?");
	kl_fail("bad \xff here");
	assert_string_equal(klaviyo_error(), "bad ? here");
	/* A text that is cut is cut between characters. */
	for (size_t lead = 0; lead < 4; lead++) {
		memset(big, 'x', lead);
		for (size_t i = lead; i + 3 < sizeof(big); i += 3)
			memcpy(big + i, "\xe2\x82\xac", 4);
		kl_fail("%s", big);
		assert_true(kl_utf8_ok(klaviyo_error()));
		assert_null(strchr(klaviyo_error(), '?'));
		assert_in_range(strlen(klaviyo_error()), 508, 511);
	}
}

static void
utf8(void **state)
{
	static const char *const good[] = {"", "a", "\xc2\x80", "\xdf\xbf",
	    "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
	    "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "Gr\xc3\xbc\xc3\x9f"};
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80",
	    "\xc1\xbf", "\xc2",
	    ("\xc2"
	     "a"),
	    "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf",
	    "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
	    "\xfe", "ok\xf0\x9f\x98"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(kl_utf8_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(kl_utf8_ok(bad[i]));
}

/* Every code point, encoded by the book, is accepted unless a surrogate. */
static void
utf8_all(void **state)
{
	char text[5];

	(void)state;
	for (unsigned c = 1; c < 0x110000; c++) {
		memset(text, 0, sizeof(text));
		if (c < 0x80)
			text[0] = (char)c;
		else if (c < 0x800) {
			text[0] = (char)(0xc0 | c >> 6);
			text[1] = (char)(0x80 | (c & 63));
		} else if (c < 0x10000) {
			text[0] = (char)(0xe0 | c >> 12);
			text[1] = (char)(0x80 | (c >> 6 & 63));
			text[2] = (char)(0x80 | (c & 63));
		} else {
			text[0] = (char)(0xf0 | c >> 18);
			text[1] = (char)(0x80 | (c >> 12 & 63));
			text[2] = (char)(0x80 | (c >> 6 & 63));
			text[3] = (char)(0x80 | (c & 63));
		}
		if (kl_utf8_ok(text) != (c < 0xd800 || c > 0xdfff))
			fail_msg("U+%04X", c);
	}
}

static void
phones(void **state)
{
	static const char *const bad[] = {"", "+", "15005550006",
	    "+05005550006", "+1 500 555 0006", "+1500555000x",
	    "+1234567890123456", "+123456", "++15005550006", "+15005550006 ",
	    "(500) 555-0006"};

	(void)state;
	assert_true(klaviyo_phone_ok("+15005550006"));
	assert_true(klaviyo_phone_ok("+123456789012345"));
	assert_true(klaviyo_phone_ok("+1234567"));
	assert_false(klaviyo_phone_ok(NULL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(klaviyo_phone_ok(bad[i]));
}

static void
expect_money(int64_t amount, const char *currency, const char *expected)
{
	char *text = klaviyo_money(amount, currency);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void
money(void **state)
{
	(void)state;
	expect_money(2998, "USD", "29.98");
	expect_money(2998, "JPY", "2998");
	expect_money(2998, "KWD", "2.998");
	expect_money(2998, "CLF", "0.2998");
	expect_money(0, "USD", "0.00");
	expect_money(0, "JPY", "0");
	expect_money(5, "EUR", "0.05");
	expect_money(-5, "EUR", "-0.05");
	expect_money(-100, "EUR", "-1.00");
	expect_money(100000, "EUR", "1000.00");
	expect_money(INT64_MAX, "USD", "92233720368547758.07");
	expect_money(INT64_MIN, "USD", "-92233720368547758.08");
	expect_money(INT64_MAX, "JPY", "9223372036854775807");
	expect_money(INT64_MIN, "JPY", "-9223372036854775808");
	expect_money(INT64_MIN, "CLF", "-922337203685477.5808");
	assert_null(klaviyo_money(1, "usd"));
	assert_string_equal(
	    klaviyo_error(), "currency \"usd\": not an ISO 4217 code");
	assert_null(klaviyo_money(1, NULL));
}

static void
money_all(void **state)
{
	char expected[32], *text;

	(void)state;
	for (int i = 0; i <= 2000000; i++) {
		text = klaviyo_money(i, "USD");
		snprintf(
		    expected, sizeof(expected), "%d.%02d", i / 100, i % 100);
		if (text == NULL || strcmp(text, expected) != 0)
			fail_msg("%d", i);
		free(text);
	}
}

static void
exponents(void **state)
{
	int64_t total;

	(void)state;
	assert_int_equal(klaviyo_exponent("USD"), 2);
	assert_int_equal(klaviyo_exponent("JPY"), 0);
	assert_int_equal(klaviyo_exponent("KWD"), 3);
	assert_int_equal(klaviyo_exponent("UYW"), 4);
	assert_int_equal(klaviyo_exponent("XPF"), 0);
	assert_int_equal(klaviyo_exponent("EUR"), 2);
	assert_int_equal(klaviyo_exponent(NULL), -1);
	assert_int_equal(klaviyo_exponent(""), -1);
	assert_int_equal(klaviyo_exponent("US"), -1);
	assert_int_equal(klaviyo_exponent("USDX"), -1);
	assert_int_equal(klaviyo_exponent("U$D"), -1);
	assert_int_equal(kl_money_times(999, 3, &total), 0);
	assert_int_equal(total, 2997);
	assert_int_equal(kl_money_times(INT64_MAX, 2, &total), -1);
	assert_int_equal(kl_money_times(INT64_MIN, -1, &total), -1);
}

static void
json_strict(void **state)
{
	static const char *const good[] = {"{}", " [ ] ", "\"a\"", "0", "-0",
	    "-1.5e+10", "1E5", "true", "false", "null", "[1,2,{\"a\":[]}]",
	    "\"\\ud83d\\ude00\\n\\/\"", "\t{\"a\" : 1 }\r\n"};
	static const char *const bad[] = {"", " ", "{", "}", "[1,]", "{,}",
	    "{\"a\":1,}", "{\"a\"}", "{a:1}", "{'a':1}", "01", "1.", ".5", "-",
	    "+1", "1e", "1e+", "0x1", "NaN", "Infinity", "tru", "nul",
	    "\"a\nb\"", "\"\x01\"", "\"a", "\"\\x\"", "\"\\", "\"\\u12\"",
	    "\"\\u0000\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83dx\"",
	    "\"\\ud83d\\u0041\"", "[1 2]", "{} {}", "[1]x", "\"\xff\"",
	    "\xef\xbb\xbf{}"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (kl_json_check(good[i], 3, "j") != 0)
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (kl_json_check(bad[i], 3, "j") == 0)
			fail_msg("%s", bad[i]);
	assert_int_equal(kl_json_check("[[[]]]", 3, "j"), 0);
	assert_int_equal(kl_json_check("[[[]],[[]]]", 3, "j"), 0);
	assert_int_equal(kl_json_check("[[[[]]]]", 3, "j"), -1);
}

static void
json_numbers(void **state)
{
	static const char text[] =
	    "{\"9\":9007199254740993,\"\\\"-1\":[1.10,-0,1e2,{\"a\":"
	    "9223372036854775807}],\"b\":\"12\\\\\",\"c\":0.1000}";
	static const char *const bad[] = {"9223372036854775808",
	    "[-9223372036854775809]", "1e400", "-1.0e999"};
	cJSON *tree = kl_json_read(text, 10, "j");
	char *copy;

	(void)state;
	assert_non_null(tree);
	copy = kl_json_text(tree);
	assert_string_equal(copy, text);
	free(copy);
	cJSON_Delete(tree);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(kl_json_read(bad[i], 10, "j"));
	assert_string_equal(
	    klaviyo_error(), "j: the number -1.0e999 is too large");
}

static int
read_once(void)
{
	cJSON *tree = kl_json_read("{\"a\":[1,2,\"x\"],\"b\":null}", 10, "j");
	char *text = tree ? kl_json_text(tree) : NULL;
	int ok = text != NULL;

	free(text);
	cJSON_Delete(tree);
	return ok;
}

static int
money_once(void)
{
	char *text = klaviyo_money(100, "USD");

	free(text);
	/* Without the linker's help this allocation cannot be made to fail. */
	return text != NULL;
}

static void
no_memory(void **state)
{
	(void)state;
	assert_true(nth_alloc_each(read_once) > 5);
	assert_true(nth_alloc_each(money_once) >= 0);
}

static void
clocks(void **state)
{
	int64_t then = kl_monotonic_ms();

	(void)state;
	assert_true(kl_now() > 1700000000);
	assert_true(kl_monotonic_ms() >= then);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(errors),
	    cmocka_unit_test(utf8),
	    cmocka_unit_test(utf8_all),
	    cmocka_unit_test(phones),
	    cmocka_unit_test(money),
	    cmocka_unit_test(money_all),
	    cmocka_unit_test(exponents),
	    cmocka_unit_test(json_strict),
	    cmocka_unit_test(json_numbers),
	    cmocka_unit_test(no_memory),
	    cmocka_unit_test(clocks),
	};

	nth_alloc_hook();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
