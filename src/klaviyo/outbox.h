/*
 * outbox.h - the table klaviyo_outbox as its files share it: rows go in, are
 * held, claimed, settled and counted; who sends, and whether there is room.
 */
#ifndef KLAVIYO_OUTBOX_H
#define KLAVIYO_OUTBOX_H

#include "internal.h"

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

#endif
