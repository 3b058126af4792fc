/*
 * every_account.c - a process that ends at the n-th SQL statement of a form of
 * the account, for n = 1, 2, 3.. until it does not come so far: before the
 * statement, and after it.
 *
 * Replaces: klaviyo_sqlite klaviyo_pgsql
 *
 * Afterwards, in a new process: what the form asks for is done and told, or
 * neither; the same form again does it once; and it is told once.  Of a log-in:
 * the session is the old one or a new one, with all that belongs to it.
 *
 *	every_account [short] [postgresql://..]
 *
 * Without an address: SQLite.  short: it ends only after the statements.
 */
#include "walk.h"

klaviyo_sql __real_klaviyo_sqlite, __wrap_klaviyo_sqlite;
klaviyo_sql __real_klaviyo_pgsql, __wrap_klaviyo_pgsql;

static long at;     /* the statement to end at */
static bool behind; /* after it, not before it */
static bool armed;
static char value[64]; /* that this attempt is about */

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

/* ------------------------------------------------------------------- the forms
 */

#define OWNER "first_name=Sarah&last_name=Owner&email=owner@klaviyo-demo.com"
#define PASSWORD "password=correct+horse"

static const struct attempt {
	const char *name, *path, *body; /* %s is the value */
	bool inside;                    /* one who is logged in */
	const char *did, *told;         /* 1 of the value; all there are */
} attempts[] = {
    {"contact", "/contact",
        "first_name=John&last_name=Smith&message=Hello&email=%s", false,
        "SELECT COUNT(*) FROM lead WHERE email = $1",
        "SELECT COUNT(*) FROM klaviyo_outbox WHERE id LIKE 'Became Lead/%'"},
    {"register", "/account/register",
        "first_name=John&last_name=Smith&email=%s&" PASSWORD, false,
        "SELECT COUNT(*) FROM account WHERE email = $1",
        "SELECT COUNT(*) FROM klaviyo_outbox "
        "WHERE id LIKE 'Created Account/%'"},
    {"details", "/account/details", "first_name=%s&last_name=Owner", true,
        "SELECT COUNT(*) FROM account WHERE first_name = $1",
        "SELECT COUNT(*) FROM klaviyo_outbox "
        "WHERE id LIKE 'Updated Account/%'"},
    {"email", "/account/email", "email=%s&" PASSWORD, true,
        "SELECT COUNT(*) FROM account WHERE email = $1",
        "SELECT COUNT(*) FROM klaviyo_outbox WHERE id LIKE 'Updated Email/%'"},
};
static const struct attempt *now;

static void
open_shop(struct shop *shop)
{
	must(shop_open(shop, &walk_settings) == 0);
	/* Tries of one attempt are not another's. */
	must(db_run(shop->db, NULL, NULL, "DELETE FROM throttle") >= 0);
}

/* The form's page; its cookie, if there is a new one. */
static void
get(struct shop *shop, const char *path)
{
	struct text page = {.data = NULL};

	ask(shop, "GET", path, NULL, &page);
	must(walk->status == 200);
	if (strstr(page.data, "Set-Cookie: sid=") != NULL) {
		memcpy(walk->cookie, "sid=", 4);
		between(&page, "sid=", ";", walk->cookie + 4,
		    sizeof(walk->cookie) - 4);
	}
	between(&page, "name=\"token\" value=\"", "\"", walk->token,
	    sizeof(walk->token));
	between(
	    &page, "name=\"key\" value=\"", "\"", walk->key, sizeof(walk->key));
	text_free(&page);
}

static void
post(struct shop *shop, const char *path, const char *body)
{
	struct text page = {.data = NULL};
	char all[1024];

	snprintf(all, sizeof(all), "token=%s&key=%s&%s", walk->token, walk->key,
	    body);
	ask(shop, "POST", path, all, &page);
	if (page.data && strstr(page.data, "Set-Cookie: sid=") != NULL)
		between(&page, "sid=", ";", walk->cookie + 4,
		    sizeof(walk->cookie) - 4);
	text_free(&page);
}

static int
email_row(void *arg, int n, const char *const col[])
{
	(void)n;
	snprintf(arg, 64, "%s", col[0]);
	return 0;
}

static void
log_in(struct shop *shop)
{
	char email[64] = "", body[200];

	must(db_run(shop->db, email_row, email,
	         "SELECT email FROM account WHERE last_name = 'Owner'") == 1);
	get(shop, "/account/login");
	snprintf(body, sizeof(body), "email=%s&" PASSWORD, email);
	post(shop, "/account/login", body);
}

static void
make_owner(void)
{
	struct shop shop;

	open_shop(&shop);
	get(&shop, "/account/register");
	post(&shop, "/account/register", OWNER "&" PASSWORD);
	must(walk->status == 303);
	shop_close(&shop);
}

/* A fresh browser, with the form open. */
static void
open_form(void)
{
	struct shop shop;

	walk->cookie[0] = '\0';
	open_shop(&shop);
	if (now->inside) {
		log_in(&shop);
		must(walk->status == 303);
	}
	get(&shop, now->path);
	walk->rows = number(shop.db, now->told, NULL);
	shop_close(&shop);
}

static void
send_form(struct shop *shop)
{
	char body[512];

	snprintf(body, sizeof(body), now->body, value);
	post(shop, now->path, body);
}

static void
send_cut(void)
{
	struct shop shop;

	must(shop_open(&shop, &walk_settings) == 0);
	armed = true;
	send_form(&shop);
	armed = false;
	must(walk->status == 303);
	shop_close(&shop);
}

/* Done and told, or neither; how often. */
static long
both(struct db *db)
{
	long did = number(db, now->did, value);

	must(number(db, now->told, NULL) - walk->rows == did);
	must(did == 0 || did == 1);
	return did;
}

static void
send_again(void)
{
	struct shop shop;

	open_shop(&shop);
	both(shop.db);
	for (int i = 0; i < 2; i++) {
		send_form(&shop);
		must(walk->status == 303);
		must(both(shop.db) == 1);
	}
	shop_close(&shop);
}

static void
forms(void)
{
	int ended;

	at = 0;
	do {
		at++;
		snprintf(value, sizeof(value), "%s%s%ld@klaviyo-demo.com",
		    now->name, behind ? "b" : "a", at);
		snprintf(walk_what, sizeof(walk_what), "%s, %s %ld", now->name,
		    behind ? "after" : "before", at);
		well(open_form);
		walk->reached = 0;
		ended = child(send_cut);
		must(ended == (walk->reached < at ? 0 : DIED));
		well(send_again);
	} while (ended == DIED);
	printf("%s ended %s each of its %ld statements\n", now->name,
	    behind ? "after" : "before", at - 1);
	must(at > 5);
}

/* --------------------------------------------------------------------- log in
 */

static void
open_login(void)
{
	struct shop shop;

	walk->cookie[0] = '\0';
	open_shop(&shop);
	get(&shop, "/account/login");
	walk->rows = number(shop.db, "SELECT COUNT(*) FROM session", NULL);
	walk->orders = number(shop.db, "SELECT COUNT(*) FROM login", NULL);
	shop_close(&shop);
}

static void
login_cut(void)
{
	struct shop shop;

	must(shop_open(&shop, &walk_settings) == 0);
	armed = true;
	log_in(&shop);
	armed = false;
	must(walk->status == 303);
	shop_close(&shop);
}

/* One session, before and after; logged in or not, and then with its cart. */
static void
login_whole(void)
{
	struct shop shop;
	long logins;

	open_shop(&shop);
	must(number(shop.db, "SELECT COUNT(*) FROM session", NULL) ==
	     walk->rows);
	logins = number(shop.db, "SELECT COUNT(*) FROM login", NULL);
	must(logins == walk->orders || logins == walk->orders + 1);
	must(number(shop.db,
	         "SELECT COUNT(*) FROM login l JOIN session s "
	         "ON s.id = l.session JOIN account a ON a.id = l.account "
	         "WHERE a.cart = s.cart",
	         NULL) == logins);
	shop_close(&shop);
}

static void
logins(void)
{
	int ended;

	at = 0;
	do {
		at++;
		snprintf(walk_what, sizeof(walk_what), "log in, %s %ld",
		    behind ? "after" : "before", at);
		well(open_login);
		walk->reached = 0;
		ended = child(login_cut);
		must(ended == (walk->reached < at ? 0 : DIED));
		well(login_whole);
	} while (ended == DIED);
	printf("log in ended %s each of its %ld statements\n",
	    behind ? "after" : "before", at - 1);
	must(at > 10);
}

int
main(int argc, char *argv[])
{
	bool brief = argc > 1 && strcmp(argv[1], "short") == 0;

	walk_begin(argc > 1 + brief ? argv[1 + brief] : NULL);
	well(make_owner);
	for (int i = brief; i < 2; i++) {
		behind = i;
		for (size_t j = 0; j < sizeof(attempts) / sizeof(*attempts);
		     j++) {
			now = &attempts[j];
			forms();
		}
		logins();
	}
	walk_end();
	return 0;
}
