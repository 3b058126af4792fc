/*
 * api.h - requests to Klaviyo's API: the client, its answers, what they mean,
 * and how soon the next may go.
 */
#ifndef KLAVIYO_API_H
#define KLAVIYO_API_H

#include "internal.h"

/* ----------------------------------------------------------------- judge.c */
/* The README's table of answers as one pure function. */

enum kl_verdict {
	KL_V_SENT,      /* 2xx and the transfer complete */
	KL_V_RETRY,     /* 408, 425, 5xx, broken transfer: outcome unknown */
	KL_V_DEAD_NET,  /* could not connect: the pass ends */
	KL_V_UNSENT,    /* kl_client_post_by() held it back */
	KL_V_WAIT,      /* 429: everything waits */
	KL_V_PAUSE,     /* nothing is wrong with the event: queue pauses */
	KL_V_REFUSED,   /* 400 409 413 422 and other 4xx: the event's fault */
};
enum { KL_DATE = 48 };
struct kl_answer {
	int curl;            /* CURLcode of the transfer; 0 = complete */
	long status;         /* HTTP status; 0 = none came */
	int64_t retry_after; /* seconds from now, as the header says, 0 for a
	                        past date; -1 = no header, or garbage */
	int64_t limit, remaining, reset; /* RateLimit headers; -1 = none */
	char date[KL_DATE];  /* as it came; "" = not told */
	char request_id[KL_REQUEST_ID]; /* Klaviyo's name of it; "" = none */
	char *body;          /* NUL-terminated, capped; may be NULL */
	char error[256];     /* libcurl's words */
};
enum kl_verdict kl_judge(const struct kl_answer *answer);
/* What to tell the operator after KL_V_PAUSE, with what to do. */
void kl_pause_reason(const struct kl_answer *answer, char *text, size_t size);
/* The same of a request for which the key needs ${scope}. */
void kl_pause_reason_for(const struct kl_answer *answer, const char *scope,
    char *text, size_t size);

/* ----------------------------------------------------------------- words.c */

/* Klaviyo's words from an error body, or libcurl's, in one line, addresses
 * cut out; owned. */
char *kl_refusal_text(const struct kl_answer *answer);
/* The same, without what it quotes of the person's ${profile}. */
char *kl_refusal_about(const struct kl_answer *answer, const char *profile);
/* The same, and not a word of Klaviyo's if they quote ${secret}. */
char *kl_refusal_hiding(const struct kl_answer *answer, const char *profile,
    const char *secret);
/* A 404 that points into the request's body: the address is right, and a list
 * or an article that the row names is not there. */
bool kl_lacks_what_it_names(const struct kl_answer *answer);
/* A profile text without the field that the refusal points at ("email" or
 * "phone_number"), if another identifier is left; owned, else NULL. */
char *kl_repair(const struct kl_answer *answer, const char *profile);

/* ----------------------------------------------------------------- pacer.c */
/* Rate windows, Retry-After and backoff: pure state and a clock, no I/O. */

enum { KL_SLOTS = 200 }; /* what is lost of a window: one slot */
struct kl_window { /* no more than ${limit} in any KL_SLOTS slots */
	int limit, slot_ms;
	int64_t newest; /* the slot of the last look */
	int total, used[KL_SLOTS + 1];
};
struct kl_pacer {
	int burst, steady;             /* events a second, a minute, at most */
	struct kl_window second, minute;
	int64_t wait_until;            /* ms, monotonic: 429 */
	int stops;                     /* 429s in a row that named no time */
	int64_t remaining, reset_at;   /* RateLimit-Remaining, until -Reset */
	int in_flight;                 /* taken and not learned from */
};
void kl_pacer_init(struct kl_pacer *pacer, int burst, int steady);
/* 0: go now (and it is counted); else milliseconds to wait. */
int64_t kl_pacer_take(struct kl_pacer *pacer, int64_t now_ms);
/* The same, and nothing is counted. */
int64_t kl_pacer_wait(struct kl_pacer *pacer, int64_t now_ms);
/* How many may go within the minute; 0 while take would say "wait". */
int kl_pacer_room(struct kl_pacer *pacer, int64_t now_ms);
/* No answer comes to what is in flight. */
void kl_pacer_drop(struct kl_pacer *pacer, int64_t now_ms);
/* Learns from the answer to each take, whatever it was. */
void kl_pacer_learn(
    struct kl_pacer *pacer, const struct kl_answer *answer, int64_t now_ms);
/* A 429: everything waits for Retry-After, clamped to 1 s..1 h; if that is
 * missing or senseless (<= 0), for 1, 2, 4.. 64 s.  Returns the milliseconds
 * to wait. */
int64_t kl_pacer_stop(
    struct kl_pacer *pacer, int64_t retry_after_s, int64_t now_ms);
/* Seconds until attempt ${attempts}+1: full jitter, capped at 15 min;
 * ${random} is uniform in 32 bits. */
int64_t kl_backoff(int64_t attempts, uint32_t random);

/* ---------------------------------------------------------------- answer.c */

void kl_answer_clear(struct kl_answer *answer);
/* Klaviyo's clock; 0 = not told.  Asked for by few, and not cheap. */
int64_t kl_answer_date(const struct kl_answer *answer);
/* Takes note of one header line of ${n} bytes, if it is one of ours. */
void kl_answer_header(struct kl_answer *answer, const char *data, size_t n);

/* --------------------------------------------------------------- address.c */

/* The options with their defaults, checked but for api_url; -1 if one is wrong.
 * Strings stay borrowed. */
int kl_options(
    struct klaviyo_options *to, const struct klaviyo_options *from);
/* The API's address without a final slash, owned; NULL unless it is https, or
 * http to a loopback address. */
char *kl_address(const char *address, bool *loopback);
/* ${text} as a part of a query, percent-encoded; owned. */
char *kl_encode(const char *text);
int kl_check_key(const char *key);
int kl_check_revision(const char *revision);

/* ---------------------------------------------------------------- client.c */
/* libcurl multi: many requests in flight, kept connections. */

struct kl_client;
struct kl_client *kl_client_new(const struct klaviyo_options *options);
void kl_client_free(struct kl_client *client);
/* ${path} without the client's own address before it, if that is there; NULL
 * for an address elsewhere. */
const char *kl_client_path(const struct kl_client *client, const char *path);
enum { KL_REPLY = 65536 };
struct kl_request {
	const char *method; /* GET, POST or PATCH */
	const char *path;   /* encoded, "/api/.." */
	char *body;         /* taken; NULL of a GET */
	bool secret;        /* the body is wiped before it is freed */
	void *tag;          /* comes back with the answer */
	size_t cap;         /* bytes of body that are kept; 0 = KL_REPLY */
	int64_t send_by;    /* ms, monotonic: what has not gone out by then is
	                       not sent any more: CURLE_ABORTED_BY_CALLBACK;
	                       0 = never mind */
};
/* Starts a request.  Returns 0 or -1. */
int kl_client_send(struct kl_client *client, const struct kl_request *request);
/* The same for POST. */
int kl_client_post(
    struct kl_client *client, const char *path, char *body, void *tag);
int kl_client_post_by(struct kl_client *client, const char *path, char *body,
    void *tag, int64_t send_by);
int kl_client_busy(const struct kl_client *client); /* requests in flight */
/* Waits up to ${timeout_ms} for a finished request.  1: *${tag} and ${answer}
 * are set, the caller frees answer->body; 0: none yet; -1: failure. */
int kl_client_next(struct kl_client *client, int timeout_ms, void **tag,
    struct kl_answer *answer);
/* Breaks off the requests in flight; no answer comes for them. */
void kl_client_drop(struct kl_client *client);

#endif
