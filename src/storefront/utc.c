/*
 * utc.c - the time, and a time as text, in UTC.
 *
 * Promises: what the calendar cannot hold, or ${text} cannot, is "".
 */
#include "storefront.h"

#include <time.h>

/* As the library: time() says the second before for up to a tick of the kernel,
   and what is sent just now would be of the future. */
int64_t
utc_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

/* The callers' formats are checked: storefront.h says that it is strftime()'s.
 */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
const char *
utc_text(char *text, size_t size, const char *format, int64_t seconds)
{
	time_t time = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&time, &tm) == NULL ||
	    strftime(text, size, format, &tm) == 0)
		text[0] = '\0';
	return text;
}
