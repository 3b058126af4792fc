/*
 * order_read.c - orders as they are in the database: one, a list, a walk over
 * all.
 *
 * Reads only.
 */
#include "storefront.h"

#include <string.h>

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

int
order_list_of(struct db *db, struct arena *arena, const char *account,
    int limit, order_each *each, void *arg)
{
	struct order order;
	struct reading reading = {arena, &order, NULL, each, arg};

	return db_run(db, order_row, &reading,
	           "SELECT o.id, o.time, o.currency, o.status, o.email, "
	           "o.phone, o.shipping_address, o.billing_address, "
	           "o.shipping_name, o.discount_code, o.subtotal, o.discount, "
	           "o.shipping, o.total FROM account_order b "
	           "JOIN orders o ON o.id = b.orders WHERE b.account = $1 "
	           "ORDER BY o.time DESC, o.id LIMIT CAST($2 AS BIGINT)",
	           account, NUM(limit)) < 0
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
	        "WHERE time >= $1 AND (time > $1 OR id > $2) AND time < $3 "
	        "ORDER BY time, id LIMIT CAST($4 AS BIGINT)",
	        NUM(after->time), after->id, NUM(until), NUM(limit)) < 0)
		return -1;
	if (walking.n > 0)
		*after = list[walking.n - 1];
	return walking.n;
}

int
change_walk(struct db *db, const char *kind, struct order_mark *after,
    int64_t until, int limit, struct order_mark *list)
{
	struct walking walking = {list, 0};

	if (db_run(db, mark_row, &walking,
	        "SELECT orders || '/' || id, time FROM order_change "
	        "WHERE time >= $1 AND (time > $1 OR orders || '/' || id > $2) "
	        "AND time < $3 AND kind = $4 "
	        "ORDER BY time, orders || '/' || id LIMIT CAST($5 AS BIGINT)",
	        NUM(after->time), after->id, NUM(until), kind, NUM(limit)) < 0)
		return -1;
	if (walking.n > 0)
		*after = list[walking.n - 1];
	return walking.n;
}

static int
count_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

int64_t
order_count(struct db *db, int64_t since, int64_t until)
{
	int64_t n = 0;

	return db_run(db, count_row, &n,
	           "SELECT COUNT(*) FROM orders WHERE time >= $1 AND time < $2",
	           NUM(since), NUM(until)) < 0
	    ? -1
	    : n;
}

int64_t
change_count(struct db *db, const char *kind, int64_t since, int64_t until)
{
	int64_t n = 0;

	return db_run(db, count_row, &n,
	           "SELECT COUNT(*) FROM order_change "
	           "WHERE time >= $1 AND time < $2 AND kind = $3",
	           NUM(since), NUM(until), kind) < 0
	    ? -1
	    : n;
}
