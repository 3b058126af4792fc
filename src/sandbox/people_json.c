/*
 * people_json.c - a profile, as Klaviyo's answers and the live page show it.
 *
 * The page gets the LISTED newest. Works under the state's lock.
 */
#include "sandbox.h"

#include <string.h>

enum { LISTED = 10000 };

static void
identifiers(struct buf *b, const struct person *p, int from, int to)
{
	for (int i = from; i < to; i++)
		if (p->own[i]) {
			buf_member(b, identity_names[i]);
			buf_json(b, p->own[i], strlen(p->own[i]));
		}
}

static void
attributes_json(struct buf *b, const struct person *p, int consents)
{
	buf_str(b, "{");
	identifiers(b, p, ID_EXTERNAL, ID_KX);
	if (p->attributes && p->attributes[1] != '}') {
		if (b->p[b->n - 1] != '{')
			buf_str(b, ",");
		buf_add(b, p->attributes + 1, strlen(p->attributes) - 2);
	}
	buf_member(b, "created");
	buf_str(b, "\"");
	buf_time(b, p->created);
	buf_str(b, "\",\"updated\":\"");
	buf_time(b, p->updated);
	buf_str(b, "\"");
	if (consents) {
		buf_member(b, "subscriptions");
		consent_resource(b, p->consents);
	}
	buf_str(b, "}");
}

void
people_resource(struct buf *b, uint32_t who, int consents)
{
	const struct person *p = people_at(who);

	buf_str(b, "{\"type\":\"profile\",\"id\":");
	buf_json(b, p->id, strlen(p->id));
	buf_str(b, ",\"attributes\":");
	attributes_json(b, p, consents);
	buf_str(b, ",\"links\":{\"self\":");
	buf_printf(b, "\"/api/profiles/%s\"}}", p->id);
}

const char *
people_name(uint32_t who)
{
	const struct person *p = people_at(who);

	for (int i = ID_EMAIL; p && i < ID_KX; i++)
		if (p->own[i])
			return p->own[i];
	return p && p->own[ID_EXTERNAL] ? p->own[ID_EXTERNAL] : "";
}

void
people_all_json(struct buf *b)
{
	uint32_t count = people_count();
	uint32_t from = count > LISTED ? count - LISTED : 0;
	int first = 1;

	buf_str(b, "[");
	for (uint32_t i = from + 1; i <= count; i++) {
		const struct person *p = people_at(i);

		if (people_final(i) != i)
			continue;
		buf_printf(
		    b, "%s{\"id\":\"%s\",\"who\":", first ? "" : ",", p->id);
		buf_json(b, people_name(i), strlen(people_name(i)));
		buf_printf(b, ",\"events\":%u,\"merged\":[%s],", p->events,
		    p->merged ? p->merged : "");
		buf_str(b, "\"identifiers\":{");
		identifiers(b, p, ID_EXTERNAL, IDENTITIES);
		buf_str(b, "},\"attributes\":");
		attributes_json(b, p, 0);
		buf_str(b, ",\"consent\":");
		consent_json(b, p->consents);
		buf_str(b, "}");
		first = 0;
	}
	buf_str(b, "]");
}
