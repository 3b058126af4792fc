/*
 * data.c - --data: accepted events and profiles, kept over a restart.
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
replay(const struct json *line)
{
	const char *kind = json_text(line, "kind"), *id;
	const char *side = json_text(line, "side");
	const char *when = json_text(line, "received");
	const struct json *profile = json_get(line, "profile");
	const struct json *fill = json_get(line, "backfill");
	struct arrival a = {.method = "POST", .path = "--data", .status = 202};
	struct buf none = {0};
	struct given g;
	uint32_t who;
	int zone;

	id = json_text(line, "person");
	if (!kind || !profile || !when || !id)
		return;
	a.browser = side && !strcmp(side, "browser");
	a.received = time_parse(when, &zone) * 1000;
	a.new_id = id;
	g = people_given(profile);
	if (!strcmp(kind, "event") && json_get(line, "attributes")) {
		events_take(&a, json_get(line, "attributes"), profile,
		    fill && fill->type == JSON_BOOL && *fill->src == 't');
	} else if (!strcmp(kind, "profile")) {
		g.id[ID_ID] = id;
		who = people_meet(&g, id, !a.browser, &none);
		people_merge_attributes(who, json_get(profile, "attributes"),
		    json_get(profile, "meta"), !a.browser);
		events_profile(&a, profile, who);
	}
	buf_free(&none);
}

int
data_open(const char *file)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	const char *why;

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
	if (fseek(data, -1, SEEK_END) == 0 && fgetc(data) != '\n') {
		fseek(data, 0, SEEK_END);
		fputc('\n', data);
	}
	fseek(data, 0, SEEK_END);
	return 0;
}

void
data_clear(void)
{
	if (data && ftruncate(fileno(data), 0))
		fprintf(
		    stderr, "klaviyo-sandbox: --data: %s\n", strerror(errno));
}
