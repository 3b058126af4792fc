/*
 * profile.c - a person, as klaviyo.identify() and as server events name them.
 *
 * Promises: only identifiers that look right are sent.  A phone number that is
 * not E.164 is left out; a bad e-mail address is left out if another
 * identifier is left, and else is an error: the shop's order matters more than
 * its customer's typing.  Custom properties are inside `attributes`, where
 * Klaviyo looks for them (the guide's Updated Account sample has them beside).
 * A profile's own 0, "" and null are kept: null clears a property.
 *
 * Does not: judge addresses that Klaviyo drops in silence (@example.com,
 * @test.com and the like); they are queued, sent and counted as sent.
 */
#include "internal.h"

#include <string.h>

enum { MAX_EMAIL = 100 };

static bool
known(const char *text)
{
	return text != NULL && *text != '\0';
}

/* One @ with something on both sides, nothing that ends a word. */
bool
kl_email_ok(const char *email)
{
	const char *at = known(email) ? strchr(email, '@') : NULL, *c;

	if (at == NULL || at == email || at[1] == '\0' ||
	    strchr(at + 1, '@') != NULL || strlen(email) > MAX_EMAIL)
		return false;
	for (c = email; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return false;
	return kl_utf8_ok(email);
}

/* What may be sent of the e-mail address and phone number; ${others} says
   whether another identifier is there.  NULL where nothing may. */
static int
reachable(const struct klaviyo_profile *profile, bool others, const char *field,
    const char **email, const char **phone_number)
{
	*email = *phone_number = NULL;
	if (klaviyo_phone_ok(profile->phone_number))
		*phone_number = profile->phone_number;
	others = others || *phone_number != NULL;
	if (known(profile->email)) {
		if (kl_email_ok(profile->email))
			*email = profile->email;
		else if (!others)
			return kl_fail("%semail: not an e-mail address of at "
			               "most %d bytes",
			    field, MAX_EMAIL);
	} else if (!others)
		return kl_fail("%s: no identifier is known",
		    *field ? "data.attributes.profile" : "identify");
	return 0;
}

/* ---------------------------------------------------------------- identify */

/* Adds the members of a JSON object.  Names that Klaviyo's script takes for
   something else are refused: they would make somebody else of the visitor. */
static int
put_custom(cJSON *to, const char *json)
{
	static const char *const taken[] = {"id", "email", "phone_number",
	    "first_name", "last_name", "organization", "title", "anonymous_id",
	    "external_id", "_kx"};
	cJSON *custom, *one;
	int rc = -1;
	size_t i;

	if ((custom = kl_json_read(json, KL_DEPTH, "properties")) == NULL)
		return -1;
	if (!cJSON_IsObject(custom)) {
		kl_fail("properties: not an object");
		goto out;
	}
	while ((one = custom->child) != NULL) {
		for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
			if (strcmp(one->string, taken[i]) == 0)
				break;
		if (i < sizeof(taken) / sizeof(taken[0]) ||
		    one->string[0] == '$') {
			kl_fail(
			    "properties.%s: the name is taken", one->string);
			goto out;
		}
		cJSON_DetachItemViaPointer(custom, one);
		if (!cJSON_AddItemToObject(to, one->string, one)) {
			cJSON_Delete(one);
			kl_fail("out of memory");
			goto out;
		}
	}
	rc = 0;
out:
	cJSON_Delete(custom);
	return rc;
}

cJSON *
kl_identify_properties(const struct klaviyo_profile *profile)
{
	const struct klaviyo_location *at = &profile->location;
	const char *email, *phone_number;
	cJSON *to;
	bool ok;

	if (reachable(profile,
	        known(profile->id) || known(profile->external_id), "", &email,
	        &phone_number) != 0)
		return NULL;
	to = kl_object();
	ok = to != NULL && kl_put_text(to, "id", profile->id) &&
	     kl_put_text(to, "$id", profile->external_id) &&
	     kl_put_text(to, "email", email) &&
	     kl_put_text(to, "phone_number", phone_number) &&
	     kl_put_text(to, "first_name", profile->first_name) &&
	     kl_put_text(to, "last_name", profile->last_name) &&
	     kl_put_text(to, "organization", profile->organization) &&
	     kl_put_text(to, "title", profile->title) &&
	     /* There is no name for a second line of the address. */
	     kl_put_text(to, "$address1", at->address1) &&
	     kl_put_text(to, "$city", at->city) &&
	     kl_put_text(to, "$region", at->region) &&
	     kl_put_text(to, "$zip", at->zip) &&
	     kl_put_text(to, "$country", at->country) &&
	     kl_put_text(to, "$timezone", at->timezone) &&
	     (!known(profile->properties) ||
	         put_custom(to, profile->properties) == 0);
	return kl_group(to, ok);
}

/* ------------------------------------------------------------ server events */

static cJSON *
location(const struct klaviyo_location *at)
{
	cJSON *to = kl_object();
	bool ok;

	ok = to != NULL && kl_put_text(to, "address1", at->address1) &&
	     kl_put_text(to, "address2", at->address2) &&
	     kl_put_text(to, "city", at->city) &&
	     kl_put_text(to, "region", at->region) &&
	     kl_put_text(to, "country", at->country) &&
	     kl_put_text(to, "zip", at->zip) &&
	     kl_put_text(to, "timezone", at->timezone);
	return kl_group(to, ok);
}

static cJSON *
custom(const char *json)
{
	static const char field[] =
	    "data.attributes.profile.data.attributes.properties";
	cJSON *object;

	if (!known(json))
		return kl_object();
	object = kl_json_read(json, KL_DEPTH, field);
	if (object == NULL || cJSON_IsObject(object))
		return object;
	kl_fail("%s: not an object", field);
	cJSON_Delete(object);
	return NULL;
}

static cJSON *
attributes(const struct klaviyo_profile *profile)
{
	const char *email, *phone_number;
	bool ok = known(profile->id) || known(profile->external_id) ||
	          known(profile->anonymous_id) || known(profile->exchange_id);
	cJSON *to;

	if (reachable(profile, ok, "data.attributes.profile.data.attributes.",
	        &email, &phone_number) != 0)
		return NULL;
	to = kl_object();
	ok = to != NULL && kl_put_text(to, "email", email) &&
	     kl_put_text(to, "phone_number", phone_number) &&
	     kl_put_text(to, "external_id", profile->external_id) &&
	     kl_put_text(to, "anonymous_id", profile->anonymous_id) &&
	     kl_put_text(to, "_kx", profile->exchange_id) &&
	     kl_put_text(to, "first_name", profile->first_name) &&
	     kl_put_text(to, "last_name", profile->last_name) &&
	     kl_put_text(to, "organization", profile->organization) &&
	     kl_put_text(to, "title", profile->title) &&
	     kl_put_text(to, "locale", profile->locale) &&
	     kl_put_group(to, "location", location(&profile->location)) &&
	     kl_put_group(to, "properties", custom(profile->properties));
	return kl_group(to, ok);
}

cJSON *
kl_person(cJSON *inner)
{
	cJSON *to = inner != NULL ? kl_object() : NULL;
	bool ok;

	if (to == NULL) {
		cJSON_Delete(inner);
		return NULL;
	}
	ok = kl_put_text(to, "type", "profile");
	ok = kl_put(to, "attributes", inner) && ok;
	return kl_group(to, ok);
}

/* Required by Klaviyo, empty or not. */
static bool
put_attributes(cJSON *to, const struct klaviyo_profile *profile)
{
	cJSON *inner = attributes(profile);

	return inner != NULL && kl_put(to, "attributes", inner);
}

cJSON *
kl_profile_data(const struct klaviyo_profile *profile)
{
	cJSON *to = kl_object();
	bool ok;

	ok = to != NULL && kl_put_text(to, "type", "profile") &&
	     kl_put_text(to, "id", profile->id) && put_attributes(to, profile);
	return kl_group(to, ok);
}
