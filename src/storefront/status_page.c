/*
 * status_page.c - the operator's page: the figures, put into status.tpl.
 *
 * Promises: every text of somebody else's goes through a template's escaping.
 *
 * Does not read the database, and decides nothing: figures_alarms() does.
 */
#include "status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ready.h"
#include "tpl.h"

enum { PLOT_HEIGHT = 64, BAR_STEP = 4, HOURS_TEXT = 8 };

/* 1,234,567 */
static const char *
grouped(struct arena *arena, int64_t n)
{
	char digits[24], *text;
	size_t length, at = 0;

	snprintf(digits, sizeof(digits), "%" PRId64, n < 0 ? 0 : n);
	length = strlen(digits);
	text = arena_alloc(arena, length + length / 3 + 1);
	if (text == NULL)
		return "";
	for (size_t i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	return text;
}

static const char *
since(const struct figures *f, int64_t then)
{
	return figures_span(
	    f->arena, then != 0 && f->now > then ? f->now - then : 0);
}

/* --------------------------------------------------------------------- plots
 */

struct plot {
	const char *name;
	bool seconds;
	int64_t (*value)(const struct klaviyo_span *span);
};

static int64_t
sent_of(const struct klaviyo_span *span)
{
	return span->sent;
}

static int64_t
waiting_of(const struct klaviyo_span *span)
{
	return span->waiting;
}

static int64_t
slowest_of(const struct klaviyo_span *span)
{
	return span->slowest;
}

static const char *
amount(const struct figures *f, const struct plot *plot, int64_t value)
{
	return plot->seconds ? figures_span(f->arena, value)
	                     : grouped(f->arena, value);
}

static void
put_clock(struct tpl *tpl, const char *name, int64_t time)
{
	char text[HOURS_TEXT];

	tpl_set(tpl, name, utc_text(text, sizeof(text), "%H:%M", time));
}

static void
put_bar(const struct figures *f, struct tpl *into, const struct plot *plot,
    int i, int64_t peak)
{
	const struct klaviyo_span *span = &f->span[i];
	int64_t value = plot->value(span), height;
	struct tpl *bar;
	char at[HOURS_TEXT];

	if (value <= 0)
		return;
	/* What is there is seen, however small beside the peak. */
	height = 1 + value * (PLOT_HEIGHT - 1) / peak;
	bar = tpl_section(into, "BAR");
	tpl_num(bar, "X", (int64_t)i * BAR_STEP);
	tpl_num(bar, "Y", PLOT_HEIGHT - height);
	tpl_num(bar, "H", height);
	tpl_set(bar, "TITLE",
	    arena_printf(f->arena, "%s: %s",
	        utc_text(at, sizeof(at), "%H:%M", span->begin),
	        amount(f, plot, value)));
}

static void
put_plot(const struct figures *f, struct tpl *page, const struct plot *plot)
{
	struct tpl *into = tpl_include(page, "PLOT", "plot.tpl");
	int64_t peak = 0, begin = f->span[0].begin;

	for (int i = 0; i < STATUS_SPANS; i++)
		if (plot->value(&f->span[i]) > peak)
			peak = plot->value(&f->span[i]);
	tpl_set(into, "NAME", plot->name);
	tpl_set(into, "PEAK", amount(f, plot, peak));
	tpl_set(into, "LAST",
	    amount(f, plot, plot->value(&f->span[STATUS_SPANS - 1])));
	put_clock(into, "BEGIN", begin);
	put_clock(into, "MIDDLE", begin + STATUS_SECONDS / 2);
	put_clock(into, "END", begin + STATUS_SECONDS);
	for (int i = 0; i < STATUS_SPANS; i++)
		put_bar(f, into, plot, i, peak);
}

/* --------------------------------------------------------------------- parts
 */

static void
put_figure(struct tpl *page, const char *name, const char *value,
    const char *note, const char *mark)
{
	struct tpl *figure = tpl_section(page, "FIGURE");

	tpl_set(figure, "NAME", name);
	tpl_set(figure, "VALUE", value);
	tpl_set(figure, "NOTE", note);
	tpl_set(figure, "MARK", mark);
}

static void
put_figures(const struct figures *f, struct tpl *page)
{
	const struct klaviyo_status *s = &f->outbox;
	bool late = s->oldest_realtime != 0 &&
	            f->now - s->oldest_realtime > READY_OLDEST;

	put_figure(page, "Waiting", grouped(f->arena, s->waiting + s->claimed),
	    s->oldest == 0 ? "nothing is unsent"
	                   : arena_printf(f->arena, "the oldest for %s",
	                         since(f, s->oldest)),
	    late ? "warn" : "");
	put_figure(page, "Sent in the last minute",
	    grouped(f->arena, s->sent_minute),
	    s->last_sent == 0 ? "never yet"
	                      : arena_printf(f->arena, "the last %s ago",
	                            since(f, s->last_sent)),
	    "");
	put_figure(
	    page, "Sent", grouped(f->arena, s->sent), "ids that are kept", "");
	put_figure(page, "Dead", grouped(f->arena, s->dead),
	    s->dead == 0 ? "none refused" : "refused for good",
	    s->dead > 0 ? "bad" : "");
	put_figure(page, "Dropped", grouped(f->arena, s->dropped),
	    s->refused == 0
	        ? "given up by hand, or erased"
	        : arena_printf(f->arena, "%s more: the queue was full",
	              grouped(f->arena, s->refused)),
	    s->refused > 0 ? "warn" : "");
	put_figure(page, "Orders without events",
	    arena_printf(f->arena, "%s%s", grouped(f->arena, f->order_count),
	        f->order_count == STATUS_COUNTED ? "+" : ""),
	    "of the last 30 days", f->order_count > 0 ? "warn" : "");
}

static void
put_fact(struct tpl *page, const char *name, const char *value)
{
	struct tpl *fact = tpl_section(page, "FACT");

	tpl_set(fact, "NAME", name);
	tpl_set(fact, "VALUE", value);
}

static void
put_facts(const struct figures *f, struct tpl *page)
{
	const struct klaviyo_status *s = &f->outbox;

	put_fact(page, "Sender", *s->sender != '\0' ? s->sender : "nobody");
	if (*s->sender != '\0') {
		put_fact(page, "Sending for", since(f, s->sender_since));
		put_fact(page, "Last sign of life",
		    arena_printf(f->arena, "%s ago", since(f, s->heartbeat)));
	}
	put_fact(page, "Delivery", f->batch ? "in batches" : "in real time");
	put_fact(page, "Pause",
	    s->paused_until == 0
	        ? "none"
	        : arena_printf(f->arena, "%s more: %s",
	              figures_span(f->arena, s->paused_until - f->now),
	              s->reason));
}

static void
put_ages(const struct figures *f, struct tpl *page)
{
	for (int i = 0; i < KLAVIYO_AGES; i++) {
		struct tpl *age = tpl_section(page, "AGE");
		bool last = i == KLAVIYO_AGES - 1;

		tpl_set(age, "NAME",
		    arena_printf(f->arena, last ? "%s or more" : "under %s",
		        figures_span(f->arena, status_ages[last ? i - 1 : i])));
		tpl_set(age, "VALUE", grouped(f->arena, f->age[i]));
		tpl_set(age, "MARK", f->age[i] > 0 ? "some" : "");
	}
}

static void
put_troubles(const struct figures *f, struct tpl *page)
{
	struct tpl *all;

	if (f->troubles == NULL) {
		tpl_show(page, "QUIET");
		return;
	}
	all = tpl_section(page, "TROUBLES");
	for (struct status_trouble *t = f->troubles; t != NULL; t = t->next) {
		struct tpl *one = tpl_section(all, "TROUBLE");

		tpl_set(one, "STATE", t->state);
		tpl_set(one, "EVENTS", grouped(f->arena, t->events));
		tpl_set(one, "SINCE", since(f, t->oldest));
		tpl_set(one, "TEXT", t->error);
	}
}

/* JSON on several lines, its values as they are. */
static void
put_json(struct tpl *tpl, const char *name, const char *json)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (out != NULL) {
		json_print(out, json);
		if (fclose(out) != 0) {
			free(text);
			text = NULL;
		}
	}
	tpl_set(tpl, name, text != NULL ? text : json);
	free(text);
}

static void
put_dead(const struct figures *f, struct tpl *page, const char *token)
{
	struct tpl *all;

	if (f->dead == NULL) {
		tpl_show(page, "NODEAD");
		return;
	}
	all = tpl_section(page, "DEAD");
	tpl_set(all, "COUNT", grouped(f->arena, f->outbox.dead));
	tpl_set(all, "TOKEN", token);
	if (f->outbox.dead > STATUS_LISTED)
		tpl_num(tpl_section(all, "MORE"), "LISTED", STATUS_LISTED);
	for (struct status_dead *d = f->dead; d != NULL; d = d->next) {
		struct tpl *one = tpl_section(all, "LETTER");

		tpl_set(one, "ID", d->id);
		tpl_set(one, "KIND", d->kind);
		tpl_set(one, "SINCE", since(f, d->created_at));
		tpl_set(one, "ATTEMPTS",
		    arena_printf(f->arena, "%d attempt%s", d->attempts,
		        d->attempts == 1 ? "" : "s"));
		tpl_set(one, "ERROR", d->error);
		if (*d->origin != '\0')
			tpl_set(tpl_section(one, "REQUEST"), "NAME", d->origin);
		tpl_set(one, "TOKEN", token);
		put_json(one, "PROFILE", d->profile);
		put_json(one, "EVENT", d->event);
	}
}

static void
put_orders(const struct figures *f, struct tpl *page)
{
	struct tpl *all;

	if (f->orders == NULL)
		return;
	all = tpl_section(page, "ORDERS");
	tpl_set(all, "COUNT",
	    arena_printf(f->arena, "%s%s", grouped(f->arena, f->order_count),
	        f->order_count == STATUS_COUNTED ? " or more" : ""));
	for (struct status_order *o = f->orders; o != NULL; o = o->next) {
		struct tpl *one = tpl_section(all, "ORDER");
		char at[32];

		tpl_set(one, "ID", o->id);
		tpl_set(one, "TIME",
		    utc_text(at, sizeof(at), "%Y-%m-%d %H:%M", o->time));
	}
}

/* ---------------------------------------------------------------------- page
 */

int
status_page(const struct figures *f, const char *token, const char *done,
    struct text *out)
{
	static const struct plot plots[] = {
	    {"Sent in 5 minutes", false, sent_of},
	    {"Waiting", false, waiting_of},
	    {"Slowest delivery", true, slowest_of},
	};
	struct tpl *page = tpl_new();
	const char *alarms[STATUS_ALARMS];
	char now[32];
	int result;

	if (page == NULL)
		return shop_fail("out of memory");
	tpl_set(page, "NOW",
	    utc_text(now, sizeof(now), "%Y-%m-%d %H:%M:%S UTC", f->now));
	if (*done != '\0')
		tpl_set(tpl_section(page, "DONE"), "TEXT", done);
	figures_alarms(f, alarms);
	if (alarms[0] == NULL)
		tpl_show(page, "WELL");
	for (size_t i = 0; alarms[i] != NULL; i++)
		tpl_set(tpl_section(page, "ALARM"), "TEXT", alarms[i]);
	put_figures(f, page);
	for (size_t i = 0; i < sizeof(plots) / sizeof(*plots); i++)
		put_plot(f, page, &plots[i]);
	put_facts(f, page);
	put_ages(f, page);
	put_troubles(f, page);
	put_dead(f, page, token);
	put_orders(f, page);
	result = arena_failed(f->arena) ? shop_fail("out of memory")
	                                : tpl_render("status.tpl", page, out);
	tpl_free(page);
	return result;
}
