/*
 * catalogs.h - the catalogue, as catalog.c keeps it and catalog_jobs.c and
 * calls_catalog.c use it.
 */
#ifndef CATALOGS_H
#define CATALOGS_H

#include "sandbox.h"

enum what { ITEM, VARIANT, CATEGORY, WHATS };
enum doing { CREATE, UPDATE, DELETE, DOINGS };
extern const char *const what_names[WHATS], *const what_plurals[WHATS];
extern const char *const doing_names[DOINGS];

struct thing {
	char *id;         /* external_id */
	char *attributes; /* JSON object: as given, without external_id */
	char *item;       /* a variant's: external_id */
	char *categories; /* an item's: external_ids, "a","b" */
	int64_t created, updated; /* ms */
	int deleted;
};

/* Compound ids are "$custom:::$default:::" and the external_id. */
const char *catalog_external(const char *compound);
void catalog_compound(struct buf *b, const char *external); /* "quoted" */

/* Does one resource's part of a job. NULL, or the code of its error, with
   words in ${detail}. */
const char *catalog_change(enum what what, enum doing doing,
    const struct json *resource, int64_t now, char *detail, size_t n);

/* In order of creation, the deleted among them; NULL behind the last. */
const struct thing *catalog_at(enum what what, size_t i);
const struct thing *catalog_find(enum what what, const char *external);
size_t catalog_count(enum what what); /* without the deleted */
void catalog_attributes(struct buf *b, enum what what, const struct thing *t);
void catalog_forget(void);

void jobs_json(struct buf *b, size_t newest);
void jobs_clear(void);

#endif
