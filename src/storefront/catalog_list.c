/*
 * catalog_list.c - lists of products: collections, searches, related ones.
 *
 * Promises: only published products, here and in every count; a list costs a
 * fixed number of statements and one for each product shown (its categories);
 * the same literal SQL for every engine.
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
	if (search == NULL)
		return;
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

/* The ids of a page first: the rest is fetched for these alone. */
static int
page(struct db *db, struct into *into, const char *slug,
    const struct patterns *p, int offset, int limit)
{
	return db_run(db, catalog_product_row, into,
	           "SELECT p.id, p.handle, p.title, p.body, p.vendor, p.image, "
	           "p.image_alt, "
	           "(SELECT mark FROM shelf_mark WHERE product = p.id), "
	           "(SELECT MIN(price) FROM variant WHERE product = p.id), "
	           "(SELECT MAX(price) FROM variant WHERE product = p.id), "
	           "(SELECT compare_at FROM variant WHERE product = p.id "
	           "ORDER BY price, position, id LIMIT 1), "
	           "(SELECT MAX(CASE WHEN stock > 0 OR oversell = 1 "
	           "THEN 1 ELSE 0 END) FROM variant WHERE product = p.id), "
	           "v.id, v.name, v.sku, v.price, v.compare_at, v.stock, "
	           "v.oversell "
	           "FROM (SELECT id, position, CASE WHEN $2 = '%' OR ("
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
	           "SELECT product FROM product_category WHERE slug = $1)) AND "
	           "($2 = '%' OR ("
	           "search LIKE $2 ESCAPE '!' AND "
	           "search LIKE $3 ESCAPE '!' AND "
	           "search LIKE $4 ESCAPE '!' AND "
	           "search LIKE $5 ESCAPE '!' AND "
	           "search LIKE $6 ESCAPE '!' AND "
	           "search LIKE $7 ESCAPE '!' AND "
	           "search LIKE $8 ESCAPE '!' AND "
	           "search LIKE $9 ESCAPE '!')) "
	           "ORDER BY rank, position, id "
	           "LIMIT CAST($18 AS BIGINT) OFFSET CAST($19 AS BIGINT)) f "
	           "JOIN product p ON p.id = f.id "
	           "JOIN variant v ON v.id = (SELECT id FROM variant "
	           "WHERE product = p.id ORDER BY position, id LIMIT 1) "
	           "ORDER BY f.rank, f.position, f.id",
	           slug, p->any[0], p->any[1], p->any[2], p->any[3], p->any[4],
	           p->any[5], p->any[6], p->any[7], p->title[0], p->title[1],
	           p->title[2], p->title[3], p->title[4], p->title[5],
	           p->title[6], p->title[7], NUM(limit), NUM(offset)) < 0
	           ? -1
	           : 0;
}

static int
count(struct db *db, struct into *into, const char *slug,
    const struct patterns *p)
{
	return db_run(db, total_row, into,
	           "SELECT COUNT(*) FROM product "
	           "WHERE published = 1 AND ($1 = '' OR id IN ("
	           "SELECT product FROM product_category WHERE slug = $1)) AND "
	           "($2 = '%' OR ("
	           "search LIKE $2 ESCAPE '!' AND "
	           "search LIKE $3 ESCAPE '!' AND "
	           "search LIKE $4 ESCAPE '!' AND "
	           "search LIKE $5 ESCAPE '!' AND "
	           "search LIKE $6 ESCAPE '!' AND "
	           "search LIKE $7 ESCAPE '!' AND "
	           "search LIKE $8 ESCAPE '!' AND "
	           "search LIKE $9 ESCAPE '!'))",
	           slug, p->any[0], p->any[1], p->any[2], p->any[3], p->any[4],
	           p->any[5], p->any[6], p->any[7]) < 0
	           ? -1
	           : 0;
}

int
catalog_list(struct db *db, struct arena *arena, const char *slug,
    const char *search, int offset, int limit, struct listing *listing)
{
	struct into into = {.arena = arena, .products = &listing->products};
	struct patterns patterns = {0};

	*listing = (struct listing){0};
	/* No collection has the slug "". */
	if (slug != NULL && *slug == '\0')
		return 0;
	split(arena, search, &patterns);
	if (arena_failed(arena))
		return -1;
	if (patterns.none || limit < 0 || offset < 0)
		return 0;
	slug = slug == NULL ? "" : slug;
	if (count(db, &into, slug, &patterns) != 0 ||
	    page(db, &into, slug, &patterns, offset, limit) != 0)
		return -1;
	listing->total = into.total;
	for (struct product *p = listing->products; p != NULL; p = p->next)
		if (catalog_categories(db, arena, p) != 0)
			return -1;
	return 0;
}

/* Those that share most categories first; among equals the ones after this
 * product, so that not every page shows the same. */
int
catalog_related(struct db *db, struct arena *arena, const char *product_id,
    int limit, struct listing *listing)
{
	struct into into = {.arena = arena, .products = &listing->products};

	*listing = (struct listing){0};
	if (db_run(db, catalog_product_row, &into,
	        "SELECT p.id, p.handle, p.title, p.body, p.vendor, p.image, "
	        "p.image_alt, "
	        "(SELECT mark FROM shelf_mark WHERE product = p.id), "
	        "(SELECT MIN(price) FROM variant WHERE product = p.id), "
	        "(SELECT MAX(price) FROM variant WHERE product = p.id), "
	        "(SELECT compare_at FROM variant WHERE product = p.id "
	        "ORDER BY price, position, id LIMIT 1), "
	        "(SELECT MAX(CASE WHEN stock > 0 OR oversell = 1 "
	        "THEN 1 ELSE 0 END) FROM variant WHERE product = p.id), "
	        "v.id, v.name, v.sku, v.price, v.compare_at, v.stock, "
	        "v.oversell "
	        "FROM (SELECT q.id AS id, q.position AS position, "
	        "COUNT(*) AS shared, CASE WHEN q.position > this.position "
	        "THEN 0 ELSE 1 END AS wrapped "
	        "FROM product this "
	        "JOIN product_category mine ON mine.product = this.id "
	        "JOIN product_category o ON o.slug = mine.slug "
	        "JOIN product q ON q.id = o.product "
	        "WHERE this.id = $1 AND q.id <> $1 AND q.published = 1 "
	        "GROUP BY q.id, q.position, this.position "
	        "ORDER BY shared DESC, wrapped, q.position, q.id "
	        "LIMIT CAST($2 AS BIGINT)) f "
	        "JOIN product p ON p.id = f.id "
	        "JOIN variant v ON v.id = (SELECT id FROM variant "
	        "WHERE product = p.id ORDER BY position, id LIMIT 1) "
	        "ORDER BY f.shared DESC, f.wrapped, f.position, f.id",
	        product_id, NUM(limit < 0 ? 0 : limit)) < 0)
		return -1;
	for (struct product *p = listing->products; p != NULL; p = p->next) {
		if (catalog_categories(db, arena, p) != 0)
			return -1;
		listing->total++;
	}
	return 0;
}

int
catalog_card(
    struct db *db, struct arena *arena, const char *id, struct product **card)
{
	struct into into = {.arena = arena, .products = card};

	*card = NULL;
	return db_run(db, catalog_product_row, &into,
	           "SELECT p.id, p.handle, p.title, p.body, p.vendor, p.image, "
	           "p.image_alt, "
	           "(SELECT mark FROM shelf_mark WHERE product = p.id), "
	           "(SELECT MIN(price) FROM variant WHERE product = p.id), "
	           "(SELECT MAX(price) FROM variant WHERE product = p.id), "
	           "(SELECT compare_at FROM variant WHERE product = p.id "
	           "ORDER BY price, position, id LIMIT 1), "
	           "(SELECT MAX(CASE WHEN stock > 0 OR oversell = 1 "
	           "THEN 1 ELSE 0 END) FROM variant WHERE product = p.id), "
	           "v.id, v.name, v.sku, v.price, v.compare_at, v.stock, "
	           "v.oversell FROM product p "
	           "JOIN variant v ON v.id = (SELECT id FROM variant "
	           "WHERE product = p.id ORDER BY position, id LIMIT 1) "
	           "WHERE p.id = $1 AND p.published = 1",
	           id) < 0
	           ? -1
	           : 0;
}
