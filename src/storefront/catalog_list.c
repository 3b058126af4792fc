/*
 * catalog_list.c - lists of products: collections, searches.
 *
 * Promises: only published products, here and in every count; a list costs a
 * fixed number of statements, and one for every eight products shown;
 * the same literal SQL for every engine.  But for a search, which reads the
 * text of every product, no statement takes longer in a larger shop; a later
 * page of a collection passes over the rows of those before it, in an index.
 *
 * Searching: product.search is folded text, its first line the title's words,
 * each between tabs, so that LIKE finds a word of the title as a whole.  Every
 * word searched for must be in it; products with all words in their title come
 * first.
 */
#include <string.h>

#include "catalog.h"

#define SEARCH_MAX 200 /* bytes */
#define WORDS_MAX 8

/* After the rows f, of ids, that follow PRODUCTS. */
#define OF_FOUND "JOIN product p ON p.id = f.id "

static int
total_row(void *arg, int n, const char *const col[])
{
	struct into *into = arg;

	(void)n;
	into->total = num(col[0]);
	return 0;
}

/* The patterns of a search, by which LIKE finds a word. */
struct patterns {
	const char *any[WORDS_MAX];   /* anywhere */
	const char *title[WORDS_MAX]; /* a whole word of the title */
	bool none;                    /* nothing can match */
};

/* A word as LIKE's pattern, with ! before what is special to it. */
static const char *
pattern(struct arena *arena, const char *before, const char *word,
    size_t length, const char *after)
{
	char *text = arena_alloc(arena, length * 2 + 5), *to = text;

	if (text == NULL)
		return "";
	to = stpcpy(to, before);
	for (size_t i = 0; i < length; i++) {
		if (strchr("%_!", word[i]) != NULL)
			*to++ = '!';
		*to++ = word[i];
	}
	memcpy(to, after, strlen(after) + 1);
	return text;
}

static void
split(struct arena *arena, const char *search, struct patterns *patterns)
{
	static const char space[] = " \t\n\r";
	const char *word;
	size_t length;
	int n = 0;

	for (int i = 0; i < WORDS_MAX; i++)
		patterns->any[i] = patterns->title[i] = "%";
	length = strlen(search);
	if (length > SEARCH_MAX) { /* cut between two characters */
		length = SEARCH_MAX;
		while (length > 0 &&
		       ((unsigned char)search[length] & 0xc0) == 0x80)
			length--;
	}
	word = fold(arena, arena_copyn(arena, search, length));
	word += strspn(word, space);
	/* Nothing asked for, or no text that could be there: nothing found. */
	patterns->none = *word == '\0' || !utf8_clean(word);
	for (; *word != '\0' && n < WORDS_MAX; n++) {
		length = strcspn(word, space);
		patterns->any[n] = pattern(arena, "%", word, length, "%");
		patterns->title[n] = pattern(arena, "%\t", word, length, "\t%");
		word += length;
		word += strspn(word, space);
	}
}

/* ---------------------------------------------------------------- searches */

/* The ids of a page first: the rest is fetched for these alone. */
static int
matches(struct db *db, struct into *into, const char *slug,
    const struct patterns *p, int offset, int limit)
{
	return db_run(db, catalog_product_row, into,
	           PRODUCTS
	           "(SELECT id, position, CASE WHEN ("
	           "search LIKE $10 ESCAPE '!' AND "
	           "search LIKE $11 ESCAPE '!' AND "
	           "search LIKE $12 ESCAPE '!' AND "
	           "search LIKE $13 ESCAPE '!' AND "
	           "search LIKE $14 ESCAPE '!' AND "
	           "search LIKE $15 ESCAPE '!' AND "
	           "search LIKE $16 ESCAPE '!' AND "
	           "search LIKE $17 ESCAPE '!') "
	           "THEN 0 ELSE 1 END AS rank FROM product "
	           "WHERE published = 1 AND ($1 = '' OR id IN ("
	           "SELECT product FROM collection_product WHERE slug = $1)) "
	           "AND search LIKE $2 ESCAPE '!' AND "
	           "search LIKE $3 ESCAPE '!' AND "
	           "search LIKE $4 ESCAPE '!' AND "
	           "search LIKE $5 ESCAPE '!' AND "
	           "search LIKE $6 ESCAPE '!' AND "
	           "search LIKE $7 ESCAPE '!' AND "
	           "search LIKE $8 ESCAPE '!' AND "
	           "search LIKE $9 ESCAPE '!' "
	           "ORDER BY rank, position, id "
	           "LIMIT CAST($18 AS BIGINT) OFFSET CAST($19 AS BIGINT)) "
	           "f " OF_FOUND "ORDER BY f.rank, f.position, f.id",
	           slug, p->any[0], p->any[1], p->any[2], p->any[3], p->any[4],
	           p->any[5], p->any[6], p->any[7], p->title[0], p->title[1],
	           p->title[2], p->title[3], p->title[4], p->title[5],
	           p->title[6], p->title[7], NUM(limit), NUM(offset)) < 0
	           ? -1
	           : 0;
}

static int
count_matches(struct db *db, struct into *into, const char *slug,
    const struct patterns *p)
{
	return db_run(db, total_row, into,
	           "SELECT COUNT(*) FROM product "
	           "WHERE published = 1 AND ($1 = '' OR id IN ("
	           "SELECT product FROM collection_product WHERE slug = $1)) "
	           "AND search LIKE $2 ESCAPE '!' AND "
	           "search LIKE $3 ESCAPE '!' AND "
	           "search LIKE $4 ESCAPE '!' AND "
	           "search LIKE $5 ESCAPE '!' AND "
	           "search LIKE $6 ESCAPE '!' AND "
	           "search LIKE $7 ESCAPE '!' AND "
	           "search LIKE $8 ESCAPE '!' AND "
	           "search LIKE $9 ESCAPE '!'",
	           slug, p->any[0], p->any[1], p->any[2], p->any[3], p->any[4],
	           p->any[5], p->any[6], p->any[7]) < 0
	           ? -1
	           : 0;
}

static int
find(struct db *db, struct into *into, const char *slug, const char *search,
    int offset, int limit)
{
	struct patterns patterns = {0};

	split(into->arena, search, &patterns);
	if (arena_failed(into->arena))
		return -1;
	if (patterns.none)
		return 0;
	return count_matches(db, into, slug, &patterns) != 0 ||
	               matches(db, into, slug, &patterns, offset, limit) != 0
	           ? -1
	           : 0;
}

/* ----------------------------------------------------------------- shelves */

static int
of_collection(
    struct db *db, struct into *into, const char *slug, int offset, int limit)
{
	if (db_run(db, total_row, into,
	        "SELECT products FROM collection "
	        "WHERE slug = $1",
	        slug) < 0)
		return -1;
	return db_run(db, catalog_product_row, into,
	           PRODUCTS "(SELECT product AS id, position "
	                    "FROM collection_product WHERE slug = $1 "
	                    "ORDER BY position, product "
	                    "LIMIT CAST($2 AS BIGINT) "
	                    "OFFSET CAST($3 AS BIGINT)) f " OF_FOUND
	                    "ORDER BY f.position, f.id",
	           slug, NUM(limit), NUM(offset)) < 0
	           ? -1
	           : 0;
}

static int
of_shop(struct db *db, struct into *into, int offset, int limit)
{
	return db_run(db, catalog_product_row, into,
	           PRODUCTS
	           "(SELECT id, position FROM product "
	           "WHERE published = 1 ORDER BY position, id "
	           "LIMIT CAST($1 AS BIGINT) OFFSET CAST($2 AS BIGINT)) "
	           "f " OF_FOUND "ORDER BY f.position, f.id",
	           NUM(limit), NUM(offset)) < 0
	           ? -1
	           : 0;
}

int
catalog_list(struct db *db, struct arena *arena, const char *slug,
    const char *search, int offset, int limit, struct listing *listing)
{
	struct into into = {.arena = arena, .products = &listing->products};
	int result;

	*listing = (struct listing){0};
	/* No collection has the slug "". */
	if ((slug != NULL && *slug == '\0') || limit < 0 || offset < 0)
		return 0;
	if (search != NULL)
		result = find(
		    db, &into, slug != NULL ? slug : "", search, offset, limit);
	else if (slug != NULL)
		result = of_collection(db, &into, slug, offset, limit);
	else
		result = of_shop(db, &into, offset, limit);
	if (result == 0)
		result = catalog_prices(db, &listing->products);
	listing->total = search == NULL && slug == NULL
	                     ? catalog_length(listing->products)
	                     : into.total;
	return result;
}
