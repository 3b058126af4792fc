/*
 * outbox_shown.c - `storefront outbox`: what waits, was sent, was refused; and
 * who sends it: the verbs status, list and show.
 *
 * Promises: `status` is made for monitoring, too: with --json one object, and
 * exit code 1 when the oldest real-time event has waited longer than it may.
 * Nothing is changed.  What the shop, or Klaviyo, wrote commands no terminal.
 *
 * Does not print a body but for `show`: bodies are personal data.  Arguments
 * come checked, by commands_outbox.c.
 */
#include "ready.h"

#include <cjson/cJSON.h>
#include <klaviyo.h>
#include <string.h>

enum {
	MAX_AGE_MINUTES = READY_OLDEST / 60,
	LIST_MAX = 1000,
};

/* 0 for a time that is none, or that another clock said. */
static int64_t
seconds_since(int64_t then, int64_t now)
{
	return then != 0 && now > then ? now - then : 0;
}

/* An id is the shop's, an error Klaviyo's: not to command a terminal, nor to
   look like another line. */
static void
put(const char *before, const char *text)
{
	fputs(before, stdout);
	print_tame(text, strlen(text));
	putchar('\n');
}

static const char *
ago(char text[32], int64_t then, int64_t now)
{
	int64_t s = seconds_since(then, now);

	if (s < 120)
		snprintf(text, 32, "%lld s", (long long)s);
	else if (s < 7200)
		snprintf(text, 32, "%lld min", (long long)(s / 60));
	else
		snprintf(text, 32, "%lld h", (long long)(s / 3600));
	return text;
}

/* -------------------------------------------------------------------- status
 */

static void
print_status(const struct klaviyo_status *s, int64_t now)
{
	char text[32], since[32];

	printf("waiting  %lld\nclaimed  %lld\nsent     %lld\ndead     %lld\n"
	       "dropped  %lld\n",
	    (long long)s->waiting, (long long)s->claimed, (long long)s->sent,
	    (long long)s->dead, (long long)s->dropped);
	if (s->refused > 0)
		printf("refused  %lld: the queue was full\n",
		    (long long)s->refused);
	if (s->oldest != 0)
		printf("oldest unsent event: queued %s ago\n",
		    ago(text, s->oldest, now));
	if (s->last_sent != 0)
		printf("last delivery: %s ago; %lld in the last minute\n",
		    ago(text, s->last_sent, now), (long long)s->sent_minute);
	if (*s->sender != '\0')
		printf("sending: %s, for %s, heartbeat %s ago\n", s->sender,
		    ago(since, s->sender_since, now),
		    ago(text, s->heartbeat, now));
	else
		printf("sending: nobody; start `storefront worker`\n");
	if (s->paused_until != 0)
		printf("paused for %lld s: %s\n",
		    (long long)(s->paused_until - now), s->reason);
}

static bool
add_number(cJSON *to, const char *name, int64_t n)
{
	return cJSON_AddNumberToObject(to, name, (double)n) != NULL;
}

static int
print_json(const struct klaviyo_status *s, int64_t now)
{
	const struct {
		const char *name;
		int64_t n;
	} number[] = {
	    {"waiting", s->waiting},
	    {"claimed", s->claimed},
	    {"sent", s->sent},
	    {"dead", s->dead},
	    {"dropped", s->dropped},
	    {"refused", s->refused},
	    {"oldest", s->oldest},
	    {"oldest_age", seconds_since(s->oldest, now)},
	    {"oldest_realtime", s->oldest_realtime},
	    {"oldest_realtime_age", seconds_since(s->oldest_realtime, now)},
	    {"sent_last_minute", s->sent_minute},
	    {"last_sent", s->last_sent},
	    {"sender_since", s->sender_since},
	    {"heartbeat", s->heartbeat},
	    {"paused_until", s->paused_until},
	    {"now", now},
	};
	cJSON *all = cJSON_CreateObject();
	char *text = NULL;
	bool ok = all != NULL;

	for (size_t i = 0; ok && i < sizeof(number) / sizeof(*number); i++)
		ok = add_number(all, number[i].name, number[i].n);
	ok = ok && cJSON_AddStringToObject(all, "sender", s->sender) != NULL &&
	     cJSON_AddStringToObject(all, "paused_reason", s->reason) != NULL;
	if (ok && (text = cJSON_PrintUnformatted(all)) != NULL)
		printf("%s\n", text);
	cJSON_Delete(all);
	cJSON_free(text);
	return text != NULL ? 0 : shop_fail("out of memory");
}

/* status [--json] [--max-age MINUTES] */
int
outbox_status(struct db *db, int argc, char **argv)
{
	int64_t now = utc_now(), age, limit = MAX_AGE_MINUTES;
	struct klaviyo_status s;
	bool json = false;
	char text[32];

	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else
			limit = num(argv[++i]);
	if (klaviyo_outbox_status(db_store(db), now, &s) != 0)
		return shop_fail("%s", klaviyo_error());
	if (!json)
		print_status(&s, now);
	else if (print_json(&s, now) != 0)
		return -1;
	age = seconds_since(s.oldest_realtime, now);
	if (age > limit * 60)
		return shop_fail(
		    "an event has waited for %s, more than the %lld "
		    "min of --max-age%s%s",
		    ago(text, s.oldest_realtime, now), (long long)limit,
		    *s.sender == '\0' ? ": no worker is running" : "",
		    s.paused_until != 0 ? ": the queue is paused" : "");
	return 0;
}

/* -------------------------------------------------------------- list and show
 */

struct shown {
	int64_t now, n;
};

static int
list_entry(void *arg, const struct klaviyo_entry *e)
{
	struct shown *shown = arg;
	char text[32];

	shown->n++;
	printf("%-8s %8s ago  %d attempt%s", e->state,
	    ago(text, e->created_at, shown->now), e->attempts,
	    e->attempts == 1 ? " " : "s");
	put("  ", e->id);
	if (e->origin != NULL)
		put("         of request ", e->origin);
	if (e->error != NULL)
		put("         ", e->error);
	return 0;
}

static int
show_entry(void *arg, const struct klaviyo_entry *e)
{
	list_entry(arg, e);
	if (*e->event == '\0') {
		printf("its body was emptied when it was %s\n", e->state);
		return 0;
	}
	if (strcmp(e->kind, "event") != 0)
		put("kind:    ", e->kind);
	put("event:   ", e->event);
	put("profile: ", e->profile);
	return 0;
}

static int
print_entries(struct db *db, const char *state, const char *id)
{
	struct shown shown = {utc_now(), 0};

	if (klaviyo_outbox_list(db_store(db), state, id, shown.now,
	        id != NULL ? 1 : LIST_MAX, id != NULL ? show_entry : list_entry,
	        &shown) != 0)
		return shop_fail("%s", klaviyo_error());
	if (id != NULL && shown.n == 0)
		return shop_fail("there is no event '%s': `storefront outbox "
		                 "list` shows them",
		    id);
	return 0;
}

/* [STATE] */
int
outbox_list(struct db *db, int argc, char **argv)
{
	return print_entries(db, argc > 0 ? argv[0] : NULL, NULL);
}

int
outbox_show(struct db *db, int argc, char **argv)
{
	(void)argc;
	return print_entries(db, NULL, argv[0]);
}
