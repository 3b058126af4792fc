/*
 * ready.h - how the shop and its delivery are, in figures: for /readyz, and
 * whoever else shows them.
 */
#ifndef STOREFRONT_READY_H
#define STOREFRONT_READY_H

#include "storefront.h"

/* An abandoned-cart mail goes out an hour after Started Checkout, or later: by
 * half of that, the order must be known. */
#define READY_OLDEST 1800
/* Below so many percent of free disk somebody has to act. */
#define READY_DISK 5

struct readiness {
	bool database;         /* it answers; else nothing below is known */
	bool batch;            /* nobody sends all day: `worker --once` does */
	bool sending;          /* a worker has the lease */
	int64_t heartbeat_age; /* its last sign of life, or of a batch the last
	                          one's end; -1 = none */
	int64_t waiting, dead; /* events */
	int64_t oldest_age;    /* of the oldest unsent real-time event; 0 */
	int64_t pause_left;    /* seconds; 0 = not paused */
	char reason[256];      /* why it is paused: one line; "" */
	int64_t disk_free;     /* bytes, of the database's file system; -1: it
	                          is another host's, or not known */
	int disk_percent;      /* of all; as above */
};
/* Never fails: a database that does not answer is a finding. */
void readiness_read(struct readiness *r, struct db *db,
    const struct settings *settings, int64_t now);
/* What is wrong, as bits; 0 = ready. */
enum {
	READY_NO_DATABASE = 1,
	READY_NO_WORKER = 2,
	READY_LATE = 4,
	READY_PAUSED = 8,
	READY_FULL = 16
};
int readiness_wrong(const struct readiness *r);

#endif
