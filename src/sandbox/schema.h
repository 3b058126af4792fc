/*
 * schema.h - what schema.c, the tables of shapes*.c and the rules of rules.c
 * and consent_rules.c say to each other: the shape of a body.
 */
#ifndef SCHEMA_H
#define SCHEMA_H

#include "sandbox.h"

struct walk {
	struct report *report;
	const char *revision;
	int64_t now; /* seconds */
	size_t n;    /* length of path */
	char path[1024];
};
enum kind {
	K_STRING,
	K_NUMBER,
	K_BOOL,
	K_OBJECT,  /* members are those of .members, no others */
	K_FREE,    /* an object with members of any name */
	K_ARRAY,   /* of objects with the members of .members */
	K_TYPE,    /* the string .is */
	K_STRNUM,  /* string or number */
	K_STRINGS, /* string or array of strings */
	K_TEXTS    /* array of strings */
};
enum { REQUIRED = 1, NULLABLE = 2 };
typedef void rule(struct walk *, const struct json *);
struct field {
	const char *name; /* NULL ends a table */
	enum kind kind;
	int flags;
	const struct field *members;
	const char *is;
	rule *rule;        /* what the shape alone does not say */
	const char *since; /* revision that brought it */
};
void schema_check(
    struct walk *w, const struct field *table, const struct json *body);
void walk_fail(struct walk *w, const char *member, const char *fmt, ...)
    PRINTF(3, 4);
/* Into a member, or an array's element, and out again to where it was. */
size_t walk_enter(struct walk *w, const char *name);
size_t walk_element(struct walk *w, int i);
void walk_leave(struct walk *w, size_t before);

extern const struct field shape_event[], shape_bulk[], shape_client_bulk[],
    shape_profile_create[], shape_profile_update[], shape_profile_import[],
    shape_client_profile[], shape_subscribe[], shape_unsubscribe[],
    shape_client_subscription[], shape_stock[], shape_merge[],
    shape_items_create[], shape_items_update[], shape_items_delete[],
    shape_variants_create[], shape_variants_update[], shape_variants_delete[],
    shape_categories_create[], shape_categories_update[],
    shape_categories_delete[];

rule rule_email, rule_phone_owner, rule_known_person, rule_time, rule_currency,
    rule_unique_id, rule_metric, rule_properties, rule_bulk, rule_group,
    rule_not_empty, rule_subscribe, rule_unsubscribe, rule_client_consent,
    rule_channels, rule_compound, rule_one, rule_phone, rule_past, rule_batch,
    rule_not_blank, rule_metadata, rule_policy;

#endif
