/*
 * memory.c - arenas and growing texts.
 *
 * Promises: a failed allocation is remembered, and never a crash: functions
 * that return text return "" then, arena_alloc alone returns NULL.
 * Does not: return memory before its arena is freed, all but what clearing frees;
 * lock (an arena and a text belong to one thread at a time).
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

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
	struct chunk *spare;  /* of CHUNK bytes, for what comes after clearing */
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

static void
free_chunks(struct chunk *chunk)
{
	for (struct chunk *next; chunk != NULL; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
}

void
arena_clear(struct arena *arena)
{
	struct chunk *chunk;

	for (struct taken *t = arena->taken; t != NULL; t = t->next)
		free(t->text);
	arena->taken = NULL;
	while ((chunk = arena->chunks) != NULL) {
		arena->chunks = chunk->next;
		if (arena->secret)
			explicit_bzero(chunk->data, chunk->used);
		if (CHECKED || chunk->room != CHUNK) {
			free(chunk);
			continue;
		}
		chunk->used = 0;
		chunk->next = arena->spare;
		arena->spare = chunk;
	}
	arena->failed = false;
}

void
arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	arena_clear(arena);
	free_chunks(arena->spare);
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

/* The newest chunk from now on, with room for ${size}, of which ${asked} are
   used; NULL: no memory. */
static struct chunk *
add_chunk(struct arena *arena, size_t size, size_t asked)
{
	struct chunk *chunk = size <= CHUNK ? arena->spare : NULL;

	if (chunk != NULL) {
		arena->spare = chunk->next;
	} else {
		size_t room = size > CHUNK ? size : CHUNK;

		chunk = malloc(sizeof(*chunk) + (CHECKED ? asked : room));
		if (chunk == NULL)
			return NULL;
		chunk->used = 0;
		chunk->room = room;
	}
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	return chunk;
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
	if (chunk == NULL || chunk->room - chunk->used < size)
		chunk = add_chunk(arena, size, asked);
	if (chunk == NULL)
		return out_of_memory(arena);
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

void
arena_fail(struct arena *arena)
{
	out_of_memory(arena);
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
