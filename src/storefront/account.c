/*
 * account.c - customers' accounts: found, made, changed; what is joined to
 * them.
 *
 * Promises: one account for an address, however it is spelled; a change takes
 * the account's row first, so that of two at once the second starts from what
 * the first made; the numbers of changes grow, and are times, so that a
 * restored backup gives out none again.
 *
 * Knows no form, no cookie and nothing of Klaviyo: the caller queues the events
 * in the same transaction.
 */
#include "storefront.h"

#include <string.h>

#define COLUMNS                                                                \
	"id, email, email_key, password, first_name, last_name, phone, "       \
	"address1, address2, city, region, zip, country, COALESCE(cart, ''), " \
	"form, changes, created_at"

struct reading {
	struct arena *arena;
	struct account *account;
};

static int
account_row(void *arg, int n, const char *const col[])
{
	struct reading *r = arg;
	struct account *a = r->account;
	const char **const field[] = {&a->id, &a->email, &a->email_key,
	    &a->password, &a->first_name, &a->last_name, &a->phone,
	    &a->address1, &a->address2, &a->city, &a->region, &a->zip,
	    &a->country, &a->cart, &a->form};
	const int texts = sizeof(field) / sizeof(*field);

	(void)n;
	for (int i = 0; i < texts; i++)
		*field[i] = arena_copy(r->arena, col[i]);
	a->changes = num(col[texts]);
	a->created_at = num(col[texts + 1]);
	return arena_failed(r->arena) ? shop_fail("out of memory") : 0;
}

const char *
account_key(struct arena *arena, const char *email)
{
	return fold(arena, email);
}

int
account_load(
    struct db *db, struct arena *arena, const char *id, struct account *account)
{
	struct reading reading = {arena, account};

	return (int)db_run(db, account_row, &reading,
	    "SELECT " COLUMNS " FROM account WHERE id = $1", id);
}

int
account_find(struct db *db, struct arena *arena, const char *email_key,
    struct account *account)
{
	struct reading reading = {arena, account};

	return (int)db_run(db, account_row, &reading,
	    "SELECT " COLUMNS " FROM account WHERE email_key = $1", email_key);
}

int
account_create(struct db *db, struct arena *arena, struct account *a)
{
	a->id = random_id(arena, 26);
	if (a->id == NULL)
		return shop_fail("out of memory");
	a->changes = a->created_at;
	return (int)db_run(db, NULL, NULL,
	    "INSERT INTO account (id, email, email_key, password, first_name, "
	    "last_name, phone, address1, address2, city, region, zip, country, "
	    "changes, form, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, "
	    "'', '', '', '', '', '', $8, $9, $8) "
	    "ON CONFLICT (email_key) DO NOTHING",
	    a->id, a->email, a->email_key, a->password, a->first_name,
	    a->last_name, a->phone, NUM(a->created_at), a->form);
}

/* ------------------------------------------------------------------ changing
 */

int
account_change(struct db *db, struct arena *arena, const char *id, int64_t now,
    struct account *account)
{
	struct reading reading = {arena, account};

	return (int)db_run(db, account_row, &reading,
	    "UPDATE account SET changes = CASE "
	    "WHEN changes < CAST($2 AS BIGINT) THEN CAST($2 AS BIGINT) "
	    "ELSE changes + 1 END WHERE id = $1 RETURNING " COLUMNS,
	    id, NUM(now));
}

int
account_save(struct db *db, const struct account *a)
{
	return db_run(db, NULL, NULL,
	           "UPDATE account SET first_name = $2, last_name = $3, "
	           "phone = $4, address1 = $5, address2 = $6, city = $7, "
	           "region = $8, zip = $9, country = $10 WHERE id = $1",
	           a->id, a->first_name, a->last_name, a->phone, a->address1,
	           a->address2, a->city, a->region, a->zip, a->country) < 0
	           ? -1
	           : 0;
}

static int
id_row(void *arg, int n, const char *const col[])
{
	(void)n;
	snprintf(arg, 40, "%s", col[0]);
	return 0;
}

int
account_set_email(struct db *db, const struct account *a)
{
	char other[40] = "";

	/* A clash of two at this very moment is an error, and tried again by
	   the person. */
	if (db_run(db, id_row, other,
	        "SELECT id FROM account WHERE email_key = $1 AND id <> $2",
	        a->email_key, a->id) < 0)
		return -1;
	if (*other != '\0')
		return 0;
	return (int)db_run(db, NULL, NULL,
	    "UPDATE account SET email = $2, email_key = $3 WHERE id = $1",
	    a->id, a->email, a->email_key);
}

int
account_set_password(
    struct db *db, const char *id, const char *had, const char *hash)
{
	return (int)db_run(db, NULL, NULL,
	    "UPDATE account SET password = $3 WHERE id = $1 AND password = $2",
	    id, had, hash);
}

int
account_end_logins(struct db *db, const char *id, const char *but)
{
	return db_run(db, NULL, NULL,
	           "DELETE FROM session WHERE id <> $2 AND id IN "
	           "(SELECT session FROM login WHERE account = $1)",
	           id, but) < 0
	           ? -1
	           : 0;
}

/* ------------------------------------------------------------------- joining
 */

static int
count_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

/* The cart is the account's from now on, on all its devices. */
static int
adopt_cart(struct db *db, const struct account *account, const char *cart)
{
	if (db_run(db, NULL, NULL, "UPDATE account SET cart = $2 WHERE id = $1",
	        account->id, cart) < 0 ||
	    db_run(db, NULL, NULL,
	        "UPDATE session SET cart = $2 WHERE id IN "
	        "(SELECT session FROM login WHERE account = $1)",
	        account->id, cart) < 0)
		return -1;
	return 0;
}

/* The lines of a guest's cart go into the account's, as far as there is room.
 */
static int
merge_cart(struct db *db, struct arena *arena, const char *to, const char *from,
    int64_t now)
{
	struct cart own, guest;
	int held = 0;

	if (cart_load(db, arena, from, &guest) != 0)
		return -1;
	/* Until no other device changes it in between. */
	for (int i = 0; held == 0 && i < 5; i++) {
		if (cart_load(db, arena, to, &own) != 0)
			return -1;
		held = cart_hold(db, &own);
	}
	if (held == 0)
		return shop_fail("the cart changes all the time");
	return held < 0 || cart_merge(db, &own, &guest, now) < 0 ? -1 : 0;
}

static int
join_cart(struct db *db, struct arena *arena, const struct account *account,
    const char **cart, int64_t now)
{
	int64_t others = 0;
	bool added;
	int units;

	if (**cart != '\0' && strcmp(*cart, account->cart) != 0 &&
	    /* Of somebody whose login on this device is over? */
	    db_run(db, count_row, &others,
	        "SELECT COUNT(*) FROM account WHERE cart = $1", *cart) < 0)
		return -1;
	if (others > 0)
		*cart = "";
	if (*account->cart == '\0' && **cart == '\0') {
		/* An empty one, for all devices to have the same. */
		*cart = random_id(arena, 26);
		if (*cart == NULL ||
		    db_run(db, NULL, NULL,
		        "INSERT INTO cart (id, revision, created_at, "
		        "changed_at) VALUES ($1, $2, $2, $2)",
		        *cart, NUM(now)) < 0)
			return -1;
	}
	units = cart_units(db, account->cart, &added);
	if (units < 0)
		return -1;
	if (*account->cart == '\0' ||
	    (units == 0 && **cart != '\0' && strcmp(*cart, account->cart) != 0))
		/* It keeps its id, by which its events are known. */
		return adopt_cart(db, account, *cart);
	if (**cart != '\0' && strcmp(*cart, account->cart) != 0 &&
	    merge_cart(db, arena, account->cart, *cart, now) != 0)
		return -1;
	*cart = account->cart;
	return 0;
}

static int
text_row(void *arg, int n, const char *const col[])
{
	struct reading *r = arg;

	(void)n;
	r->account->cart = arena_copy(r->arena, col[0]);
	return arena_failed(r->arena) ? shop_fail("out of memory") : 0;
}

int
account_join(struct db *db, struct arena *arena, const struct account *account,
    const char *session, const char **cart, int64_t now)
{
	struct account guest = {.cart = ""};
	struct reading reading = {arena, &guest};

	/* As it is now: who logs in twice at once has nothing the second time.
	 */
	if (db_run(db, text_row, &reading,
	        "SELECT COALESCE(cart, '') FROM session WHERE id = $1",
	        session) < 0 ||
	    db_run(db, NULL, NULL,
	        "INSERT INTO account_order (orders, account) "
	        "SELECT o.id, $1 FROM orders o WHERE o.session = $2 "
	        "ON CONFLICT (orders) DO NOTHING",
	        account->id, session) < 0)
		return -1;
	*cart = guest.cart;
	return join_cart(db, arena, account, cart, now);
}

static int
owner_row(void *arg, int n, const char *const col[])
{
	const char **want = arg; /* account, session */

	(void)n;
	/* An order that has become an account's is no guest's any more. */
	if (*col[0] != '\0' ? strcmp(col[0], want[0]) != 0
	                    : strcmp(col[1], want[1]) != 0)
		want[0] = NULL;
	return 0;
}

int
account_sees(
    struct db *db, const char *account, const char *session, const char *order)
{
	const char *want[] = {account, session};
	int64_t found;

	found = db_run(db, owner_row, want,
	    "SELECT COALESCE(b.account, ''), o.session FROM orders o "
	    "LEFT JOIN account_order b ON b.orders = o.id WHERE o.id = $1",
	    order);
	return found < 0 ? -1 : found == 1 && want[0] != NULL;
}
