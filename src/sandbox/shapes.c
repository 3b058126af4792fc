/*
 * shapes.c - the shapes of Klaviyo's request bodies, as tables.
 *
 * Written from Klaviyo's public description of revision 2026-07-15. A table
 * lists the members of one object; it ends with an empty row. What is not in a
 * table is refused (schema.c).
 */
#include "shapes.h"

/* clang-format off: tables */

const struct field shape_location[] = {TEXT("address1"), TEXT("address2"),
    TEXT("city"), TEXT("country"),
    {"latitude", K_STRNUM, NULLABLE, NULL, NULL, NULL, NULL},
    {"longitude", K_STRNUM, NULLABLE, NULL, NULL, NULL, NULL}, TEXT("region"),
    TEXT("zip"), TEXT("timezone"), TEXT("ip"), END};

SHAPE(patch_properties) = {FREE("append"), FREE("unappend"),
    {"unset", K_STRINGS, NULLABLE, NULL, NULL, NULL, NULL}, END};
SHAPE(patch_identifiers) = {FREE_SET("append"), FREE_SET("unappend"), END};
const struct field shape_meta[] = {MAY("patch_properties", patch_properties),
    MAY("patch_identifiers", patch_identifiers), END};

SHAPE(person_in_event) = {
    PERSON, TEXT("anonymous_id"), TEXT("_kx"), MAY("meta", shape_meta), END};
SHAPE(person_in_bulk) = {PERSON, TEXT("anonymous_id"), TEXT("_kx"), END};
SHAPE(person_stored) = {PERSON, END};
SHAPE(person_imported) = {PERSON, TEXT("_kx"), END};

SHAPE(event_profile_data) = {TYPE("profile"), TEXT("id"),
    NEEDS_RULE("attributes", person_in_event, rule_phone_owner), END};
SHAPE(event_profile) = {
    NEEDS_RULE("data", event_profile_data, rule_known_person), END};
SHAPE(bulk_profile_data) = {TYPE("profile"), TEXT("id"),
    NEEDS_RULE("attributes", person_in_bulk, rule_phone_owner),
    MAY("meta", shape_meta), END};
SHAPE(bulk_profile) = {
    NEEDS_RULE("data", bulk_profile_data, rule_known_person), END};

SHAPE(metric_attributes) = {
    {"name", K_STRING, REQUIRED, NULL, NULL, rule_metric, NULL},
    TEXT("service"), END};
SHAPE(metric_data) = {
    TYPE("metric"), NEEDS("attributes", metric_attributes), END};
SHAPE(metric) = {NEEDS("data", metric_data), END};

#define EVENT                                                                  \
	{"properties", K_FREE, REQUIRED, NULL, NULL, rule_properties, NULL},   \
	    TEXT_RULE("time", rule_time),                                      \
	    {"value", K_NUMBER, NULLABLE, NULL, NULL, NULL, NULL},             \
	    TEXT_RULE("value_currency", rule_currency),                        \
	    TEXT_RULE("unique_id", rule_unique_id),                            \
	    {"backfill", K_BOOL, NULLABLE, NULL, NULL, NULL, "2026-04-15"},    \
	    NEEDS("metric", metric)

SHAPE(event_attributes) = {EVENT, NEEDS("profile", event_profile), END};
SHAPE(event_data) = {TYPE("event"), NEEDS("attributes", event_attributes), END};
const struct field shape_event[] = {NEEDS("data", event_data), END};

SHAPE(bulk_event_attributes) = {EVENT, END};
SHAPE(bulk_event) = {
    TYPE("event"), NEEDS("attributes", bulk_event_attributes), END};
SHAPE(bulk_events) = {
    {"data", K_ARRAY, REQUIRED, bulk_event, NULL, rule_not_empty, NULL}, END};
SHAPE(group_attributes) = {
    {"backfill", K_BOOL, NULLABLE, NULL, NULL, NULL, "2026-04-15"},
    NEEDS("profile", bulk_profile), NEEDS("events", bulk_events), END};
SHAPE(group) = {
    TYPE("event-bulk-create"), NEEDS("attributes", group_attributes), END};
SHAPE(groups) = {
    {"data", K_ARRAY, REQUIRED, group, NULL, rule_bulk, NULL}, END};
SHAPE(job_attributes) = {NEEDS("events-bulk-create", groups), END};
SHAPE(job) = {
    TYPE("event-bulk-create-job"), NEEDS("attributes", job_attributes), END};
const struct field shape_bulk[] = {NEEDS("data", job), END};
const struct field shape_client_bulk[] = {
    NEEDS_RULE("data", group, rule_group), END};

SHAPE(created) = {TYPE("profile"),
    NEEDS_RULE("attributes", person_stored, rule_phone_owner), END};
const struct field shape_profile_create[] = {
    NEEDS_RULE("data", created, rule_known_person), END};

SHAPE(updated) = {TYPE("profile"),
    {"id", K_STRING, REQUIRED, NULL, NULL, NULL, NULL},
    NEEDS_RULE("attributes", person_stored, rule_phone_owner),
    MAY("meta", shape_meta), END};
const struct field shape_profile_update[] = {NEEDS("data", updated), END};

SHAPE(imported) = {TYPE("profile"), TEXT("id"),
    NEEDS_RULE("attributes", person_imported, rule_phone_owner),
    MAY("meta", shape_meta), END};
const struct field shape_profile_import[] = {
    NEEDS_RULE("data", imported, rule_known_person), END};
const struct field shape_client_profile[] = {
    NEEDS_RULE("data", bulk_profile_data, rule_known_person), END};
