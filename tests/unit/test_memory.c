/*
 * test_memory.c - arenas, texts, error lines, UTF-8 and numbers.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storefront.h"

static void
arena_gives_zeroed_separate_memory(void **state)
{
	struct arena *arena = arena_new();
	char *list[200];

	(void)state;
	/* The memory of one that has used it. */
	memset(arena_alloc(arena, 15000), 1, 15000);
	arena_free(arena);
	arena = arena_new();
	for (size_t i = 0; i < 200; i++) {
		char *p = list[i] = arena_alloc(arena, i * 7);

		assert_non_null(p);
		assert_true((uintptr_t)p % sizeof(void *) == 0);
		for (size_t j = 0; j < i * 7; j++)
			assert_int_equal(p[j], 0);
		memset(p, (int)i, i * 7);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t j = 0; j < i * 7; j++)
			assert_int_equal((unsigned char)list[i][j], i);
	/* Larger than a chunk. */
	memset(arena_alloc(arena, 1000000), 1, 1000000);
	assert_false(arena_failed(arena));
	arena_free(arena);
	arena_free(NULL);
}

static void
as_new(struct arena *arena)
{
	arena_clear(arena);
	assert_false(arena_failed(arena));
	arena_take(arena, strdup("mine"));
	memset(arena_alloc(arena, 20000), 1, 20000);
	for (size_t i = 0; i < 40; i++) {
		char *p = arena_alloc(arena, 1000);

		for (size_t j = 0; j < 1000; j++)
			assert_int_equal(p[j], 0);
		memset(p, 1, 1000);
	}
}

/* However often the same is made again, it takes no more memory. */
static void
arena_cleared(void **state)
{
	struct arena *arena = arena_new();
	size_t before;

	(void)state;
	arena_alloc(arena, SIZE_MAX);
	assert_true(arena_failed(arena));
	arena_secret(arena);
	as_new(arena);
	before = mallinfo2().uordblks;
	for (int i = 0; i < 10; i++)
		as_new(arena);
	assert_int_equal(mallinfo2().uordblks, before);
	arena_free(arena);
}

static void
arena_texts(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	assert_string_equal(arena_copy(arena, NULL), "");
	assert_string_equal(arena_copy(arena, "abc"), "abc");
	assert_string_equal(arena_copyn(arena, "abc", 2), "ab");
	assert_string_equal(arena_printf(arena, "%d-%s", 5, "x"), "5-x");
	for (int n = 250; n < 260; n++) /* where a short one ends */
		assert_int_equal(strlen(arena_printf(arena, "%*d", n, 7)), n);
	assert_null(arena_take(arena, NULL));
	assert_string_equal(arena_take(arena, strdup("mine")), "mine");
	assert_false(arena_failed(arena));
	arena_free(arena);
}

static void
arena_remembers_failure(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	assert_null(arena_alloc(arena, SIZE_MAX));
	assert_true(arena_failed(arena));
	assert_string_equal(shop_error(), "out of memory");
	assert_string_equal(arena_copy(arena, "still"), "still");
	assert_true(arena_failed(arena));
	arena_free(arena);
}

static void
text_grows(void **state)
{
	struct text text = {0}, copy = {0};

	(void)state;
	text_add(&text, "");
	assert_string_equal(text.data, "");
	for (int i = 0; i < 5000; i++)
		text_printf(&text, "%d,", i);
	assert_int_equal(text.length, strlen(text.data));
	assert_string_equal(text.data + text.length - 10, "4998,4999,");
	text_addn(&copy, text.data, text.length);
	assert_string_equal(copy.data, text.data);
	assert_false(text.failed);
	text_free(&text);
	text_free(&copy);
	assert_null(text.data);

	text_addn(&text, "", SIZE_MAX / 2);
	assert_true(text.failed);
	text_add(&text, "more");
	assert_int_equal(text.length, 0);
	text_free(&text);
}

static void
error_is_one_clean_line(void **state)
{
	char longest[3001];

	(void)state;
	assert_int_equal(shop_fail("first"), -1);
	assert_int_equal(shop_fail("line %d: %s", 7, shop_error()), -1);
	assert_string_equal(shop_error(), "line 7: first");
	shop_fail("a\nb\033[31m\x7f");
	assert_string_equal(shop_error(), "a b [31m ");

	/* Cut between characters, wherever the cut falls. */
	for (size_t start = 0; start < 4; start++) {
		memset(longest, 'x', start);
		for (size_t i = start; i + 3 < sizeof(longest); i += 3)
			memcpy(longest + i, "\xe2\x82\xac", 4);
		shop_fail("%s", longest);
		assert_true(utf8_clean(shop_error()));
		assert_true(strlen(shop_error()) > 900);
	}
}

static void
utf8_table(void **state)
{
	static const struct {
		const char *text;
		bool clean;
	} table[] = {
	    {"", true},
	    {"plain", true},
	    {"a\tb\nc", true},
	    {"a\rb", false},
	    {"\x01", false},
	    {"\x1f", false},
	    {"\x7f", false},
	    {"\xc2\x85", true}, /* C1: odd, and harmless */
	    {"</script><!--<script>\"'&", true},
	    {"\xe2\x80\xa8", true}, /* U+2028 */
	    {"\xf0\x9f\x93\x9a", true},
	    {"\xef\xbf\xbf", true}, /* U+FFFF */
	    {"\xc0\x80", false},    /* overlong NUL */
	    {"\xc0\xaf", false},
	    {"\xed\xa0\x80", false},     /* a lone surrogate */
	    {"\xf4\x90\x80\x80", false}, /* past U+10FFFF */
	    {"\x80", false},
	    {"caf\xe9", false},
	    {"\xe2\x82", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (utf8_clean(table[i].text) != table[i].clean)
			fail_msg("row %zu", i);
}

static void
fold_table(void **state)
{
	static const char *const table[][2] = {
	    {"", ""}, {"ABC xyz", "abc xyz"},
	    {"Stra\xc3\x9f"
	     "e",
	        "strasse"},
	    {"\xc3\x89t\xc3\xa9", "\xc3\xa9t\xc3\xa9"},
	    {"E\xcc\x81", "\xc3\xa9"},                /* decomposed */
	    {"\xef\xbc\xa1", "a"},                    /* full width */
	    {"\xce\xa3\xcf\x82", "\xcf\x83\xcf\x83"}, /* sigmas */
	    {"caf\xe9", "caf\xe9"},                   /* not UTF-8: as it is */
	};
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_string_equal(fold(arena, table[i][0]), table[i][1]);
	/* All of ASCII, as it is folded beside what is not ASCII. */
	for (int c = 1; c < 0x80; c++) {
		const char alone[] = {(char)c, '\0'};

		assert_string_equal(
		    arena_printf(arena, "%s\xc3\xa9", fold(arena, alone)),
		    fold(arena, arena_printf(arena, "%c\xc3\xa9", c)));
	}
	assert_false(arena_failed(arena));
	arena_free(arena);
}

static void
numbers(void **state)
{
	(void)state;
	assert_string_equal(NUM(0), "0");
	assert_string_equal(NUM(INT64_MIN), "-9223372036854775808");
	assert_string_equal(NUM(INT64_MAX), "9223372036854775807");
	assert_int_equal(num(NULL), 0);
	assert_int_equal(num(""), 0);
	assert_int_equal(num("-12"), -12);
	assert_true(num("9223372036854775807") == INT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(arena_gives_zeroed_separate_memory),
	    cmocka_unit_test(arena_cleared),
	    cmocka_unit_test(arena_texts),
	    cmocka_unit_test(arena_remembers_failure),
	    cmocka_unit_test(text_grows),
	    cmocka_unit_test(error_is_one_clean_line),
	    cmocka_unit_test(utf8_table),
	    cmocka_unit_test(fold_table),
	    cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
