/*
 * consent_rules.c - what a consent or back-in-stock request must satisfy beyond
 * its shape.
 *
 * Consent is given through one channel, by somebody: a channel without its
 * address or number is refused, and here a bad phone number is never forgiven.
 */
#include "schema.h"

#include <string.h>

enum { SUBSCRIBE_MAX = 1000, UNSUBSCRIBE_MAX = 100 };

void
rule_phone(struct walk *w, const struct json *v)
{
	if (!phone_ok(v->str))
		walk_fail(w, NULL,
		    "Invalid phone number format (Example of a valid format: "
		    "+12345678901)");
}

void
rule_past(struct walk *w, const struct json *v)
{
	int errors = w->report->count, zone;

	rule_time(w, v);
	if (errors == w->report->count && time_parse(v->str, &zone) > w->now)
		walk_fail(w, NULL, "Consent cannot be given in the future.");
}

void
rule_one(struct walk *w, const struct json *v)
{
	if (v->size != 1)
		walk_fail(
		    w, NULL, "Exactly one is expected, not %zu.", v->size);
}

void
rule_channels(struct walk *w, const struct json *v)
{
	static const char *const known[] = {"EMAIL", "PUSH", "SMS", "WHATSAPP"};

	if (!v->size)
		walk_fail(w, NULL, "At least one channel is required.");
	for (v = v->child; v; v = v->next) {
		size_t i = 0;

		while (i < 4 && strcmp(known[i], v->str))
			i++;
		if (i == 4)
			walk_fail(w, NULL, "'%.40s' is not a channel.", v->str);
	}
}

void
rule_compound(struct walk *w, const struct json *v)
{
	static const char prefix[] = "$custom:::$default:::";

	if (strncmp(v->str, prefix, strlen(prefix)) || !v->str[strlen(prefix)])
		walk_fail(
		    w, NULL, "An id has the form %s<external_id>.", prefix);
}

/* The attribute through which each channel reaches somebody. */
static const struct {
	const char *channel, *needs;
} reached[] = {
    {"email", "email"}, {"sms", "phone_number"}, {"whatsapp", "phone_number"}};

/* One profile's subscriptions, against its own identifiers. */
static void
consents(struct walk *w, const struct json *profile, int historical)
{
	const struct json *a = json_get(profile, "attributes");
	const struct json *all = json_get(a, "subscriptions");
	int known = json_text(profile, "id") != NULL;
	size_t before = walk_enter(w, "attributes"), n = 0;

	if (!known && !json_text(a, "email") && !json_text(a, "phone_number"))
		walk_fail(
		    w, NULL, "An email, a phone_number or an id is required.");
	for (size_t i = 0; i < sizeof reached / sizeof *reached; i++)
		if (json_get(all, reached[i].channel) && !known &&
		    !json_text(a, reached[i].needs))
			walk_fail(w, reached[i].needs,
			    "A subscription to %s needs '%s'.",
			    reached[i].channel, reached[i].needs);
	walk_enter(w, "subscriptions");
	for (const struct json *c = all->child; c; c = c->next) {
		size_t outer = walk_enter(w, c->key);

		for (const struct json *v = c->child; v; v = v->next) {
			size_t inner = walk_enter(w, v->key);
			const char *at = json_text(v, "consented_at");

			n += json_get(v, "consent") != NULL;
			if (historical && !at && v->type == JSON_OBJECT &&
			    strcmp(v->key, "open_tracking"))
				walk_fail(w, "consented_at",
				    "historical_import needs the time of each "
				    "consent.");
			if (!historical && at)
				walk_fail(w, "consented_at",
				    "Only with historical_import.");
			walk_leave(w, inner);
		}
		walk_leave(w, outer);
	}
	if (!n)
		walk_fail(w, NULL, "At least one channel is required.");
	walk_leave(w, before);
}

static void
all(struct walk *w, const struct json *v, size_t max, int historical)
{
	const struct json *p = json_path(v, "profiles", "data", NULL);
	size_t before = walk_enter(w, "profiles");
	int i = 0;

	walk_enter(w, "data");
	if (p->size < 1 || p->size > max)
		walk_fail(w, NULL,
		    "From 1 to %zu profiles are taken at once, not %zu.", max,
		    p->size);
	else
		for (p = p->child; p; p = p->next) {
			size_t in = walk_element(w, i++);

			consents(w, p, historical);
			walk_leave(w, in);
		}
	walk_leave(w, before);
}

void
rule_subscribe(struct walk *w, const struct json *v)
{
	const struct json *h = json_get(v, "historical_import");

	all(w, v, SUBSCRIBE_MAX, h && h->type == JSON_BOOL && *h->src == 't');
}

void
rule_unsubscribe(struct walk *w, const struct json *v)
{
	all(w, v, UNSUBSCRIBE_MAX, 0);
}

/* A browser's: without subscriptions it is for every address given. */
void
rule_client_consent(struct walk *w, const struct json *v)
{
	const struct json *given = json_get(v, "subscriptions");

	rule_phone_owner(w, v);
	if (!json_text(v, "email") && !json_text(v, "phone_number"))
		walk_fail(w, NULL, "An email or a phone_number is required.");
	for (size_t i = 0; i < sizeof reached / sizeof *reached; i++)
		if (json_get(given, reached[i].channel) &&
		    !json_text(v, reached[i].needs))
			walk_fail(w, reached[i].needs,
			    "A subscription to %s needs '%s'.",
			    reached[i].channel, reached[i].needs);
}
