/*
 * commands_outbox.c - `storefront outbox`: its verbs, and the four that change
 * something; outbox_shown.c has those that show.
 *
 * Promises: nothing but `drop`, `erase` and `prune` gives up an event, and each
 * says how many.  A call that is wrong in any word does nothing, and says how
 * all of them are written.
 */
#include "storefront.h"

#include <klaviyo.h>
#include <string.h>

enum {
	KEEP_DAYS = 400,
	DAY = 86400,
	PRUNE_BATCH = 1000,
};

/* ------------------------------------------------- retry, drop, erase, prune
 */

static int
outbox_retry(struct db *db, int argc, char **argv)
{
	const char *id = strcmp(argv[0], "--all") == 0 ? NULL : argv[0];
	int64_t n = klaviyo_outbox_retry(db_store(db), id, utc_now());

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
outbox_drop(struct db *db, int argc, char **argv)
{
	const char *id = strcmp(argv[0], "--dead") == 0 ? NULL : argv[0];
	int64_t n = klaviyo_outbox_drop(db_store(db), id, utc_now());

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
outbox_erase(struct db *db, int argc, char **argv)
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
		one = klaviyo_outbox_erase(db_store(db), &profile);
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
outbox_prune(struct db *db, int argc, char **argv)
{
	int64_t days = argc > 0 ? num(argv[1]) : KEEP_DAYS, sum = 0, n;

	do {
		n = klaviyo_outbox_prune(
		    db_store(db), utc_now() - days * DAY, PRUNE_BATCH);
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
	int (*run)(struct db *db, int argc, char **argv);
} verbs[] = {
    {"status", "[--json] [--max-age MINUTES]", status_ok, outbox_status},
    {"list", "[waiting | claimed | sent | dead | dropped]", list_ok,
        outbox_list},
    {"show", "ID", show_ok, outbox_show},
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
	result = db == NULL ? -1 : verb->run(db, argc - 2, argv + 2);
	db_close(db);
	if (result != 0)
		fprintf(stderr, "storefront: %s\n", shop_error());
	return result != 0 ? 1 : 0;
}
