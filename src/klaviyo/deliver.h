/*
 * deliver.h - one delivery pass, as deliver.c and outcome.c share it.
 */
#ifndef KLAVIYO_DELIVER_H
#define KLAVIYO_DELIVER_H

#include "internal.h"

enum {
	KL_BATCH = 64,    /* settlements in one transaction */
	KL_SUSPECT = 20,  /* refusals in a row that put us under suspicion */
	KL_PAUSE_S = 300, /* a pause, and so the time between two probes */
	KL_BEHIND_S = 30, /* after it: what was refused comes after others */
	KL_LONG_WAIT_MS = 3000, /* a wait that is left to the next pass */
};

struct klaviyo {
	struct kl_client *client; /* NULL in a dry run without a key */
	struct kl_pacer pacer;
	struct kl_lease lease;
	int in_flight, lease_s;
	bool dry_run;
	int downs;      /* passes in a row that found the network dead */
	int failed_run; /* answers in a row that say "try again" */
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
	char token[33];
	int left;                 /* may still be claimed */
	struct kl_claim *pending; /* claimed, not yet sent */
	struct kl_claim *flying;  /* sent, no answer yet */
	int64_t send_by;          /* ms: pending after this is too late */
	int64_t look_at;          /* ms: when to look for more meanwhile */
	struct kl_settlement done[KL_BATCH]; /* decided, not yet settled */
	size_t ndone;
	int64_t done_since; /* ms */
	struct kl_sender sender;
	bool sender_changed;
};

/* Takes ${claim}, ${error} and ${profile}: how it ends is decided. */
void kl_pass_note(struct kl_pass *pass, struct kl_claim *claim,
    enum kl_outcome outcome, int64_t due_at, char *error, char *profile);
/* Settles what is decided; a failure sets pass->failed. */
void kl_pass_flush(struct kl_pass *pass);
/* Claims nothing more; ${wait_ms} and ${reason} go to the tally. */
void kl_pass_end(struct kl_pass *pass, int64_t wait_ms, const char *reason);
/* Decides by Klaviyo's answer; takes ${claim}, not the answer's body. */
void kl_pass_answer(struct kl_pass *pass, struct kl_claim *claim,
    const struct kl_answer *answer);
/* Due again after a backoff. */
void kl_pass_retry(struct kl_pass *pass, struct kl_claim *claim,
    int64_t at_least_s, char *error);

#endif
