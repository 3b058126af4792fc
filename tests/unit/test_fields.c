/*
 * test_fields.c - queries and forms: which are taken, which refused.
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

static int
parsed(const char *text, struct fields *fields)
{
	/* A copy without its NUL: reading too far is seen. */
	size_t n = strlen(text);
	char *copy = malloc(n > 0 ? n : 1);
	int status;

	assert_non_null(copy);
	memcpy(copy, text, n);
	status = fields_parse(arena, copy, n, fields);
	free(copy);
	return status;
}

static void
fields_taken(void **state)
{
	static const struct {
		const char *text, *name, *value;
	} table[] = {
	    {"a=1", "a", "1"},
	    {"a=1&b=2", "b", "2"},
	    {"a", "a", ""},
	    {"a=", "a", ""},
	    {"a=b=c", "a", "b=c"},
	    {"&&a=1&&b=2&", "b", "2"},
	    {"a=x+y%20z", "a", "x y z"},
	    {"a=%2B%26%3D%25", "a", "+&=%"},
	    {"%61=%7e", "a", "~"},
	    {"a=%c3%A9", "a", "\xc3\xa9"},
	    {"a=\xf0\x9f\x93\x9a", "a", "\xf0\x9f\x93\x9a"},
	    {"a=1%0D%0A2%0A3%0D4%09", "a", "1\n2\n3\n4\t"},
	    {"a=%0D%0D%0A", "a", "\n\n"},
	    {"a=<script>%22", "a", "<script>\""},
	};
	struct fields fields;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(parsed(table[i].text, &fields), 0);
		assert_non_null(field(&fields, table[i].name));
		assert_string_equal(
		    field(&fields, table[i].name), table[i].value);
	}
	assert_int_equal(parsed("", &fields), 0);
	assert_int_equal(fields.n, 0);
	assert_null(field(&fields, "a"));
}

static void
fields_refused(void **state)
{
	static const char *const table[] = {
	    "a=%",
	    "a=%2",
	    "a=%2&b=1",
	    "a=%zz",
	    "a=% 1",
	    "a=%+1",
	    "a=%00",
	    "%00=1",
	    "a%0a=1",
	    "a=%01",
	    "a=%1b",
	    "a=%7f",
	    "a=\x01",
	    "a=%ff",
	    "a=%c0%af",       /* overlong */
	    "a=%ed%a0%80",    /* a surrogate */
	    "a=%f4%90%80%80", /* beyond Unicode */
	    "a=%e2%82",       /* cut off */
	    "a=1&a=2",
	    "a=1&%61=1",
	    "=1",
	};
	struct fields fields;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(parsed(table[i], &fields), 400);
	assert_int_equal(fields_parse(arena, "a=\0b", 4, &fields), 400);
}

static void
fields_many(void **state)
{
	static char big[8200];
	struct text text = {0};
	struct fields fields;

	(void)state;
	for (int i = 0; i < FIELDS_MAX; i++)
		text_printf(&text, "&f%d=%d", i, i);
	assert_int_equal(parsed(text.data, &fields), 0);
	assert_int_equal(fields.n, FIELDS_MAX);
	assert_string_equal(field(&fields, "f99"), "99");
	text_add(&text, "&g");
	assert_int_equal(parsed(text.data, &fields), 413);
	text_free(&text);

	memset(big, 'x', sizeof(big));
	big[0] = 'a';
	big[1] = '=';
	big[2 + 8192] = '\0';
	assert_int_equal(parsed(big, &fields), 0);
	big[2 + 8192] = 'x';
	big[2 + 8193] = '\0';
	assert_int_equal(parsed(big, &fields), 413);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields_taken),
	    cmocka_unit_test(fields_refused),
	    cmocka_unit_test(fields_many),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
