/*
 * calls_catalog.c - the catalogue, to be read: Klaviyo's lists and the
 * control's JSON.
 */
#include "catalogs.h"
#include "query.h"

#include <stdlib.h>
#include <string.h>

enum { IDS, TITLE, PUBLISHED, ITEM_ID, CATEGORY_ID, SKU };
static const struct filter_field item_fields[] = {
    [IDS] = {"ids", OP_ANY, V_TEXT},
    [TITLE] = {"title", OP_CONTAINS, V_TEXT},
    [PUBLISHED] = {"published", OP_EQUALS, V_BOOL},
    [ITEM_ID] = {"", 0, 0},
    [CATEGORY_ID] = {"category.id", OP_EQUALS, V_TEXT},
    {NULL, 0, 0}};
static const struct filter_field variant_fields[] = {
    [IDS] = {"ids", OP_ANY, V_TEXT},
    [TITLE] = {"title", OP_CONTAINS, V_TEXT},
    [PUBLISHED] = {"published", OP_EQUALS, V_BOOL},
    [ITEM_ID] = {"item.id", OP_EQUALS, V_TEXT},
    [CATEGORY_ID] = {"", 0, 0},
    [SKU] = {"sku", OP_EQUALS, V_TEXT},
    {NULL, 0, 0}};
static const struct filter_field category_fields[] = {
    [IDS] = {"ids", OP_ANY, V_TEXT},
    [TITLE] = {"name", OP_CONTAINS, V_TEXT},
    [PUBLISHED] = {"", 0, 0},
    [ITEM_ID] = {"item.id", OP_EQUALS, V_TEXT},
    {NULL, 0, 0}};
static const struct filter_field *const fields[WHATS] = {
    item_fields, variant_fields, category_fields};

/* A text of the attributes against a condition. */
static int
attribute(const struct term *t, const struct json *attributes, const char *name)
{
	const char *s = json_text(attributes, name);

	return s && query_text(t, s);
}

static int
related(const struct term *t, const char *external)
{
	struct buf b = {0};
	int is;

	buf_printf(&b, "$custom:::$default:::%s", external ? external : "");
	is = query_text(t, b.p);
	buf_free(&b);
	return is;
}

/* item.id of a category, category.id of an item. */
static int
in_category(const struct term *t, enum what what, const struct thing *thing)
{
	const char *id = catalog_external(t->text.p);
	const struct thing *item;

	if (what == ITEM)
		return ids_have(thing->categories, id);
	item = catalog_find(ITEM, id);
	return item && ids_have(item->categories, thing->id);
}

static int
meets(const struct term *t, enum what what, const struct thing *thing,
    const struct json *attributes)
{
	const struct json *v;

	switch (t->field) {
	case IDS:
		return related(t, thing->id);
	case TITLE:
		return attribute(
		    t, attributes, what == CATEGORY ? "name" : "title");
	case PUBLISHED:
		v = json_get(attributes, "published");
		return (!v || *v->src == 't') == t->number;
	case SKU:
		return attribute(t, attributes, "sku");
	case ITEM_ID:
		if (what == VARIANT)
			return related(t, thing->item);
		return in_category(t, what, thing);
	default:
		return in_category(t, what, thing);
	}
}

static int
wanted(const struct query *q, enum what what, const struct thing *t)
{
	struct json_doc *doc;
	const char *why;
	int is = 1;

	if (t->deleted)
		return 0;
	if (!q->nterms)
		return 1;
	doc = json_parse(t->attributes, strlen(t->attributes), &why);
	for (int i = 0; i < q->nterms && is; i++)
		is = meets(&q->terms[i], what, t, json_root(doc));
	json_free(doc);
	return is;
}

static void
resource(
    struct buf *b, const struct call *c, enum what what, const struct thing *t)
{
	struct buf path = {0};

	buf_printf(b, "{\"type\":\"catalog-%s\",\"id\":", what_names[what]);
	catalog_compound(b, t->id);
	buf_str(b, ",\"attributes\":");
	catalog_attributes(b, what, t);
	if (what == VARIANT) {
		buf_str(b, ",\"relationships\":{\"item\":{\"data\":{\"type\":"
		           "\"catalog-item\",\"id\":");
		catalog_compound(b, t->item);
		buf_str(b, "}}}");
	}
	buf_str(b, ",\"links\":{\"self\":");
	buf_printf(&path, "/api/catalog-%s/$custom:::$default:::%s/",
	    what_plurals[what], t->id);
	query_self(b, c, path.p);
	buf_free(&path);
	buf_str(b, "}}");
}

void
serve_catalog(struct call *c)
{
	struct pages pages = {NULL, "created", 0, 100, 100};
	enum what what = ITEM;
	size_t i, n = 0, taken = 0;
	int64_t last[2] = {0};
	struct query q;

	while (what < WHATS - 1 &&
	       strcmp(c->endpoint->path + strlen("/api/catalog-"),
	           what_plurals[what]))
		what++;
	pages.fields = fields[what];
	if (query_read(c, &pages, &q))
		goto out;
	while (catalog_at(what, n))
		n++;
	c->status = 200;
	buf_str(&c->reply, "{\"data\":[");
	i = q.continued ? (size_t)q.after[0] : q.descending ? n : 0;
	/* By creation; going down, i is one above the next. */
	for (; q.descending ? i > 0 : i < n; q.descending ? i-- : i++) {
		const struct thing *t =
		    catalog_at(what, i - (size_t)q.descending);

		if (!wanted(&q, what, t))
			continue;
		if (taken == q.size)
			break;
		buf_str(&c->reply, taken++ ? "," : "");
		resource(&c->reply, c, what, t);
	}
	last[0] = (int64_t)i;
	buf_str(&c->reply, "]");
	query_links(c, (q.descending ? i > 0 : i < n) ? last : NULL);
	buf_str(&c->reply, "}");
out:
	query_free(&q);
}

void
catalog_json(struct buf *b)
{
	for (int w = 0; w < WHATS; w++) {
		const struct thing *t;
		int first = 1;

		buf_printf(b, "%s\"%s\":[", w ? "," : "", what_plurals[w]);
		for (size_t i = 0; (t = catalog_at((enum what)w, i)); i++) {
			if (t->deleted)
				continue;
			buf_str(b, first ? "{\"id\":" : ",{\"id\":");
			first = 0;
			buf_json(b, t->id, strlen(t->id));
			buf_str(b, ",\"attributes\":");
			catalog_attributes(b, (enum what)w, t);
			if (w == ITEM)
				buf_printf(b, ",\"categories\":[%s]",
				    t->categories ? t->categories : "");
			if (w == VARIANT) {
				buf_str(b, ",\"item\":");
				buf_json(b, t->item, strlen(t->item));
			}
			buf_str(b, "}");
		}
		buf_str(b, "]");
	}
	buf_str(b, ",\"jobs\":");
	jobs_json(b, (size_t)-1);
}
