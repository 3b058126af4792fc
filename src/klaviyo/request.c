/*
 * request.c - the bodies of requests, put together from an outbox row.
 *
 * A row holds two texts, made when it was queued: the person, and the rest.
 *
 *   kind            profile            event
 *   event, reset    the person         members of data.attributes, the
 *                                      properties first
 *   email           the old address    {"email": the new one}
 *   subscription    the person and     data without the person, attributes
 *   unsubscription  their channels     last
 *   back-in-stock   the person         the same
 *
 * Promises: what was queued is what is sent, byte for byte: the texts are
 * joined, not read and written again.  Of a reset's event all but the link is
 * frozen; the link comes when it is sent, and no table has it.
 *
 * Does not send, nor check what queueing has checked.  An event's own body is
 * event.c's.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static bool
same(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static char *
not_a_row(const char *kind)
{
	kl_fail("the stored texts are not those of a row of kind %s", kind);
	return NULL;
}

/* ------------------------------------------------------------------ bodies */

/* ${data} ends with its attributes; the person goes into these, between
   ${open} and ${close}. */
static char *
with_person(const char *kind, const char *data, const char *open,
    const char *profile, const char *close)
{
	size_t n = strlen(data);
	const char *comma;
	char *head, *body;

	if (n < 4 || data[0] != '{' || !same(data + n - 2, "}}") ||
	    profile[0] != '{')
		return not_a_row(kind);
	if ((head = kl_copy(data)) == NULL)
		return NULL;
	head[n - 2] = '\0';
	comma = head[n - 3] == '{' ? "" : ",";
	body = kl_join((const char *[]){"{\"data\":", head, comma, open,
	                   profile, close, "}}}"},
	    7);
	free(head);
	return body;
}

char *
kl_row_body(const char *kind, const char *profile, const char *event)
{
	if (same(kind, KL_KIND_EVENT))
		return kl_event_body(profile, event);
	if (same(kind, KL_KIND_SUBSCRIPTION) ||
	    same(kind, KL_KIND_UNSUBSCRIPTION))
		return with_person(
		    kind, event, "\"profiles\":{\"data\":[", profile, "]}");
	if (same(kind, KL_KIND_BACK_IN_STOCK))
		return with_person(
		    kind, event, "\"profile\":{\"data\":", profile, "}");
	kl_fail("a row of kind %s has no body of its own", kind);
	return NULL;
}

char *
klaviyo_entry_body(const struct klaviyo_entry *entry)
{
	return kl_row_body(entry->kind, entry->profile, entry->event);
}

/* ---------------------------------------------------------- reset password */

char *
kl_event_with_link(const char *event, const char *link)
{
	static const char before[] = "{\"properties\":{";
	size_t n = sizeof(before) - 1, m;
	char *text = NULL, *whole = NULL;
	cJSON *properties;

	if (strncmp(event, before, n) != 0)
		return not_a_row(KL_KIND_RESET);
	properties = kl_reset_properties(link);
	if (properties != NULL &&
	    kl_check_properties(properties, "data.attributes.properties") == 0)
		text = kl_json_text(properties);
	cJSON_Delete(properties);
	if (text == NULL)
		return NULL;
	/* {"link":".."}: without its braces it is one member more. */
	m = strlen(text) - 1;
	text[m] = '\0';
	whole = kl_join((const char *[]){before, text + 1,
	                    event[n] == '}' ? "" : ",", event + n},
	    4);
	free(text);
	return whole;
}

/* ----------------------------------------------------------- updated email */

int
kl_email_row(const char *profile, const char *event, char **old_email)
{
	static const char what[] = "the row's profile";
	cJSON *person = kl_json_read(profile, KL_DEPTH, what);
	const char *email;
	int rc = -1;

	*old_email = NULL;
	if (person == NULL)
		return -1;
	email = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(
	    cJSON_GetObjectItemCaseSensitive(person, "attributes"), "email"));
	if (email == NULL || *event != '{')
		not_a_row(KL_KIND_EMAIL);
	else if ((*old_email = kl_copy(email)) != NULL)
		rc = 0;
	cJSON_Delete(person);
	return rc;
}

char *
kl_email_body(const char *event, const char *profile_id)
{
	cJSON *id;
	char *quoted, *body;

	if (*event != '{')
		return not_a_row(KL_KIND_EMAIL);
	if (kl_check_length(profile_id, 255, "data.id") != 0)
		return NULL;
	if ((id = cJSON_CreateString(profile_id)) == NULL) {
		kl_fail("out of memory");
		return NULL;
	}
	quoted = kl_json_text(id);
	cJSON_Delete(id);
	if (quoted == NULL)
		return NULL;
	body = kl_join(
	    (const char *[]){"{\"data\":{\"type\":\"profile\",\"id\":", quoted,
	        ",\"attributes\":", event, "}}"},
	    5);
	free(quoted);
	return body;
}
