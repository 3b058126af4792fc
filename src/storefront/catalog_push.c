/*
 * catalog_push.c - what has changed in the catalogue since Klaviyo was told.
 *
 *   1. variants that are gone are deleted,    3. items that are new or changed
 *   2. and then items that are gone;          4. and then their variants.
 *
 * Changed is what has another hash than the table catalog_pushed; there, it is
 * noted when the job that told Klaviyo has ended.  An entry that Klaviyo turns
 * out to have, or not to have, is corrected in the table, and the four are gone
 * through once more.
 *
 * A product that is not published any more stays, unpublished: who waits for it
 * to be back is not forgotten.  It is deleted when it is deleted here.
 *
 * Promises: memory does not grow with the catalogue; a product that cannot be
 * told is named, and stops no other.
 */
#include "catalog_push.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PASSES 4
#define HASH_SIZE 32

static void
hash_of(const char *text, char hash[HASH_SIZE])
{
	unsigned char digest[16];

	crypto_generichash(digest, sizeof(digest), (const unsigned char *)text,
	    strlen(text), NULL, 0);
	sodium_bin2base64(hash, HASH_SIZE, digest, sizeof(digest),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* -------------------------------------------------------------- what is gone
 */

#define BATCH "500"

struct gone {
	struct arena *arena;
	char *product, *name; /* the last one's */
	struct gone_entry {
		const char *product, *name;
		struct gone_entry *next;
	} * list, **last;
};

static int
gone_row(void *arg, int n, const char *const col[])
{
	struct gone *gone = arg;
	struct gone_entry *entry = arena_alloc(gone->arena, sizeof(*entry));

	(void)n;
	if (entry == NULL)
		return shop_fail("out of memory");
	entry->product = arena_copy(gone->arena, col[0]);
	entry->name = arena_copy(gone->arena, col[1]);
	*gone->last = entry;
	gone->last = &entry->next;
	return arena_failed(gone->arena) ? shop_fail("out of memory") : 0;
}

static int64_t
read_gone(struct push *push, enum klaviyo_catalog_kind kind, struct gone *gone)
{
	const char *all = push->clear ? "1" : "0";

	if (kind == KLAVIYO_CATALOG_VARIANT)
		return db_run(push->db, gone_row, gone,
		    "SELECT c.product, c.name FROM catalog_pushed c "
		    "WHERE c.kind = 'variant' AND (c.product, c.name) > "
		    "($1, $2) AND ($3 = '1' OR NOT EXISTS (SELECT 1 "
		    "FROM variant v WHERE v.product = c.product "
		    "AND v.name = c.name)) "
		    "ORDER BY c.product, c.name LIMIT " BATCH,
		    gone->product, gone->name, all);
	return db_run(push->db, gone_row, gone,
	    "SELECT c.product, c.name FROM catalog_pushed c "
	    "WHERE c.kind = 'item' AND (c.product, c.name) > ($1, $2) "
	    "AND ($3 = '1' OR NOT EXISTS (SELECT 1 FROM product p "
	    "WHERE p.id = c.product)) ORDER BY c.product, c.name LIMIT " BATCH,
	    gone->product, gone->name, all);
}

/* 1: there may be more; 0: that was the end. */
static int
gone_batch(struct push *push, enum klaviyo_catalog_kind kind, char **product,
    char **name)
{
	struct gone gone = {arena_new(), *product, *name, NULL, &gone.list};
	int64_t rows;
	int result;

	if (gone.arena == NULL)
		return shop_fail("out of memory");
	rows = read_gone(push, kind, &gone);
	result = rows < 0 ? -1 : rows > 0;
	for (struct gone_entry *e = gone.list; result > 0 && e != NULL;
	     e = e->next) {
		if (jobs_add(push, kind, KLAVIYO_CATALOG_DELETE, e->product,
		        e->name, "",
		        tracking_gone_entry(gone.arena, e->product,
		            kind == KLAVIYO_CATALOG_VARIANT ? e->name
		                                            : NULL)) != 0)
			result = -1;
		if (e->next != NULL)
			continue;
		free(*product);
		free(*name);
		*product = strdup(e->product);
		*name = strdup(e->name);
		if (*product == NULL || *name == NULL)
			result = shop_fail("out of memory");
	}
	arena_free(gone.arena);
	return result;
}

static int
delete_gone(struct push *push, enum klaviyo_catalog_kind kind)
{
	char *product = strdup(""), *name = strdup("");
	int more =
	    product != NULL && name != NULL ? 1 : shop_fail("out of memory");

	while (more > 0)
		more = gone_batch(push, kind, &product, &name);
	free(product);
	free(name);
	return more != 0 ? -1 : jobs_finish(push);
}

/* --------------------------------------------------- what is new, or changed
 */

/* ${text} creates the entry: its hash says whether it has changed. */
static bool
unchanged(const struct push *push, const char *pushed, const char *text,
    char hash[HASH_SIZE])
{
	hash_of(text, hash);
	return !push->all && pushed != NULL && strcmp(pushed, hash) == 0;
}

static int
push_item(void *arg, struct arena *arena, const struct product *p)
{
	char *text, hash[HASH_SIZE] = "";
	struct push *push = arg;
	enum klaviyo_catalog_step step =
	    p->pushed == NULL ? KLAVIYO_CATALOG_CREATE : KLAVIYO_CATALOG_UPDATE;

	progress_show(&push->progress, 1, "");
	if (p->pushed == NULL && !p->published)
		return 0;
	text = tracking_item_entry(
	    push->settings, arena, push->currency, p, KLAVIYO_CATALOG_CREATE);
	if (text != NULL && unchanged(push, p->pushed, text, hash)) {
		free(text);
		return 0;
	}
	if (text != NULL && step == KLAVIYO_CATALOG_UPDATE) {
		free(text);
		text = tracking_item_entry(
		    push->settings, arena, push->currency, p, step);
	}
	return jobs_add(
	    push, KLAVIYO_CATALOG_ITEM, step, p->id, "", hash, text);
}

static int
push_variant(struct push *push, struct arena *arena, const struct product *p,
    const struct variant *v)
{
	char *text, hash[HASH_SIZE] = "";
	enum klaviyo_catalog_step step =
	    v->pushed == NULL ? KLAVIYO_CATALOG_CREATE : KLAVIYO_CATALOG_UPDATE;

	text = tracking_variant_entry(push->settings, arena, push->currency, p,
	    v, KLAVIYO_CATALOG_CREATE);
	if (text != NULL && unchanged(push, v->pushed, text, hash)) {
		free(text);
		return 0;
	}
	if (text != NULL && step == KLAVIYO_CATALOG_UPDATE) {
		free(text);
		text = tracking_variant_entry(
		    push->settings, arena, push->currency, p, v, step);
	}
	return jobs_add(
	    push, KLAVIYO_CATALOG_VARIANT, step, p->id, v->name, hash, text);
}

static int
push_variants(void *arg, struct arena *arena, const struct product *p)
{
	struct push *push = arg;

	progress_show(&push->progress, 1, "");
	/* Klaviyo takes no variant of an item that it does not have; a dry run
	   has made none. */
	if (p->pushed == NULL && (push->klaviyo != NULL || !p->published))
		return 0;
	for (const struct variant *v = p->variants; v != NULL; v = v->next)
		if (push_variant(push, arena, p, v) != 0)
			return -1;
	return 0;
}

/* ------------------------------------------------------------------- passes */

static int
count_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

static int
walk(struct push *push, catalog_visit *visit, const char *what)
{
	int64_t products = 0;

	if (db_run(push->db, count_row, &products,
	        "SELECT COUNT(*) FROM product") < 0)
		return -1;
	progress_begin(&push->progress, what, "products", products);
	if (catalog_each_whole(push->db, visit, push) != 0 ||
	    jobs_finish(push) != 0)
		return -1;
	progress_end(&push->progress);
	return 0;
}

/* Everything is told anew, once, however often that is interrupted. */
static int
forget(struct push *push)
{
	if (!push->all || push->klaviyo == NULL)
		return 0;
	push->all = false;
	return db_run(push->db, NULL, NULL,
	           "UPDATE catalog_pushed SET hash = ''") < 0
	           ? -1
	           : 0;
}

int
catalog_push(struct push *push)
{
	if (forget(push) != 0)
		return -1;
	for (int pass = 1; pass <= PASSES; pass++) {
		push->turned = 0;
		jobs_forgive(push);
		push->final = pass == PASSES;
		if (delete_gone(push, KLAVIYO_CATALOG_VARIANT) != 0 ||
		    delete_gone(push, KLAVIYO_CATALOG_ITEM) != 0)
			return -1;
		if (push->clear)
			break;
		if (walk(push, push_item, "items") != 0 ||
		    walk(push, push_variants, "variants") != 0)
			return -1;
		if (push->turned == 0)
			break;
	}
	return 0;
}
