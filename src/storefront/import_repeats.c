/*
 * import_repeats.c - orders that stand in a file more than once.
 *
 * Promises: an order whose rows do not stand together, or that stands in the
 * file twice with different contents, is an error: the second would be taken
 * for one that is there already, and lost.  What is the same word for word,
 * as in two exports that were put together, is one order.
 * Memory is 24 bytes for each order of the file.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "import_orders.h"

#define FNV_BEGIN UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

struct seen {
	uint64_t order;
	uint32_t contents; /* a hash */
	uint32_t line;
	uint16_t lines;
	uint8_t changes;
	bool known;
};

/* With its end, so that "ab" and "c" are not "a" and "bc". */
static void
hash_text(crypto_generichash_state *state, const char *text)
{
	crypto_generichash_update(
	    state, (const unsigned char *)text, strlen(text) + 1);
}

static void
hash_number(crypto_generichash_state *state, int64_t number)
{
	hash_text(state, NUM(number));
}

static void
hash_contents(const struct past_order *past, uint32_t *hash)
{
	const struct order *o = &past->order;
	unsigned char out[crypto_generichash_BYTES_MIN];
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, sizeof(out));
	hash_text(&state, o->email);
	hash_text(&state, o->status);
	hash_number(&state, o->time);
	hash_number(&state, o->total);
	for (const struct line *l = o->lines; l != NULL; l = l->next) {
		hash_text(&state, l->title);
		hash_text(&state, l->sku);
		hash_number(&state, l->price);
		hash_number(&state, l->quantity);
	}
	for (int i = 0; i < past->nchanges; i++) {
		hash_text(&state, past->changes[i].id);
		hash_number(&state, past->changes[i].time);
		hash_number(&state, past->changes[i].amount);
	}
	crypto_generichash_final(&state, out, sizeof(out));
	memcpy(hash, out, sizeof(*hash));
}

/* FNV-1a of a row's cells, each with its end; or but those of its line. */
uint64_t
repeats_row(const struct row *row, bool whole)
{
	uint64_t hash = FNV_BEGIN;

	for (int i = 0; i < ORDER_COLUMNS; i++) {
		const char *c = row->cell[i];

		if (!whole && i >= LINE_QUANTITY && i <= LINE_VENDOR)
			continue;
		do
			hash = (hash ^ (unsigned char)*c) * FNV_PRIME;
		while (*c++ != '\0');
	}
	return hash;
}

/* FNV-1a: an id is a hash already, of more bits than these. */
static uint64_t
hash_of(const char *id)
{
	uint64_t hash = FNV_BEGIN;

	for (; *id != '\0'; id++)
		hash = (hash ^ (unsigned char)*id) * FNV_PRIME;
	return hash;
}

int
repeats_add(struct repeats *repeats, const struct past_order *past, bool known)
{
	struct seen *seen;

	if (repeats->n == repeats->room) {
		size_t room = repeats->room * 2 + 1024;
		struct seen *more =
		    realloc(repeats->list, room * sizeof(*more));

		if (more == NULL)
			return shop_fail("out of memory");
		repeats->list = more;
		repeats->room = room;
	}
	seen = &repeats->list[repeats->n++];
	*seen = (struct seen){.order = hash_of(past->order.id),
	    .line = (uint32_t)past->file_line,
	    .lines = (uint16_t)past->order.nlines,
	    .changes = (uint8_t)past->nchanges,
	    .known = known};
	hash_contents(past, &seen->contents);
	return 0;
}

static int
by_order(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

int
repeats_check(const struct repeats *repeats, int64_t *orders, int64_t *lines,
    int64_t *changes)
{
	const struct seen *wrong = NULL;

	*orders = *lines = *changes = 0;
	if (repeats->n > 0)
		qsort(repeats->list, repeats->n, sizeof(*repeats->list),
		    by_order);
	for (size_t i = 1; i < repeats->n; i++) {
		const struct seen *s = &repeats->list[i];

		if (s->order != s[-1].order)
			continue;
		if (s->contents != s[-1].contents &&
		    (wrong == NULL || s->line < wrong->line))
			wrong = s;
		*orders += !s->known;
		*lines += s->known ? 0 : s->lines;
		*changes += s->known ? 0 : s->changes;
	}
	if (wrong != NULL)
		return shop_fail("line %lld: this order stands in line %lld, "
		                 "too, and is another one there; the rows of "
		                 "an order stand together: sort the file by "
		                 "Name, or leave out one of the two",
		    (long long)wrong->line, (long long)wrong[-1].line);
	return 0;
}

void
repeats_free(struct repeats *repeats)
{
	free(repeats->list);
	*repeats = (struct repeats){0};
}
