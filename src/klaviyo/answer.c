/*
 * answer.c - reads the headers of an answer that say how fast to go, and what
 * Klaviyo calls it.
 *
 * Promises: what is not there, or is garbage, is -1; no text, however long or
 * large, overflows.
 *
 * Does not believe what it reads: pacer.c clamps it.
 */
#include "api.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "7", or an HTTP date; -1 for garbage.  libcurl's own reading makes -3000 of
   a past date and 1 of "1.5". */
static int64_t
retry_after(const char *value)
{
	size_t digits = strspn(value, "0123456789");
	time_t at;

	if (digits && !value[digits])
		return digits > 9 ? 1000000000 : strtoll(value, NULL, 10);
	if (!isalpha((unsigned char)*value) ||
	    (at = curl_getdate(value, NULL)) == -1)
		return -1;
	return at > kl_now() ? at - kl_now() : 0;
}

/* "3500" or "3500, 3500;w=60"; -1 for garbage. */
static int64_t
leading_number(const char *value)
{
	size_t digits = strspn(value, "0123456789");

	if (!digits || digits > 9)
		return -1;
	return strtoll(value, NULL, 10);
}

void
kl_answer_clear(struct kl_answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	answer->retry_after = answer->limit = -1;
	answer->remaining = answer->reset = -1;
}

int64_t
kl_answer_date(const struct kl_answer *answer)
{
	int64_t at = *answer->date ? curl_getdate(answer->date, NULL) : 0;

	return at > 0 ? at : 0;
}

/* Words of a log: nothing that could be a second one. */
static void
request_id(char to[KL_REQUEST_ID], const char *value)
{
	size_t n = strspn(value, "0123456789abcdefghijklmnopqrstuvwxyz"
	                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_");

	if (n > 0 && n < KL_REQUEST_ID && value[n] == '\0')
		memcpy(to, value, n + 1);
}

void
kl_answer_header(struct kl_answer *answer, const char *data, size_t n)
{
	char line[128], *value;

	while (n && isspace((unsigned char)data[n - 1]))
		n--;
	if (n >= sizeof(line))
		return; /* none of ours is so long */
	memcpy(line, data, n);
	line[n] = '\0';
	if (strncmp(line, "HTTP/", 5) == 0)
		kl_answer_clear(answer); /* what came before was a 1xx */
	if (!(value = strchr(line, ':')))
		return;
	*value++ = '\0';
	value += strspn(value, " \t");
	if (strcasecmp(line, "Retry-After") == 0)
		answer->retry_after = retry_after(value);
	else if (strcasecmp(line, "Date") == 0)
		snprintf(answer->date, sizeof(answer->date), "%s", value);
	else if (strcasecmp(line, "X-Klaviyo-Req-Id") == 0)
		request_id(answer->request_id, value);
	else if (strcasecmp(line, "RateLimit-Limit") == 0)
		answer->limit = leading_number(value);
	else if (strcasecmp(line, "RateLimit-Remaining") == 0)
		answer->remaining = leading_number(value);
	else if (strcasecmp(line, "RateLimit-Reset") == 0)
		answer->reset = leading_number(value);
}
