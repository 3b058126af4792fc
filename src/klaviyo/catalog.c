/*
 * catalog.c - the Catalog API: entries of its jobs, and the jobs.
 *
 *   {"data":{"type":"catalog-item-bulk-create-job","attributes":{"items":
 *    {"data":[{"type":"catalog-item","attributes":{"external_id":"1111",..}},
 *     ..]}}}}
 *
 * Promises: an entry that lacks what Klaviyo requires is refused here, by name;
 * numbers are numbers, printed from minor units; ids are compound where Klaviyo
 * wants them so ("$custom:::$default:::1111").  An entry is whole: what the
 * shop does not have is null, so that an update clears it.
 *
 * Does not: send anything, nor wait.  Answers are catalog_answer.c's.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN "$custom:::$default:::"
enum { MAX_BODY = 5 * 1000 * 1000, MAX_ID = 255 };

/* The words of one kind of job; a row is a kind, a column a step. */
static const struct words {
	const char *type, *job, *list, *path;
} words[2][3] = {
#define STEP(kind, step)                                                       \
	{                                                                      \
		"catalog-" kind, "catalog-" kind "-bulk-" step "-job",         \
		    kind "s", "/api/catalog-" kind "-bulk-" step "-jobs"       \
	}
    {STEP("item", "create"), STEP("item", "update"), STEP("item", "delete")},
    {STEP("variant", "create"), STEP("variant", "update"),
        STEP("variant", "delete")},
#undef STEP
};

static const struct words *
words_of(enum klaviyo_catalog_kind kind, enum klaviyo_catalog_step step)
{
	if ((unsigned)kind < 2 && (unsigned)step < 3)
		return &words[kind][step];
	kl_fail("no such catalog job");
	return NULL;
}

/* ----------------------------------------------------------------- entries */

static bool
known(const char *text)
{
	return text != NULL && text[strspn(text, " \t\r\n")] != '\0';
}

static bool
put_required(cJSON *to, const char *name, const char *text)
{
	if (known(text))
		return kl_put(to, name, cJSON_CreateString(text));
	kl_fail("%s: blank, and required", name);
	return false;
}

static bool
put_id(cJSON *to, const char *id)
{
	char whole[sizeof(OWN) + MAX_ID];

	if (kl_check_length(id, MAX_ID, "id") != 0)
		return false;
	snprintf(whole, sizeof(whole), OWN "%s", id);
	return kl_put_text(to, "id", whole);
}

/* Also one of 0: a gift is not of an unknown price. */
static bool
put_price(cJSON *to, int64_t price, const char *currency)
{
	char *digits = klaviyo_money(price, currency);
	bool ok;

	ok = digits != NULL && kl_put(to, "price", cJSON_CreateRaw(digits));
	free(digits);
	return ok;
}

static bool
put_whole(cJSON *to, const char *name, int64_t n)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%lld", (long long)n);
	return kl_put(to, name, cJSON_CreateRaw(digits));
}

static bool
put_or_null(cJSON *to, const char *name, const char *text)
{
	return kl_put(to, name,
	    known(text) ? cJSON_CreateString(text) : cJSON_CreateNull());
}

/* Flat, as Klaviyo wants it: a list is one text. */
static bool
put_metadata(cJSON *to, const struct klaviyo_catalog_item *item)
{
	size_t n = 1, i;
	cJSON *metadata;
	char *all, *end;

	for (i = 0; i < item->ncategories; i++)
		n += strlen(item->categories[i]) + 2;
	if ((all = end = malloc(n)) == NULL) {
		kl_fail("out of memory");
		return false;
	}
	*end = '\0';
	for (i = 0; i < item->ncategories; i++) {
		end = stpcpy(end, i > 0 ? ", " : "");
		end = stpcpy(end, item->categories[i]);
	}
	metadata = kl_object();
	metadata = kl_group(metadata,
	    metadata != NULL && kl_put_text(metadata, "brand", item->brand) &&
	        kl_put_text(metadata, "categories", all));
	free(all);
	return metadata != NULL && kl_put(to, "custom_metadata", metadata);
}

static bool
put_published(cJSON *to, int published)
{
	return kl_put(to, "published", cJSON_CreateBool(published != 0));
}

/* {"type":..,("id":..,)("attributes":..,)("relationships":..)} as text; takes
   both trees, which are NULL if they failed or if ${bare}. */
static char *
entry_text(const struct words *w, const char *id, bool compound, bool bare,
    cJSON *attributes, cJSON *relationships)
{
	cJSON *entry = attributes != NULL || bare ? kl_object() : NULL;
	char *text = NULL;
	bool ok;

	ok = entry != NULL &&
	     kl_put(entry, "type", cJSON_CreateString(w->type)) &&
	     (!compound || put_id(entry, id));
	if (ok && !bare) {
		ok = kl_put(entry, "attributes", attributes);
		attributes = NULL;
	}
	if (ok && relationships != NULL) {
		ok = kl_put(entry, "relationships", relationships);
		relationships = NULL;
	}
	if (ok && kl_check(entry, "") == 0)
		text = kl_json_text(entry);
	cJSON_Delete(entry);
	cJSON_Delete(attributes);
	cJSON_Delete(relationships);
	return text;
}

/* The id of one that is made; of others it stands beside the attributes. */
static bool
put_external_id(cJSON *to, const char *id, enum klaviyo_catalog_step step)
{
	if (kl_check_length(id, MAX_ID, "id") != 0)
		return false;
	return step != KLAVIYO_CATALOG_CREATE ||
	       kl_put_text(to, "external_id", id);
}

char *
klaviyo_catalog_item(
    const struct klaviyo_catalog_item *item, enum klaviyo_catalog_step step)
{
	const struct words *w = words_of(KLAVIYO_CATALOG_ITEM, step);
	bool bare = step == KLAVIYO_CATALOG_DELETE;
	cJSON *a = NULL;

	if (w == NULL)
		return NULL;
	if (!bare && (a = kl_object()) != NULL)
		a = kl_group(
		    a, put_external_id(a, item->id, step) &&
		           put_required(a, "title", item->title) &&
		           put_required(a, "description", item->description) &&
		           put_required(a, "url", item->url) &&
		           put_price(a, item->price, item->currency) &&
		           put_or_null(a, "image_full_url", item->image_url) &&
		           put_metadata(a, item) &&
		           put_published(a, item->published));
	return entry_text(
	    w, item->id, step != KLAVIYO_CATALOG_CREATE, bare, a, NULL);
}

/* {"item":{"data":{"type":"catalog-item","id":..}}} */
static cJSON *
item_of(const char *id)
{
	cJSON *data = kl_object(), *item = NULL, *all = NULL;

	data = kl_group(data,
	    data != NULL &&
	        kl_put(data, "type", cJSON_CreateString("catalog-item")) &&
	        put_id(data, id));
	if (data == NULL)
		return NULL;
	if ((item = kl_object()) == NULL) {
		cJSON_Delete(data);
		return NULL;
	}
	item = kl_group(item, kl_put(item, "data", data));
	if (item == NULL)
		return NULL;
	if ((all = kl_object()) == NULL) {
		cJSON_Delete(item);
		return NULL;
	}
	return kl_group(all, kl_put(all, "item", item));
}

char *
klaviyo_catalog_variant(const struct klaviyo_catalog_variant *variant,
    enum klaviyo_catalog_step step)
{
	const struct words *w = words_of(KLAVIYO_CATALOG_VARIANT, step);
	bool bare = step == KLAVIYO_CATALOG_DELETE;
	cJSON *a = NULL, *item = NULL;

	if (w == NULL)
		return NULL;
	if (!bare && (a = kl_object()) != NULL)
		a = kl_group(a,
		    put_external_id(a, variant->id, step) &&
		        put_required(a, "title", variant->title) &&
		        put_required(a, "description", variant->description) &&
		        put_required(a, "sku",
		            known(variant->sku) ? variant->sku : variant->id) &&
		        put_whole(
		            a, "inventory_policy", variant->inventory_policy) &&
		        put_whole(a, "inventory_quantity",
		            variant->inventory_quantity) &&
		        put_price(a, variant->price, variant->currency) &&
		        put_required(a, "url", variant->url) &&
		        put_or_null(a, "image_full_url", variant->image_url) &&
		        put_published(a, variant->published));
	if (a != NULL && step == KLAVIYO_CATALOG_CREATE &&
	    (item = item_of(variant->item)) == NULL) {
		cJSON_Delete(a);
		return NULL;
	}
	return entry_text(
	    w, variant->id, step != KLAVIYO_CATALOG_CREATE, bare, a, item);
}

/* -------------------------------------------------------------------- jobs */

const char *
klaviyo_catalog_path(
    enum klaviyo_catalog_kind kind, enum klaviyo_catalog_step step)
{
	const struct words *w = words_of(kind, step);

	return w != NULL ? w->path : NULL;
}

/* The entries are texts of this file, and are joined unparsed. */
char *
klaviyo_catalog_job(enum klaviyo_catalog_kind kind,
    enum klaviyo_catalog_step step, const char *const entry[], size_t n)
{
	const struct words *w = words_of(kind, step);
	const char *part[2 * KLAVIYO_CATALOG_JOB + 8];
	size_t parts = 0, i;
	char *body;

	if (w == NULL)
		return NULL;
	if (n == 0 || n > KLAVIYO_CATALOG_JOB) {
		kl_fail("a catalog job has 1 to %d entries, not %zu",
		    KLAVIYO_CATALOG_JOB, n);
		return NULL;
	}
	part[parts++] = "{\"data\":{\"type\":\"";
	part[parts++] = w->job;
	part[parts++] = "\",\"attributes\":{\"";
	part[parts++] = w->list;
	part[parts++] = "\":{\"data\":[";
	for (i = 0; i < n; i++) {
		part[parts++] = i > 0 ? "," : "";
		part[parts++] = entry[i];
	}
	part[parts++] = "]}}}}";
	body = kl_join(part, parts);
	if (body != NULL && strlen(body) > MAX_BODY) {
		kl_fail("a catalog job of more than 5 MB");
		free(body);
		body = NULL;
	}
	return body;
}
