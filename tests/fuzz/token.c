/*
 * token.c - fuzzes signed links (token_sign() and token_open() of session.c).
 *
 * The input is taken as a token, and as what one is made for.
 *
 * Must hold: nothing that we did not sign is opened; what we signed is, until
 * it expires, for its own purpose, and not with one bit of it changed.
 */
#include "fuzz.h"

#include "storefront.h"

static struct shop shop = {.secret = "thirty-two bytes nobody guesses"};

/* The same bytes may be a token of another purpose, or of another shop. */
static void
check_forged(struct arena *arena, const char *token)
{
	must(token_open(&shop, arena, "cart", token, INT64_MIN) == NULL);
	must(token_open(&shop, arena, "", token, INT64_MIN) == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	char *text = text_of(data, size), *token, *opened;
	/* Which bit to change: any. */
	size_t bit = 0;

	for (size_t i = 0; i < size; i++)
		bit = bit * 31 + data[i];
	check_forged(arena, text);
	token = token_sign(&shop, arena, "cart", text, 1000);
	opened = token_open(&shop, arena, "cart", token, 1000);
	must(opened != NULL ? strcmp(opened, text) == 0 : strlen(token) > 200);
	must(token_open(&shop, arena, "cart", token, 1001) == NULL);
	must(token_open(&shop, arena, "reset", token, 1000) == NULL);
	bit %= strlen(token) * 8;
	token[bit / 8] = (char)(token[bit / 8] ^ 1 << bit % 8);
	must(token_open(&shop, arena, "cart", token, 1000) == NULL);
	free(text);
	arena_free(arena);
	return 0;
}
