/*
 * given.h - a request as a web server hands it over, read from an input:
 * "NAME=value" each ended by a NUL, an empty one, then the body.
 */
#ifndef GIVEN_H
#define GIVEN_H

#include "fuzz.h"

enum { VARIABLES = 64 };

struct given {
	char *variable[VARIABLES];
	size_t n;
	const uint8_t *body;
	size_t length, done;
};

static inline void
given_take(struct given *given, const uint8_t *data, size_t size)
{
	*given = (struct given){.n = 0};
	while (size > 0 && *data != '\0' && given->n < VARIABLES) {
		char *text = text_of(data, size);
		size_t used = strlen(text) + 1;

		given->variable[given->n++] = text;
		if (used > size)
			used = size;
		data += used;
		size -= used;
	}
	if (size > 0 && *data == '\0') {
		data++;
		size--;
	}
	given->body = data;
	given->length = size;
}

static inline void
given_free(struct given *given)
{
	for (size_t i = 0; i < given->n; i++)
		free(given->variable[i]);
}

/* http_get: the first of its name. */
static inline const char *
given_get(void *arg, const char *name)
{
	struct given *given = arg;
	size_t length = strlen(name);

	for (size_t i = 0; i < given->n; i++)
		if (strncmp(given->variable[i], name, length) == 0 &&
		    given->variable[i][length] == '=')
			return given->variable[i] + length + 1;
	return NULL;
}

/* http_read: in pieces, as it comes over a socket. */
static inline long
given_read(void *arg, char *buffer, size_t n)
{
	struct given *given = arg;
	size_t left = given->length - given->done;

	if (n > left)
		n = left;
	if (n > 1 + given->done % 700)
		n = 1 + given->done % 700;
	memcpy(buffer, given->body + given->done, n);
	given->done += n;
	return (long)n;
}

#endif
