/*
 * storefront.h - what the files of the storefront say to each other: base.h,
 * goods.h, web.h, people.h, orders.h, told.h, and what is here.
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

#include "base.h"
#include "goods.h"
#include "web.h"
#include "people.h"
#include "orders.h"
#include "told.h"

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

/* ------------------------------------------------- utc.c: times, and as text
 */

int64_t utc_now(void); /* seconds since 1970 */

/* ${format} is strftime()'s; returns ${text}. */
const char *utc_text(char *text, size_t size, const char *format,
    int64_t seconds) __attribute__((format(strftime, 3, 0)));

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

/* ----------------------------------------------------- end.c: told to end */

#define END_SECONDS 5
/* Once, before the process gives up what it does not need. */
void end_prepare(void);
/* Told to end: in END_SECONDS it is over, with exit code 0; from a handler of
 * signals, too. */
void end_begin(void);
/* .. with exit code 1. */
void end_failed(void);

/* ------------------------------------------------------- worker.c, commands.c */

struct command {
	const char *name, *arguments, *what;
	int (*run)(const struct settings *settings, int argc, char **argv);
};
int worker_command(const struct settings *settings, int argc, char **argv);
int status_command(const struct settings *settings, int argc, char **argv);
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

/* ------------------------- outbox_shown.c: `storefront outbox`, what it shows */

/* What follows the verb comes checked. */
int outbox_status(struct db *db, int argc, char **argv);
int outbox_list(struct db *db, int argc, char **argv);
int outbox_show(struct db *db, int argc, char **argv);

/* Texts put into the program by embed.S. */
extern const char schema_sql[], demo_csv[];

#ifdef __cplusplus
}
#endif

#endif
