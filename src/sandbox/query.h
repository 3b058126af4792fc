/*
 * query.h - query.c for the endpoints that answer a list: filter, sort and page
 * of a GET request.
 */
#ifndef QUERY_H
#define QUERY_H

#include "sandbox.h"

enum op {
	OP_EQUALS = 1,
	OP_ANY = 2,
	OP_CONTAINS = 4,
	OP_FROM = 8,   /* greater-or-equal */
	OP_AFTER = 16, /* greater-than */
	OP_TO = 32,    /* less-or-equal */
	OP_BEFORE = 64 /* less-than */
};
enum { OP_RANGE = OP_FROM | OP_AFTER | OP_TO | OP_BEFORE };
enum value_kind {
	V_TEXT,   /* "quoted" */
	V_TIME,   /* 2026-07-15T12:00:00Z */
	V_NUMBER, /* 1752580800 */
	V_BOOL    /* true */
};
struct filter_field { /* a table ends with an empty row */
	const char *name;
	int ops;
	enum value_kind kind;
};
struct term {
	int field; /* row of the table */
	enum op op;
	int64_t number;  /* of a time, a number, a boolean */
	struct buf text; /* the text, or texts, with a NUL after each */
};
enum { TERMS = 16 };
struct query {
	struct term terms[TERMS];
	int nterms;
	int descending;
	size_t size;
	int continued;    /* a cursor was given: */
	int64_t after[2]; /* what came last, in the caller's terms */
};
struct pages { /* what an endpoint knows */
	const struct filter_field *fields;
	const char *sorts; /* "a b": names, the first is the default */
	int descending;    /* is the default */
	size_t size, max;
};
/* Reads filter, sort, page[size] and page[cursor]. Reports what is wrong and
   returns -1. query_free() in any case. */
int query_read(struct call *c, const struct pages *p, struct query *q);
int query_cursor(struct call *c, struct query *q);
int query_fail(struct call *c, const char *param, const char *detail); /* -1 */
void query_free(struct query *q);
int query_text(const struct term *t, const char *value);
int query_number(const struct term *t, int64_t value);
/* ,"links":{..}; ${last} is the cursor to go on from, or NULL. */
void query_links(struct call *c, const int64_t last[2]);
void query_self(struct buf *b, const struct call *c, const char *path);
/* Whether a parameter's comma-separated words are all among these; reports and
   returns -1 when not. */
int query_words(struct call *c, const char *param, const char *known);
/* Whether a parameter's comma-separated words have this one; ${otherwise} when
   the parameter is not given. */
int query_lists(
    const struct call *c, const char *param, const char *word, int otherwise);

#endif
