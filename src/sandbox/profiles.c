/*
 * profiles.c - Klaviyo's endpoints for profiles: find, get, create, update,
 * create-or-update, and the browser's identify.
 *
 * Each is called with a body of the right shape, under the state's lock, and
 * sets the status and the reply, or reports an error.
 */
#include "query.h"

#include <string.h>

static int
with_consents(const struct call *c)
{
	return query_lists(c, "additional-fields[profile]", "subscriptions", 0);
}

static void
reply_profile(struct call *c, int status, uint32_t who)
{
	c->status = status;
	buf_str(&c->reply, "{\"data\":");
	people_resource(&c->reply, who, with_consents(c));
	buf_str(&c->reply, "}");
}

/* filter=equals(email,"..."), and the other identifiers likewise. */
void
profile_find(struct call *c)
{
	const char *filter = call_query(c, "filter"), *p, *end;
	uint32_t who = NOBODY;
	char value[300];
	int kind = IDENTITIES;

	if (filter && !strncmp(filter, "equals(", 7))
		for (kind = 0; kind < ID_KX; kind++) {
			size_t n = strlen(identity_names[kind]);

			if (!strncmp(filter + 7, identity_names[kind], n) &&
			    !strncmp(filter + 7 + n, ",\"", 2))
				break;
		}
	p = kind < ID_KX ? strchr(filter, '"') + 1 : NULL;
	end = p ? strstr(p, "\")") : NULL;
	if (!end || end[2] || end - p >= (int)sizeof value) {
		report_error(&c->report, 400, "invalid", "Invalid input.",
		    "filter", NULL,
		    "filter must be equals(email,\"...\") or the "
		    "same of id, external_id or phone_number, URL-encoded.");
		return;
	}
	snprintf(value, sizeof value, "%.*s", (int)(end - p), p);
	who = people_find((enum identity)kind, value);
	c->status = 200;
	buf_str(&c->reply, "{\"data\":[");
	if (who)
		people_resource(&c->reply, who, with_consents(c));
	buf_str(&c->reply, "],\"links\":{\"self\":");
	buf_json(&c->reply, c->target, strlen(c->target));
	buf_str(&c->reply, ",\"next\":null,\"prev\":null}}");
}

static uint32_t
profile_of_path(struct call *c)
{
	uint32_t who = people_find(ID_ID, c->id);

	if (!who)
		call_error(c, 404, "not_found", "Not found.",
		    "A profile with this id does not exist.");
	return who;
}

void
profile_get(struct call *c)
{
	uint32_t who = profile_of_path(c);

	if (who)
		reply_profile(c, 200, who);
}

/* Whether somebody else than `who` has one of the identifiers. */
static uint32_t
owner(const struct given *g, uint32_t who)
{
	for (int i = ID_EXTERNAL; i < ID_KX; i++) {
		uint32_t other =
		    g->id[i] ? people_find((enum identity)i, g->id[i]) : NOBODY;

		if (other && other != who)
			return other;
	}
	return NOBODY;
}

static void
conflict(struct call *c, uint32_t with)
{
	char meta[80];

	snprintf(meta, sizeof meta, "{\"duplicate_profile_id\":\"%s\"}",
	    people_at(with)->id);
	report_error(&c->report, 409, "duplicate_profile", "Conflict.",
	    "/data/attributes", meta,
	    "A profile already exists with one of "
	    "these identifiers.");
}

static void
store(struct call *c, struct given g, uint32_t known)
{
	const struct json *data = json_get(json_root(c->doc), "data");
	struct buf remarks = {0};
	struct arrival from;
	uint32_t who;

	if (known)
		g.id[ID_ID] = people_at(known)->id;
	who = people_meet(&g, NULL, 1, &remarks);
	people_merge_attributes(
	    who, json_get(data, "attributes"), json_get(data, "meta"), 1);
	from = call_arrival(c);
	from.status = c->status;
	events_profile(&from, data, who);
	reply_profile(c, c->status, who);
	buf_free(&remarks);
}

void
profile_create(struct call *c)
{
	struct given g = people_given(json_get(json_root(c->doc), "data"));
	uint32_t other = owner(&g, NOBODY);

	if (other) {
		conflict(c, other);
		return;
	}
	c->status = 201;
	store(c, g, NOBODY);
}

void
profile_update(struct call *c)
{
	const struct json *data = json_get(json_root(c->doc), "data");
	struct given g = people_given(data);
	uint32_t who = profile_of_path(c), other;

	if (!who)
		return;
	if (strcmp(json_text(data, "id"), c->id)) {
		report_error(&c->report, 400, "invalid", "Invalid input.",
		    "/data/id", NULL, "'id' is not the id of the path.");
	} else if ((other = owner(&g, who))) {
		conflict(c, other);
	} else {
		c->status = 200;
		store(c, g, who);
	}
}

void
profile_import(struct call *c)
{
	struct given g = people_given(json_get(json_root(c->doc), "data"));
	uint32_t who = NOBODY;

	if (g.id[ID_ID]) {
		who = people_find(ID_ID, g.id[ID_ID]);
		if (!who || owner(&g, who)) {
			call_error(c, 404, "not_found", "Not found.",
			    "A profile with this id does not exist, or another "
			    "one has these identifiers.");
			return;
		}
	}
	for (int i = ID_EXTERNAL; i < IDENTITIES && !who; i++)
		if (g.id[i])
			who = people_find((enum identity)i, g.id[i]);
	c->status = who ? 200 : 201;
	store(c, g, NOBODY);
}

void
profile_identify(struct call *c)
{
	const struct json *data = json_get(json_root(c->doc), "data");
	struct given g = people_given(data);
	struct buf remarks = {0};
	struct arrival from;
	uint32_t who;

	c->status = 202;
	from = call_arrival(c);
	who = people_meet(&g, NULL, 0, &remarks);
	people_merge_attributes(
	    who, json_get(data, "attributes"), json_get(data, "meta"), 0);
	events_profile(&from, data, who);
	buf_free(&remarks);
}

/* The source's events, consent and whatever else the destination lacks. */
void
profile_merge(struct call *c)
{
	const struct json *data = json_get(json_root(c->doc), "data");
	const struct json *from =
	    json_path(data, "relationships", "profiles", "data", NULL)->child;
	const char *source = json_text(from, "id");
	uint32_t into = people_find(ID_ID, json_text(data, "id"));
	uint32_t who = people_find(ID_ID, source);
	struct arrival a;

	if (!into || !who) {
		report_error(&c->report, 404, "not_found", "Not found.",
		    into ? "/data/relationships/profiles/data/0/id"
		         : "/data/id",
		    NULL, "A profile with this id does not exist.");
		return;
	}
	if (into == who) {
		report_error(&c->report, 400, "invalid", "Invalid input.",
		    "/data/relationships/profiles/data/0/id", NULL,
		    "A profile cannot be merged into itself.");
		return;
	}
	c->status = 201;
	a = call_arrival(c);
	events_merge(&a, into, who);
	buf_printf(&c->reply,
	    "{\"data\":{\"type\":\"profile\",\"id\":\"%s\",\"links\":{"
	    "\"self\":\"/api/profiles/%s\"}}}",
	    people_at(into)->id, people_at(into)->id);
}
