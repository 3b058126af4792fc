/*
 * transfer.c - one request on a handle of libcurl, from its settings to its
 * answer.
 *
 * Promises: it goes by https, or by http to a loopback address; no redirect is
 * followed, no proxy and no .netrc of the environment is used, certificates are
 * always checked, nothing is logged.  It ends within its timeout, and does not
 * go out after its time.  An answer is kept up to the request's cap of body (64
 * KiB for what is delivered) and 64 KiB of headers; more ends the transfer.  No
 * signal is raised or caught.
 *
 * Does not start it, wait for it or say where it goes: client.c does.
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------- what libcurl calls */

static size_t
take_body(char *data, size_t one, size_t n, void *arg)
{
	struct kl_transfer *transfer = arg;
	char *grown;

	(void)one;
	if (transfer->length + n > transfer->cap)
		return 0; /* ends the transfer: CURLE_WRITE_ERROR */
	if (transfer->length + n >= transfer->room) {
		transfer->room = transfer->length + n + 512 + transfer->length;
		if (!(grown = realloc(transfer->reply, transfer->room)))
			return 0;
		transfer->reply = grown;
	}
	memcpy(transfer->reply + transfer->length, data, n);
	transfer->length += n;
	transfer->reply[transfer->length] = '\0';
	return n;
}

static size_t
take_header(char *data, size_t one, size_t n, void *arg)
{
	struct kl_transfer *transfer = arg;

	(void)one;
	transfer->header_bytes += n;
	if (transfer->header_bytes > KL_REPLY)
		return 0;
	kl_answer_header(&transfer->answer, data, n);
	return n;
}

/* The last look before the request goes out: a process that was stopped since
   it decided to send may have been replaced meanwhile. */
static int
not_too_late(void *arg, char *ip, char *local_ip, int port, int local_port)
{
	const struct kl_transfer *transfer = arg;

	(void)ip, (void)local_ip, (void)port, (void)local_port;
	return kl_monotonic_ms() > transfer->send_by ? CURL_PREREQFUNC_ABORT
	                                             : CURL_PREREQFUNC_OK;
}

/* ---------------------------------------------------------- a handle's life */

#define SET(option, value)                                                     \
	(failed |= curl_easy_setopt(easy, option, value) != CURLE_OK)

/* What is the same for every request of the client. */
static int
set_up(const struct kl_client *client, struct kl_transfer *transfer)
{
	CURL *easy = transfer->easy;
	const char *protocols = client->loopback ? "https,http" : "https";
	bool failed = false;

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_ERRORBUFFER, transfer->error);
	SET(CURLOPT_PRIVATE, transfer);
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
	/* libcurl allocates both for each request.  Of its own sizes, 16 and 64
	   KiB, they take longer than all else that it allocates.  Most answers
	   have some hundred bytes; what is large comes and goes in more
	   pieces. */
	SET(CURLOPT_BUFFERSIZE, 1024L);
	SET(CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_timeout_ms);
	SET(CURLOPT_TIMEOUT_MS, (long)client->timeout_ms);
	SET(CURLOPT_USERAGENT, client->agent);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, transfer);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, transfer);
	SET(CURLOPT_PREREQFUNCTION, not_too_late);
	SET(CURLOPT_PREREQDATA, transfer);
	return failed ? kl_fail("libcurl lacks an option that is needed") : 0;
}

void
kl_transfer_free(struct kl_transfer *transfer)
{
	curl_easy_cleanup(transfer->easy);
	free(transfer->body);
	free(transfer->reply);
	free(transfer);
}

struct kl_transfer *
kl_transfer_new(const struct kl_client *client)
{
	struct kl_transfer *transfer = calloc(1, sizeof(*transfer));

	if (!transfer) {
		kl_fail("out of memory");
		return NULL;
	}
	if (!(transfer->easy = curl_easy_init())) {
		kl_fail("libcurl cannot start");
		kl_transfer_free(transfer);
		return NULL;
	}
	if (set_up(client, transfer)) {
		kl_transfer_free(transfer);
		return NULL;
	}
	return transfer;
}

/* -------------------------------------------------------------- one request */

/* The method, the body and what goes with it. */
static int
set_method(
    const struct kl_client *client, CURL *easy, const struct kl_request *what)
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

int
kl_transfer_begin(const struct kl_client *client, struct kl_transfer *transfer,
    const char *url, const struct kl_request *what)
{
	CURL *easy = transfer->easy;
	bool failed = false;

	SET(CURLOPT_URL, url);
	kl_answer_clear(&transfer->answer);
	transfer->length = transfer->header_bytes = 0;
	transfer->error[0] = '\0';
	if (failed || set_method(client, easy, what))
		return -1;
	transfer->cap = what->cap ? what->cap : KL_REPLY;
	transfer->send_by = what->send_by ? what->send_by : INT64_MAX;
	return 0;
}

void
kl_transfer_end(
    struct kl_transfer *transfer, CURLcode code, struct kl_answer *answer)
{
	curl_off_t ready = 0;

	curl_easy_getinfo(
	    transfer->easy, CURLINFO_RESPONSE_CODE, &transfer->answer.status);
	curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
	/* A connection that never stood carried nothing. */
	if (code == CURLE_OPERATION_TIMEDOUT && !ready)
		code = CURLE_COULDNT_CONNECT;
	*answer = transfer->answer;
	answer->curl = (int)code; /* codes are below 200 */
	if (code != CURLE_OK)
		snprintf(answer->error, sizeof(answer->error), "%s",
		    *transfer->error ? transfer->error
		                     : curl_easy_strerror(code));
	answer->body = transfer->length ? transfer->reply : NULL;
	if (answer->body) {
		transfer->reply = NULL;
		transfer->room = 0;
	}
}
