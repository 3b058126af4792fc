/*
 * build.c - JSON objects, member by member.
 *
 * Promises: each kl_put adds one member to an object, or nothing when the
 * value is not known ("", 0, an empty group), and returns false only on
 * failure, with the error set.  So an object is one expression of && over its
 * members, and any allocation that fails ends it without a leak.
 *
 * Does not: copy names; they are literals.
 */
#include "internal.h"

#include <stdlib.h>

bool
kl_put(cJSON *to, const char *name, cJSON *value)
{
	if (value != NULL && cJSON_AddItemToObjectCS(to, name, value))
		return true;
	cJSON_Delete(value);
	kl_fail("out of memory");
	return false;
}

bool
kl_put_text(cJSON *to, const char *name, const char *text)
{
	if (text == NULL || *text == '\0')
		return true;
	return kl_put(to, name, cJSON_CreateString(text));
}

bool
kl_put_money(cJSON *to, const char *name, int64_t amount, const char *currency)
{
	char *digits;
	bool ok;

	if (amount == 0)
		return true;
	if ((digits = klaviyo_money(amount, currency)) == NULL)
		return false;
	ok = kl_put(to, name, cJSON_CreateRaw(digits));
	free(digits);
	return ok;
}

/* Takes an object or array; NULL means that its making failed, with the error
   set. */
bool
kl_put_group(cJSON *to, const char *name, cJSON *group)
{
	if (group == NULL)
		return false;
	if (group->child == NULL) {
		cJSON_Delete(group);
		return true;
	}
	return kl_put(to, name, group);
}

/* ${filled} says whether the members of ${group} were all added. */
cJSON *
kl_group(cJSON *group, bool filled)
{
	if (filled)
		return group;
	cJSON_Delete(group);
	return NULL;
}

cJSON *
kl_object(void)
{
	cJSON *object = cJSON_CreateObject();

	if (object == NULL)
		kl_fail("out of memory");
	return object;
}
