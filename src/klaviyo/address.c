/*
 * address.c - what a sender is told before it sends: its options, where to,
 * with which key and for which revision.
 *
 * Promises: the private key never leaves but by https, or to this very machine;
 * a key or revision that passes here cannot add a header or break a line.  An
 * error never shows the key.
 *
 * Does not trim, guess or ask Klaviyo.
 */
#include "api.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION "0"
#endif

enum { MAX_IN_FLIGHT = 256, MAX_TIMEOUT = 60000 };

static bool
is_loopback(const char *host)
{
	struct in_addr v4;

	if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	/* 127.0.0.1.example.com is no address. */
	return inet_pton(AF_INET, host, &v4) == 1 &&
	       ntohl(v4.s_addr) >> 24 == 127;
}

/* Where machines in a cloud are told their own secrets, and nobody else is. */
static bool
is_link_local(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	char plain[INET6_ADDRSTRLEN] = "";

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 16 == 0xa9fe;
	if (*host == '[')
		snprintf(plain, sizeof(plain), "%.*s",
		    (int)strcspn(host + 1, "]%"), host + 1);
	if (inet_pton(AF_INET6, plain, &v6) != 1)
		return false;
	return IN6_IS_ADDR_LINKLOCAL(&v6) ||
	       (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 169 &&
	           v6.s6_addr[13] == 254);
}

static bool
has_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool there = curl_url_get(url, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return there;
}

/* Read by libcurl's own parser, so that it cannot see another host later. */
char *
kl_address(const char *address, bool *loopback)
{
	CURLU *url = curl_url();
	char *scheme = NULL, *host = NULL, *text = NULL, *base = NULL;

	if (!url) {
		kl_fail("out of memory");
		goto out;
	}
	if (curl_url_set(url, CURLUPART_URL, address, 0) ||
	    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) ||
	    curl_url_get(url, CURLUPART_HOST, &host, 0) ||
	    curl_url_get(url, CURLUPART_URL, &text, 0)) {
		kl_fail("api_url is not an address such as "
		        "https://a.klaviyo.com");
		goto out;
	}
	*loopback = is_loopback(host);
	if (strcmp(scheme, "https") != 0 &&
	    !(strcmp(scheme, "http") == 0 && *loopback)) {
		kl_fail("api_url must be https, or http to a loopback address");
		goto out;
	}
	if (is_link_local(host)) {
		kl_fail("api_url must not be a link-local address");
		goto out;
	}
	if (has_part(url, CURLUPART_USER) ||
	    has_part(url, CURLUPART_PASSWORD) ||
	    has_part(url, CURLUPART_QUERY) ||
	    has_part(url, CURLUPART_FRAGMENT)) {
		kl_fail("api_url must have no user, query or fragment");
		goto out;
	}
	while (*text && text[strlen(text) - 1] == '/')
		text[strlen(text) - 1] = '\0';
	base = kl_copy(text);
out:
	curl_free(text);
	curl_free(host);
	curl_free(scheme);
	curl_url_cleanup(url);
	return base;
}

char *
kl_encode(const char *text)
{
	char *encoded = curl_easy_escape(NULL, text, 0), *copy = NULL;

	if (encoded)
		copy = strdup(encoded);
	if (!copy)
		kl_fail("out of memory");
	curl_free(encoded);
	return copy;
}

int
kl_check_key(const char *key)
{
	if (!key || !*key)
		return kl_fail("there is no private key");
	if (strncmp(key, "pk_", 3) != 0 || !key[3] || strlen(key) > 256)
		return kl_fail("the private key does not begin with pk_");
	for (; *key; key++)
		if (!isascii((unsigned char)*key) ||
		    (!isalnum((unsigned char)*key) && *key != '_'))
			return kl_fail("the private key has a character that "
			               "is not a letter, digit or _");
	return 0;
}

int
kl_check_revision(const char *revision)
{
	const char *shape = "dddd-dd-dd";

	for (; *shape; shape++, revision++)
		if (*shape == 'd' ? !isdigit((unsigned char)*revision)
		                  : *revision != *shape)
			break;
	if (*shape || *revision)
		return kl_fail(
		    "the revision is not a date such as " KLAVIYO_REVISION);
	return 0;
}

int
kl_options(struct klaviyo_options *to, const struct klaviyo_options *from)
{
	*to = *from;
	if (!to->api_url)
		to->api_url = "https://a.klaviyo.com";
	if (!to->revision)
		to->revision = KLAVIYO_REVISION;
	if (!to->user_agent)
		to->user_agent = "libklaviyo/" VERSION;
	if (!to->in_flight)
		to->in_flight = 32;
	if (!to->connect_timeout_ms)
		to->connect_timeout_ms = 5000;
	if (!to->timeout_ms)
		to->timeout_ms = 15000;

	if (to->in_flight < 1 || to->in_flight > MAX_IN_FLIGHT)
		return kl_fail("in_flight must be 1 to %d", MAX_IN_FLIGHT);
	if (to->connect_timeout_ms < 1 || to->timeout_ms < 1 ||
	    to->timeout_ms > MAX_TIMEOUT)
		return kl_fail("timeout_ms must be 1 to %d", MAX_TIMEOUT);
	if (to->ca_file && access(to->ca_file, R_OK))
		return kl_fail("ca_file cannot be read: %s", to->ca_file);
	if (!*to->user_agent || strpbrk(to->user_agent, "\r\n"))
		return kl_fail("user_agent must be one line");
	if (kl_check_key(to->private_key))
		return -1;
	return kl_check_revision(to->revision);
}
