/*
 * sandbox.h - what the files of klaviyo-sandbox say to each other.
 *
 * klaviyo-sandbox stands in for Klaviyo on one machine: it takes the requests
 * that Klaviyo takes, refuses what Klaviyo refuses, and shows what arrived. It
 * shares no code with the library or the storefront, whose requests it judges.
 *
 * A request travels: server.c (HTTP) -> fault.c (is it to fail?) ->
 * endpoints.c (key, revision, rate, shape) -> the file that serves it, such as
 * events.c or people.c -> log.c (what the live page shows) -> record.c (what
 * --record keeps) -> answer.
 *
 * Everything between state_lock() and state_unlock() (log.c) is one critical
 * section: people, events, held, stock, catalog, guide, windows and log hold
 * plain static state.
 * A stand-in that runs out of memory says so and ends (xalloc).
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define PRINTF(a, b) __attribute__((format(printf, a, b)))

/* text.c: growing text, memory, time */

struct buf {
	char *p; /* NUL-terminated once something was added */
	size_t n, cap;
};

void *xalloc(size_t size); /* zeroed; never NULL */
void *xrealloc(void *p, size_t size);
char *xdup(const char *s, size_t n);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF(2, 0);
void buf_json(struct buf *b, const char *s, size_t n); /* "quoted" */
void buf_time(struct buf *b, int64_t ms);              /* ISO 8601, Z */
void buf_member(struct buf *b, const char *key);       /* ,"key": */
void buf_free(struct buf *b);
void make_id(char out[27]); /* as Klaviyo's: 10 of time, 16 of chance */
int64_t wall_ms(void);
int64_t monotonic_ms(void);

/* ids.c: lists of ids: "a","b"; NULL is the empty one */

void ids_add(char **list, const char *id);
int ids_drop(char **list, const char *id); /* whether it was there */
int ids_have(const char *list, const char *id);

/* map.c: 128-bit hash of a text -> number; keys are never removed */

struct map {
	struct map_slot *slots;
	size_t cap, used;
};
/* Where the key's value is kept; made with value 0 when it was not there. */
uint32_t *map_at(struct map *m, const void *key, size_t n);
uint32_t map_get(const struct map *m, const void *key, size_t n);
void map_clear(struct map *m);

/* json.c: strict JSON, with every value's own text kept */

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};
struct json {
	enum json_type type;
	const char *src; /* the value's text, without white space */
	size_t len;
	const char *key; /* member name, decoded; NULL outside objects */
	const char *str; /* string value, decoded, NUL-terminated */
	size_t size;     /* bytes in str, or number of children */
	struct json *child, *next;
};
struct json_doc;
/* Returns NULL and a reason when the text is not JSON; copies the text. */
struct json_doc *json_parse(const char *text, size_t n, const char **reason);
const struct json *json_root(const struct json_doc *doc);
void json_free(struct json_doc *doc);
const struct json *json_get(const struct json *object, const char *key);
/* json_path(v, "data", "attributes", NULL) */
const struct json *json_path(const struct json *v, ...)
    __attribute__((sentinel));
const char *json_text(const struct json *object, const char *key);
void json_copy(struct buf *b, const struct json *v);

/* schema.c, rules.c: the shape of a body; the rest is in schema.h */

struct field;
struct report {     /* why a request is refused */
	int status; /* of the first error; 0 = none */
	int count;
	struct buf errors; /* JSON:API error objects, comma-separated */
};
/* ${source} is a JSON pointer, or the name of a query parameter. */
void report_error(struct report *r, int status, const char *code,
    const char *title, const char *source, const char *meta,
    const char *detail);

int email_ok(const char *s);
int phone_ok(const char *s);
int email_dropped(const char *email); /* Klaviyo drops these silently */
/* Seconds, or -1; *zone is 0 when the text names none. */
int64_t time_parse(const char *s, int *zone);

/* windows.c: rate limits */

enum tier { TIER_NONE, TIER_XS, TIER_M, TIER_L, TIER_XL, TIER_FORM, TIERS };
enum { WINDOWS = 64 }; /* endpoints at most */
struct rate {
	int limited;     /* answer 429 */
	int retry_after; /* whole seconds */
	int limit, remaining, reset;
};
void windows_init(int on, double clock_rate);
struct rate windows_take(int endpoint, enum tier tier);
void windows_json(struct buf *b, int endpoint, enum tier tier);
void windows_clear(void);

/* fault.c: answers that go wrong on purpose */

enum fault_kind {
	F_NONE,
	F_STATUS,    /* an error answer of .number */
	F_RESET,     /* connection reset */
	F_HANG,      /* no answer for .number ms, then reset */
	F_SLOW,      /* the right answer, after .number ms */
	F_TRUNCATED, /* half an answer: header or body */
	F_DOWN       /* the port closed for .number ms */
};
struct fault {
	enum fault_kind kind;
	int number;
	int processed; /* record+..: Klaviyo keeps the event all the same */
	char text[64]; /* Retry-After, or "body" */
	char name[80]; /* as it was written */
};
extern const char fault_help[];
void fault_seed(uint64_t seed);
uint64_t fault_seed_used(void);
/* Replaces (or adds to) the rules; -1 and a reason when SPEC is wrong. */
int fault_set(const char *spec, int add, char *why, size_t whylen);
struct fault fault_next(const char *path);
void fault_json(struct buf *b); /* the rules, as text */

/* people.c: profiles */

enum { NOBODY = 0 };
enum identity { /* in order of precedence */
	ID_ID,
	ID_EXTERNAL,
	ID_EMAIL,
	ID_PHONE,
	ID_KX, /* the browser's $exchange_id: stands for a profile */
	ID_ANONYMOUS,
	IDENTITIES
};
extern const char *const identity_names[IDENTITIES];
enum consented { NEVER, SUBSCRIBED, UNSUBSCRIBED };
enum channel { /* what a consent is for */
	EMAIL_MARKETING,
	EMAIL_OPEN_TRACKING,
	SMS_MARKETING,
	SMS_TRANSACTIONAL,
	WHATSAPP_MARKETING,
	WHATSAPP_TRANSACTIONAL,
	WHATSAPP_CONVERSATIONAL,
	PUSH_MARKETING,
	CHANNELS
};
struct consents { /* subscriptions.c */
	struct {
		enum consented state;
		int64_t at, updated; /* ms */
		uint64_t turn;       /* which word it was of all */
		char *source;        /* or NULL */
	} of[CHANNELS];
	char *lists; /* "id","id" */
	char *off;   /* lists the person has left: "id","id" */
};
struct person {
	char id[27];
	uint32_t merged_into; /* 0 = this one lives */
	uint32_t events;
	int64_t created, updated;  /* ms */
	char *own[IDENTITIES];     /* identifiers; the newest of each kind */
	char *attributes;          /* the others, as JSON object text */
	char *merged;              /* ids it took in: "id","id" */
	struct consents *consents; /* NULL: none was ever given or taken */
};
struct given { /* identifiers of one request; NULL = not given */
	const char *id[IDENTITIES];
};
struct given people_given(const struct json *profile_data);
uint32_t people_find(enum identity kind, const char *value);
/* The person meant, made if new; remarks (JSON strings) are added. */
uint32_t people_meet(const struct given *g, const char *new_id, int may_change,
    struct buf *remarks);
void people_merge_attributes(uint32_t who, const struct json *attributes,
    const struct json *meta, int may_change);
void people_merge(uint32_t into, uint32_t who); /* who is no more */
struct person *people_at(uint32_t who);         /* follows merges */
uint32_t people_final(uint32_t who);            /* the same, as a number */
uint32_t people_count(void);
void people_clear(void);

/* people_json.c */

void people_resource(struct buf *b, uint32_t who, int consents); /* JSON:API */
void people_all_json(struct buf *b);
const char *people_name(uint32_t who); /* for people to read */

/* merge.c: attributes over attributes; the result is the caller's to free */

char *merge_attributes(
    const char *old, const struct json *attributes, const struct json *meta);

/* events.c: what becomes of an event */

enum outcome {
	ACCEPTED,
	DUPLICATE,
	DROPPED,
	REFUSED,
	FAULTED,
	PROFILE, /* a call that made or changed a profile */
	CONSENT, /* .. somebody's consent */
	STOCK,   /* .. that waits for an article */
	CATALOG, /* .. the catalogue */
	OUTCOMES
};
extern const char *const outcome_names[OUTCOMES];
struct arrival {                             /* the request that brought it */
	const char *method, *path, *headers; /* headers: JSON object text */
	int browser;
	int status;
	int64_t received;   /* ms */
	const char *fault;  /* or NULL */
	const char *request_id; /* what the answer calls it */
	const char *new_id; /* replay: the profile's id then */
};
enum outcome events_take(const struct arrival *a, const struct json *attributes,
    const struct json *profile, int backfill);
void events_profile(
    const struct arrival *a, const struct json *data, uint32_t who);
void events_merge(const struct arrival *a, uint32_t into, uint32_t who);
void events_refused(const struct arrival *a, enum outcome outcome,
    const char *errors, const char *body, size_t n, const struct json *root);
/* The members that every entry begins with. */
void events_head(struct buf *b, const struct arrival *a, const char *kind);
int events_repeat(const struct json *groups, char *pointer, size_t n);
void events_clear(void);

/* held.c: the accepted events and their metrics, for GET /api/events */

struct held_event {
	const char *metric, *unique_id;
	uint32_t who;
	int64_t at, received;          /* s, ms */
	const struct json *attributes; /* as they came */
};
int held_open(void);
void held_add(const struct held_event *e);
void held_clear(void);
void held_metric_id(char out[7], const char *metric);

/* subscriptions.c: consent */

void consent_take(const struct arrival *a, const struct json *profile,
    const char *list, const char *source, int subscribe);
void consent_merge(struct person *into, const struct person *from);
void consent_json(struct buf *b, const struct consents *c); /* for the page */
void consent_resource(struct buf *b, const struct consents *c);
void consent_free(struct person *p);

/* stock.c: who waits for which article */

void stock_take(const struct arrival *a, const struct json *profile,
    const struct json *channels, const char *variant);
void stock_json(struct buf *b);
void stock_clear(void);

/* catalog.c, catalog_jobs.c: the catalogue */

int catalog_lacks(const char *variant); /* known, and without this id */
int catalog_stock(const char *variant, double *quantity); /* whether known */
void catalog_replay(const struct arrival *a, const struct json *line);
void catalog_status(struct buf *b); /* how much, and the newest jobs */
void catalog_json(struct buf *b);   /* all */
void catalog_clear(void);
extern int option_catalog_polls;

/* data.c: --data */

int data_open(const char *file); /* takes in what is there, then appends */
void data_keep(const struct buf *entry, const struct person *p);
void data_clear(void);

/* guide.c: does an event carry what the guide says? */

void guide_note(const char *metric, const struct json *attributes,
    const struct json *profile, struct buf *remarks);
void guide_misplaced(const struct json *root, struct buf *remarks);
void guide_json(struct buf *b);
void guide_clear(void);

/* log.c: what arrived, for the page and for tests */

void state_lock(void);
void state_unlock(void);
void log_add(enum outcome outcome, uint32_t who, const char *metric,
    int browser, char *json); /* takes json: members without braces */
int log_metric_known(const char *metric);
size_t log_metrics(void);
void log_events(struct buf *b, uint64_t after, size_t max, int outcome);
uint64_t log_last(void);
void log_wait(uint64_t after, int ms); /* holding the lock */
void log_wake(int stopping);
void log_counts(struct buf *b);
void log_keep(size_t entries, size_t bytes);
void log_clear(void);

/* record.c: --record */

int record_open(const char *file);
void record_write(const struct arrival *a, int processed, int sent,
    const char *body, size_t n);

/* endpoints.c */

struct call {
	const char *method, *path; /* path without query */
	const char *target;        /* path with query */
	void *http;                /* for call_header, call_query */
	const char *body;
	size_t body_len;
	int64_t received;
	/* filled in on the way */
	const struct endpoint *endpoint;
	char id[64]; /* of .../{id} */
	char request_id[40];
	char *headers;
	struct json_doc *doc;
	struct fault fault;
	struct rate rate;
	struct report report;
	int status;
	struct buf reply;
	const char *type;
	const char *policy; /* Content-Security-Policy, or NULL */
};
struct endpoint {
	const char *method, *path;
	const char
	    *scopes; /* that the private key must have; NULL: browser's */
	enum tier tier;
	const struct field *shape; /* NULL: no body */
	void (*serve)(struct call *);
	const char *params; /* query parameters known here; NULL: any */
};
const struct endpoint *endpoint_find(struct call *c);
void endpoint_run(struct call *c); /* sets status and reply */
void endpoints_windows(struct buf *b);
void call_error(struct call *c, int status, const char *code, const char *title,
    const char *detail);
struct arrival call_arrival(const struct call *c);

/* What serves them: profiles.c, calls_event.c, calls_read.c,
   subscriptions.c, stock.c, catalog_jobs.c, calls_catalog.c */

void profile_find(struct call *), profile_get(struct call *),
    profile_create(struct call *), profile_update(struct call *),
    profile_import(struct call *), profile_identify(struct call *),
    profile_merge(struct call *);
void serve_event(struct call *), serve_bulk(struct call *),
    serve_client_bulk(struct call *);
void serve_held(struct call *), serve_metrics(struct call *),
    serve_account(struct call *);
void serve_subscribe(struct call *), serve_unsubscribe(struct call *),
    serve_client_subscription(struct call *), serve_stock(struct call *);
void serve_catalog(struct call *), serve_catalog_job(struct call *),
    serve_catalog_poll(struct call *);

/* key.c: 0, or -1 with an error reported */

int key_private(struct call *c);
int key_public(struct call *c);
int key_scopes(struct call *c);
extern const char *option_private_key, *option_public_key, *option_scopes;
const char *key_account(void); /* the public key, or one that stands for it */

extern const char *option_record;

/* server.c, answer.c */

struct listen {
	const char *host;
	int port;
	int latency;
	int allow_remote;
};
int server_open(struct listen *l); /* binds; port 0 becomes the real one */
int server_run(struct listen *l);  /* until SIGTERM */
const char *call_header(const struct call *c, const char *name);
const char *call_query(const struct call *c, const char *name);
/* Calls each() with every query parameter's name until it returns 0. */
void call_each_query(
    const struct call *c, int (*each)(void *arg, const char *name), void *arg);

/* control.c: the live page and /sandbox/... */

int control_run(struct call *c); /* 0 when the path is not its own */
void control_init(int allow_remote);

#endif
