/*
 * texts.c - this thread's error text, texts of others before they are printed
 * or searched, and numbers as the database's columns have them.
 *
 * Promises: an error is one line without control characters, whatever is put
 * into it.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include "storefront.h"

#define LINE_MAX_BYTES 1000

static _Thread_local char error_text[LINE_MAX_BYTES];

/* Formats into ${line}: control characters become spaces, and what is too
 * long is cut between two characters. */
static void __attribute__((format(printf, 2, 0)))
one_line(char line[LINE_MAX_BYTES], const char *format, va_list args)
{
	int n = vsnprintf(line, LINE_MAX_BYTES, format, args);
	size_t end;

	if (n < 0)
		line[0] = '\0';
	if (n >= LINE_MAX_BYTES) {
		end = LINE_MAX_BYTES - 1;
		while (end > 0 && ((unsigned char)line[end - 1] & 0xc0) == 0x80)
			end--;
		/* The character before its last bytes may be whole or not. */
		if (end > 0 && (unsigned char)line[end - 1] >= 0xc0)
			end--;
		line[end] = '\0';
	}
	for (char *c = line; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
}

int
shop_fail(const char *format, ...)
{
	char line[LINE_MAX_BYTES]; /* ${...} may be the old error text */
	va_list args;

	va_start(args, format);
	one_line(line, format, args);
	va_end(args);
	memcpy(error_text, line, sizeof(line));
	return -1;
}

const char *
shop_error(void)
{
	return error_text;
}

/* A carriage return is a control character too: a form's or file's line ends
 * are made newlines before. */
bool
utf8_clean(const char *text)
{
	const unsigned char *t = (const unsigned char *)text;

	for (const unsigned char *c = t; *c != '\0'; c++)
		if ((*c < 0x20 && *c != '\n' && *c != '\t') || *c == 0x7f)
			return false;
	return u8_check(t, strlen(text)) == NULL;
}

void
print_tame(const char *text, size_t length)
{
	const unsigned char *at = (const unsigned char *)text;

	for (const unsigned char *end = at + length; at < end; at++) {
		bool c1 = *at == 0xc2 && at + 1 < end && at[1] >= 0x80 &&
		          at[1] < 0xa0;

		at += c1;
		putchar(c1 || *at < 0x20 || *at == 0x7f ? '?' : *at);
	}
}

/* Of nothing but ASCII, as most of a catalogue is: there only A to Z change.
 * NULL: there is something else. */
static char *
fold_ascii(struct arena *arena, const char *text, size_t length)
{
	unsigned char all = 0;
	char *copy;

	for (size_t i = 0; i < length; i++)
		all |= (unsigned char)text[i];
	if (all >= 0x80)
		return NULL;
	copy = arena_copyn(arena, text, length);
	for (char *c = copy; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return copy;
}

/* Compatibility forms are composed as well, so that a decomposed or full-width
 * text is found by what one types. */
char *
fold(struct arena *arena, const char *text)
{
	const uint8_t *t = (const uint8_t *)text;
	size_t length = strlen(text);
	uint8_t *folded;
	char *copy = fold_ascii(arena, text, length);

	if (copy != NULL)
		return copy;
	if (u8_check(t, length) != NULL) /* not UTF-8: as it is */
		return arena_copyn(arena, text, length);
	folded = u8_casefold(t, length, NULL, UNINORM_NFKC, NULL, &length);
	if (folded == NULL) {
		arena_fail(arena);
		return arena_copy(arena, "");
	}
	copy = arena_copyn(arena, (char *)folded, length);
	free(folded);
	return copy;
}

const char *
num_text(char buffer[24], int64_t n)
{
	/* Several a request: snprintf() takes four times as long. */
	uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
	char *at = buffer + 23;

	*at = '\0';
	do
		*--at = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (n < 0)
		*--at = '-';
	return at;
}

int64_t
num(const char *text)
{
	return text == NULL ? 0 : strtoll(text, NULL, 10);
}
