/*
 * span.c - the span of days that a command is about: --since DAY, --until DAY.
 *
 * Promises: a day is one that the calendar has, written 2024-01-31, and begins
 * at midnight UTC; a span that can hold nothing is refused, each with one line
 * that says why.
 */
#include "storefront.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

/* strptime() takes 31 February, and a year of two digits. */
static bool
read_day(const char *text, int64_t *day)
{
	struct tm tm = {0}, asked;
	const char *end = strptime(text, "%Y-%m-%d", &tm);

	if (end == NULL || *end != '\0' || strlen(text) != 10 ||
	    !isdigit((unsigned char)*text))
		return false;
	asked = tm;
	*day = timegm(&tm); /* which makes 1 March of it */
	return asked.tm_mday == tm.tm_mday;
}

void
span_begin(struct span *span, int64_t now)
{
	*span = (struct span){.now = now, .until = now + 1};
}

int
span_option(struct span *span, const char *name, const char *day)
{
	bool since = strcmp(name, "--since") == 0;

	if (!since && strcmp(name, "--until") != 0)
		return 0;
	if (day == NULL)
		return shop_fail("%s needs a day, such as 2024-01-31", name);
	if (!read_day(day, since ? &span->since : &span->until))
		return shop_fail("%s: \"%.40s\" is no day; write it like "
		                 "2024-01-31",
		    name, day);
	if (!since)
		span->until_given = true;
	return 1;
}

int
span_check(const struct span *span)
{
	if (span->since >= span->until && span->until_given)
		return shop_fail("--until must be a later day than --since: "
		                 "it is the first day that is left out");
	if (span->since > span->now)
		return shop_fail("--since is a day that is yet to come");
	return 0;
}
