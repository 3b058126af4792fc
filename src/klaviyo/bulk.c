/*
 * bulk.c - many events in one request, POST /api/event-bulk-create-jobs: what
 * goes into a job, its body, and the halves of one that was refused.
 *
 *   {"data":{"type":"event-bulk-create-job","attributes":{
 *     "events-bulk-create":{"data":[
 *       {"type":"event-bulk-create","attributes":{
 *         "profile":{"data":PROFILE},
 *         "events":{"data":[{"type":"event","attributes":EVENT},..]}}},..]}}}}
 *
 * PROFILE and EVENT are the texts of the rows, unparsed.  In a bulk request a
 * profile's `meta` would stand beside its attributes and not within them; no
 * stored profile has one.  `backfill` is in the historical events themselves.
 *
 * Promises: a job has at most 1000 events and JOB_SIZE bytes, whatever is in
 * the rows.  Events whose profile texts are equal share an entry; entries come
 * in the order of their newest event, so that what is newest of a person is
 * what stays.  No row is in a job twice: Klaviyo would refuse all of it.
 * A row that does not belong into a job (not an event, longer than a job, or
 * failed several times, so that it may be what the others fail for) is left to
 * go alone.
 *
 * Does not send, wait or judge.
 */
#include "deliver.h"

#include <stdlib.h>
#include <string.h>

enum {
	JOB_EVENTS = KL_JOB_EVENTS,
	JOB_SIZE = 4500000, /* of 5 MB; whose count may differ from ours */
	AROUND = 128,       /* what stands around one event, in an entry of its
	                       own, and its share of the whole */
	TRIES = 3,          /* after so many an event goes alone */
};

static const char head[] = "{\"data\":{\"type\":\"event-bulk-create-job\","
                           "\"attributes\":{\"events-bulk-create\":{\"data\":[",
                  entry[] = "{\"type\":\"event-bulk-create\",\"attributes\":{"
                            "\"profile\":{\"data\":",
                  events[] = "},\"events\":{\"data\":[",
                  event[] = "{\"type\":\"event\",\"attributes\":",
                  entry_end[] = "]}}}", tail[] = "]}}}}";

/* ----------------------------------------------------------------- cutting */

static size_t
size_of(const struct kl_claim *claim)
{
	return strlen(claim->profile) + strlen(claim->event) + AROUND;
}

static bool
is_object(const char *text)
{
	size_t n = strlen(text);

	return n >= 2 && text[0] == '{' && text[n - 1] == '}';
}

static bool
belongs(const struct kl_claim *claim)
{
	return strcmp(claim->kind, "event") == 0 && claim->attempts <= TRIES &&
	       is_object(claim->profile) && is_object(claim->event) &&
	       size_of(claim) <= JOB_SIZE - sizeof(head) - sizeof(tail);
}

void
kl_claims_append(struct kl_claim **list, struct kl_claim *more)
{
	while (*list)
		list = &(*list)->next;
	*list = more;
}

struct kl_job *
kl_jobs_cut(struct kl_claim *list, struct kl_claim **alone)
{
	struct kl_job *jobs = NULL, **last = &jobs, *job = NULL;
	struct kl_claim **end = NULL, *claim;
	size_t size = 0;

	while (*alone)
		alone = &(*alone)->next;
	while ((claim = list)) {
		list = claim->next;
		claim->next = NULL;
		if (belongs(claim) && (!job || job->n == JOB_EVENTS ||
		                          size + size_of(claim) > JOB_SIZE)) {
			size = sizeof(head) + sizeof(tail);
			if ((job = calloc(1, sizeof(*job)))) {
				job->endpoint = KL_BULK;
				*last = job;
				last = &job->next;
				end = &job->claims;
			} /* else it goes alone */
		}
		if (!belongs(claim) || !job) {
			*alone = claim;
			alone = &claim->next;
			continue;
		}
		size += size_of(claim);
		job->n++;
		*end = claim;
		end = &claim->next;
	}
	return jobs;
}

struct kl_job *
kl_job_halve(struct kl_job *job)
{
	struct kl_job *half = calloc(1, sizeof(*half));
	struct kl_claim *claim = job->claims;

	if (!half || job->n < 2) {
		free(half);
		return NULL;
	}
	half->endpoint = KL_BULK;
	half->n = job->n / 2;
	job->n -= half->n;
	for (int i = 1; i < job->n; i++)
		claim = claim->next;
	half->claims = claim->next;
	claim->next = NULL;
	return half;
}

/* -------------------------------------------------------------------- body */

struct part {
	const struct kl_claim *claim;
	int at, newest; /* its place in the job; the last one of its entry */
};

static int
by_profile(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int order = strcmp(x->claim->profile, y->claim->profile);

	return order ? order : x->at - y->at;
}

static int
by_entry(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return x->newest != y->newest ? x->newest - y->newest : x->at - y->at;
}

static int
by_id(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return strcmp(x->claim->id, y->claim->id);
}

/* The rows in order of the body, with ${size} as room for it. */
static struct part *
arrange(const struct kl_job *job, size_t *size)
{
	struct part *part = calloc((size_t)job->n, sizeof(*part));
	size_t n = 0;

	if (!part) {
		kl_fail("out of memory");
		return NULL;
	}
	*size = sizeof(head) + sizeof(tail);
	for (struct kl_claim *claim = job->claims; claim; claim = claim->next) {
		part[n] = (struct part){claim, (int)n, 0};
		*size += size_of(claim);
		n++;
	}
	qsort(part, n, sizeof(*part), by_id);
	for (size_t i = 1; i < n; i++)
		if (by_id(&part[i - 1], &part[i]) == 0) {
			kl_fail("an event is in a job twice");
			free(part);
			return NULL;
		}
	qsort(part, n, sizeof(*part), by_profile);
	for (size_t i = n; i-- > 0;)
		part[i].newest =
		    i + 1 < n && strcmp(part[i].claim->profile,
		                     part[i + 1].claim->profile) == 0
		        ? part[i + 1].newest
		        : part[i].at;
	qsort(part, n, sizeof(*part), by_entry);
	return part;
}

char *
kl_job_body(const struct kl_job *job)
{
	struct part *part;
	char *body = NULL, *to;
	size_t size;

	if (!(part = arrange(job, &size)))
		return NULL;
	if (!(body = malloc(size))) {
		kl_fail("out of memory");
		goto out;
	}
	to = stpcpy(body, head);
	for (int i = 0; i < job->n; i++) {
		bool first = !i || part[i].newest != part[i - 1].newest;

		if (i && first)
			to = stpcpy(to, entry_end);
		if (i)
			*to++ = ',';
		if (first) {
			to = stpcpy(to, entry);
			to = stpcpy(to, part[i].claim->profile);
			to = stpcpy(to, events);
		}
		to = stpcpy(to, event);
		to = stpcpy(to, part[i].claim->event);
		*to++ = '}';
	}
	to = stpcpy(to, entry_end);
	memcpy(to, tail, sizeof(tail));
out:
	free(part);
	return body;
}
