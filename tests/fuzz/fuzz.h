/*
 * fuzz.h - what the fuzz targets share: a promise that must hold, and input as
 * text.
 *
 * A target is one function that takes any bytes, calls the product's own
 * function with them, and checks what that promises: that nothing is read or
 * written out of place is the sanitizers' part.  libFuzzer calls it (make
 * fuzz), and so does replay.c with the inputs of tests/fuzz/corpus (make test).
 *
 * Checks here do not use the code that they check: utf8_strict() is no copy of
 * the product's.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Once, before the first input. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
/* One input; 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process, as libFuzzer and the tests want it, if a promise is broken.
 */
#define must(promise)                                                          \
	((promise) ? (void)0 : broken(#promise, __FILE__, __LINE__))

static inline void
broken(const char *promise, const char *file, int line)
{
	fprintf(stderr, "BROKEN PROMISE: %s:%d: %s\n", file, line, promise);
	abort();
}

/* The bytes up to the first NUL as a text, owned, with nothing behind it. */
static inline char *
text_of(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	must(text != NULL);
	return text;
}

/* Is it UTF-8 of Unicode's own characters, each in its shortest form? */
static inline bool
utf8_strict(const char *text)
{
	const unsigned char *t = (const unsigned char *)text;

	while (*t != '\0') {
		int more = *t < 0x80   ? 0
		           : *t < 0xc0 ? -1
		           : *t < 0xe0 ? 1
		           : *t < 0xf0 ? 2
		           : *t < 0xf8 ? 3
		                       : -1;
		uint32_t c = more <= 0 ? *t : *t & (0x3fu >> more);

		if (more < 0)
			return false;
		for (int i = 1; i <= more; i++) {
			if ((t[i] & 0xc0) != 0x80)
				return false;
			c = c << 6 | (t[i] & 0x3fu);
		}
		if ((more == 1 && c < 0x80) || (more == 2 && c < 0x800) ||
		    (more == 3 && c < 0x10000) || c > 0x10ffff ||
		    (c >= 0xd800 && c <= 0xdfff))
			return false;
		t += more + 1;
	}
	return true;
}

/* UTF-8 without control characters, but for those of ${but}. */
static inline bool
clean_but(const char *text, const char *but)
{
	for (const char *c = text; *c != '\0'; c++)
		if (((unsigned char)*c < 0x20 || *c == 0x7f) &&
		    strchr(but, *c) == NULL)
			return false;
	return utf8_strict(text);
}

#endif
