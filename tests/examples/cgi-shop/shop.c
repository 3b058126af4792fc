/*
 * shop.c - somebody else's shop: one product, plain CGI, a SQLite file of its
 * own, no template engine.  Everything it needs for Klaviyo is libklaviyo.
 *
 *	cc shop.c $(pkg-config --cflags --libs klaviyo) -lsqlite3
 *	GET  ?             the product's page, with the snippets
 *	POST email=..      an order: row and events in one transaction
 *	shop deliver       what is queued goes out (from cron)
 *
 * Environment: SHOP_DB, its file; KLAVIYO_PUBLIC_KEY, KLAVIYO_ONSITE_URL and
 * KLAVIYO_API_URL, the last two to point it at klaviyo-sandbox; DEMO_KEY.
 */
#include <klaviyo.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const shelf[] = {"Fiction", "Children"};
static const struct klaviyo_item pooh = {.product_id = "1111",
    .sku = "WINNIEPOOH", .name = "Winnie the Pooh", .brand = "Kids Books",
    .url = "https://books.klaviyo-demo.com/pooh",
    .image_url = "https://books.klaviyo-demo.com/pooh.png",
    .categories = shelf, .ncategories = 2, .price = 999,
    .compare_at_price = 1299, .quantity = 1};

/* klaviyo.js, and before it the queue that holds what is said until it is
   there.  No key: no tracking, and the page is the same otherwise. */
static void
loader(void)
{
	char *url = klaviyo_script_url(
	    getenv("KLAVIYO_ONSITE_URL"), getenv("KLAVIYO_PUBLIC_KEY"));

	printf("<script>window._klOnsite = window._klOnsite || []</script>\n");
	if (url != NULL)
		printf("<script async src=\"%s\"></script>\n", url);
	free(url);
}

/* One call of klaviyo's.  A failure costs the snippet, not the page. */
static void
snippet(const char *call, char *json)
{
	if (json != NULL)
		printf("<script>_klOnsite.push([%s, %s])</script>\n", call, json);
	free(json);
}

static int
page(void)
{
	printf("Content-Type: text/html; charset=utf-8\r\n\r\n"
	       "<!DOCTYPE html>\n<title>%s</title>\n", pooh.name);
	loader();
	snippet("\"track\", \"Viewed Product\"",
	    klaviyo_viewed_product(&pooh, "USD"));
	snippet("\"trackViewedItem\"", klaviyo_viewed_item(&pooh, "USD"));
	return printf("<h1>%s</h1>\n<form method=post>"
	              "<input name=email type=email required>"
	              "<button>Buy</button></form>\n", pooh.name);
}

/* Whoever has just typed their address is known by it. */
static int
thanks(const struct klaviyo_order *o)
{
	printf("Content-Type: text/html; charset=utf-8\r\n\r\n"
	       "<!DOCTYPE html>\n<title>Thank you</title>\n");
	loader();
	snippet("\"identify\"", klaviyo_identify(&o->profile));
	return printf("<h1>Thank you: %s</h1>\n", o->id);
}

static int
order(const struct klaviyo_store *store, sqlite3 *db)
{
	char email[101] = "", id[33];
	struct klaviyo_order o = {.id = id, .time = time(NULL),
	    .currency = "USD", .total = 999, .items = &pooh, .nitems = 1,
	    .profile = {.email = email}};
	unsigned char random[16];

	/* A form's @ is %40; a real shop decodes the rest, too. */
	if (scanf("email=%100[A-Za-z0-9.%@-]", email) == 1 &&
	    strstr(email, "%40") != NULL) {
		char *at = strstr(email, "%40");

		*at = '@';
		memmove(at + 1, at + 3, strlen(at + 3) + 1);
	}
	if (strchr(email, '@') == NULL)
		return printf("Status: 400\r\n\r\nAn e-mail address, please\n");
	sqlite3_randomness(sizeof(random), random);
	for (int i = 0; i < 16; i++)
		snprintf(id + 2 * i, 3, "%02x", random[i]);
	if (klaviyo_sqlite(db, "BEGIN", 0, NULL, NULL, NULL) < 0 ||
	    klaviyo_sqlite(db, "INSERT INTO orders (id) VALUES ($1)", 1,
	        (const char *[]){id}, NULL, NULL) < 0 ||
	    klaviyo_queue_order(store, KLAVIYO_PLACED_ORDER, &o,
	        KLAVIYO_REALTIME, o.time) != 0 ||
	    klaviyo_sqlite(db, "COMMIT", 0, NULL, NULL, NULL) < 0) {
		fprintf(stderr, "order: %s\n", klaviyo_error());
		return printf("Status: 503\r\n\r\nPlease try again\n");
	}
	return thanks(&o);
}

static int
deliver(const struct klaviyo_store *store)
{
	struct klaviyo_options options = {.api_url = getenv("KLAVIYO_API_URL"),
	    .private_key = getenv("DEMO_KEY")}; /* a real shop: from a file */
	struct klaviyo *klaviyo = klaviyo_new(&options);
	struct klaviyo_tally tally = {0};
	int result = -1;

	if (klaviyo != NULL)
		result = klaviyo_deliver(klaviyo, store, 100, NULL, &tally);
	printf("%lld sent %s\n", (long long)tally.sent, klaviyo_error());
	klaviyo_free(klaviyo);
	return result;
}

int
main(int argc, char **argv)
{
	const char *method = getenv("REQUEST_METHOD");
	struct klaviyo_store store = {.sql = klaviyo_sqlite};
	sqlite3 *db;

	if (sqlite3_open(getenv("SHOP_DB"), &db) != SQLITE_OK)
		return 1;
	store.conn = db;
	sqlite3_exec(db, "CREATE TABLE IF NOT EXISTS orders (id TEXT)", NULL,
	    NULL, NULL);
	if (klaviyo_outbox_create(&store) != 0)
		return 1;
	if (argc > 1 && strcmp(argv[1], "deliver") == 0)
		deliver(&store);
	else if (method != NULL && strcmp(method, "POST") == 0)
		order(&store, db);
	else
		page();
	klaviyo_sqlite_finish(db);
	return sqlite3_close(db) != SQLITE_OK;
}
