/*
 * test_bulk.c - what goes into a bulk request, its body, its halves.
 */
#include "claim.h"
#include "deliver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PROFILE(email)                                                         \
	"{\"type\":\"profile\",\"attributes\":{\"email\":\"" email "\"}}"

static struct kl_claim *
claim(const char *id, const char *profile, const char *event)
{
	const char *const col[] = {
	    id, "event", "0", profile, event, "0", "1", NULL};
	struct kl_claim *c = NULL;
	struct claims one = {&c, 0, 1};

	assert_int_equal(kl_claim_row(&one, 8, col), 0);
	return c;
}

/* ${n} of them, of persons p0..; each event ${size} bytes. */
static struct kl_claim *
claims(int n, int persons, size_t size)
{
	struct kl_claim *list = NULL, **end = &list;
	char id[64], profile[128], *event = malloc(size + 1);

	memset(event, ' ', size);
	event[0] = '{';
	event[size - 1] = '}';
	event[size] = '\0';
	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "Placed Order/o%d", i);
		snprintf(profile, sizeof(profile),
		    PROFILE("p%d@klaviyo-demo.com"), i % persons);
		*end = claim(id, profile, event);
		end = &(*end)->next;
	}
	free(event);
	return list;
}

static int
length(const struct kl_claim *list)
{
	int n = 0;

	for (; list; list = list->next)
		n++;
	return n;
}

static void
jobs_free(struct kl_job *job)
{
	struct kl_job *next;

	for (; job; job = next) {
		next = job->next;
		kl_claims_free(job->claims);
		free(job);
	}
}

static void
golden_body(void **state)
{
	struct kl_claim *list, *alone = NULL;
	struct kl_job *job;
	char *body;

	(void)state;
	/* a comes last: hers is the newest event. */
	list = claim("Placed Order/1", PROFILE("a@klaviyo-demo.com"),
	    "{\"unique_id\":\"1\",\"backfill\":true}");
	list->next = claim("Placed Order/2", PROFILE("b@klaviyo-demo.com"),
	    "{\"unique_id\":\"2\"}");
	list->next->next = claim("Ordered Product/1:1",
	    PROFILE("a@klaviyo-demo.com"), "{\"unique_id\":\"1:1\"}");
	job = kl_jobs_cut(list, &alone);
	assert_non_null(job);
	assert_null(job->next);
	assert_null(alone);
	assert_int_equal(job->n, 3);
	assert_int_equal(job->endpoint, KL_BULK);
	body = kl_job_body(job);
	assert_string_equal(body,
	    "{\"data\":{\"type\":\"event-bulk-create-job\",\"attributes\":{"
	    "\"events-bulk-create\":{\"data\":["
	    "{\"type\":\"event-bulk-create\",\"attributes\":{\"profile\":{"
	    "\"data\":" PROFILE(
	        "b@klaviyo-demo.com") "},"
	                              "\"events\":{\"data\":["
	                              "{\"type\":\"event\",\"attributes\":{"
	                              "\"unique_id\":\"2\"}}]}}},"
	                              "{\"type\":\"event-bulk-create\","
	                              "\"attributes\":{\"profile\":{"
	                              "\"data\":" PROFILE(
	                                  "a@klaviyo-demo.com") "},"
	                                                        "\"events\":{"
	                                                        "\"data\":["
	                                                        "{\"type\":"
	                                                        "\"event\","
	                                                        "\"attributes\""
	                                                        ":{\"unique_"
	                                                        "id\":\"1\","
	                                                        "\"backfill\":"
	                                                        "true}},"
	                                                        "{\"type\":"
	                                                        "\"event\","
	                                                        "\"attributes\""
	                                                        ":{\"unique_"
	                                                        "id\":\"1:1\"}}"
	                                                        "]}}}]}}}}");
	free(body);
	jobs_free(job);
}

/* How often ${needle} is in ${text}. */
static int
count(const char *text, const char *needle)
{
	int n = 0;

	for (; (text = strstr(text, needle)); text += strlen(needle))
		n++;
	return n;
}

static void
grouped_by_profile(void **state)
{
	static const int row[][2] = {
	    {1, 1}, {2, 1}, {2, 2}, {1000, 1}, {1000, 7}, {1000, 1000}};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct kl_claim *alone = NULL;
		struct kl_job *job =
		    kl_jobs_cut(claims(row[i][0], row[i][1], 20), &alone);
		char *body = kl_job_body(job);

		assert_null(alone);
		assert_int_equal(job->n, row[i][0]);
		assert_int_equal(count(body, "\"type\":\"event\","), row[i][0]);
		assert_int_equal(
		    count(body, "\"type\":\"profile\","), row[i][1]);
		assert_int_equal(
		    count(body, "\"type\":\"event-bulk-create\","), row[i][1]);
		/* JSON, which is checked as Klaviyo would read it. */
		assert_int_equal(kl_json_check(body, 30, "body"), 0);
		free(body);
		jobs_free(job);
	}
}

static void
sizes(void **state)
{
	static const struct {
		int n;
		size_t size;
		int jobs, alone;
	} row[] = {
	    {1000, 100, 1, 0},
	    {1001, 100, 2, 0},
	    {2500, 100, 3, 0},
	    {1000, 4000, 1, 0},
	    {1000, 5000, 2, 0},
	    {10, 1000000, 3, 0},
	    {9, 4000000, 9, 0},
	    {3, 4499000, 3, 0},
	    {3, 4500000, 0, 3}, /* longer than a job may be */
	    {2, 4999000, 0, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct kl_claim *alone = NULL;
		struct kl_job *all =
		    kl_jobs_cut(claims(row[i].n, 3, row[i].size), &alone);
		int jobs = 0, n = 0, next = 0;

		for (struct kl_job *job = all; job; job = job->next) {
			char *body = kl_job_body(job);

			assert_true(job->n <= 1000);
			assert_int_equal(length(job->claims), job->n);
			assert_true(strlen(body) <= 4500000);
			/* In order, and none lost. */
			for (struct kl_claim *c = job->claims; c; c = c->next)
				assert_int_equal(
				    atoi(strchr(c->id, '/') + 2), next++);
			free(body);
			jobs++;
			n += job->n;
		}
		assert_int_equal(jobs, row[i].jobs);
		assert_int_equal(length(alone), row[i].alone);
		assert_int_equal(n + length(alone), row[i].n);
		kl_claims_free(alone);
		jobs_free(all);
	}
}

/* What may spoil a job for the others goes alone. */
static void
not_in_a_job(void **state)
{
	struct kl_claim *list = claims(7, 7, 30), *alone = NULL, *c = list;
	struct kl_job *job;
	char parcel[] = "parcel";

	(void)state;
	c->kind = parcel;
	c = c->next;
	strcpy(c->event, "x");
	c = c->next;
	strcpy(c->profile, "");
	c = c->next;
	strcpy(c->event, "{");
	c = c->next;
	c->attempts = 4; /* the fourth try: it failed three times */
	c = c->next;
	c->attempts = 3;
	job = kl_jobs_cut(list, &alone);
	assert_int_equal(job->n, 2);
	assert_null(job->next);
	assert_string_equal(job->claims->id, "Placed Order/o5");
	assert_int_equal(length(alone), 5);
	/* And behind what is alone already. */
	jobs_free(job);
	list = claims(1, 1, 30);
	list->attempts = 9;
	assert_null(kl_jobs_cut(list, &alone));
	assert_int_equal(length(alone), 6);
	assert_null(kl_jobs_cut(NULL, &alone));
	kl_claims_free(alone);
}

static void
no_row_twice(void **state)
{
	struct kl_claim *list = claims(50, 5, 30), *alone = NULL;
	struct kl_job *job;
	char twice[] = "Placed Order/o33";

	(void)state;
	list->id = twice;
	job = kl_jobs_cut(list, &alone);
	assert_null(kl_job_body(job));
	assert_string_equal(klaviyo_error(), "an event is in a job twice");
	jobs_free(job);
}

static void
halves(void **state)
{
	static const int row[][3] = {
	    {1000, 500, 500}, {2, 1, 1}, {3, 2, 1}, {999, 500, 499}};
	struct kl_claim *alone = NULL;
	struct kl_job *job, *half;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		job = kl_jobs_cut(claims(row[i][0], 3, 20), &alone);
		half = kl_job_halve(job);
		assert_int_equal(job->n, row[i][1]);
		assert_int_equal(length(job->claims), row[i][1]);
		assert_int_equal(half->n, row[i][2]);
		assert_int_equal(length(half->claims), row[i][2]);
		assert_int_equal(half->endpoint, KL_BULK);
		jobs_free(job);
		jobs_free(half);
	}
	job = kl_jobs_cut(claims(1, 1, 20), &alone);
	assert_null(kl_job_halve(job));
	assert_int_equal(job->n, 1);
	jobs_free(job);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(golden_body),
	    cmocka_unit_test(grouped_by_profile),
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(not_in_a_job),
	    cmocka_unit_test(no_row_twice),
	    cmocka_unit_test(halves),
	};

	return cmocka_run_group_tests_name("bulk", tests, NULL, NULL);
}
