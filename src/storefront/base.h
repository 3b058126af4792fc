/*
 * base.h - memory and text, the log, settings, the database, amounts: what all
 * of the storefront stands on.
 *
 * Part of storefront.h, where the rules for all of it are.
 */
#ifndef BASE_H
#define BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <syslog.h> /* the levels: LOG_ERR .. LOG_DEBUG */
#include <time.h>

/* ------------------------------------------------------- memory.c: memory, text */

/* A region freed at once.  After a failed allocation arena_failed() stays
 * true: a caller may check once, at its end. */
struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *arena);
/* All that it holds is freed; most of its memory stays with it, for what comes.
 * A failure is forgotten, that it holds a secret is not. */
void arena_clear(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t size); /* zeroed */
char *arena_copy(struct arena *arena, const char *text); /* NULL gives "" */
char *arena_copyn(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Takes a malloc'd text (may be NULL): freed with the arena. */
char *arena_take(struct arena *arena, char *text);
bool arena_failed(const struct arena *arena);
/* An allocation for it has failed elsewhere. */
void arena_fail(struct arena *arena);
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

/* --------------------------------------------- texts.c: errors, texts, numbers */

/* Sets this thread's error text; returns -1. */
int shop_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *shop_error(void);
/* Valid UTF-8 without NUL or control characters but newline and tab. */
bool utf8_clean(const char *text);
/* Prints a text that somebody else wrote: what could command a terminal, or
 * look like another line, is a question mark. */
void print_tame(const char *text, size_t length);
/* Lower-cased for searching (full Unicode case folding). */
char *fold(struct arena *arena, const char *text);

/* ------------------------------------------------------------ log.c: the log */

/* One line, "storefront: ..", if its level is wanted.  Never personal data. */
void shop_log_at(int level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#define shop_log(...) shop_log_at(LOG_NOTICE, __VA_ARGS__)
/* Why a command cannot be done, for whoever typed it: no level before it, but
 * in the journal, where it is an error. */
void shop_complain(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* Is there use in making a line of that level? */
bool log_wants(int level);
/* The request that this thread is at work on stands behind each of its lines;
 * NULL: none. */
void log_about(const char *request);
/* STOREFRONT_LOG_LEVEL's number, -1 if it is none; and from now on it is so. */
int log_level(const char *name);
void log_begin(int level);

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
	const char *rates;      /* KLAVIYO_RATES: "" = Klaviyo's limits */
	const char *consent;    /* KLAVIYO_CONSENT: implied or required */
	const char *onsite;     /* KLAVIYO_ONSITE: browser or server */
	const char *confine;    /* STOREFRONT_CONFINE: auto or off */
	const char *csp;        /* STOREFRONT_CSP: enforce or report */
	const char *log_level;  /* STOREFRONT_LOG_LEVEL: error .. debug */
	const char *list;       /* KLAVIYO_LIST: "" = the account's default */
	const char *leads_email; /* STOREFRONT_LEADS_EMAIL: who is told of new
	                            leads; "" = nobody */
	const char *status_listen; /* STOREFRONT_STATUS_LISTEN */
	const char *status_password_file; /* STOREFRONT_STATUS_PASSWORD_FILE */
	bool https;             /* url begins with https: */
	bool csp_report;        /* the pages' policy is only reported */
};
/* Reads and checks all; -1 names the setting, what is wrong and what to do. */
int settings_load(struct settings *settings);
/* Prints each setting with its source and what is wrong with it; returns the
 * number of faults. */
int settings_report(FILE *out);
/* rates.c: KLAVIYO_RATES, "350/3500" or "350/3500,10/150": events a second and a
 * minute, bulk requests likewise; 0/0 of the latter: none, -1.  0 or -1. */
int rates_read(const char *text, int rates[4]);

/* ------------------------------- awake.c: how many threads are at work at a time */

/* How many places at work there are, by the cores that this process may use;
 * before there are threads.  Without it nobody needs one. */
int awake_count(void);
/* This thread is going to listen for a request: takes a place, if it has none. */
void awake_listen(void);
/* It has heard one, or nothing: it does not listen any more. */
void awake_begin(void);
/* This thread is going to wait, but not for the processor: another may begin. */
void awake_waits(void);

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
/* Room on the file system that it grows on, in bytes and percent: 1; 0: that is
 * another host's, and neither is set; -1. */
int db_space(struct db *db, int64_t *free, int *percent);
/* Transactions of a thousand rows follow, one after the other.  With SQLite, 8 MB
 * of what they read and write stay in memory, and while nobody else writes, the
 * log is copied into the database a third as often. */
void db_large(struct db *db);
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
/* Two numbers that are others after every commit to the database, whoever's, for
 * less than a statement costs; they mean something to this connection only.  -1:
 * there are none, or they cannot be had now. */
int db_stamp(struct db *db, int64_t stamp[2]);
/* The connection as the library takes it: a const struct klaviyo_store *. */
const void *db_store(struct db *db);
/* The request that what is queued from now on comes of; it must stay where it
 * is.  NULL: none. */
void db_origin(struct db *db, const char *request);

int db_begin(struct db *db);
/* 0; -1: it is rolled back; DB_UNKNOWN: the connection was lost before the
 * answer, and it may be either.  Never repeat it blindly. */
#define DB_UNKNOWN (-2)
int db_commit(struct db *db);
void db_rollback(struct db *db);
/* db_begin(), ${work} and db_commit(), or db_rollback() if it returns false, with
 * less waiting where many write: ${work} may be done on another thread, beside
 * whose own it is in one transaction, while this one waits.  So it is to be
 * short, and may use what this thread could.  0: committed; 1: rolled back as
 * it wanted; -1; DB_UNKNOWN.  shop_error() is ${work}'s, if it failed. */
typedef bool db_work(void *arg);
int db_together(struct db *db, db_work *work, void *arg);
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
#ifdef __cppcheck__ /* which loses its way in the array below */
int64_t db_run(struct db *db, db_row *row, void *rowarg, const char *sql, ...);
#else
#define db_run(db, row, rowarg, sql, ...)                                      \
	db_sql(db, sql,                                                        \
	    (int)(sizeof((const char *[]){NULL, ##__VA_ARGS__}) /              \
	        sizeof(char *)) - 1,                                           \
	    (const char *[]){NULL, ##__VA_ARGS__} + 1, row, rowarg)
#endif
/* A number as a parameter, on the stack of the caller's block. */
#define NUM(n) (num_text((char[24]){0}, (n)))
const char *num_text(char buffer[24], int64_t n);
int64_t num(const char *text); /* "" and NULL are 0; for database columns */

/* ------------------------------------------------------ money.c: shown amounts */

/* An amount as a visitor reads it: "$1,234.50", "¥1,200". */
char *money_text(struct arena *arena, int64_t amount, const char *currency);
/* Decimal text to minor units: "19.99" USD is 1999.  -1 if it is none. */
int money_parse(const char *text, const char *currency, int64_t *amount);
/* How an amount is written in it, for an error. */
const char *money_example(const char *currency);

#endif
