/*
 * catalog_rules.c - what a catalogue job must satisfy beyond its shape.
 *
 * What depends on the catalogue as it is then (an id that is taken, an item
 * that is not there) is no error of the request but of the job: catalog.c.
 */
#include "schema.h"

#include <string.h>

enum { BATCH_MAX = 100, METADATA_MAX = 100 * 1024 };

void
rule_batch(struct walk *w, const struct json *v)
{
	if (v->size < 1 || v->size > BATCH_MAX)
		walk_fail(w, NULL, "From 1 to %d are taken at once, not %zu.",
		    BATCH_MAX, v->size);
}

void
rule_not_blank(struct walk *w, const struct json *v)
{
	if (strspn(v->str, " \t\r\n") == v->size)
		walk_fail(w, NULL, "This field may not be blank.");
}

/* Names and plain values, no object in it. */
void
rule_metadata(struct walk *w, const struct json *v)
{
	if (v->len > METADATA_MAX)
		walk_fail(w, NULL, "custom_metadata has at most %d bytes.",
		    METADATA_MAX);
	for (v = v->child; v; v = v->next)
		if (v->type == JSON_OBJECT || v->type == JSON_ARRAY)
			walk_fail(w, v->key,
			    "custom_metadata is flat: a text, a number or a "
			    "boolean is expected.");
}

void
rule_policy(struct walk *w, const struct json *v)
{
	if (v->len != 1 || !strchr("012", *v->src))
		walk_fail(w, NULL, "inventory_policy is 0, 1 or 2.");
}
