/*
 * text.c - errors, UTF-8, phone numbers and clocks.
 *
 * Promises: the error text is one line of valid UTF-8, kept per thread; it is
 * the library's only global state.  kl_utf8_ok() accepts exactly what RFC 3629
 * does: no surrogates, no overlong forms, nothing above U+10FFFF.
 *
 * Does not: judge whether a phone number is in service.  libphonenumber knows
 * numbering plans; we know the shape, and Klaviyo has the last word.
 */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static _Thread_local char error_text[512];
static _Thread_local bool error_of_store;

/* Length of the UTF-8 sequence at ${at}, 0 if it is none.  Reads no further
   than the first byte that does not belong, so never past the NUL. */
static size_t
sequence(const unsigned char *at)
{
	unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */
	size_t n, i;

	if (at[0] < 0x80)
		return at[0] != 0;
	if (at[0] >= 0xc2 && at[0] <= 0xdf)
		n = 2;
	else if (at[0] >= 0xe0 && at[0] <= 0xef)
		n = 3;
	else if (at[0] >= 0xf0 && at[0] <= 0xf4)
		n = 4;
	else
		return 0;
	switch (at[0]) {
	case 0xe0: /* below is overlong */
		low = 0xa0;
		break;
	case 0xed: /* above are surrogates */
		high = 0x9f;
		break;
	case 0xf0: /* below is overlong */
		low = 0x90;
		break;
	case 0xf4: /* above is beyond U+10FFFF */
		high = 0x8f;
		break;
	}
	if (at[1] < low || at[1] > high)
		return 0;
	for (i = 2; i < n; i++)
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	return n;
}

/* How many bytes of the beginning are plain ASCII: eight at a time, for that is
   what nearly all of a text is. */
static size_t
ascii(const unsigned char *at, size_t n)
{
	uint64_t eight;
	size_t i = 0;

	for (; i + sizeof(eight) <= n; i += sizeof(eight)) {
		memcpy(&eight, at + i, sizeof(eight));
		if (eight & UINT64_C(0x8080808080808080))
			break;
	}
	while (i < n && at[i] < 0x80)
		i++;
	return i;
}

bool
kl_utf8_ok(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	const unsigned char *end = at + strlen(text);
	size_t n;

	while ((at += ascii(at, (size_t)(end - at))) < end) {
		if ((n = sequence(at)) == 0)
			return false;
		at += n;
	}
	return true;
}

/* The text may quote a database's or a server's words: what is no UTF-8 or
   would break the line becomes '?', and a sequence cut short goes. */
int
kl_fail(const char *format, ...)
{
	unsigned char *at = (unsigned char *)error_text;
	char line[sizeof(error_text)];
	va_list args;
	size_t n;
	int length;

	va_start(args, format);
	/* Not straight into error_text: an argument may be klaviyo_error(). */
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	memcpy(error_text, line, sizeof(line));
	error_of_store = false;
	if (length < 0)
		error_text[0] = '\0';
	while (*at) {
		n = sequence(at);
		if (n == 0 && length >= (int)sizeof(line) &&
		    error_text + sizeof(line) - (char *)at <= 4) {
			*at = '\0';
			break;
		}
		if (n == 0 || *at < 0x20 || *at == 0x7f) {
			*at = '?';
			n = 1;
		}
		at += n;
	}
	return -1;
}

const char *
klaviyo_error(void)
{
	return error_text;
}

int
kl_store_failed(void)
{
	error_of_store = true;
	return -1;
}

int
klaviyo_error_passes(void)
{
	static const char memory[] = "out of memory";
	size_t n = strlen(error_text), end = sizeof(memory) - 1;

	return error_of_store ||
	       (n >= end && strcmp(error_text + n - end, memory) == 0);
}

char *
kl_copy(const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		kl_fail("out of memory");
	return copy;
}

char *
kl_lower(const char *text)
{
	char *copy = kl_copy(text);

	for (char *at = copy; at != NULL && *at != '\0'; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at += 'a' - 'A';
	return copy;
}

/* E.164: a plus sign, then up to fifteen digits, the first of them not 0; no
   country has numbers of fewer than seven. */
int
klaviyo_phone_ok(const char *phone_number)
{
	size_t digits;

	if (phone_number == NULL || phone_number[0] != '+' ||
	    phone_number[1] == '0')
		return 0;
	digits = strspn(phone_number + 1, "0123456789");
	return phone_number[1 + digits] == '\0' && digits >= 7 && digits <= 15;
}

int64_t
kl_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

int64_t
kl_monotonic_ms(void)
{
	struct timespec now;

	/* Also counts while the machine sleeps: leases do not. */
	if (clock_gettime(CLOCK_BOOTTIME, &now) != 0)
		clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

char *
kl_join(const char *const part[], size_t n)
{
	size_t size = 1, i;
	char *text, *to;

	for (i = 0; i < n; i++)
		size += strlen(part[i]);
	if ((text = malloc(size)) == NULL) {
		kl_fail("out of memory");
		return NULL;
	}
	for (to = text, i = 0; i < n; i++)
		to = stpcpy(to, part[i]);
	return text;
}
