/*
 * test_utc.c - the time, times as text, and what is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "storefront.h"

/* A second has begun when the clock says so, and not a tick of the kernel
   later: what the library stamps with it is not of the future. */
static void
a_second_begins(void **state)
{
	struct timespec begun, t;

	(void)state;
	clock_gettime(CLOCK_REALTIME, &begun);
	do
		clock_gettime(CLOCK_REALTIME, &t);
	while (t.tv_sec == begun.tv_sec);
	assert_true(utc_now() >= t.tv_sec);
}

static void
times(void **state)
{
	char text[32] = "x";

	(void)state;
	assert_ptr_equal(utc_text(text, sizeof(text), "%Y", 0), text);
	assert_string_equal(
	    utc_text(text, sizeof(text), "%Y-%m-%d %H:%M:%SZ", 1772323199),
	    "2026-02-28 23:59:59Z");
	assert_string_equal(utc_text(text, sizeof(text), "%a, %d %b %Y", -1),
	    "Wed, 31 Dec 1969");
}

/* No year that an int holds; a text that does not fit. */
static void
none(void **state)
{
	char text[12] = "x";

	(void)state;
	assert_string_equal(
	    utc_text(text, sizeof(text), "%Y-%m-%d", INT64_MAX), "");
	text[0] = 'x';
	assert_string_equal(
	    utc_text(text, sizeof(text), "%Y-%m-%d %H:%M", 1772323199), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_second_begins), cmocka_unit_test(times),
	    cmocka_unit_test(none)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
