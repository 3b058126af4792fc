/*
 * pass.h - delivery passes for tests: a sender to the scripted server, its
 * passes, the rows and the requests that come of them.
 */
#ifndef PASS_H
#define PASS_H

#include "server.h"
#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define KEY "pk_0123456789abcdef0123456789abcdef01"
#define REFUSAL(field)                                                         \
	"{\"errors\":[{\"id\":\"1\",\"code\":\"invalid\",\"title\":\"Invalid " \
	"input.\",\"detail\":\"It is wrong.\",\"source\":{\"pointer\":"        \
	"\"/data/attributes/" field "\"}}]}"

static char url[64];
static struct klaviyo_tally tally;

/* Of one that sends to the server. */
static inline struct klaviyo_options
options(int in_flight, int timeout_ms)
{
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", server->port);
	return (struct klaviyo_options){.api_url = url,
	    .private_key = KEY,
	    .in_flight = in_flight,
	    .timeout_ms = timeout_ms};
}

static inline struct klaviyo *
sender_with(const struct klaviyo_options *o)
{
	struct klaviyo *klaviyo = klaviyo_new(o);

	if (!klaviyo)
		fail_msg("%s", klaviyo_error());
	return klaviyo;
}

static inline struct klaviyo *
sender(int in_flight, int timeout_ms)
{
	struct klaviyo_options o = options(in_flight, timeout_ms);

	return sender_with(&o);
}

static inline void
sums_match(void)
{
	assert_int_equal(tally.claimed,
	    tally.sent + tally.retried + tally.dead + tally.released +
	        tally.dropped);
	assert_true(kl_utf8_ok(tally.reason));
}

static inline int
pass(struct klaviyo *klaviyo, int max)
{
	struct klaviyo_store s = store();
	int result = klaviyo_deliver(klaviyo, &s, max, NULL, &tally);

	sums_match();
	assert_int_equal(store_open, 0);
	/* A pass that ran leaves nothing claimed behind. */
	if (result == 0)
		assert_int_equal(store_number("SELECT COUNT(*) FROM"
		                              " klaviyo_outbox WHERE claim"
		                              " IS NOT NULL"),
		    0);
	return result;
}

#define TALLY(c, s, re, d, rel)                                                \
	assert_int_equal(tally.claimed, c);                                    \
	assert_int_equal(tally.sent, s);                                       \
	assert_int_equal(tally.retried, re);                                   \
	assert_int_equal(tally.dead, d);                                       \
	assert_int_equal(tally.released, rel)

static inline int64_t
rows(const char *where)
{
	char sql[256];

	snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM klaviyo_outbox %s%s",
	    *where ? "WHERE " : "", where);
	return store_number(sql);
}

#define SENT "sent_at IS NOT NULL"
#define DEAD "sent_at IS NULL AND due_at IS NULL"
#define WAITING "due_at IS NOT NULL"

static inline void
nothing_queued(void)
{
	store_do("DELETE FROM klaviyo_outbox; UPDATE klaviyo_sender SET"
	         " paused_until = 0, refused_run = 0, reason = ''");
}

/* Every wait is over. */
static inline void
time_passes(void)
{
	store_do("UPDATE klaviyo_outbox SET due_at = 1"
	         " WHERE due_at IS NOT NULL;"
	         "UPDATE klaviyo_sender SET paused_until = 1"
	         " WHERE paused_until > 0");
}

/* As a process that stops as it should. */
static inline void
sender_free(struct klaviyo *klaviyo)
{
	struct klaviyo_store s = store();

	if (klaviyo)
		assert_int_equal(klaviyo_leave(klaviyo, &s), 0);
	klaviyo_free(klaviyo);
}

/* How often ${id} was answered with a 2xx. */
static inline int
seen(const char *id)
{
	int n = 0;

	for (int i = 0; i < server->nseen; i++)
		n += strcmp(server->seen[i], id) == 0;
	return n;
}

static inline void
each_seen_once(const char *prefix, int n)
{
	char id[48];

	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "%s%d", prefix, i);
		assert_int_equal(seen(id), 1);
	}
}

#endif
