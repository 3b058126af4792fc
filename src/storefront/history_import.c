/*
 * history_import.c - `storefront history import FILE.csv`: Shopify's order
 * export into this shop.
 *
 * Promises: the whole file is read and checked before anything is written, with
 * the line of the first error; then written in batches that each commit: killed
 * and run again it goes on, for an order that is there already, by its id, is
 * left as it is, and if the file has more of it, that is said.  Imported twice,
 * nothing changes.  Memory is one order's, and a few bytes (import_repeats.c)
 * for each.  Nothing is queued: `history sync` does that, in the order of time.
 *
 * A line is that of the shop's product whose SKU it has; one of no product
 * keeps what the export says of it.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "import_orders.h"

#define BATCH 200 /* orders a transaction */

struct import {
	struct db *db;
	FILE *file;
	char currency[8];
	bool dry_run, writing;
	int64_t in_batch;
	int64_t orders, lines, changes, known;
	int64_t differ, differ_line; /* of those known; the first one's line */
	struct repeats repeats;
	int64_t shown; /* kB of the file */
	struct progress progress;
};

static void
show(struct import *import)
{
	int64_t at = ftello(import->file) >> 10;

	progress_show(&import->progress, at - import->shown, "");
	import->shown = at;
}

/* ------------------------------------------------------------------- checking
 */

/* total, lines, changes */
static int
known_row(void *arg, int n, const char *const col[])
{
	int64_t *had = arg;

	for (int i = 0; i < n; i++)
		had[i] = num(col[i]);
	return 0;
}

/* An order that the shop has: does the file say something else, or more? */
static int
note_known(struct import *import, const struct past_order *past)
{
	int64_t had[3] = {past->order.total, past->order.nlines,
	    past->nchanges};

	import->known++;
	if (db_run(import->db, known_row, had,
	        "SELECT total, (SELECT COUNT(*) FROM order_line l "
	        "WHERE l.orders = o.id), (SELECT COUNT(*) FROM order_change c "
	        "WHERE c.orders = o.id) FROM orders o WHERE o.id = $1",
	        past->order.id) < 0)
		return -1;
	if (had[0] == past->order.total && had[1] == past->order.nlines &&
	    had[2] >= past->nchanges)
		return 0;
	if (import->differ++ == 0)
		import->differ_line = past->file_line;
	return 0;
}

static int
check_one(void *arg, struct arena *arena, const struct past_order *past)
{
	struct import *import = arg;
	int64_t known = 0;

	(void)arena;
	show(import);
	if (import->dry_run)
		known = db_run(import->db, NULL, NULL,
		    "SELECT 1 FROM orders WHERE id = $1", past->order.id);
	if (known < 0 || repeats_add(&import->repeats, past, known > 0) != 0)
		return -1;
	if (known > 0)
		return note_known(import, past);
	import->orders++;
	import->lines += past->order.nlines;
	import->changes += past->nchanges;
	return 0;
}

/* At the end: what stands there twice. */
static int
check_repeats(struct import *import)
{
	int64_t orders, lines, changes;

	if (repeats_check(&import->repeats, &orders, &lines, &changes) != 0)
		return -1;
	import->orders -= orders;
	import->known += orders;
	import->lines -= lines;
	import->changes -= changes;
	return 0;
}

/* -------------------------------------------------------------------- writing
 */

static int
end_batch(struct import *import)
{
	if (import->in_batch == 0)
		return 0;
	import->in_batch = 0;
	/* A sync that is under way has passed these by: it begins anew. */
	if (db_run(import->db, NULL, NULL,
	        "DELETE FROM meta WHERE name = 'history'") < 0)
		return -1;
	return db_commit(import->db) != 0 ? -1 : 0;
}

static int
find_products(struct db *db, struct arena *arena, const struct order *order)
{
	for (struct line *line = order->lines; line != NULL; line = line->next)
		if (*line->sku != '\0' &&
		    catalog_sku(db, arena, line->sku, line) < 0)
			return -1;
	return 0;
}

static int
write_one(void *arg, struct arena *arena, const struct past_order *past)
{
	struct import *import = arg;
	int stored;

	show(import);
	if (import->in_batch == 0 && db_begin(import->db) != 0)
		return -1;
	import->in_batch++;
	if (find_products(import->db, arena, &past->order) != 0)
		return -1;
	stored = order_keep(import->db, arena, &past->order);
	if (stored < 0)
		return -1;
	for (int i = 0; stored > 0 && i < past->nchanges; i++)
		if (order_change_keep(
		        import->db, &past->order, &past->changes[i]) != 0)
			return -1;
	if (stored == 0 && note_known(import, past) != 0)
		return -1;
	if (stored > 0) {
		import->orders++;
		import->lines += past->order.nlines;
		import->changes += past->nchanges;
	}
	return import->in_batch == BATCH ? end_batch(import) : 0;
}

/* --------------------------------------------------------------------- passes
 */

static int
pass(struct import *import, const char *what, past_each *each)
{
	struct stat stat;
	int result;

	if (fstat(fileno(import->file), &stat) != 0 ||
	    fseeko(import->file, 0, SEEK_SET) != 0)
		return shop_fail("%s", strerror(errno));
	import->orders = import->lines = import->changes = import->known = 0;
	import->differ = 0;
	import->shown = 0;
	progress_begin(&import->progress, what, "kB", stat.st_size >> 10);
	result = orders_read(
	    import->file, import->currency, utc_now(), each, import);
	if (result == 0)
		show(import);
	progress_end(&import->progress);
	return result;
}

static int
both_passes(struct import *import)
{
	if (pass(import, "checking", check_one) != 0 ||
	    check_repeats(import) != 0)
		return -1;
	repeats_free(&import->repeats);
	if (import->orders + import->known == 0)
		return shop_fail("the file has no order below its first row, "
		                 "which names the columns");
	if (import->dry_run)
		return 0;
	import->writing = true;
	if (pass(import, "loading", write_one) == 0 && end_batch(import) == 0)
		return 0;
	db_rollback(import->db);
	return -1;
}

static int
currency_row(void *arg, int n, const char *const col[])
{
	(void)n;
	snprintf(arg, 8, "%s", col[0]);
	return 0;
}

static FILE *
open_file(const char *path)
{
	FILE *file = fopen(path, "re");
	struct stat stat;

	if (file == NULL) {
		shop_fail("%s", strerror(errno));
	} else if (fstat(fileno(file), &stat) != 0 || !S_ISREG(stat.st_mode)) {
		/* It is read twice. */
		shop_fail("is no regular file");
		fclose(file);
		file = NULL;
	}
	return file;
}

static int
import_file(
    struct import *import, const struct settings *settings, const char *path)
{
	int result = -1;

	import->file = open_file(path);
	if (import->file == NULL)
		return shop_fail("%s: %s", path, strdupa(shop_error()));
	import->db = db_open(settings);
	if (import->db != NULL &&
	    db_run(import->db, currency_row, import->currency,
	        "SELECT value FROM meta WHERE name = 'currency'") >= 0) {
		result = both_passes(import);
		if (result != 0)
			shop_fail("%s: %s; %s", path, strdupa(shop_error()),
			    import->writing
			        ? "run it again, it goes on where it was"
			        : "nothing was loaded");
	}
	repeats_free(&import->repeats);
	db_close(import->db);
	fclose(import->file);
	return result;
}

int
history_import(const struct settings *settings, int argc, char **argv)
{
	struct import import = {0};
	const char *path = NULL;

	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--dry-run") == 0)
			import.dry_run = true;
		else if (path == NULL && *argv[i] != '-')
			path = argv[i];
		else
			return 2;
	if (path == NULL)
		return 2;
	if (import_file(&import, settings, path) != 0) {
		fprintf(stderr, "storefront: %s\n", shop_error());
		return 1;
	}
	printf("%s: %lld orders with %lld lines and %lld changes %s; %lld were "
	       "there already\n",
	    path, (long long)import.orders, (long long)import.lines,
	    (long long)import.changes,
	    import.dry_run ? "would be loaded" : "loaded",
	    (long long)import.known);
	if (import.differ > 0)
		printf("%lld of those %s not what the file says, the first "
		       "that of line %lld; they stay as they are\n",
		    (long long)import.differ, import.differ > 1 ? "are" : "is",
		    (long long)import.differ_line);
	if (!import.dry_run && import.orders > 0)
		printf("`storefront history sync` queues their events\n");
	return 0;
}
