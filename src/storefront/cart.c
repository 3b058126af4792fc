/*
 * cart.c - carts: how they change.
 *
 * Promises: every change gives the cart a higher revision and notes its time,
 * so that a changed cart makes a new event id and a reload repeats an old one;
 * quantities stay within 1..999, lines within 100; what is added is within the
 * stock.  Of two changes at once the second waits for the first, and starts from
 * what that made: the cart's row is the lock.
 * Does not: read what is in them (cart_read.c).
 */
#include "storefront.h"

#include <string.h>

/* ----------------------------------------------------------------- changing */

static int
one_number(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

struct offer { /* a variant, and how many of it a cart holds */
	int64_t stock, oversell, quantity;
};

static int
offer_row(void *arg, int n, const char *const col[])
{
	struct offer *offer = arg;

	(void)n;
	offer->stock = num(col[0]);
	offer->oversell = num(col[1]);
	offer->quantity = num(col[2]);
	return 0;
}

static int64_t
offer_load(struct db *db, const char *cart, int64_t variant, struct offer *offer)
{
	memset(offer, 0, sizeof(*offer));
	return db_run(db, offer_row, offer,
	    "SELECT v.stock, v.oversell, COALESCE((SELECT quantity FROM "
	    "cart_line WHERE cart = $1 AND variant = v.id), 0) "
	    "FROM variant v JOIN product p ON p.id = v.product "
	    "WHERE v.id = $2 AND p.published = 1",
	    cart, NUM(variant));
}

/* Takes the cart's row, before anything of the cart is read that is to be
 * changed.  SQLite has one writer anyway. */
static int
lock(struct db *db, const char *cart)
{
	return db_run(db, NULL, NULL,
	           "UPDATE cart SET revision = revision WHERE id = $1",
	           cart) < 0
	    ? -1
	    : 0;
}

/* The next revision of a cart; makes the cart if need be.  It is the time, or
   one more where that is taken: after a restored backup a counter would give
   out revisions that Klaviyo knows, as ids of other events. */
static int
touch(struct db *db, const char *cart, int64_t now, int64_t *revision)
{
	*revision = 0;
	return db_run(db, one_number, revision,
	           "INSERT INTO cart (id, revision, created_at, changed_at) "
	           "VALUES ($1, $2, $2, $2) ON CONFLICT (id) DO UPDATE "
	           "SET revision = CASE WHEN cart.revision < $2 THEN $2 "
	           "ELSE cart.revision + 1 END, changed_at = $2 "
	           "RETURNING revision",
	           cart, NUM(now)) < 0
	    ? -1
	    : 0;
}

static int
put_line(struct db *db, const char *cart, int64_t variant, int64_t quantity)
{
	if (quantity == 0)
		return db_run(db, NULL, NULL,
		           "DELETE FROM cart_line WHERE cart = $1 AND "
		           "variant = $2",
		           cart, NUM(variant)) < 0
		    ? -1
		    : 0;
	return db_run(db, NULL, NULL,
	           "INSERT INTO cart_line (cart, variant, quantity, position) "
	           "VALUES ($1, $2, $3, (SELECT COALESCE(MAX(position), 0) + 1 "
	           "FROM cart_line WHERE cart = $1)) "
	           "ON CONFLICT (cart, variant) DO UPDATE SET quantity = $3",
	           cart, NUM(variant), NUM(quantity)) < 0
	    ? -1
	    : 0;
}

enum cart_change
cart_set(struct db *db, const char *cart, int64_t variant, int quantity,
    int64_t now, int64_t *revision, int *added)
{
	struct offer offer;
	int64_t found, lines = 0;

	*added = 0;
	if (lock(db, cart) != 0)
		return CART_FAILED;
	found = offer_load(db, cart, variant, &offer);
	if (found < 0)
		return CART_FAILED;
	if (found == 0)
		return CART_NO_VARIANT;
	if (quantity == offer.quantity)
		return CART_DONE;
	if (quantity > QUANTITY_MAX)
		return CART_TOO_MANY;
	/* Fewer is always welcome, even where the stock has shrunk. */
	if (quantity > offer.quantity && !offer.oversell &&
	    quantity > offer.stock)
		return CART_SOLD_OUT;
	if (offer.quantity == 0) {
		if (db_run(db, one_number, &lines,
		        "SELECT COUNT(*) FROM cart_line WHERE cart = $1",
		        cart) < 0)
			return CART_FAILED;
		if (lines >= LINES_MAX)
			return CART_TOO_MANY;
	}
	if (touch(db, cart, now, revision) != 0 ||
	    put_line(db, cart, variant, quantity) != 0)
		return CART_FAILED;
	if (quantity > offer.quantity)
		*added = quantity - (int)offer.quantity;
	return CART_DONE;
}

enum cart_change
cart_add(struct db *db, struct arena *arena, const char **cart, int64_t variant,
    int quantity, int64_t now, int64_t *revision)
{
	const char *id = **cart != '\0' ? *cart : random_id(arena, 26);
	enum cart_change change;
	struct offer offer;
	int added;

	if (id == NULL || lock(db, id) != 0 ||
	    offer_load(db, id, variant, &offer) < 0)
		return CART_FAILED;
	change = cart_set(db, id, variant, (int)offer.quantity + quantity, now,
	    revision, &added);
	if (change == CART_DONE)
		*cart = id;
	return change;
}

int
cart_hold(struct db *db, const struct cart *cart)
{
	return (int)db_run(db, NULL, NULL,
	    "UPDATE cart SET revision = revision WHERE id = $1 AND "
	    "revision = CAST($2 AS BIGINT)",
	    cart->id, NUM(cart->revision));
}

int
cart_merge(struct db *db, const struct cart *cart, const struct cart *from,
    int64_t now)
{
	bool all = true;

	for (const struct line *l = from->lines; l != NULL; l = l->next) {
		const struct line *own = cart->lines;
		int64_t have, wanted, most = QUANTITY_MAX, revision;
		enum cart_change change;
		int added;

		while (own != NULL && own->id != l->id)
			own = own->next;
		have = own != NULL ? own->quantity : 0;
		if (!l->oversell && l->stock < most)
			most = l->stock;
		wanted = have + l->quantity;
		if (wanted > most) {
			all = false;
			wanted = most;
		}
		if (wanted <= have)
			continue;
		change = cart_set(db, cart->id, l->id, (int)wanted, now,
		    &revision, &added);
		if (change == CART_FAILED)
			return -1;
		all = all && change == CART_DONE;
	}
	return all ? 0 : 1;
}

int
cart_copy(struct db *db, struct arena *arena, const char **cart,
    const char *from, int64_t now)
{
	int64_t revision;

	if (**cart == '\0')
		*cart = random_id(arena, 26);
	if (*cart == NULL)
		return shop_fail("out of memory");
	if (strcmp(*cart, from) == 0)
		return 0;
	if (touch(db, *cart, now, &revision) != 0 ||
	    db_run(db, NULL, NULL, "DELETE FROM cart_line WHERE cart = $1",
	        *cart) < 0 ||
	    db_run(db, NULL, NULL,
	        "INSERT INTO cart_line (cart, variant, quantity, position) "
	        "SELECT $1, variant, quantity, position FROM cart_line "
	        "WHERE cart = $2",
	        *cart, from) < 0)
		return -1;
	return 0;
}

/* ------------------------------------------------------ added, not reported */

int
cart_note_added(struct db *db, const char *cart, int64_t revision,
    int64_t variant, int quantity)
{
	return db_run(db, NULL, NULL,
	           "INSERT INTO cart_added (cart, revision, variant, quantity) "
	           "VALUES ($1, $2, $3, $4)",
	           cart, NUM(revision), NUM(variant), NUM(quantity)) < 0
	    ? -1
	    : 0;
}

struct taking {
	struct arena *arena;
	struct added **list;
};

static int
added_row(void *arg, int n, const char *const col[])
{
	struct taking *taking = arg;
	struct added *added = arena_alloc(taking->arena, sizeof(*added));
	struct added **at = taking->list;

	(void)n;
	if (added == NULL)
		return shop_fail("out of memory");
	added->revision = num(col[0]);
	added->variant = num(col[1]);
	added->quantity = (int)num(col[2]);
	/* RETURNING promises no order. */
	while (*at != NULL && (*at)->revision < added->revision)
		at = &(*at)->next;
	added->next = *at;
	*at = added;
	return 0;
}

int
cart_take_added(
    struct db *db, struct arena *arena, const char *cart, struct added **list)
{
	struct taking taking = {arena, list};
	int64_t waiting = 0;

	*list = NULL;
	/* Most pages have nothing to take: no write, no gate. */
	if (*cart == '\0')
		return 0;
	if (db_run(db, one_number, &waiting,
	        "SELECT COUNT(*) FROM cart_added WHERE cart = $1", cart) < 0)
		return -1;
	if (waiting == 0)
		return 0;
	if (db_begin(db) != 0)
		return -1;
	if (db_run(db, added_row, &taking,
	        "DELETE FROM cart_added WHERE cart = $1 "
	        "RETURNING revision, variant, quantity",
	        cart) < 0 ||
	    db_commit(db) != 0) {
		db_rollback(db);
		*list = NULL;
		return -1;
	}
	return 0;
}
