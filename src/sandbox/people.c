/*
 * people.c - profiles: who is meant, what is known of them, who is one person.
 *
 * A profile is found by its identifiers in Klaviyo's order of precedence (enum
 * identity). A profile known only by a browser (anonymous_id, _kx) is taken in
 * by the one that the same request names; two profiles with an address, a phone
 * number or an external_id of their own are never made one. Calls from browsers
 * add identifiers and never change one.
 *
 * Two that are not the same are made one by people_merge() alone.
 *
 * Every identifier is remembered; what else is known of a profile is kept for
 * the KEPT newest. Works under the state's lock.
 */
#include "sandbox.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 100000 };

const char *const identity_names[IDENTITIES] = {
    "id", "external_id", "email", "phone_number", "_kx", "anonymous_id"};

static struct person **people; /* [0] unused */
static uint32_t count, room;
static struct map index_;

static size_t
index_key(char *out, size_t max, enum identity kind, const char *value)
{
	size_t n;

	n = (size_t)snprintf(out, max, "%d:%s", kind, value);
	if (n >= max)
		n = max - 1;
	for (size_t i = 0; kind == ID_EMAIL && i < n; i++)
		out[i] = (char)tolower((unsigned char)out[i]);
	return n;
}

static void
link_to(enum identity kind, const char *value, uint32_t who)
{
	char key[1024];
	size_t n = index_key(key, sizeof key, kind, value);

	*map_at(&index_, key, n) = who;
}

struct person *
people_at(uint32_t who)
{
	while (who && people[who]->merged_into)
		who = people[who]->merged_into;
	return who ? people[who] : NULL;
}

uint32_t
people_final(uint32_t who)
{
	while (who && people[who]->merged_into)
		who = people[who]->merged_into;
	return who;
}

uint32_t
people_find(enum identity kind, const char *value)
{
	char key[1024];
	size_t n = index_key(key, sizeof key, kind, value);

	return people_final(map_get(&index_, key, n));
}

uint32_t
people_count(void)
{
	return count;
}

struct given
people_given(const struct json *data)
{
	const struct json *attributes = json_get(data, "attributes");
	struct given g = {{0}};

	for (int i = 0; i < IDENTITIES; i++) {
		const char *v = json_text(
		    i == ID_ID ? data : attributes, identity_names[i]);

		if (v && *v && !(i == ID_PHONE && !phone_ok(v)))
			g.id[i] = v;
	}
	return g;
}

static uint32_t
make(const char *id)
{
	struct person *p = xalloc(sizeof *p);

	if (++count >= room) {
		room = room ? room * 2 : 1024;
		people = xrealloc(people, room * sizeof *people);
	}
	people[count] = p;
	if (id)
		snprintf(p->id, sizeof p->id, "%s", id);
	else
		make_id(p->id);
	p->created = p->updated = wall_ms();
	link_to(ID_ID, p->id, count);
	if (count > KEPT) {
		free(people[count - KEPT]->attributes);
		people[count - KEPT]->attributes = NULL;
	}
	return count;
}

static int
strong(uint32_t who)
{
	struct person *p = people[who];

	return p->own[ID_EXTERNAL] || p->own[ID_EMAIL] || p->own[ID_PHONE];
}

static void
own(uint32_t who, enum identity kind, const char *value)
{
	struct person *p = people[who];

	link_to(kind, value, who);
	if (p->own[kind] && !strcmp(p->own[kind], value))
		return;
	free(p->own[kind]);
	p->own[kind] = xdup(value, strlen(value));
	p->updated = wall_ms();
}

static void
remark(struct buf *b, const char *text)
{
	if (b->n)
		buf_str(b, ",");
	buf_json(b, text, strlen(text));
}

static void
take_in(uint32_t into, uint32_t who)
{
	struct person *a = people[into], *b = people[who];
	struct buf ids = {0};

	b->merged_into = into;
	consent_merge(a, b);
	a->events += b->events;
	if (b->created < a->created)
		a->created = b->created;
	buf_printf(&ids, "%s%s\"%s\"%s%s", a->merged ? a->merged : "",
	    a->merged ? "," : "", b->id, b->merged ? "," : "",
	    b->merged ? b->merged : "");
	free(a->merged);
	a->merged = ids.p;
	for (int i = ID_KX; i < IDENTITIES; i++)
		if (b->own[i] && !a->own[i])
			a->own[i] = xdup(b->own[i], strlen(b->own[i]));
}

/* Two that were known apart become one: what the first lacks it takes. */
void
people_merge(uint32_t into, uint32_t who)
{
	struct person *a = people[into], *b = people[who];
	struct json_doc *mine = NULL;
	const char *why;

	take_in(into, who);
	for (int i = ID_EXTERNAL; i < ID_KX; i++)
		if (b->own[i] && !a->own[i])
			a->own[i] = xdup(b->own[i], strlen(b->own[i]));
	if (a->attributes)
		mine = json_parse(a->attributes, strlen(a->attributes), &why);
	if (b->attributes) {
		free(a->attributes);
		a->attributes =
		    merge_attributes(b->attributes, json_root(mine), NULL);
	}
	json_free(mine);
	link_to(ID_ID, b->id, NOBODY);
	a->updated = wall_ms();
}

/* Whether the request names somebody else than the browser's last visitor. */
static int
another(uint32_t who, const struct given *g)
{
	for (int i = ID_EXTERNAL; i < ID_KX; i++)
		if (g->id[i] && people[who]->own[i] &&
		    people_find((enum identity)i, g->id[i]) != who)
			return 1;
	return 0;
}

static uint32_t
choose(const struct given *g, const uint32_t hit[])
{
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < IDENTITIES; i++) {
			if (!hit[i] || (!pass && !strong(hit[i])))
				continue;
			if (i >= ID_KX && another(hit[i], g))
				continue;
			return hit[i];
		}
	return NOBODY;
}

uint32_t
people_meet(const struct given *g, const char *new_id, int may_change,
    struct buf *remarks)
{
	uint32_t hit[IDENTITIES] = {0}, who;

	for (int i = 0; i < IDENTITIES; i++)
		if (g->id[i])
			hit[i] = people_find((enum identity)i, g->id[i]);
	if (g->id[ID_ID] && !hit[ID_ID] && !new_id)
		remark(remarks, "no profile has this id: Klaviyo may put the "
		                "event on the wrong profile, or lose it");
	who = choose(g, hit);
	if (!who)
		who = make(new_id);
	for (int i = ID_EXTERNAL; i < IDENTITIES; i++) {
		struct person *p = people[who];

		if (!g->id[i] || hit[i] == who)
			continue;
		if (hit[i] && !strong(hit[i])) {
			if (!people[hit[i]]->merged_into)
				take_in(who, hit[i]);
		} else if (hit[i]) {
			if (i < ID_KX)
				remark(remarks,
				    "one of the identifiers belongs "
				    "to another profile and stays there");
		} else if (i < ID_KX && p->own[i] && !may_change) {
			remark(remarks,
			    "calls from a browser do not change identifiers");
		} else {
			if (i < ID_KX && p->own[i])
				link_to((enum identity)i, p->own[i], NOBODY);
			own(who, (enum identity)i, g->id[i]);
		}
	}
	return who;
}

static void
clear_identifiers(uint32_t who, const struct json *attributes)
{
	for (int i = ID_EXTERNAL; i < IDENTITIES; i++) {
		const struct json *v = json_get(attributes, identity_names[i]);
		char **mine = &people[who]->own[i];

		if (!v || v->type != JSON_NULL || !*mine)
			continue;
		link_to((enum identity)i, *mine, NOBODY);
		free(*mine);
		*mine = NULL;
	}
}

void
people_merge_attributes(uint32_t who, const struct json *attributes,
    const struct json *meta, int may_change)
{
	struct person *p = people_at(who);
	char *merged;

	if (!p)
		return;
	merged = merge_attributes(p->attributes, attributes, meta);
	if (!p->attributes || strcmp(merged, p->attributes))
		p->updated = wall_ms();
	free(p->attributes);
	p->attributes = merged;
	if (may_change)
		clear_identifiers(people_final(who), attributes);
}

void
people_clear(void)
{
	for (uint32_t i = 1; i <= count; i++) {
		for (int j = 0; j < IDENTITIES; j++)
			free(people[i]->own[j]);
		free(people[i]->attributes);
		free(people[i]->merged);
		consent_free(people[i]);
		free(people[i]);
	}
	free(people);
	people = NULL;
	count = room = 0;
	map_clear(&index_);
}
