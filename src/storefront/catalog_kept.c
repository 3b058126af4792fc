/*
 * catalog_kept.c - what a push keeps of each entry, once its job has ended.
 *
 *   an entry's fate           then
 *   taken                     its hash is noted; of a deletion, its row goes
 *   create, but it exists     noted as unknown: the next pass updates it
 *   update, but it is not     its row goes: the next pass creates it
 *   delete, but it is not     taken
 *   a variant without item    the item's row goes: the next pass creates both
 *   refused                   told with Klaviyo's words; tried by the next push
 *
 * Promises: all of a job is kept in one transaction, with the claim renewed.
 *
 * Asks Klaviyo nothing.
 */
#include "catalog_push.h"

#include <stdlib.h>
#include <string.h>

int
entry_refuse(struct push *push, enum klaviyo_catalog_kind kind,
    enum klaviyo_catalog_step step, const char *product, const char *name,
    const char *words)
{
	static const char *const verb[] = {
	    "not created", "not updated", "not deleted"};
	int64_t n = push->refused++;

	if (n < PUSH_FAULTS &&
	    asprintf(&push->fault[n], "%s %s%s%s%s %s: %s",
	        kind == KLAVIYO_CATALOG_ITEM ? "product" : "variant of",
	        product, *name != '\0' ? ", \"" : "", name,
	        *name != '\0' ? "\"," : "", verb[step], words) < 0) {
		push->fault[n] = NULL;
		return shop_fail("out of memory");
	}
	return 0;
}

void
jobs_forgive(struct push *push)
{
	for (int i = 0; i < PUSH_FAULTS; i++) {
		free(push->fault[i]);
		push->fault[i] = NULL;
	}
	push->refused = 0;
}

static const char *
kind_name(enum klaviyo_catalog_kind kind)
{
	return kind == KLAVIYO_CATALOG_ITEM ? "item" : "variant";
}

/* ${hash} NULL: Klaviyo does not have it. */
static int
keep(struct push *push, enum klaviyo_catalog_kind kind, const char *product,
    const char *name, const char *hash)
{
	int64_t rows;

	if (hash == NULL)
		rows = db_run(push->db, NULL, NULL,
		    "DELETE FROM catalog_pushed WHERE kind = $1 "
		    "AND product = $2 AND name = $3",
		    kind_name(kind), product, name);
	else
		rows = db_run(push->db, NULL, NULL,
		    "INSERT INTO catalog_pushed (kind, product, name, hash) "
		    "VALUES ($1, $2, $3, $4) ON CONFLICT (kind, product, name) "
		    "DO UPDATE SET hash = excluded.hash",
		    kind_name(kind), product, name, hash);
	return rows < 0 ? -1 : 0;
}

static int
keep_taken(struct push *push, const struct job *job, const struct entry *e)
{
	push->done[job->kind][job->step]++;
	return keep(push, job->kind, e->product, e->name,
	    job->step != KLAVIYO_CATALOG_DELETE ? e->hash : NULL);
}

static int
keep_fault(struct push *push, const struct job *job, const struct entry *e,
    enum klaviyo_catalog_fault fault, const char *words)
{
	bool variant = job->kind == KLAVIYO_CATALOG_VARIANT, turns = false;
	int result = 0;

	if (fault == KLAVIYO_CATALOG_MISSING &&
	    job->step == KLAVIYO_CATALOG_DELETE)
		return keep_taken(push, job, e);
	if (fault == KLAVIYO_CATALOG_MISSING) {
		turns = variant || job->step == KLAVIYO_CATALOG_UPDATE;
		/* Of a variant to be created, it is the item. */
		if (job->step == KLAVIYO_CATALOG_UPDATE)
			result =
			    keep(push, job->kind, e->product, e->name, NULL);
		else if (variant)
			result = keep(
			    push, KLAVIYO_CATALOG_ITEM, e->product, "", NULL);
	} else if (job->step == KLAVIYO_CATALOG_CREATE &&
	           fault != KLAVIYO_CATALOG_INVALID) {
		turns = true;
		result = keep(push, job->kind, e->product, e->name, "");
	}
	push->turned += turns;
	if (result != 0 || (turns && !push->final))
		return result;
	return entry_refuse(
	    push, job->kind, job->step, e->product, e->name, words);
}

int
entries_keep(struct push *push, const struct job *job, const struct verdict *v,
    int64_t failed, bool blind)
{
	int result = db_begin(push->db);

	if (result != 0)
		return result;
	for (size_t i = 0; result == 0 && i < job->n; i++) {
		const struct entry *e = &job->entry[i];

		if (v->faulty[i])
			result =
			    keep_fault(push, job, e, v->fault[i], v->words[i]);
		else if (!blind && failed > v->named) /* alone, and failed */
			result =
			    keep_fault(push, job, e, KLAVIYO_CATALOG_UNCLEAR,
			        "Klaviyo does not say why");
		else if (!blind)
			result = keep_taken(push, job, e);
	}
	/* When Klaviyo was told last: for `doctor`. */
	if (result == 0 &&
	    catalog_note(push->db, "catalog push", utc_now()) == 0)
		result = push_renew(push);
	else
		result = -1;
	if (result == 0)
		result = db_commit(push->db);
	if (result != 0)
		db_rollback(push->db);
	return result;
}
