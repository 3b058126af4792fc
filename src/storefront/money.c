/*
 * money.c - amounts: minor units to what a visitor reads, and decimal text to
 * minor units.
 *
 * Promises: exact, in integers throughout; English formatting, whatever the
 * locale.  A currency that is not in the table has two decimals and is shown
 * by its code.
 * Does not: convert between currencies, nor read what a visitor types ("1,234"
 * and "$5" are no amounts: there a comma or a dot may mean either).
 */
#include <string.h>

#include "storefront.h"

/* The symbol (none: the code is shown) and the decimals of the minor unit, as
 * ISO 4217 has them.  Two decimals without a symbol need no row. */
static const struct currency {
	char code[4];
	const char *symbol;
	int exponent;
} currencies[] = {
    {"AUD", "A$", 2},
    {"BHD", NULL, 3},
    {"BIF", NULL, 0},
    {"BRL", "R$", 2},
    {"CAD", "CA$", 2},
    {"CLF", NULL, 4},
    {"CLP", NULL, 0},
    {"CNY", "CN¥", 2},
    {"DJF", NULL, 0},
    {"EUR", "€", 2},
    {"GBP", "£", 2},
    {"GNF", NULL, 0},
    {"HKD", "HK$", 2},
    {"ILS", "₪", 2},
    {"INR", "₹", 2},
    {"IQD", NULL, 3},
    {"ISK", NULL, 0},
    {"JOD", NULL, 3},
    {"JPY", "¥", 0},
    {"KMF", NULL, 0},
    {"KRW", "₩", 0},
    {"KWD", NULL, 3},
    {"LYD", NULL, 3},
    {"MXN", "MX$", 2},
    {"NZD", "NZ$", 2},
    {"OMR", NULL, 3},
    {"PYG", NULL, 0},
    {"RWF", NULL, 0},
    {"TND", NULL, 3},
    {"TWD", "NT$", 2},
    {"UGX", NULL, 0},
    {"USD", "$", 2},
    {"UYI", NULL, 0},
    {"UYW", NULL, 4},
    {"VND", "₫", 0},
    {"VUV", NULL, 0},
    {"XAF", NULL, 0},
    {"XOF", NULL, 0},
    {"XPF", NULL, 0},
};

static const struct currency unknown = {"", NULL, 2};

static const struct currency *
find_currency(const char *code)
{
	const size_t n = sizeof(currencies) / sizeof(currencies[0]);

	for (size_t i = 0; i < n; i++)
		if (strcmp(currencies[i].code, code) == 0)
			return &currencies[i];
	return &unknown;
}

char *
money_text(struct arena *arena, int64_t amount, const char *currency)
{
	const struct currency *c = find_currency(currency);
	/* INT64_MIN has no positive counterpart in int64_t. */
	uint64_t rest = amount < 0 ? -(uint64_t)amount : (uint64_t)amount;
	char digits[40], *d = digits + sizeof(digits);
	int shown = 0;

	/* From the last digit to the first. */
	*--d = '\0';
	for (; shown < c->exponent; shown++, rest /= 10)
		*--d = (char)('0' + rest % 10);
	if (c->exponent > 0)
		*--d = '.';
	shown = 0;
	do {
		if (shown > 0 && shown % 3 == 0)
			*--d = ',';
		*--d = (char)('0' + rest % 10);
		shown++;
		rest /= 10;
	} while (rest > 0);
	return arena_printf(arena, "%s%s%s%s", amount < 0 ? "-" : "",
	    c->symbol != NULL ? c->symbol : currency,
	    c->symbol != NULL ? "" : " ", d);
}

/* Digits, or digits, a dot and one to ${exponent} digits; no sign, no spaces:
 * whatever else there is might mean something else. */
int
money_parse(const char *text, const char *currency, int64_t *amount)
{
	const int exponent = find_currency(currency)->exponent;
	const char *t = text;
	int decimals = -1; /* before the dot */
	int64_t sum = 0;

	if (*t < '0' || *t > '9')
		return shop_fail("\"%.40s\" is no amount", text);
	for (; *t != '\0'; t++) {
		if (*t == '.' && decimals < 0 && exponent > 0) {
			decimals = 0;
			continue;
		}
		if (*t < '0' || *t > '9')
			break;
		if (decimals >= 0 && ++decimals > exponent)
			break;
		if (__builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, *t - '0', &sum))
			return shop_fail("%.40s.. is too much", text);
	}
	if (*t != '\0' || decimals == 0)
		return shop_fail("\"%.40s\" is no amount", text);
	for (int i = decimals < 0 ? 0 : decimals; i < exponent; i++)
		if (__builtin_mul_overflow(sum, 10, &sum))
			return shop_fail("%.40s is too much", text);
	*amount = sum;
	return 0;
}

const char *
money_example(const char *currency)
{
	static const char *const examples[] = {
	    "1999", "19.9", "19.99", "19.990", "19.9900"};

	return examples[find_currency(currency)->exponent];
}
