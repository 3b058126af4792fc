/*
 * catalog.c - the catalogue: items, their variants, and categories.
 *
 * Changed by the jobs of the Catalog API alone; a hosted feed is not read. An
 * item that is deleted takes its variants with it. In a change, a member that
 * is null or not there leaves what was. Works under the state's lock.
 */
#include "catalogs.h"

#include <stdlib.h>
#include <string.h>

const char *const what_names[WHATS] = {"item", "variant", "category"};
const char *const what_plurals[WHATS] = {"items", "variants", "categories"};
const char *const doing_names[DOINGS] = {"create", "update", "delete"};

static const char prefix[] = "$custom:::$default:::";

static struct {
	struct thing **of;
	size_t n, room, living;
	struct map index; /* external_id -> place + 1 */
} all[WHATS];
static int known; /* something was pushed, once */

const char *
catalog_external(const char *compound)
{
	return strncmp(compound, prefix, strlen(prefix))
	           ? compound
	           : compound + strlen(prefix);
}

void
catalog_compound(struct buf *b, const char *external)
{
	struct buf s = {0};

	buf_printf(&s, "%s%s", prefix, external);
	buf_json(b, s.p, s.n);
	buf_free(&s);
}

static struct thing *
find(enum what what, const char *id)
{
	uint32_t at = map_get(&all[what].index, id, strlen(id));

	return at ? all[what].of[at - 1] : NULL;
}

const struct thing *
catalog_find(enum what what, const char *id)
{
	return find(what, id);
}

const struct thing *
catalog_at(enum what what, size_t i)
{
	return i < all[what].n ? all[what].of[i] : NULL;
}

size_t
catalog_count(enum what what)
{
	return all[what].living;
}

static struct thing *
add(enum what what, const char *id, int64_t now)
{
	struct thing *t = xalloc(sizeof *t);

	if (all[what].n == all[what].room) {
		all[what].room = all[what].room ? all[what].room * 2 : 256;
		all[what].of = xrealloc(
		    all[what].of, all[what].room * sizeof *all[what].of);
	}
	t->id = xdup(id, strlen(id));
	t->created = now;
	all[what].of[all[what].n++] = t;
	all[what].living++;
	*map_at(&all[what].index, id, strlen(id)) = (uint32_t)all[what].n;
	known = 1;
	return t;
}

/* What the new says over what was. */
static void
set_attributes(
    struct thing *t, enum what what, const struct json *new, int64_t now)
{
	static const char *const apart[] = {
	    "external_id", "integration_type", "catalog_type"};
	struct json_doc *doc = NULL;
	struct buf b = {0};
	const char *why;
	const struct json *v, *n;
	int published = 0;

	if (t->attributes)
		doc = json_parse(t->attributes, strlen(t->attributes), &why);
	buf_str(&b, "{");
	v = json_root(doc);
	for (v = v ? v->child : NULL; v; v = v->next) {
		n = json_get(new, v->key);
		buf_member(&b, v->key);
		json_copy(&b, n && n->type != JSON_NULL ? n : v);
	}
	for (n = new->child; n; n = n->next) {
		size_t i = 0;

		while (i < 3 && strcmp(apart[i], n->key))
			i++;
		if (i < 3 || n->type == JSON_NULL ||
		    json_get(json_root(doc), n->key))
			continue;
		buf_member(&b, n->key);
		json_copy(&b, n);
		published |= !strcmp(n->key, "published");
	}
	if (!doc && what != CATEGORY && !published)
		buf_str(&b, ",\"published\":true");
	buf_str(&b, "}");
	json_free(doc);
	free(t->attributes);
	t->attributes = b.p;
	t->updated = now;
}

PRINTF(4, 5)
static const char *
wrong(const char *code, char *detail, size_t n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, n, fmt, ap);
	va_end(ap);
	return code;
}

static const char *
missing(enum what what, const char *id, char *detail, size_t n)
{
	return wrong("not_found", detail, n,
	    "A catalog %s with the id %.80s does not exist.", what_names[what],
	    id);
}

/* Whether all that a resource refers to is there. */
static const char *
relations_there(const struct json *related, char *detail, size_t n)
{
	static const char *const names[WHATS] = {"items", "item", "categories"};
	static const enum what whats[WHATS] = {ITEM, ITEM, CATEGORY};

	for (int i = 0; i < WHATS; i++) {
		const struct json *v =
		    json_path(related, names[i], "data", NULL);

		if (v && v->type == JSON_ARRAY)
			v = v->child;
		for (; v; v = v->next) {
			const char *id = json_text(v, "id");

			if (id && !find(whats[i], catalog_external(id)))
				return missing(
				    whats[i], catalog_external(id), detail, n);
		}
	}
	return NULL;
}

static void
relate(enum what what, struct thing *t, const struct json *related)
{
	const struct json *v;

	if (what == VARIANT && (v = json_path(related, "item", "data", NULL))) {
		const char *id = catalog_external(json_text(v, "id"));

		free(t->item);
		t->item = xdup(id, strlen(id));
	}
	if (what == ITEM &&
	    (v = json_path(related, "categories", "data", NULL))) {
		free(t->categories);
		t->categories = NULL;
		for (v = v->child; v; v = v->next)
			ids_add(&t->categories,
			    catalog_external(json_text(v, "id")));
	}
	if (what == CATEGORY &&
	    (v = json_path(related, "items", "data", NULL))) {
		for (size_t i = 0; i < all[ITEM].n; i++)
			ids_drop(&all[ITEM].of[i]->categories, t->id);
		for (v = v->child; v; v = v->next)
			ids_add(
			    &find(ITEM, catalog_external(json_text(v, "id")))
			         ->categories,
			    t->id);
	}
}

static void
drop(enum what what, struct thing *t)
{
	t->deleted = 1;
	all[what].living--;
	*map_at(&all[what].index, t->id, strlen(t->id)) = 0;
	for (size_t i = 0; what == ITEM && i < all[VARIANT].n; i++) {
		struct thing *v = all[VARIANT].of[i];

		if (!v->deleted && !strcmp(v->item, t->id))
			drop(VARIANT, v);
	}
	for (size_t i = 0; what == CATEGORY && i < all[ITEM].n; i++)
		ids_drop(&all[ITEM].of[i]->categories, t->id);
}

const char *
catalog_change(enum what what, enum doing doing, const struct json *resource,
    int64_t now, char *detail, size_t n)
{
	const struct json *attributes = json_get(resource, "attributes");
	const struct json *related = json_get(resource, "relationships");
	const char *id = doing == CREATE ? json_text(attributes, "external_id")
	                                 : json_text(resource, "id");
	struct thing *t;
	const char *code;

	if (!id)
		return missing(what, "", detail, n);
	id = catalog_external(id);
	t = find(what, id);
	if (doing == CREATE && t)
		return wrong("duplicate", detail, n,
		    "A catalog %s with the id %.80s exists already.",
		    what_names[what], id);
	if (doing != CREATE && !t)
		return missing(what, id, detail, n);
	if (doing == DELETE) {
		drop(what, t);
		return NULL;
	}
	if ((code = relations_there(related, detail, n)))
		return code;
	if (!t)
		t = add(what, id, now);
	set_attributes(t, what, attributes, now);
	relate(what, t, related);
	return NULL;
}

/* As Klaviyo's answers have them. */
void
catalog_attributes(struct buf *b, enum what what, const struct thing *t)
{
	buf_str(b, "{\"external_id\":");
	buf_json(b, t->id, strlen(t->id));
	if (t->attributes && t->attributes[1] != '}') {
		buf_str(b, ",");
		buf_add(b, t->attributes + 1, strlen(t->attributes) - 2);
	}
	if (what != CATEGORY) {
		buf_str(b, ",\"created\":\"");
		buf_time(b, t->created);
		buf_str(b, "\"");
	}
	buf_str(b, ",\"updated\":\"");
	buf_time(b, t->updated);
	buf_str(b, "\"}");
}

int
catalog_lacks(const char *variant)
{
	return known && !find(VARIANT, catalog_external(variant));
}

int
catalog_stock(const char *variant, double *quantity)
{
	const struct thing *t = find(VARIANT, catalog_external(variant));
	struct json_doc *doc;
	const struct json *v;
	const char *why;

	if (!t)
		return 0;
	doc = json_parse(t->attributes, strlen(t->attributes), &why);
	v = json_get(json_root(doc), "inventory_quantity");
	*quantity = v ? strtod(v->src, NULL) : 0;
	json_free(doc);
	return 1;
}

void
catalog_forget(void)
{
	for (int w = 0; w < WHATS; w++) {
		while (all[w].n) {
			struct thing *t = all[w].of[--all[w].n];

			free(t->id);
			free(t->attributes);
			free(t->item);
			free(t->categories);
			free(t);
		}
		free(all[w].of);
		map_clear(&all[w].index);
		memset(&all[w], 0, sizeof all[w]);
	}
	known = 0;
}
