/*
 * test_others_memory.c - memory ends at the n-th allocation, of a pass with one
 * row of each kind, and of a question: nothing is lost, called bad or leaked.
 */
#include "nth_alloc.h"
#include "others.h"
#include "pass.h"

static int
make_link(void *arg, const char *id, char **link)
{
	(void)arg, (void)id;
	*link = strdup("https://shop.example/account/reset/1");
	return 1;
}

static struct klaviyo *
new_sender(void)
{
	struct klaviyo_options o = options(4, 0);

	o.reset_link = make_link;
	return klaviyo_new(&o);
}

static void
script(void)
{
	server_script(202, "", "");
	rule(0, FIND, -1, 200, SOMEBODY);
}

static void
one_of_each(void)
{
	static const char *const kind[] = {KL_KIND_SUBSCRIPTION,
	    KL_KIND_UNSUBSCRIPTION, KL_KIND_BACK_IN_STOCK, KL_KIND_EMAIL,
	    KL_KIND_RESET};

	nothing_queued();
	store_fill("e", 1, KLAVIYO_REALTIME, kl_now());
	for (size_t i = 0; i < sizeof(kind) / sizeof(*kind); i++)
		queue_one(kind[i], kind[i], 0);
}

static void
passes(void **state)
{
	struct klaviyo_store s = store();
	struct klaviyo *klaviyo = NULL;
	int64_t bad;
	long n = 0;
	bool failed;

	(void)state;
	nth_alloc_hook();
	do {
		script();
		one_of_each();
		/* A new one now and then, for it allocates as it goes. */
		if (n % 3 == 0) {
			sender_free(klaviyo);
			klaviyo = new_sender();
		}
		nth_alloc = ++n;
		klaviyo_deliver(klaviyo, &s, 100, NULL, &tally);
		failed = nth_alloc == 0;
		nth_alloc = 0;
		sums_match();
		bad = tally.dead + tally.dropped;
		for (int i = 0; i < 10 && rows(SENT) < 6; i++) {
			time_passes();
			klaviyo->downs = klaviyo->failed_run = 0;
			assert_int_equal(pass(klaviyo, 100), 0);
			bad += tally.dead + tally.dropped;
		}
		if (rows(SENT) != 6 || bad)
			fail_msg("allocation %ld: %d sent, %d bad", n,
			    (int)rows(SENT), (int)bad);
		assert_true(server_lines(SUBSCRIBE) >= 1);
		assert_true(server_lines(UNSUBSCRIBE) >= 1);
		assert_true(server_lines(BACK) >= 1);
		assert_true(server_lines(PATCH) >= 1);
		assert_int_equal(seen("e0") + seen("reset0") >= 2, 1);
	} while (failed);
	assert_true(n > 60);
	sender_free(klaviyo);
}

/* ---------------------------------------------------------------- questions */

static struct klaviyo *asking;

static int
tell(void *arg, const char *id, int64_t time)
{
	(void)arg, (void)id, (void)time;
	return 0;
}

static int
ask_all(void)
{
	char *key = NULL;
	int ok;

	script();
	rule(1, "/api/accounts", -1, 200,
	    "{\"data\":[{\"attributes\":{\"public_api_key\":\"AbC123\"}}]}");
	rule(2, "/api/metrics", -1, 200,
	    "{\"data\":[{\"id\":\"M1\",\"attributes\":{\"name\":\"Placed "
	    "Order\"}}]}");
	rule(3, "/api/events?filter", -1, 200,
	    "{\"data\":[{\"attributes\":{\"datetime\":\"2026-07-14T03:33:20Z\","
	    "\"event_properties\":{\"$event_id\":\"o1\"}}}],\"links\":"
	    "{\"next\":\"/api/events?page=2\"}}");
	rule(4, "/api/events?page=2", -1, 200, "{\"data\":[]}");
	ok = klaviyo_account(asking, &key) == 0 &&
	     klaviyo_held(asking, KLAVIYO_PLACED_ORDER, 0, 9, tell, NULL) == 1;
	free(key);
	/* Each has a minute of its own. */
	for (int i = 0; i < KL_PLACES; i++)
		kl_pacer_init(&asking->asked[i], 1000, 1000);
	return ok;
}

static void
questions(void **state)
{
	(void)state;
	nth_alloc_hook();
	asking = new_sender();
	for (int i = 0; i < KL_PLACES; i++)
		kl_pacer_init(&asking->asked[i], 1000, 1000);
	assert_true(nth_alloc_each(ask_all) > 40);
	klaviyo_free(asking);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(passes, store_new, store_drop),
	    cmocka_unit_test(questions),
	};

	return cmocka_run_group_tests_name(
	    "others_memory", tests, server_start, server_stop);
}
