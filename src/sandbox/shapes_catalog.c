/*
 * shapes_catalog.c - the shapes of the Catalog API's bulk jobs.
 *
 * As shapes.c: one table an object, what is in none is refused.
 */
#include "shapes.h"

/* clang-format off: tables */

#define MUST(n)                                                                \
	{                                                                      \
		n, K_STRING, REQUIRED, NULL, NULL, rule_not_blank, NULL        \
	}
#define MAY_TEXT(n)                                                            \
	{                                                                      \
		n, K_STRING, NULLABLE, NULL, NULL, rule_not_blank, NULL        \
	}
#define COUNT(n, flags)                                                        \
	{                                                                      \
		n, K_NUMBER, flags, NULL, NULL, NULL, NULL                     \
	}
#define RELATED(n, table)                                                      \
	{                                                                      \
		n, K_ARRAY, 0, table, NULL, NULL, NULL                         \
	}
#define CUSTOM                                                                 \
	{"integration_type", K_TYPE, NULLABLE, NULL, "$custom", NULL, NULL},   \
	{                                                                      \
		"catalog_type", K_TYPE, NULLABLE, NULL, "$default", NULL, NULL \
	}

#define SHOWN                                                                  \
	TEXT("image_full_url"), TEXT("image_thumbnail_url"),                   \
	    {"images", K_TEXTS, NULLABLE, NULL, NULL, NULL, NULL},             \
	    {"custom_metadata", K_FREE, NULLABLE, NULL, NULL, rule_metadata,   \
	        NULL},                                                         \
	    TRUTH("published")
#define POLICY                                                                 \
	{                                                                      \
		"inventory_policy", K_NUMBER, NULLABLE, NULL, NULL,            \
		    rule_policy, NULL                                          \
	}

/* ..: { "data": { "type": job, "attributes": { plural: { "data": [..] } } } }
 */
#define JOB(name, job, plural, element)                                        \
	SHAPE(name##_list) = {LIST("data", element, rule_batch), END};         \
	SHAPE(name##_attributes) = {NEEDS(plural, name##_list), END};          \
	SHAPE(name##_job) = {                                                  \
	    TYPE(job), NEEDS("attributes", name##_attributes), END};           \
	const struct field shape_##name[] = {NEEDS("data", name##_job), END}

SHAPE(category_id) = {TYPE("catalog-category"), ID(rule_compound), END};
SHAPE(item_id) = {TYPE("catalog-item"), ID(rule_compound), END};
SHAPE(variant_id) = {TYPE("catalog-variant"), ID(rule_compound), END};
SHAPE(category_ids) = {RELATED("data", category_id), END};
SHAPE(item_ids) = {RELATED("data", item_id), END};
SHAPE(one_item) = {NEEDS("data", item_id), END};

SHAPE(item_related) = {MAY("categories", category_ids), END};
SHAPE(item_new_attributes) = {MUST("external_id"), CUSTOM, MUST("title"),
    MUST("description"), MUST("url"), COUNT("price", NULLABLE), SHOWN, END};
SHAPE(item_new) = {TYPE("catalog-item"),
    NEEDS("attributes", item_new_attributes),
    MAY("relationships", item_related), END};
JOB(items_create, "catalog-item-bulk-create-job", "items", item_new);

SHAPE(item_changed_attributes) = {MAY_TEXT("title"), MAY_TEXT("description"),
    MAY_TEXT("url"), COUNT("price", NULLABLE), SHOWN, END};
SHAPE(item_changed) = {TYPE("catalog-item"), ID(rule_compound),
    NEEDS("attributes", item_changed_attributes),
    MAY("relationships", item_related), END};
JOB(items_update, "catalog-item-bulk-update-job", "items", item_changed);
JOB(items_delete, "catalog-item-bulk-delete-job", "items", item_id);

SHAPE(variant_related) = {NEEDS("item", one_item), END};
SHAPE(variant_new_attributes) = {MUST("external_id"), CUSTOM, MUST("title"),
    MUST("description"), MUST("sku"), MUST("url"),
    COUNT("inventory_quantity", REQUIRED), COUNT("price", REQUIRED), POLICY,
    SHOWN, END};
SHAPE(variant_new) = {TYPE("catalog-variant"),
    NEEDS("attributes", variant_new_attributes),
    NEEDS("relationships", variant_related), END};
JOB(variants_create, "catalog-variant-bulk-create-job", "variants",
    variant_new);

SHAPE(variant_changed_attributes) = {MAY_TEXT("title"), MAY_TEXT("description"),
    MAY_TEXT("sku"), MAY_TEXT("url"), COUNT("inventory_quantity", NULLABLE),
    COUNT("price", NULLABLE), POLICY, SHOWN, END};
SHAPE(variant_changed) = {TYPE("catalog-variant"), ID(rule_compound),
    NEEDS("attributes", variant_changed_attributes), END};
JOB(variants_update, "catalog-variant-bulk-update-job", "variants",
    variant_changed);
JOB(variants_delete, "catalog-variant-bulk-delete-job", "variants", variant_id);

SHAPE(category_related) = {MAY("items", item_ids), END};
SHAPE(category_new_attributes) = {
    MUST("external_id"), MUST("name"), CUSTOM, END};
SHAPE(category_new) = {TYPE("catalog-category"),
    NEEDS("attributes", category_new_attributes),
    MAY("relationships", category_related), END};
JOB(categories_create, "catalog-category-bulk-create-job", "categories",
    category_new);

SHAPE(category_changed_attributes) = {MAY_TEXT("name"), END};
SHAPE(category_changed) = {TYPE("catalog-category"), ID(rule_compound),
    NEEDS("attributes", category_changed_attributes),
    MAY("relationships", category_related), END};
JOB(categories_update, "catalog-category-bulk-update-job", "categories",
    category_changed);
JOB(categories_delete, "catalog-category-bulk-delete-job", "categories",
    category_id);
