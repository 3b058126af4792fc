/*
 * form.h - a form of one column (form.tpl): what was typed, what is wrong with
 * it, and the page again.  Accounts and the contact form are made of these.
 */
#ifndef STOREFRONT_FORM_H
#define STOREFRONT_FORM_H

#include "pages.h"

#define ENTRIES_MAX 10

enum entry_kind {
	ENTRY_TEXT, /* one line */
	ENTRY_MAIL,
	ENTRY_PHONE,
	ENTRY_SECRET, /* a password, never shown again */
	ENTRY_COUNTRY,
	ENTRY_AREA, /* several lines */
	ENTRY_TICK, /* a box: its value is "", or "1" */
	ENTRY_HIDDEN,
};
struct entry {
	enum entry_kind kind;
	const char *name, *label;
	const char *missing; /* what to say when it is; NULL = may be empty */
	size_t max;          /* in bytes */
	const char *autocomplete, *hint; /* hint may be NULL */
	bool half;                       /* shares its row with another one */
};
struct form_link {
	const char *words, *url, *name;
};

/* A form begins as {..} with the texts, and is freed with the arena. */
struct form {
	const char *action, *heading, *lede, *submit; /* lede may be NULL */
	const struct entry *entries;
	int n;
	bool quiet; /* no tracking on its page */
	struct form_link links[3];
	/* Of this visit. */
	const char *value[ENTRIES_MAX], *error[ENTRIES_MAX];
	int errors;
	const char *done, *trouble; /* what was done; an error of no field */
	const char *key; /* sent twice, it counts once; made if NULL */
};
#define FORM_ENTRIES(table) table, (int)(sizeof(table) / sizeof(*(table)))

/* Shows it; makes a session if there is none, for the token. */
int form_show(struct visit *visit, struct form *form, int status);
/*
 * Reads what was posted and checks it.  1; 0 when the page was shown again,
 * because the token is not this session's (403) or something is missing or
 * wrong (422); -1.
 */
int form_read(struct visit *visit, struct form *form);
const char *form_value(const struct form *form, const char *name);
void form_set(struct form *form, const char *name, const char *value);
/* What is wrong with an entry; the first reason stays. */
void form_refuse(struct form *form, const char *name, const char *why);
/* 429: too often, or too many at once; ${retry} seconds. */
int form_busy(struct visit *visit, struct form *form, int retry);

/* Takes the tokens of the address (or account) and of the client; 1; 0, the 429
 * was shown; -1. */
int form_throttle(struct visit *visit, struct form *form, enum throttle what,
    const char *who);
/* A path of this shop to go on to, as a visitor may ask for one; else
 * ${otherwise}. */
const char *next_path(const char *asked, const char *otherwise);
/* ${path}, from which the visitor goes on to ${next} in the end, unless that is
 * "". */
const char *with_next(struct visit *visit, const char *path, const char *next);

/* ---------------------------------------------------------- pages_account.c */

/* The account that the visitor is logged in to: 1; 0, sent to log in; -1. */
int account_of(struct visit *visit, struct account *account);

#endif
