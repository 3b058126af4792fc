/*
 * import.h - what the files of the catalogue's import say to each other.
 *
 * Rows and cells are sheet.h's; import_html.c makes text of HTML,
 * import_columns.c reads a row, import.c makes products of rows, and
 * import_store.c writes them.  Only the last sees the database.  All memory is
 * the import's arena's; -1 says why in shop_error(), beginning with the line.
 */
#ifndef STOREFRONT_IMPORT_H
#define STOREFRONT_IMPORT_H

#include "sheet.h"

enum column {
	ID,
	HANDLE,
	TITLE,
	BODY,
	VENDOR,
	TYPE,
	TAGS,
	COLLECTION,
	PUBLISHED,
	STATUS,
	OPTION1_NAME,
	OPTION1,
	OPTION2,
	OPTION3,
	SKU,
	TRACKER,
	QUANTITY,
	POLICY,
	PRICE,
	COMPARE_AT,
	IMAGE,
	IMAGE_POSITION,
	IMAGE_ALT,
	COLUMNS
};

extern const struct sheet product_sheet;

int cell_handle(const struct row *row, const char **handle);
int cell_url(const struct row *row, int column, const char **url);
/* "Kids & Co." is "kids-co". */
char *slug_of(struct arena *arena, const char *name);

/* HTML to plain text; paragraphs parted by blank lines. NULL: no memory. */
char *html_text(struct arena *arena, const char *html);

/* A product of the file, checked but not yet in the database. */
struct draft_variant {
	int64_t line;
	const char *name, *sku;
	int64_t price, compare_at, stock;
	bool oversell;
	struct draft_variant *next;
};
struct draft {
	int64_t line;
	const char *id; /* "" = the file gives none */
	const char *handle, *title, *body, *vendor;
	const char *image, *image_alt;
	int64_t image_position;
	bool published;
	unsigned options; /* bit 0: it has a first option, .. */
	struct category *categories, **categories_end;
	struct draft_variant *variants, **variants_end;
	int64_t nvariants, nimages;
	struct draft *next;
};
/* What a product's first row says of the product. */
int product_read(const struct row *row, struct draft *draft);
/* A later row repeats what its product is, or says nothing of it. */
int product_repeated(const struct row *row, const struct draft *draft);
/* Appends the row's variant, with prices in ${currency}. */
int variant_read(
    const struct row *row, const char *currency, struct draft *draft);
/* Takes the row's image, if it has one, and no other goes before it. */
int image_read(const struct row *row, struct draft *draft);
/* Writes all drafts; within the caller's transaction. */
int import_store(struct db *db, struct arena *arena, struct draft *drafts);

#endif
