/*
 * map.c - a hash table from texts to numbers, for a million keys and more.
 *
 * Keeps the 128-bit keyed hash of a text instead of the text: 24 bytes a key,
 * whatever its length, and no two texts are ever taken for one in practice.
 * Open addressing; keys are added and never removed but all at once.
 */
#include "sandbox.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct map_slot {
	uint64_t key[2]; /* both 0: empty */
	uint32_t value;
};

static unsigned char secret[crypto_shorthash_siphashx24_KEYBYTES];

static void
draw_secret(void)
{
	randombytes_buf(secret, sizeof secret);
}

static void
hash(uint64_t out[2], const void *key, size_t n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, draw_secret);
	crypto_shorthash_siphashx24((unsigned char *)out, key, n, secret);
	out[0] |= 1;
}

static struct map_slot *
find(struct map_slot *slots, size_t cap, const uint64_t key[2])
{
	size_t i = key[1] & (cap - 1);

	while (slots[i].key[0] &&
	       (slots[i].key[0] != key[0] || slots[i].key[1] != key[1]))
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

static void
grow(struct map *m)
{
	size_t cap = m->cap ? m->cap * 2 : 1024;
	struct map_slot *slots = xalloc(cap * sizeof *slots);

	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].key[0])
			*find(slots, cap, m->slots[i].key) = m->slots[i];
	free(m->slots);
	m->slots = slots;
	m->cap = cap;
}

uint32_t *
map_at(struct map *m, const void *key, size_t n)
{
	struct map_slot *slot;
	uint64_t h[2];

	if (m->used * 4 >= m->cap * 3)
		grow(m);
	hash(h, key, n);
	slot = find(m->slots, m->cap, h);
	if (!slot->key[0]) {
		memcpy(slot->key, h, sizeof h);
		m->used++;
	}
	return &slot->value;
}

uint32_t
map_get(const struct map *m, const void *key, size_t n)
{
	uint64_t h[2];

	if (!m->cap)
		return 0;
	hash(h, key, n);
	return find(m->slots, m->cap, h)->value;
}

void
map_clear(struct map *m)
{
	free(m->slots);
	memset(m, 0, sizeof *m);
}
