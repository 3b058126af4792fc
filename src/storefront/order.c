/*
 * order.c - placing an order.  Its sums are order_sums.c's, reading it again is
 * order_read.c's.
 *
 * Promises: an order takes its stock in the same transaction, or is not placed;
 * one idempotency key makes one order, and the same key with another body is a
 * conflict; ids are random, never a counter.
 *
 * Several may place orders at the same moment.  The cart's row is taken first:
 * who waited for it asks for the key again.  Stock is taken by an UPDATE that
 * asks whether there is enough, in the order of the variants' ids, so that two
 * orders of the same goods never wait for each other in a circle.
 *
 * Never builds JSON and knows nothing of Klaviyo: the caller queues the events
 * in the same transaction.
 */
#include "storefront.h"

#include <stdlib.h>
#include <string.h>

struct key {
	struct arena *arena;
	const char **id, **body_hash;
};

static int
key_row(void *arg, int n, const char *const col[])
{
	struct key *key = arg;

	(void)n;
	*key->id = arena_copy(key->arena, col[0]);
	*key->body_hash = arena_copy(key->arena, col[1]);
	return arena_failed(key->arena) ? -1 : 0;
}

int
order_by_key(struct db *db, struct arena *arena, const char *key,
    const char **id, const char **body_hash)
{
	struct key found = {arena, id, body_hash};

	return (int)db_run(db, key_row, &found,
	    "SELECT id, body_hash FROM orders WHERE key = $1", key);
}

/* ORDER_PLACED when the key is free. */
static enum order_result
used_before(struct db *db, struct arena *arena, struct order *order,
    const char *key, const char *body_hash)
{
	const char *id, *hash;
	int used = order_by_key(db, arena, key, &id, &hash);

	if (used < 0)
		return ORDER_FAILED;
	if (used == 0)
		return ORDER_PLACED;
	order->id = id;
	return strcmp(hash, body_hash) == 0 ? ORDER_AGAIN : ORDER_CONFLICT;
}

/* Eight fields of an address in one text; none of them holds a newline. */
static char *
pack(struct arena *arena, const struct address *a)
{
	return arena_printf(arena, "%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s",
	    a->first_name, a->last_name, a->address1, a->address2, a->city,
	    a->region, a->zip, a->country);
}

/* 1, or 0 when the key is another order's. */
static int64_t
insert_order(struct db *db, struct arena *arena, const struct order *o,
    const char *session, const char *key, const char *body_hash)
{
	return db_run(db, NULL, NULL,
	    "INSERT INTO orders (id, session, key, body_hash, time, "
	    "currency, status, email, phone, shipping_address, "
	    "billing_address, shipping_name, discount_code, subtotal, "
	    "discount, shipping, total) VALUES ($1, $2, $3, $4, $5, "
	    "$6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) "
	    "ON CONFLICT (key) DO NOTHING",
	    o->id, session, key, body_hash, NUM(o->time), o->currency,
	    o->status, o->email, o->phone, pack(arena, &o->shipping_address),
	    pack(arena, &o->billing_address), o->shipping_name,
	    o->discount_code, NUM(o->subtotal), NUM(o->discount),
	    NUM(o->shipping), NUM(o->total));
}

/* The order of one who is logged in is the account's, on all its devices. */
static int
give_to_account(struct db *db, const struct order *o)
{
	if (o->account == NULL || *o->account == '\0')
		return 0;
	return db_run(db, NULL, NULL,
	           "INSERT INTO account_order (orders, account) "
	           "VALUES ($1, $2)",
	           o->id, o->account) < 0
	    ? -1
	    : 0;
}

/* The names of a line's categories, newline-separated. */
static char *
category_names(struct arena *arena, const struct category *list)
{
	char *names = arena_copy(arena, "");

	for (; list != NULL; list = list->next)
		names = arena_printf(arena, "%s%s%s", names,
		    *names != '\0' ? "\n" : "", list->name);
	return names;
}

static int
insert_line(struct db *db, struct arena *arena, const char *order, int64_t n,
    const struct line *line)
{
	return db_run(db, NULL, NULL,
	           "INSERT INTO order_line (orders, line, variant, product, "
	           "handle, title, variant_name, sku, vendor, image, "
	           "categories, price, quantity) VALUES ($1, $2, $3, $4, $5, "
	           "$6, $7, $8, $9, $10, $11, $12, $13)",
	           order, NUM(n), NUM(line->id), line->product_id,
	           line->handle, line->title, line->variant, line->sku,
	           line->vendor, line->image,
	           category_names(arena, line->categories), NUM(line->price),
	           NUM(line->quantity)) < 0
	    ? -1
	    : 0;
}

/* Takes a line's units from the stock; 0 when there are not enough. */
static int64_t
take_stock(struct db *db, const struct line *line)
{
	return db_run(db, NULL, NULL,
	    "UPDATE variant SET stock = stock - CAST($2 AS BIGINT) "
	    "WHERE id = $1 AND (oversell = 1 OR stock >= CAST($2 AS BIGINT))",
	    NUM(line->id), NUM(line->quantity));
}

static int
by_id(const void *a, const void *b)
{
	const struct line *x = *(const struct line *const *)a;
	const struct line *y = *(const struct line *const *)b;

	return (x->id > y->id) - (x->id < y->id);
}

/* The units of all lines, or which line has not enough. */
static enum order_result
take_all_stock(
    struct db *db, const struct cart *cart, const struct line **sold_out)
{
	const struct line *lines[LINES_MAX];
	int n = 0;

	for (const struct line *l = cart->lines; l && n < LINES_MAX; l = l->next)
		lines[n++] = l;
	/* cppcheck-suppress uninitvar ; of no lines, none is read */
	qsort(lines, (size_t)n, sizeof(*lines), by_id);
	for (int i = 0; i < n; i++) {
		int64_t taken = take_stock(db, lines[i]);

		if (taken < 0)
			return ORDER_FAILED;
		if (taken == 0) {
			*sold_out = lines[i];
			return ORDER_SOLD_OUT;
		}
	}
	return ORDER_PLACED;
}

/* Empties the cart, if it still is what the customer saw. */
static enum order_result
take_cart(struct db *db, const struct cart *cart, int64_t now)
{
	int64_t changed = db_run(db, NULL, NULL,
	    "UPDATE cart SET revision = revision + 1, changed_at = $3 "
	    "WHERE id = $1 AND revision = $2",
	    cart->id, NUM(cart->revision), NUM(now));

	if (changed < 0)
		return ORDER_FAILED;
	if (changed == 0)
		return ORDER_CART_CHANGED;
	if (db_run(db, NULL, NULL, "DELETE FROM cart_line WHERE cart = $1",
	        cart->id) < 0 ||
	    db_run(db, NULL, NULL, "DELETE FROM cart_added WHERE cart = $1",
	        cart->id) < 0)
		return ORDER_FAILED;
	return ORDER_PLACED;
}

int
order_draft(struct order *order, struct arena *arena, const struct cart *cart)
{
	order->id = timed_id(arena);
	order->lines = cart->lines;
	order->nlines = cart->nlines;
	order->units = cart->units;
	return order->id != NULL ? 0 : -1;
}

enum order_result
order_place(struct db *db, struct arena *arena, struct order *order,
    const struct cart *cart, const char *session, const char *key,
    const char *body_hash, const struct line **sold_out)
{
	enum order_result result;
	int64_t n = 0, inserted;

	result = take_cart(db, cart, order->time);
	if (result == ORDER_CART_CHANGED) {
		/* By an order of this key, waited for or long there? */
		result = used_before(db, arena, order, key, body_hash);
		return result == ORDER_PLACED ? ORDER_CART_CHANGED : result;
	}
	if (result != ORDER_PLACED)
		return result;
	inserted = insert_order(db, arena, order, session, key, body_hash);
	if (inserted < 0)
		return ORDER_FAILED;
	if (inserted == 0) /* of another cart, meanwhile */
		return used_before(db, arena, order, key, body_hash);
	if (give_to_account(db, order) != 0)
		return ORDER_FAILED;
	result = take_all_stock(db, cart, sold_out);
	if (result != ORDER_PLACED)
		return result;
	for (const struct line *line = cart->lines; line; line = line->next)
		if (insert_line(db, arena, order->id, ++n, line) != 0)
			return ORDER_FAILED;
	return arena_failed(arena) ? ORDER_FAILED : ORDER_PLACED;
}

int
order_keep(struct db *db, struct arena *arena, const struct order *order)
{
	/* No visitor's session, and no form's key, is ever called so. */
	const char *key = arena_printf(arena, "import %s", order->id);
	int64_t n = 0, inserted;

	inserted = db_run(db, NULL, NULL,
	    "SELECT 1 FROM orders WHERE id = $1", order->id);
	if (inserted != 0)
		return inserted < 0 ? -1 : 0;
	inserted = insert_order(db, arena, order, "import", key, "");
	if (inserted <= 0)
		return (int)inserted;
	for (const struct line *line = order->lines; line; line = line->next)
		if (insert_line(db, arena, order->id, ++n, line) != 0)
			return -1;
	return arena_failed(arena) ? shop_fail("out of memory") : 1;
}

enum order_result
order_settle(struct db *db, struct arena *arena, struct order *order,
    const struct cart *cart, const char *key, const char *body_hash)
{
	enum order_result result = ORDER_FAILED;

	if (db_begin(db) != 0)
		return ORDER_FAILED;
	/* The server may be committing still: it holds the cart's row then. */
	if (db_run(db, NULL, NULL,
	        "UPDATE cart SET revision = revision WHERE id = $1",
	        cart->id) >= 0)
		result = used_before(db, arena, order, key, body_hash);
	db_rollback(db);
	if (result != ORDER_FAILED)
		db_known(db);
	if (result == ORDER_PLACED) {
		shop_fail("the database went away at the commit; the order "
		          "was not placed");
		return ORDER_FAILED;
	}
	return result;
}
