/*
 * merge.c - what a request says of a profile, over what was known of it.
 *
 * A member that is null clears, one that is absent leaves. Of location and
 * properties each member counts by itself; everything else is replaced whole.
 * meta.patch_properties appends to, takes from and unsets custom properties.
 * Identifiers are not attributes here: people.c keeps them.
 */
#include "sandbox.h"

#include <string.h>

static int
is_identity(const char *name)
{
	for (int i = 0; i < IDENTITIES; i++)
		if (!strcmp(name, identity_names[i]))
			return 1;
	return 0;
}

static int
listed(const struct json *names, const char *name)
{
	if (!names || names->type == JSON_NULL)
		return 0;
	if (names->type == JSON_STRING)
		return !strcmp(names->str, name);
	for (names = names->child; names; names = names->next)
		if (!strcmp(names->str, name))
			return 1;
	return 0;
}

/* Whether two values have the same text. */
static int
same(const struct json *a, const struct json *b)
{
	return a->len == b->len && !memcmp(a->src, b->src, a->len);
}

/* old plus one value (append) or without it (unappend). */
static void
list_change(struct buf *b, const struct json *old, const struct json *add,
    const struct json *drop)
{
	int first = 1, lone = old && old->type != JSON_ARRAY;

	buf_str(b, "[");
	for (const struct json *v = old ? lone ? old : old->child : NULL; v;
	     v = lone ? NULL : v->next) {
		if ((drop && same(v, drop)) || (add && same(v, add)))
			continue;
		buf_str(b, first ? "" : ",");
		json_copy(b, v);
		first = 0;
	}
	if (add) {
		buf_str(b, first ? "" : ",");
		json_copy(b, add);
	}
	buf_str(b, "]");
}

/* New members over old ones; null clears; location and properties by member. */
static void
merge(struct buf *b, const struct json *old, const struct json *new,
    const struct json *patch, int top)
{
	const struct json *add = json_get(patch, "append");
	const struct json *drop = json_get(patch, "unappend");
	const struct json *v, *n, *none = json_get(patch, "unset");

	buf_str(b, "{");
	for (v = old ? old->child : NULL; v; v = v->next) {
		n = json_get(new, v->key);
		if (listed(none, v->key) || (n && n->type == JSON_NULL))
			continue;
		buf_member(b, v->key);
		if (json_get(add, v->key) || json_get(drop, v->key))
			list_change(b, n ? n : v, json_get(add, v->key),
			    json_get(drop, v->key));
		else if (top && n && n->type == JSON_OBJECT &&
		         v->type == JSON_OBJECT)
			merge(b, v, n, NULL, 0);
		else
			json_copy(b, n ? n : v);
	}
	for (n = new ? new->child : NULL; n; n = n->next) {
		if (json_get(old, n->key) || n->type == JSON_NULL ||
		    (top && (is_identity(n->key) || !strcmp(n->key, "meta") ||
		                !strcmp(n->key, "subscriptions"))))
			continue;
		buf_member(b, n->key);
		json_copy(b, n);
	}
	for (n = add && add->type == JSON_OBJECT ? add->child : NULL; n;
	     n = n->next) {
		if (json_get(old, n->key) || json_get(new, n->key))
			continue;
		buf_member(b, n->key);
		list_change(b, NULL, n, NULL);
	}
	buf_str(b, "}");
}

/* meta.patch_properties changes the custom properties. */
static void
patch(struct buf *b, const struct json *meta)
{
	const struct json *how = json_get(meta, "patch_properties");
	struct json_doc *doc;
	const struct json *all;
	struct buf out = {0};
	const char *why;

	if (!how || !(doc = json_parse(b->p, b->n, &why)))
		return;
	all = json_root(doc);
	buf_str(&out, "{");
	for (const struct json *v = all->child; v; v = v->next)
		if (strcmp(v->key, "properties")) {
			buf_member(&out, v->key);
			json_copy(&out, v);
		}
	buf_member(&out, "properties");
	merge(&out, json_get(all, "properties"), NULL, how, 0);
	buf_str(&out, "}");
	json_free(doc);
	buf_free(b);
	*b = out;
}

char *
merge_attributes(
    const char *old, const struct json *attributes, const struct json *meta)
{
	struct json_doc *doc = NULL;
	struct buf b = {0};
	const char *why;

	if (old)
		doc = json_parse(old, strlen(old), &why);
	merge(&b, json_root(doc), attributes, NULL, 1);
	patch(&b, meta ? meta : json_get(attributes, "meta"));
	json_free(doc);
	return b.p;
}
