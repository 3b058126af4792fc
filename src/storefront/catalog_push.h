/*
 * catalog_push.h - what the files of `catalog push` share.
 *
 *   commands_catalog.c   the command
 *   catalog_push.c       what has changed since the last push
 *   catalog_jobs.c       jobs: posted, polled to their end
 *   catalog_kept.c       what came of their entries
 *   catalog_lock.c       one push at a time
 */
#ifndef CATALOG_PUSH_H
#define CATALOG_PUSH_H

#include "tracking.h"

#define PUSH_FAULTS 20

/* One item or variant that a job is about. */
struct entry {
	const char *product, *name; /* name "" = an item */
	const char *hash;           /* of the text that creates it */
	char *text;                 /* of the job */
};

/* A job, being filled or under way; all its texts are its arena's. */
struct job {
	struct arena *arena;
	enum klaviyo_catalog_kind kind;
	enum klaviyo_catalog_step step;
	size_t n, bytes;
	struct entry entry[KLAVIYO_CATALOG_JOB];
	char path[512]; /* where to ask for it */
	struct job *next;
};

/* What Klaviyo's answer says of each entry. */
struct verdict {
	struct job *job;
	bool faulty[KLAVIYO_CATALOG_JOB];
	enum klaviyo_catalog_fault fault[KLAVIYO_CATALOG_JOB];
	const char *words[KLAVIYO_CATALOG_JOB];
	int64_t named;
	bool unnamed; /* an error that is nobody's */
};

struct push {
	const struct settings *settings;
	struct db *db;
	struct klaviyo *klaviyo; /* NULL: a dry run */
	char currency[4];
	bool all;                   /* told anew */
	bool clear;                 /* taken back */
	struct job *filling[2][3]; /* of a kind and step, or NULL */
	struct job *first, **last; /* under way, the oldest first */
	int open;
	size_t bytes;             /* of those under way */
	int64_t done[2][3];       /* entries that Klaviyo took, or would */
	int64_t refused;          /* by Klaviyo, or not even fit to be sent */
	char *fault[PUSH_FAULTS]; /* the first of these, for the operator */
	int64_t turned;           /* to be tried the other way */
	bool final;               /* nothing is turned any more */
	struct progress progress;
};

/* catalog_jobs.c.  Adds to the job that is being filled, and posts it when it
 * is full; takes ${text}, which may be NULL: klaviyo_error() says what is wrong
 * with the entry. */
int jobs_add(struct push *push, enum klaviyo_catalog_kind kind,
    enum klaviyo_catalog_step step, const char *product, const char *name,
    const char *hash, char *text);
/* Posts what is being filled and waits for the end of all. */
int jobs_finish(struct push *push);
void jobs_free(struct push *push);

/* catalog_kept.c.  A line for the operator; "product 1111 not created: .." */
int entry_refuse(struct push *push, enum klaviyo_catalog_kind kind,
    enum klaviyo_catalog_step step, const char *product, const char *name,
    const char *words);
/* Keeps what became of each entry of a job; ${blind}: only of those with an
 * error of their own.  Own transaction. */
int entries_keep(struct push *push, const struct job *job,
    const struct verdict *v, int64_t failed, bool blind);
/* Forgets what was refused. */
void jobs_forgive(struct push *push);

/* catalog_lock.c.  The claim fails while another goes on; it is renewed with
 * every job, in that job's transaction. */
int push_claim(struct push *push);
int push_renew(struct push *push);
int push_release(struct push *push);

/* Pushes what has changed. */
int catalog_push(struct push *push);

#endif
