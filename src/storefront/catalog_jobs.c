/*
 * catalog_jobs.c - the jobs of `catalog push`: filled, posted and polled to
 * their end; what came of them is kept by catalog_kept.c.
 *
 * Klaviyo may refuse a whole job, or not say which entries failed: such a job
 * is halved until it does.
 *
 * Promises: what a job has done is committed when the job has ended, so that a
 * push that is killed goes on where it was, and repeats the jobs under way at
 * most.  There are few of these, far fewer than Klaviyo allows an account.
 */
#include "catalog_push.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OPEN_MAX 50 /* jobs under way; each may have to be repeated */
#define OPEN_BYTES (32 << 20)
#define JOB_BYTES 4000000 /* of 5 MB */
#define POLL_MS 100
#define POLL_MAX_MS 2000
#define PATIENCE_S 3600 /* with one job */
_Static_assert(OPEN_MAX <= KLAVIYO_CATALOG_JOBS, "Klaviyo's limit");

/* ------------------------------------------------------------ one job's life
 */

static struct job *
job_new(enum klaviyo_catalog_kind kind, enum klaviyo_catalog_step step)
{
	struct arena *arena = arena_new();
	struct job *job =
	    arena != NULL ? arena_alloc(arena, sizeof(*job)) : NULL;

	if (job == NULL) {
		arena_free(arena);
		shop_fail("out of memory");
		return NULL;
	}
	job->arena = arena;
	job->kind = kind;
	job->step = step;
	return job;
}

static void
job_free(struct job *job)
{
	if (job != NULL)
		arena_free(job->arena);
}

static int
job_put(struct job *job, const struct entry *entry)
{
	struct entry *to = &job->entry[job->n++];

	to->product = arena_copy(job->arena, entry->product);
	to->name = arena_copy(job->arena, entry->name);
	to->hash = arena_copy(job->arena, entry->hash);
	to->text = arena_copy(job->arena, entry->text);
	job->bytes += strlen(entry->text) + 1;
	return arena_failed(job->arena) ? shop_fail("out of memory") : 0;
}

/* ------------------------------------------------------ what became of it */

static int
take_error(
    void *arg, long entry, enum klaviyo_catalog_fault fault, const char *words)
{
	struct verdict *v = arg;

	if (v->job->n == 1)
		entry = 0;
	if (entry < 0 || (size_t)entry >= v->job->n) {
		v->unnamed = true;
		return 0;
	}
	if (v->faulty[entry])
		return 0; /* its first error */
	v->faulty[entry] = true;
	v->fault[entry] = fault;
	v->words[entry] = arena_copy(v->job->arena, words);
	v->named++;
	return 0;
}

static int post(struct push *push, struct job *job);

/* Two jobs of half the entries that nothing is known of. */
static int
halve(struct push *push, const struct job *job, const struct verdict *v)
{
	size_t rest = 0, put = 0;
	struct job *half = NULL;

	for (size_t i = 0; i < job->n; i++)
		rest += !v->faulty[i];
	for (size_t i = 0; i < job->n; i++) {
		if (v->faulty[i])
			continue;
		if (half == NULL &&
		    (half = job_new(job->kind, job->step)) == NULL)
			return -1;
		if (job_put(half, &job->entry[i]) != 0) {
			job_free(half);
			return -1;
		}
		if (++put != (rest + 1) / 2 && put != rest)
			continue;
		if (post(push, half) != 0)
			return -1;
		half = NULL;
	}
	return 0;
}

/* Notes what has come of a job that has ended.  Takes the job. */
static int
settle(
    struct push *push, struct job *job, const struct verdict *v, int64_t failed)
{
	bool blind = job->n > 1 && (v->unnamed || failed > v->named);
	int result = entries_keep(push, job, v, failed, blind);

	if (result == 0 && blind)
		result = halve(push, job, v);
	job_free(job);
	return result;
}

/* -------------------------------------------------------- posted and polled */

/* An answer about the job: 0, it goes on; 1, it has ended and is settled; -1.
   Takes the job, unless it goes on. */
static int
read_answer(struct push *push, struct job *job, const char *body)
{
	struct klaviyo_catalog_job told;
	struct verdict verdict = {.job = job};

	if (klaviyo_catalog_answer(
	        job->kind, job->step, body, &told, take_error, &verdict) != 0) {
		shop_fail("%s", klaviyo_error());
	} else if (told.done < 0) {
		shop_fail("Klaviyo has cancelled %s", told.path);
	} else if (told.done > 0) {
		return settle(push, job, &verdict, told.failed) == 0 ? 1 : -1;
	} else {
		snprintf(job->path, sizeof(job->path), "%s", told.path);
		return 0;
	}
	job_free(job);
	return -1;
}

static void
nap(int ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&time, NULL);
}

/* Asks for a job that is under way; as read_answer(). */
static int
poll_job(struct push *push, struct job *job)
{
	struct klaviyo_reply reply = {0};
	int result;

	if (klaviyo_ask(push->klaviyo, "GET", job->path, NULL, &reply) != 0) {
		result = shop_fail("%s", klaviyo_error());
		job_free(job);
	} else if (reply.status == 404) {
		result =
		    shop_fail("Klaviyo does not know %s any more", job->path);
		job_free(job);
	} else {
		result = read_answer(push, job, reply.body);
	}
	free(reply.body);
	return result;
}

/* Waits for the end of the job that was posted first. */
static int
wait_first(struct push *push)
{
	struct job *job = push->first;
	int64_t begun = utc_now();
	int result, pause = POLL_MS;

	push->first = job->next;
	if (push->first == NULL)
		push->last = &push->first;
	push->open--;
	push->bytes -= job->bytes;
	while ((result = poll_job(push, job)) == 0) {
		if (utc_now() - begun > PATIENCE_S) {
			shop_fail(
			    "Klaviyo has not ended %s in an hour", job->path);
			job_free(job);
			return -1;
		}
		progress_show(&push->progress, 0, ", waiting for Klaviyo");
		nap(pause);
		pause = pause < POLL_MAX_MS / 2 ? pause * 2 : POLL_MAX_MS;
	}
	return result > 0 ? 0 : -1;
}

/* Is the request itself what Klaviyo does not like? */
static bool
refused(const struct klaviyo_reply *reply)
{
	return reply->status == 400 || reply->status == 409 ||
	       reply->status == 413 || reply->status == 422;
}

/* One that is refused as a whole; klaviyo_error() says why.  Takes the job. */
static int
post_refused(struct push *push, struct job *job, long status)
{
	struct verdict verdict = {.job = job, .unnamed = job->n > 1};

	if (job->n == 1)
		take_error(&verdict, 0,
		    status == 409 ? KLAVIYO_CATALOG_UNCLEAR
		                  : KLAVIYO_CATALOG_INVALID,
		    klaviyo_error());
	return settle(push, job, &verdict, (int64_t)job->n);
}

/* Klaviyo's answer to a job that was posted, and judged.  Takes the job. */
static int
posted(struct push *push, struct job *job, bool asked,
    const struct klaviyo_reply *reply)
{
	int result;

	if (!asked && refused(reply))
		return post_refused(push, job, reply->status);
	if (!asked || reply->status == 404) {
		if (asked)
			shop_fail("Klaviyo has no Catalog API at this address "
			          "and revision: see KLAVIYO_API_URL and "
			          "KLAVIYO_REVISION");
		else
			shop_fail("%s", klaviyo_error());
		job_free(job);
		return -1;
	}
	result = read_answer(push, job, reply->body);
	if (result != 0)
		return result > 0 ? 0 : -1;
	*push->last = job;
	push->last = &job->next;
	push->open++;
	push->bytes += job->bytes;
	return 0;
}

/* Takes the job. */
static int
post(struct push *push, struct job *job)
{
	const char *text[KLAVIYO_CATALOG_JOB];
	struct klaviyo_reply reply = {0};
	char *body = NULL;
	int result = 0;
	bool asked;

	while (
	    result == 0 && push->open > 0 &&
	    (push->open >= OPEN_MAX || push->bytes + job->bytes > OPEN_BYTES))
		result = wait_first(push);
	for (size_t i = 0; i < job->n; i++)
		text[i] = job->entry[i].text;
	if (result == 0) {
		body = klaviyo_catalog_job(job->kind, job->step, text, job->n);
		if (body == NULL)
			shop_fail("%s", klaviyo_error());
	}
	if (body == NULL) {
		job_free(job);
		return -1;
	}
	asked =
	    klaviyo_ask(push->klaviyo, "POST",
	        klaviyo_catalog_path(job->kind, job->step), body, &reply) == 0;
	result = posted(push, job, asked, &reply);
	free(reply.body);
	free(body);
	return result;
}

/* ------------------------------------------------------------------- filled */

static int
post_filled(struct push *push, enum klaviyo_catalog_kind kind,
    enum klaviyo_catalog_step step)
{
	struct job *job = push->filling[kind][step];

	push->filling[kind][step] = NULL;
	return job != NULL ? post(push, job) : 0;
}

int
jobs_add(struct push *push, enum klaviyo_catalog_kind kind,
    enum klaviyo_catalog_step step, const char *product, const char *name,
    const char *hash, char *text)
{
	struct job **job = &push->filling[kind][step];
	struct entry entry = {product, name, hash, text};
	int result = 0;

	if (text == NULL)
		return entry_refuse(
		    push, kind, step, product, name, klaviyo_error());
	if (push->klaviyo == NULL) {
		push->done[kind][step]++;
		goto out;
	}
	if (*job != NULL && ((*job)->n == KLAVIYO_CATALOG_JOB ||
	                        (*job)->bytes + strlen(text) > JOB_BYTES))
		result = post_filled(push, kind, step);
	if (result == 0 && *job == NULL && (*job = job_new(kind, step)) == NULL)
		result = -1;
	if (result == 0)
		result = job_put(*job, &entry);
out:
	free(text);
	return result;
}

int
jobs_finish(struct push *push)
{
	for (enum klaviyo_catalog_kind kind = 0; kind < 2; kind++)
		for (enum klaviyo_catalog_step step = 0; step < 3; step++)
			if (post_filled(push, kind, step) != 0)
				return -1;
	while (push->first != NULL)
		if (wait_first(push) != 0)
			return -1;
	return 0;
}

void
jobs_free(struct push *push)
{
	struct job *next;

	for (enum klaviyo_catalog_kind kind = 0; kind < 2; kind++)
		for (enum klaviyo_catalog_step step = 0; step < 3; step++)
			job_free(push->filling[kind][step]);
	for (struct job *job = push->first; job != NULL; job = next) {
		next = job->next;
		job_free(job);
	}
	jobs_forgive(push);
}
