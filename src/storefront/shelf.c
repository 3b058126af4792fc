/*
 * shelf.c - what is kept of the catalogue, and how it is known that it is still
 * good: the marks that triggers leave (schema.sql, shelf_mark), and the stock,
 * which orders change and which is read itself.
 *
 * Promises: nothing is taken for good that a commit before the request has
 * changed, whoever made it.  With SQLite, where nothing at all was committed
 * since the last look, that is seen without reading a row; else, and with
 * PostgreSQL, one statement asks for the sum of all that the item shows.
 *
 * Does not know what a page looks like.
 */
#include "shelf.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

uint64_t
shelf_since(struct shop *shop)
{
	int64_t stamp[2] = {0, 0};

	if (shop->kept == NULL)
		return 0;
	/* The stamp first: what is checked after the new time is checked
	   after the stamp. */
	if (db_stamp(shop->db, stamp) != 0 || shop->since == 0 ||
	    memcmp(stamp, shop->stamp, sizeof(stamp)) != 0) {
		memcpy(shop->stamp, stamp, sizeof(stamp));
		shop->since = kept_next(shop->kept);
	}
	return shop->since;
}

int
shelf_find(struct shop *shop, const char *key, shelf_reads *reads,
    struct kept_item **item)
{
	uint64_t since = shelf_since(shop), when, sum = 0;

	*item = since != 0 ? kept_find(shop->kept, key) : NULL;
	if (*item == NULL)
		return 0;
	if (kept_good(*item, since))
		return 1;
	when = kept_now(shop->kept);
	if (reads(shop, *item, &sum) == 0) {
		if (sum == (*item)->sum) {
			kept_checked(*item, when);
			return 1;
		}
		kept_release(*item);
		*item = NULL;
		return 0;
	}
	kept_release(*item);
	*item = NULL;
	return -1;
}

/* ------------------------------------------------------------------ sums */

/* FNV-1a over the texts, each with its NUL, and a last stir: the rows come in
 * any order, and are summed. */
static uint64_t
row_sum(const char *kind, const char *name, const char *value)
{
	const char *const text[] = {kind, name, value};
	uint64_t hash = UINT64_C(14695981039346656037);

	for (int i = 0; i < 3; i++)
		for (const char *c = text[i];; c++) {
			hash = (hash ^ (unsigned char)*c) *
			       UINT64_C(1099511628211);
			if (*c == '\0')
				break;
		}
	hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
	return hash ^ hash >> 31;
}

static int
sum_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(uint64_t *)arg += row_sum(col[0], col[1], col[2] ? col[2] : "");
	return 0;
}

int
shelf_sum(struct db *db, const char *product,
    const char *const others[SHELF_OTHERS], uint64_t *sum)
{
	*sum = 0;
	return db_run(db, sum_row, sum,
	           "SELECT 'mark', product, mark FROM shelf_mark "
	           "WHERE product IN ('', $1, $2, $3, $4, $5) "
	           "UNION ALL SELECT 'stock', CAST(id AS TEXT), stock "
	           "FROM variant WHERE product = $1 "
	           "UNION ALL SELECT 'there', product, MAX(CASE WHEN "
	           "stock > 0 OR oversell = 1 THEN 1 ELSE 0 END) "
	           "FROM variant WHERE product IN ($2, $3, $4, $5) "
	           "GROUP BY product",
	           product, others[0], others[1], others[2], others[3]) < 0
	           ? -1
	           : 0;
}

static uint64_t
mark_sum(const char *product, const char *mark)
{
	return *mark != '\0' ? row_sum("mark", product, mark) : 0;
}

uint64_t
shelf_sum_of(const char *mark, const struct product *product,
    const struct product *others)
{
	uint64_t sum =
	    mark_sum("", mark) + mark_sum(product->id, product->mark);

	for (const struct variant *v = product->variants; v; v = v->next)
		sum += row_sum("stock", NUM(v->id), NUM(v->stock));
	for (; others != NULL; others = others->next)
		sum += mark_sum(others->id, others->mark) +
		       row_sum("there", others->id, NUM(others->in_stock));
	return sum;
}

static int
mark_row(void *arg, int n, const char *const col[])
{
	(void)n;
	snprintf(arg, MARK_BYTES, "%s", col[0]);
	return 0;
}

int
shelf_mark(struct db *db, char mark[MARK_BYTES])
{
	*mark = '\0';
	return db_run(db, mark_row, mark,
	           "SELECT mark FROM shelf_mark WHERE product = ''") < 0
	           ? -1
	           : 0;
}

/* ------------------------------------------------------------------ menu */

/* With its list in one block. */
struct menu {
	struct kept_item item;
	size_t n;
	struct category list[];
};

static void
menu_drop(struct kept_item *item)
{
	free(item);
}

static struct menu *
menu_pack(const struct category *list)
{
	size_t n = 0, size = sizeof(struct menu);
	struct menu *menu;
	char *to;

	for (const struct category *c = list; c != NULL; c = c->next, n++)
		size += sizeof(*c) + strlen(c->name) + strlen(c->slug) +
		        strlen(c->image) + 3;
	menu = calloc(1, size);
	if (menu == NULL)
		return NULL;
	menu->item =
	    (struct kept_item){.key = "menu", .size = size, .drop = menu_drop};
	to = (char *)&menu->list[n];
	for (struct category *c = menu->list; list != NULL;
	     list = list->next, c++) {
		c->count = list->count;
		c->name = to;
		to = stpcpy(to, list->name) + 1;
		c->slug = to;
		to = stpcpy(to, list->slug) + 1;
		c->image = to;
		to = stpcpy(to, list->image) + 1;
	}
	menu->n = n;
	return menu;
}

static int
whole_sum(struct shop *shop, const struct kept_item *item, uint64_t *sum)
{
	char mark[MARK_BYTES];

	(void)item;
	if (shelf_mark(shop->db, mark) != 0)
		return -1;
	*sum = mark_sum("", mark);
	return 0;
}

static int
menu_copy(const struct menu *menu, struct arena *arena, struct category **list)
{
	for (size_t i = 0; i < menu->n; i++) {
		struct category *c = arena_alloc(arena, sizeof(*c));

		if (c == NULL)
			return -1;
		c->name = arena_copy(arena, menu->list[i].name);
		c->slug = arena_copy(arena, menu->list[i].slug);
		c->image = arena_copy(arena, menu->list[i].image);
		c->count = menu->list[i].count;
		*list = c;
		list = &c->next;
	}
	return 0;
}

static int
menu_make(struct shop *shop, struct arena *arena, struct category **list)
{
	uint64_t when = kept_now(shop->kept);
	struct menu *menu;
	char mark[MARK_BYTES];

	/* The mark first: what is read after it is at least as new. */
	if (shelf_mark(shop->db, mark) != 0 ||
	    catalog_collections(shop->db, arena, list) != 0)
		return -1;
	menu = menu_pack(*list);
	if (menu == NULL)
		return 0; /* it is not kept, then */
	menu->item.sum = mark_sum("", mark);
	kept_add(shop->kept, &menu->item, when);
	kept_release(&menu->item);
	return 0;
}

int
shelf_menu(struct shop *shop, struct arena *arena, struct category **list)
{
	/* Reading the categories of all products takes a while: one thread
	   does it, the others wait for what it finds. */
	static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
	struct kept_item *item = NULL;
	int found;

	*list = NULL;
	if (shop->kept == NULL)
		return catalog_collections(shop->db, arena, list);
	found = shelf_find(shop, "menu", whole_sum, &item);
	if (found == 0) {
		pthread_mutex_lock(&making);
		found = shelf_find(shop, "menu", whole_sum, &item);
		if (found == 0)
			found = menu_make(shop, arena, list);
		pthread_mutex_unlock(&making);
	}
	if (item != NULL && menu_copy((struct menu *)item, arena, list) != 0)
		found = -1;
	kept_release(item);
	return found < 0 ? -1 : 0;
}

/* ------------------------------------------------------------ neighbours */

/* Which products are related to one: that changes with what is sold, and where,
 * and not with a price or an order. */
struct others {
	struct kept_item item;
	size_t n;
	const char *id[SHELF_OTHERS];
	char text[]; /* of the key and the ids */
};

static struct others *
others_pack(const char *key, const struct product *list)
{
	size_t size = sizeof(struct others) + strlen(key) + 1;
	struct others *others;
	char *to;

	for (const struct product *p = list; p != NULL; p = p->next)
		size += strlen(p->id) + 1;
	others = calloc(1, size);
	if (others == NULL)
		return NULL;
	others->item = (struct kept_item){
	    .key = others->text, .size = size, .drop = menu_drop};
	to = stpcpy(others->text, key) + 1;
	for (; list != NULL && others->n < SHELF_OTHERS; list = list->next) {
		others->id[others->n++] = to;
		to = stpcpy(to, list->id) + 1;
	}
	return others;
}

static int
others_make(struct shop *shop, struct arena *arena, const char *key,
    const char *product, struct product **list)
{
	uint64_t when = kept_now(shop->kept);
	struct listing related;
	struct others *others;
	char mark[MARK_BYTES];

	/* The mark first, as for the menu. */
	if (shelf_mark(shop->db, mark) != 0 ||
	    catalog_related(shop->db, arena, product, SHELF_OTHERS, &related) !=
	        0)
		return -1;
	*list = related.products;
	others = others_pack(key, *list);
	if (others == NULL)
		return 0;
	others->item.sum = mark_sum("", mark);
	kept_add(shop->kept, &others->item, when);
	kept_release(&others->item);
	return 0;
}

int
shelf_related(struct shop *shop, struct arena *arena, const char *product,
    struct product **list)
{
	struct kept_item *item = NULL;
	struct listing related;
	const char *key;
	int result;

	*list = NULL;
	if (shop->kept == NULL) {
		result = catalog_related(
		    shop->db, arena, product, SHELF_OTHERS, &related);
		*list = related.products;
		return result;
	}
	key = arena_printf(arena, "others/%s", product);
	result = shelf_find(shop, key, whole_sum, &item);
	if (result == 0)
		return others_make(shop, arena, key, product, list);
	if (result > 0)
		result = catalog_cards(shop->db, arena,
		    ((struct others *)item)->id, ((struct others *)item)->n,
		    list);
	kept_release(item);
	return result < 0 ? -1 : 0;
}
