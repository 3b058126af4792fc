/*
 * order.c - the sums of a checkout, and orders.
 *
 * Promises: totals are computed here and nowhere else, from the catalogue's
 * prices; an order takes its stock in the same transaction, or is not placed;
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

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ the sums */

struct methods {
	struct arena *arena;
	int64_t subtotal;
	struct shipping **last;
};

static int
shipping_row(void *arg, int n, const char *const col[])
{
	struct methods *m = arg;
	struct shipping *method = arena_alloc(m->arena, sizeof(*method));

	(void)n;
	if (method == NULL)
		return shop_fail("out of memory");
	method->code = arena_copy(m->arena, col[0]);
	method->name = arena_copy(m->arena, col[1]);
	method->when = arena_copy(m->arena, col[2]);
	method->price = num(col[3]);
	if (col[4] != NULL && m->subtotal >= num(col[4]))
		method->price = 0;
	*m->last = method;
	m->last = &method->next;
	return 0;
}

int
shipping_methods(struct db *db, struct arena *arena, int64_t subtotal,
    struct shipping **list)
{
	struct methods methods = {arena, subtotal, list};

	*list = NULL;
	return db_run(db, shipping_row, &methods,
	           "SELECT code, name, whenthere, price, free_from "
	           "FROM shipping_method ORDER BY position") < 0
	    ? -1
	    : 0;
}

struct rule {
	struct arena *arena;
	const char *code, *kind;
	int64_t value, minimum;
};

static int
rule_row(void *arg, int n, const char *const col[])
{
	struct rule *rule = arg;

	(void)n;
	rule->code = arena_copy(rule->arena, col[0]);
	rule->kind = arena_copy(rule->arena, col[1]);
	rule->value = num(col[2]);
	rule->minimum = num(col[3]);
	return arena_failed(rule->arena) ? -1 : 0;
}

int
discount_find(struct db *db, struct arena *arena, const char *code,
    int64_t subtotal, struct discount *discount)
{
	struct rule rule = {.arena = arena};
	char upper[64];
	size_t n = 0;
	int64_t found;

	memset(discount, 0, sizeof(*discount));
	discount->code = "";
	for (const char *p = code; *p != '\0' && n + 1 < sizeof(upper); p++)
		if (!isspace((unsigned char)*p))
			upper[n++] = (char)toupper((unsigned char)*p);
	upper[n] = '\0';
	if (n == 0)
		return 0;
	found = db_run(db, rule_row, &rule,
	    "SELECT code, kind, value, minimum FROM discount WHERE code = $1",
	    upper);
	if (found < 0)
		return -1;
	if (found == 0) {
		discount->why_not = "This code is not known.";
		return 0;
	}
	if (subtotal < rule.minimum) {
		discount->why_not = "This code needs a larger order.";
		return 0;
	}
	discount->code = rule.code;
	if (strcmp(rule.kind, "percent") == 0)
		discount->amount = subtotal * rule.value / 100;
	else if (strcmp(rule.kind, "amount") == 0)
		discount->amount =
		    rule.value < subtotal ? rule.value : subtotal;
	else
		discount->free_shipping = true;
	return 0;
}

int
order_totals(struct order *order, const struct shipping *shipping,
    const struct discount *discount)
{
	order->shipping_name = shipping->name;
	order->discount_code = discount->code;
	order->shipping = shipping->price;
	order->discount = discount->amount;
	if (discount->free_shipping)
		order->discount = shipping->price;
	if (__builtin_add_overflow(
	        order->subtotal, order->shipping, &order->total) ||
	    __builtin_sub_overflow(
	        order->total, order->discount, &order->total))
		return shop_fail("the order's total overflows");
	return 0;
}

/* ------------------------------------------------------------------- placing */

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

static void
unpack(struct arena *arena, const char *text, struct address *a)
{
	const char **const field[] = {&a->first_name, &a->last_name,
	    &a->address1, &a->address2, &a->city, &a->region, &a->zip,
	    &a->country};

	for (size_t i = 0; i < sizeof(field) / sizeof(*field); i++) {
		size_t n = strcspn(text, "\n");

		*field[i] = arena_copyn(arena, text, n);
		text += text[n] == '\n' ? n + 1 : n;
	}
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

static int
revision_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

/* Empties the cart, if it still is what the customer saw. */
static enum order_result
take_cart(struct db *db, const struct cart *cart, int64_t now)
{
	int64_t revision = -1;

	if (db_run(db, revision_row, &revision,
	        "UPDATE cart SET revision = revision + 1, changed_at = $3 "
	        "WHERE id = $1 AND revision = $2 RETURNING revision",
	        cart->id, NUM(cart->revision), NUM(now)) < 0)
		return ORDER_FAILED;
	if (revision < 0)
		return ORDER_CART_CHANGED;
	if (db_run(db, NULL, NULL, "DELETE FROM cart_line WHERE cart = $1",
	        cart->id) < 0 ||
	    db_run(db, NULL, NULL, "DELETE FROM cart_added WHERE cart = $1",
	        cart->id) < 0)
		return ORDER_FAILED;
	return ORDER_PLACED;
}

enum order_result
order_place(struct db *db, struct arena *arena, struct order *order,
    const struct cart *cart, const char *session, const char *key,
    const char *body_hash, const struct line **sold_out)
{
	enum order_result result;
	int64_t n = 0, inserted;

	result = used_before(db, arena, order, key, body_hash);
	if (result != ORDER_PLACED)
		return result;
	result = take_cart(db, cart, order->time);
	if (result == ORDER_CART_CHANGED) {
		/* By an order of this key, that we waited for? */
		result = used_before(db, arena, order, key, body_hash);
		return result == ORDER_PLACED ? ORDER_CART_CHANGED : result;
	}
	if (result != ORDER_PLACED)
		return result;
	order->id = random_id(arena, 16);
	order->lines = cart->lines;
	order->nlines = cart->nlines;
	order->units = cart->units;
	if (order->id == NULL)
		return ORDER_FAILED;
	inserted = insert_order(db, arena, order, session, key, body_hash);
	if (inserted < 0)
		return ORDER_FAILED;
	if (inserted == 0) /* of another cart, meanwhile */
		return used_before(db, arena, order, key, body_hash);
	result = take_all_stock(db, cart, sold_out);
	if (result != ORDER_PLACED)
		return result;
	for (const struct line *line = cart->lines; line; line = line->next)
		if (insert_line(db, arena, order->id, ++n, line) != 0)
			return ORDER_FAILED;
	return arena_failed(arena) ? ORDER_FAILED : ORDER_PLACED;
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

/* ------------------------------------------------------------------- reading */

struct reading {
	struct arena *arena;
	struct order *order;
	struct line **last;
	order_each *each;
	void *arg;
};

static int
order_row(void *arg, int n, const char *const col[])
{
	struct reading *r = arg;
	struct order *o = r->order;

	(void)n;
	memset(o, 0, sizeof(*o));
	o->id = arena_copy(r->arena, col[0]);
	o->time = num(col[1]);
	o->currency = arena_copy(r->arena, col[2]);
	o->status = arena_copy(r->arena, col[3]);
	o->email = arena_copy(r->arena, col[4]);
	o->phone = arena_copy(r->arena, col[5]);
	unpack(r->arena, col[6], &o->shipping_address);
	unpack(r->arena, col[7], &o->billing_address);
	o->shipping_name = arena_copy(r->arena, col[8]);
	o->discount_code = arena_copy(r->arena, col[9]);
	o->subtotal = num(col[10]);
	o->discount = num(col[11]);
	o->shipping = num(col[12]);
	o->total = num(col[13]);
	o->exchange_id = "";
	if (arena_failed(r->arena))
		return shop_fail("out of memory");
	return r->each != NULL ? r->each(r->arg, o) : 0;
}

static struct category *
categories_of(struct arena *arena, const char *names)
{
	struct category *list = NULL, **last = &list;

	while (*names != '\0') {
		size_t n = strcspn(names, "\n");
		struct category *one = arena_alloc(arena, sizeof(*one));

		if (one == NULL)
			break;
		one->name = arena_copyn(arena, names, n);
		one->slug = "";
		*last = one;
		last = &one->next;
		names += names[n] == '\n' ? n + 1 : n;
	}
	return list;
}

static int
order_line_row(void *arg, int n, const char *const col[])
{
	struct reading *r = arg;
	struct line *line = arena_alloc(r->arena, sizeof(*line));

	(void)n;
	if (line == NULL)
		return shop_fail("out of memory");
	line->id = num(col[0]);
	line->product_id = arena_copy(r->arena, col[1]);
	line->handle = arena_copy(r->arena, col[2]);
	line->title = arena_copy(r->arena, col[3]);
	line->variant = arena_copy(r->arena, col[4]);
	line->sku = arena_copy(r->arena, col[5]);
	line->vendor = arena_copy(r->arena, col[6]);
	line->image = arena_copy(r->arena, col[7]);
	line->categories = categories_of(r->arena, col[8]);
	line->price = num(col[9]);
	line->quantity = (int)num(col[10]);
	*r->last = line;
	r->last = &line->next;
	r->order->nlines++;
	r->order->units += line->quantity;
	return 0;
}

int
order_load(struct db *db, struct arena *arena, const char *id,
    const char *session, struct order *order)
{
	struct reading reading = {arena, order, NULL, NULL, NULL};
	int64_t found;

	found = db_run(db, order_row, &reading,
	    "SELECT id, time, currency, status, email, phone, "
	    "shipping_address, billing_address, shipping_name, discount_code, "
	    "subtotal, discount, shipping, total FROM orders "
	    "WHERE id = $1 AND (CAST($2 AS TEXT) IS NULL OR session = $2)",
	    id, session);
	if (found <= 0)
		return (int)found;
	reading.last = &order->lines;
	return db_run(db, order_line_row, &reading,
	           "SELECT line, product, handle, title, variant_name, sku, "
	           "vendor, image, categories, price, quantity "
	           "FROM order_line WHERE orders = $1 ORDER BY line",
	           id) < 0
	    ? -1
	    : 1;
}

int
order_list(struct db *db, struct arena *arena, int limit, order_each *each,
    void *arg)
{
	struct order order;
	struct reading reading = {arena, &order, NULL, each, arg};

	return db_run(db, order_row, &reading,
	           "SELECT id, time, currency, status, email, phone, "
	           "shipping_address, billing_address, shipping_name, "
	           "discount_code, subtotal, discount, shipping, total "
	           "FROM orders ORDER BY time DESC, id "
	           "LIMIT CAST($1 AS BIGINT)",
	           NUM(limit)) < 0
	    ? -1
	    : 0;
}

struct walking {
	struct order_mark *list;
	int n;
};

static int
mark_row(void *arg, int n, const char *const col[])
{
	struct walking *walking = arg;
	struct order_mark *mark = &walking->list[walking->n++];

	(void)n;
	snprintf(mark->id, sizeof(mark->id), "%s", col[0]);
	mark->time = num(col[1]);
	return 0;
}

int
order_walk(struct db *db, struct order_mark *after, int64_t until, int limit,
    struct order_mark *list)
{
	struct walking walking = {list, 0};

	if (db_run(db, mark_row, &walking,
	        "SELECT id, time FROM orders "
	        "WHERE (time > $1 OR (time = $1 AND id > $2)) AND time < $3 "
	        "ORDER BY time, id LIMIT CAST($4 AS BIGINT)",
	        NUM(after->time), after->id, NUM(until), NUM(limit)) < 0)
		return -1;
	if (walking.n > 0)
		*after = list[walking.n - 1];
	return walking.n;
}
