/*
 * judge.c - what an answer of Klaviyo means.
 *
 *   answer                                    verdict
 *   2xx, and the transfer complete            SENT
 *   no connection (name, TCP, TLS)            DEAD_NET
 *   broken transfer, timeout, no HTTP         RETRY    outcome unknown
 *   held back by the client, too late         UNSENT
 *   1xx as the last word, 408, 425, 5xx       RETRY
 *   429                                       WAIT
 *   3xx, 401, 403, 404, 405, 410, 415         PAUSE    not the event's fault
 *   400, 409, 413, 422, any other 4xx         REFUSED  the event's fault
 *
 * Promises: pure functions; every status and every outcome of libcurl has a
 * verdict; what is not known to be delivered is never SENT.  Nothing matches
 * on Klaviyo's prose, which may change any day.
 *
 * Does not decide what becomes of the event: see deliver.c.
 */
#include "api.h"

#include <curl/curl.h>
#include <stdio.h>

/* Nothing was sent, and the next event would meet the same.  Not among them:
   CURLE_UNSUPPORTED_PROTOCOL, which is also an answer that is no HTTP. */
static bool
no_connection(int curl)
{
	switch (curl) {
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_INTERFACE_FAILED:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_ENGINE_NOTFOUND:
	case CURLE_SSL_ENGINE_SETFAILED:
	case CURLE_SSL_ENGINE_INITFAILED:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_USE_SSL_FAILED:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CRL_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return true;
	default:
		return false;
	}
}

static enum kl_verdict
judge_status(long status)
{
	switch (status) {
	case 429:
		return KL_V_WAIT;
	case 408:
	case 425:
		return KL_V_RETRY;
	case 401:
	case 403:
	case 404:
	case 405:
	case 410:
	case 415:
		return KL_V_PAUSE;
	}
	switch (status / 100) {
	case 2:
		return KL_V_SENT;
	case 3:
		return KL_V_PAUSE;
	case 4:
		return KL_V_REFUSED;
	}
	return KL_V_RETRY; /* 1xx, 5xx, and what is no HTTP status */
}

enum kl_verdict
kl_judge(const struct kl_answer *answer)
{
	enum kl_verdict verdict = judge_status(answer->status);

	if (answer->curl == CURLE_OK)
		return verdict;
	if (no_connection(answer->curl))
		return KL_V_DEAD_NET;
	if (answer->curl == CURLE_ABORTED_BY_CALLBACK)
		return KL_V_UNSENT;
	/* The transfer broke after the status line.  A 2xx may or may not stand
	   for a stored event.  "Wait" and "not like this" stand without their
	   body; a refusal does when it was our own cap that cut a long body. */
	if (verdict == KL_V_WAIT || verdict == KL_V_PAUSE)
		return verdict;
	if (verdict == KL_V_REFUSED && answer->curl == CURLE_WRITE_ERROR)
		return verdict;
	return KL_V_RETRY;
}

void
kl_pause_reason_for(
    const struct kl_answer *answer, const char *scope, char *text, size_t size)
{
	if (answer->status == 401)
		snprintf(text, size,
		    "Klaviyo refuses the private key (HTTP 401): check "
		    "KLAVIYO_PRIVATE_KEY_FILE and the key's scope %s",
		    scope);
	else if (answer->status == 403)
		snprintf(text, size,
		    "the private key lacks a scope (HTTP 403): make a key at "
		    "Klaviyo with the scope %s",
		    scope);
	else
		kl_pause_reason(answer, text, size);
}

void
kl_pause_reason(const struct kl_answer *answer, char *text, size_t size)
{
	long status = answer->status;

	if (status == 401 || status == 403)
		snprintf(text, size,
		    "Klaviyo refuses the private key (HTTP %ld): check "
		    "KLAVIYO_PRIVATE_KEY_FILE and the key's scope events:write",
		    status);
	else if (status == 415)
		snprintf(text, size,
		    "Klaviyo refuses the media type (HTTP 415): check "
		    "KLAVIYO_REVISION");
	else if (status / 100 == 3)
		snprintf(text, size,
		    "Klaviyo answers with a redirect (HTTP %ld), which is "
		    "never "
		    "followed: check KLAVIYO_API_URL",
		    status);
	else
		snprintf(text, size,
		    "Klaviyo does not know the address or the revision (HTTP "
		    "%ld): check KLAVIYO_API_URL and KLAVIYO_REVISION",
		    status);
}
