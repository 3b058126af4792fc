/*
 * settings.c - the environment's settings: one table, checked once.
 *
 * Promises: a wrong setting is named with what is wrong and what to do, before
 * anything is opened.  The private key itself is never a setting: only the
 * name of its file is, and only the worker reads that.
 */
#include "storefront.h"

#include <arpa/inet.h>
#include <klaviyo.h>
#include <stdlib.h>
#include <string.h>

/* Each check returns NULL, or what is wrong and what to do. */
typedef const char *check(const char *value);

static const char *
check_any(const char *value)
{
	return *value != '\0' ? NULL : "is empty; unset it for the default";
}

static const char *
check_db(const char *value)
{
	char shown[256];

	if (*value == '\0')
		return check_any(value);
	/* Not by its own words: they may hold a part of the password. */
	return db_address(value, shown, sizeof(shown)) == 0
	    ? NULL
	    : "must be a file, or postgresql://USER@HOST/DATABASE (the "
	      "password in PGPASSFILE)";
}

static const char *
check_optional(const char *value)
{
	(void)value;
	return NULL;
}

static bool
starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool
plain_url(const char *value)
{
	for (const char *p = value; *p != '\0'; p++)
		if (*p <= ' ' || *p == 0x7f || strchr("\"'<>;,\\?#", *p))
			return false;
	return starts(value, "https://") || starts(value, "http://");
}

static const char *
check_url(const char *value)
{
	size_t n = strlen(value);

	if (!plain_url(value))
		return "must be an address such as https://shop.example";
	if (value[n - 1] == '/')
		return "must not end in a slash";
	return NULL;
}

/* The host of an address: all of it, 127.0.0.1.example.com is another. */
static bool
loopback(const char *url)
{
	const char *host = strstr(url, "://") + 3;
	size_t n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
	char name[64];
	struct in_addr v4;

	if (n >= sizeof(name) || strchr(":/", host[n]) == NULL)
		return false; /* strchr() finds the end, too */
	snprintf(name, sizeof(name), "%.*s", (int)n, host);
	return strcmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0 ||
	    (inet_pton(AF_INET, name, &v4) == 1 &&
	        ntohl(v4.s_addr) >> 24 == 127);
}

/* Klaviyo's addresses: https, or http to this machine (the sandbox). */
static const char *
check_klaviyo_url(const char *value)
{
	const char *wrong = check_url(value);

	if (wrong != NULL)
		return wrong;
	if (strchr(value, '@') != NULL)
		return "must have no user in it";
	if (!starts(value, "https://") && !loopback(value))
		return "must be https, or http to a loopback address";
	return NULL;
}

static const char *
check_listen(const char *value)
{
	if (starts(value, "unix:/") || starts(value, "127.") ||
	    starts(value, "[::1]:"))
		return NULL;
	return "must be unix:/PATH or 127.0.0.1:PORT";
}

static const char *
check_threads(const char *value)
{
	char *end;
	long n = strtol(value, &end, 10);

	return *end == '\0' && n >= 1 && n <= 256
	    ? NULL
	    : "must be a number from 1 to 256";
}

static const char *
check_limit(const char *value)
{
	size_t digits = strspn(value, "0123456789");

	return digits > 0 && digits < 10 && value[digits] == '\0' &&
	        num(value) > 0
	    ? NULL
	    : "must be a number of events, such as 1000000";
}

static const char *
check_rates(const char *value)
{
	int rates[4];

	return *value == '\0' || rates_read(value, rates) == 0
	    ? NULL
	    : "must be your account's limits at Klaviyo, events a second/a "
	      "minute and bulk requests likewise, such as 350/3500,10/150";
}

static const char *
check_confine(const char *value)
{
	return strcmp(value, "auto") == 0 || strcmp(value, "off") == 0
	    ? NULL
	    : "must be auto, or off: the web process keeps all rights of its "
	      "user";
}

static const char *
check_csp(const char *value)
{
	return strcmp(value, "enforce") == 0 || strcmp(value, "report") == 0
	    ? NULL
	    : "must be enforce, or report: what the pages' policy forbids is "
	      "told by the browser's console, and happens";
}

static const char *
check_log_level(const char *value)
{
	return log_level(value) >= 0 ? NULL
	                             : "must be error, warning, notice, info "
	                               "or debug: the least that "
	                               "is logged";
}

static const char *
check_currency(const char *value)
{
	return klaviyo_exponent(value) >= 0
	    ? NULL
	    : "must be an ISO 4217 code such as USD";
}

static const char *
check_public_key(const char *value)
{
	char *url;

	if (*value == '\0')
		return NULL;
	if (starts(value, "pk_"))
		return "is a private key: the public one is the six characters "
		       "of Klaviyo's Settings > API keys";
	url = klaviyo_script_url(NULL, value);
	if (url == NULL)
		return "must be the account's public API key: letters and "
		       "digits, usually six";
	free(url);
	return NULL;
}

static const char *
check_key_file(const char *value)
{
	return starts(value, "pk_")
	    ? "is a key: write it to a file (mode 0400) and give its path"
	    : NULL;
}

static const char *
check_revision(const char *value)
{
	return strlen(value) == 10 && strspn(value, "0123456789-") == 10
	    ? NULL
	    : "must be a date such as " KLAVIYO_REVISION;
}

static const char *
check_catalog(const char *value)
{
	return strcmp(value, "feed") == 0 || strcmp(value, "api") == 0
	    ? NULL
	    : "must be feed, or api: pushed by `catalog push`";
}

static const char *
check_delivery(const char *value)
{
	return strcmp(value, "realtime") == 0 || strcmp(value, "batch") == 0
	    ? NULL
	    : "must be realtime, or batch: sent by `worker --once` only";
}

static const char *
check_consent(const char *value)
{
	return strcmp(value, "implied") == 0 || strcmp(value, "required") == 0
	    ? NULL
	    : "must be implied, or required: nobody is tracked before they "
	      "said yes";
}

static const char *
check_onsite(const char *value)
{
	return strcmp(value, "browser") == 0 || strcmp(value, "server") == 0
	    ? NULL
	    : "must be browser, or server: known visitors' events are sent by "
	      "the worker";
}

static const char *
check_list(const char *value)
{
	size_t n = strlen(value);

	for (const char *p = value; *p != '\0'; p++)
		if (!((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
		        (*p >= 'A' && *p <= 'Z')))
			n = 0;
	return *value == '\0' || (n >= 4 && n <= 40)
	    ? NULL
	    : "must be a list's id, from its page's address at Klaviyo: "
	      "letters and digits, usually six";
}

static const char *
check_leads_email(const char *value)
{
	const char *at = strchr(value, '@');

	return *value == '\0' || (at != NULL && at != value && at[1] != '\0' &&
	                             strlen(value) <= 100)
	    ? NULL
	    : "must be the e-mail address of whoever looks after new leads";
}

static const struct setting {
	const char *name;
	size_t at;
	const char *fallback;
	check *check;
} table[] = {
#define AT(member) offsetof(struct settings, member)
    {"STOREFRONT_DB", AT(db), "storefront.db", check_db},
    {"STOREFRONT_URL", AT(url), "http://127.0.0.1:8080", check_url},
    {"STOREFRONT_LISTEN", AT(listen), "unix:/run/storefront/storefront.sock",
        check_listen},
    {"STOREFRONT_THREADS", AT(threads), "24", check_threads},
    {"STOREFRONT_TEMPLATES", AT(templates), DATADIR "/templates", check_any},
    {"STOREFRONT_SECRET_FILE", AT(secret_file), "storefront.secret", check_any},
    {"STOREFRONT_LEADS_EMAIL", AT(leads_email), "", check_leads_email},
    {"STOREFRONT_CONFINE", AT(confine), "auto", check_confine},
    {"STOREFRONT_CSP", AT(csp), "enforce", check_csp},
    {"STOREFRONT_LOG_LEVEL", AT(log_level), "notice", check_log_level},
    {"STOREFRONT_STATUS_LISTEN", AT(status_listen), "127.0.0.1:8081",
        check_listen},
    {"STOREFRONT_STATUS_PASSWORD_FILE", AT(status_password_file),
        "storefront.password", check_any},
    {"STOREFRONT_CURRENCY", AT(currency), "USD", check_currency},
    {"KLAVIYO_PUBLIC_KEY", AT(public_key), "", check_public_key},
    {"KLAVIYO_PRIVATE_KEY_FILE", AT(private_key_file), "", check_key_file},
    {"KLAVIYO_API_URL", AT(api_url), "https://a.klaviyo.com",
        check_klaviyo_url},
    {"KLAVIYO_ONSITE_URL", AT(onsite_url), "https://static.klaviyo.com",
        check_klaviyo_url},
    {"KLAVIYO_REVISION", AT(revision), KLAVIYO_REVISION, check_revision},
    {"KLAVIYO_DELIVERY", AT(delivery), "realtime", check_delivery},
    {"KLAVIYO_CATALOG", AT(catalog), "feed", check_catalog},
    {"KLAVIYO_OUTBOX_LIMIT", AT(outbox_limit), "1000000", check_limit},
    {"KLAVIYO_RATES", AT(rates), "", check_rates},
    {"KLAVIYO_CA_FILE", AT(ca_file), "", check_optional},
    {"KLAVIYO_CONSENT", AT(consent), "implied", check_consent},
    {"KLAVIYO_ONSITE", AT(onsite), "browser", check_onsite},
    {"KLAVIYO_LIST", AT(list), "", check_list},
#undef AT
};
#define SETTINGS (sizeof(table) / sizeof(*table))

/* What the environment says.  Apache passes on a variable that it does not have
 * as "${NAME}" (www/apache.conf): that is none. */
static const char *
given(const char *name)
{
	const char *value = getenv(name);
	size_t n = strlen(name);

	return value != NULL && starts(value, "${") &&
	               strncmp(value + 2, name, n) == 0 &&
	               strcmp(value + 2 + n, "}") == 0
	           ? NULL
	           : value;
}

int
settings_load(struct settings *settings)
{
	memset(settings, 0, sizeof(*settings));
	for (size_t i = 0; i < SETTINGS; i++) {
		const char *value = given(table[i].name), *wrong;

		if (value == NULL)
			value = table[i].fallback;
		wrong = table[i].check(value);
		if (wrong != NULL)
			return shop_fail("%s %s", table[i].name, wrong);
		/* By way of void: "at" is a pointer's, and so aligned. */
		*(const char **)(void *)((char *)settings + table[i].at) =
		    value;
	}
	settings->https = starts(settings->url, "https://");
	settings->csp_report = strcmp(settings->csp, "report") == 0;
	return 0;
}

int
settings_report(FILE *out)
{
	int faults = 0;

	for (size_t i = 0; i < SETTINGS; i++) {
		const char *value = given(table[i].name), *wrong;
		const char *source = value != NULL ? "environment" : "default";
		char address[256];

		if (value == NULL)
			value = table[i].fallback;
		wrong = table[i].check(value);
		if (table[i].check == check_db) { /* without its password */
			db_address(value, address, sizeof(address));
			value = address;
		}
		/* A key put into the wrong variable is not repeated here. */
		fprintf(out, "%-31s %-11s %s\n", table[i].name, source,
		    strstr(value, "pk_") != NULL ? "(hidden)"
		        : *value != '\0'         ? value
		                                 : "(none)");
		if (wrong != NULL) {
			fprintf(out, "%-31s WRONG       %s\n", "", wrong);
			faults++;
		}
	}
	return faults;
}
