/*
 * overflow.c - a reader of amounts that does not look where int64_t ends: UBSan
 * must see it.
 *
 * Target: csv
 * Replaces: money_parse
 * Report: signed integer overflow
 */
#include "storefront.h"

__typeof__(money_parse) __real_money_parse, __wrap_money_parse;

int
__wrap_money_parse(const char *text, const char *currency, int64_t *amount)
{
	int64_t sum = 0;

	for (const char *t = text; *t >= '0' && *t <= '9'; t++)
		sum = sum * 10 + (*t - '0');
	*amount = sum; /* or the sum would not be made at all */
	return __real_money_parse(text, currency, amount);
}
