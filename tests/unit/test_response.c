/*
 * test_response.c - answers: never a header that was not meant, never half.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storefront.h"

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

static char *
answered(struct response *response, bool head)
{
	struct text out = {0};
	char *text;

	response_cgi(response, head, &out);
	assert_false(out.failed);
	text = arena_copyn(arena, out.data, out.length);
	text_free(&out);
	response_free(response);
	return text;
}

static void
answers(void **state)
{
	struct response r = {.status = 0};

	(void)state;
	assert_string_equal(
	    answered(&r, false), "Status: 200 OK\r\nContent-Length: 0\r\n\r\n");

	response_header(&r, "Content-Type", "text/html; charset=utf-8");
	text_add(&r.body, "<p>\xc3\xa9");
	assert_string_equal(answered(&r, false),
	    "Status: 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
	    "Content-Length: 5\r\n\r\n<p>\xc3\xa9");

	r.status = 404;
	text_add(&r.body, "gone");
	assert_string_equal(answered(&r, true),
	    "Status: 404 Not Found\r\nContent-Length: 4\r\n\r\n");

	r.status = 402;
	assert_string_equal(answered(&r, true),
	    "Status: 402 Payment Required\r\nContent-Length: 0\r\n\r\n");

	r.status = 304;
	response_header(&r, "ETag", "\"x\"");
	text_add(&r.body, "ignored");
	assert_string_equal(answered(&r, false),
	    "Status: 304 Not Modified\r\nETag: \"x\"\r\n\r\n");

	r.status = 204;
	assert_string_equal(
	    answered(&r, false), "Status: 204 No Content\r\n\r\n");
}

static void
header_injection(void **state)
{
	static const char *const values[] = {"/a\r\nSet-Cookie: evil=1",
	    "/a\nX-Accel-Redirect: /etc/passwd", "/a\r", "\x01", "\x7f",
	    "a\tb"};
	static const char *const names[] = {
	    "", "A B", "A:", "A\r\nB", "\xc3\xa9"};
	struct response r = {.status = 200};
	const char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		response_header(&r, "Location", values[i]);
		assert_true(r.bad);
		text_add(&r.body, "secret");
		text = answered(&r, false);
		assert_int_equal(
		    strncmp(text, "Status: 500 Internal Server Error\r\n", 35),
		    0);
		assert_null(strstr(text, "evil"));
		assert_null(strstr(text, "X-Accel"));
		assert_null(strstr(text, "Location"));
		assert_null(strstr(text, "secret"));
		assert_false(r.bad); /* freed: as new */
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		response_header(&r, names[i], "x");
		assert_true(r.bad);
		response_free(&r);
	}
}

static void
failed_answers(void **state)
{
	struct response r = {.status = 200};
	const char *text;

	(void)state;
	response_header(&r, "X-Half", "1");
	text_add(&r.body, "half of");
	r.body.failed = true;
	text = answered(&r, false);
	assert_int_equal(
	    strncmp(text, "Status: 503 Service Unavailable\r\n", 33), 0);
	assert_null(strstr(text, "half"));
	assert_null(strstr(text, "X-Half"));
	r.body.failed = true;
	text = answered(&r, true);
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
	r.status = 99;
	text = answered(&r, false);
	assert_int_equal(strncmp(text, "Status: 500 ", 12), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers),
	    cmocka_unit_test(header_injection),
	    cmocka_unit_test(failed_answers),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
