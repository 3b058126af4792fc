/*
 * internal.h - what the files of libklaviyo say to each other.
 *
 * Nothing here is exported: the shared library hides every symbol that is not
 * KLAVIYO_API.
 */
#ifndef KLAVIYO_INTERNAL_H
#define KLAVIYO_INTERNAL_H

#include "klaviyo.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* -------------------------------------------------------- text.c (errors, text) */

/* Sets the thread's error text; returns -1 so that a caller can return it. */
int kl_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The error is the store's and may pass; returns -1. */
int kl_store_failed(void);
/* Valid UTF-8 without NUL, surrogates and overlong forms. */
bool kl_utf8_ok(const char *text);
/* The thread's clock: Unix seconds, and a monotonic clock in milliseconds. */
int64_t kl_now(void);
int64_t kl_monotonic_ms(void);

/* strdup() that sets the error. */
char *kl_copy(const char *text);
/* Concatenates ${n} texts; owned. */
char *kl_join(const char *const part[], size_t n);

/* ----------------------------------------------------------------- money.c */

/* An amount with ${exponent} decimals (0 makes an integer), at the end of
 * ${text}; at least one digit before the point. */
enum { KL_DECIMAL = 32 };
const char *kl_decimal(char text[KL_DECIMAL], int64_t amount, int exponent);
/* klaviyo_exponent(), with the error set if it is -1. */
int kl_currency(const char *currency);
/* Line total; -1 when it is beyond int64_t. */
int kl_money_times(int64_t price, int quantity, int64_t *product);

/* ------------------------------------------------------------------ json.c */
/* JSON that others wrote, read strictly.  ${depth} is how many levels may be
 * nested; ${what} opens the error text. */

/* 0 if ${text} is JSON (RFC 8259) in UTF-8, without \u0000. */
int kl_json_check(const char *text, int depth, const char *what);
/* A tree whose numbers print digit by digit as they were read: they are of
 * type cJSON_Raw, with valuedouble set.  NULL with the error set. */
cJSON *kl_json_read(const char *text, int depth, const char *what);
/* The compact text of a tree, for free(); NULL with the error set. */
char *kl_json_text(const cJSON *tree);

/* ----------------------------------------------------------------- build.c */
/* Each adds one member to an object, or nothing for "", 0 or an empty group;
 * false only on failure, with the error set.  A cJSON argument is taken
 * whatever happens; NULL stands for one whose making failed. */
bool kl_put(cJSON *to, const char *name, cJSON *value);
bool kl_put_text(cJSON *to, const char *name, const char *text);
bool kl_put_money(
    cJSON *to, const char *name, int64_t amount, const char *currency);
bool kl_put_group(cJSON *to, const char *name, cJSON *group);
cJSON *kl_object(void);
/* ${group} if it is ${filled}; else drops it and returns NULL. */
cJSON *kl_group(cJSON *group, bool filled);

/* ---------------------------------------------------------------- limits.c */

enum { KL_DEPTH = 10 }; /* Klaviyo's levels of nesting */
/* Whether all strings and names are UTF-8 and within Klaviyo's limits; the
 * error names the path of the field, which begins with ${root}. */
int kl_check(const cJSON *value, const char *root);
/* The same for an event's properties, which are also counted. */
int kl_check_properties(const cJSON *properties, const char *root);
/* Whether a text is there, UTF-8 and of at most ${most} bytes. */
int kl_check_length(const char *text, size_t most, const char *field);

/* ------------------------------------------------------- snippet.c (escaper) */

/* Escapes <, >, &, U+2028 and U+2029 of a finished JSON text. */
char *kl_script_safe(const char *json);

/* ------------------------------------------------------------ properties.c */
/* The one place where Klaviyo's property names are spelled.  Each returns a
 * new cJSON object, or NULL with the error set. */

cJSON *kl_viewed_product_properties(
    const struct klaviyo_item *item, const char *currency);
cJSON *kl_viewed_item_properties(
    const struct klaviyo_item *item, const char *currency);
cJSON *kl_added_to_cart_properties(
    const struct klaviyo_cart *cart, size_t added, int quantity);
cJSON *kl_started_checkout_properties(const struct klaviyo_cart *cart);
cJSON *kl_order_properties(const struct klaviyo_order *order);
cJSON *kl_ordered_product_properties(
    const struct klaviyo_order *order, size_t line);
/* Whether the parts of a change are the order's. */
int kl_change_check(
    const struct klaviyo_order *order, const struct klaviyo_change *change);
int kl_change_value(const struct klaviyo_order *order,
    const struct klaviyo_change *change, int64_t *value);
/* Of Updated Account; of Created Account, without type and updated. */
cJSON *kl_updated_properties(
    const char *type, const struct klaviyo_updated *updated, size_t n);
cJSON *kl_became_lead_properties(const struct klaviyo_lead *lead);
cJSON *kl_new_lead_properties(const struct klaviyo_lead *lead);
/* The prospect's own properties, as JSON, with where they come from; owned. */
char *kl_lead_source(const struct klaviyo_lead *lead);
/* Takes out of a snippet's properties what is no property of a server event:
 * the id, *${id} (NULL if it has none), the value and its currency. */
int kl_take_event_id(cJSON *properties, char **id);
/* Of Reset Password: the link, which must be there. */
cJSON *kl_reset_properties(const char *link);
cJSON *kl_change_properties(enum klaviyo_metric metric,
    const struct klaviyo_order *order, const struct klaviyo_change *change);

/* The unique_id of an event that Klaviyo holds, from its properties; or NULL. */
const char *kl_held_id(const cJSON *properties);

/* --------------------------------------------------------------- profile.c */

/* For klaviyo.identify(). */
cJSON *kl_identify_properties(const struct klaviyo_profile *profile);
/* The profile as server events carry it: {"type":"profile",("id",)
 * "attributes":{..}}. */
cJSON *kl_profile_data(const struct klaviyo_profile *profile);
/* The same of finished ${attributes}, which are taken. */
cJSON *kl_person(cJSON *attributes);
/* Whether it is there and can be sent. */
bool kl_email_ok(const char *email);

/* ----------------------------------------------------------------- event.c */

/* One event, or another row, ready to be queued: texts frozen, owned. */
struct kl_event {
	const char *kind; /* KL_KIND_.., borrowed; NULL = an event */
	char *id;      /* "Metric/unique_id" */
	char *profile; /* JSON of data.attributes.profile.data */
	char *event;   /* JSON object: the other members of data.attributes;
	                  of other kinds, see request.c */
	char *email;   /* the person's, in small letters; NULL = none */
	char *about;   /* column about; NULL = nothing */
	int64_t due;   /* 0 = at once */
};
/* Builds and checks one event; takes ${properties} (may be NULL) whatever
 * happens.  On failure ${event} is empty.  Returns 0 or -1. */
int kl_event_make(struct kl_event *event, const char *metric,
    const char *unique_id, int64_t time, const struct klaviyo_profile *profile,
    int64_t value, const char *currency, cJSON *properties,
    enum klaviyo_lane lane, int64_t now);
/* The same, about the person of ${first}. */
int kl_event_make_like(struct kl_event *event, const struct kl_event *first,
    const char *metric, const char *unique_id, int64_t time, int64_t value,
    const char *currency, cJSON *properties, enum klaviyo_lane lane,
    int64_t now);
/* The same for a row of another ${kind}, "${name}/${id}", of the texts of
 * ${profile} and ${data}, both taken; NULL stands for one whose making failed. */
int kl_row_make(struct kl_event *row, const char *kind, const char *name,
    const char *id, cJSON *profile, cJSON *data, const char *email);
void kl_event_free(struct kl_event *event);
/* Joins the two stored texts into the body of POST /api/events, unparsed. */
char *kl_event_body(const char *profile, const char *event);

/* --------------------------------------------------------------- request.c */
/* What goes to Klaviyo, made of the two stored texts of a row; owned, NULL with
 * the error set. */

/* What a row is: column kind. */
#define KL_KIND_EVENT "event"
#define KL_KIND_RESET "reset" /* an event that lacks its link */
#define KL_KIND_EMAIL "email" /* Updated Email: find a profile, patch it */
#define KL_KIND_SUBSCRIPTION "subscription"
#define KL_KIND_UNSUBSCRIPTION "unsubscription"
#define KL_KIND_BACK_IN_STOCK "back-in-stock"

/* The body of a row of any kind but "email"; of "reset" make an event first,
 * by the next function, whose body is that of kind "event". */
char *kl_row_body(const char *kind, const char *profile, const char *event);
/* A reset's ${event} with its link in the properties. */
char *kl_event_with_link(const char *event, const char *link);
/* The old address of a row of kind "email". */
int kl_email_row(const char *profile, const char *event, char **old_email);
/* The body of PATCH /api/profiles/ID that gives the new one. */
char *kl_email_body(const char *event, const char *profile_id);

/* ----------------------------------------------------------------- kinds.c */

/* The column lane of a row of ${kind}, NULL for an event: those that are no
 * events have a lane of their own, so that neither waits behind the other. */
int kl_lane(const char *kind, enum klaviyo_lane lane);

/* ---------------------------------------------------------------- outbox.c */

enum {
	/* Further ahead than these is what no sender ever writes: such a time
	   comes from a clock that was set back, and counts as now. */
	KL_DUE_MAX = 3660,  /* a backoff or Retry-After of an hour, and skew */
	KL_LEASE_MAX = 300, /* a lease, and skew between hosts */
};

/* Runs in the host's transaction; an id that is there already is a no-op. */
int kl_outbox_add(const struct klaviyo_store *store,
    const struct kl_event *event, enum klaviyo_lane lane, int64_t now);
/* The same; it waits for the row ${held_by}, unless that is NULL. */
int kl_outbox_add_held(const struct klaviyo_store *store,
    const struct kl_event *event, const char *held_by, enum klaviyo_lane lane,
    int64_t now);

enum {
	KL_ANY_LANE = -1, /* of events */
	/* In the table, of what is no event; to the host it is real time. */
	KL_LANE_OTHERS = 2,
	/* Characters of profiles and events that one claim takes at most, or one
	   event: what a claim costs in memory. */
	KL_CLAIM_SIZE = 4400000,
};
enum { KL_REQUEST_ID = 48 }; /* of Klaviyo's name of a request, and more */
/* A claimed row; owned texts. */
struct kl_claim {
	char *id, *kind, *profile, *event;
	char *origin; /* or NULL */
	int lane, attempts;
	int64_t created_at;
	int64_t send_by; /* ms, monotonic: deliver.c's */
	struct kl_claim *next;
};
/* Claims up to ${max} due rows of ${lane} until ${lease_end} under ${token}, in
 * order of lane, due time and age; counts the attempt before anything is sent.
 * Own transaction. */
int kl_outbox_claim(const struct klaviyo_store *store, const char *token,
    int lane, int max, int64_t now, int64_t lease_end, struct kl_claim **list);
void kl_claims_free(struct kl_claim *list);
/* How a claim ended: what deliver.c decided. */
enum kl_outcome {
	KL_SENT,    /* finished; texts emptied */
	KL_RETRY,   /* due again at due_at, attempt counted */
	KL_DEAD,    /* finished, refused; texts kept */
	KL_RELEASE, /* due again at due_at, attempt given back; no error text
	               leaves the former one */
	KL_DROP,    /* finished, not to be sent any more; texts emptied */
};
struct kl_settlement {
	struct kl_claim *claim;
	enum kl_outcome outcome;
	int64_t due_at;
	char *error;          /* owned; NULL = none */
	char *profile;        /* owned; KL_RETRY: a repaired profile, or NULL */
	/* Of the answer, for the host; 0 and "" where there was none. */
	int status, together;
	char request_id[KL_REQUEST_ID];
};
/* Settles ${n} claims in one transaction; a row whose token is not ${token}
 * any more is left alone.  Returns the number of rows settled or -1. */
int64_t kl_outbox_settle(const struct klaviyo_store *store, const char *token,
    const struct kl_settlement *settlement, size_t n, int64_t now);
/* The same in the caller's transaction, which a -1 undoes. */
int64_t kl_outbox_settle_within(const struct klaviyo_store *store,
    const char *token, const struct kl_settlement *settlement, size_t n,
    int64_t now);
/* Both in one transaction, so with one sync: settles ${ndone} claims, then
 * claims as kl_outbox_claim() does.  -1: neither. */
int kl_outbox_turn(const struct klaviyo_store *store, const char *token,
    const struct kl_settlement *done, size_t ndone, int lane, int max,
    int64_t now, int64_t lease_end, struct kl_claim **list);

/* Frees what a former sender had claimed: due at ${now}, attempts counted, its
 * token gone.  In the caller's transaction.  Returns how many, or -1. */
int64_t kl_outbox_free(const struct klaviyo_store *store, int64_t now);

/* ----------------------------------------------------------------- queue.c */

enum kl_worth { KL_WORTH_PAST, KL_WORTH_LOW, KL_WORTH_PLAIN, KL_WORTH_ORDER };
/* All of ${n} rows or none, in the host's transaction.  1: the queue is full
 * for what is of ${worth}, and none is queued. */
int kl_queue(const struct klaviyo_store *store, const struct kl_event *rows,
    size_t n, enum kl_worth worth, enum klaviyo_lane lane, int64_t now);
/* One of them, which is freed. */
int kl_queue_one(const struct klaviyo_store *store, struct kl_event *row,
    enum kl_worth worth, enum klaviyo_lane lane, int64_t now);
/* Rows that are made, and not queued yet. */
struct klaviyo_prepared {
	enum klaviyo_lane lane;
	int64_t now;
	size_t n;
	struct kl_event rows[];
};

/* ------------------------------------------------------------------ hold.c */

enum { KL_HOLD = 900 }; /* seconds that a row is held at most */
#define KL_ABOUT_EMAIL "email:"
#define KL_ABOUT_CART "cart:"
/* Column about; owned. */
char *kl_about(const char *what, const char *id);
/* A copy with A-Z in small letters. */
char *kl_lower(const char *text);
/* The unsent row that gives somebody the address ${email}, which is in small
 * letters: *${id}, owned, NULL if there is none.  0 or -1. */
int kl_hold_find(
    const struct klaviyo_store *store, const char *email, char **id);
/* Makes due what the row ${id} held, if that has ended.  In the caller's
 * transaction.  Returns how many, or -1. */
int64_t kl_hold_release(
    const struct klaviyo_store *store, const char *id, int64_t now);

/* ---------------------------------------------------------------- status.c */

/* How many rows of ${lane} are due, counted up to ${max}; -1 on failure. */
int64_t kl_outbox_due(
    const struct klaviyo_store *store, int lane, int max, int64_t now);

/* ---------------------------------------------------------------- sender.c */

enum { KL_RENEWALS = 6 }; /* heartbeats within one lease */
struct kl_lease {
	char token[33], name[96], process[256];
	int seconds, name_length; /* of it, without the pid */
	long pid;
	bool held;
	bool orphans; /* a pass failed and left claims: the next renewal frees
	                 them */
	int64_t renewed_ms; /* monotonic */
};
/* ${name} NULL: the host's. */
int kl_lease_init(struct kl_lease *lease, const char *name, int seconds);
/* Takes or renews the lease, if there is a need to.  1: it is ours; 0: it is
 * another's, ${other} says whose; -1: the store failed.  Own transaction. */
int kl_lease_hold(const struct klaviyo_store *store, struct kl_lease *lease,
    int64_t now, char *other, size_t size);
int kl_lease_leave(const struct klaviyo_store *store, struct kl_lease *lease);

/* The sender's row: what outlives a process. */
struct kl_sender {
	int64_t paused_until; /* 0 = not paused */
	int refused_run;      /* refusals in a row */
	char reason[256];
	int64_t last_sent;    /* written by kl_outbox_settle() */
};
/* Seconds that a pause lasts from ${now}; 0 = none, or over. */
int64_t kl_pause_left(int64_t until, int64_t now);
int kl_sender_load(const struct klaviyo_store *store, struct kl_sender *sender);
int kl_sender_save(
    const struct klaviyo_store *store, const struct kl_sender *sender);

/* ---------------------------------------------------------------- retain.c */

/* What an event is worth when the queue is full: properties.c's table. */
enum kl_worth kl_metric_worth(const char *metric);
/* 1: there is room for one of ${worth}; 0: there is none, which is counted; -1
 * on failure.  In the host's transaction. */
int kl_bound_room(const struct klaviyo_store *store, enum kl_worth worth);
/* Counts what is unsent, if the queue was full at the last look, or
 * ${always}.  In the caller's transaction. */
int kl_bound_look(const struct klaviyo_store *store, bool always);

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
