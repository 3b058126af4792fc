/*
 * test_rates.c - an account's own rates: the setting's text, and the sender
 * that keeps to them.
 */
#include "deliver.h"
#include "pass.h"
#include "storefront.h"

static void
texts(void **state)
{
	static const struct {
		const char *text;
		int rates[4];
	} row[] = {
	    {"350/3500", {350, 3500, 0, 0}},
	    {"1/1", {1, 1, 0, 0}},
	    {"75/700,10/150", {75, 700, 10, 150}},
	    {"75/700,0/0", {75, 700, -1, -1}},
	    {"100000000/999999999,1/1", {100000000, 999999999, 1, 1}},
	};
	static const char *const none[] = {"", "350", "350/", "/3500", "0/3500",
	    "0/0", "350/349", "350/3500,", "350/3500,10", "350/3500,10/",
	    "350/3500,10/9", "350/3500,0/1", "350/3500,10/150,",
	    "350/3500 10/150", "-1/3500", "350/1000000000", "350/3500x",
	    "350/3500,10/150x", " 350/3500"};
	int rates[4];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		assert_int_equal(rates_read(row[i].text, rates), 0);
		assert_memory_equal(rates, row[i].rates, sizeof(rates));
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		if (rates_read(none[i], rates) != -1)
			fail_msg("%s is taken", none[i]);
}

static struct klaviyo *
with_rates(struct klaviyo_rate events, struct klaviyo_rate jobs)
{
	struct klaviyo_options o = options(8, 0);

	o.events = events;
	o.jobs = jobs;
	return sender_with(&o);
}

/* Unless they are given, Klaviyo's. */
static void
klaviyos(void **state)
{
	struct klaviyo *klaviyo = sender(8, 0);

	(void)state;
	assert_int_equal(klaviyo->pacer[KL_SINGLE].burst, 350);
	assert_int_equal(klaviyo->pacer[KL_SINGLE].steady, 3500);
	assert_int_equal(klaviyo->pacer[KL_BULK].burst, 10);
	assert_int_equal(klaviyo->pacer[KL_BULK].steady, 150);
	sender_free(klaviyo);
}

/* Of a minute's limit of 20 events 20 go, and the pass ends. */
static void
lower(void **state)
{
	struct klaviyo *klaviyo = with_rates(
	    (struct klaviyo_rate){20, 20}, (struct klaviyo_rate){0, 0});

	(void)state;
	server_script(202, "", "");
	store_fill("a", 50, KLAVIYO_REALTIME, kl_now());
	assert_int_equal(pass(klaviyo, 1000), 0);
	TALLY(20, 20, 0, 0, 0);
	assert_in_range(tally.wait_ms, 3001, 61000);
	assert_non_null(strstr(tally.reason, "rate limit"));
	assert_int_equal(klaviyo->pacer[KL_SUBSCRIPTIONS].burst, 75);
	sender_free(klaviyo);
}

/* More than a second's 350 go at once, all of a backlog one by one, and the
   past with it; claims grow, and none is lost. */
static void
no_jobs(void **state)
{
	struct klaviyo *klaviyo =
	    with_rates((struct klaviyo_rate){100000, 100000},
	        (struct klaviyo_rate){-1, -1});
	int64_t begin = kl_monotonic_ms();

	(void)state;
	server_script(202, "", "");
	store_fill("a", 1200, KLAVIYO_REALTIME, kl_now());
	store_fill("h", 800, KLAVIYO_HISTORICAL, kl_now());
	klaviyo->at_once = 600;
	klaviyo->claimed_ms = begin;
	assert_int_equal(pass(klaviyo, 10000), 0);
	TALLY(2000, 2000, 0, 0, 0);
	assert_int_equal(server->jobs, 0);
	assert_int_equal(server->requests, 2000);
	each_seen_once("a", 1200);
	each_seen_once("h", 800);
	sender_free(klaviyo);
}

/* Klaviyo's word in its headers counts, if it is lower. */
static void
headers(void **state)
{
	struct klaviyo *klaviyo = with_rates(
	    (struct klaviyo_rate){1000, 10000}, (struct klaviyo_rate){0, 0});

	(void)state;
	server_script(202, "RateLimit-Limit: 700\r\n", "");
	store_fill("a", 1, KLAVIYO_REALTIME, kl_now());
	assert_int_equal(pass(klaviyo, 10), 0);
	assert_int_equal(klaviyo->pacer[KL_SINGLE].minute.limit, 700);
	assert_int_equal(klaviyo->pacer[KL_SINGLE].second.limit, 70);
	sender_free(klaviyo);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts),
	    TEST(klaviyos),
	    TEST(lower),
	    TEST(no_jobs),
	    TEST(headers),
	};

	return cmocka_run_group_tests_name(
	    "rates", tests, server_start, server_stop);
}
