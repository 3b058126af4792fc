/*
 * deliver.h - one delivery pass, as deliver.c, decided.c, kinds.c, route.c,
 * send.c, bulk.c, email.c, outcome.c and others.c share it.
 */
#ifndef KLAVIYO_DELIVER_H
#define KLAVIYO_DELIVER_H

#include "api.h"
#include "outbox.h"

enum {
	KL_BATCH = 1024,  /* decided and not settled, at most */
	KL_SUSPECT = 20,  /* refusals in a row that put us under suspicion */
	KL_PAUSE_S = 300, /* a pause, and so the time between two probes */
	KL_BEHIND_S = 30, /* after it: what was refused comes after others */
	KL_LONG_WAIT_MS = 3000, /* a wait that is left to the next pass */
	KL_LOOK_MS = 100, /* for more due events, and at ${stop}, so often */
	KL_JOB_EVENTS = 1000, /* Klaviyo's limit */
	KL_JOBS = 8, /* bulk requests in flight, and a quarter of the pool:
	                enough for 2.5 a second that take up to 3 s each */
	KL_PLACES = 6,        /* with limits of their own, that ask.c asks */
};

/* Klaviyo's endpoints, each with rate limits of its own. */
enum kl_endpoint {
	KL_SINGLE, /* events, one by one */
	KL_BULK,   /* events, many at once */
	KL_OTHERS, /* from here on rows that are no events, one by one */
	KL_SUBSCRIPTIONS = KL_OTHERS,
	KL_BACK_IN_STOCK,
	KL_PROFILES,
	KL_ENDPOINTS
};

/* One request: an event, or many of them, or another row. */
struct kl_job {
	enum kl_endpoint endpoint;
	struct kl_claim *claims;
	int n;
	struct kl_job *next;
	char *profile_id; /* owned; of the second step of kind "email" */
	char *secret;     /* owned; of kind "reset": its link */
};

struct klaviyo {
	struct kl_client *client; /* NULL in a dry run without a key */
	struct kl_pacer pacer[KL_ENDPOINTS];
	struct kl_lease lease;
	int in_flight, lease_s;
	bool dry_run, once;
	bool no_jobs;   /* events never go in bulk */
	int at_once;    /* single events, in the last claim */
	int64_t claimed_ms;
	int downs;      /* passes in a row that found the network dead */
	int failed_run; /* answers in a row that say "try again" */
	int64_t bulk_off_until; /* ms: till then events go one by one */
	char bulk_off[256];     /* why */
	struct kl_pacer asked[KL_PLACES];    /* ask.c's */
	klaviyo_link *reset_link;
	void *link_arg;
	klaviyo_settled *settled; /* or NULL */
	void *settled_arg;
	struct {
		int64_t off_until; /* ms: till then its rows wait */
		char off[256];     /* why */
		int failed_run;    /* answers in a row that say "try again" */
	} other[KL_ENDPOINTS]; /* from KL_OTHERS on */
	struct kl_settlement done[KL_BATCH]; /* of the pass: decided, not yet
	                                        settled */
};

/* deliver.c has the table. */
enum kl_mode { KL_RUN, KL_PROBE, KL_END };

struct kl_pass {
	struct klaviyo *klaviyo;
	const struct klaviyo_store *store;
	struct klaviyo_tally *tally;
	enum kl_mode mode;
	bool failed; /* the store: nothing is settled any more */
	bool lost;   /* failed, because another sender has taken over */
	bool down;   /* counted in klaviyo->downs */
	bool yield;  /* another host, or its key, may fare better */
	char token[33];
	int left, others_left;  /* may still be claimed */
	struct kl_claim *alone[KL_ENDPOINTS]; /* claimed, to be sent one by
	                                         one */
	struct kl_job *jobs;    /* claimed, to be sent together */
	struct kl_job *second;  /* waiting for their second step */
	struct kl_job *flying;  /* sent, no answer yet */
	const struct kl_answer *answer; /* which decides just now, or NULL */
	int together;                   /* rows that it is about */
	int nflying[KL_ENDPOINTS];
	int crowd[KL_ENDPOINTS];       /* put off, for there are so many */
	int64_t look_at[KL_ENDPOINTS]; /* ms: when to look for more */
	bool backlog;    /* real time: more than single requests are for */
	bool whole_jobs; /* claimed so far */
	size_t ndone;
	int64_t done_since; /* ms */
	struct kl_sender sender;
	bool sender_changed;
};

/* --------------------------------------------------------------- decided.c */

/* Takes ${claim}, ${error} and ${profile}: how it ends is decided. */
void kl_pass_note(struct kl_pass *pass, struct kl_claim *claim,
    enum kl_outcome outcome, int64_t due_at, char *error, char *profile);
/* Settles what is decided; a failure sets pass->failed. */
void kl_pass_flush(struct kl_pass *pass);
/* Claims up to ${want} rows of ${lane}, and may settle what is decided with
 * them; a failure sets pass->failed. */
int kl_pass_claim(
    struct kl_pass *pass, int lane, int want, struct kl_claim **list);

/* ----------------------------------------------------------------- kinds.c */

struct kl_kind {
	const char *name;
	enum kl_endpoint endpoint;
	const char *path;
};
/* NULL if this version does not know it. */
const struct kl_kind *kl_kind(const char *name);
/* Klaviyo's limits, and what the key must be allowed. */
struct kl_limits {
	int burst, steady; /* a second, a minute (tier XL); headers lower them */
	const char *what, *scope;
};
extern const struct kl_limits kl_limits[KL_ENDPOINTS];
enum kl_ready {
	KL_READY,    /* *${request} is set */
	KL_NOT_NOW,  /* its link cannot be had: later */
	KL_NO_MORE,  /* its link is used or has expired */
	KL_CANNOT,   /* the error says why */
};
/* What to send for ${job}; sets job->secret. */
enum kl_ready kl_job_request(struct klaviyo *klaviyo, struct kl_job *job,
    struct kl_request *request, char **path);

/* ----------------------------------------------------------------- email.c */

/* The path that asks for the profile of a row's old address; owned. */
char *kl_email_find(const struct kl_claim *claim);
/* Klaviyo's answer: 1, *${id} is the profile's, owned; 0: there is none; -1. */
int kl_email_found(const struct kl_answer *answer, char **id);
/* What a dead letter says when the new address is another's; owned. */
char *kl_email_conflict(
    const struct kl_claim *claim, const struct kl_answer *answer);

/* ----------------------------------------------------------------- route.c */

/* Claims what can be sent soon.  Returns the milliseconds until the limits
 * allow more of what is due; 0 = nothing waits for them. */
int64_t kl_route_claim(struct kl_pass *pass, int64_t now_ms);

/* ------------------------------------------------------------------ send.c */

/* Takes claims that go one by one, each to its endpoint's list. */
void kl_send_part(struct kl_pass *pass, struct kl_claim *list);
/* Sends while the limits and the pool allow.  Returns as kl_route_claim(). */
int64_t kl_send(struct kl_pass *pass);
/* Gives back what is claimed and not yet sent. */
void kl_send_give_back(struct kl_pass *pass);
/* Gives back what is in flight, after the client dropped it. */
void kl_send_drop(struct kl_pass *pass);
/* Nothing claimed waits to be sent. */
bool kl_send_idle(const struct kl_pass *pass);
/* Puts off what waits for an endpoint that may not be used. */
void kl_send_put_off(struct kl_pass *pass, enum kl_endpoint endpoint);
/* Gives back ${list}, due then. */
void kl_send_release(
    struct kl_pass *pass, struct kl_claim *list, int64_t due_at);
/* How many bulk requests, and how many others, may be in flight. */
int kl_most_jobs(const struct klaviyo *klaviyo);

/* ------------------------------------------------------------------ bulk.c */

void kl_claims_append(struct kl_claim **list, struct kl_claim *more);
/* Makes jobs of a list of claims, all taken; what does not belong into a job is
 * appended to ${alone}. */
struct kl_job *kl_jobs_cut(struct kl_claim *list, struct kl_claim **alone);
/* Takes the latter half out of ${job}; NULL if that cannot be. */
struct kl_job *kl_job_halve(struct kl_job *job);
/* The body of a bulk request; owned. */
char *kl_job_body(const struct kl_job *job);
void kl_job_free(struct kl_job *job); /* not its claims */

/* ------------------------------------------------------------------- ask.c */

void kl_ask_init(struct klaviyo *klaviyo);

/* --------------------------------------------------------------- outcome.c */

/* Claims nothing more; ${wait_ms} and ${reason} go to the tally. */
void kl_pass_end(struct kl_pass *pass, int64_t wait_ms, const char *reason);
/* Decides by Klaviyo's answer; takes ${job}, not the answer's body. */
void kl_pass_answer(
    struct kl_pass *pass, struct kl_job *job, const struct kl_answer *answer);
/* Due again after a backoff, for want of an answer; takes ${job}. */
void kl_pass_unsent(struct kl_pass *pass, struct kl_job *job);

/* What outcome.c and others.c share.  All of a job; takes ${job} and
 * ${error}. */
void kl_job_note(struct kl_pass *pass, struct kl_job *job,
    enum kl_outcome outcome, int64_t due_at, char *error);
/* Due after a backoff of so many seconds. */
void kl_job_retry(struct kl_pass *pass, struct kl_job *job, int64_t at_least_s,
    int64_t at_most_s, char *error);
/* Klaviyo's words, without what they quote of the person, or of a link; owned.
 */
char *kl_job_words(const struct kl_job *job, const struct kl_answer *answer);
/* An answer came that counts: the network works, a probe is over. */
void kl_pass_works(struct kl_pass *pass, bool event);
/* Nobody there; ${words} is NULL or says why. */
void kl_pass_down(struct kl_pass *pass, const char *words);
int64_t kl_seconds(int64_t ms); /* rounded up */
void kl_set_text(char *to, size_t size, const char *text);

/* ---------------------------------------------------------------- others.c */

/* kl_pass_answer() for a row that is no event. */
void kl_other_answer(
    struct kl_pass *pass, struct kl_job *job, const struct kl_answer *answer);

#endif
