/*
 * text.c - growing text, memory that is there or the program is not, time.
 *
 * Promises: a buf is NUL-terminated whenever something was added to it, and
 * what buf_json prints is JSON, whatever bytes it is given (bytes that are not
 * UTF-8 become U+FFFD). Does no I/O besides the last words of xalloc.
 */
#include "sandbox.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void *
xrealloc(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	if (!p) {
		fputs("klaviyo-sandbox: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *
xalloc(size_t size)
{
	return memset(xrealloc(NULL, size), 0, size);
}

char *
xdup(const char *s, size_t n)
{
	char *p = xrealloc(NULL, n + 1);

	memcpy(p, s, n);
	p[n] = 0;
	return p;
}

static void
buf_room(struct buf *b, size_t more)
{
	size_t need = b->n + more + 1;

	if (need <= b->cap)
		return;
	b->cap = need < 128 ? 128 : need + need / 2;
	b->p = xrealloc(b->p, b->cap);
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	buf_room(b, n);
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = 0;
}

void
buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	buf_room(b, 200);
	va_copy(again, ap);
	n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
	if ((size_t)n >= b->cap - b->n) {
		buf_room(b, (size_t)n);
		vsnprintf(b->p + b->n, b->cap - b->n, fmt, again);
	}
	va_end(again);
	b->n += (size_t)n;
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

/* Length of the UTF-8 character at s, 0 when it is none. */
static size_t
utf8(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char lead, mask;
		unsigned low;
	} forms[] = {
	    {0xc0, 0xe0, 0x80}, {0xe0, 0xf0, 0x800}, {0xf0, 0xf8, 0x10000}};
	unsigned c;

	if (*s < 0x80)
		return 1;
	for (size_t i = 0; i < 3; i++) {
		if ((*s & forms[i].mask) != forms[i].lead || n < i + 2)
			continue;
		c = *s & (unsigned char)~forms[i].mask;
		for (size_t j = 1; j < i + 2; j++) {
			if ((s[j] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s[j] & 0x3f);
		}
		if (c < forms[i].low || c > 0x10ffff ||
		    (c >= 0xd800 && c < 0xe000))
			return 0;
		return i + 2;
	}
	return 0;
}

void
buf_json(struct buf *b, const char *s, size_t n)
{
	buf_add(b, "\"", 1);
	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)s[i];
		size_t len = utf8((const unsigned char *)s + i, n - i);

		if (!len) {
			buf_str(b, "\xef\xbf\xbd");
			len = 1;
		} else if (c == '"' || c == '\\') {
			buf_printf(b, "\\%c", c);
		} else if (c < 0x20 || c == 0x7f) {
			buf_printf(b, "\\u%04x", c);
		} else {
			buf_add(b, s + i, len);
		}
		i += len;
	}
	buf_add(b, "\"", 1);
}

/* "key":, with a comma before it unless it is an object's first */
void
buf_member(struct buf *b, const char *key)
{
	if (b->p[b->n - 1] != '{')
		buf_str(b, ",");
	buf_json(b, key, strlen(key));
	buf_str(b, ":");
}

void
buf_time(struct buf *b, int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	char s[32];

	if (!gmtime_r(&t, &tm))
		memset(&tm, 0, sizeof tm);
	if (!strftime(s, sizeof s, "%Y-%m-%dT%H:%M:%S", &tm))
		s[0] = '\0';
	buf_printf(b, "%s.%03dZ", s, (int)(ms % 1000));
}

void
buf_free(struct buf *b)
{
	free(b->p);
	memset(b, 0, sizeof *b);
}

static int64_t
clock_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

int64_t
monotonic_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

/* 26 characters as Klaviyo's: 10 of time, 16 of chance. */
void
make_id(char out[27])
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	int64_t t = wall_ms();

	for (int i = 9; i >= 0; i--, t >>= 5)
		out[i] = digits[t & 31];
	for (int i = 10; i < 26; i++)
		out[i] = digits[randombytes_uniform(32)];
	out[26] = 0;
}
