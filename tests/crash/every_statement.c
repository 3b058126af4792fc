/*
 * every_statement.c - a process that ends at the n-th SQL statement, for n = 1,
 * 2, 3.. until it does not come so far: before the statement, and after it.
 *
 * Replaces: klaviyo_sqlite klaviyo_pgsql kl_outbox_due
 *
 * What is cut off is a checkout (the posted form, up to the answer) and a
 * delivery pass, by single requests and in bulk, under each kind of answer.
 * Afterwards, in a new process: the
 * order is there whole or not at all; the same form again gives one order; a
 * sender takes over at once, and each event has arrived, in effect once.
 *
 *	every_statement [short] [postgresql://..]
 *
 * Without an address: SQLite.  short: passes end only after the statements, and
 * under fewer answers.
 */
#include "in_bulk.h"
#include "walk.h"

klaviyo_sql __real_klaviyo_sqlite, __wrap_klaviyo_sqlite;
klaviyo_sql __real_klaviyo_pgsql, __wrap_klaviyo_pgsql;

static long at;     /* the statement to end at */
static bool behind; /* after it, not before it */
static bool armed;
static long again; /* events that came twice */

static int64_t
cut(klaviyo_sql *real, void *conn, const char *sql, int n,
    const char *const arg[], klaviyo_row *row, void *rowarg)
{
	bool here = armed && ++walk->reached == at;
	int64_t result;

	if (here && !behind)
		_exit(DIED);
	result = real(conn, sql, n, arg, row, rowarg);
	if (here)
		_exit(DIED);
	return result;
}

int64_t
__wrap_klaviyo_sqlite(void *conn, const char *sql, int n,
    const char *const arg[], klaviyo_row *row, void *rowarg)
{
	return cut(__real_klaviyo_sqlite, conn, sql, n, arg, row, rowarg);
}

int64_t
__wrap_klaviyo_pgsql(void *conn, const char *sql, int n,
    const char *const arg[], klaviyo_row *row, void *rowarg)
{
	return cut(__real_klaviyo_pgsql, conn, sql, n, arg, row, rowarg);
}

/* ---------------------------------------------------------------- a checkout
 */

static void
order_cut(void)
{
	struct shop shop;

	must(shop_open(&shop, &walk_settings) == 0);
	armed = true;
	order_in(&shop);
	armed = false;
	must(walk->status == 303);
	shop_close(&shop);
}

/* What is there, and the same form once more, and once more. */
static void
order_again(void)
{
	struct shop shop;
	char first[24];

	must(shop_open(&shop, &walk_settings) == 0);
	all_or_nothing(shop.db);
	order_in(&shop);
	must(walk->status == 303);
	must(all_or_nothing(shop.db));
	snprintf(first, sizeof(first), "%s", walk->order);
	order_in(&shop);
	must(walk->status == 303 && strcmp(first, walk->order) == 0);
	must(all_or_nothing(shop.db));
	shop_close(&shop);
}

static void
checkouts(void)
{
	int ended;

	at = 0;
	do {
		at++;
		snprintf(walk_what, sizeof(walk_what), "checkout, %s %ld",
		    behind ? "after" : "before", at);
		well(fill_cart);
		walk->reached = 0;
		ended = child(order_cut);
		must(ended == (walk->reached < at ? 0 : DIED));
		well(order_again);
	} while (ended == DIED);
	printf("a checkout ended %s each of its %ld statements\n",
	    behind ? "after" : "before", at - 1);
	must(at > 10);
}

/* ------------------------------------------------------------ a delivery pass
 */

static void
pass_cut(void)
{
	struct klaviyo *klaviyo = walk_sender();
	struct shop shop;

	must(klaviyo != NULL);
	must(shop_open(&shop, &walk_settings) == 0);
	armed = true;
	must(klaviyo_deliver(
	         klaviyo, db_store(shop.db), 1000, NULL, &walk->tally) == 0);
	must(klaviyo_leave(klaviyo, db_store(shop.db)) == 0);
	armed = false;
	must(walk->tally.claimed > 0 && !walk->tally.standby);
	sums_match();
	klaviyo_free(klaviyo);
	shop_close(&shop);
}

/* The order's events have arrived: each once, or again. */
static void
arrived(void)
{
	static const char *const end[] = {"", ":1", ":2"};
	char id[48];
	int n;

	for (int i = 0; i < 3; i++) {
		n = 0;
		snprintf(id, sizeof(id), "%s%s", walk->order, end[i]);
		for (int j = 0; j < server->nseen; j++)
			n += strcmp(server->seen[j], id) == 0;
		must(n == 1 || n == 2);
		again += n - 1;
	}
}

static void
passes(int status, const char *headers)
{
	int ended;

	at = 0;
	again = 0;
	do {
		at++;
		snprintf(walk_what, sizeof(walk_what), "pass under %d, %s %ld",
		    status, behind ? "after" : "before", at);
		well(fill_cart);
		well(order);
		must(walk->status == 303);
		server_script(status, headers, "");
		if (status == 202 && *headers) { /* and not for all of them */
			server_rule(0, ":1\"", -1, 500);
			server_rule(1, ":2\"", -1, 400);
		}
		walk->reached = 0;
		ended = child(pass_cut);
		must(ended == (walk->reached < at ? 0 : DIED));
		/* From now on Klaviyo is well; what it has seen it has seen. */
		server->rule[0].times = server->rule[1].times = 0;
		server->rule[RULES - 1].status = 202;
		well(drain);
		arrived();
	} while (ended == DIED);
	printf("a pass%s that got %d%s ended %s each of its %ld statements; "
	       "%ld events came again\n",
	    in_bulk ? " in bulk" : "", status,
	    status == 202 && *headers ? ", 500 and 400" : "",
	    behind ? "after" : "before", at - 1, again);
	must(at > 5);
	must(again > 0 || status != 202 || *headers);
}

int
main(int argc, char *argv[])
{
	bool brief = argc > 1 && strcmp(argv[1], "short") == 0;

	must(server_start(NULL) == 0);
	walk_begin(argc > 1 + brief ? argv[1 + brief] : NULL);
	well(count_stock);
	for (int i = 0; i < 2; i++) {
		behind = i;
		server_script(202, "", "");
		checkouts();
		well(drain);
		for (int j = 0; j < 2 && (behind || !brief); j++) {
			in_bulk = j;
			server->jobs = 0;
			passes(202, "");
			passes(202, "X-Mixed: yes\r\n");
			passes(400, "");
			must((server->jobs > 0) == in_bulk);
			if (brief)
				continue;
			passes(500, "");
			passes(429, "Retry-After: 600\r\n");
			passes(401, "");
		}
		in_bulk = false;
	}
	walk_end();
	server_stop(NULL);
	return 0;
}
