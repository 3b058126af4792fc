/*
 * catalog_jobs.c - the Catalog API's bulk jobs.
 *
 *   POST -> queued --poll--> processing --poll--> complete
 *
 * A job does its work at the poll that completes it (--catalog-polls), and not
 * before: a client that never asks, or that lets a job of variants overtake the
 * one of their items, sees what comes of it. What is wrong with one resource is
 * an error of that one. Works under the state's lock.
 */
#include "catalogs.h"

#include <stdlib.h>
#include <string.h>

enum { PENDING_MAX = 500, TOLD = 100, SHOWN = 50, RAW_MAX = 16384 };
int option_catalog_polls = 2;

struct job {
	char id[27];
	enum what what;
	enum doing doing;
	int polls, complete;
	size_t total, done, failed;
	int64_t created, completed;
	struct json_doc *doc; /* the request, until it is complete */
	struct buf ids;       /* {"type":..,"id":..},.. */
	struct buf errors;
};
static struct job **jobs;
static size_t count, room, pending;
static struct map index_;

static struct job *
find(const char *id)
{
	uint32_t at = map_get(&index_, id, strlen(id));

	return at ? jobs[at - 1] : NULL;
}

/* Of /api/catalog-item-bulk-create-jobs */
static void
kind_of(const char *path, enum what *what, enum doing *doing)
{
	char s[64];

	for (int w = 0; w < WHATS; w++)
		for (int d = 0; d < DOINGS; d++) {
			snprintf(s, sizeof s, "/api/catalog-%s-bulk-%s-jobs",
			    what_names[w], doing_names[d]);
			if (!strncmp(path, s, strlen(s))) {
				*what = (enum what)w;
				*doing = (enum doing)d;
			}
		}
}

static const struct json *
resources(const struct job *j)
{
	return json_path(json_root(j->doc), "data", "attributes",
	    what_plurals[j->what], "data", NULL);
}

static void
error(struct job *j, int i, const char *code, const char *detail)
{
	struct report r = {0};
	char pointer[64];

	if (++j->failed > TOLD)
		return;
	snprintf(pointer, sizeof pointer, "/data/attributes/%s/data/%d",
	    what_plurals[j->what], i);
	report_error(&r, strcmp(code, "not_found") ? 409 : 404, code,
	    strcmp(code, "not_found") ? "Conflict." : "Not found.", pointer,
	    NULL, detail);
	buf_str(&j->errors, j->errors.n ? "," : "");
	buf_str(&j->errors, r.errors.p);
	buf_free(&r.errors);
}

/* For --data: what came of the job is in the resources themselves. */
static void
keep(const struct job *j, const struct json *data)
{
	struct arrival a = {.method = "POST",
	    .path = "/api/catalog",
	    .status = 202,
	    .received = j->completed};
	struct buf b = {0};

	events_head(&b, &a, "catalog");
	buf_printf(&b,
	    ",\"what\":\"%s\",\"doing\":\"%s\",\"data\":", what_names[j->what],
	    doing_names[j->doing]);
	json_copy(&b, data);
	data_keep(&b, NULL);
	buf_free(&b);
}

static void
complete(struct job *j)
{
	const struct json *data = resources(j);
	char detail[200];
	int i = 0;

	j->complete = 1;
	j->completed = wall_ms();
	pending--;
	for (const struct json *v = data->child; v; v = v->next, i++) {
		const char *code = catalog_change(
		    j->what, j->doing, v, j->completed, detail, sizeof detail);

		if (code)
			error(j, i, code, detail);
		else
			j->done++;
	}
	keep(j, data);
	json_free(j->doc);
	j->doc = NULL;
}

void
catalog_replay(const struct arrival *a, const struct json *line)
{
	const char *what = json_text(line, "what");
	const char *doing = json_text(line, "doing");
	char detail[200];
	int w = 0, d = 0;

	while (what && w < WHATS && strcmp(what_names[w], what))
		w++;
	while (doing && d < DOINGS && strcmp(doing_names[d], doing))
		d++;
	if (!what || !doing || w == WHATS || d == DOINGS)
		return;
	for (const struct json *v = json_get(line, "data")->child; v;
	     v = v->next)
		catalog_change((enum what)w, (enum doing)d, v, a->received,
		    detail, sizeof detail);
}

static const char *
status_of(const struct job *j)
{
	return j->complete ? "complete" : j->polls ? "processing" : "queued";
}

static void
attributes(struct buf *b, const struct job *j)
{
	buf_printf(b, "{\"status\":\"%s\",\"created_at\":\"", status_of(j));
	buf_time(b, j->created);
	buf_printf(b,
	    "\",\"total_count\":%zu,\"completed_count\":%zu,"
	    "\"failed_count\":%zu,\"completed_at\":",
	    j->total, j->done, j->failed);
	if (j->complete) {
		buf_str(b, "\"");
		buf_time(b, j->completed);
		buf_str(b, "\"");
	} else {
		buf_str(b, "null");
	}
	buf_str(b, ",\"expires_at\":\"");
	buf_time(b, j->created + INT64_C(7) * 86400 * 1000);
	buf_printf(b, "\",\"errors\":[%s]}", j->errors.n ? j->errors.p : "");
}

static void
reply(struct call *c, const struct job *j)
{
	const char *what = what_names[j->what], *doing = doing_names[j->doing];

	buf_printf(&c->reply,
	    "{\"data\":{\"type\":\"catalog-%s-bulk-%s-job\",\"id\":\"%s\","
	    "\"attributes\":",
	    what, doing, j->id);
	attributes(&c->reply, j);
	buf_printf(&c->reply,
	    ",\"relationships\":{\"%s\":{\"data\":[%s]}},\"links\":{\"self\":"
	    "\"/api/catalog-%s-bulk-%s-jobs/%s\"}}}",
	    what_plurals[j->what], j->ids.n ? j->ids.p : "", what, doing,
	    j->id);
}

/* The ids of what the job is about, for its answers and for the page. */
static void
note_ids(struct job *j)
{
	for (const struct json *v = resources(j)->child; v; v = v->next) {
		const char *id =
		    json_text(json_get(v, "attributes"), "external_id");

		id = catalog_external(id ? id : json_text(v, "id"));
		buf_printf(&j->ids,
		    "%s{\"type\":\"catalog-%s\",\"id\":", j->ids.n ? "," : "",
		    what_names[j->what]);
		catalog_compound(&j->ids, id);
		buf_str(&j->ids, "}");
	}
}

static void
show(const struct call *c, const struct job *j)
{
	struct arrival a = call_arrival(c);
	struct buf b = {0};

	events_head(&b, &a, "catalog");
	buf_printf(&b,
	    ",\"job\":\"%s\",\"what\":\"%s\",\"doing\":\"%s\",\"count\":%zu,"
	    "\"body\":",
	    j->id, what_names[j->what], doing_names[j->doing], j->total);
	buf_json(&b, c->body, c->body_len > RAW_MAX ? RAW_MAX : c->body_len);
	buf_str(&b, ",\"remarks\":[]");
	log_add(CATALOG, NOBODY, NULL, 0, b.p);
}

void
serve_catalog_job(struct call *c)
{
	struct job *j;

	if (pending == PENDING_MAX) {
		c->rate.limited = 1;
		c->rate.retry_after = 1;
		call_error(c, 429, "throttled", "Request was throttled.",
		    "500 catalog jobs are in progress: wait for their end.");
		return;
	}
	if (count == room) {
		room = room ? room * 2 : 64;
		jobs = xrealloc(jobs, room * sizeof *jobs);
	}
	jobs[count++] = j = xalloc(sizeof *j);
	pending++;
	make_id(j->id);
	*map_at(&index_, j->id, strlen(j->id)) = (uint32_t)count;
	kind_of(c->endpoint->path, &j->what, &j->doing);
	j->created = c->received;
	j->doc = c->doc;
	c->doc = NULL;
	j->total = resources(j)->size;
	note_ids(j);
	c->status = 202;
	show(c, j);
	if (!option_catalog_polls)
		complete(j);
	reply(c, j);
}

void
serve_catalog_poll(struct call *c)
{
	struct job *j = find(c->id);
	enum what what = ITEM;
	enum doing doing = CREATE;

	kind_of(c->endpoint->path, &what, &doing);
	if (!j || j->what != what || j->doing != doing) {
		call_error(c, 404, "not_found", "Not found.",
		    "A job of this kind with this id does not exist.");
		return;
	}
	if (!j->complete && ++j->polls >= option_catalog_polls)
		complete(j);
	c->status = 200;
	reply(c, j);
}

void
jobs_json(struct buf *b, size_t newest)
{
	size_t i = count > newest ? count - newest : 0;

	buf_str(b, "[");
	for (int first = 1; i < count; i++, first = 0) {
		const struct job *j = jobs[i];

		buf_printf(b,
		    "%s{\"id\":\"%s\",\"what\":\"%s\",\"doing\":\"%s\","
		    "\"polls\":%d,\"attributes\":",
		    first ? "" : ",", j->id, what_names[j->what],
		    doing_names[j->doing], j->polls);
		attributes(b, j);
		buf_str(b, "}");
	}
	buf_str(b, "]");
}

void
catalog_status(struct buf *b)
{
	for (int w = 0; w < WHATS; w++)
		buf_printf(b, "\"%s\":%zu,", what_plurals[w],
		    catalog_count((enum what)w));
	buf_printf(b, "\"pending\":%zu,\"jobs\":", pending);
	jobs_json(b, SHOWN);
}

void
jobs_clear(void)
{
	while (count) {
		struct job *j = jobs[--count];

		json_free(j->doc);
		buf_free(&j->ids);
		buf_free(&j->errors);
		free(j);
	}
	free(jobs);
	jobs = NULL;
	room = pending = 0;
	map_clear(&index_);
}

void
catalog_clear(void)
{
	jobs_clear();
	catalog_forget();
}
