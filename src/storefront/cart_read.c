/*
 * cart_read.c - what is in a cart, as the catalogue has it at that moment.
 *
 * Promises: prices, names and stocks are the catalogue's, never a form's; what
 * is no longer published is not in the cart.
 * Does not: change a cart (cart.c).
 */
#include "storefront.h"

#include <string.h>

struct filling {
	struct arena *arena;
	struct cart *cart;
	struct line *line, **next;
	struct category **category; /* the line's next one */
};

static int
line_begin(struct filling *f, const char *const col[])
{
	struct line *line = arena_alloc(f->arena, sizeof(*line));

	if (line == NULL)
		return shop_fail("out of memory");
	line->id = num(col[0]);
	line->quantity = (int)num(col[1]);
	line->product_id = arena_copy(f->arena, col[2]);
	line->handle = arena_copy(f->arena, col[3]);
	line->title = arena_copy(f->arena, col[4]);
	line->vendor = arena_copy(f->arena, col[5]);
	line->image = arena_copy(f->arena, col[6]);
	line->variant = arena_copy(f->arena, col[7]);
	line->sku = arena_copy(f->arena, col[8]);
	line->price = num(col[9]);
	line->compare_at = num(col[10]);
	line->stock = num(col[11]);
	line->oversell = num(col[12]) != 0;
	f->line = *f->next = line;
	f->next = &line->next;
	f->category = &line->categories;
	f->cart->nlines++;
	f->cart->units += line->quantity;
	/* 100 lines of 999 at 10^9 stay far below 2^63. */
	f->cart->subtotal += line->price * line->quantity;
	return 0;
}

/* A line and one of its categories, of which each has a row. */
static int
line_row(void *arg, int n, const char *const col[])
{
	struct filling *f = arg;
	struct category *category;

	(void)n;
	if ((f->line == NULL || f->line->id != num(col[0])) &&
	    line_begin(f, col) != 0)
		return -1;
	if (col[13] == NULL)
		return 0;
	category = arena_alloc(f->arena, sizeof(*category));
	if (category == NULL)
		return shop_fail("out of memory");
	category->slug = arena_copy(f->arena, col[13]);
	category->name = arena_copy(f->arena, col[14]);
	*f->category = category;
	f->category = &category->next;
	return 0;
}

static int
cart_row(void *arg, int n, const char *const col[])
{
	struct cart *cart = arg;

	(void)n;
	cart->revision = num(col[0]);
	cart->changed_at = num(col[1]);
	return 0;
}

int
cart_load(struct db *db, struct arena *arena, const char *id, struct cart *cart)
{
	struct filling filling = {
	    .arena = arena, .cart = cart, .next = &cart->lines};

	memset(cart, 0, sizeof(*cart));
	cart->id = id;
	if (*id == '\0')
		return 0;
	if (db_run(db, cart_row, cart,
	        "SELECT revision, changed_at FROM cart WHERE id = $1",
	        id) < 0 ||
	    db_run(db, line_row, &filling,
	        "SELECT v.id, l.quantity, p.id, p.handle, p.title, p.vendor, "
	        "p.image, v.name, v.sku, v.price, v.compare_at, v.stock, "
	        "v.oversell, c.slug, c.name FROM cart_line l "
	        "JOIN variant v ON v.id = l.variant "
	        "JOIN product p ON p.id = v.product "
	        "LEFT JOIN product_category c ON c.product = p.id "
	        "WHERE l.cart = $1 AND p.published = 1 "
	        "ORDER BY l.position, l.variant, c.position",
	        id) < 0)
		return -1;
	return arena_failed(arena) ? shop_fail("out of memory") : 0;
}

static int
units_row(void *arg, int n, const char *const col[])
{
	int64_t *number = arg;

	(void)n;
	number[0] = num(col[0]);
	number[1] = num(col[1]);
	return 0;
}

int
cart_units(struct db *db, const char *id, bool *added)
{
	int64_t number[2] = {0, 0};

	*added = false;
	if (*id == '\0')
		return 0;
	if (db_run(db, units_row, number, "SELECT " CART_UNITS("$1"), id) < 0)
		return -1;
	*added = number[1] > 0;
	return (int)number[0];
}
