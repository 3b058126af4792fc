/*
 * key.c - whose request is it, and may that key do this?
 *
 * A private key is any that looks like one, or the one of --private-key; it has
 * every scope, or those of --scopes. A browser's request names the account by
 * company_id and carries no key.
 */
#include "sandbox.h"

#include <string.h>

const char *option_private_key, *option_public_key, *option_scopes;

int
key_private(struct call *c)
{
	const char *header = call_header(c, "Authorization");

	if (!header) {
		call_error(c, 401, "not_authenticated",
		    "Authentication "
		    "credentials were not provided.",
		    "Missing or invalid private key.");
	} else if (strncmp(header, "Klaviyo-API-Key ", 16) || !header[16] ||
	           strpbrk(header + 16, " \t")) {
		call_error(c, 401, "authentication_failed",
		    "Incorrect authentication credentials.",
		    "Expected: Authorization: Klaviyo-API-Key <private key>.");
	} else if (option_private_key &&
	           strcmp(header + 16, option_private_key)) {
		call_error(c, 401, "authentication_failed",
		    "Incorrect authentication credentials.",
		    "The private key is not the account's (--private-key).");
	}
	return c->report.count ? -1 : 0;
}

int
key_public(struct call *c)
{
	const char *company = call_query(c, "company_id");
	const char *header = call_header(c, "Authorization");

	if (header)
		call_error(c, 400, "invalid", "Invalid input.",
		    "Client endpoints take no Authorization header; a private "
		    "key must never reach a browser.");
	else if (!company || !*company)
		call_error(c, 400, "invalid", "Invalid input.",
		    "The company_id query parameter is required.");
	else if (!strncmp(company, "pk_", 3))
		call_error(c, 400, "invalid", "Invalid input.",
		    "company_id is the public key, not the private one.");
	else if (option_public_key && strcmp(company, option_public_key))
		call_error(c, 400, "invalid", "Invalid input.",
		    "company_id is not the account's (--public-key).");
	return c->report.count ? -1 : 0;
}

const char *
key_account(void)
{
	return option_public_key ? option_public_key : "ABC123";
}

static int
granted(const char *scope, size_t n)
{
	const char *s = option_scopes;

	while (s && *s) {
		size_t len = strcspn(s, ",");

		if (len == n && !strncmp(s, scope, n))
			return 1;
		s += len + (s[len] == ',');
	}
	return !option_scopes;
}

/* Every scope of the endpoint is needed. */
int
key_scopes(struct call *c)
{
	const char *s = c->endpoint->scopes;
	char detail[160];

	while (s && *s) {
		size_t n = strcspn(s, " ");

		if (!granted(s, n)) {
			snprintf(detail, sizeof detail,
			    "You do not have permission to perform this "
			    "action: the key lacks the scope %.*s (--scopes).",
			    (int)n, s);
			call_error(c, 403, "permission_denied",
			    "You do not have permission to perform this "
			    "action.",
			    detail);
			return -1;
		}
		s += n + (s[n] == ' ');
	}
	return 0;
}
