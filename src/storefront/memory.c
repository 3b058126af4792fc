/*
 * memory.c - arenas, growing texts, this thread's error text, and the few
 * text and number helpers that every file needs.
 *
 * Promises: a failed allocation is remembered, and never a crash: functions
 * that return text return "" then, arena_alloc alone returns NULL.  An error
 * is one line without control characters, whatever is put into it.
 * Does not: return memory before its arena is freed; lock (an arena and a text
 * belong to one thread at a time).
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include "storefront.h"

/* Under AddressSanitizer each allocation is a chunk of its own and ends with
 * the last byte asked for, so that an overflow of one is seen.  gcc tells by a
 * macro, clang by a feature. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHECKED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define CHECKED 1
#endif
#ifndef CHECKED
#define CHECKED 0
#endif
#define CHUNK (CHECKED ? 1 : 16000)
#define LINE_MAX_BYTES 1000

struct chunk {
	struct chunk *next;
	size_t used, room;
	_Alignas(max_align_t) char data[];
};
struct taken {
	struct taken *next;
	char *text;
};
struct arena {
	struct chunk *chunks; /* the newest first */
	struct taken *taken;
	bool failed, secret;
};

/* What text functions return when there is no memory; nobody writes to it. */
static char nothing[1];

struct arena *
arena_new(void)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (arena == NULL)
		shop_fail("out of memory");
	return arena;
}

void
arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	for (struct taken *t = arena->taken; t != NULL; t = t->next)
		free(t->text);
	for (struct chunk *c = arena->chunks, *next; c != NULL; c = next) {
		next = c->next;
		if (arena->secret)
			explicit_bzero(c->data, c->used);
		free(c);
	}
	free(arena);
}

void
arena_secret(struct arena *arena)
{
	arena->secret = true;
}

static void *
out_of_memory(struct arena *arena)
{
	arena->failed = true;
	shop_fail("out of memory");
	return NULL;
}

/* Not zeroed: most of what is taken is written at once. */
static void *
take(struct arena *arena, size_t size)
{
	const size_t unit = _Alignof(max_align_t), asked = size;
	struct chunk *chunk = arena->chunks;

	if (size > SIZE_MAX / 2)
		return out_of_memory(arena);
	size = size == 0 ? unit : (size + unit - 1) / unit * unit;
	if (chunk == NULL || chunk->room - chunk->used < size) {
		size_t room = size > CHUNK ? size : CHUNK;

		chunk = malloc(sizeof(*chunk) + (CHECKED ? asked : room));
		if (chunk == NULL)
			return out_of_memory(arena);
		chunk->used = 0;
		chunk->room = room;
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	chunk->used += size;
	return chunk->data + chunk->used - size;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	void *taken = take(arena, size);

	return taken != NULL ? memset(taken, 0, size) : NULL;
}

char *
arena_copyn(struct arena *arena, const char *text, size_t length)
{
	char *copy;

	if (length == SIZE_MAX)
		return nothing;
	copy = take(arena, length + 1);
	if (copy == NULL)
		return nothing;
	if (length > 0)
		memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *
arena_copy(struct arena *arena, const char *text)
{
	return arena_copyn(arena, text, text == NULL ? 0 : strlen(text));
}

char *
arena_printf(struct arena *arena, const char *format, ...)
{
	char *text, short_one[256]; /* as most are */
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(short_one, sizeof(short_one), format, args);
	va_end(args);
	text = n >= 0 && (size_t)n < sizeof(short_one)
	    ? arena_copyn(arena, short_one, (size_t)n)
	    : NULL;
	if (arena->secret)
		explicit_bzero(short_one, sizeof(short_one));
	if (text != NULL)
		return text;
	text = n < 0 ? out_of_memory(arena) : arena_alloc(arena, (size_t)n + 1);
	if (text == NULL)
		return nothing;
	va_start(args, format);
	vsnprintf(text, (size_t)n + 1, format, args);
	va_end(args);
	return text;
}

char *
arena_take(struct arena *arena, char *text)
{
	struct taken *taken;

	if (text == NULL)
		return NULL;
	taken = arena_alloc(arena, sizeof(*taken));
	if (taken == NULL) {
		free(text);
		return NULL;
	}
	taken->text = text;
	taken->next = arena->taken;
	arena->taken = taken;
	return text;
}

bool
arena_failed(const struct arena *arena)
{
	return arena->failed;
}

/* Makes room for ${more} bytes and a NUL. */
static bool
text_room(struct text *text, size_t more)
{
	size_t room;
	char *data;

	if (text->failed)
		return false;
	if (more < text->room - text->length)
		return true;
	room = text->room < 256 ? 256 : text->room;
	while (room - text->length <= more && room < SIZE_MAX / 4)
		room *= 2;
	data = room - text->length <= more ? NULL : realloc(text->data, room);
	if (data == NULL) {
		text->failed = true;
		shop_fail("out of memory");
		return false;
	}
	text->data = data;
	text->room = room;
	return true;
}

void
text_addn(struct text *text, const char *more, size_t length)
{
	if (!text_room(text, length))
		return;
	if (length > 0)
		memcpy(text->data + text->length, more, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void
text_add(struct text *text, const char *more)
{
	text_addn(text, more, strlen(more));
}

/* Mostly there is room for it already. */
void
text_printf(struct text *text, const char *format, ...)
{
	size_t left = text->room - text->length;
	va_list args;
	int n;

	if (text->failed)
		return;
	va_start(args, format);
	n = vsnprintf(
	    left > 0 ? text->data + text->length : NULL, left, format, args);
	va_end(args);
	if (n < 0) {
		text->failed = true;
		return;
	}
	if ((size_t)n >= left) {
		if (!text_room(text, (size_t)n))
			return;
		va_start(args, format);
		vsnprintf(
		    text->data + text->length, (size_t)n + 1, format, args);
		va_end(args);
	}
	text->length += (size_t)n;
}

void
text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){0};
}

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
		out_of_memory(arena);
		return nothing;
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
