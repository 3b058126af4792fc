/*
 * test_http.c - requests: what is taken, what is refused, and that every byte
 * of a body is accounted for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storefront.h"

#define FORM "application/x-www-form-urlencoded"

static struct arena *arena;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new();
	return arena == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

/* The variables of one request, and its body, handed out in small pieces. */
struct given {
	const char *const *variables; /* "NAME", "value".. NULL */
	const char *body;
	size_t length, done, piece;
	bool broken; /* the body ends with an error */
};

static const char *
given_get(void *arg, const char *name)
{
	const struct given *given = arg;

	for (const char *const *v = given->variables; *v != NULL; v += 2)
		if (strcmp(v[0], name) == 0)
			return v[1];
	return NULL;
}

static long
given_read(void *arg, char *buffer, size_t n)
{
	struct given *given = arg;
	size_t left = given->length - given->done;

	if (left == 0)
		return given->broken ? -1 : 0;
	if (n > left)
		n = left;
	if (given->piece > 0 && n > given->piece)
		n = given->piece;
	memcpy(buffer, given->body + given->done, n);
	given->done += n;
	return (long)n;
}

static int
make(struct request *request, struct given *given)
{
	return request_make(request, arena, given_get, given_read, given);
}

#define USUAL(method)                                                          \
	"REQUEST_METHOD", method, "SERVER_PROTOCOL", "HTTP/1.1",               \
	    "REQUEST_URI", "/raw"
#define GIVEN(...)                                                             \
	(&(struct given){.variables = (const char *const[]){__VA_ARGS__, NULL}})

static void
needed(void **state)
{
	struct request r;

	(void)state;
	assert_int_equal(make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI", "/")), 0);
	assert_string_equal(r.method, "GET");
	assert_string_equal(r.path, "/");
	assert_true(r.now > 1000000000);
	assert_int_equal(
	    make(&r, GIVEN(USUAL("HEAD"), "DOCUMENT_URI", "/")), 0);
	assert_int_equal(
	    make(&r, GIVEN(USUAL("PUT"), "DOCUMENT_URI", "/")), 405);
	assert_int_equal(
	    make(&r, GIVEN(USUAL("get"), "DOCUMENT_URI", "/")), 405);
	assert_int_equal(make(&r, GIVEN(USUAL(""), "DOCUMENT_URI", "/")), 400);
	assert_int_equal(make(&r, GIVEN(USUAL("GET"))), 400);
	/* Cut off parameters. */
	assert_int_equal(make(&r, GIVEN("REQUEST_METHOD", "GET", "REQUEST_URI",
	                              "/", "DOCUMENT_URI", "/")),
	    400);
	assert_int_equal(
	    make(&r, GIVEN("REQUEST_METHOD", "GET", "SERVER_PROTOCOL",
	                 "HTTP/1.1", "DOCUMENT_URI", "/")),
	    400);
	assert_int_equal(make(&r, GIVEN("SERVER_PROTOCOL", "HTTP/1.1",
	                              "REQUEST_URI", "/", "DOCUMENT_URI", "/")),
	    400);
	/* Whatever fails, the texts can be read. */
	assert_string_equal(r.cookie, "");
	assert_string_equal(r.method, "GET");
	assert_string_equal(r.path, "/");
}

/* The web server's name of the request, if it is fit for a log. */
static void
names(void **state)
{
	static const char *const bad[] = {"", "0123456789abcde",
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefg",
	    "0123456789abcdef\n", "0123456789 abcdef", "<0123456789abcdef>",
	    "0123456789abcdef.", "0123456789abcde\xc3\xa9", "0123456789abc%0a"};
	static const char *const good[] = {"0123456789abcdef",
	    "ABCDEFGHIJKLMNOP-_@",
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
	char first[80];
	struct request r;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI", "/", "REQUEST_ID",
		             good[i]));
		assert_string_equal(r.id, good[i]);
		make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI", "/", "UNIQUE_ID",
		             good[i]));
		assert_string_equal(r.id, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI", "/", "REQUEST_ID",
		             bad[i], "HTTP_X_REQUEST_ID", good[0]));
		assert_int_equal(strlen(r.id), 26);
		assert_int_equal(
		    strspn(r.id, "0123456789abcdefghjkmnpqrstvwxyz"), 26);
		snprintf(first, sizeof(first), "%s", r.id);
		make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI", "/", "REQUEST_ID",
		             bad[i]));
		assert_string_not_equal(r.id, first);
	}
	/* There, whatever else is wrong. */
	assert_int_equal(make(&r, GIVEN("REQUEST_ID", good[0])), 400);
	assert_string_equal(r.id, good[0]);
}

static void
paths(void **state)
{
	static const char *const bad[] = {"a", "*", "//", "//a", "/a//b",
	    "/a//", "/..", "/../a", "/a/..", "/a/../b", "/.", "/./a", "/a/.",
	    "/a\nb", "/a\tb", "/a\rb", "/a\x01", "/a\x7f", "/\xff", "/\xc0\xaf",
	    "http://h/"};
	static const char *const good[] = {"/", "/a", "/a/", "/a/b", "/a.b",
	    "/...", "/..a", "/a..", "/.well-known/x", "/a b", "/\xc3\xa9",
	    "/a%2fb", "/a\\b", "/a?b"};
	static char big[2050] = "/";
	struct request r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
		    make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI", bad[i])), 400);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(
		    make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI", good[i])), 0);
		assert_string_equal(r.path, good[i]);
	}
	memset(big + 1, 'a', 2048);
	assert_int_equal(
	    make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI", big)), 414);
	big[2048] = '\0';
	assert_int_equal(make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI", big)), 0);

	/* Each web server's own way to say it. */
	assert_int_equal(make(&r, GIVEN(USUAL("GET"), "SCRIPT_NAME", "/a",
	                              "DOCUMENT_URI", "/b", "PATH_INFO", "/c")),
	    0);
	assert_string_equal(r.path, "/b");
	assert_int_equal(make(&r, GIVEN(USUAL("GET"), "SCRIPT_NAME",
	                              "/cgi-bin/shop", "PATH_INFO", "/c")),
	    0);
	assert_string_equal(r.path, "/c");
	assert_int_equal(
	    make(&r, GIVEN(USUAL("GET"), "SCRIPT_NAME", "/a", "PATH_INFO", "")),
	    0);
	assert_string_equal(r.path, "/a");
}

static void
queries(void **state)
{
	static char big[8194];
	struct request r;

	(void)state;
	assert_int_equal(
	    make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI", "/", "QUERY_STRING",
	                 "q=a+b&utm_source=x&utm_source=y&_kx=1.2&=&")),
	    0);
	assert_string_equal(field(&r.query, "q"), "a b");
	assert_string_equal(field(&r.query, "utm_source"), "x");
	assert_int_equal(r.query.n, 3);
	assert_int_equal(r.form.n, 0);
	assert_int_equal(make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI", "/",
	                              "QUERY_STRING", "q=%")),
	    400);
	memset(big, '&', sizeof(big) - 1);
	assert_int_equal(make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI", "/",
	                              "QUERY_STRING", big)),
	    414);
	for (size_t i = 0; i < 404; i += 4) /* the same name 101 times */
		memcpy(big + i, "a=1&", 4);
	big[404] = '\0';
	assert_int_equal(make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI", "/",
	                              "QUERY_STRING", big)),
	    413);
}

static int
post(struct request *request, const char *type, const char *length,
    const char *body, size_t piece, bool broken)
{
	struct given given = {
	    .variables = (const char *const[]){USUAL("POST"), "DOCUMENT_URI",
	        "/", "CONTENT_LENGTH", length, "CONTENT_TYPE", type, NULL},
	    .body = body,
	    .length = strlen(body),
	    .piece = piece,
	    .broken = broken,
	};
	int status = make(request, &given);

	/* Never more than CONTENT_LENGTH, and nothing of what is refused. */
	assert_true(given.done <= strtoul(length, NULL, 10));
	if (status == 415 || status == 411 || status == 413)
		assert_int_equal(given.done, 0);
	return status;
}

static void
bodies(void **state)
{
	static char big[BODY_MAX + 1];
	struct request r;
	char length[24];

	(void)state;
	assert_int_equal(post(&r, FORM, "7", "a=1&b=2", 0, false), 0);
	assert_string_equal(field(&r.form, "b"), "2");
	assert_int_equal(r.query.n, 0);
	assert_int_equal(post(&r, FORM, "7", "a=1&b=2", 1, false), 0);
	assert_string_equal(field(&r.form, "b"), "2");
	/* More than announced: what follows is nobody's. */
	assert_int_equal(post(&r, FORM, "3", "a=1&b=2", 0, false), 0);
	assert_null(field(&r.form, "b"));
	/* An error behind the body is none of it. */
	assert_int_equal(post(&r, FORM, "7", "a=1&b=2", 0, true), 0);
	/* Cut off. */
	assert_int_equal(post(&r, FORM, "8", "a=1&b=2", 0, false), 400);
	assert_int_equal(post(&r, FORM, "8", "a=1&b=2", 1, true), 400);
	assert_int_equal(post(&r, FORM, "8", "", 0, false), 400);
	/* Nothing at all is fine, whatever type it is. */
	assert_int_equal(post(&r, "", "0", "", 0, false), 0);
	assert_int_equal(r.form.n, 0);
	/* Repeated, badly escaped. */
	assert_int_equal(post(&r, FORM, "7", "a=1&a=2", 0, false), 400);
	assert_int_equal(post(&r, FORM, "3", "a=%", 0, false), 400);

	assert_int_equal(post(&r, FORM, "", "a=1", 0, false), 411);
	assert_int_equal(post(&r, FORM, "-1", "a=1", 0, false), 400);
	assert_int_equal(post(&r, FORM, "+3", "a=1", 0, false), 400);
	assert_int_equal(post(&r, FORM, " 3", "a=1", 0, false), 400);
	assert_int_equal(post(&r, FORM, "3 ", "a=1", 0, false), 400);
	assert_int_equal(post(&r, FORM, "0x3", "a=1", 0, false), 400);
	assert_int_equal(post(&r, FORM, "3,3", "a=1", 0, false), 400);
	assert_int_equal(post(&r, FORM, "65537", "a=1", 0, false), 413);
	assert_int_equal(
	    post(&r, FORM, "18446744073709551619", "a=1", 0, false), 413);

	memset(big, '&', BODY_MAX);
	snprintf(length, sizeof(length), "%d", BODY_MAX);
	assert_int_equal(post(&r, FORM, length, big, 4096, false), 0);
}

static void
types(void **state)
{
	static const char *const good[] = {FORM,
	    "Application/X-WWW-Form-Urlencoded", FORM ";charset=utf-8",
	    FORM "; charset=UTF-8", FORM " ; Charset=\"utf-8\" "};
	static const char *const bad[] = {"", "text/plain", "application/json",
	    "multipart/form-data; boundary=x", FORM "x", FORM ";",
	    FORM "; charset=latin1", FORM "; charset=utf-8x",
	    FORM "; charset=\"utf-8", FORM "; x=y", FORM ", text/plain"};
	struct request r;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(post(&r, good[i], "3", "a=1", 0, false), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(post(&r, bad[i], "3", "a=1", 0, false), 415);
}

static void
headers(void **state)
{
	static char big[8194];
	struct request r;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(
	    make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI", "/", "HTTP_COOKIE",
	                 "a=1", "HTTP_ACCEPT", "*/*", "HTTP_ORIGIN",
	                 "https://shop.example", "HTTP_SEC_FETCH_SITE",
	                 "same-origin", "HTTP_IF_NONE_MATCH", "\"x\"")),
	    0);
	assert_string_equal(r.cookie, "a=1");
	assert_string_equal(r.accept, "*/*");
	assert_string_equal(r.origin, "https://shop.example");
	assert_string_equal(r.fetch_site, "same-origin");
	assert_string_equal(r.if_none_match, "\"x\"");
	assert_int_equal(
	    make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI", "/", "HTTP_COOKIE",
	                 big, "HTTP_ACCEPT", big, "HTTP_ORIGIN", "a\nb")),
	    0);
	assert_string_equal(r.cookie, "");
	assert_string_equal(r.accept, "");
	assert_string_equal(r.origin, "");
	assert_string_equal(r.fetch_site, "");
	assert_string_equal(r.user_agent, "");
	assert_true(r.cookie_lost);
	assert_int_equal(make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI", "/",
	                          "HTTP_USER_AGENT", "Mozilla/5.0",
	                          "HTTP_COOKIE", "")),
	    0);
	assert_string_equal(r.user_agent, "Mozilla/5.0");
	assert_string_equal(r.purpose, "");
	assert_false(r.cookie_lost);
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = {
		    "HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_MOZ"};

		assert_int_equal(make(&r, GIVEN(USUAL("GET"), "DOCUMENT_URI",
		                          "/", names[i], "prefetch")),
		    0);
		assert_string_equal(r.purpose, "prefetch");
	}
}

static void
cookies(void **state)
{
	static const struct {
		const char *cookie, *value;
	} table[] = {
	    {"", ""},
	    {"sid=1", "1"},
	    {"a=0; sid=1", "1"},
	    {"a=0;sid=1;b=2", "1"},
	    {"  sid=1  ; b=2", "1"},
	    {"sid=a=b", "a=b"},
	    {"sid=eyJhIjoxfQ%3D%3D", "eyJhIjoxfQ%3D%3D"},
	    {"xsid=1", ""},
	    {"sid2=1", ""},
	    {"SID=1", ""},
	    {"sid", ""},
	    {"sid=", ""},
	    {"a=sid=1", ""},
	    {"sid=1; sid=2", ""},
	    {"sid=1; sid=1", ""},
	    {"sid=1, sid=2", ""}, /* Apache joins two headers so */
	    {"sid=\"1\"", ""},
	    {"sid=a b", ""},
	    {"sid=\xc3\xa9", ""},
	    {";;;", ""},
	};
	struct request r = {.arena = arena};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		r.cookie = table[i].cookie;
		assert_string_equal(request_cookie(&r, "sid"), table[i].value);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(needed),
	    cmocka_unit_test(names),
	    cmocka_unit_test(paths),
	    cmocka_unit_test(queries),
	    cmocka_unit_test(bodies),
	    cmocka_unit_test(types),
	    cmocka_unit_test(headers),
	    cmocka_unit_test(cookies),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
