/*
 * import_store.c - checked products into the tables.
 *
 * Promises: within the caller's transaction; of two imports at once the second
 * waits for the first.  A product is found again by its
 * ID, without one by its handle; it keeps its place in the shop, and its
 * variants of the same name keep their ids, so that carts and links hold.
 * Variants that the file no longer has go; products that it does not have stay.
 */
#include <string.h>
#include <unictype.h>
#include <unistr.h>

#include "import.h"

struct found {
	struct arena *arena;
	const char *text; /* NULL = no row */
};

static int
first_column(void *arg, int n, const char *const col[])
{
	struct found *found = arg;

	(void)n;
	found->text = arena_copy(found->arena, col[0]);
	return 0;
}

/* The title's words, each between tabs: "\tmoby\tdick\t". */
static void
add_title_words(struct text *text, const char *folded)
{
	const uint8_t *next = (const uint8_t *)folded, *start = next;
	bool within = false;
	ucs4_t c;

	text_add(text, "\t");
	while ((next = u8_next(&c, next)) != NULL) {
		bool sign = !uc_is_general_category_withtable(
		    c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M |
		           UC_CATEGORY_MASK_N);

		if (!sign)
			text_addn(
			    text, (const char *)start, (size_t)(next - start));
		else if (within)
			text_add(text, "\t");
		within = !sign;
		start = next;
	}
	text_add(text, within ? "\t\n" : "\n");
}

/* What searching looks at; see catalog_list.c. */
static char *
search_text(struct arena *arena, const struct draft *draft)
{
	const char *title = fold(arena, draft->title);
	struct text text = {0};
	char *result = NULL;

	add_title_words(&text, title);
	text_printf(&text, "%s\n%s\n", title, fold(arena, draft->vendor));
	for (struct category *c = draft->categories; c != NULL; c = c->next)
		text_printf(&text, "%s\n", fold(arena, c->name));
	text_add(&text, fold(arena, draft->body));
	if (!text.failed)
		result = arena_copy(arena, text.data);
	text_free(&text);
	return result;
}

/* Handles may be exchanged between products within one file: those that change
 * make way first.  No handle has a slash. */
static int
make_way(struct db *db, const struct draft *drafts)
{
	for (const struct draft *d = drafts; d != NULL; d = d->next)
		if (*d->id != '\0' &&
		    db_run(db, NULL, NULL,
		        "UPDATE product SET handle = '/' || id "
		        "WHERE id = $1 AND handle <> $2",
		        d->id, d->handle) < 0)
			return -1;
	return 0;
}

/* The id under which the product is, or will be, in the shop. */
static int
find_id(struct db *db, struct arena *arena, struct draft *draft)
{
	struct found by_handle = {.arena = arena}, taken = {.arena = arena};

	if (db_run(db, first_column, &by_handle,
	        "SELECT id FROM product WHERE handle = $1", draft->handle) < 0)
		return -1;
	if (by_handle.text != NULL && *draft->id != '\0' &&
	    strcmp(by_handle.text, draft->id) != 0)
		return shop_fail("line %lld: Handle \"%s\" is that of product "
		                 "\"%s\" in the shop; give it that ID, or "
		                 "another Handle",
		    (long long)draft->line, draft->handle, by_handle.text);
	if (*draft->id != '\0')
		return 0;
	draft->id = by_handle.text != NULL ? by_handle.text : draft->handle;
	if (by_handle.text != NULL)
		return 0;
	if (db_run(db, first_column, &taken,
	        "SELECT handle FROM product WHERE id = $1", draft->id) < 0)
		return -1;
	if (taken.text != NULL)
		return shop_fail("line %lld: the ID \"%s\" is in use in the "
		                 "shop; give the product another in a column "
		                 "ID",
		    (long long)draft->line, draft->id);
	return 0;
}

static int
store_product(struct db *db, struct arena *arena, const struct draft *draft,
    int64_t position, int64_t now)
{
	const char *search = search_text(arena, draft);

	if (search == NULL)
		return -1;
	return db_run(db, NULL, NULL,
	           "INSERT INTO product (id, handle, title, body, vendor, "
	           "image, image_alt, published, position, search, changed_at) "
	           "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
	           "ON CONFLICT (id) DO UPDATE SET handle = excluded.handle, "
	           "title = excluded.title, body = excluded.body, "
	           "vendor = excluded.vendor, image = excluded.image, "
	           "image_alt = excluded.image_alt, "
	           "published = excluded.published, "
	           "search = excluded.search, "
	           "changed_at = excluded.changed_at",
	           draft->id, draft->handle, draft->title, draft->body,
	           draft->vendor, draft->image, draft->image_alt,
	           draft->published ? "1" : "0", NUM(position), search,
	           NUM(now)) < 0
	           ? -1
	           : 0;
}

static int
store_variants(struct db *db, const struct draft *draft)
{
	int64_t position = 1;

	/* What is not set again below is no longer in the file. */
	if (db_run(db, NULL, NULL,
	        "UPDATE variant SET position = -1 WHERE product = $1",
	        draft->id) < 0)
		return -1;
	for (struct draft_variant *v = draft->variants; v != NULL;
	     v = v->next, position++)
		if (db_run(db, NULL, NULL,
		        "INSERT INTO variant (product, name, sku, price, "
		        "compare_at, stock, oversell, position) "
		        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
		        "ON CONFLICT (product, name) DO UPDATE SET "
		        "sku = excluded.sku, price = excluded.price, "
		        "compare_at = excluded.compare_at, "
		        "stock = excluded.stock, oversell = excluded.oversell, "
		        "position = excluded.position",
		        draft->id, v->name, v->sku, NUM(v->price),
		        NUM(v->compare_at), NUM(v->stock),
		        v->oversell ? "1" : "0", NUM(position)) < 0)
			return -1;
	return db_run(db, NULL, NULL,
	           "DELETE FROM variant WHERE product = $1 AND position = -1",
	           draft->id) < 0
	           ? -1
	           : 0;
}

/* Whether the categories are what the shop has already. */
struct had {
	const struct category *next;
	int64_t rows;
	bool same;
};

static int
had_row(void *arg, int n, const char *const col[])
{
	struct had *had = arg;
	const struct category *c = had->next;

	(void)n;
	had->rows++;
	had->same = had->same && c != NULL && strcmp(col[0], c->slug) == 0 &&
	            strcmp(col[1], c->name) == 0 && num(col[2]) == had->rows;
	had->next = c != NULL ? c->next : NULL;
	return 0;
}

/* What is there already stays untouched: nothing that shows it is made anew. */
static int
store_categories(struct db *db, const struct draft *draft)
{
	struct had had = {.next = draft->categories, .same = true};
	int64_t position = 1;

	if (db_run(db, had_row, &had,
	        "SELECT slug, name, position FROM product_category "
	        "WHERE product = $1 ORDER BY position",
	        draft->id) < 0)
		return -1;
	if (had.same && had.next == NULL)
		return 0;
	if (had.rows > 0 &&
	    db_run(db, NULL, NULL,
	        "DELETE FROM product_category WHERE product = $1",
	        draft->id) < 0)
		return -1;
	for (struct category *c = draft->categories; c != NULL;
	     c = c->next, position++)
		if (db_run(db, NULL, NULL,
		        "INSERT INTO product_category "
		        "(product, slug, name, position) "
		        "VALUES ($1, $2, $3, $4)",
		        draft->id, c->slug, c->name, NUM(position)) < 0)
			return -1;
	return 0;
}

int
import_store(struct db *db, struct arena *arena, struct draft *drafts)
{
	struct found last = {.arena = arena};
	int64_t position, now = utc_now();

	if (db_run(db, NULL, NULL,
	        "UPDATE meta SET value = value WHERE name = 'schema'") < 0 ||
	    db_run(db, first_column, &last,
	        "SELECT COALESCE(MAX(position), 0) FROM product") < 0 ||
	    make_way(db, drafts) != 0)
		return -1;
	position = num(last.text);
	for (struct draft *d = drafts; d != NULL; d = d->next)
		if (find_id(db, arena, d) != 0 ||
		    store_product(db, arena, d, ++position, now) != 0 ||
		    store_variants(db, d) != 0 || store_categories(db, d) != 0)
			return -1;
	if (arena_failed(arena))
		return shop_fail("out of memory");
	return 0;
}
