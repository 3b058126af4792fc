/*
 * data.c - --data: accepted events, profiles, consent, who waits for what and
 * the catalogue, kept over a restart.
 *
 * Each is one line of JSON, appended when it is accepted and taken in again at
 * the start, through the same functions as a request. A last line that a crash
 * cut short is left out. Clearing the sandbox empties the file.
 */
#include "sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *data;

void
data_keep(const struct buf *entry, const struct person *p)
{
	if (!data)
		return;
	fprintf(data, "{\"person\":\"%s\",%s}\n", p ? p->id : "", entry->p);
	if (fflush(data))
		fprintf(
		    stderr, "klaviyo-sandbox: --data: %s\n", strerror(errno));
}

static void
replay_event(struct arrival *a, const struct json *line)
{
	const struct json *fill = json_get(line, "backfill");

	if (json_get(line, "attributes"))
		events_take(a, json_get(line, "attributes"),
		    json_get(line, "profile"),
		    fill && fill->type == JSON_BOOL && *fill->src == 't');
}

static void
replay_profile(struct arrival *a, const struct json *line)
{
	const struct json *profile = json_get(line, "profile");
	struct given g = people_given(profile);
	struct buf none = {0};
	uint32_t who;

	g.id[ID_ID] = a->new_id;
	who = people_meet(&g, a->new_id, !a->browser, &none);
	people_merge_attributes(who, json_get(profile, "attributes"),
	    json_get(profile, "meta"), !a->browser);
	events_profile(a, profile, who);
	buf_free(&none);
}

static void
replay_merge(struct arrival *a, const struct json *line)
{
	const char *source = json_text(line, "source");
	uint32_t into = people_find(ID_ID, a->new_id);
	uint32_t who = source ? people_find(ID_ID, source) : NOBODY;

	if (into && who && into != who)
		events_merge(a, into, who);
}

static void
replay_consent(struct arrival *a, const struct json *line)
{
	const char *change = json_text(line, "change");

	consent_take(a, json_get(line, "profile"), json_text(line, "list"),
	    json_text(line, "source"), change && !strcmp(change, "subscribe"));
}

static void
replay_stock(struct arrival *a, const struct json *line)
{
	if (json_text(line, "variant") && json_get(line, "channels"))
		stock_take(a, json_get(line, "profile"),
		    json_get(line, "channels"), json_text(line, "variant"));
}

static void
replay_catalog(struct arrival *a, const struct json *line)
{
	catalog_replay(a, line);
}

static const struct {
	const char *kind;
	void (*replay)(struct arrival *, const struct json *line);
	const char *needs;
} kinds[] = {{"event", replay_event, "profile"},
    {"profile", replay_profile, "profile"}, {"merge", replay_merge, "source"},
    {"consent", replay_consent, "profile"},
    {"back_in_stock", replay_stock, "profile"},
    {"catalog", replay_catalog, "data"}};

static void
replay(const struct json *line)
{
	const char *kind = json_text(line, "kind");
	const char *side = json_text(line, "side");
	const char *when = json_text(line, "received");
	const char *method = json_text(line, "method");
	const char *path = json_text(line, "path");
	struct arrival a = {.new_id = json_text(line, "person"), .status = 202};
	int zone;

	if (!kind || !when || !a.new_id)
		return;
	a.method = method ? method : "POST";
	a.path = path ? path : "--data";
	a.browser = side && !strcmp(side, "browser");
	a.received = time_parse(when, &zone) * 1000;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(kinds[i].kind, kind) &&
		    json_get(line, kinds[i].needs))
			kinds[i].replay(&a, line);
}

int
data_open(const char *file)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	const char *why;
	int whole;

	if (!(data = fopen(file, "a+"))) {
		fprintf(stderr, "klaviyo-sandbox: --data %s: %s\n", file,
		    strerror(errno));
		return -1;
	}
	rewind(data);
	while ((n = getline(&line, &cap, data)) > 0) {
		struct json_doc *d = json_parse(line, (size_t)n, &why);

		/* A line cut short by a crash is no event. */
		if (d)
			replay(json_root(d));
		json_free(d);
	}
	free(line);
	/* What is appended must not continue such a line. */
	whole = fseek(data, -1, SEEK_END) || fgetc(data) == '\n';
	if (fseek(data, 0, SEEK_END) || (!whole && fputc('\n', data) == EOF)) {
		fprintf(stderr, "klaviyo-sandbox: --data %s: %s\n", file,
		    strerror(errno));
		return -1;
	}
	return 0;
}

void
data_clear(void)
{
	if (data && ftruncate(fileno(data), 0))
		fprintf(
		    stderr, "klaviyo-sandbox: --data: %s\n", strerror(errno));
}
