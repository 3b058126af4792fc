/*
 * rates.c - KLAVIYO_RATES, an account's limits at Klaviyo, read.
 */
#include "storefront.h"

#include <stdlib.h>
#include <string.h>

/* A number of up to nine digits; NULL if there is none. */
static const char *
rate_number(const char *text, int *number)
{
	size_t digits = strspn(text, "0123456789");

	if (digits < 1 || digits > 9)
		return NULL;
	*number = (int)strtol(text, NULL, 10);
	return text + digits;
}

int
rates_read(const char *text, int rates[4])
{
	static const char behind[] = "/,/";

	memset(rates, 0, 4 * sizeof(*rates));
	for (int i = 0; i < 4; i++) {
		if ((text = rate_number(text, &rates[i])) == NULL)
			return -1;
		if (i == 1 && *text == '\0') /* bulk's are Klaviyo's */
			return rates[0] > 0 && rates[1] >= rates[0] ? 0 : -1;
		if (*text != behind[i])
			return -1;
		text += i < 3;
	}
	if (rates[0] < 1 || rates[1] < rates[0] || rates[3] < rates[2] ||
	    (rates[2] == 0 && rates[3] > 0))
		return -1;
	if (rates[2] == 0)
		rates[2] = rates[3] = -1;
	return 0;
}
