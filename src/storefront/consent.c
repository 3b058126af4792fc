/*
 * consent.c - may this visitor be tracked, and by which side?
 *
 * Promises: pure functions of the settings and of what the request says; in
 * doubt nobody is tracked.  What the visitor said here is the cookie
 *
 *	consent=yes | no	set when they choose, never before
 *
 * and what they said to Klaviyo is its opt-out cookie, __kla_off=true, which
 * counts whatever the settings are, as does a "no".
 *
 *	KLAVIYO_CONSENT	said		tracked	asked
 *	implied		nothing		yes	no
 *	required	nothing		no	yes
 *	either		yes		yes	no
 *	either		no		no	no
 *
 * Orders and accounts are no tracking: their events do not ask here.
 */
#include "storefront.h"

#include <string.h>
#include <strings.h>

struct consent
consent_of(const struct settings *settings, bool yes, bool no, bool off)
{
	bool required = strcmp(settings->consent, "required") == 0;
	struct consent consent = {.own = yes || no || off};

	/* Both, of two cookies: one was meant, and nobody knows which. */
	if (no)
		consent.said = CONSENT_NO;
	else if (yes)
		consent.said = CONSENT_YES;
	if (!tracking_on(settings))
		return consent;
	consent.ask = required && consent.said == CONSENT_NONE && !off;
	consent.tracked =
	    !off && (consent.said == CONSENT_YES ||
	                (consent.said == CONSENT_NONE && !required));
	return consent;
}

struct consent
consent_read(const struct settings *settings, const struct request *request)
{
	return consent_of(settings,
	    request_cookie_is(request, "consent", "yes"),
	    request_cookie_is(request, "consent", "no"),
	    /* A "no" may be among what cannot be read. */
	    request->cookie_lost ||
	        request_cookie_is(request, "__kla_off", "true"));
}

const char *
consent_exchange_id(const struct consent *consent, struct request *request)
{
	if (!consent->tracked)
		return "";
	return tracking_exchange_id(
	    request->arena, request_cookie(request, "__kla_id"));
}

/* --------------------------------------------------------- setting cookies */

void
consent_cookie(
    const struct settings *settings, bool yes, struct response *response)
{
	char value[100];

	/* Not HttpOnly: a page that the browser kept looks at it. */
	snprintf(value, sizeof(value),
	    "consent=%s; Path=/; Max-Age=%d; SameSite=Lax%s",
	    yes ? "yes" : "no", 365 * 86400, settings->https ? "; Secure" : "");
	response_header(response, "Set-Cookie", value);
}

/* Whether a host is a name, of which there are parents: no address. */
static bool
named(const char *host)
{
	size_t n = strlen(host);

	return n > 0 && *host != '[' &&
	       strchr("0123456789", host[n - 1]) == NULL;
}

void
consent_forget(const struct settings *settings, struct arena *arena,
    struct response *response)
{
	static const char gone[] = "__kla_id=; Path=/; Max-Age=0; SameSite=Lax";
	const char *host = strstr(settings->url, "://") + 3;

	/* Of ours: that the browser has told of a checkout (see
	   templates/klaviyo/started_checkout_email.tpl). */
	response_header(response, "Set-Cookie",
	    "told=; Path=/checkout; Max-Age=0; SameSite=Lax");
	host = arena_copyn(arena, host, strcspn(host, ":/"));
	response_header(response, "Set-Cookie", gone);
	/* klaviyo.js may have put it to any domain that the shop is below;
	   a browser ignores those that it may not. */
	for (; host != NULL && named(host) && strchr(host, '.') != NULL;
	     host = strchr(host, '.') + 1)
		response_header(response, "Set-Cookie",
		    arena_printf(arena, "%s; Domain=%s", gone, host));
}

/* ------------------------------------------------------------- which side */

/* Parts of the names of programs that are no visitors: crawlers, tools,
 * checkers, previews. */
static const char *const robots[] = {"bot", "crawl", "spider", "slurp", "curl",
    "wget", "python", "java/", "okhttp", "go-http", "libwww", "perl", "ruby",
    "php", "node-fetch", "axios", "undici", "httpclient", "http-client",
    "headless", "phantomjs", "puppeteer", "playwright", "selenium",
    "lighthouse", "pagespeed", "pingdom", "uptime", "monitor", "statuscake",
    "site24x7", "gtmetrix", "facebookexternalhit", "facebookcatalog",
    "whatsapp", "telegram", "skypeuripreview", "embedly", "preview",
    "validator", "scan", "archive", "feedfetcher", "google-", "mediapartners",
    "adsbot", "bingpreview", "yandex", "baidu", "duckduckgo/", "ia_archiver",
    "scrapy", "nutch", "heritrix", "fetch", "checker", "postman", "insomnia",
    "httpie", "zgrab", "nmap", "nikto", "sqlmap", "masscan"};

bool
consent_robot(const char *user_agent)
{
	/* A browser says who it is. */
	if (*user_agent == '\0')
		return true;
	for (size_t i = 0; i < sizeof(robots) / sizeof(*robots); i++)
		if (strcasestr(user_agent, robots[i]) != NULL)
			return true;
	return false;
}

bool
consent_ahead(const char *purpose)
{
	return strcasestr(purpose, "prefetch") != NULL ||
	       strcasestr(purpose, "prerender") != NULL ||
	       strcasestr(purpose, "preview") != NULL;
}

enum side
consent_side(const struct settings *settings, const struct consent *consent,
    bool known, const struct request *request)
{
	if (!consent->tracked)
		return SIDE_NONE;
	/* A page fetched ahead may be shown without another request: then its
	   scripts tell of it.  A robot is left to klaviyo.js, which knows what
	   to do with it; so nothing is lost by one that is none. */
	return strcmp(settings->onsite, "server") == 0 && known &&
	               !consent_robot(request->user_agent) &&
	               !consent_ahead(request->purpose)
	           ? SIDE_SERVER
	           : SIDE_BROWSER;
}
