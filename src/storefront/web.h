/*
 * web.h - requests and answers, and the process that serves them.
 *
 * Part of storefront.h, where the rules for all of it are.
 */
#ifndef WEB_H
#define WEB_H

#include "base.h"

/* ------------------------------------------------------------ http.c: requests */

#define BODY_MAX 65536
#define FIELDS_MAX 100
#define PIECES_MAX 12

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
	const char *id;         /* in logs and in the outbox: the web server's
	                           name of this request, or one of our own */
	bool passed_on;         /* a proxy says that it asks for another */
	int64_t now;
};
/* file_body.c: a body in a file, which answers may share, and which grows until
 * its writer says that it is whole, or cut off. */
struct file_body;
struct shop;
enum file_state { FILE_GROWS, FILE_WHOLE, FILE_CUT };
/* Takes ${fd}; -1: NULL, and shop_error() stays.  Freed by the last of its
 * users. */
struct file_body *file_body_new(int fd);
struct file_body *file_body_share(struct file_body *file);
void file_body_free(struct file_body *file);
/* For its writer: one thread. */
int file_body_write(struct file_body *file, const char *data, size_t n);
void file_body_end(struct file_body *file, bool whole);
/* What it is now, and how much is there. */
enum file_state file_body_state(struct file_body *file, int64_t *length);
/* Up to ${n} bytes at ${offset}, which are waited for; 0 at the end, -1 if it was
 * cut off, or cannot be read. */
long file_body_read(
    struct file_body *file, int64_t offset, char *buffer, size_t n);
/* Writes ${file} to its end, whatever that is, and calls ${more} now and then
 * when there is more of it; NULL: nobody cares. */
typedef void file_body_more(void *arg);
typedef void file_body_make(void *make_arg, struct shop *shop,
    struct file_body *file, file_body_more *more, void *arg);

struct response {
	int status;          /* 0 until set; 200 if it stays so */
	struct text headers; /* "Name: value\r\n".. without Status */
	struct text body;
	bool bad;            /* a header was refused: answer 500 */
	bool no_referrer;    /* its address goes nowhere */
	struct file_body *file; /* the body instead, or NULL; freed with it */
	/* Who sends the answer writes that by this, once; NULL: it is written,
	 * or another thread is at it. */
	file_body_make *make;
	void *make_arg;
	/* The body instead, if there are any: others' memory. */
	struct slice {
		const char *data;
		size_t length;
	} piece[PIECES_MAX];
	size_t pieces;
};
/* The value of a field; NULL if it is not there. */
const char *field(const struct fields *fields, const char *name);
/* Is it a form? */
bool request_posts(const struct request *request);
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
/* The same of a query, in which the first of a name counts. */
int query_parse(struct arena *arena, const char *text, size_t length,
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
/* The whole answer as CGI wants it: Status, headers, body unless HEAD; of a body
 * in a file or in pieces, only what comes before. */
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
	struct after *after;    /* of the last answer; its request's memory */
	struct {                /* pages_feed.c's last look at the catalogue */
		int64_t stamp[2];
		char tag[48];   /* "" = none */
	} feed;
	/* Pages that are kept, of all threads (shelf.c); NULL: none are. */
	struct kept *kept;
	struct kept_item *held; /* which the answer is made of */
	int64_t stamp[2];       /* of the database, at this thread's last look */
	uint64_t since;         /* .. which says the same since then */
};
int shop_open(struct shop *shop, const struct settings *settings);
void shop_close(struct shop *shop);
/* Reads STOREFRONT_SECRET_FILE. */
int secret_load(const struct settings *settings, unsigned char secret[32]);
/* Answers one request; whatever fails becomes an error page. */
void shop_handle(struct shop *shop, struct request *request,
    struct response *response);
/* What is left to do once that answer is out (pages_after.c); to be called
 * before the request's arena is freed. */
void shop_after(struct shop *shop);
/* ${prefix} and ${segment}, percent-encoded: a path that may stand in a URL. */
char *url_path(struct arena *arena, const char *prefix, const char *segment);
/* The address that brings a cart back on any device (pages_restore.c). */
struct cart;
const char *cart_link(
    struct shop *shop, struct arena *arena, const struct cart *cart);
/* An error page for a request that could not even be made. */
void shop_refuse(struct shop *shop, int status, struct response *response);

#endif
