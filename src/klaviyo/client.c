/*
 * client.c - requests to Klaviyo's API by libcurl: many of them in flight on a
 * pool of kept HTTP/1.1 connections.
 *
 * Promises: the private key goes to the address of the options and nowhere
 * else: https, or http to a loopback address; no redirect is followed, no
 * proxy and no .netrc of the environment is used, certificates are always
 * checked, nothing is logged, and the key is wiped at the end.  A request ends
 * within its timeout.  An answer is kept up to the request's cap of body (64
 * KiB for what is delivered) and 64 KiB of headers; more ends the transfer.  No
 * signal is raised or caught.
 *
 * Does not judge, retry or pace.
 */
#include "internal.h"

#include <curl/curl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request {
	CURL *easy;
	char *body;  /* what is sent; NULL of a GET, and of an idle one */
	bool secret; /* ${body} is wiped */
	void *tag;
	char *reply; /* what came, NUL-terminated */
	size_t length, room, cap, header_bytes;
	int64_t send_by; /* ms, monotonic */
	struct kl_answer answer;
	char error[CURL_ERROR_SIZE];
	struct request *next; /* in the list of the idle or of the busy */
};

struct kl_client {
	CURLM *multi;
	char *base; /* the API's address, without a final slash */
	char *agent, *ca_file;
	struct curl_slist *headers;
	struct request *idle, *busy;
	bool loopback; /* plain http is allowed */
	int in_flight, made, nbusy, connect_timeout_ms, timeout_ms;
};

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

static void
request_free(struct request *request)
{
	curl_easy_cleanup(request->easy);
	free(request->body);
	free(request->reply);
	free(request);
}

void
kl_client_free(struct kl_client *client)
{
	struct request *request;

	if (!client)
		return;
	kl_client_drop(client);
	while ((request = client->idle)) {
		client->idle = request->next;
		request_free(request);
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

/* ----------------------------------------------------------------- answers */

static size_t
take_body(char *data, size_t one, size_t n, void *arg)
{
	struct request *request = arg;
	char *grown;

	(void)one;
	if (request->length + n > request->cap)
		return 0; /* ends the transfer: CURLE_WRITE_ERROR */
	if (request->length + n >= request->room) {
		request->room = request->length + n + 1024 + request->length;
		if (!(grown = realloc(request->reply, request->room)))
			return 0;
		request->reply = grown;
	}
	memcpy(request->reply + request->length, data, n);
	request->length += n;
	request->reply[request->length] = '\0';
	return n;
}

static size_t
take_header(char *data, size_t one, size_t n, void *arg)
{
	struct request *request = arg;

	(void)one;
	request->header_bytes += n;
	if (request->header_bytes > KL_REPLY)
		return 0;
	kl_answer_header(&request->answer, data, n);
	return n;
}

/* ---------------------------------------------------------------- requests */

/* The last look before the request goes out: a process that was stopped since
   it decided to send may have been replaced meanwhile. */
static int
not_too_late(void *arg, char *ip, char *local_ip, int port, int local_port)
{
	const struct request *request = arg;

	(void)ip, (void)local_ip, (void)port, (void)local_port;
	return kl_monotonic_ms() > request->send_by ? CURL_PREREQFUNC_ABORT
	                                            : CURL_PREREQFUNC_OK;
}

#define SET(option, value)                                                     \
	(failed |= curl_easy_setopt(easy, option, value) != CURLE_OK)

/* What is the same for every request of the client. */
static int
set_up(struct kl_client *client, struct request *request)
{
	CURL *easy = request->easy;
	const char *protocols = client->loopback ? "https,http" : "https";
	bool failed = false;

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_ERRORBUFFER, request->error);
	SET(CURLOPT_PRIVATE, request);
	SET(CURLOPT_PROTOCOLS_STR, protocols);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (client->ca_file)
		SET(CURLOPT_CAINFO, client->ca_file);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_HTTP09_ALLOWED, 0L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_timeout_ms);
	SET(CURLOPT_TIMEOUT_MS, (long)client->timeout_ms);
	SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(CURLOPT_LOW_SPEED_TIME, (long)(client->timeout_ms + 999) / 1000);
	SET(CURLOPT_USERAGENT, client->agent);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, request);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, request);
	SET(CURLOPT_PREREQFUNCTION, not_too_late);
	SET(CURLOPT_PREREQDATA, request);
	return failed ? kl_fail("libcurl lacks an option that is needed") : 0;
}

static struct request *
idle_request(struct kl_client *client)
{
	struct request *request = client->idle;

	if (request || client->made >= client->in_flight) {
		if (!request)
			kl_fail("too many requests in flight");
		return request;
	}
	if (!(request = calloc(1, sizeof(*request)))) {
		kl_fail("out of memory");
		return NULL;
	}
	if (!(request->easy = curl_easy_init())) {
		kl_fail("libcurl cannot start");
		request_free(request);
		return NULL;
	}
	if (set_up(client, request)) {
		request_free(request);
		return NULL;
	}
	client->made++;
	client->idle = request;
	return request;
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

/* The method, the body and what goes with it. */
static int
set_method(struct kl_client *client, CURL *easy, const struct kl_request *what)
{
	bool failed = false, get = strcmp(what->method, "GET") == 0;

	SET(CURLOPT_CUSTOMREQUEST, NULL);
	if (get) {
		SET(CURLOPT_HTTPGET, 1L);
		SET(CURLOPT_HTTPHEADER, client->headers->next);
		return failed ? -1 : 0;
	}
	SET(CURLOPT_POST, 1L);
	if (strcmp(what->method, "POST") != 0)
		SET(CURLOPT_CUSTOMREQUEST, what->method);
	SET(CURLOPT_HTTPHEADER, client->headers);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(what->body));
	SET(CURLOPT_POSTFIELDS, what->body); /* not copied */
	return failed ? -1 : 0;
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
	struct request *request = NULL;
	char *url = NULL;
	bool failed = false;
	int result = -1;
	CURL *easy;

	if (!is_path(what->path) || !is_method(what)) {
		kl_fail("not a request: %s %s", what->method, what->path);
		goto out;
	}
	if (!(request = idle_request(client)))
		goto out;
	easy = request->easy;
	if (asprintf(&url, "%s%s", client->base, what->path) < 0) {
		url = NULL;
		kl_fail("out of memory");
		goto out;
	}
	SET(CURLOPT_URL, url);
	kl_answer_clear(&request->answer);
	request->length = request->header_bytes = 0;
	request->error[0] = '\0';
	if (failed || set_method(client, easy, what) ||
	    curl_multi_add_handle(client->multi, easy)) {
		kl_fail("libcurl cannot start a request");
		goto out;
	}
	request->body = what->body;
	request->secret = what->secret;
	request->tag = what->tag;
	request->cap = what->cap ? what->cap : KL_REPLY;
	request->send_by = what->send_by ? what->send_by : INT64_MAX;
	client->idle = request->next;
	request->next = client->busy;
	client->busy = request;
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
put_back(struct kl_client *client, struct request *request)
{
	struct request **at = &client->busy;

	while (*at != request)
		at = &(*at)->next;
	*at = request->next;
	client->nbusy--;
	request->next = client->idle;
	client->idle = request;
	curl_multi_remove_handle(client->multi, request->easy);
	body_free(request->body, request->secret);
	request->body = NULL;
}

static void
finish(struct kl_client *client, struct request *request, CURLcode code,
    void **tag, struct kl_answer *answer)
{
	curl_off_t ready = 0;

	curl_easy_getinfo(
	    request->easy, CURLINFO_RESPONSE_CODE, &request->answer.status);
	curl_easy_getinfo(request->easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
	/* A connection that never stood carried nothing. */
	if (code == CURLE_OPERATION_TIMEDOUT && !ready)
		code = CURLE_COULDNT_CONNECT;
	*answer = request->answer;
	answer->curl = (int)code; /* codes are below 200 */
	if (code != CURLE_OK)
		snprintf(answer->error, sizeof(answer->error), "%s",
		    *request->error ? request->error
		                    : curl_easy_strerror(code));
	answer->body = request->length ? request->reply : NULL;
	if (answer->body) {
		request->reply = NULL;
		request->room = 0;
	}
	*tag = request->tag;
	put_back(client, request);
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
	struct request *request;
	int running, waiting;
	CURLMsg *message;

	for (;;) {
		while (
		    (message = curl_multi_info_read(client->multi, &waiting))) {
			if (message->msg != CURLMSG_DONE)
				continue;
			curl_easy_getinfo(message->easy_handle,
			    CURLINFO_PRIVATE, (char **)&request);
			finish(
			    client, request, message->data.result, tag, answer);
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
