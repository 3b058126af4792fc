/*
 * shop_kit.h - a whole shop for a target: a database of its own in TMPDIR,
 * three products, the real templates (STOREFRONT_TEMPLATES, or those of the
 * working directory).  Removed when the process ends well.
 */
#ifndef SHOP_KIT_H
#define SHOP_KIT_H

#include <unistd.h>

#include "fuzz.h"
#include "storefront.h"
#include "tpl.h"

static char kit_directory[200];
static struct settings kit_settings;
static struct shop kit_shop;

static const char kit_products[] =
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Option1 Name,Option1 Value,"
    "Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Price,"
    "Variant Compare At Price,Image Src\n"
    "mug,A Mug,<p>Holds tea.</p>,Acme,Kitchen,\"blue, cups\",,,MUG-1,shopify,"
    "50,12.50,15.00,/images/mug.png\n"
    "tee,\"Tom's \"\"Tee\"\" <b>\",&lt;soft&gt;,Tom & Co,Clothes,,Size,S,"
    "TEE-S,shopify,50,20,,\n"
    "tee,,,,,,,M,TEE-M,shopify,0,20,,\n"
    "card,Gift Card,,,,,,,,,,100,,\n";

static inline void
kit_must(bool well)
{
	if (!well)
		fprintf(stderr, "%s\n", shop_error());
	must(well);
}

static inline const char *
kit_path(const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%s", kit_directory, name);
	return path;
}

static inline void
kit_close(void)
{
	char command[300];

	if (kit_shop.db != NULL)
		shop_close(&kit_shop);
	snprintf(command, sizeof(command), "rm -rf '%s'", kit_directory);
	if (system(command) != 0)
		perror(kit_directory);
}

/* A directory, and in it an empty database: the caller's to close. */
static inline struct db *
kit_database(void)
{
	const char *tmp = getenv("TMPDIR");
	struct db *db;

	snprintf(kit_directory, sizeof(kit_directory), "%s/fuzz.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	must(mkdtemp(kit_directory) != NULL);
	atexit(kit_close);
	db = db_create_at(kit_path("shop.db"), "USD");
	kit_must(db != NULL);
	return db;
}

static inline void
kit_open(void)
{
	struct import_counts counts;
	struct db *db = kit_database();
	FILE *secret;

	kit_must(catalog_import(db, kit_products, strlen(kit_products), "USD",
	             &counts) == 0);
	db_close(db);
	setenv("STOREFRONT_DB", kit_path("shop.db"), 1);
	setenv("STOREFRONT_SECRET_FILE", kit_path("secret"), 1);
	setenv("STOREFRONT_TEMPLATES", "templates", 0);
	setenv("STOREFRONT_URL", "https://shop.example", 1);
	setenv("KLAVIYO_PUBLIC_KEY", "ABC123", 1);
	setenv("KLAVIYO_API_URL", "http://127.0.0.1:9", 1);
	secret = fopen(kit_path("secret"), "w");
	must(secret != NULL);
	fprintf(secret, "%064d", 7);
	fclose(secret);
	kit_must(settings_load(&kit_settings) == 0);
	kit_must(tpl_load(kit_settings.templates) == 0);
	kit_must(shop_open(&kit_shop, &kit_settings) == 0);
}

/* ------------------------------------------------------ as it was at first */

enum { KIT_TABLES = 64 };
static char *kit_emptied[KIT_TABLES + 1]; /* "DELETE FROM .." */

static inline int
kit_table(void *arg, int n, const char *const col[])
{
	int *count = arg;

	(void)n;
	must(*count < KIT_TABLES);
	must(asprintf(&kit_emptied[*count], "DELETE FROM %s", col[0]) > 0);
	++*count;
	return 0;
}

/* Without visitors, and with all articles in stock: of the library's tables
 * only the outbox is emptied, and what belongs to the catalogue stays. */
static inline void
kit_reset(struct db *db)
{
	int count = 0;

	if (kit_emptied[0] == NULL)
		kit_must(
		    db_run(db, kit_table, &count,
		        "SELECT name FROM sqlite_master WHERE "
		        "type = 'table' AND name NOT LIKE 'sqlite%' AND "
		        "(name NOT LIKE 'klaviyo%' OR "
		        "name = 'klaviyo_outbox') AND name NOT IN ("
		        "'meta', 'product', 'variant', 'product_category', "
		        "'collection_product', 'collection', "
		        "'shipping_method', 'discount')") > 0);
	kit_must(db_begin(db) == 0);
	kit_must(db_run(db, NULL, NULL, "PRAGMA defer_foreign_keys = ON") >= 0);
	for (int i = 0; kit_emptied[i] != NULL; i++)
		kit_must(db_run(db, NULL, NULL, kit_emptied[i]) >= 0);
	kit_must(db_run(db, NULL, NULL,
	             "UPDATE variant SET stock = 50 WHERE stock > 0") >= 0);
	kit_must(db_commit(db) == 0);
}

#endif
