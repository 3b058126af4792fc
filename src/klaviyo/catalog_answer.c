/*
 * catalog_answer.c - what Klaviyo says of a job of the Catalog API.
 *
 * Promises: nothing is believed but the answer's shape.  Which entry an error
 * is about is read off its pointer; what it means, off its code, and never off
 * words that may change.  The words are one line.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *
text_of(const cJSON *object, const char *name)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(member) ? member->valuestring : "";
}

/* The first segment of a pointer that is a number, else -1.
   "/data/attributes/items/data/3/attributes/url" */
static long
index_of(const char *pointer)
{
	for (const char *at = pointer; (at = strchr(at, '/')) != NULL;) {
		size_t digits = strspn(++at, "0123456789");

		if (digits > 0 && digits < 4 &&
		    (at[digits] == '/' || at[digits] == '\0'))
			return strtol(at, NULL, 10);
	}
	return -1;
}

static bool
has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

static enum klaviyo_catalog_fault
fault_of(const char *code, const char *pointer)
{
	if (has(code, "not_found") || has(code, "not_exist"))
		return KLAVIYO_CATALOG_MISSING;
	if (has(code, "exist") || has(code, "duplicate") ||
	    has(code, "conflict"))
		return KLAVIYO_CATALOG_EXISTS;
	if (has(code, "invalid") && has(pointer, "/attributes/") &&
	    !has(pointer, "/external_id"))
		return KLAVIYO_CATALOG_INVALID;
	return KLAVIYO_CATALOG_UNCLEAR;
}

static int
each_error(const cJSON *errors, klaviyo_catalog_error *each, void *arg)
{
	const cJSON *error;

	cJSON_ArrayForEach(error, errors)
	{
		const char *pointer =
		    text_of(cJSON_GetObjectItemCaseSensitive(error, "source"),
		        "pointer");
		const char *detail = text_of(error, "detail");

		/* As an error text it is one line, and not too long. */
		kl_fail("%s", *detail ? detail : text_of(error, "title"));
		if (each(arg, index_of(pointer),
		        fault_of(text_of(error, "code"), pointer),
		        klaviyo_error()) != 0)
			return kl_fail("the host has ended it");
	}
	return 0;
}

/* Whatever the id is, it becomes one segment of a path. */
static int
put_path(char *to, size_t size, const char *path, const char *id)
{
	size_t n = (size_t)snprintf(to, size, "%s/", path);

	for (; *id && n + 4 < size; id++) {
		bool plain =
		    (*id >= 'a' && *id <= 'z') || (*id >= 'A' && *id <= 'Z') ||
		    (*id >= '0' && *id <= '9') || *id == '-' || *id == '_';

		n += (size_t)snprintf(to + n, size - n, plain ? "%c" : "%%%02X",
		    (unsigned char)*id);
	}
	return *id ? kl_fail("Klaviyo's job has an endless id") : 0;
}

int
klaviyo_catalog_answer(enum klaviyo_catalog_kind kind,
    enum klaviyo_catalog_step step, const char *body,
    struct klaviyo_catalog_job *job, klaviyo_catalog_error *each, void *arg)
{
	const char *path = klaviyo_catalog_path(kind, step);
	const cJSON *data, *attributes, *failed;
	cJSON *tree = NULL;
	const char *status, *id;
	int rc = -1;

	memset(job, 0, sizeof(*job));
	if (path == NULL ||
	    (tree = kl_json_read(body, 20, "Klaviyo's job")) == NULL)
		return -1;
	data = cJSON_GetObjectItemCaseSensitive(tree, "data");
	attributes = cJSON_GetObjectItemCaseSensitive(data, "attributes");
	failed = cJSON_GetObjectItemCaseSensitive(attributes, "failed_count");
	status = text_of(attributes, "status");
	if (!*(id = text_of(data, "id")) || !*status) {
		kl_fail("Klaviyo's answer is no catalog job");
		goto out;
	}
	/* A number that was read is raw: its digits are what it prints.  No
	   more can have failed than a job has. */
	if (cJSON_IsRaw(failed) && failed->valuedouble > 0)
		job->failed = failed->valuedouble < KLAVIYO_CATALOG_JOB
		                  ? (int64_t)failed->valuedouble
		                  : KLAVIYO_CATALOG_JOB;
	job->done = strcmp(status, "complete") == 0    ? 1
	            : strcmp(status, "cancelled") == 0 ? -1
	                                               : 0;
	if (put_path(job->path, sizeof(job->path), path, id) != 0 ||
	    each_error(cJSON_GetObjectItemCaseSensitive(attributes, "errors"),
	        each, arg) != 0)
		goto out;
	rc = 0;
out:
	cJSON_Delete(tree);
	return rc;
}
