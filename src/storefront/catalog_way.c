/*
 * catalog_way.c - the two ways of the catalogue to Klaviyo, which exclude each
 * other: whether both are in use.
 *
 * Klaviyo does not say so itself: items of a feed and pushed ones have the same
 * ids, and whichever comes last is shown.
 */
#include "storefront.h"

#include <string.h>

#define LATELY (INT64_C(24) * 3600)

int
catalog_note(struct db *db, const char *what, int64_t now)
{
	return db_run(db, NULL, NULL,
	           "INSERT INTO meta (name, value) VALUES ($1, $2) "
	           "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
	           what, NUM(now)) < 0
	           ? -1
	           : 0;
}

static int
number_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

/* The pushed way: has Klaviyo been told, and does it still fetch the feed? */
static int
doctor_api(struct db *db, FILE *out)
{
	int64_t pushed = 0, asked = 0, now = utc_now();

	if (db_run(db, number_row, &pushed,
	        "SELECT value FROM meta WHERE name = 'catalog push'") < 0 ||
	    db_run(db, number_row, &asked,
	        "SELECT value FROM meta WHERE name = 'feed asked'") < 0) {
		fprintf(out, "WRONG catalogue: %s\n", shop_error());
		return 1;
	}
	if (pushed == 0)
		fprintf(out, "WRONG catalogue: nothing was pushed yet: run "
		             "`storefront catalog push`, and from time to "
		             "time\n");
	else if (now - pushed > LATELY)
		fprintf(out,
		    "note  catalogue, pushed %lld h ago: Klaviyo still shows "
		    "the prices and stocks of then; run `storefront catalog "
		    "push` from cron\n",
		    (long long)((now - pushed) / 3600));
	else
		fprintf(out, "ok    catalogue, pushed %lld min ago\n",
		    (long long)((now - pushed) / 60));
	if (asked != 0 && now - asked < LATELY)
		fprintf(out,
		    "note  somebody still fetches the feed, %lld min ago: if "
		    "it "
		    "is Klaviyo, turn the feed off there\n",
		    (long long)((now - asked) / 60));
	return pushed == 0;
}

int
catalog_doctor(const struct settings *settings, struct db *db, FILE *out)
{
	int64_t there = 0;

	if (strcmp(settings->catalog, "api") == 0)
		return doctor_api(db, out);
	if (db_run(db, number_row, &there,
	        "SELECT COUNT(*) FROM catalog_pushed") < 0) {
		fprintf(out, "WRONG catalogue: %s\n", shop_error());
		return 1;
	}
	if (there == 0) {
		fprintf(out, "ok    catalogue, by the feed\n");
		return 0;
	}
	fprintf(out,
	    "WRONG catalogue: KLAVIYO_CATALOG is feed, and Klaviyo has %lld "
	    "items and variants that were pushed: take them back with "
	    "`storefront catalog clear`, or set KLAVIYO_CATALOG=api\n",
	    (long long)there);
	return 1;
}
