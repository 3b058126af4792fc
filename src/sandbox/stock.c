/*
 * stock.c - back in stock: who wants to know when an article is there again.
 *
 * A channel needs the address it goes to, given or known. Once the Catalog API
 * has been used, an article must be one of its variants; before that any is
 * taken, for the catalogue may come by feed, which the sandbox does not read.
 * Works under the state's lock.
 */
#include "sandbox.h"

#include <stdlib.h>
#include <string.h>

struct waiting {
	uint32_t who;
	char *variant, *channels; /* channels: "EMAIL","SMS" */
	int64_t at;
};
static struct waiting *waiting;
static size_t count, room;

static struct waiting *
find(uint32_t who, const char *variant)
{
	for (size_t i = 0; i < count; i++)
		if (people_final(waiting[i].who) == who &&
		    !strcmp(waiting[i].variant, variant))
			return &waiting[i];
	return NULL;
}

static struct waiting *
add(uint32_t who, const char *variant, int64_t at)
{
	if (count == room) {
		room = room ? room * 2 : 64;
		waiting = xrealloc(waiting, room * sizeof *waiting);
	}
	waiting[count] = (struct waiting){
	    .who = who, .variant = xdup(variant, strlen(variant)), .at = at};
	return &waiting[count++];
}

/* The channels as given; a second request of the same replaces them. */
void
stock_take(const struct arrival *a, const struct json *profile,
    const struct json *channels, const char *variant)
{
	struct given g = people_given(profile);
	struct buf remarks = {0}, b = {0}, list = {0};
	struct waiting *w;
	double quantity;
	uint32_t who = people_meet(&g, a->new_id, !a->browser, &remarks);

	if (catalog_stock(variant, &quantity) && quantity > 0) {
		static const char there[] = "the variant is in stock";

		buf_str(&remarks, remarks.n ? "," : "");
		buf_json(&remarks, there, strlen(there));
	}
	if (!(w = find(who, variant)))
		w = add(who, variant, a->received);
	json_copy(&list, channels);
	free(w->channels);
	w->channels = list.p;
	events_head(&b, a, "back_in_stock");
	buf_str(&b, ",\"variant\":");
	buf_json(&b, variant, strlen(variant));
	buf_str(&b, ",\"channels\":");
	json_copy(&b, channels);
	buf_str(&b, ",\"profile\":");
	json_copy(&b, profile);
	buf_str(&b, ",\"who\":");
	buf_json(&b, people_name(who), strlen(people_name(who)));
	buf_printf(&b, ",\"remarks\":[%s]", remarks.n ? remarks.p : "");
	if (!a->new_id)
		data_keep(&b, people_at(who));
	log_add(STOCK, who, NULL, a->browser, b.p);
	buf_free(&remarks);
}

void
stock_json(struct buf *b)
{
	buf_str(b, "[");
	for (size_t i = 0; i < count; i++) {
		const struct waiting *w = &waiting[i];

		buf_printf(b, "%s{\"person\":\"%s\",\"who\":", i ? "," : "",
		    people_at(w->who)->id);
		buf_json(b, people_name(w->who), strlen(people_name(w->who)));
		buf_str(b, ",\"variant\":");
		buf_json(b, w->variant, strlen(w->variant));
		buf_printf(b, ",\"channels\":%s,\"at\":\"", w->channels);
		buf_time(b, w->at);
		buf_str(b, "\"}");
	}
	buf_str(b, "]");
}

void
stock_clear(void)
{
	while (count) {
		free(waiting[--count].variant);
		free(waiting[count].channels);
	}
	free(waiting);
	waiting = NULL;
	room = 0;
}

/* Whether the one meant has an address for the channel. */
static int
reachable(const struct given *g, const char *channel)
{
	enum identity kind = strcmp(channel, "EMAIL") ? ID_PHONE : ID_EMAIL;
	uint32_t who = NOBODY;

	if (g->id[kind] || !strcmp(channel, "PUSH"))
		return 1;
	for (int i = 0; i < ID_KX && !who; i++)
		if (g->id[i])
			who = people_find((enum identity)i, g->id[i]);
	return who && people_at(who)->own[kind];
}

void
serve_stock(struct call *c)
{
	const struct json *data = json_get(json_root(c->doc), "data");
	const struct json *a = json_get(data, "attributes");
	const struct json *profile = json_path(a, "profile", "data", NULL);
	const struct json *channels = json_get(a, "channels");
	const char *variant = json_text(
	    json_path(data, "relationships", "variant", "data", NULL), "id");
	struct given g = people_given(profile);
	struct arrival from;

	for (const struct json *v = channels->child; v; v = v->next)
		if (!reachable(&g, v->str))
			report_error(&c->report, 400, "invalid",
			    "Invalid input.",
			    "/data/attributes/profile/data/attributes", NULL,
			    strcmp(v->str, "EMAIL")
			        ? "This channel needs a phone_number."
			        : "The channel EMAIL needs an email.");
	if (catalog_lacks(variant))
		report_error(&c->report, 404, "not_found", "Not found.",
		    "/data/relationships/variant/data/id", NULL,
		    "A catalog variant with this id does not exist.");
	if (c->report.count)
		return;
	c->status = 202;
	from = call_arrival(c);
	stock_take(&from, profile, channels, variant);
}
