/*
 * every_allocation.c - the n-th allocation is refused, for n = 1, 2, 3.. until
 * there are not so many: in a checkout, and in a delivery pass.
 *
 * Replaces: kl_outbox_due
 *
 * Afterwards: nothing crashed and nothing more is held than after an attempt
 * that was refused nothing; the answer is an order or an error page, and the
 * order is there whole, its events included, or not at all; the same form
 * again, on the same connection, gives one order; a pass's sums match, and the
 * same sender then delivers everything.
 *
 * libcurl 7.88 itself loses a block or two when it is refused memory while it
 * connects: that is let pass.
 *
 *	every_allocation STEP [postgresql://..]     without it: SQLite
 *
 * STEP 1 means all; 5 means every fifth or so, beginning anywhere.
 */
#include "alloc.h"
#include "in_bulk.h"
#include "walk.h"

#include <limits.h>

static long held; /* blocks, after an attempt that was refused nothing */
static long at, leaks, stride;
static bool troubled; /* Klaviyo does not take every event */

/* --------------------------------------------------------------- a step each
 */

static void
arm(void)
{
	alloc_seen = 0;
	alloc_refuse = at;
}

static void
disarm(void)
{
	alloc_refuse = 0;
	walk->reached = alloc_seen;
	walk->excused = alloc_of_curl;
}

static void
an_order(void)
{
	long before = alloc_live;
	struct shop shop;

	must(shop_open(&shop, &walk_settings) == 0);
	arm();
	order_in(&shop);
	disarm();
	must(walk->status == 303 || walk->status == 503 ||
	     walk->status == 500 || walk->status == 0);
	must(all_or_nothing(shop.db) || walk->status != 303);
	walk->answers[walk->status == 303]++;
	order_in(&shop);
	must(walk->status == 303);
	must(all_or_nothing(shop.db));
	shop_close(&shop);
	walk->held = alloc_live - before;
}

static void
an_opening(void)
{
	long before = alloc_live;
	struct shop shop;
	bool open;

	arm();
	open = shop_open(&shop, &walk_settings) == 0;
	disarm();
	walk->answers[open]++;
	if (open) {
		order_in(&shop);
		must(walk->status == 303);
		shop_close(&shop);
	}
	walk->held = alloc_live - before;
}

/* One of the three events fails, one is refused for its phone number. */
static void
trouble(void)
{
	static const char refusal[] =
	    "{\"errors\":[{\"id\":\"1\",\"code\":\"invalid\","
	    "\"title\":\"Invalid input.\",\"detail\":\"It is wrong.\","
	    "\"source\":{\"pointer\":\"/data/attributes/profile/data/"
	    "attributes/phone_number\"}}]}";

	server_rule(0, ":1\"", -1, 500);
	strcpy(server_rule(1, ":2\"", 1, 400)->body, refusal);
}

static void
a_pass(void)
{
	long before = alloc_live;
	struct klaviyo *klaviyo = walk_sender();
	const struct klaviyo_store *store;
	struct shop shop;

	must(klaviyo != NULL);
	must(shop_open(&shop, &walk_settings) == 0);
	store = db_store(shop.db);
	if (troubled)
		trouble();
	arm();
	walk->status =
	    klaviyo_deliver(klaviyo, store, 1000, NULL, &walk->tally);
	disarm();
	sums_match();
	must(walk->tally.dead == 0 || troubled);
	server->rule[0].times = server->rule[1].times = 0;
	walk->answers[walk->status == 0]++;
	/* The same sender goes on; what a pass that broke off still held is
	   free once the lease is. */
	must(klaviyo_leave(klaviyo, store) == 0);
	must(klaviyo_outbox_retry(store, NULL, time(NULL)) >= 0);
	for (int i = 0; i < 5; i++)
		must(klaviyo_deliver(
		         klaviyo, store, 1000, NULL, &walk->tally) == 0);
	must(number(shop.db,
	         "SELECT COUNT(*) FROM klaviyo_outbox WHERE sent_at IS NULL",
	         NULL) == 0);
	must(klaviyo_leave(klaviyo, store) == 0);
	shop_close(&shop);
	klaviyo_free(klaviyo);
	walk->held = alloc_live - before;
}

static void
a_sender(void)
{
	long before = alloc_live;
	struct klaviyo *klaviyo;

	arm();
	klaviyo = walk_sender();
	disarm();
	walk->answers[klaviyo != NULL]++;
	klaviyo_free(klaviyo);
	walk->held = alloc_live - before;
}

/* What the libraries allocate once and keep: here, before the children. */
static void
warm_up(void)
{
	struct text page = {.data = NULL};
	struct shop shop;

	must(shop_open(&shop, &walk_settings) == 0);
	ask(&shop, "GET", "/nowhere", NULL, &page);
	must(walk->status == 404);
	shop_close(&shop);
	text_free(&page);
	klaviyo_free(walk_sender());
	alloc_called_by("");
}

/* ------------------------------------------------------------- the series */

static void
each(const char *name, void (*prepare)(void), void (*more)(void),
    void (*step)(void))
{
	long refused = 0, n = 0;

	at = LONG_MAX; /* refused nothing: for what it holds */
	walk->answers[0] = walk->answers[1] = 0;
	for (;;) {
		snprintf(walk_what, sizeof(walk_what), "%s, allocation %ld",
		    name, n);
		if (prepare)
			well(prepare);
		if (more)
			well(more);
		well(step);
		if (n == 0)
			held = walk->held;
		else if (ALLOC_COUNTS && walk->held > held && !walk->excused) {
			fprintf(stderr, "%s: %ld blocks are held, not %ld\n",
			    walk_what, walk->held, held);
			leaks++;
		}
		if (n > 0 && walk->reached < at)
			break;
		refused += n > 0;
		/* The first of them soon: some series are short. */
		n +=
		    1 + (stride > 1 && n > 0 ? random() % (2 * stride - 1) : 0);
		at = n;
	}
	printf("%s: %ld of %ld allocations refused, %ld times it failed\n",
	    name, refused, walk->reached, walk->answers[0]);
	must(refused > 0 && (walk->answers[0] > 0 || refused < 9));
}

int
main(int argc, char *argv[])
{
	must(argc > 1 && (stride = atol(argv[1])) > 0);
	srandom((unsigned)time(NULL));
	must(server_start(NULL) == 0);
	server_script(202, "", "");
	walk_begin(argc > 2 ? argv[2] : NULL);
	well(count_stock);
	warm_up();
	each("opening", fill_cart, NULL, an_opening);
	each("checkout", fill_cart, NULL, an_order);
	well(drain);
	each("sender", NULL, NULL, a_sender);
	each("pass", fill_cart, order, a_pass);
	troubled = true;
	each("pass with trouble", fill_cart, order, a_pass);
	troubled = false;
	in_bulk = true;
	server->jobs = 0;
	each("pass in bulk", fill_cart, order, a_pass);
	must(server->jobs > 0);
	walk_end();
	server_stop(NULL);
	return leaks > 0;
}
