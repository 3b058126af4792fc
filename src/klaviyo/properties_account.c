/*
 * properties_account.c - the properties of an account's events and of leads;
 * properties.c says what holds for all.
 *
 * Promises: a password is named, never given, whatever the caller says.
 */
#include "properties.h"

#include <stdlib.h>
#include <string.h>

static bool
known(const char *text)
{
	return text != NULL && *text != '\0';
}

/* ----------------------------------------------------------------- account */

/* What is wrong with an update is the caller's program, not its data. */
static int
check_updated(const struct klaviyo_updated *updated, size_t n)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		const char *name = updated[i].name;

		if (!known(name))
			return kl_fail("UpdatedProperties[%zu]: missing", i);
		if (strcasestr(name, "password") != NULL &&
		    (known(updated[i].before) || known(updated[i].after)))
			return kl_fail("UpdatedProperties[%zu]: a password is "
			               "given, which may never be",
			    i);
		for (k = 0; k < i; k++)
			if (strcmp(updated[k].name, name) == 0)
				return kl_fail("UpdatedProperties[%zu]: named "
				               "twice",
				    i);
	}
	return 0;
}

static cJSON *
names(const struct klaviyo_updated *updated, size_t n)
{
	cJSON *list = cJSON_CreateArray(), *name;

	for (size_t i = 0; list != NULL && i < n; i++) {
		name = cJSON_CreateString(updated[i].name);
		if (name == NULL || !cJSON_AddItemToArray(list, name)) {
			cJSON_Delete(name);
			cJSON_Delete(list);
			list = NULL;
		}
	}
	if (list == NULL)
		kl_fail("out of memory");
	return list;
}

/* "" is not set, and left out: UpdatedProperties still names it. */
static cJSON *
values(const struct klaviyo_updated *updated, size_t n, bool after)
{
	cJSON *to = kl_object();
	bool ok = to != NULL;

	for (size_t i = 0; ok && i < n; i++)
		ok = kl_put_text(to, updated[i].name,
		    after ? updated[i].after : updated[i].before);
	return kl_group(to, ok);
}

cJSON *
kl_updated_properties(
    const char *type, const struct klaviyo_updated *updated, size_t n)
{
	cJSON *to;
	bool ok;

	if (check_updated(updated, n) != 0)
		return NULL;
	to = kl_object();
	ok = to != NULL && kl_put_text(to, "UpdateType", type) &&
	     kl_put_group(to, "UpdatedProperties", names(updated, n)) &&
	     kl_put_group(to, "OldValues", values(updated, n, false)) &&
	     kl_put_group(to, "NewValues", values(updated, n, true));
	return kl_group(to, ok);
}

cJSON *
kl_reset_properties(const char *link)
{
	cJSON *to;

	if (!known(link)) {
		kl_fail("the link of a password reset is missing");
		return NULL;
	}
	to = kl_object();
	return kl_group(
	    to, to != NULL && kl_put_text(to, "PasswordResetLink", link));
}

/* ------------------------------------------------------------------- leads */

cJSON *
kl_became_lead_properties(const struct klaviyo_lead *lead)
{
	cJSON *to = kl_object();

	return kl_group(
	    to, to != NULL && kl_put_text(to, "Action", lead->action));
}

cJSON *
kl_new_lead_properties(const struct klaviyo_lead *lead)
{
	const struct klaviyo_profile *who = &lead->prospect;
	const char *phone =
	    known(lead->phone) ? lead->phone : who->phone_number;
	cJSON *to = kl_object();
	bool ok;

	ok = to != NULL && kl_put_text(to, "LeadFirstName", who->first_name) &&
	     kl_put_text(to, "LeadLastName", who->last_name) &&
	     kl_put_text(to, "LeadPhoneNumber", phone) &&
	     kl_put_text(to, "LeadEmailAddress", who->email) &&
	     kl_put_text(to, "LeadAction", lead->action);
	return kl_group(to, ok);
}

char *
kl_lead_source(const struct klaviyo_lead *lead)
{
	static const char field[] =
	    "data.attributes.profile.data.attributes.properties";
	const char *json = lead->prospect.properties;
	cJSON *to =
	    known(json) ? kl_json_read(json, KL_DEPTH, field) : kl_object();
	char *text = NULL;

	if (to == NULL)
		return NULL;
	if (!cJSON_IsObject(to)) {
		kl_fail("%s: not an object", field);
	} else {
		if (known(lead->source))
			cJSON_DeleteItemFromObjectCaseSensitive(
			    to, "MostRecentLeadSource");
		if (kl_put_text(to, "MostRecentLeadSource", lead->source))
			text = kl_json_text(to);
	}
	cJSON_Delete(to);
	return text;
}
