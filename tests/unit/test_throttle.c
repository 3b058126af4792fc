/*
 * test_throttle.c - token buckets over time, and clocks that are set back; who
 * counts as one client; where a log-in may lead; the hash that is nobody's.
 */
#include "catalog_db.h"

#include "form.h"

#include <sodium.h>

enum { NOW = 1800000000 };

static struct shop shop;

static int
open_throttle(void **state)
{
	assert_true(sodium_init() >= 0);
	open_shop(state);
	shop = (struct shop){.db = db};
	return 0;
}

static int
taken(enum throttle what, const char *who, int64_t now)
{
	int retry, result = throttle_take(&shop, what, who, now, &retry);

	assert_true(result >= 0);
	assert_true(result == 1 ? retry == 0 : retry > 0);
	return result;
}

/* How many of ${n} at once. */
static int
of(int n, enum throttle what, const char *who, int64_t now)
{
	int sum = 0;

	while (n-- > 0)
		sum += taken(what, who, now);
	return sum;
}

static void
a_bucket(void **state)
{
	int retry;

	(void)state;
	assert_int_equal(of(20, THROTTLE_LOGIN, "a", NOW), 10);
	assert_int_equal(of(20, THROTTLE_LOGIN, "b", NOW), 10);
	assert_int_equal(of(20, THROTTLE_PASSWORD, "a", NOW), 10);
	/* One comes back a minute later, and not before. */
	assert_int_equal(
	    throttle_take(&shop, THROTTLE_LOGIN, "a", NOW + 1, &retry), 0);
	assert_int_equal(retry, 59);
	assert_int_equal(of(9, THROTTLE_LOGIN, "a", NOW + 59), 0);
	assert_int_equal(of(9, THROTTLE_LOGIN, "a", NOW + 60), 1);
	assert_int_equal(of(9, THROTTLE_LOGIN, "a", NOW + 240), 3);
	/* It never holds more than it can. */
	assert_int_equal(of(99, THROTTLE_LOGIN, "a", NOW + 900000), 10);
}

/* However they are spread, no hour has more than three. */
static void
three_an_hour(void **state)
{
	int64_t at[200];
	int n = 0;

	(void)state;
	for (int64_t t = 0; t < 6 * 3600; t += 97)
		if (taken(THROTTLE_RESET, "someone", NOW + t))
			at[n++] = t;
	assert_true(n >= 6);
	for (int i = 3; i < n; i++)
		assert_true(at[i] - at[i - 3] >= 3600);
}

/* Within a transaction it counts if that is committed. */
static void
counted(void **state)
{
	int retry;

	(void)state;
	for (int i = 0; i < 30; i++) {
		assert_int_equal(
		    throttle_look(&shop, THROTTLE_ORDER, "e", NOW, &retry), 1);
		assert_int_equal(db_begin(db), 0);
		assert_int_equal(
		    throttle_count(&shop, THROTTLE_ORDER, "e", NOW, &retry), 1);
		db_rollback(db);
	}
	for (int i = 0; i < 20; i++) {
		assert_int_equal(db_begin(db), 0);
		assert_int_equal(
		    throttle_count(&shop, THROTTLE_ORDER, "e", NOW, &retry), 1);
		assert_int_equal(db_commit(db), 0);
	}
	/* Another was faster, between the look and this. */
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(
	    throttle_count(&shop, THROTTLE_ORDER, "e", NOW, &retry), 0);
	assert_int_equal(retry, 1);
	db_rollback(db);
	assert_int_equal(
	    throttle_look(&shop, THROTTLE_ORDER, "e", NOW, &retry), 0);
	assert_int_equal(retry, 360);
	assert_int_equal(
	    throttle_look(&shop, THROTTLE_ORDER, "e", NOW + 360, &retry), 1);
}

static void
given_back(void **state)
{
	(void)state;
	assert_int_equal(of(10, THROTTLE_LOGIN, "c", NOW), 10);
	assert_int_equal(throttle_give(&shop, THROTTLE_LOGIN, "c"), 0);
	assert_int_equal(of(10, THROTTLE_LOGIN, "c", NOW), 1);
	/* Of what nobody took there is none to give. */
	assert_int_equal(throttle_give(&shop, THROTTLE_LOGIN, "nobody"), 0);
	assert_int_equal(of(20, THROTTLE_LOGIN, "nobody", NOW), 10);
}

static void
clocks(void **state)
{
	(void)state;
	assert_int_equal(of(10, THROTTLE_LOGIN, "d", NOW), 10);
	/* Another host's clock is behind: it is no way round. */
	assert_int_equal(of(10, THROTTLE_LOGIN, "d", NOW - 30), 0);
	assert_int_equal(of(10, THROTTLE_LOGIN, "d", NOW - 290), 0);
	/* Set back by a year: nobody waits for so long. */
	assert_int_equal(of(20, THROTTLE_LOGIN, "d", NOW - 31536000), 10);
}

/* Rows that say nothing any more do not stay. */
static int
count_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

static void
swept(void **state)
{
	int64_t rows = 0;
	char who[24];

	(void)state;
	for (int i = 0; i < 1200; i++)
		taken(THROTTLE_RESET, num_text(who, i), NOW + i * 86400LL);
	assert_int_equal(
	    db_run(db, count_row, &rows, "SELECT COUNT(*) FROM throttle"), 1);
	/* One in 64 sweeps: 1200 that none does has no chance. */
	assert_true(rows < 1190);
}

static const char *
client(const char *address)
{
	struct request request = {.arena = arena, .client = address};

	return throttle_client(&request);
}

static void
who_is_one(void **state)
{
	(void)state;
	assert_string_equal(client("192.0.2.1"), "192.0.2.1");
	assert_string_equal(client("::ffff:192.0.2.1"), "192.0.2.1");
	assert_string_equal(client("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
	assert_string_equal(
	    client("2001:db8:1:2:ffff::1"), client("2001:db8:1:2::9"));
	assert_string_not_equal(
	    client("2001:db8:1:3::1"), client("2001:db8:1:2::1"));
	assert_string_equal(client(""), "");
	assert_string_equal(client(NULL), "");
	assert_string_equal(client("unix:"), "unix:");
}

static void
where_to(void **state)
{
	static const char *const not [] = {NULL, "", "x", "//x", "/\\x", "\\x",
	    "/a\nb", "/a b", "/a\tb", "/\x7f", "/\xc3\xa9", "https://x", "?",
	    "/a\\"};
	static const char *const good[] = {
	    "/", "/checkout", "/a?b=c#d", "/a//b"};

	(void)state;
	for (size_t i = 0; i < sizeof(not ) / sizeof(*not ); i++)
		assert_string_equal(next_path(not [i], "/account"), "/account");
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_string_equal(next_path(good[i], "/account"), good[i]);
}

static void
passwords(void **state)
{
	char hash[PASSWORD_HASH], one_less[PASSWORD_MAX + 2];

	(void)state;
	assert_int_equal(password_hash("correct horse", hash), PASSWORD_GOOD);
	assert_int_equal(password_check("correct horse", hash), PASSWORD_GOOD);
	assert_int_equal(password_check("correct hors", hash), PASSWORD_WRONG);
	assert_int_equal(password_check("correct horse", NULL), PASSWORD_WRONG);
	assert_false(password_old(hash));
	/* As costly as those of today, or it takes another time. */
	assert_false(password_old(password_nobody()));
	assert_non_null(password_why_not(""));
	assert_non_null(password_why_not("1234567"));
	assert_null(password_why_not("12345678"));
	memset(one_less, 'x', sizeof(one_less));
	one_less[PASSWORD_MAX + 1] = '\0';
	assert_non_null(password_why_not(one_less));
	assert_null(password_why_not(one_less + 1));
}

static void
fields_are_folded(void **state)
{
	(void)state;
	assert_string_equal(account_key(arena, "Sarah.MASON@Klaviyo-Demo.com"),
	    "sarah.mason@klaviyo-demo.com");
	assert_string_equal(account_key(arena, "\xc3\x84@x.de"),
	    account_key(arena, "\xc3\xa4@X.de"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bucket),
	    cmocka_unit_test(three_an_hour),
	    cmocka_unit_test(given_back),
	    cmocka_unit_test(clocks),
	    cmocka_unit_test(counted),
	    cmocka_unit_test(swept),
	    cmocka_unit_test(who_is_one),
	    cmocka_unit_test(where_to),
	    cmocka_unit_test(passwords),
	    cmocka_unit_test(fields_are_folded),
	};

	return cmocka_run_group_tests(tests, open_throttle, close_shop);
}
