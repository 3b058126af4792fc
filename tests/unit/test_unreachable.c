/*
 * test_unreachable.c - the judgement table where nobody answers, or not in time:
 * what becomes of the events and of the queue.
 */
#include "judgement.h"

#include <curl/curl.h>

/* ------------------------------------------------------------ dead network */

struct nowhere {
	const char *name;
	char url[160];
	int listener, stuck[3];
};

static void
nowhere_listen(struct nowhere *to, const char *scheme, int backlog)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);

	to->listener = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(
	    bind(to->listener, (struct sockaddr *)&address, size), 0);
	if (backlog >= 0)
		assert_int_equal(listen(to->listener, backlog), 0);
	getsockname(to->listener, (struct sockaddr *)&address, &size);
	snprintf(to->url, sizeof(to->url), "%s://127.0.0.1:%d", scheme,
	    ntohs(address.sin_port));
	for (size_t i = 0; i < 3; i++) {
		to->stuck[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		/* No room in the queue: the next SYN is not answered. */
		if (backlog == 0)
			(void)!connect(
			    to->stuck[i], (struct sockaddr *)&address, size);
	}
}

static void
nowhere_close(struct nowhere *to)
{
	for (size_t i = 0; i < 3; i++)
		close(to->stuck[i]);
	close(to->listener);
}

/* However nobody is there: the pass ends, nothing is lost, one event finds
   out each time, and then everything flows. */
static void
nobody_there(void **state)
{
	static struct nowhere place[5];
	struct klaviyo_options o = options(4, 1500);
	struct klaviyo *klaviyo;

	(void)state;
	place[0].name = "refused";
	nowhere_listen(&place[0], "http", -1);
	place[1].name = "no answer to SYN";
	nowhere_listen(&place[1], "http", 0);
	place[2].name = "silent where TLS should be";
	nowhere_listen(&place[2], "https", 64);
	place[3].name = "no TLS";
	nowhere_listen(&place[3], "https", -1);
	snprintf(place[3].url, sizeof(place[3].url), "https://127.0.0.1:%d",
	    server->port);
	/* A name that no server need be asked about: a label is too long. */
	place[4].name = "no such name";
	nowhere_listen(&place[4], "http", -1);
	snprintf(
	    place[4].url, sizeof(place[4].url), "https://%064d.invalid", 7);
	o.connect_timeout_ms = 300;
	for (size_t i = 0; i < 5; i++) {
		struct kl_answer answer;

		nothing_queued();
		server_script(202, "", "");
		store_fill("a", 100, KLAVIYO_REALTIME, kl_now());
		o.api_url = place[i].url;
		answer = ask(&o);
		if (kl_judge(&answer) != KL_V_DEAD_NET)
			fail_msg("%s: curl %d, %s", place[i].name, answer.curl,
			    answer.error);
		assert_int_equal(answer.status, 0);
		if (i == 4)
			assert_int_equal(
			    answer.curl, CURLE_COULDNT_RESOLVE_HOST);
		klaviyo = sender_with(&o);
		pass_all(klaviyo);
		assert_in_range(tally.retried, 1, 4);
		assert_int_equal(tally.sent + tally.dead, 0);
		assert_in_range(tally.wait_ms, 1000, 300000);
		assert_non_null(strstr(tally.reason, "cannot be reached"));
		for (int again = 0; again < 2; again++) {
			time_passes();
			pass_all(klaviyo);
			assert_int_equal(tally.claimed, 1);
			assert_int_equal(tally.retried, 1);
		}
		assert_int_equal(rows(WAITING " AND event <> ''"), 100);
		assert_int_equal(server->requests, 0);
		sender_free(klaviyo);
		nowhere_close(&place[i]);
	}
	klaviyo = sender(4, 0);
	time_passes();
	pass_all(klaviyo);
	assert_int_equal(tally.sent, 100);
	sender_free(klaviyo);
}

/* One event finds out whether the network is back: if it is, all the others
   follow in the same pass. */
static void
probe_then_all(void **state)
{
	struct klaviyo_options o = options(4, 0);
	struct klaviyo *klaviyo;
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct nowhere place = {0};
	int moved, open, one = 1;
	pid_t second;

	(void)state;
	server_script(202, "", "");
	nowhere_listen(&place, "http", -1);
	o.api_url = place.url;
	klaviyo = sender_with(&o);
	store_fill("a", 50, KLAVIYO_REALTIME, kl_now());
	for (int i = 0; i < 2; i++) {
		pass_all(klaviyo);
		assert_true(tally.retried > 0);
		time_passes();
	}
	/* The same address, and now somebody answers there. */
	sscanf(strrchr(place.url, ':') + 1, "%d", &moved);
	nowhere_close(&place);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)moved);
	place.listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(place.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(
	    bind(place.listener, (struct sockaddr *)&address, sizeof(address)),
	    0);
	assert_int_equal(listen(place.listener, 64), 0);
	server->rule[RULES - 1].delay_ms = 20;
	server->most_open = open = server->open;
	second = fork();
	if (second == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		server_serve(place.listener);
	}
	pass_all(klaviyo);
	assert_int_equal(tally.sent, 50);
	assert_int_equal(tally.wait_ms, 0);
	assert_true(server->most_open > open + 1); /* not one by one */
	sender_free(klaviyo);
	kill(second, SIGKILL);
	waitpid(second, NULL, 0);
	close(place.listener);
}

/* ------------------------------------------------------------ time limits */

static int64_t
took(const struct klaviyo_options *o)
{
	int64_t before = kl_monotonic_ms();

	assert_int_not_equal(ask(o).curl, CURLE_OK);
	return kl_monotonic_ms() - before;
}

/* Each limit ends what the other would let go on: seen by the ratio. */
static void
time_limits(void **state)
{
	struct nowhere place = {0};
	struct klaviyo_options o = options(4, 0), defaults;

	(void)state;
	nowhere_listen(&place, "http", 0);
	o.api_url = place.url;
	o.connect_timeout_ms = 200;
	o.timeout_ms = 60000;
	assert_true(took(&o) < o.timeout_ms / 2);
	nowhere_close(&place);

	o = options(4, 200);
	o.connect_timeout_ms = 60000;
	server_script(202, "", "");
	server->rule[RULES - 1].fault = DRIP; /* never idle, never over */
	assert_true(took(&o) < o.connect_timeout_ms / 2);
	server->rule[RULES - 1].fault = HANG;
	assert_true(took(&o) < o.connect_timeout_ms / 2);

	o = (struct klaviyo_options){.private_key = KEY};
	assert_int_equal(kl_options(&defaults, &o), 0);
	assert_int_equal(defaults.connect_timeout_ms, 5000);
	assert_int_equal(defaults.timeout_ms, 15000);
}

/* What was posted in time, and is about to go out too late, does not. */
static void
too_late(void **state)
{
	struct klaviyo_options o = options(4, 0);
	struct kl_client *client = kl_client_new(&o);
	struct kl_answer answer;
	void *tag;

	(void)state;
	server_script(202, "", "");
	/* On a new connection, and on a kept one. */
	for (int i = 0; i < 4; i++) {
		int64_t by = kl_monotonic_ms() + (i % 2 ? 60000 : -1);

		assert_int_equal(kl_client_post_by(client, "/api/events",
		                     strdup("{}"), NULL, by),
		    0);
		while (kl_client_next(client, 1000, &tag, &answer) == 0)
			;
		assert_int_equal(
		    answer.curl, i % 2 ? CURLE_OK : CURLE_ABORTED_BY_CALLBACK);
		assert_int_equal(server->requests, (i + 1) / 2);
		assert_int_equal(
		    kl_judge(&answer), i % 2 ? KL_V_SENT : KL_V_UNSENT);
	}
	kl_client_free(client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(nobody_there),
	    TEST(probe_then_all),
	    TEST(time_limits),
	    TEST(too_late),
	};

	return cmocka_run_group_tests_name(
	    "unreachable", tests, server_start, server_stop);
}
