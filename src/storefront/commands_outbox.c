/*
 * commands_outbox.c - `storefront outbox`: what waits, was sent, was refused;
 * who sends it; and what an operator can do about it.
 *
 * Promises: `status` is made for monitoring, too: with --json one object, and
 * exit code 1 when the oldest real-time event has waited longer than it may.
 * Nothing but `drop`, `erase` and `prune` gives up an event, and each says how
 * many.
 *
 * Does not print a body but for `show`: bodies are personal data.
 */
#include "ready.h"

#include <cjson/cJSON.h>
#include <klaviyo.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	MAX_AGE_MINUTES = READY_OLDEST / 60,
	KEEP_DAYS = 400,
	DAY = 86400,
	PRUNE_BATCH = 1000,
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
static int
outbox_status(const struct klaviyo_store *store, int argc, char **argv)
{
	int64_t now = time(NULL), age, limit = MAX_AGE_MINUTES;
	struct klaviyo_status s;
	bool json = false;
	char text[32];

	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else
			limit = num(argv[++i]);
	if (klaviyo_outbox_status(store, now, &s) != 0)
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
outbox_list(
    const struct klaviyo_store *store, const char *state, const char *id)
{
	struct shown shown = {time(NULL), 0};

	if (klaviyo_outbox_list(store, state, id, shown.now,
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
static int
list_verb(const struct klaviyo_store *store, int argc, char **argv)
{
	return outbox_list(store, argc > 0 ? argv[0] : NULL, NULL);
}

static int
show_verb(const struct klaviyo_store *store, int argc, char **argv)
{
	(void)argc;
	return outbox_list(store, NULL, argv[0]);
}

/* ------------------------------------------------- retry, drop, erase, prune
 */

static int
outbox_retry(const struct klaviyo_store *store, int argc, char **argv)
{
	const char *id = strcmp(argv[0], "--all") == 0 ? NULL : argv[0];
	int64_t n = klaviyo_outbox_retry(store, id, time(NULL));

	(void)argc;
	if (n < 0)
		return shop_fail("%s", klaviyo_error());
	if (id != NULL && n == 0)
		return shop_fail("there is no dead event '%s', nor one that "
		                 "waits for another attempt: `storefront "
		                 "outbox list` shows them",
		    id);
	printf("%lld to be tried again\n", (long long)n);
	return 0;
}

static int
outbox_drop(const struct klaviyo_store *store, int argc, char **argv)
{
	const char *id = strcmp(argv[0], "--dead") == 0 ? NULL : argv[0];
	int64_t n = klaviyo_outbox_drop(store, id, time(NULL));

	(void)argc;
	if (n < 0)
		return shop_fail("%s", klaviyo_error());
	if (id != NULL && n == 0)
		return shop_fail("there is no dead or waiting event '%s' "
		                 "(one that is being sent is left alone): "
		                 "`storefront outbox list` shows them",
		    id);
	printf("%lld dropped: they will not be sent\n", (long long)n);
	return 0;
}

/* EMAIL, +PHONE or the shop's id of a customer, or several */
static int
outbox_erase(const struct klaviyo_store *store, int argc, char **argv)
{
	int64_t n = 0, one;

	for (int i = 0; i < argc; i++) {
		struct klaviyo_profile profile = {0};

		if (strchr(argv[i], '@') != NULL)
			profile.email = argv[i];
		else if (*argv[i] == '+')
			profile.phone_number = argv[i];
		else
			profile.external_id = argv[i];
		one = klaviyo_outbox_erase(store, &profile);
		if (one < 0)
			return shop_fail("%s", klaviyo_error());
		n += one;
	}
	printf("%lld emptied; sent events hold nothing of anybody. What "
	       "Klaviyo knows of the person is deleted there\n",
	    (long long)n);
	return 0;
}

/* [--days N] */
static int
outbox_prune(const struct klaviyo_store *store, int argc, char **argv)
{
	int64_t days = argc > 0 ? num(argv[1]) : KEEP_DAYS, sum = 0, n;

	do {
		n = klaviyo_outbox_prune(
		    store, time(NULL) - days * DAY, PRUNE_BATCH);
		if (n < 0)
			return shop_fail("%s", klaviyo_error());
		sum += n;
	} while (n == PRUNE_BATCH);
	printf("%lld ids of events older than %lld days deleted\n",
	    (long long)sum, (long long)days);
	return 0;
}

/* ---------------------------------------------------------------- the command
 */

static bool
is_state(const char *text)
{
	static const char *const states[] = {
	    "waiting", "claimed", "sent", "dead", "dropped"};

	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (strcmp(states[i], text) == 0)
			return true;
	return false;
}

static bool
is_count(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && digits < 8 && text[digits] == '\0';
}

static bool
status_ok(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--json") != 0 &&
		    (strcmp(argv[i], "--max-age") != 0 || ++i >= argc ||
		        !is_count(argv[i])))
			return false;
	return true;
}

static bool
list_ok(int argc, char **argv)
{
	return argc == 0 || (argc == 1 && is_state(argv[0]));
}

/* No id begins like an option: a mistyped one must not pass for an id. */
static bool
is_id(const char *text)
{
	return *text != '\0' && *text != '-';
}

static bool
show_ok(int argc, char **argv)
{
	return argc == 1 && is_id(argv[0]);
}

static bool
retry_ok(int argc, char **argv)
{
	return argc == 1 && (is_id(argv[0]) || strcmp(argv[0], "--all") == 0);
}

static bool
drop_ok(int argc, char **argv)
{
	return argc == 1 && (is_id(argv[0]) || strcmp(argv[0], "--dead") == 0);
}

/* A phone number as a person writes it would be nobody's. */
static bool
erase_ok(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!is_id(argv[i]) ||
		    (*argv[i] == '+' && strchr(argv[i], '@') == NULL &&
		        !klaviyo_phone_ok(argv[i])))
			return false;
	return argc > 0;
}

static bool
prune_ok(int argc, char **argv)
{
	return argc == 0 || (argc == 2 && strcmp(argv[0], "--days") == 0 &&
	                        is_count(argv[1]));
}

static const struct verb {
	const char *name, *arguments;
	bool (*ok)(int argc, char **argv);
	int (*run)(const struct klaviyo_store *store, int argc, char **argv);
} verbs[] = {
    {"status", "[--json] [--max-age MINUTES]", status_ok, outbox_status},
    {"list", "[waiting | claimed | sent | dead | dropped]", list_ok, list_verb},
    {"show", "ID", show_ok, show_verb},
    {"retry", "ID | --all", retry_ok, outbox_retry},
    {"drop", "ID | --dead", drop_ok, outbox_drop},
    {"erase", "EMAIL | +15005550006 | CUSTOMER-ID ..", erase_ok, outbox_erase},
    {"prune", "[--days N]", prune_ok, outbox_prune},
};
#define VERBS (sizeof(verbs) / sizeof(*verbs))

static int
wrong_call(void)
{
	fprintf(stderr, "storefront: outbox takes\n");
	for (size_t i = 0; i < VERBS; i++)
		fprintf(stderr, "  outbox %s %s\n", verbs[i].name,
		    verbs[i].arguments);
	return 2;
}

int
outbox_command(const struct settings *settings, int argc, char **argv)
{
	const struct verb *verb = NULL;
	struct db *db;
	int result;

	for (size_t i = 0; argc > 1 && i < VERBS; i++)
		if (strcmp(verbs[i].name, argv[1]) == 0)
			verb = &verbs[i];
	if (verb == NULL || !verb->ok(argc - 2, argv + 2))
		return wrong_call();
	db = db_open(settings);
	result = db == NULL ? -1 : verb->run(db_store(db), argc - 2, argv + 2);
	db_close(db);
	if (result != 0)
		fprintf(stderr, "storefront: %s\n", shop_error());
	return result != 0 ? 1 : 0;
}
