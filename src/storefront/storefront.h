/*
 * storefront.h - what the files of the storefront say to each other.
 *
 * The storefront is the demo shop and libklaviyo's first client.  Arrows go
 * down only: main -> commands, serve -> pages -> tracking, cart, order, catalog,
 * session -> db -> klaviyo.h.  pages.c never spells a Klaviyo name, tracking.c
 * never sees a request, order.c never builds JSON.
 *
 * Functions return 0 or a pointer on success, -1 or NULL on failure with
 * shop_error() saying why in one line; lookups return 1 found, 0 not found, -1
 * failure.  Memory of a request is its arena's: nothing taken from it is freed.
 * Money is int64_t minor units of the shop's one currency.  Times are Unix
 * seconds.
 */
#ifndef STOREFRONT_H
#define STOREFRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#ifdef __cplusplus
extern "C" { /* for tpl.cc */
#endif

/* ------------------------------------------------------- memory.c: memory, text */

/* A region freed at once.  After a failed allocation arena_failed() stays
 * true: a caller may check once, at its end. */
struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t size); /* zeroed */
char *arena_copy(struct arena *arena, const char *text); /* NULL gives "" */
char *arena_copyn(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Takes a malloc'd text (may be NULL): freed with the arena. */
char *arena_take(struct arena *arena, char *text);
bool arena_failed(const struct arena *arena);
/* It holds a secret: all of it is wiped before it is freed. */
void arena_secret(struct arena *arena);

/* A growing buffer, NUL-terminated.  A failed allocation is remembered. */
struct text {
	char *data;
	size_t length, room;
	bool failed;
};
void text_add(struct text *text, const char *more);
void text_addn(struct text *text, const char *more, size_t length);
void text_printf(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void text_free(struct text *text);

/* Sets this thread's error text; returns -1. */
int shop_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *shop_error(void);
/* One line to stderr: "storefront: ..". Never personal data. */
void shop_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Valid UTF-8 without NUL or control characters but newline and tab. */
bool utf8_clean(const char *text);
/* Lower-cased for searching (full Unicode case folding). */
char *fold(struct arena *arena, const char *text);

/* -------------------------------------------------------- settings.c: settings */

/* The environment's settings, checked.  Texts are the environment's own. */
struct settings {
	const char *db;         /* STOREFRONT_DB: a path, postgresql://.. */
	const char *url;        /* STOREFRONT_URL: no trailing slash */
	const char *listen;     /* STOREFRONT_LISTEN: unix:PATH, 127.0.0.1:PORT */
	const char *threads;    /* STOREFRONT_THREADS */
	const char *templates;  /* STOREFRONT_TEMPLATES: a directory */
	const char *secret_file;/* STOREFRONT_SECRET_FILE */
	const char *currency;   /* STOREFRONT_CURRENCY: used by init */
	const char *public_key; /* KLAVIYO_PUBLIC_KEY: "" = no onsite tracking */
	const char *private_key_file; /* KLAVIYO_PRIVATE_KEY_FILE: worker only */
	const char *api_url;    /* KLAVIYO_API_URL */
	const char *onsite_url; /* KLAVIYO_ONSITE_URL */
	const char *revision;   /* KLAVIYO_REVISION */
	const char *ca_file;    /* KLAVIYO_CA_FILE: "" = the system's */
	const char *delivery;   /* KLAVIYO_DELIVERY: realtime or batch */
	const char *catalog;    /* KLAVIYO_CATALOG: feed or api */
	const char *outbox_limit; /* KLAVIYO_OUTBOX_LIMIT: unsent events */
	const char *consent;    /* KLAVIYO_CONSENT: implied or required */
	const char *onsite;     /* KLAVIYO_ONSITE: browser or server */
	const char *confine;    /* STOREFRONT_CONFINE: auto or off */
	const char *list;       /* KLAVIYO_LIST: "" = the account's default */
	const char *leads_email; /* STOREFRONT_LEADS_EMAIL: who is told of new
	                            leads; "" = nobody */
	bool https;             /* url begins with https: */
};
/* Reads and checks all; -1 names the setting, what is wrong and what to do. */
int settings_load(struct settings *settings);
/* Prints each setting with its source and what is wrong with it; returns the
 * number of faults. */
int settings_report(FILE *out);

/* -------------------------------------------------------------- db.c: database */

/* One connection; belongs to one thread at a time. */
struct db;
typedef int db_row(void *arg, int n, const char *const col[]);

struct db *db_open(const struct settings *settings); /* must exist */
/* Creates the database, tables, outbox and seeds where missing. */
struct db *db_create(const struct settings *settings);
/* The same by an address: postgresql://.., or a file's path for SQLite. */
struct db *db_open_at(const char *address);
struct db *db_create_at(const char *address, const char *currency);
/* meta's mark of a shop that is moved (migrate.c), and its values.  db_open()
 * refuses all of them, db_open_at() none. */
#define DB_MOVED "moving shop"
#define DB_LEAVING "leaving"
#define DB_ARRIVING "arriving"
#define DB_GONE "gone"
/* An empty outbox in memory, and nothing else: what is queued there is seen, and
 * sent by nobody. */
#define DB_MEMORY ":memory:"
struct db *db_scratch(void);
/* The address without its secrets. */
const char *db_name(const struct db *db);
/* The same of any address, or "postgresql://.." of one that is none: -1. */
int db_address(const char *address, char *shown, size_t size);
/* "PostgreSQL 15.20" */
void db_describe(struct db *db, char *text, size_t size);
void db_close(struct db *db);
/* Has this version of SQLite (3051003 is 3.51.3) the WAL-reset bug? */
bool db_wal_reset_bug(int version);
/* Has a sync of the database failed?  Then no statement runs any more, and the
 * process is to end, for another to begin anew. */
bool db_lost(void);
/* Calls ${need} with all that a connection needs of its surroundings once it is
 * open, to be opened anew included. */
enum need {
	DB_READS,   /* a file, or all below a directory; need not be there */
	DB_WRITES,  /* a file, likewise */
	DB_FOLDER,  /* a directory: to sync it, and remove files */
	DB_CONNECTS /* to a TCP port */
};
typedef void db_need(void *arg, enum need kind, const char *what);
void db_needs(struct db *db, db_need *need, void *arg);
/* The connection as the library takes it: a const struct klaviyo_store *. */
const void *db_store(struct db *db);

int db_begin(struct db *db);
/* 0; -1: it is rolled back; DB_UNKNOWN: the connection was lost before the
 * answer, and it may be either.  Never repeat it blindly. */
#define DB_UNKNOWN (-2)
int db_commit(struct db *db);
void db_rollback(struct db *db);
/* Of the transaction that was begun last: did it fail by a deadlock or the
 * like, so that the same, begun anew, may succeed? */
bool db_again(const struct db *db);
/* Was there a COMMIT of unknown outcome, until somebody found out or need not
 * know: db_known()? */
bool db_unknown(const struct db *db);
void db_known(struct db *db);

/*
 * Runs one statement with text parameters $1..$n; the macro counts them.
 * Returns the number of rows changed or returned, or -1.
 *	db_run(db, row, arg, "SELECT .. WHERE id = $1", id)
 */
int64_t db_sql(struct db *db, const char *sql, int n, const char *const *arg,
    db_row *row, void *rowarg);
#define db_run(db, row, rowarg, sql, ...)                                      \
	db_sql(db, sql,                                                        \
	    (int)(sizeof((const char *[]){NULL, ##__VA_ARGS__}) /              \
	        sizeof(char *)) - 1,                                           \
	    (const char *[]){NULL, ##__VA_ARGS__} + 1, row, rowarg)
/* A number as a parameter, on the stack of the caller's block. */
#define NUM(n) (num_text((char[24]){0}, (n)))
const char *num_text(char buffer[24], int64_t n);
int64_t num(const char *text); /* "" and NULL are 0; for database columns */

/* ------------------------------------------------------ money.c: shown amounts */

/* An amount as a visitor reads it: "$1,234.50", "¥1,200". */
char *money_text(struct arena *arena, int64_t amount, const char *currency);
/* Decimal text to minor units: "19.99" USD is 1999.  -1 if it is none. */
int money_parse(const char *text, const char *currency, int64_t *amount);

/* ------------------------------------------------------- catalog.c: the catalogue */

#define PRICE_MAX 1000000000 /* minor units */

struct variant {
	int64_t id;
	const char *name; /* "Small / Blue"; "" = the only one */
	const char *sku;
	int64_t price, compare_at; /* compare_at 0 = none */
	int64_t stock;
	bool oversell;    /* sold even without stock */
	const char *pushed; /* see struct product */
	struct variant *next;
};
struct category {
	const char *name, *slug;
	int64_t count;
	const char *image; /* of its first product */
	struct category *next;
};
struct product {
	const char *id;   /* Klaviyo's ProductID */
	const char *handle, *title, *body, *vendor;
	const char *image, *image_alt; /* "/images/x.png" or an absolute URL */
	struct category *categories;
	struct variant *variants; /* at least one; only the first in a list */
	int64_t price_min, price_max, compare_at;
	int64_t stock;    /* of all variants; known to catalog_each() only */
	bool in_stock;
	/* Known to catalog_each_whole() only; ${pushed} is the hash of what
	 * Klaviyo's catalog has of it: NULL = nothing, "" = anything. */
	bool published;
	const char *pushed;
	struct product *next;
};
struct listing {
	struct product *products;
	int64_t total; /* of all pages */
};

/* Lookups: 1 found, 0 not, -1 failure. */
int catalog_product(struct db *db, struct arena *arena, const char *handle,
    struct product **product);
int catalog_collection(struct db *db, struct arena *arena, const char *slug,
    struct category **category);
int catalog_collections(
    struct db *db, struct arena *arena, struct category **list);
/* Products of a collection (slug), matching a search text, both or neither
 * (NULL), by position; each with its first variant. */
int catalog_list(struct db *db, struct arena *arena, const char *slug,
    const char *search, int offset, int limit, struct listing *listing);
/* The handle of a variant's product; NULL if there is none.  -1 on failure. */
int catalog_handle(struct db *db, struct arena *arena, int64_t variant,
    const char **handle);
/* What a line of an order says of the variant with this SKU: its id, product,
 * names, picture and categories; the first, if there are several.  0: there is
 * none, and the line stays as it is. */
struct line;
int catalog_sku(
    struct db *db, struct arena *arena, const char *sku, struct line *line);
/* The variant that a product page opens on: the first that can be bought. */
const struct variant *variant_shown(const struct product *product);
bool variant_buyable(const struct variant *variant);
/* Others of the same categories. */
int catalog_related(struct db *db, struct arena *arena, const char *product_id,
    int limit, struct listing *listing);

/* Calls ${visit} for every published product, with the lowest price, the stock
 * of all variants and the categories' names; ${arena} is emptied now and then.
 * ${visit} ends it by returning non-zero. */
typedef int catalog_visit(
    void *arg, struct arena *arena, const struct product *product);
int catalog_each(struct db *db, catalog_visit *visit, void *arg);
/* The same for every product, with its variants. */
int catalog_each_whole(struct db *db, catalog_visit *visit, void *arg);

/* catalog_way.c: the feed, or what is pushed.  Notes in meta when something was:
 * "catalog push", "feed asked". */
int catalog_note(struct db *db, const char *what, int64_t now);
/* What `doctor` has to say of it: prints it; the number of faults. */
int catalog_doctor(const struct settings *settings, struct db *db, FILE *out);

/*
 * import.c: loads Shopify's product CSV in one transaction: all of it, or
 * nothing with shop_error() naming the line.  Products are known by the
 * optional column ID, else by their handle; those not in the file stay.
 */
struct import_counts {
	int64_t products, variants;
};
int catalog_import(struct db *db, const char *text, size_t length,
    const char *currency, struct import_counts *counts);

/* ------------------------------------------------------------ http.c: requests */

#define BODY_MAX 65536
#define FIELDS_MAX 100

struct field {
	const char *name, *value;
};
struct fields {
	struct field *list;
	size_t n;
};
struct request {
	struct arena *arena;
	const char *method;     /* GET, HEAD or POST */
	const char *path;       /* decoded, begins with /, valid UTF-8 */
	struct fields query, form;
	/* Headers; "" when absent. */
	const char *cookie, *accept, *origin, *fetch_site, *if_none_match,
	    *if_modified_since, *user_agent;
	const char *purpose;    /* "prefetch", "prerender", or for a visitor: "" */
	bool cookie_lost;       /* there were some, which cannot be read */
	const char *client;     /* REMOTE_ADDR; "" when absent */
	int64_t now;
};
struct response {
	int status;          /* 0 until set; 200 if it stays so */
	struct text headers; /* "Name: value\r\n".. without Status */
	struct text body;
	bool bad;            /* a header was refused: answer 500 */
	bool no_referrer;    /* its address goes nowhere */
	struct file_body *file; /* the body instead, or NULL; freed with it */
};
/* A body in a file, which answers may share; freed by the last of them. */
struct file_body *file_body_new(int fd, int64_t length); /* takes fd */
struct file_body *file_body_share(struct file_body *file);
void file_body_free(struct file_body *file);
int64_t file_body_length(const struct file_body *file);
/* Up to ${n} bytes at ${offset}; 0 at the end, -1 on failure. */
long file_body_read(
    const struct file_body *file, int64_t offset, char *buffer, size_t n);
/* The value of a field; NULL if it is not there. */
const char *field(const struct fields *fields, const char *name);
/* The value of a cookie, "" if it is not there or is there twice. */
const char *request_cookie(struct request *request, const char *name);
/* Whether one of the cookies of that name has this very value. */
bool request_cookie_is(
    const struct request *request, const char *name, const char *value);
/* The one header writer: refuses CR, LF, NUL and other controls. */
void response_header(
    struct response *response, const char *name, const char *value);
void response_free(struct response *response);
/* Parses "a=1&b=2" strictly.  Returns 0, or the HTTP status to answer: 400 for
 * a bad escape, bad UTF-8, NUL or a repeated name, 413 for too many. */
int fields_parse(struct arena *arena, const char *text, size_t length,
    struct fields *fields);
/*
 * Makes a request of CGI variables and a body.  ${get} looks up a variable,
 * NULL if absent; ${read} reads up to n bytes of the body, fewer at its end, -1
 * on failure.  Returns 0, or the status to answer.
 */
typedef const char *http_get(void *arg, const char *name);
typedef long http_read(void *arg, char *buffer, size_t n);
int request_make(struct request *request, struct arena *arena, http_get *get,
    http_read *read, void *arg);
/* The whole answer as CGI wants it: Status, headers, body unless HEAD. */
void response_cgi(
    const struct response *response, bool head, struct text *out);

/* ------------------------------------------------ scratch.c: nameless files */

/* A new file without a name, gone with its last user; made in a directory that
 * is this process's user's alone. */
int scratch_file(void);
/* That directory's descriptor, kept open. */
int scratch_folder(void);

/* ------------------------------------- confine.c: what the process may still do */

/* Nobody but root reads this process's memory or environment; no core files. */
void confine_memory(const struct settings *settings);
/* Prints what the kernel offers; returns how much of it is missing. */
int confine_report(FILE *out);

/* ---------------------------------------------------- serve.c: the accept loop */

/* FastCGI on STOREFRONT_LISTEN or an inherited socket, plain CGI when the
 * environment says so.  Returns the process's exit code. */
int serve(const struct settings *settings);
/* Has a web server started this process, as CGI or with a listening standard
 * input?  Then its arguments are none: Apache's CGI makes a visitor's query
 * ("/?outbox+drop") the program's arguments. */
bool serve_called(void);

/* ------------------------------------------------------------ pages.c: the shop */

/* One thread's shop: its connection, settings and secret. */
struct shop {
	const struct settings *settings;
	struct db *db;
	unsigned char secret[32];
	const char *currency;   /* the database's */
	char currency_text[4];
};
int shop_open(struct shop *shop, const struct settings *settings);
void shop_close(struct shop *shop);
/* Reads STOREFRONT_SECRET_FILE. */
int secret_load(const struct settings *settings, unsigned char secret[32]);
/* Answers one request; whatever fails becomes an error page. */
void shop_handle(struct shop *shop, struct request *request,
    struct response *response);
/* ${prefix} and ${segment}, percent-encoded: a path that may stand in a URL. */
char *url_path(struct arena *arena, const char *prefix, const char *segment);
/* The address that brings a cart back on any device (pages_restore.c). */
struct cart;
const char *cart_link(
    struct shop *shop, struct arena *arena, const struct cart *cart);
/* An error page for a request that could not even be made. */
void shop_refuse(struct shop *shop, int status, struct response *response);

/* -------------------------------------------------------- session.c: visitors */

struct session {
	char id[44];            /* hash of the cookie's token; "" = none yet */
	char token[80];         /* the cookie's value */
	bool fresh;             /* made by this request: set the cookie */
	const char *cart;       /* cart id; "" = none */
	const char *account;    /* that it is logged in to; "" = a guest */
	bool gone;              /* ended by this request: drop the cookie */
	/* The known visitor, of the account or from a form of this session;
	 * "" = unknown. */
	const char *email, *phone, *first_name, *last_name;
};
/* The session that the cookie names; an empty one if there is none. */
int session_load(struct shop *shop, struct request *request,
    struct session *session);
/* Makes a session if there is none yet.  Within a transaction. */
int session_start(struct shop *shop, struct request *request,
    struct session *session);
/* Logs in: a new session takes the place of this one, with its cart.  Within a
 * transaction. */
int session_login(struct shop *shop, struct request *request,
    struct session *session, const char *account);
/* Ends it; only its cart is still known.  Within a transaction. */
int session_end(struct shop *shop, struct session *session);
/* Remembers who the visitor is, where there is no account that says so.  Within
 * a transaction. */
int session_identify(struct shop *shop, struct session *session,
    const char *email, const char *phone, const char *first_name,
    const char *last_name);
/* Sets the cookie of a session that this request made. */
void session_cookie(const struct shop *shop, const struct session *session,
    struct response *response);
/* The form token of this session, and its check in constant time. */
char *session_form_token(
    struct shop *shop, struct arena *arena, const struct session *session);
bool session_form_ok(struct shop *shop, struct arena *arena,
    const struct session *session, const char *token);
/* Keyed tokens for links: text, expiry -> "payload.expiry.mac". */
char *token_sign(struct shop *shop, struct arena *arena, const char *purpose,
    const char *text, int64_t expires);
/* The text of a signed token, NULL if forged or expired. */
char *token_open(struct shop *shop, struct arena *arena, const char *purpose,
    const char *token, int64_t now);
/* 128 bits of a keyed hash of ${text}, for one purpose. */
void secret_mac(const struct shop *shop, const char *purpose, const char *text,
    char out[24]);
/* ${n} characters of random Crockford base32, 5 bits each. */
char *random_id(struct arena *arena, int n);

/* -------------------------------------- consent.c: who is tracked, by which side */

enum said { CONSENT_NONE, CONSENT_YES, CONSENT_NO };
struct consent {
	enum said said; /* by the visitor, to this shop */
	bool tracked;   /* klaviyo.js, identify and what the visitor does */
	bool ask;       /* the banner */
	bool own;       /* a page may differ from that of one who said nothing */
};
/* ${yes}, ${no}: a cookie of the shop says so; ${off}: Klaviyo's does. */
struct consent consent_of(
    const struct settings *settings, bool yes, bool no, bool off);
struct consent consent_read(
    const struct settings *settings, const struct request *request);
/* Whom Klaviyo takes the visitor for, by its cookie; "" = unknown, or not to be
 * looked at. */
const char *consent_exchange_id(
    const struct consent *consent, struct request *request);
/* Keeps what the visitor said; ends Klaviyo's cookie. */
void consent_cookie(
    const struct settings *settings, bool yes, struct response *response);
void consent_forget(const struct settings *settings, struct arena *arena,
    struct response *response);

/* Who tells Klaviyo what a visitor does.  One side, for it does not drop what
 * both tell. */
enum side { SIDE_NONE, SIDE_BROWSER, SIDE_SERVER };
/* ${known}: the server knows an identifier of the visitor. */
enum side consent_side(const struct settings *settings,
    const struct consent *consent, bool known, bool robot, bool ahead);
bool consent_robot(const char *user_agent);
bool consent_ahead(const char *purpose); /* fetched before it is asked for */
/* ------------------------------------------- throttle.c: how often one may try */

enum throttle {
	THROTTLE_LOGIN,           /* of an account, by one client */
	THROTTLE_LOGIN_CLIENT,
	THROTTLE_PASSWORD,        /* asked again of one who is logged in */
	THROTTLE_REGISTER_CLIENT,
	THROTTLE_RESET,           /* of an address, by anybody */
	THROTTLE_RESET_CLIENT,
	THROTTLE_CONTACT,         /* of an address, by anybody */
	THROTTLE_CONTACT_CLIENT,
	THROTTLE_NOTIFY,          /* of an address, by anybody */
	THROTTLE_NOTIFY_CLIENT,
	THROTTLES
};
/* Takes a token of ${who}'s: 1; 0, there is none for ${retry} seconds; -1.  Own
 * transaction; counts at once, on all hosts. */
int throttle_take(struct shop *shop, enum throttle what, const char *who,
    int64_t now, int *retry);
/* Gives it back, because the try was right.  Within a transaction. */
int throttle_give(struct shop *shop, enum throttle what, const char *who);
/* Who the web server says is asking, fit for ${who}: an IPv6 network of 64 bits
 * counts as one. */
const char *throttle_client(const struct request *request);

/* --------------------------------------------------------- password.c: passwords */

#define PASSWORD_MIN 8
#define PASSWORD_MAX 1024
#define PASSWORD_HASH 128
enum password {
	PASSWORD_FAILED = -1,
	PASSWORD_GOOD = 0,
	PASSWORD_WRONG,
	PASSWORD_BUSY, /* too many at this moment: later */
};
/* What is wrong with a password that somebody chose; NULL = nothing. */
const char *password_why_not(const char *password);
enum password password_hash(const char *password, char hash[PASSWORD_HASH]);
const char *password_nobody(void); /* a hash that no password fits */
/* ${hash} NULL: there is none, but it takes as long as if there were. */
enum password password_check(const char *password, const char *hash);
/* Was it made with weaker parameters than today's? */
bool password_old(const char *hash);

/* ----------------------------------------------------------- account.c: accounts */

struct account {
	const char *id, *email, *email_key, *password;
	const char *first_name, *last_name, *phone;
	const char *address1, *address2, *city, *region, *zip, *country;
	const char *cart;       /* "" = none yet */
	const char *form;       /* key of the form that made it */
	int64_t changes, created_at;
};
/* The form of an address that tells one from another. */
const char *account_key(struct arena *arena, const char *email);
/* Lookups: 1 found, 0 not, -1 failure. */
int account_load(struct db *db, struct arena *arena, const char *id,
    struct account *account);
int account_find(struct db *db, struct arena *arena, const char *email_key,
    struct account *account);
/* All below within a transaction.  1 made; 0, the address has an account. */
int account_create(
    struct db *db, struct arena *arena, struct account *account);
/* Takes the account's row, as it is now, for a change, whose number is
 * ${account->changes}; 1, 0 not found, -1. */
int account_change(struct db *db, struct arena *arena, const char *id,
    int64_t now, struct account *account);
int account_save(struct db *db, const struct account *account);
/* 1; 0, the address is another account's. */
int account_set_email(struct db *db, const struct account *account);
int account_set_password(
    struct db *db, const char *id, const char *had, const char *hash);
/* Ends all its logins, but for that of the session ${but}. */
int account_end_logins(struct db *db, const char *id, const char *but);
/* What a guest has becomes the account's: the orders of the session, and the
 * cart: ${cart} gets the account's. */
int account_join(struct db *db, struct arena *arena,
    const struct account *account, const char *session, const char **cart,
    int64_t now);
/* The order is this account's ("" = a guest's, of this session)? */
int account_sees(struct db *db, const char *account, const char *session,
    const char *order);

/* ------------------------------------------------ reset.c: forgotten passwords */

#define RESET_SECONDS (45 * 60)

/* Notes a request; ${account} NULL: the address has none, and it leads nowhere.
 * 1; 0, this form has asked before.  Within a transaction. */
int reset_ask(struct db *db, struct arena *arena, const char *account,
    const char *form, int64_t now, const char **id);
/* The request of a link's token, if it can still be used: 1, 0, -1. */
int reset_find(struct shop *shop, struct arena *arena, const char *token,
    int64_t now, const char **id, const char **account);
/* Uses it up, with all others of the account: 1; 0, another was faster.  Within
 * a transaction. */
int reset_use(struct db *db, const char *id, const char *account, int64_t now);
/* Ends all open requests of the account.  Within a transaction. */
int reset_end(struct db *db, const char *account, int64_t now);
/* For the worker: the link of request ${id}, *${link} for free(): 1; 0, it
 * cannot be used any more; -1.  ${shop} is a struct shop *. */
int reset_link(void *shop, const char *id, char **link);

/* ------------------------------------------------------- leads.c: contact form */

struct lead {
	const char *id, *form, *first_name, *last_name, *email, *phone;
	const char *message;
	int64_t created_at;
};
/* 1; 0, this form was sent before.  Within a transaction. */
int lead_add(struct db *db, struct arena *arena, struct lead *lead);
int leads_command(const struct settings *settings, int argc, char **argv);

/* ------------------------------------------------------------- cart.c: the cart */

#define QUANTITY_MAX 999
#define LINES_MAX 100

struct line { /* of a cart or an order */
	int64_t id;      /* of a cart: the variant's; of an order: 1.. */
	const char *product_id, *handle, *title, *variant, *sku, *vendor;
	const char *image;
	struct category *categories;
	int64_t price, compare_at, stock;
	bool oversell;
	int quantity;
	struct line *next;
};
struct cart {
	const char *id;
	int64_t revision, changed_at;
	struct line *lines;
	int nlines, units;
	int64_t subtotal;
};
int cart_load(struct db *db, struct arena *arena, const char *id,
    struct cart *cart); /* "" gives an empty cart */
/* Units in a cart, for the header; -1 on failure. */
int cart_units(struct db *db, const char *id);

enum cart_change {
	CART_FAILED = -1,
	CART_DONE = 0,
	CART_NO_VARIANT,   /* there is no such variant */
	CART_SOLD_OUT,     /* less in stock than asked for */
	CART_TOO_MANY,     /* more than QUANTITY_MAX or LINES_MAX */
};
/* Adds to a cart, making it if ${cart} is "".  Within a transaction.  ${cart}
 * gets the id, ${revision} the new revision. */
enum cart_change cart_add(struct db *db, struct arena *arena,
    const char **cart, int64_t variant, int quantity, int64_t now,
    int64_t *revision);
/* Sets a line's quantity, 0 removes it.  ${added} gets by how much it grew. */
enum cart_change cart_set(struct db *db, const char *cart, int64_t variant,
    int quantity, int64_t now, int64_t *revision, int *added);
/* Is the cart still as it was read?  1, and it stays so until the transaction
 * ends; 0 it has changed; -1. */
int cart_hold(struct db *db, const struct cart *cart);
/* Adds the lines of ${from} to ${cart}, as far as stock and limits go: 1 if that
 * was not all of them.  Both held.  Within a transaction. */
int cart_merge(struct db *db, const struct cart *cart, const struct cart *from,
    int64_t now);
/* Replaces the lines of ${cart} by those of ${from}. */
int cart_copy(struct db *db, struct arena *arena, const char **cart,
    const char *from, int64_t now);
/* What was added but is not yet reported by a page: noted with the change, and
 * taken once, by the next page shown. */
struct added {
	int64_t variant, revision;
	int quantity;
	struct added *next;
};
int cart_note_added(struct db *db, const char *cart, int64_t revision,
    int64_t variant, int quantity);
int cart_take_added(
    struct db *db, struct arena *arena, const char *cart, struct added **list);

/* ----------------------------------------------------------- order.c: checkout */

struct address {
	const char *first_name, *last_name, *address1, *address2, *city,
	    *region, *zip, *country; /* ISO 3166 alpha-2 */
};
struct shipping {
	const char *code, *name, *when;
	int64_t price;     /* for this subtotal */
	struct shipping *next;
};
struct discount {
	const char *code;  /* as the shop spells it; "" = none */
	int64_t amount;    /* off the goods */
	bool free_shipping;
	const char *why_not; /* why it does not apply; NULL = it does */
};
struct order {
	const char *id;
	int64_t time;
	const char *currency, *status;
	const char *email, *phone;
	struct address shipping_address, billing_address;
	const char *shipping_name, *discount_code;
	int64_t subtotal, discount, shipping, total;
	struct line *lines;
	int nlines, units;
	const char *exchange_id; /* Klaviyo's, from the visitor's cookie */
	const char *account; /* whose it becomes when placed; "" or NULL: a
	                        guest's */
};
int shipping_methods(struct db *db, struct arena *arena, int64_t subtotal,
    struct shipping **list);
int discount_find(struct db *db, struct arena *arena, const char *code,
    int64_t subtotal, struct discount *discount);
/* The sums, of cart, shipping and discount: one place.  -1 on overflow. */
int order_totals(struct order *order, const struct shipping *shipping,
    const struct discount *discount);

enum order_result {
	ORDER_FAILED = -1,
	ORDER_PLACED = 0,
	ORDER_AGAIN,      /* the same key and body: ${order->id} is that order */
	ORDER_CONFLICT,   /* the same key with another body */
	ORDER_SOLD_OUT,   /* a line's stock is gone: ${sold_out} names it */
	ORDER_CART_CHANGED, /* the cart is not what was shown */
};
/*
 * Places an order of a cart: order, lines, stock, cart emptied.  Within a
 * transaction: the caller queues the events and commits.  ${key} is the form's
 * idempotency key, ${body_hash} what was posted.
 */
enum order_result order_place(struct db *db, struct arena *arena,
    struct order *order, const struct cart *cart, const char *session,
    const char *key, const char *body_hash, const struct line **sold_out);
/*
 * Writes an order that was placed elsewhere, under its own id, with its lines
 * (whose ids are the variants', 0 = none).  Within a transaction; no stock is
 * taken, no event queued.  1; 0: it is there already, and stays as it is; -1.
 */
int order_keep(struct db *db, struct arena *arena, const struct order *order);
/*
 * After a COMMIT of unknown outcome: what became of the order?  ORDER_AGAIN, it
 * is placed, ${order->id}; ORDER_FAILED, it is not, or, while db_unknown(),
 * that cannot be told yet.  Own transaction.
 */
enum order_result order_settle(struct db *db, struct arena *arena,
    struct order *order, const struct cart *cart, const char *key,
    const char *body_hash);
/* Has this key been used?  1 yes: ${id} and ${body_hash}. */
int order_by_key(struct db *db, struct arena *arena, const char *key,
    const char **id, const char **body_hash);
/* Reads an order with its lines; ${session} NULL, or the one that placed it. */
int order_load(struct db *db, struct arena *arena, const char *id,
    const char *session, struct order *order);
typedef int order_each(void *arg, const struct order *order);
/* The orders of an account, newest first, without lines. */
int order_list_of(struct db *db, struct arena *arena, const char *account,
    int limit, order_each *each, void *arg);
int order_list(struct db *db, struct arena *arena, int limit, order_each *each,
    void *arg);
/* The id and time of each order of since <= time < until, oldest first, after
 * ${after}'s (which is moved on), at most ${limit}; how many, or -1. */
struct order_mark {
	int64_t time;
	char id[40];
};
int order_walk(struct db *db, struct order_mark *after, int64_t until,
    int limit, struct order_mark *list);
/* The same of the changes of one kind (change_kinds): the ids are "order/id". */
int change_walk(struct db *db, const char *kind, struct order_mark *after,
    int64_t until, int limit, struct order_mark *list);
/* How many there are of since <= time < until; -1. */
int64_t order_count(struct db *db, int64_t since, int64_t until);
int64_t change_count(
    struct db *db, const char *kind, int64_t since, int64_t until);

/* ------------------------------------- order_change.c: after the order is placed */

enum change_kind {
	CHANGE_SHIPMENT,
	CHANGE_STATUS,  /* of a shipment */
	CHANGE_CANCEL,
	CHANGE_REFUND,
	CHANGE_INVOICE, /* something is missing before it can go on */
	CHANGE_PAYMENT, /* a payment that failed */
	CHANGE_KINDS
};
struct change_part {
	int64_t line; /* 1.. */
	int quantity;
};
/* Texts are "" where they do not apply. */
struct change {
	enum change_kind kind;
	int64_t time;
	struct change_part *parts; /* none = all that is left */
	size_t nparts;
	int64_t amount;         /* of a refund; 0 = of the parts */
	const char *reason;     /* cancel, refund, payment */
	const char *next_steps; /* payment */
	const char *tracking, *url, *company; /* shipment */
	const char *shipment, *status; /* status: one of shipment_statuses */
	const char *missing;    /* invoice: newline-separated */
	/* out */
	const char *id;         /* within the order: s1, u1, c1, r1, i1, p1 */
	bool whole;             /* all units of the order */
	bool first;             /* of its kind */
	bool fixed;             /* the amount was the caller's */
};
extern const char *const shipment_statuses[]; /* in their order */
extern const char *const change_kinds[]; /* as the table spells them */
/* Checks and writes a change of ${order}, whose status it sets.  Within a
 * transaction: the caller queues the event and commits.  -1 with the reason
 * when it may not be. */
int order_change(struct db *db, struct arena *arena, struct order *order,
    struct change *change);
/* Writes a change that happened elsewhere, as it is, with its id. */
int order_change_keep(
    struct db *db, const struct order *order, const struct change *change);
typedef int change_each(
    void *arg, const char *kind, const struct change *change);
/* In order of time, whole; texts are borrowed for the call. */
int order_changes(struct db *db, struct arena *arena,
    const struct order *order, change_each *each, void *arg);

/* --------------------------------------------- tracking.c: shop rows -> Klaviyo */

/* A page's tracking, rendered: script blocks and what the CSP must allow. */
struct tracking {
	const struct settings *settings;
	struct arena *arena;
	const char *currency;
	enum side side;                /* NONE: the page knows no Klaviyo */
	bool forget;                   /* removes what klaviyo.js has stored */
	const struct session *visitor; /* identify: known visitor, or NULL */
	bool unnamed;                  /* but not to the browser, yet */
	const char *exchange_id;       /* consent_exchange_id() */
	const struct product *viewed;  /* Viewed Product, or NULL */
	const struct cart *cart;       /* of added and checkout */
	struct added *added;           /* Added to Cart, one each */
	bool checkout;                 /* Started Checkout */
	const char *checkout_url;
	const char *told;              /* of which checkout the browser has told */
	struct text scripts;           /* out: for the page's {{SCRIPTS}} */
	struct text csp;               /* out: " 'sha256-..'" of each block */
};
/* Whether pages carry tracking at all: a public key is set. */
bool tracking_on(const struct settings *settings);
/* Fills scripts and csp.  A failure drops the snippets, never the page. */
void tracking_render(struct tracking *tracking);
/* The answer of /cart/add as JSON: the payload for klaviyo.track. */
char *tracking_added_payload(const struct tracking *tracking);
/* tracking_onsite.c: what the server tells of, if t->side says so.  A page's
 * view and checkout, in a transaction of its own; what was added, in the open
 * transaction of the cart's change, with the cart as that left it.  A failure
 * drops the event. */
void tracking_page(const struct tracking *t, struct db *db, int64_t now);
void tracking_added(const struct tracking *t, struct db *db, int64_t now);
/* What was to be told of a cart is not: it has become an order, or its visitor
 * does not want it.  In the open transaction. */
int tracking_drop_cart(struct db *db, const char *cart);
/* Somebody has ticked a box.  In the open transaction.  A refusal for good is
 * logged, and 0; -1: the database or memory failed. */
struct subscription {
	const char *id;     /* of this consent, unique for ever */
	const char *email, *phone; /* NULL: not by this way */
	const char *source; /* "Checkout" */
};
int tracking_subscribe(const struct settings *settings, struct db *db,
    const struct subscription *subscription, int64_t now);
/* Whether Klaviyo can send text messages to this number. */
bool tracking_phone_ok(const char *phone);
/* tracking_order.c: Placed Order and Ordered Product into the outbox, in the
 * open transaction; or, if Klaviyo cannot be told of such an order, a line into
 * the log.  -1: the database or memory failed: the order must not be confirmed. */
int tracking_order(const struct settings *settings, struct db *db,
    const struct order *order, bool history, int64_t now);
/* The event of a change that order_change() has just written, in the same
 * transaction. */
int tracking_change(const struct settings *settings, struct db *db,
    const struct order *order, const struct change *change, bool history,
    int64_t now);
/* Both: ${history} marks events as past ones, which start no flow.  0; -1; 1
 * when the queue is full, which happens to history only. */
/* tracking_account.c: what happens to an account, in its transaction.  Results
 * as tracking_order()'s.  ${account} as it is afterwards. */
int tracking_account_created(
    struct db *db, const struct account *account, int64_t now);
/* What of it differs from ${old}, an event for each kind of change. */
int tracking_account_updated(struct db *db, const struct account *account,
    const struct account *old, int64_t now);
/* ${id} is the reset request's. */
int tracking_reset(struct db *db, const struct account *account, const char *id,
    int64_t now);
int tracking_lead(
    const struct settings *settings, struct db *db, const struct lead *lead);
/* Is an address so new to Klaviyo that a page should not identify by it? */
bool tracking_email_pending(struct db *db, const char *email);
/* The exchange id in Klaviyo's cookie, "" if there is none. */
const char *tracking_exchange_id(struct arena *arena, const char *cookie);
/* Origins that the CSP must allow for klaviyo.js, " https://..". */
const char *tracking_hosts(const struct settings *settings,
    struct arena *arena, bool images);

/* tracking_preview.c: what a page about ${t->viewed} or ${t->cart} (which is not
 * empty) would give to klaviyo.js; ${call} says how. */
typedef int preview_each(void *arg, const char *call, const char *json);
int tracking_preview(const struct tracking *t, preview_each *each, void *arg);

/* The whole catalogue as Klaviyo's feed, "json" or "xml", given to ${write} in
 * pieces. */
#define FEED_MAX 100000000 /* bytes that Klaviyo takes */
struct feed_counts {
	int64_t items, left_out, bytes;
};
typedef int feed_write(void *arg, const char *data, size_t n);
int tracking_feed(const struct settings *settings, struct db *db,
    const char *currency, const char *format, feed_write *write, void *arg,
    struct feed_counts *counts);
/* The same of one product, by its id; NULL = all. */
int tracking_feed_product(const struct settings *settings, struct db *db,
    const char *currency, const char *format, const char *id,
    feed_write *write, void *arg, struct feed_counts *counts);

/* tracking_catalog.c: ${email} is to be told when the variant is there again; in
 * the open transaction.  ${id} is the subscription's. */
int tracking_back_in_stock(const struct settings *settings, struct db *db,
    struct arena *arena, const char *id, const char *email,
    const struct product *product, const struct variant *variant, int64_t now);
/* How a variant is called in Klaviyo's catalog. */
const char *tracking_variant_id(
    struct arena *arena, const char *product, const char *variant);

/* ------------------------------------------- progress.c: long work on a terminal */

struct progress { /* begins as {0} */
	bool terminal;
	const char *what, *unit;
	int64_t done, all;
	double shown;
	struct timespec begun;
};
void progress_begin(
    struct progress *p, const char *what, const char *unit, int64_t all);
/* ${more} are done; ${remark} comes behind, "" for none. */
void progress_show(struct progress *p, int64_t more, const char *remark);
/* Since it began. */
double progress_seconds(const struct progress *p);
void progress_end(struct progress *p); /* a new line, if need be */

/* json_print.c: JSON text on several lines, its values as they are. */
void json_print(FILE *out, const char *json);

/* -------------------------------------- span.c: --since DAY and --until DAY */

struct span { /* since <= time < until */
	int64_t since, until, now;
	bool until_given;
};
/* All of the past, those of this second, too. */
void span_begin(struct span *span, int64_t now);
/* 1: the option is one of the two, and read; 0: it is another; -1.  ${day} is
 * what follows it, or NULL. */
int span_option(struct span *span, const char *name, const char *day);
/* -1: the span can hold nothing. */
int span_check(const struct span *span);

/* ------------------------------------------------------- worker.c, commands.c */

struct command {
	const char *name, *arguments, *what;
	int (*run)(const struct settings *settings, int argc, char **argv);
};
int worker_command(const struct settings *settings, int argc, char **argv);
int outbox_command(const struct settings *settings, int argc, char **argv);
int init_command(const struct settings *settings, int argc, char **argv);
int doctor_command(const struct settings *settings, int argc, char **argv);
int migrate_command(const struct settings *settings, int argc, char **argv);
int reconcile_command(const struct settings *settings, int argc, char **argv);
int preview_command(const struct settings *settings, int argc, char **argv);
int backup_command(const struct settings *settings, int argc, char **argv);
int catalog_command(const struct settings *settings, int argc, char **argv);
int feed_command(const struct settings *settings, int argc, char **argv);
int history_command(const struct settings *settings, int argc, char **argv);
/* history_import.c: the exit code; 2 without a word: the call was wrong. */
int history_import(const struct settings *settings, int argc, char **argv);
int order_command(const struct settings *settings, int argc, char **argv);

/* Texts put into the program by embed.S. */
extern const char schema_sql[], demo_csv[];

#ifdef __cplusplus
}
#endif

#endif
