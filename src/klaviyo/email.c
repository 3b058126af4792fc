/*
 * email.c - a person's new address (guide: "Updated Email"): what is asked and
 * read in the two steps of the recipe.
 *
 *   GET /api/profiles?filter=equals(email,"OLD")   data[0].id
 *   PATCH /api/profiles/ID                         the new address
 *
 * Promises: cut off anywhere and done again, it changes nothing more: once the
 * address is new, there is no profile of the old one.  Believes nothing of what
 * it reads.
 *
 * Does not send or settle: see kinds.c and others.c.
 */
#include "deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A text within a filter's quotes. */
static char *
quoted(const char *text)
{
	char *copy = malloc(2 * strlen(text) + 1), *to = copy;

	if (!copy) {
		kl_fail("out of memory");
		return NULL;
	}
	for (; *text; *to++ = *text++)
		if (*text == '"' || *text == '\\')
			*to++ = '\\';
	*to = '\0';
	return copy;
}

char *
kl_email_find(const struct kl_claim *claim)
{
	char *old = NULL, *safe = NULL, *filter = NULL, *code = NULL;
	char *path = NULL;

	if (kl_email_row(claim->profile, claim->event, &old) ||
	    !(safe = quoted(old)))
		goto out;
	filter = kl_join((const char *[]){"equals(email,\"", safe, "\")"}, 3);
	if (filter && (code = kl_encode(filter)))
		path = kl_join((const char *[]){"/api/profiles?filter=", code,
		                   "&fields%5Bprofile%5D=email"},
		    3);
out:
	free(code);
	free(filter);
	free(safe);
	free(old);
	return path;
}

int
kl_email_found(const struct kl_answer *answer, char **id)
{
	cJSON *tree = answer->body ? cJSON_Parse(answer->body) : NULL;
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(tree, "data");
	const char *text =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(
	        cJSON_GetArrayItem(data, 0), "id"));
	int found = -1;

	*id = NULL;
	if (!cJSON_IsArray(data) || (cJSON_GetArraySize(data) && !text))
		kl_fail("Klaviyo's answer cannot be read");
	else if (!text)
		found = 0;
	else if ((*id = kl_copy(text)))
		found = 1;
	cJSON_Delete(tree);
	return found;
}

char *
kl_email_conflict(const struct kl_claim *claim, const struct kl_answer *answer)
{
	char *words = kl_refusal_text(answer), *text;

	if (asprintf(&text,
	        "the new address is another profile's already: both stay as "
	        "they are, and what comes goes to that one. If the two are "
	        "one person, merge them in Klaviyo, which cannot be undone; "
	        "then `outbox drop '%s'`. %s",
	        claim->id, words ? words : "") < 0)
		text = NULL;
	free(words);
	return text;
}
