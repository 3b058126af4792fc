/*
 * money.c - amounts of money as integers and as decimal text.
 *
 * Promises: an amount is an int64_t in the currency's minor unit from end to
 * end, and becomes text here, digit by digit: no double, no locale, exact for
 * every int64_t.  The text is a JSON number as it stands.
 *
 * Does not: convert, round or tax.  The shop has the amount right or wrong.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* ISO 4217's minor units that are not 2.  A currency that is not listed,
   a future one included, has 2. */
static const struct {
	char code[4];
	int exponent;
} odd[] = {
    {"BHD", 3},
    {"BIF", 0},
    {"CLF", 4},
    {"CLP", 0},
    {"DJF", 0},
    {"GNF", 0},
    {"IQD", 3},
    {"ISK", 0},
    {"JOD", 3},
    {"JPY", 0},
    {"KMF", 0},
    {"KRW", 0},
    {"KWD", 3},
    {"LYD", 3},
    {"OMR", 3},
    {"PYG", 0},
    {"RWF", 0},
    {"TND", 3},
    {"UGX", 0},
    {"UYI", 0},
    {"UYW", 4},
    {"VND", 0},
    {"VUV", 0},
    {"XAF", 0},
    {"XOF", 0},
    {"XPF", 0},
};

int
klaviyo_exponent(const char *currency)
{
	size_t i;

	if (currency == NULL)
		return -1;
	for (i = 0; i < 3; i++)
		if (currency[i] < 'A' || currency[i] > 'Z')
			return -1;
	if (currency[3] != '\0')
		return -1;
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		if (memcmp(odd[i].code, currency, sizeof(odd[i].code)) == 0)
			return odd[i].exponent;
	return 2;
}

const char *
kl_decimal(char text[KL_DECIMAL], int64_t amount, int exponent)
{
	/* Unsigned, for INT64_MIN has no positive counterpart. */
	uint64_t rest = amount < 0 ? -(uint64_t)amount : (uint64_t)amount;
	char *at = &text[KL_DECIMAL - 1];

	*at = '\0';
	for (int digit = 0; rest > 0 || digit <= exponent; digit++) {
		if (digit == exponent && exponent > 0)
			*--at = '.';
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	}
	if (amount < 0)
		*--at = '-';
	return at;
}

int
kl_currency(const char *currency)
{
	int exponent = klaviyo_exponent(currency);

	if (exponent < 0)
		kl_fail("currency \"%.16s\": not an ISO 4217 code",
		    currency ? currency : "");
	return exponent;
}

char *
klaviyo_money(int64_t amount, const char *currency)
{
	int exponent = kl_currency(currency);
	char text[KL_DECIMAL];

	return exponent < 0 ? NULL
	                    : kl_copy(kl_decimal(text, amount, exponent));
}

int
kl_money_times(int64_t price, int quantity, int64_t *product)
{
	if (__builtin_mul_overflow(price, (int64_t)quantity, product))
		return kl_fail("price times quantity: too large");
	return 0;
}
