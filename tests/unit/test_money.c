/*
 * test_money.c - amounts shown and read; the decimals of every currency agree
 * with the library's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "klaviyo.h"
#include "storefront.h"

static void
shown(void **state)
{
	static const struct {
		int64_t amount;
		const char *currency, *text;
	} table[] = {
	    {0, "USD", "$0.00"},
	    {5, "USD", "$0.05"},
	    {123450, "USD", "$1,234.50"},
	    {100000, "USD", "$1,000.00"},
	    {99999, "USD", "$999.99"},
	    {123456789, "USD", "$1,234,567.89"},
	    {-500, "USD", "-$5.00"},
	    {1200, "JPY", "¥1,200"},
	    {0, "JPY", "¥0"},
	    {1200, "CHF", "CHF 12.00"},
	    {-1200, "CHF", "-CHF 12.00"},
	    {3500, "KWD", "KWD 3.500"},
	    {1999, "EUR", "€19.99"},
	    {1999, "GBP", "£19.99"},
	    {1999, "CAD", "CA$19.99"},
	    {1999, "SEK", "SEK 19.99"},
	    {1999, "HUF", "HUF 19.99"},
	    {1999, "KRW", "₩1,999"},
	    {1999, "QQQ", "QQQ 19.99"},
	    {INT64_MAX, "USD", "$92,233,720,368,547,758.07"},
	    {INT64_MIN, "USD", "-$92,233,720,368,547,758.08"},
	    {INT64_MIN, "JPY", "-¥9,223,372,036,854,775,808"},
	};
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_string_equal(
		    money_text(arena, table[i].amount, table[i].currency),
		    table[i].text);
	arena_free(arena);
}

static void
read_amounts(void **state)
{
	static const struct {
		const char *text, *currency;
		int64_t amount; /* -1: none */
	} table[] = {
	    {"0", "USD", 0}, {"19.99", "USD", 1999}, {"19.9", "USD", 1990},
	    {"19", "USD", 1900}, {"0019.99", "USD", 1999},
	    {"1200", "JPY", 1200}, {"3.5", "KWD", 3500}, {"3.505", "KWD", 3505},
	    {"3.50", "QQQ", 350}, {"92233720368547758.07", "USD", INT64_MAX},
	    {"92233720368547758.08", "USD", -1},
	    {"92233720368547759", "USD", -1},
	    {"99999999999999999999", "JPY", -1}, {"", "USD", -1},
	    {".", "USD", -1}, {".5", "USD", -1}, {"5.", "USD", -1},
	    {"1.2.3", "USD", -1}, {"19.999", "USD", -1},
	    {"1.000", "USD", -1}, /* a thousand to some, one to others */
	    {"1,000", "USD", -1}, {"19,99", "EUR", -1}, {"12.00", "JPY", -1},
	    {"12.", "JPY", -1}, {"-5", "USD", -1}, {"+5", "USD", -1},
	    {" 5", "USD", -1}, {"5 ", "USD", -1}, {"$5", "USD", -1},
	    {"1e3", "USD", -1}, {"0x10", "USD", -1}, {"abc", "USD", -1},
	    {"\xd9\xa3", "USD", -1}, /* an Arabic digit three */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int64_t amount = -7;
		int rc = money_parse(table[i].text, table[i].currency, &amount);

		if (rc != (table[i].amount < 0 ? -1 : 0) ||
		    amount != (rc != 0 ? -7 : table[i].amount))
			fail_msg("%s %s: %d, %lld", table[i].text,
			    table[i].currency, rc, (long long)amount);
	}
}

/* Decimals that money_text() shows. */
static int
decimals(struct arena *arena, const char *currency)
{
	const char *dot = strchr(money_text(arena, 1, currency), '.');

	return dot == NULL ? 0 : (int)strlen(dot + 1);
}

static void
agrees_with_the_library(void **state)
{
	struct arena *arena = arena_new();
	char code[4] = "AAA";

	(void)state;
	for (code[0] = 'A'; code[0] <= 'Z'; code[0]++)
		for (code[1] = 'A'; code[1] <= 'Z'; code[1]++)
			for (code[2] = 'A'; code[2] <= 'Z'; code[2]++)
				if (decimals(arena, code) !=
				    klaviyo_exponent(code))
					fail_msg("%s: shop %d, library %d",
					    code, decimals(arena, code),
					    klaviyo_exponent(code));
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(shown),
	    cmocka_unit_test(read_amounts),
	    cmocka_unit_test(agrees_with_the_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
