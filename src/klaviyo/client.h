/*
 * client.h - what client.c and transfer.c share.  libcurl's types stay here: to
 * others a client is only named.
 */
#ifndef KLAVIYO_CLIENT_H
#define KLAVIYO_CLIENT_H

#include "api.h"

#include <curl/curl.h>

struct kl_transfer {
	CURL *easy;
	char *body;  /* what is sent; NULL of a GET, and of an idle one */
	bool secret; /* ${body} is wiped */
	void *tag;
	char *reply; /* what came, NUL-terminated */
	size_t length, room, cap, header_bytes;
	int64_t send_by; /* ms, monotonic */
	struct kl_answer answer;
	char error[CURL_ERROR_SIZE];
	struct kl_transfer *next; /* in the list of the idle or of the busy */
};

struct kl_client {
	CURLM *multi;
	char *base; /* the API's address, without a final slash */
	char *agent, *ca_file;
	struct curl_slist *headers; /* the first is of a body */
	struct kl_transfer *idle, *busy;
	bool loopback; /* plain http is allowed */
	int in_flight, made, nbusy, connect_timeout_ms, timeout_ms;
};

/* --------------------------------------------------------------- transfer.c */

/* An idle one, whose settings are the client's; NULL with the error set. */
struct kl_transfer *kl_transfer_new(const struct kl_client *client);
void kl_transfer_free(struct kl_transfer *transfer);
/* Readies an idle one for ${what}, which libcurl may then start: borrows its
 * body until it is idle again.  -1, the error not set. */
int kl_transfer_begin(const struct kl_client *client,
    struct kl_transfer *transfer, const char *url,
    const struct kl_request *what);
/* It ended with ${code}.  The caller frees answer->body. */
void kl_transfer_end(
    struct kl_transfer *transfer, CURLcode code, struct kl_answer *answer);

#endif
