/*
 * properties_account.c - the properties of an account's events and of leads;
 * properties.c says what holds for all.
 *
 * Promises: a password is named, never given, whatever the caller says.
 */
#include "properties.h"

cJSON *
kl_reset_properties(const char *link)
{
	cJSON *to = kl_object();

	if (to != NULL && (link == NULL || *link == '\0')) {
		kl_fail("the link of a password reset is missing");
		return kl_group(to, false);
	}
	return kl_group(
	    to, to != NULL && kl_put_text(to, "PasswordResetLink", link));
}
