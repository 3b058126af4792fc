/*
 * held.h - the accepted events, as calls_read.c reads them from held.c.
 */
#ifndef HELD_H
#define HELD_H

#include "sandbox.h"

struct held {
	int64_t at;     /* s */
	uint64_t where; /* its properties, in the file */
	uint32_t len, who;
	uint16_t metric;
	unsigned char key[16]; /* of person, metric and unique_id */
};
struct held_metric {
	char *name;
	char id[7];
	int64_t created, updated; /* ms */
};

size_t held_metrics(void);
const struct held_metric *held_metric(size_t i);

/* By time, then by arrival: the number of events, the i-th, its place in the
   order of arrival, and the first that is not before (at, arrival). */
size_t held_count(void);
const struct held *held_at(size_t i);
uint32_t held_arrival(size_t i);
size_t held_from(int64_t at, int64_t arrival);
/* The event's properties as JSON text, for free(); "{}" when lost. */
char *held_properties(const struct held *e);

#endif
