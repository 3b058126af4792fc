/*
 * commands_catalog.c - `storefront catalog push`: the catalogue to Klaviyo by
 * its Catalog API, which is the other way than the feed, and never beside it;
 * and `catalog clear`, which takes back what was pushed.
 *
 * Promises: only what has changed since the last push; killed at any moment and
 * run again it goes on where it was.
 */
#include "catalog_push.h"
#include "key.h"

#include <sodium.h>
#include <string.h>

static int
currency_row(void *arg, int n, const char *const col[])
{
	(void)n;
	snprintf(arg, 4, "%s", col[0]);
	return 0;
}

/* Everything but the key, which a dry run needs none of. */
static int
run_push(struct push *push, bool dry_run)
{
	int result = -1;

	push->last = &push->first;
	if (sodium_init() < 0)
		return shop_fail("libsodium does not start");
	push->db = db_open(push->settings);
	if (push->db == NULL ||
	    db_run(push->db, currency_row, push->currency,
	        "SELECT value FROM meta WHERE name = 'currency'") < 0)
		return -1;
	if (dry_run)
		return catalog_push(push);
	push->klaviyo = klaviyo_open(push->settings, NULL, false, NULL);
	if (push->klaviyo == NULL || push_claim(push) != 0)
		return -1;
	result = catalog_push(push);
	if (push_release(push) != 0)
		result = -1;
	return result;
}

static void
report(const struct push *push, bool dry_run)
{
	static const char *const kind[] = {"items", "variants"};

	for (int64_t i = 0; i < push->refused && i < PUSH_FAULTS; i++)
		fprintf(stderr, "storefront: %s\n", push->fault[i]);
	if (push->refused > PUSH_FAULTS)
		fprintf(stderr, "storefront: and %lld more\n",
		    (long long)(push->refused - PUSH_FAULTS));
	for (int i = 0; i < 2; i++)
		printf("%s: %lld %screated, %lld updated, %lld deleted\n",
		    kind[i], (long long)push->done[i][0],
		    dry_run ? "would be " : "", (long long)push->done[i][1],
		    (long long)push->done[i][2]);
	if (push->refused > 0)
		printf("%lld refused; run it again when they are mended\n",
		    (long long)push->refused);
}

static int
push_command(const struct settings *settings, int argc, char **argv)
{
	struct push push = {.settings = settings};
	bool dry_run = false;
	int result;

	push.clear = strcmp(argv[1], "clear") == 0;
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--dry-run") == 0)
			dry_run = true;
		else if (!push.clear && strcmp(argv[i], "--all") == 0)
			push.all = true;
		else
			return -1;
	}
	if (strcmp(settings->catalog, "api") != 0 && !dry_run && !push.clear) {
		fprintf(stderr,
		    "storefront: KLAVIYO_CATALOG is feed, and Klaviyo takes "
		    "one or the other: turn the feed off in Klaviyo, then set "
		    "KLAVIYO_CATALOG=api\n");
		return 1;
	}
	result = run_push(&push, dry_run);
	progress_end(&push.progress);
	if (result == 0)
		report(&push, dry_run);
	else
		fprintf(stderr,
		    "storefront: %s; run it again, it goes on where it was\n",
		    shop_error());
	result = result != 0 || push.refused > 0;
	jobs_free(&push);
	klaviyo_free(push.klaviyo);
	db_close(push.db);
	return result;
}

int
catalog_command(const struct settings *settings, int argc, char **argv)
{
	int code = -1;

	if (argc > 1 &&
	    (strcmp(argv[1], "push") == 0 || strcmp(argv[1], "clear") == 0))
		code = push_command(settings, argc, argv);
	if (code >= 0)
		return code;
	fprintf(stderr, "storefront: catalog takes push [--dry-run] [--all], "
	                "or clear [--dry-run]\n");
	return 2;
}
