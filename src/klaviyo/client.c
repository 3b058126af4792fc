/*
 * client.c - requests to Klaviyo's API by libcurl: many of them in flight on a
 * pool of kept HTTP/1.1 connections, each of which is transfer.c's.
 *
 * Promises: the private key goes to the address of the options and nowhere
 * else, is not logged, and is wiped at the end.  No more requests are in flight
 * than the options say.
 *
 * Does not judge, retry or pace.
 */
#include "client.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
add_header(struct kl_client *client, const char *name, const char *value)
{
	char line[320];
	struct curl_slist *list = NULL;

	snprintf(line, sizeof(line), "%s:%s%s", name, *value ? " " : "", value);
	list = curl_slist_append(client->headers, line);
	sodium_memzero(line, sizeof(line)); /* it may be the key */
	if (!list)
		return kl_fail("out of memory");
	client->headers = list;
	return 0;
}

static int
add_headers(struct kl_client *client, const struct klaviyo_options *options)
{
	char key[320];
	int failed;

	snprintf(key, sizeof(key), "Klaviyo-API-Key %s", options->private_key);
	/* The first, for a request without a body leaves it out. */
	failed =
	    add_header(client, "Content-Type", "application/vnd.api+json") ||
	    add_header(client, "Authorization", key) ||
	    add_header(client, "revision",
	        options->revision ? options->revision : KLAVIYO_REVISION) ||
	    add_header(client, "Accept", "application/vnd.api+json") ||
	    add_header(client, "Expect", ""); /* "" leaves it out */
	sodium_memzero(key, sizeof(key));
	return failed ? -1 : 0;
}

/* --------------------------------------------------------- a client's life */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global;

static void
global_init(void)
{
	global = curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct kl_client *
kl_client_new(const struct klaviyo_options *options)
{
	struct klaviyo_options o;
	struct kl_client *client = NULL;

	if (kl_options(&o, options))
		return NULL;
	pthread_once(&once, global_init);
	if (global != CURLE_OK || !(client = calloc(1, sizeof(*client)))) {
		kl_fail("libcurl cannot start");
		return NULL;
	}
	client->in_flight = o.in_flight;
	client->timeout_ms = o.timeout_ms;
	client->connect_timeout_ms = o.connect_timeout_ms;
	if (!(client->base = kl_address(o.api_url, &client->loopback)) ||
	    !(client->agent = kl_copy(o.user_agent)) ||
	    (o.ca_file && !(client->ca_file = kl_copy(o.ca_file))) ||
	    add_headers(client, &o))
		goto fail;
	if (!(client->multi = curl_multi_init())) {
		kl_fail("libcurl cannot start");
		goto fail;
	}
	curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
	    (long)client->in_flight);
	curl_multi_setopt(
	    client->multi, CURLMOPT_MAXCONNECTS, (long)client->in_flight);
	curl_multi_setopt(
	    client->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	return client;
fail:
	kl_client_free(client);
	return NULL;
}

void
kl_client_free(struct kl_client *client)
{
	struct kl_transfer *transfer;

	if (!client)
		return;
	kl_client_drop(client);
	while ((transfer = client->idle)) {
		client->idle = transfer->next;
		kl_transfer_free(transfer);
	}
	curl_multi_cleanup(client->multi);
	for (struct curl_slist *h = client->headers; h; h = h->next)
		sodium_memzero(h->data, strlen(h->data));
	curl_slist_free_all(client->headers);
	free(client->base);
	free(client->agent);
	free(client->ca_file);
	free(client);
}

/* ---------------------------------------------------------------- requests */

static struct kl_transfer *
idle_transfer(struct kl_client *client)
{
	struct kl_transfer *transfer = client->idle;

	if (transfer || client->made >= client->in_flight) {
		if (!transfer)
			kl_fail("too many requests in flight");
		return transfer;
	}
	if (!(transfer = kl_transfer_new(client)))
		return NULL;
	client->made++;
	client->idle = transfer;
	return transfer;
}

const char *
kl_client_path(const struct kl_client *client, const char *path)
{
	size_t n = strlen(client->base);

	if (strncmp(path, client->base, n) == 0)
		path += n;
	if (strncmp(path, "/api/", 5) != 0) {
		kl_fail("not an address of Klaviyo's API at %s: %.*s",
		    client->base, (int)strcspn(path, "?"), path);
		return NULL;
	}
	return path;
}

/* A path joins the address to a URL; it must not lead to another host. */
static bool
is_path(const char *path)
{
	if (*path != '/')
		return false;
	for (; *path; path++)
		if ((unsigned char)*path <= ' ' || (unsigned char)*path >= 0x7f)
			return false;
	return true;
}

static bool
is_method(const struct kl_request *what)
{
	static const char *const known[] = {"GET", "POST", "PATCH"};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(what->method, known[i]) == 0)
			return !what->body == !i; /* a GET has none */
	return false;
}

static void
body_free(char *body, bool secret)
{
	if (body && secret)
		sodium_memzero(body, strlen(body));
	free(body);
}

int
kl_client_send(struct kl_client *client, const struct kl_request *what)
{
	struct kl_transfer *transfer = NULL;
	char *url = NULL;
	int result = -1;

	if (!is_path(what->path) || !is_method(what)) {
		kl_fail("not a request: %s %s", what->method, what->path);
		goto out;
	}
	if (!(transfer = idle_transfer(client)))
		goto out;
	if (asprintf(&url, "%s%s", client->base, what->path) < 0) {
		url = NULL;
		kl_fail("out of memory");
		goto out;
	}
	if (kl_transfer_begin(client, transfer, url, what) ||
	    curl_multi_add_handle(client->multi, transfer->easy)) {
		kl_fail("libcurl cannot start a request");
		goto out;
	}
	transfer->body = what->body;
	transfer->secret = what->secret;
	transfer->tag = what->tag;
	client->idle = transfer->next;
	transfer->next = client->busy;
	client->busy = transfer;
	client->nbusy++;
	result = 0;
out:
	free(url);
	if (result)
		body_free(what->body, what->secret);
	return result;
}

int
kl_client_post(
    struct kl_client *client, const char *path, char *body, void *tag)
{
	return kl_client_post_by(client, path, body, tag, 0);
}

int
kl_client_post_by(struct kl_client *client, const char *path, char *body,
    void *tag, int64_t send_by)
{
	return kl_client_send(client, &(struct kl_request){.method = "POST",
	                                  .path = path,
	                                  .body = body,
	                                  .tag = tag,
	                                  .send_by = send_by});
}

/* Takes a request from the busy to the idle. */
static void
put_back(struct kl_client *client, struct kl_transfer *transfer)
{
	struct kl_transfer **at = &client->busy;

	while (*at != transfer)
		at = &(*at)->next;
	*at = transfer->next;
	client->nbusy--;
	transfer->next = client->idle;
	client->idle = transfer;
	curl_multi_remove_handle(client->multi, transfer->easy);
	body_free(transfer->body, transfer->secret);
	transfer->body = NULL;
}

int
kl_client_busy(const struct kl_client *client)
{
	return client->nbusy;
}

int
kl_client_next(struct kl_client *client, int timeout_ms, void **tag,
    struct kl_answer *answer)
{
	int64_t until = kl_monotonic_ms() + timeout_ms, left;
	struct kl_transfer *transfer;
	int running, waiting;
	CURLMsg *message;

	for (;;) {
		while (
		    (message = curl_multi_info_read(client->multi, &waiting))) {
			if (message->msg != CURLMSG_DONE)
				continue;
			curl_easy_getinfo(message->easy_handle,
			    CURLINFO_PRIVATE, (char **)&transfer);
			kl_transfer_end(transfer, message->data.result, answer);
			*tag = transfer->tag;
			put_back(client, transfer);
			return 1;
		}
		if (curl_multi_perform(client->multi, &running))
			return kl_fail("libcurl cannot go on");
		if (running < kl_client_busy(client))
			continue; /* one has just finished */
		if ((left = until - kl_monotonic_ms()) <= 0)
			return 0;
		if (curl_multi_poll(client->multi, NULL, 0, (int)left, NULL))
			return kl_fail("libcurl cannot wait");
	}
}

void
kl_client_drop(struct kl_client *client)
{
	while (client->busy)
		put_back(client, client->busy);
}
