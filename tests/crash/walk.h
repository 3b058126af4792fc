/*
 * walk.h - a shop in a directory of its own and a visitor who walks through it
 * without a web server: shop_handle() on requests as a web server would put
 * them.
 *
 * Each step runs in a child process, as after a restart; what steps must know
 * of each other lies in shared memory.  A step that a test lets die ends with
 * DIED.
 */
#ifndef WALK_H
#define WALK_H

#include "server.h"
#include "tpl.h"

#include <klaviyo.h>

#define WALK_KEY "pk_0123456789abcdef0123456789abcdef01"
enum { DIED = 77 };

struct walk {
	char cookie[200], token[64], key[80]; /* the visitor's */
	char order[24];                       /* as the redirect said */
	int status;                           /* of the last answer */
	long reached;      /* how far the last step's counter came */
	long orders, rows; /* what was there before the attempt */
	struct klaviyo_tally tally;
	long held;       /* blocks of memory, at a step's end */
	bool excused;    /* more of them is not our fault */
	long answers[2]; /* how many steps were refused, and went well */
};
static struct walk *walk;
static struct settings walk_settings;
static char walk_dir[64], walk_what[200]; /* where the test stands */

static inline void
fail_here(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s: not so: %s (%s; %s)\n", file, line,
	    walk_what, what, shop_error(), klaviyo_error());
	_exit(1);
}
#define must(fact) ((fact) ? (void)0 : fail_here(__FILE__, __LINE__, #fact))

/* ----------------------------------------------------------------- processes
 */

/* Runs a step to its end; how it ended. */
static inline int
child(void (*step)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	if ((pid = fork()) == 0) {
		step();
		fflush(NULL);
		_exit(0);
	}
	must(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status))
		fprintf(stderr, "%s: signal %d\n", walk_what, WTERMSIG(status));
	must(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static inline void
well(void (*step)(void))
{
	must(child(step) == 0);
}

/* ------------------------------------------------------------------ the shop
 */

static inline void
walk_init(void)
{
	char name[] = "init", *argv[] = {name, NULL};

	must(init_command(&walk_settings, 1, argv) == 0);
}

/* A shop at ${address}; NULL: a new SQLite file. */
static inline void
walk_begin(const char *address)
{
	static char text[128], secret[96], password[96];

	walk = mmap(NULL, sizeof(*walk), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(walk != MAP_FAILED);
	strcpy(walk_dir, "/tmp/klaviyo-walk-XXXXXX");
	must(mkdtemp(walk_dir) != NULL);
	snprintf(text, sizeof(text), "%s/shop.db", walk_dir);
	snprintf(secret, sizeof(secret), "%s/secret", walk_dir);
	setenv("STOREFRONT_DB", address ? address : text, 1);
	setenv("STOREFRONT_SECRET_FILE", secret, 1);
	snprintf(password, sizeof(password), "%s/password", walk_dir);
	setenv("STOREFRONT_STATUS_PASSWORD_FILE", password, 1);
	setenv("KLAVIYO_PUBLIC_KEY", "ABC123", 1);
	if (!getenv("STOREFRONT_TEMPLATES"))
		setenv("STOREFRONT_TEMPLATES", "templates", 1);
	must(settings_load(&walk_settings) == 0);
	must(tpl_load(walk_settings.templates) == 0);
	well(walk_init);
}

static inline void
walk_end(void)
{
	static const char *const files[] = {
	    "shop.db", "shop.db-wal", "shop.db-shm", "shop.db.lock", "secret",
	    "password"};
	char path[160];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s", walk_dir, files[i]);
		unlink(path);
	}
	rmdir(walk_dir);
}

static inline int
walk_number(void *arg, int n, const char *const col[])
{
	(void)n;
	*(long *)arg = (long)num(col[0]);
	return 0;
}

/* The number that a query gives; an argument in it is $1. */
static inline long
number(struct db *db, const char *sql, const char *arg)
{
	long value = 0;
	int64_t rows = arg ? db_run(db, walk_number, &value, sql, arg)
	                   : db_run(db, walk_number, &value, sql);

	must(rows == 1);
	return value;
}

/* -------------------------------------------------------------- the visitor */

struct sent_form {
	const char *method, *path, *body;
	size_t read;
	char length[24];
};

static inline const char *
walk_variable(void *arg, const char *name)
{
	struct sent_form *form = arg;

	if (strcmp(name, "REQUEST_METHOD") == 0)
		return form->method;
	if (strcmp(name, "REQUEST_URI") == 0 ||
	    strcmp(name, "DOCUMENT_URI") == 0)
		return form->path;
	if (strcmp(name, "SERVER_PROTOCOL") == 0)
		return "HTTP/1.1";
	if (strcmp(name, "HTTP_COOKIE") == 0)
		return walk->cookie;
	if (strcmp(name, "HTTP_SEC_FETCH_SITE") == 0)
		return "same-origin";
	if (!form->body)
		return NULL;
	if (strcmp(name, "CONTENT_TYPE") == 0)
		return "application/x-www-form-urlencoded";
	return strcmp(name, "CONTENT_LENGTH") == 0 ? form->length : NULL;
}

static inline long
walk_body(void *arg, char *buffer, size_t n)
{
	struct sent_form *form = arg;
	size_t left = strlen(form->body) - form->read;

	if (n > left)
		n = left;
	memcpy(buffer, form->body + form->read, n);
	form->read += n;
	return (long)n;
}

/* One request, as serve.c answers it; what comes is in ${out}. */
static inline void
ask(struct shop *shop, const char *method, const char *path, const char *body,
    struct text *out)
{
	struct sent_form form = {.method = method, .path = path, .body = body};
	struct response response = {.status = 0};
	struct arena *arena = arena_new();
	struct request request;
	int status = 503;

	if (body)
		snprintf(form.length, sizeof(form.length), "%zu", strlen(body));
	if (arena)
		status = request_make(
		    &request, arena, walk_variable, walk_body, &form);
	if (status)
		shop_refuse(shop, status, &response);
	else
		shop_handle(shop, &request, &response);
	walk->status = response.status ? response.status : 200;
	response_cgi(&response, false, out);
	if (out->failed)
		walk->status = 0; /* then the connection is closed */
	response_free(&response);
	if (arena)
		shop_after(shop);
	arena_free(arena);
}

/* What stands between two texts of an answer. */
static inline void
between(const struct text *page, const char *before, const char *after,
    char *to, size_t size)
{
	const char *at = page->data ? strstr(page->data, before) : NULL;
	const char *end = at ? strstr(at + strlen(before), after) : NULL;

	must(end != NULL);
	at += strlen(before);
	must((size_t)(end - at) < size);
	memcpy(to, at, (size_t)(end - at));
	to[end - at] = '\0';
}

/* A cart of two products and the checkout page, as in a fresh browser. */
static inline void
fill_cart(void)
{
	struct text page = {.data = NULL};
	struct shop shop;
	char body[64];
	long variant;

	walk->cookie[0] = '\0';
	must(shop_open(&shop, &walk_settings) == 0);
	/* All orders are to one address, and are not to be too many. */
	must(db_run(shop.db, NULL, NULL, "DELETE FROM throttle") >= 0);
	for (int i = 0; i < 2; i++) {
		variant = number(shop.db,
		    i ? "SELECT MAX(id) FROM variant WHERE stock > 9"
		      : "SELECT MIN(id) FROM variant WHERE stock > 9",
		    NULL);
		snprintf(body, sizeof(body), "variant=%ld&quantity=%d", variant,
		    i + 1);
		text_free(&page);
		ask(&shop, "POST", "/cart/add", body, &page);
		must(walk->status == 303);
		if (i == 0)
			between(&page, "sid=", ";", walk->cookie + 4,
			    sizeof(walk->cookie) - 4);
		memcpy(walk->cookie, "sid=", 4);
	}
	text_free(&page);
	ask(&shop, "GET", "/checkout", NULL, &page);
	must(walk->status == 200);
	between(&page, "name=\"token\" value=\"", "\"", walk->token,
	    sizeof(walk->token));
	between(
	    &page, "name=\"key\" value=\"", "\"", walk->key, sizeof(walk->key));
	walk->orders = number(shop.db, "SELECT COUNT(*) FROM orders", NULL);
	walk->rows =
	    number(shop.db, "SELECT COUNT(*) FROM klaviyo_outbox", NULL);
	text_free(&page);
	shop_close(&shop);
}

/* Sends the checkout's form, the same one each time. */
static inline void
order_in(struct shop *shop)
{
	struct text page = {.data = NULL};
	char body[1024];

	snprintf(body, sizeof(body),
	    "token=%s&key=%s&action=order&payment=approve&shipping=standard"
	    "&billing_same=on&email=sarah.mason%%40klaviyo-demo.com"
	    "&phone=%%2B15005550006&first_name=Sarah&last_name=Mason"
	    "&address1=125+Summer+St&city=Boston&region=MA&zip=02110"
	    "&country=US&discount=WELCOME10",
	    walk->token, walk->key);
	ask(shop, "POST", "/checkout", body, &page);
	walk->order[0] = '\0';
	if (walk->status == 303)
		between(
		    &page, "/orders/", "\r", walk->order, sizeof(walk->order));
	text_free(&page);
}

static inline void
order(void)
{
	struct shop shop;

	must(shop_open(&shop, &walk_settings) == 0);
	order_in(&shop);
	shop_close(&shop);
}

/* --------------------------------------------------------------- all or none
 */

/* The order of this visit, with all that belongs to it, or nothing of it;
 * returns whether it is there. */
static inline bool
all_or_nothing(struct db *db)
{
	bool placed = number(db, "SELECT COUNT(*) FROM orders WHERE key = $1",
	                  walk->key) == 1;

	must(number(db, "SELECT COUNT(*) FROM orders", NULL) ==
	     walk->orders + placed);
	must(number(db, "SELECT COUNT(*) FROM klaviyo_outbox", NULL) ==
	     walk->rows + (placed ? 3 : 0));
	must(number(db,
	         "SELECT COUNT(*) FROM order_line l JOIN orders o"
	         " ON o.id = l.orders WHERE o.key = $1",
	         walk->key) == (placed ? 2 : 0));
	must(number(db,
	         "SELECT COUNT(*) FROM klaviyo_outbox b JOIN orders o"
	         " ON b.id = 'Placed Order/' || o.id"
	         " OR b.id = 'Ordered Product/' || o.id || ':1'"
	         " OR b.id = 'Ordered Product/' || o.id || ':2'"
	         " WHERE o.key = $1",
	         walk->key) == (placed ? 3 : 0));
	/* Nothing is sold that was not ordered. */
	must(number(db,
	         "SELECT (SELECT SUM(stock) FROM variant)"
	         " + (SELECT COALESCE(SUM(quantity), 0) FROM order_line)"
	         " - (SELECT CAST(value AS BIGINT) FROM meta"
	         " WHERE name = 'stock')",
	         NULL) == 0);
	return placed;
}

/* How much there is of everything, for the sum above. */
static inline void
count_stock(void)
{
	struct shop shop;

	must(shop_open(&shop, &walk_settings) == 0);
	must(db_begin(shop.db) == 0);
	must(db_run(shop.db, NULL, NULL, "UPDATE variant SET stock = 1000000") >
	     0);
	must(db_run(shop.db, NULL, NULL,
	         "INSERT INTO meta (name, value) SELECT 'stock',"
	         " CAST(SUM(stock) AS TEXT) FROM variant") == 1);
	must(db_commit(shop.db) == 0);
	shop_close(&shop);
}

/* ---------------------------------------------------------------- the worker
 */

static inline struct klaviyo *
walk_sender(void)
{
	char url[64];
	struct klaviyo_options options = {
	    .api_url = url, .private_key = WALK_KEY, .timeout_ms = 5000};

	snprintf(url, sizeof(url), "http://127.0.0.1:%d", server->port);
	return klaviyo_new(&options);
}

static inline void
sums_match(void)
{
	const struct klaviyo_tally *t = &walk->tally;

	must(t->claimed == t->sent + t->retried + t->dead + t->released);
}

/* As a worker after a restart: until nothing is left to send. */
static inline void
drain(void)
{
	const struct klaviyo_store *store;
	struct klaviyo_status status;
	struct klaviyo *klaviyo;
	struct shop shop;

	must(shop_open(&shop, &walk_settings) == 0);
	store = db_store(shop.db);
	must((klaviyo = walk_sender()) != NULL);
	must(klaviyo_outbox_retry(store, NULL, time(NULL)) >= 0);
	for (int i = 0; i < 5; i++) {
		must(klaviyo_deliver(
		         klaviyo, store, 1000, NULL, &walk->tally) == 0);
		must(!walk->tally.standby);
		sums_match();
	}
	must(klaviyo_outbox_status(store, time(NULL), &status) == 0);
	must(status.waiting + status.claimed + status.dead + status.dropped ==
	     0);
	must(klaviyo_leave(klaviyo, store) == 0);
	klaviyo_free(klaviyo);
	shop_close(&shop);
}

#endif
