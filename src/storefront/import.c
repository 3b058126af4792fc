/*
 * import.c - Shopify's product CSV into the catalogue.
 *
 * Promises: the whole file is read and checked before the database is touched,
 * and written in one transaction: all of it, or nothing and an error that names
 * the line.
 *
 * A product is the consecutive rows of one handle.  The first names it; each
 * row with a price, SKU or option is a variant, each with an image an image.
 */
#include <stdlib.h>
#include <string.h>

#include "import.h"

struct import {
	struct arena *arena;
	const char *currency;
	struct draft *drafts, **end;
	struct draft *draft; /* the one whose rows are being read */
	struct import_counts counts;
};

static struct draft *
new_draft(struct import *import, const struct row *row, const char *handle)
{
	struct draft *draft = arena_alloc(row->arena, sizeof(*draft));

	if (draft == NULL)
		return NULL;
	draft->line = row->line;
	draft->handle = handle;
	draft->image = draft->image_alt = "";
	draft->categories_end = &draft->categories;
	draft->variants_end = &draft->variants;
	*import->end = draft;
	import->end = &draft->next;
	import->counts.products++;
	return draft;
}

static int
take_variant(struct import *import, const struct row *row, struct draft *draft)
{
	import->counts.variants++;
	return variant_read(row, import->currency, draft);
}

static int
take_row(void *arg, const struct row *row)
{
	struct import *import = arg;
	struct draft *draft = import->draft;
	const char *handle;
	bool variant;

	if (cell_handle(row, &handle) != 0)
		return -1;
	if (draft == NULL || strcmp(draft->handle, handle) != 0) {
		draft = import->draft = new_draft(import, row, handle);
		if (draft == NULL || product_read(row, draft) != 0 ||
		    take_variant(import, row, draft) != 0)
			return -1;
		return image_read(row, draft);
	}
	if (product_repeated(row, draft) != 0)
		return -1;
	variant = *row->cell[PRICE] != '\0' || *row->cell[SKU] != '\0' ||
	          *row->cell[OPTION1] != '\0' || *row->cell[OPTION2] != '\0' ||
	          *row->cell[OPTION3] != '\0';
	if (!variant && *row->cell[IMAGE] == '\0')
		return shop_fail("line %lld: the row has neither a variant "
		                 "(option, SKU, price) nor an image; delete it",
		    (long long)row->line);
	if (variant && take_variant(import, row, draft) != 0)
		return -1;
	return image_read(row, draft);
}

static int
by_handle(const void *a, const void *b)
{
	const struct draft *x = *(struct draft *const *)a;
	const struct draft *y = *(struct draft *const *)b;
	int order = strcmp(x->handle, y->handle);

	return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static const char *
id_of(const struct draft *draft)
{
	return *draft->id != '\0' ? draft->id : draft->handle;
}

static int
by_id(const void *a, const void *b)
{
	const struct draft *x = *(struct draft *const *)a;
	const struct draft *y = *(struct draft *const *)b;
	int order = strcmp(id_of(x), id_of(y));

	return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

/* No handle and no ID twice in the file. */
static int
check_unique(const struct import *import)
{
	size_t n = (size_t)import->counts.products, i = 0;
	struct draft **list = arena_alloc(import->arena, n * sizeof(*list));

	if (list == NULL)
		return -1;
	for (struct draft *d = import->drafts; d != NULL; d = d->next)
		list[i++] = d;
	qsort(list, n, sizeof(*list), by_handle);
	for (i = 1; i < n; i++)
		if (strcmp(list[i]->handle, list[i - 1]->handle) == 0)
			return shop_fail("line %lld: Handle \"%s\" is in use "
			                 "since line %lld; put the rows of a "
			                 "product together, or rename one",
			    (long long)list[i]->line, list[i]->handle,
			    (long long)list[i - 1]->line);
	qsort(list, n, sizeof(*list), by_id);
	for (i = 1; i < n; i++)
		if (strcmp(id_of(list[i]), id_of(list[i - 1])) == 0)
			return shop_fail("line %lld: ID \"%s\" is that of line "
			                 "%lld; give each product its own",
			    (long long)list[i]->line, id_of(list[i]),
			    (long long)list[i - 1]->line);
	return 0;
}

int
catalog_import(struct db *db, const char *text, size_t length,
    const char *currency, struct import_counts *counts)
{
	struct import import = {.arena = arena_new(), .currency = currency};
	int rc = -1;

	import.end = &import.drafts;
	if (import.arena == NULL)
		return -1;
	if (rows_read(import.arena, &product_sheet, text, length, take_row,
	        &import) != 0)
		goto out;
	if (import.drafts == NULL) {
		shop_fail("the file has no product below its first row, which "
		          "names the columns");
		goto out;
	}
	if (check_unique(&import) != 0)
		goto out;
	if (arena_failed(import.arena)) {
		shop_fail("out of memory");
		goto out;
	}
	if (db_begin(db) != 0)
		goto out;
	if (import_store(db, import.arena, import.drafts) != 0)
		db_rollback(db);
	else
		rc = db_commit(db);
out:
	if (rc == 0)
		*counts = import.counts;
	arena_free(import.arena);
	return rc;
}
