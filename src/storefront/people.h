/*
 * people.h - visitors and customers: sessions, consent, limits, passwords,
 * accounts, leads.
 *
 * Part of storefront.h, where the rules for all of it are.
 */
#ifndef PEOPLE_H
#define PEOPLE_H

#include "web.h"

/* -------------------------------------------------------- session.c: visitors */

struct session {
	char id[44];            /* hash of the cookie's token; "" = none yet */
	char token[80];         /* the cookie's value */
	bool fresh;             /* made by this request: set the cookie */
	const char *cart;       /* cart id; "" = none */
	/* What cart_units() said of it as the request came; 0 and false of a
	 * form, which may change it: page_show() asks after that. */
	int units;
	bool added;
	const char *account;    /* that it is logged in to; "" = a guest */
	bool gone;              /* ended by this request: drop the cookie */
	/* The known visitor, of the account or from a form of this session;
	 * "" = unknown. */
	const char *email, *phone, *first_name, *last_name;
};
/* The session that the cookie names; an empty one if there is none. */
int session_load(struct shop *shop, struct request *request,
    struct session *session);
/* Who the visitor of a cart is, as their session knows them; no more of it. */
int session_of_cart(struct db *db, struct arena *arena, const char *cart,
    int64_t now, struct session *session);
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
/* TIMED_ID characters: TIMED_ID_TIME of the time in 32nds of a second, the rest
 * random.  No counter: none comes again, also after a restored backup.  Those of
 * a moment stand beside each other in an index, so that rows which are written
 * together change few of its pages.  For what is found by its id in several. */
enum { TIMED_ID = 16, TIMED_ID_TIME = 7 };
char *timed_id(struct arena *arena);

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
    const struct consent *consent, bool known, const struct request *request);
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
	THROTTLE_ORDER,           /* of an address, by anybody */
	THROTTLES
};
/* Takes a token of ${who}'s: 1; 0, there is none for ${retry} seconds; -1.  Own
 * transaction; counts at once, on all hosts. */
int throttle_take(struct shop *shop, enum throttle what, const char *who,
    int64_t now, int *retry);
/* The same within a transaction that does what is counted: it counts if that is
 * committed.  So that one who is refused costs no transaction, look first. */
int throttle_look(struct shop *shop, enum throttle what, const char *who,
    int64_t now, int *retry);
int throttle_count(struct shop *shop, enum throttle what, const char *who,
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

#endif
