/*
 * catalog.c - the Catalog API: entries of its jobs, the jobs, and what Klaviyo
 * answers.
 *
 *   {"data":{"type":"catalog-item-bulk-create-job","attributes":{"items":
 *    {"data":[{"type":"catalog-item","attributes":{"external_id":"1111",..}},
 *     ..]}}}}
 *
 * Promises: an entry that lacks what Klaviyo requires is refused here, by name;
 * numbers are numbers, printed from minor units; ids are compound where Klaviyo
 * wants them so ("$custom:::$default:::1111").  An entry is whole: what the
 * shop does not have is null, so that an update clears it.
 * Of an answer nothing is believed but its shape.  Which entry an error is
 * about is read off its pointer; what it means, off its code, and never off
 * words that may change.
 *
 * Does not: send anything, nor wait.
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

/* ----------------------------------------------------------------- answers */

static const char *
text_of(const cJSON *object, const char *name)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(member) ? member->valuestring : "";
}

/* The first segment of a pointer that is a number, else -1.
   "/data/attributes/items/data/3/attributes/url" */
static long
index_of(const char *pointer)
{
	for (const char *at = pointer; (at = strchr(at, '/')) != NULL;) {
		size_t digits = strspn(++at, "0123456789");

		if (digits > 0 && digits < 4 &&
		    (at[digits] == '/' || at[digits] == '\0'))
			return atol(at);
	}
	return -1;
}

static bool
has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

static enum klaviyo_catalog_fault
fault_of(const char *code, const char *pointer)
{
	if (has(code, "not_found") || has(code, "not_exist"))
		return KLAVIYO_CATALOG_MISSING;
	if (has(code, "exist") || has(code, "duplicate") ||
	    has(code, "conflict"))
		return KLAVIYO_CATALOG_EXISTS;
	if (has(code, "invalid") && has(pointer, "/attributes/") &&
	    !has(pointer, "/external_id"))
		return KLAVIYO_CATALOG_INVALID;
	return KLAVIYO_CATALOG_UNCLEAR;
}

static int
each_error(const cJSON *errors, klaviyo_catalog_error *each, void *arg)
{
	const cJSON *error;

	cJSON_ArrayForEach(error, errors)
	{
		const char *pointer =
		    text_of(cJSON_GetObjectItemCaseSensitive(error, "source"),
		        "pointer");
		const char *detail = text_of(error, "detail");

		/* As an error text it is one line, and not too long. */
		kl_fail("%s", *detail ? detail : text_of(error, "title"));
		if (each(arg, index_of(pointer),
		        fault_of(text_of(error, "code"), pointer),
		        klaviyo_error()) != 0)
			return kl_fail("the host has ended it");
	}
	return 0;
}

/* Whatever the id is, it becomes one segment of a path. */
static int
put_path(char *to, size_t size, const char *path, const char *id)
{
	size_t n = (size_t)snprintf(to, size, "%s/", path);

	for (; *id && n + 4 < size; id++) {
		bool plain =
		    (*id >= 'a' && *id <= 'z') || (*id >= 'A' && *id <= 'Z') ||
		    (*id >= '0' && *id <= '9') || *id == '-' || *id == '_';

		n += (size_t)snprintf(to + n, size - n, plain ? "%c" : "%%%02X",
		    (unsigned char)*id);
	}
	return *id ? kl_fail("Klaviyo's job has an endless id") : 0;
}

int
klaviyo_catalog_answer(enum klaviyo_catalog_kind kind,
    enum klaviyo_catalog_step step, const char *body,
    struct klaviyo_catalog_job *job, klaviyo_catalog_error *each, void *arg)
{
	const struct words *w = words_of(kind, step);
	const cJSON *data, *attributes, *failed;
	cJSON *tree = NULL;
	const char *status, *id;
	int rc = -1;

	memset(job, 0, sizeof(*job));
	if (w == NULL ||
	    (tree = kl_json_read(body, 20, "Klaviyo's job")) == NULL)
		return -1;
	data = cJSON_GetObjectItemCaseSensitive(tree, "data");
	attributes = cJSON_GetObjectItemCaseSensitive(data, "attributes");
	failed = cJSON_GetObjectItemCaseSensitive(attributes, "failed_count");
	status = text_of(attributes, "status");
	if (!*(id = text_of(data, "id")) || !*status) {
		kl_fail("Klaviyo's answer is no catalog job");
		goto out;
	}
	/* A number that was read is raw: its digits are what it prints. */
	if (cJSON_IsRaw(failed) && failed->valuedouble > 0)
		job->failed = (int64_t)failed->valuedouble;
	job->done = strcmp(status, "complete") == 0    ? 1
	            : strcmp(status, "cancelled") == 0 ? -1
	                                               : 0;
	if (put_path(job->path, sizeof(job->path), w->path, id) != 0 ||
	    each_error(cJSON_GetObjectItemCaseSensitive(attributes, "errors"),
	        each, arg) != 0)
		goto out;
	rc = 0;
out:
	cJSON_Delete(tree);
	return rc;
}
