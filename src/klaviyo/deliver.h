/*
 * deliver.h - one delivery pass, as deliver.c, route.c, bulk.c and outcome.c
 * share it.
 */
#ifndef KLAVIYO_DELIVER_H
#define KLAVIYO_DELIVER_H

#include "internal.h"

enum {
	KL_BATCH = 1024,  /* settlements in one transaction */
	KL_SUSPECT = 20,  /* refusals in a row that put us under suspicion */
	KL_PAUSE_S = 300, /* a pause, and so the time between two probes */
	KL_BEHIND_S = 30, /* after it: what was refused comes after others */
	KL_LONG_WAIT_MS = 3000, /* a wait that is left to the next pass */
	KL_LOOK_MS = 100, /* for more due events, and at ${stop}, so often */
	KL_JOB_EVENTS = 1000, /* Klaviyo's limit */
	KL_PLACES = 6,        /* with limits of their own, that ask.c asks */
};

/* Klaviyo's endpoints, each with rate limits of its own. */
enum kl_endpoint { KL_SINGLE, KL_BULK, KL_ENDPOINTS };

/* One request: an event, or many of them. */
struct kl_job {
	enum kl_endpoint endpoint;
	struct kl_claim *claims;
	int n;
	struct kl_job *next;
};

struct klaviyo {
	struct kl_client *client; /* NULL in a dry run without a key */
	struct kl_pacer pacer[KL_ENDPOINTS];
	struct kl_lease lease;
	int in_flight, lease_s;
	bool dry_run;
	int downs;      /* passes in a row that found the network dead */
	int failed_run; /* answers in a row that say "try again" */
	int64_t bulk_off_until; /* ms: till then events go one by one */
	char bulk_off[256];     /* why */
	struct kl_pacer asked[KL_PLACES];    /* ask.c's */
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
	int left;               /* may still be claimed */
	struct kl_claim *alone; /* claimed, to be sent one by one */
	struct kl_job *jobs;    /* claimed, to be sent together */
	struct kl_job *flying;  /* sent, no answer yet */
	int nflying[KL_ENDPOINTS];
	int64_t look_at[KL_ENDPOINTS]; /* ms: when to look for more */
	bool backlog;    /* real time: more than single requests are for */
	bool whole_jobs; /* claimed so far */
	size_t ndone;
	int64_t done_since; /* ms */
	struct kl_sender sender;
	bool sender_changed;
};

/* --------------------------------------------------------------- deliver.c */

/* Takes ${claim}, ${error} and ${profile}: how it ends is decided. */
void kl_pass_note(struct kl_pass *pass, struct kl_claim *claim,
    enum kl_outcome outcome, int64_t due_at, char *error, char *profile);
/* Settles what is decided; a failure sets pass->failed. */
void kl_pass_flush(struct kl_pass *pass);

/* ----------------------------------------------------------------- route.c */

/* Claims what can be sent soon.  Returns the milliseconds until the limits
 * allow more of what is due; 0 = nothing waits for them. */
int64_t kl_route_claim(struct kl_pass *pass, int64_t now_ms);
/* Sends while the limits and the pool allow.  Returns as above. */
int64_t kl_route_send(struct kl_pass *pass);
/* Gives back what is claimed and not yet sent. */
void kl_route_release(struct kl_pass *pass);
/* Gives back what is in flight, after the client dropped it. */
void kl_route_drop(struct kl_pass *pass);

/* ------------------------------------------------------------------ bulk.c */

void kl_claims_append(struct kl_claim **list, struct kl_claim *more);
/* Makes jobs of a list of claims, all taken; what does not belong into a job is
 * appended to ${alone}. */
struct kl_job *kl_jobs_cut(struct kl_claim *list, struct kl_claim **alone);
/* Takes the latter half out of ${job}; NULL if that cannot be. */
struct kl_job *kl_job_halve(struct kl_job *job);
/* The body of a bulk request; owned. */
char *kl_job_body(const struct kl_job *job);

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

#endif
