/*
 * sent_within_the_order.c - the wrong storefront that tells Klaviyo of an order
 * before it is committed.
 *
 * Replaces: klaviyo_queue_prepared
 *
 * In the order's transaction it queues the events and posts them at once; what
 * Klaviyo took counts as sent, the rest is the worker's.  A transaction that
 * does not come to its end has then been told of.
 */
#include "outbox.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__typeof__(klaviyo_queue_prepared) __real_klaviyo_queue_prepared,
    __wrap_klaviyo_queue_prepared;

static size_t
drop(char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return size * n;
}

/* Whether Klaviyo took it. */
static bool
post(const char *body)
{
	struct curl_slist *headers = NULL;
	CURL *curl = curl_easy_init();
	char url[256];
	long status = 0;

	snprintf(url, sizeof(url), "%s/api/events", getenv("KLAVIYO_API_URL"));
	headers =
	    curl_slist_append(headers, "Authorization: Klaviyo-API-Key x");
	headers = curl_slist_append(headers, "revision: " KLAVIYO_REVISION);
	headers = curl_slist_append(
	    headers, "Content-Type: application/vnd.api+json");
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 2000L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	if (curl_easy_perform(curl) == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return status == 202;
}

struct told {
	char *id[200];
	int n;
};

static int
tell(void *arg, int n, const char *const col[])
{
	struct told *told = arg;
	char *body = kl_event_body(col[1], col[2]);

	(void)n;
	if (body && told->n < 200 && post(body))
		told->id[told->n++] = strdup(col[0]);
	free(body);
	return 0;
}

int
__wrap_klaviyo_queue_prepared(const struct klaviyo_store *store,
    const struct klaviyo_prepared *prepared)
{
	struct told told = {.n = 0};
	const char *arg[1];
	int rc = __real_klaviyo_queue_prepared(store, prepared);

	for (size_t i = 0; rc == 0 && i < prepared->n; i++) {
		arg[0] = prepared->rows[i].id;
		store->sql(store->conn,
		    "SELECT id, profile, event FROM klaviyo_outbox"
		    " WHERE id = $1",
		    1, arg, tell, &told);
	}
	for (int i = 0; i < told.n; i++) {
		arg[0] = told.id[i];
		store->sql(store->conn,
		    "UPDATE klaviyo_outbox SET due_at = NULL, profile = '',"
		    " event = '', sent_at = created_at WHERE id = $1",
		    1, arg, NULL, NULL);
		free(told.id[i]);
	}
	return rc;
}
