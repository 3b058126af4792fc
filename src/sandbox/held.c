/*
 * held.c - every accepted event and its metric, for GET /api/events.
 *
 * The log forgets what is old; here nothing is forgotten until all is cleared,
 * because a shop compares its orders with what Klaviyo holds. Of an event 48
 * bytes are in memory; its properties are in a file without a name, in TMPDIR
 * or /var/tmp, which is gone when the process is. The order by time is made
 * when it is asked for: what has arrived since is sorted and merged in.
 */
#include "held.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct held *rows; /* in order of arrival */
static size_t count, room;
static uint32_t *order; /* by time */
static size_t sorted, order_room;
static struct held_metric *metrics;
static size_t nmetrics;
static int fd = -1;
static uint64_t file_end;

int
held_open(void)
{
	const char *dir = getenv("TMPDIR");
	char name[4096];

	dir = dir && *dir ? dir : "/var/tmp";
	snprintf(name, sizeof name, "%s/klaviyo-sandbox.XXXXXX", dir);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd == -1) {
		fprintf(stderr,
		    "klaviyo-sandbox: no file for the events in %s: %s; set "
		    "TMPDIR to a directory that can be written to\n",
		    dir, strerror(errno));
		return -1;
	}
	unlink(name);
	return 0;
}

/* Six characters, the same for a name at all times. */
void
held_metric_id(char out[7], const char *metric)
{
	static const char digits[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopq"
	                             "rstuvwxyz23456789";
	unsigned char hash[crypto_generichash_BYTES];

	crypto_generichash(hash, sizeof hash, (const unsigned char *)metric,
	    strlen(metric), NULL, 0);
	for (int i = 0; i < 6; i++)
		out[i] = digits[hash[i] % (sizeof digits - 1)];
	out[6] = 0;
}

static uint16_t
metric_of(const char *name, int64_t now)
{
	size_t i = 0;

	while (i < nmetrics && strcmp(metrics[i].name, name))
		i++;
	if (i == nmetrics) {
		metrics = xrealloc(metrics, ++nmetrics * sizeof *metrics);
		metrics[i] = (struct held_metric){
		    .name = xdup(name, strlen(name)), .created = now};
		held_metric_id(metrics[i].id, name);
	}
	metrics[i].updated = now;
	return (uint16_t)i;
}

size_t
held_metrics(void)
{
	return nmetrics;
}

const struct held_metric *
held_metric(size_t i)
{
	return &metrics[i];
}

static void
key_of(struct held *h, const struct held_event *e)
{
	struct buf b = {0};

	buf_printf(
	    &b, "%s\n%s\n%s", people_at(e->who)->id, e->metric, e->unique_id);
	crypto_generichash(
	    h->key, sizeof h->key, (const unsigned char *)b.p, b.n, NULL, 0);
	buf_free(&b);
}

/* The event's properties as Klaviyo tells them: with $event_id and $value. */
static void
properties(struct buf *b, const struct held_event *e)
{
	const struct json *v = json_get(e->attributes, "properties");

	buf_str(b, "{");
	for (v = v ? v->child : NULL; v; v = v->next) {
		buf_member(b, v->key);
		json_copy(b, v);
	}
	buf_member(b, "$event_id");
	buf_json(b, e->unique_id, strlen(e->unique_id));
	v = json_get(e->attributes, "value");
	if (v && v->type == JSON_NUMBER) {
		buf_member(b, "$value");
		json_copy(b, v);
	}
	v = json_get(e->attributes, "value_currency");
	if (v && v->type == JSON_STRING) {
		buf_member(b, "$value_currency");
		json_copy(b, v);
	}
	buf_str(b, "}");
}

static int
write_all(const char *p, size_t n)
{
	while (n) {
		ssize_t done = pwrite(fd, p, n, (off_t)file_end);

		if (done <= 0)
			return -1;
		p += done;
		n -= (size_t)done;
		file_end += (uint64_t)done;
	}
	return 0;
}

void
held_add(const struct held_event *e)
{
	static int told;
	struct held h = {.at = e->at, .who = e->who, .where = file_end};
	struct buf b = {0};

	properties(&b, e);
	if (!write_all(b.p, b.n))
		h.len = (uint32_t)b.n;
	else if (!told++)
		fprintf(stderr,
		    "klaviyo-sandbox: the file of the events cannot be "
		    "written: %s; GET /api/events lacks their properties\n",
		    strerror(errno));
	buf_free(&b);
	h.metric = metric_of(e->metric, e->received);
	key_of(&h, e);
	if (count == room) {
		room = room ? room * 2 : 1024;
		rows = xrealloc(rows, room * sizeof *rows);
	}
	rows[count++] = h;
}

char *
held_properties(const struct held *e)
{
	char *p = xalloc((size_t)e->len + 3);
	size_t n = 0;

	while (n < e->len) {
		ssize_t got =
		    pread(fd, p + n, e->len - n, (off_t)(e->where + n));

		if (got <= 0)
			break;
		n += (size_t)got;
	}
	if (!e->len || n < e->len)
		memcpy(p, "{}", 3);
	return p;
}

static int
before(uint32_t a, uint32_t b)
{
	return rows[a].at != rows[b].at ? rows[a].at < rows[b].at : a < b;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return before(x, y) ? -1 : before(y, x);
}

/* Brings what has arrived since into the order. */
static void
arrange(void)
{
	uint32_t *tail, *merged;
	size_t i = 0, j = 0, n = count - sorted;

	if (!n)
		return;
	if (count > order_room) {
		order_room = room;
		order = xrealloc(order, order_room * sizeof *order);
	}
	tail = order + sorted;
	for (size_t k = 0; k < n; k++)
		tail[k] = (uint32_t)(sorted + k);
	qsort(tail, n, sizeof *tail, compare);
	if (sorted && before(tail[0], tail[-1])) {
		merged = xalloc(order_room * sizeof *merged);
		for (size_t k = 0; k < count; k++)
			merged[k] =
			    j == n || (i < sorted && before(order[i], tail[j]))
			        ? order[i++]
			        : tail[j++];
		free(order);
		order = merged;
	}
	sorted = count;
}

size_t
held_count(void)
{
	arrange();
	return count;
}

const struct held *
held_at(size_t i)
{
	return &rows[order[i]];
}

uint32_t
held_arrival(size_t i)
{
	return order[i];
}

size_t
held_from(int64_t at, int64_t arrival)
{
	size_t low = 0, high = count;

	arrange();
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct held *h = held_at(mid);

		if (h->at < at || (h->at == at && order[mid] < arrival))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void
held_clear(void)
{
	while (nmetrics)
		free(metrics[--nmetrics].name);
	free(rows);
	free(order);
	rows = NULL;
	order = NULL;
	count = room = sorted = order_room = 0;
	if (file_end && ftruncate(fd, 0))
		fprintf(stderr, "klaviyo-sandbox: the file of the events: %s\n",
		    strerror(errno));
	file_end = 0;
}
