/*
 * subscriptions.c - consent: who said yes, or took it back, to what.
 *
 * Nothing else in the sandbox gives anybody's consent, as with Klaviyo: an
 * event or a profile does not. Each channel has its own; the last word counts.
 * Unsubscribing from a list that the person is on takes them off that list and
 * leaves the rest; without a list, or from one they are not on, it is for all.
 * Works under the state's lock.
 */
#include "sandbox.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *medium, *kind;
	const char *shown, *can; /* in a profile of Klaviyo's answers */
} channels[CHANNELS] = {[EMAIL_MARKETING] = {"email", "marketing", "email",
                            "can_receive_email_marketing"},
    [EMAIL_OPEN_TRACKING] = {"email", "open_tracking", "email", "can_receive"},
    [SMS_MARKETING] = {"sms", "marketing", "sms", "can_receive_sms_marketing"},
    [SMS_TRANSACTIONAL] = {"sms", "transactional", "sms",
        "can_receive_sms_transactional"},
    [WHATSAPP_MARKETING] = {"whatsapp", "marketing", "whatsapp", "can_receive"},
    [WHATSAPP_TRANSACTIONAL] = {"whatsapp", "transactional", "whatsapp",
        "can_receive"},
    [WHATSAPP_CONVERSATIONAL] = {"whatsapp", "conversational", "whatsapp",
        "can_receive"},
    [PUSH_MARKETING] = {
        "push", "marketing", "mobile_push", "can_receive_push_marketing"}};

static const char *const states[] = {
    "NEVER_SUBSCRIBED", "SUBSCRIBED", "UNSUBSCRIBED"};

static struct consents *
consents_of(struct person *p)
{
	if (!p->consents)
		p->consents = xalloc(sizeof *p->consents);
	return p->consents;
}

static uint64_t turns; /* words so far */

static void
say(struct consents *c, int channel, enum consented state, int64_t at,
    int64_t now, const char *source)
{
	free(c->of[channel].source);
	c->of[channel].state = state;
	c->of[channel].at = at;
	c->of[channel].updated = now;
	c->of[channel].turn = ++turns;
	c->of[channel].source = source ? xdup(source, strlen(source)) : NULL;
}

/* What the request says of a channel; NULL when nothing. A browser's without
   subscriptions speaks for the channels it has an address of. */
static const struct json *
said(const struct json *attributes, int channel)
{
	const struct json *all = json_get(attributes, "subscriptions");

	if (all)
		return json_path(all, channels[channel].medium,
		    channels[channel].kind, NULL);
	if (channel == EMAIL_MARKETING && json_text(attributes, "email"))
		return attributes;
	if (channel == SMS_MARKETING && json_text(attributes, "phone_number"))
		return attributes;
	return NULL;
}

static void
apply(struct consents *c, const struct arrival *a, const struct json *v,
    int channel, const char *source, int subscribe)
{
	const char *when = json_text(v, "consented_at");
	int64_t at = a->received;
	int zone;

	if (when && subscribe)
		at = time_parse(when, &zone) * 1000;
	say(c, channel, subscribe ? SUBSCRIBED : UNSUBSCRIBED, at, a->received,
	    source);
}

static void
entry(struct buf *b, const struct arrival *a, const struct json *profile,
    const char *list, const char *source, int subscribe, int from_list)
{
	const struct json *attributes = json_get(profile, "attributes");
	int n = 0;

	events_head(b, a, "consent");
	buf_printf(
	    b, ",\"change\":\"%s\"", subscribe ? "subscribe" : "unsubscribe");
	if (list) {
		buf_str(b, ",\"list\":");
		buf_json(b, list, strlen(list));
	}
	if (source) {
		buf_str(b, ",\"source\":");
		buf_json(b, source, strlen(source));
	}
	buf_str(b, ",\"channels\":[");
	for (int i = 0; i < CHANNELS; i++)
		if (said(attributes, i))
			buf_printf(b, "%s\"%s.%s\"", n++ ? "," : "",
			    channels[i].medium, channels[i].kind);
	buf_str(b, "],\"profile\":");
	json_copy(b, profile);
	buf_printf(b, ",\"remarks\":[%s]",
	    from_list ? "\"off this list only: the consent itself stays\""
	              : "");
}

void
consent_take(const struct arrival *a, const struct json *profile,
    const char *list, const char *source, int subscribe)
{
	const struct json *attributes = json_get(profile, "attributes");
	struct given g = people_given(profile);
	struct buf remarks = {0}, b = {0};
	int from_list = 0;
	struct consents *c;
	uint32_t who;

	who = people_meet(&g, a->new_id, !a->browser, &remarks);
	people_merge_attributes(who, attributes, NULL, 0);
	c = consents_of(people_at(who));
	if (list && subscribe) {
		ids_add(&c->lists, list);
		ids_drop(&c->off, list);
	} else if (list && ids_drop(&c->lists, list)) {
		ids_add(&c->off, list);
		from_list = 1;
	}
	for (int i = 0; i < CHANNELS && !from_list; i++) {
		const struct json *v = said(attributes, i);

		if (v)
			apply(c, a, v, i, source, subscribe);
	}
	entry(&b, a, profile, list, source, subscribe, from_list);
	buf_str(&b, ",\"who\":");
	buf_json(&b, people_name(who), strlen(people_name(who)));
	if (!a->new_id)
		data_keep(&b, people_at(who));
	log_add(CONSENT, who, NULL, a->browser, b.p);
	buf_free(&remarks);
}

/* The later word counts. */
void
consent_merge(struct person *into, const struct person *from)
{
	struct consents *c, *f = from->consents;
	struct json_doc *doc;
	struct buf b = {0};
	const char *why;

	if (!f)
		return;
	c = consents_of(into);
	for (int i = 0; i < CHANNELS; i++)
		if (f->of[i].state && f->of[i].turn > c->of[i].turn)
			say(c, i, f->of[i].state, f->of[i].at, f->of[i].updated,
			    f->of[i].source);
	buf_printf(
	    &b, "[[%s],[%s]]", f->lists ? f->lists : "", f->off ? f->off : "");
	doc = json_parse(b.p, b.n, &why);
	for (const struct json *v = json_root(doc)->child->child; v;
	     v = v->next)
		ids_add(&c->lists, v->str);
	for (const struct json *v = json_root(doc)->child->next->child; v;
	     v = v->next)
		ids_add(&c->off, v->str);
	json_free(doc);
	buf_free(&b);
}

static void
time_member(struct buf *b, const char *name, int64_t at)
{
	buf_printf(b, "\"%s\":\"", name);
	buf_time(b, at);
	buf_str(b, "\"");
}

void
consent_json(struct buf *b, const struct consents *c)
{
	buf_str(b, "{\"channels\":{");
	for (int i = 0, n = 0; c && i < CHANNELS; i++) {
		if (!c->of[i].state)
			continue;
		buf_printf(b, "%s\"%s.%s\":{\"state\":\"%s\",", n++ ? "," : "",
		    channels[i].medium, channels[i].kind,
		    states[c->of[i].state]);
		time_member(b, "at", c->of[i].at);
		buf_str(b, ",\"source\":");
		if (c->of[i].source)
			buf_json(b, c->of[i].source, strlen(c->of[i].source));
		else
			buf_str(b, "null");
		buf_str(b, "}");
	}
	buf_printf(b, "},\"lists\":[%s],\"left\":[%s]}",
	    c && c->lists ? c->lists : "", c && c->off ? c->off : "");
}

/* A channel as Klaviyo's profiles have it. */
static void
resource(struct buf *b, const struct consents *c, int i)
{
	enum consented state = c ? c->of[i].state : NEVER;
	int can =
	    state == SUBSCRIBED || (i <= EMAIL_OPEN_TRACKING && state == NEVER);

	buf_printf(b, "\"%s\":{\"%s\":%s,\"consent\":\"%s\",", channels[i].kind,
	    channels[i].can, can ? "true" : "false", states[state]);
	if (state)
		time_member(b, "consent_timestamp", c->of[i].at);
	else
		buf_str(b, "\"consent_timestamp\":null");
	if (i == EMAIL_MARKETING) {
		buf_str(b, ",\"custom_method_detail\":");
		if (state && c->of[i].source)
			buf_json(b, c->of[i].source, strlen(c->of[i].source));
		else
			buf_str(b, "null");
		buf_str(b, ",\"double_optin\":false,\"suppression\":[");
		if (state == UNSUBSCRIBED) {
			buf_str(b, "{\"reason\":\"UNSUBSCRIBE\",");
			time_member(b, "timestamp", c->of[i].at);
			buf_str(b, "}");
		}
		buf_str(b, "],\"list_suppressions\":[]");
	}
	if (i != PUSH_MARKETING) {
		buf_str(b, ",");
		if (state)
			time_member(b, "last_updated", c->of[i].updated);
		else
			buf_str(b, "\"last_updated\":null");
	}
	buf_str(b, "}");
}

void
consent_resource(struct buf *b, const struct consents *c)
{
	const char *open = NULL;

	buf_str(b, "{");
	for (int i = 0; i < CHANNELS; i++) {
		const char *name = channels[i].shown;

		if (!open || strcmp(open, name))
			buf_printf(b, "%s\"%s\":{", open ? "}," : "", name);
		else
			buf_str(b, ",");
		open = name;
		resource(b, c, i);
	}
	buf_str(b, "}}");
}

void
consent_free(struct person *p)
{
	if (!p->consents)
		return;
	for (int i = 0; i < CHANNELS; i++)
		free(p->consents->of[i].source);
	free(p->consents->lists);
	free(p->consents->off);
	free(p->consents);
	p->consents = NULL;
}

static void
serve_job(struct call *c, int subscribe)
{
	const struct json *data = json_get(json_root(c->doc), "data");
	const struct json *a = json_get(data, "attributes");
	const char *list = json_text(
	    json_path(data, "relationships", "list", "data", NULL), "id");
	struct arrival from;

	c->status = 202;
	from = call_arrival(c);
	for (const struct json *p =
	         json_path(a, "profiles", "data", NULL)->child;
	     p; p = p->next)
		consent_take(
		    &from, p, list, json_text(a, "custom_source"), subscribe);
}

void
serve_subscribe(struct call *c)
{
	serve_job(c, 1);
}

void
serve_unsubscribe(struct call *c)
{
	serve_job(c, 0);
}

void
serve_client_subscription(struct call *c)
{
	const struct json *data = json_get(json_root(c->doc), "data");
	const struct json *a = json_get(data, "attributes");
	struct arrival from;

	c->status = 202;
	from = call_arrival(c);
	consent_take(&from, json_path(a, "profile", "data", NULL),
	    json_text(
	        json_path(data, "relationships", "list", "data", NULL), "id"),
	    json_text(a, "custom_source"), 1);
}
