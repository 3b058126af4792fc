/*
 * calls_read.c - the endpoints that only answer: the account, its metrics, its
 * events.
 *
 * Works under the state's lock. Where Klaviyo's description leaves an order
 * open (events without sort), the newest come first.
 */
#include "held.h"
#include "query.h"

#include <stdlib.h>
#include <string.h>

static const char metric_fields[] = "name created updated integration";

void
serve_account(struct call *c)
{
	const char *key = key_account();

	c->status = 200;
	buf_str(&c->reply, "{\"data\":[{\"type\":\"account\",\"id\":");
	buf_json(&c->reply, key, strlen(key));
	buf_str(&c->reply,
	    ",\"attributes\":{\"test_account\":true,\"contact_information\":{"
	    "\"default_sender_name\":\"Sandbox\",\"default_sender_email\":"
	    "\"shop@klaviyo-demo.com\",\"website_url\":null,"
	    "\"organization_name\":\"Sandbox\",\"street_address\":{"
	    "\"address1\":\"123 Abc St\",\"address2\":null,\"city\":\"Boston\","
	    "\"region\":\"MA\",\"country\":\"United States\",\"zip\":\"02110\"}"
	    "},\"industry\":\"Ecommerce, Other\",\"timezone\":\"US/Eastern\","
	    "\"preferred_currency\":\"USD\",\"locale\":\"en-US\","
	    "\"public_api_key\":");
	buf_json(&c->reply, key, strlen(key));
	buf_str(&c->reply, "},\"links\":{\"self\":");
	query_self(&c->reply, c, "/api/accounts/");
	buf_str(&c->reply, "}}]");
	query_links(c, NULL);
	buf_str(&c->reply, "}");
}

static void
metric_resource(
    struct buf *b, const struct call *c, const struct held_metric *m)
{
	char path[32];

	buf_printf(
	    b, "{\"type\":\"metric\",\"id\":\"%s\",\"attributes\":{", m->id);
	if (query_lists(c, "fields[metric]", "name", 1)) {
		buf_member(b, "name");
		buf_json(b, m->name, strlen(m->name));
	}
	if (query_lists(c, "fields[metric]", "created", 1)) {
		buf_member(b, "created");
		buf_str(b, "\"");
		buf_time(b, m->created);
		buf_str(b, "\"");
	}
	if (query_lists(c, "fields[metric]", "updated", 1)) {
		buf_member(b, "updated");
		buf_str(b, "\"");
		buf_time(b, m->updated);
		buf_str(b, "\"");
	}
	if (query_lists(c, "fields[metric]", "integration", 1)) {
		buf_member(b, "integration");
		buf_str(b, "{\"object\":\"integration\",\"id\":\"0eMvjm\","
		           "\"key\":\"api\",\"name\":\"API\","
		           "\"category\":\"API\"}");
	}
	snprintf(path, sizeof path, "/api/metrics/%s/", m->id);
	buf_str(b, "},\"links\":{\"self\":");
	query_self(b, c, path);
	buf_str(b, "}}");
}

void
serve_metrics(struct call *c)
{
	static const struct filter_field fields[] = {
	    {"integration.name", OP_EQUALS, V_TEXT},
	    {"integration.category", OP_EQUALS, V_TEXT}, {NULL, 0, 0}};
	static const struct pages pages = {fields, "", 0, 200, 200};
	struct query q;
	int64_t last[2] = {0};
	size_t i, n = held_metrics();

	if (query_read(c, &pages, &q) ||
	    query_words(c, "fields[metric]", metric_fields))
		goto out;
	for (int t = 0; t < q.nterms; t++)
		if (!query_text(&q.terms[t], "API"))
			n = 0;
	c->status = 200;
	buf_str(&c->reply, "{\"data\":[");
	i = q.continued ? (size_t)q.after[0] : 0;
	last[0] = (int64_t)(i + q.size);
	for (size_t k = 0; k < q.size && i < n; k++, i++) {
		buf_str(&c->reply, k ? "," : "");
		metric_resource(&c->reply, c, held_metric(i));
	}
	buf_str(&c->reply, "]");
	query_links(c, i < n ? last : NULL);
	buf_str(&c->reply, "}");
out:
	query_free(&q);
}

/* Which events a query asks for. */
enum { METRIC, PERSON, DATETIME, TIMESTAMP };
struct wanted {
	int64_t from, to; /* s, both included */
	int nothing;
	const char *metric; /* ids, or NULL */
	uint32_t who;
};

static void
want(struct wanted *w, const struct query *q)
{
	*w = (struct wanted){.from = INT64_MIN, .to = INT64_MAX};
	for (int i = 0; i < q->nterms; i++) {
		const struct term *t = &q->terms[i];
		int64_t from = t->number + (t->op == OP_AFTER);
		int64_t to = t->number - (t->op == OP_BEFORE);

		if (t->field == METRIC) {
			w->nothing |= w->metric && strcmp(w->metric, t->text.p);
			w->metric = t->text.p;
		} else if (t->field == PERSON) {
			uint32_t who = people_find(ID_ID, t->text.p);

			w->nothing |= !who || (w->who && w->who != who);
			w->who = who;
		} else if (t->op & (OP_FROM | OP_AFTER)) {
			w->from = from > w->from ? from : w->from;
		} else {
			w->to = to < w->to ? to : w->to;
		}
	}
}

static int
matches(const struct wanted *w, const struct held *e)
{
	if (w->metric && strcmp(held_metric(e->metric)->id, w->metric))
		return 0;
	return !w->who || people_final(e->who) == w->who;
}

static void
uuid(char out[37], const unsigned char k[16])
{
	snprintf(out, 37,
	    "%02x%02x%02x%02x-%02x%02x-1%x%02x-8%x%02x-%02x%02x%02x%02x%02x%"
	    "02x",
	    k[0], k[1], k[2], k[3], k[4], k[5], k[6] & 15, k[7], k[8] & 15,
	    k[9], k[10], k[11], k[12], k[13], k[14], k[15]);
}

/* Eleven characters, as Klaviyo's events have. */
static void
event_id(char out[12], const unsigned char k[16])
{
	static const char digits[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	                             "abcdefghijkmnopqrstuvwxyz";

	for (int i = 0; i < 11; i++)
		out[i] = digits[k[i] % (sizeof digits - 1)];
	out[11] = 0;
}

static void
event_attributes(struct buf *b, const struct call *c, const struct held *e)
{
	char id[37], *properties;

	if (query_lists(c, "fields[event]", "timestamp", 1)) {
		buf_member(b, "timestamp");
		buf_printf(b, "%lld", (long long)e->at);
	}
	if (query_lists(c, "fields[event]", "event_properties", 1)) {
		properties = held_properties(e);
		buf_member(b, "event_properties");
		buf_str(b, properties);
		free(properties);
	}
	if (query_lists(c, "fields[event]", "datetime", 1)) {
		buf_member(b, "datetime");
		buf_str(b, "\"");
		buf_time(b, e->at * 1000);
		b->n -= strlen(".000Z");
		buf_str(b, "+00:00\"");
	}
	if (query_lists(c, "fields[event]", "uuid", 1)) {
		uuid(id, e->key);
		buf_member(b, "uuid");
		buf_json(b, id, strlen(id));
	}
}

static void
event_resource(struct buf *b, const struct call *c, const struct held *e)
{
	char id[12], path[40];

	event_id(id, e->key);
	snprintf(path, sizeof path, "/api/events/%s/", id);
	buf_printf(b, "{\"type\":\"event\",\"id\":\"%s\",\"attributes\":{", id);
	event_attributes(b, c, e);
	buf_printf(b,
	    "},\"relationships\":{\"profile\":{\"data\":{\"type\":\"profile\","
	    "\"id\":\"%s\"}},\"metric\":{\"data\":{\"type\":\"metric\","
	    "\"id\":\"%s\"}},\"attributions\":{\"data\":[]}},\"links\":{"
	    "\"self\":",
	    people_at(e->who)->id, held_metric(e->metric)->id);
	query_self(b, c, path);
	buf_str(b, "}}");
}

/* include=metric,profile: each once. */
struct included {
	struct buf out;
	struct map people, metrics;
};

static void
include(struct included *in, struct call *c, const struct held *e)
{
	uint32_t who = people_final(e->who), *at;

	if (query_lists(c, "include", "metric", 0)) {
		at = map_at(&in->metrics, &e->metric, sizeof e->metric);
		if (!(*at)++) {
			buf_str(&in->out, in->out.n ? "," : "");
			metric_resource(&in->out, c, held_metric(e->metric));
		}
	}
	if (query_lists(c, "include", "profile", 0)) {
		at = map_at(&in->people, &who, sizeof who);
		if (!(*at)++) {
			buf_str(&in->out, in->out.n ? "," : "");
			people_resource(&in->out, who, 0);
		}
	}
}

/* One page; *last is where the next begins. Returns whether there is one. */
static int
page(struct call *c, const struct query *q, const struct wanted *w,
    struct included *in, int64_t last[2])
{
	size_t all = held_count(), from, to, taken = 0;

	from = held_from(w->from, 0);
	to = w->to == INT64_MAX ? all : held_from(w->to + 1, 0);
	if (q->continued && q->descending) {
		size_t i = held_from(q->after[0], q->after[1]);

		to = i < to ? i : to;
	} else if (q->continued) {
		size_t i = held_from(q->after[0], q->after[1] + 1);

		from = i > from ? i : from;
	}
	for (; from < to && !w->nothing; q->descending ? to-- : from++) {
		size_t i = q->descending ? to - 1 : from;
		const struct held *e = held_at(i);

		if (!matches(w, e))
			continue;
		if (taken == q->size)
			return 1;
		buf_str(&c->reply, taken++ ? "," : "");
		event_resource(&c->reply, c, e);
		include(in, c, e);
		last[0] = e->at;
		last[1] = held_arrival(i);
	}
	return 0;
}

void
serve_held(struct call *c)
{
	static const struct filter_field fields[] = {
	    [METRIC] = {"metric_id", OP_EQUALS, V_TEXT},
	    [PERSON] = {"profile_id", OP_EQUALS, V_TEXT},
	    [DATETIME] = {"datetime", OP_RANGE, V_TIME},
	    [TIMESTAMP] = {"timestamp", OP_RANGE, V_NUMBER},
	    {NULL, 0, 0}};
	static const struct pages pages = {
	    fields, "datetime timestamp", 1, 200, 1000};
	struct included in = {0};
	struct wanted w;
	struct query q;
	int64_t last[2];
	int more;

	if (query_read(c, &pages, &q) ||
	    query_words(c, "include", "metric profile attributions") ||
	    query_words(c, "fields[metric]", metric_fields) ||
	    query_words(
	        c, "fields[event]", "timestamp event_properties datetime uuid"))
		goto out;
	want(&w, &q);
	c->status = 200;
	buf_str(&c->reply, "{\"data\":[");
	more = page(c, &q, &w, &in, last);
	buf_str(&c->reply, "]");
	if (call_query(c, "include"))
		buf_printf(
		    &c->reply, ",\"included\":[%s]", in.out.n ? in.out.p : "");
	query_links(c, more ? last : NULL);
	buf_str(&c->reply, "}");
out:
	query_free(&q);
	buf_free(&in.out);
	map_clear(&in.people);
	map_clear(&in.metrics);
}
