/*
 * commands_preview.c - `storefront preview order|cart|product ID`: what would
 * be sent to Klaviyo, before it is.
 *
 * Promises: the real code makes it.  An order's events are queued as ever, but
 * into an outbox in memory, and read there; one that the shop's outbox still
 * holds is shown as it is held, for that is what will be sent.  So are a cart's
 * with KLAVIYO_ONSITE=server, if its visitor is known here.  Nothing is
 * written, nobody is asked, no key is needed.
 *
 * What it shows are personal data.
 */
#include "storefront.h"

#include <klaviyo.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct preview {
	const struct settings *settings;
	struct db *db;
	struct arena *arena;
	bool raw, history;
	int64_t now;
	/* Of an order: */
	struct db *scratch;
	const struct order *order;
	int64_t queued_at; /* in the scratch outbox: one thing a second */
	const char *state; /* of the event in the shop's outbox */
	struct klaviyo_entry held;
	struct session visitor; /* whose cart it is */
};

/* With --raw one body a line, byte for byte. */
static void
print_body(const struct preview *p, const char *what, const char *json)
{
	if (p->raw) {
		printf("%s\n", json);
		return;
	}
	printf("%s\n", what);
	json_print(stdout, json);
	printf("\n");
}

/* -------------------------------------------------------------------- an order
 */

/* What the shop's outbox has of this event. */
static int
held_entry(void *arg, const struct klaviyo_entry *e)
{
	struct preview *p = arg;

	p->state = arena_copy(p->arena, e->state);
	p->held = (struct klaviyo_entry){.kind = arena_copy(p->arena, e->kind),
	    .event = arena_copy(p->arena, e->event),
	    .profile = arena_copy(p->arena, e->profile)};
	return 0;
}

static int
print_entry(void *arg, const struct klaviyo_entry *e)
{
	struct preview *p = arg;
	const char *slash = strchr(e->id, '/');
	char *body;

	p->state = "not queued";
	p->held.event = "";
	if (klaviyo_outbox_list(
	        db_store(p->db), NULL, e->id, p->now, 1, held_entry, p) != 0)
		return -1;
	body = klaviyo_entry_body(*p->held.event != '\0' ? &p->held : e);
	if (body == NULL)
		return -1;
	print_body(p,
	    arena_printf(p->arena, "POST /api/events: %.*s, unique_id %s (%s)",
	        (int)(slash - e->id), e->id, slash + 1, p->state),
	    body);
	free(body);
	return arena_failed(p->arena) ? -1 : 0;
}

static int
print_scratch(struct preview *p)
{
	shop_fail("%s", "");
	if (klaviyo_outbox_list(db_store(p->scratch), NULL, NULL, p->now,
	        INT_MAX, print_entry, p) == 0)
		return 0;
	return *shop_error() != '\0' ? -1 : shop_fail("%s", klaviyo_error());
}

static int
queue_change(void *arg, const char *kind, const struct change *change)
{
	struct preview *p = arg;

	(void)kind;
	return tracking_change(p->settings, p->scratch, p->order, change,
	    p->history, ++p->queued_at);
}

static int
preview_order(struct preview *p, const char *id)
{
	struct order *order = arena_alloc(p->arena, sizeof(*order));
	int found = order ? order_load(p->db, p->arena, id, NULL, order) : -1;

	if (found < 0)
		return -1;
	if (found == 0)
		return shop_fail("there is no order '%s': `storefront order "
		                 "list` shows them",
		    id);
	p->order = order;
	p->queued_at = p->now;
	p->scratch = db_scratch();
	if (p->scratch == NULL ||
	    tracking_order(p->settings, p->scratch, order, p->history,
	        p->queued_at) != 0 ||
	    order_changes(p->db, p->arena, order, queue_change, p) != 0)
		return -1;
	return print_scratch(p);
}

/* ----------------------------------------------------------- a cart, a product
 */

static int
print_call(void *arg, const char *call, const char *json)
{
	print_body(arg, call, json);
	return 0;
}

/* By whichever side tells of it: the server of whom it knows, if it is to. */
static int
print_cart(struct preview *p, struct tracking *t)
{
	if (strcmp(p->settings->onsite, "server") != 0)
		return tracking_preview(t, print_call, p);
	if (session_of_cart(
	        p->db, p->arena, t->cart->id, p->now, &p->visitor) != 0)
		return -1;
	if (*p->visitor.email == '\0')
		return tracking_preview(t, print_call, p);
	t->visitor = &p->visitor;
	p->scratch = db_scratch();
	return p->scratch == NULL ||
	               tracking_preview_cart(t, p->scratch, p->now) != 0
	           ? -1
	           : print_scratch(p);
}

static int
preview_cart(struct preview *p, const char *id)
{
	struct shop shop;
	struct cart cart;
	struct tracking t = {.settings = p->settings, .arena = p->arena};
	int result = -1;

	if (shop_open(&shop, p->settings) != 0)
		return -1;
	if (cart_load(shop.db, p->arena, id, &cart) != 0)
		goto out;
	if (*id == '\0' || cart.nlines == 0) {
		shop_fail("there is no cart '%s' with anything in it", id);
		goto out;
	}
	t.currency = shop.currency;
	t.cart = &cart;
	t.checkout_url = cart_link(&shop, p->arena, &cart);
	result = print_cart(p, &t);
out:
	shop_close(&shop);
	return result;
}

static int
first_column(void *arg, int n, const char *const col[])
{
	struct preview *p = arg;

	(void)n;
	p->state = arena_copy(p->arena, col[0]);
	return 0;
}

static int
add_piece(void *arg, const char *data, size_t n)
{
	text_addn(arg, data, n);
	return ((struct text *)arg)->failed ? -1 : 0;
}

/* Of a feed of one product, that product. */
static int
print_feed(struct preview *p, const struct product *product)
{
	struct feed_counts counts;
	struct text feed = {0};
	const char *currency = p->state, *item;
	size_t n;
	int result;

	result = tracking_feed_product(p->settings, p->db, currency, "json",
	    product->id, add_piece, &feed, &counts);
	n = feed.length;
	while (n > 0 && feed.data[n - 1] != ']')
		n--;
	if (result == 0 && n > 1 && counts.items == 1) {
		feed.data[n - 1] = '\0';
		if ((item = strchr(feed.data, '{')) != NULL)
			print_body(p, "/feed/catalog.json", item);
	}
	text_free(&feed);
	return result;
}

/* By its handle, or by its id. */
static int
preview_product(struct preview *p, const char *id)
{
	struct tracking t = {.settings = p->settings, .arena = p->arena};
	struct product *product;
	int found = catalog_product(p->db, p->arena, id, &product);

	if (found == 0 &&
	    db_run(p->db, first_column, p,
	        "SELECT handle FROM product WHERE id = $1", id) > 0)
		found = catalog_product(p->db, p->arena, p->state, &product);
	if (found < 0)
		return -1;
	if (found == 0)
		return shop_fail(
		    "there is no product '%s' in the shop: give "
		    "its handle, as in /products/HANDLE, or its id",
		    id);
	if (db_run(p->db, first_column, p,
	        "SELECT value FROM meta WHERE name = 'currency'") < 0)
		return -1;
	t.currency = p->state;
	t.viewed = product;
	if (strcmp(p->settings->onsite, "server") == 0)
		fprintf(stderr,
		    "storefront: note: KLAVIYO_ONSITE is server: of a visitor "
		    "it knows, the server sends what Viewed Product has here, "
		    "with who they are, to /api/events\n");
	return tracking_preview(&t, print_call, p) != 0
	           ? -1
	           : print_feed(p, product);
}

/* ----------------------------------------------------------------- the command
 */

static int
wrong_call(void)
{
	fprintf(stderr, "storefront: preview takes\n"
	                "  preview order ID [--history] [--raw]\n"
	                "  preview cart ID [--raw]\n"
	                "  preview product HANDLE|ID [--raw]\n");
	return 2;
}

int
preview_command(const struct settings *settings, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(struct preview *p, const char *id);
	} whats[] = {{"order", preview_order}, {"cart", preview_cart},
	    {"product", preview_product}};
	struct preview p = {.settings = settings, .now = utc_now()};
	int result = -1;
	size_t i = 0;

	while (i < 3 && (argc < 3 || strcmp(argv[1], whats[i].name) != 0))
		i++;
	for (int k = 3; k < argc; k++)
		if (strcmp(argv[k], "--raw") == 0)
			p.raw = true;
		else if (i == 0 && strcmp(argv[k], "--history") == 0)
			p.history = true;
		else
			i = 3;
	if (i == 3)
		return wrong_call();
	p.arena = arena_new();
	p.db = p.arena != NULL ? db_open(settings) : NULL;
	if (p.db != NULL)
		result = whats[i].run(&p, argv[2]);
	db_close(p.scratch);
	db_close(p.db);
	arena_free(p.arena);
	if (result == 0)
		return 0;
	fprintf(stderr, "storefront: %s\n", shop_error());
	return 1;
}
