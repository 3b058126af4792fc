/*
 * doctor_ask.c - what only Klaviyo can tell of the settings: whether it can be
 * reached, knows the key, whose key it is, what the key may do, and what time
 * it is.
 *
 * Promises: nothing is written, one request each, and none is tried again: a
 * doctor is waited for.  What the key may write is asked with a body that no
 * endpoint can take: a key that may not is refused for that (403), one that may
 * for the body (400, 422).
 */
#include "doctor.h"
#include "key.h"

#include <stdlib.h>
#include <string.h>

#define CLOCK_MAX 120

/* What the key should be able to do, and for what. */
static const struct scope {
	const char *name, *path;
	bool write;
	bool needed; /* without it something that a shop does fails */
	const char *use;
} scopes[] = {
    {"events:write", "/api/events", true, true, "nothing is told without it"},
    {"profiles:write", "/api/profiles", true, true,
        "a customer's change of address needs it"},
    {"subscriptions:write", "/api/profile-subscription-bulk-create-jobs", true,
        true, "newsletter boxes need it"},
    {"catalogs:write", "/api/catalog-item-bulk-create-jobs", true, true,
        "back in stock and `catalog push` need it"},
    {"profiles:read",
        "/api/profiles?filter="
        "equals%28email%2C%22doctor%40klaviyo-demo.com%22%29",
        false, true, "a customer's change of address needs it"},
    {"metrics:read", "/api/metrics", false, false, "`reconcile` needs it"},
    {"events:read", "/api/events?page%5Bsize%5D=1", false, false,
        "`reconcile` needs it"},
    {"catalogs:read", "/api/catalog-items?page%5Bsize%5D=1", false, false,
        "`catalog push` needs it"},
};
#define SCOPES (sizeof(scopes) / sizeof(*scopes))

static bool
needed(const struct settings *settings, const struct scope *scope)
{
	return scope->needed || (strcmp(scope->name, "catalogs:read") == 0 &&
	                            strcmp(settings->catalog, "api") == 0);
}

/* Klaviyo does not let the key. */
static int
lacks(const struct settings *settings, const struct scope *scope,
    const char *what)
{
	/* That endpoint needs all three. */
	const char *also = strcmp(scope->name, "subscriptions:write") == 0
	                       ? ", or lists:write or profiles:write"
	                       : "";

	if (needed(settings, scope))
		return doctor_says(what,
		    "the private key does not have it%s; %s: make a new key "
		    "with it",
		    also, scope->use);
	doctor_notes(what, "the private key does not have it; %s", scope->use);
	return 0;
}

static int
check_scope(struct klaviyo *klaviyo, const struct settings *settings,
    const struct scope *scope)
{
	struct klaviyo_reply reply;
	char what[40];
	int result = klaviyo_ask(klaviyo, scope->write ? "POST" : "GET",
	    scope->path, scope->write ? "{\"data\":{}}" : NULL, &reply);

	snprintf(what, sizeof(what), "scope %s", scope->name);
	if (result == 0)
		free(reply.body);
	if (result == 0 && reply.status == 404)
		return doctor_says(what,
		    "Klaviyo does not know %s: check "
		    "KLAVIYO_REVISION",
		    scope->path);
	if (result == 0 ||
	    (scope->write && (reply.status == 400 || reply.status == 422)))
		return doctor_says(what, NULL);
	return reply.status == 403 ? lacks(settings, scope, what)
	                           : doctor_says(what, "%s", klaviyo_error());
}

static int
check_clock(int64_t date)
{
	int64_t ahead = utc_now() - date;

	if (date == 0)
		return 0;
	if (ahead > CLOCK_MAX || ahead < -CLOCK_MAX)
		return doctor_says("Klaviyo's clock",
		    "this host's is %lld s %s: let NTP keep it",
		    (long long)llabs(ahead), ahead > 0 ? "ahead" : "behind");
	return doctor_says("Klaviyo's clock", NULL);
}

/* Do the two keys belong to one account? */
static int
check_account(struct klaviyo *klaviyo, const struct settings *settings)
{
	char *account = NULL;
	int faults;

	if (klaviyo_account(klaviyo, &account) != 0)
		return doctor_says("keys", "%s", klaviyo_error());
	if (*settings->public_key == '\0') {
		doctor_notes("keys",
		    "the private key is that of the account %s; "
		    "KLAVIYO_PUBLIC_KEY is not set",
		    account);
		faults = 0;
	} else if (strcmp(account, settings->public_key) != 0) {
		faults = doctor_says("keys",
		    "the private key is that of the account %s, and "
		    "KLAVIYO_PUBLIC_KEY is %s: browser and server would tell "
		    "two accounts",
		    account, settings->public_key);
	} else {
		faults = doctor_says("keys", NULL);
	}
	free(account);
	return faults;
}

/* -1: nothing more can be asked. */
static int
first_question(
    struct klaviyo *klaviyo, const struct settings *settings, int *faults)
{
	struct klaviyo_reply reply;
	int result = klaviyo_ask(klaviyo, "GET", "/api/accounts", NULL, &reply);

	if (result == 0)
		free(reply.body);
	if (result != 0 && reply.status != 403) {
		*faults += doctor_says("Klaviyo", "%s", klaviyo_error());
		if (reply.date != 0)
			*faults += check_clock(reply.date);
		doctor_notes("keys, scopes", "not checked");
		return -1;
	}
	*faults += doctor_says("Klaviyo answers", NULL);
	*faults += check_clock(reply.date);
	if (result != 0)
		doctor_notes("keys",
		    "the private key does not have the scope accounts:read: "
		    "whether both are of one account is not checked");
	else
		*faults += check_account(klaviyo, settings);
	return 0;
}

int
doctor_ask(const struct settings *settings, bool key)
{
	struct klaviyo *klaviyo = klaviyo_open_once(settings);
	int faults = 0;

	if (klaviyo == NULL) {
		if (key)
			return doctor_says(
			    "Klaviyo", "not asked: %s", shop_error());
		doctor_notes("Klaviyo",
		    "not asked without the private key: "
		    "%s",
		    shop_error());
		return 0;
	}
	if (first_question(klaviyo, settings, &faults) == 0)
		for (size_t i = 0; i < SCOPES; i++)
			faults += check_scope(klaviyo, settings, &scopes[i]);
	klaviyo_free(klaviyo);
	return faults;
}
