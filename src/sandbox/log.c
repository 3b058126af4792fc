/*
 * log.c - what arrived, for the live page and for tests; the state's lock.
 *
 * A ring of the newest entries, bounded in number and in bytes, and counters
 * that forget nothing until they are cleared. An entry is kept as the JSON text
 * that is shown; only its person is written when it is read, because a later
 * request may tell who an unknown visitor was.
 */
#include "sandbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	char *json;
	size_t len;
	uint32_t who;
	enum outcome outcome;
};
struct metric {
	char *name;
	uint64_t n[OUTCOMES];
	uint64_t browser;
};
enum { METRICS = 256 }; /* Klaviyo's 200, and room for refused names */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
static int stopping;

static size_t keep_entries = 100000, keep_bytes = (size_t)128 << 20;
static struct entry *ring;
static size_t first, used, bytes;
static uint64_t last; /* number of the newest entry; never reset */
static uint64_t totals[OUTCOMES];
static struct metric metrics[METRICS];
static size_t nmetrics, accepted_metrics;

void
state_lock(void)
{
	pthread_mutex_lock(&lock);
}

void
state_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

void
log_keep(size_t entries, size_t n)
{
	keep_entries = entries;
	keep_bytes = n;
}

uint64_t
log_last(void)
{
	return last;
}

static void
drop_first(void)
{
	struct entry *e = &ring[first];

	bytes -= e->len;
	free(e->json);
	e->json = NULL;
	first = (first + 1) % keep_entries;
	used--;
}

static struct metric *
metric_at(const char *name)
{
	for (size_t i = 0; i < nmetrics; i++)
		if (!strcmp(metrics[i].name, name))
			return &metrics[i];
	if (nmetrics == METRICS)
		return NULL;
	metrics[nmetrics].name = xdup(name, strlen(name));
	return &metrics[nmetrics++];
}

int
log_metric_known(const char *name)
{
	for (size_t i = 0; i < nmetrics; i++)
		if (metrics[i].n[ACCEPTED] && !strcmp(metrics[i].name, name))
			return 1;
	return 0;
}

size_t
log_metrics(void)
{
	return accepted_metrics;
}

void
log_add(enum outcome outcome, uint32_t who, const char *metric, int browser,
    char *json)
{
	struct entry e = {json, strlen(json), who, outcome};
	struct metric *m = metric ? metric_at(metric) : NULL;

	if (!ring)
		ring = xalloc(keep_entries * sizeof *ring);
	while (used && (used == keep_entries || bytes + e.len > keep_bytes))
		drop_first();
	ring[(first + used++) % keep_entries] = e;
	bytes += e.len;
	last++;
	totals[outcome]++;
	if (m) {
		accepted_metrics += outcome == ACCEPTED && !m->n[ACCEPTED];
		m->n[outcome]++;
		m->browser += outcome == ACCEPTED && browser;
	}
	pthread_cond_broadcast(&news);
}

/* Entries numbered above `after`; outcome -1 = all. */
void
log_events(struct buf *b, uint64_t after, size_t max, int outcome)
{
	uint64_t oldest = last - used + 1;
	int comma = 0;

	buf_str(b, "[");
	for (size_t i = after >= oldest ? after - oldest + 1 : 0;
	     i < used && max; i++) {
		const struct entry *e = &ring[(first + i) % keep_entries];
		const struct person *p = people_at(e->who);

		if (outcome >= 0 && (int)e->outcome != outcome)
			continue;
		buf_printf(b, "%s{\"n\":%llu,\"outcome\":\"%s\",",
		    comma ? "," : "", (unsigned long long)oldest + i,
		    outcome_names[e->outcome]);
		if (p)
			buf_printf(b, "\"person\":\"%s\",", p->id);
		buf_add(b, e->json, e->len);
		buf_str(b, "}");
		comma = 1;
		max--;
	}
	buf_str(b, "]");
}

void
log_wait(uint64_t after, int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	while (last == after && !stopping)
		if (pthread_cond_timedwait(&news, &lock, &until))
			break;
}

void
log_wake(int stop)
{
	pthread_mutex_lock(&lock);
	stopping = stop;
	pthread_cond_broadcast(&news);
	pthread_mutex_unlock(&lock);
}

/* "counts":{..},"metrics":[..] */
void
log_counts(struct buf *b)
{
	char id[7];

	buf_str(b, "\"counts\":{");
	for (int i = 0; i < OUTCOMES; i++)
		buf_printf(b, "%s\"%s\":%llu", i ? "," : "", outcome_names[i],
		    (unsigned long long)totals[i]);
	buf_printf(b, ",\"profiles\":%u,\"shown\":%zu},\"metrics\":[",
	    people_count(), used);
	for (size_t i = 0; i < nmetrics; i++) {
		const struct metric *m = &metrics[i];

		buf_str(b, i ? ",{\"name\":" : "{\"name\":");
		buf_json(b, m->name, strlen(m->name));
		held_metric_id(id, m->name);
		buf_printf(b, ",\"id\":\"%s\"", id);
		for (int j = 0; j < OUTCOMES; j++)
			buf_printf(b, ",\"%s\":%llu", outcome_names[j],
			    (unsigned long long)m->n[j]);
		buf_printf(
		    b, ",\"browser\":%llu}", (unsigned long long)m->browser);
	}
	buf_str(b, "]");
}

void
log_clear(void)
{
	while (used)
		drop_first();
	free(ring);
	ring = NULL;
	while (nmetrics) {
		free(metrics[--nmetrics].name);
		metrics[nmetrics] = (struct metric){0};
	}
	accepted_metrics = 0;
	memset(totals, 0, sizeof totals);
	pthread_cond_broadcast(&news);
}
