/*
 * test_link.c - resets of a password: the link is made when it is sent, and is
 * nowhere afterwards; and new e-mail addresses whose sender is killed between
 * the two steps.
 */
#include "others.h"
#include "pass.h"

#include <fcntl.h>

#define TOKEN "Zq7-tokenOfTheReset_09xyz"
#define LINK "https://shop.example/account/reset/r0?t=" TOKEN

/* ------------------------------------------------------------- the callback */

static int answer = 1, asked;
static const char *link_text = LINK;
static char asked_for[64];

static int
make_link(void *arg, const char *id, char **link)
{
	assert_ptr_equal(arg, &answer);
	assert_int_equal(store_open, 0); /* no transaction */
	asked++;
	snprintf(asked_for, sizeof(asked_for), "%s", id);
	if (answer == 1)
		*link = strdup(link_text);
	return answer;
}

static struct klaviyo *
sender_of(klaviyo_link *callback)
{
	struct klaviyo_options o = options(4, 0);

	o.reset_link = callback;
	o.link_arg = &answer;
	answer = 1;
	asked = 0;
	link_text = LINK;
	return sender_with(&o);
}

/* ----------------------------------------------------- where the link is not
 */

/* Whether the table's name is there: the test sees what is. */
static bool
not_in_file(const char *path)
{
	bool seen;
	int fd = open(path, O_RDONLY);
	off_t size;
	char *bytes;

	if (fd < 0)
		return false;
	size = lseek(fd, 0, SEEK_END);
	bytes = malloc((size_t)size + 1);
	assert_int_equal(pread(fd, bytes, (size_t)size, 0), size);
	if (memmem(bytes, (size_t)size, TOKEN, strlen(TOKEN)))
		fail_msg("the link is in %s", path);
	seen = memmem(bytes, (size_t)size, "klaviyo_outbox", 14);
	free(bytes);
	close(fd);
	return seen;
}

static void
nowhere(void)
{
	char path[128];

	assert_int_equal(rows("COALESCE(error, '') || profile || event || id"
	                      " LIKE '%tokenOf%'"),
	    0);
	assert_int_equal(store_number("SELECT COUNT(*) FROM klaviyo_sender"
	                              " WHERE reason LIKE '%tokenOf%'"),
	    0);
	assert_null(strcasestr(tally.reason, "tokenOf"));
	assert_null(strcasestr(klaviyo_error(), "tokenOf"));
	if (store_pg)
		return;
	/* Every version of every page since the last checkpoint. */
	snprintf(path, sizeof(path), "%s-wal", store_path);
	assert_true(not_in_file(path) || not_in_file(store_path));
	store_do("PRAGMA wal_checkpoint(TRUNCATE)");
	assert_true(not_in_file(store_path));
}

/* -------------------------------------------------------------------- resets
 */

static void
sent(void **state)
{
	struct klaviyo *klaviyo = sender_of(make_link);

	(void)state;
	server_script(202, "", "");
	queue_one(KL_KIND_RESET, "r", 0);
	assert_int_equal(asked, 0);
	nowhere();
	assert_int_equal(pass(klaviyo, 10), 0);
	TALLY(1, 1, 0, 0, 0);
	assert_int_equal(asked, 1);
	assert_string_equal(asked_for, "r0");
	assert_int_equal(server_lines(EVENTS), 1);
	has(server->body,
	    "{\"data\":{\"type\":\"event\",\"attributes\":{"
	    "\"properties\":{\"PasswordResetLink\":\"" LINK "\"},\"time\":\"");
	has(server->body, "\"unique_id\":\"r0\"");
	has(server->body, "\"metric\":{\"data\":{\"type\":\"metric\","
	                  "\"attributes\":{\"name\":\"Reset Password\"}}}");
	has(server->body, "\"profile\":{\"data\":{\"type\":\"profile\","
	                  "\"attributes\":{\"email\":\"r0@klaviyo-demo.com\"");
	nowhere();
	sender_free(klaviyo);
}

static void
not_sent(void **state)
{
	struct klaviyo_store s = store();
	struct klaviyo_status status;
	struct klaviyo *klaviyo = sender_of(make_link);
	int64_t now = kl_now();

	(void)state;
	server_script(202, "", "");
	queue_one(KL_KIND_RESET, "r", 0);
	store_fill("a", 3, KLAVIYO_REALTIME, now);

	/* Not now: it waits, and no attempt is used. */
	answer = -1;
	assert_int_equal(pass(klaviyo, 10), 0);
	TALLY(4, 3, 0, 0, 1);
	assert_int_equal(rows("attempts = 0 AND event <> ''"), 1);
	assert_in_range(store_number("SELECT due_at FROM klaviyo_outbox"
	                             " WHERE due_at IS NOT NULL"),
	    now + 60, kl_now() + 60);
	assert_int_equal(tally.wait_ms, 0);
	sender_free(klaviyo);

	/* One that has no links to give. */
	time_passes();
	klaviyo = sender_of(NULL);
	assert_int_equal(pass(klaviyo, 10), 0);
	TALLY(1, 0, 0, 0, 1);
	assert_int_equal(rows("attempts = 0 AND event <> ''"), 1);
	sender_free(klaviyo);

	/* Used or expired: it is dropped. */
	time_passes();
	klaviyo = sender_of(make_link);
	answer = 0;
	assert_int_equal(pass(klaviyo, 10), 0);
	TALLY(1, 0, 0, 0, 0);
	assert_int_equal(tally.dropped, 1);
	klaviyo_outbox_status(&s, kl_now(), &status);
	assert_int_equal(status.dropped, 1);
	assert_int_equal(status.sent, 3);
	assert_int_equal(rows("profile = '' AND event = '' AND due_at IS NULL"
	                      " AND sent_at IS NULL"),
	    1);
	assert_int_equal(pass(klaviyo, 10), 0);
	TALLY(0, 0, 0, 0, 0);
	assert_int_equal(server_lines(EVENTS), 3);
	sender_free(klaviyo);
}

/* Many at once, of every ending: the sums match, and each is asked for once a
   try. */
static int
by_number(void *arg, const char *id, char **link)
{
	int n = atoi(id + 1) % 3 - 1;

	(void)arg;
	asked++;
	if (n == 1)
		*link = strdup(LINK);
	return n;
}

static void
many(void **state)
{
	struct klaviyo *klaviyo = sender_of(by_number);

	(void)state;
	server_script(202, "", "");
	queue_many(KL_KIND_RESET, "r", 300);
	assert_int_equal(pass(klaviyo, 1000), 0);
	TALLY(300, 100, 0, 0, 100);
	assert_int_equal(tally.dropped, 100);
	assert_int_equal(asked, 300);
	assert_int_equal(rows(SENT), 100);
	assert_int_equal(rows(WAITING " AND attempts = 0"), 100);
	sender_free(klaviyo);
}

/* A reset is no event of a bulk job, though there is a backlog. */
static void
in_a_backlog(void **state)
{
	struct klaviyo *klaviyo = sender_of(make_link);

	(void)state;
	server_script(202, "", "");
	store_fill("a", 600, KLAVIYO_REALTIME, kl_now());
	queue_one(KL_KIND_RESET, "r", 0);
	assert_int_equal(pass(klaviyo, 2000), 0);
	TALLY(601, 601, 0, 0, 0);
	assert_int_equal(server_lines(BULK), 1);
	assert_int_equal(server_lines(EVENTS), 1);
	assert_int_equal(seen("r0"), 1);
	each_seen_once("a", 600);
	sender_free(klaviyo);
}

/* Klaviyo's words may quote what was sent, in any form. */
static void
quoted(void **state)
{
	static const struct {
		int status;
		enum fault fault;
		const char *body, *error;
	} row[] = {
	    {400, WELL,
	        "{\"errors\":[{\"title\":\"Invalid input.\",\"detail\":\"'" LINK
	        "' is not good.\"}]}",
	        "HTTP 400"},
	    {400, WELL,
	        "{\"errors\":[{\"title\":\"" TOKEN "\",\"detail\":\"x\"}]}",
	        "HTTP 400"},
	    {400, WELL,
	        "{\"errors\":[{\"title\":\"Invalid input.\",\"detail\":\"no\","
	        "\"source\":{\"pointer\":\"/" TOKEN "\"}}]}",
	        "HTTP 400"},
	    {422, WELL, "no: https:\\/\\/shop.example\\/account?t=" TOKEN,
	        "HTTP 422"},
	    {422, WELL, "{\"errors\":[{\"detail\":\"cut: Zq7-tokenOfThe",
	        "HTTP 422"},
	    {409, WELL, "upper: ZQ7-TOKENOFTHERESET_09XYZ", "HTTP 409"},
	    {503, WELL, LINK, "HTTP 503"},
	    {500, WELL, "<" LINK ">", "HTTP 500"},
	    {401, WELL, LINK, "HTTP 401"},
	    {404, WELL, LINK, "HTTP 404"},
	    {302, WELL, LINK, "HTTP 302"},
	    {429, WELL, LINK, ""},
	    {400, TRUNCATED, LINK, "HTTP 400, broken off: "},
	    /* What quotes nothing is shown. */
	    {400, WELL, REFUSAL("time"),
	        "HTTP 400: Invalid input. It is wrong. (/data/attributes/"
	        "time)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		for (int probe = 0; probe < 2; probe++) {
			struct klaviyo *klaviyo = sender_of(make_link);

			nothing_queued();
			if (probe)
				store_do("UPDATE klaviyo_sender SET"
				         " paused_until = 1,"
				         " refused_run = 20");
			queue_one(KL_KIND_RESET, "r", 0);
			server_script(row[i].status, "", row[i].body);
			server->rule[RULES - 1].fault = row[i].fault;
			assert_int_equal(pass(klaviyo, 1), 0);
			assert_int_equal(tally.sent, 0);
			assert_int_equal(asked, 1);
			has(server->body, LINK);
			nowhere();
			if (strncmp(store_text("SELECT error FROM"
			                       " klaviyo_outbox"),
			        row[i].error, strlen(row[i].error)) != 0)
				fail_msg("%s: %s", row[i].body,
				    store_text("SELECT error FROM"
				               " klaviyo_outbox"));
			sender_free(klaviyo);
		}
	}
}

/* The same by hand: cut within, after what the text leaves out. */
static void
words(void **state)
{
	static const char *const secret[] = {
	    LINK, TOKEN, "x:" TOKEN, "short", "https://shop.example/" TOKEN};
	struct kl_answer a = {.status = 400};
	char body[6000], *text;

	(void)state;
	for (size_t i = 0; i < sizeof(secret) / sizeof(*secret); i++)
		for (int spaces = 0; spaces < 5000; spaces += 61) {
			snprintf(body, sizeof(body), "say %*s%s and more",
			    spaces, "", secret[i]);
			a.body = body;
			text = kl_refusal_hiding(&a, "{}", secret[i]);
			assert_null(strcasestr(text, "tokenOfT"));
			assert_null(strcasestr(text, "short"));
			free(text);
		}
	a.body = (char[]){"Not so: https://shop.example is closed"};
	text = kl_refusal_hiding(&a, "{}", LINK);
	assert_string_equal(
	    text, "HTTP 400: Not so: https://shop.example is closed");
	free(text);
	text = kl_refusal_hiding(&a, "{}", "");
	has(text, "Not so");
	free(text);
}

/* A link that cannot be sent: the row waits, and does not tell it. */
static void
bad_link(void **state)
{
	static char longer[200000];
	struct klaviyo *klaviyo = sender_of(make_link);

	(void)state;
	server_script(202, "", "");
	memset(longer, 'x', sizeof(longer) - 1);
	memcpy(longer, LINK, strlen(LINK));
	for (int i = 0; i < 3; i++) {
		nothing_queued();
		queue_one(KL_KIND_RESET, "r", 0);
		link_text = i == 0 ? LINK "\xff" : i == 1 ? longer : "";
		assert_int_equal(pass(klaviyo, 1), 0);
		TALLY(1, 0, 1, 0, 0);
		assert_int_equal(rows(WAITING " AND error <> ''"), 1);
		nowhere();
	}
	assert_int_equal(server->requests, 0);
	sender_free(klaviyo);
}

/* ------------------------------------------------------------- new addresses
 */

/* Nobody has the old address: too early twice, then there is nothing to do. */
static void
nobody(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);
	int64_t now = kl_now();

	(void)state;
	server_script(500, "", "");
	rule(0, FIND, -1, 200, NOBODY);
	queue_one(KL_KIND_EMAIL, "a", 0);
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(pass(klaviyo, 1), 0);
		TALLY(1, 0, 1, 0, 0);
		assert_int_equal(rows(WAITING " AND error = 'there is no"
		                              " profile of the old address"
		                              " yet'"),
		    1);
		assert_in_range(
		    store_number("SELECT due_at FROM klaviyo_outbox"), now + 60,
		    kl_now() + 61);
		time_passes();
	}
	assert_int_equal(pass(klaviyo, 1), 0);
	TALLY(1, 1, 0, 0, 0);
	assert_int_equal(rows(SENT " AND event = '' AND error IS NULL"), 1);
	assert_int_equal(server->requests, 3);
	sender_free(klaviyo);
}

static void
conflict(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);
	struct klaviyo_store s = store();

	(void)state;
	for (int status = 404; status <= 409; status += 5) {
		nothing_queued();
		server_script(500, "", "");
		rule(0, FIND, -1, 200, SOMEBODY);
		rule(1, PATCH, -1, status,
		    "{\"errors\":[{\"title\":\"Conflict.\",\"detail\":\"A "
		    "profile new.a0@klaviyo-demo.com exists\"}]}");
		queue_one(KL_KIND_EMAIL, "a", 0);
		assert_int_equal(pass(klaviyo, 10), 0);
		TALLY(1, 0, 0, 1, 0);
		assert_string_equal(tally.reason, "");
		has(store_text("SELECT error FROM klaviyo_outbox"),
		    "the new address is another profile's already: both stay "
		    "as "
		    "they are, and what comes goes to that one. If the two are "
		    "one person, merge them in Klaviyo, which cannot be "
		    "undone; "
		    "then `outbox drop 'Updated Email/a0'`. HTTP 40");
		has(store_text("SELECT error FROM klaviyo_outbox"),
		    "Conflict. A profile [e-mail] exists");
		assert_int_equal(klaviyo_email_pending(&s, "new.a0@klaviyo-demo"
		                                           ".com"),
		    0);
		assert_int_equal(
		    klaviyo_outbox_drop(&s, "Updated Email/a0", kl_now()), 1);
	}
	sender_free(klaviyo);
}

/* Of the new address no part is shown, though it holds the old one. */
static void
refused(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	server_script(500, "", "");
	rule(0, FIND, -1, 200, SOMEBODY);
	rule(1, PATCH, -1, 400,
	    "{\"errors\":[{\"title\":\"Invalid.\",\"detail\":"
	    "\"new.a0@klaviyo-demo.com is no address\"}]}");
	queue_one(KL_KIND_EMAIL, "a", 0);
	assert_int_equal(pass(klaviyo, 10), 0);
	TALLY(1, 0, 0, 1, 0);
	assert_string_equal(store_text("SELECT error FROM klaviyo_outbox"),
	    "HTTP 400: Invalid. [e-mail] is no address");
	sender_free(klaviyo);
}

static void
strange_answers(void **state)
{
	static const char *const body[] = {"", "x", "{}", "{\"data\":{}}",
	    "{\"data\":[{}]}", "{\"data\":[{\"id\":7}]}", "[]", "null"};
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(body) / sizeof(*body); i++) {
		nothing_queued();
		server_script(500, "", "");
		rule(0, FIND, -1, 200, body[i]);
		queue_one(KL_KIND_EMAIL, "a", 0);
		assert_int_equal(pass(klaviyo, 1), 0);
		TALLY(1, 0, 1, 0, 0);
		assert_int_equal(server_lines(PATCH), 0);
		assert_string_equal(
		    store_text("SELECT error FROM klaviyo_outbox"),
		    "Klaviyo's answer cannot be read");
	}
	/* An id is a part of a path, and no more. */
	nothing_queued();
	server_script(500, "", "");
	rule(0, FIND, -1, 200, "{\"data\":[{\"id\":\"../x?a=/\\r\\n \"}]}");
	rule(1, PATCH, -1, 200, "");
	queue_one(KL_KIND_EMAIL, "a", 0);
	assert_int_equal(pass(klaviyo, 1), 0);
	TALLY(1, 1, 0, 0, 0);
	assert_int_equal(server_lines(PATCH "..%2Fx%3Fa%3D%2F%0D%0A%20 "), 1);
	sender_free(klaviyo);
}

/* One waits for its second step, when the other is told to wait: both wait, and
   begin again. */
static void
second_step_waits(void **state)
{
	struct klaviyo *klaviyo = sender(8, 0);
	int64_t now = kl_now();

	(void)state;
	server_script(500, "", "");
	rule(0, FIND, -1, 200, SOMEBODY);
	strcpy(rule(1, PATCH, -1, 429, "")->headers, "Retry-After: 120\r\n");
	klaviyo->pacer[KL_PROFILES].second.limit = 3;
	queue_many(KL_KIND_EMAIL, "a", 2);
	assert_int_equal(pass(klaviyo, 10), 0);
	TALLY(2, 0, 0, 0, 2);
	assert_int_equal(server_lines(FIND), 2);
	assert_int_equal(server_lines(PATCH), 1);
	assert_int_equal(rows("attempts = 0"), 2);
	assert_true(
	    store_number("SELECT MIN(due_at) FROM klaviyo_outbox") >= now + 60);
	sender_free(klaviyo);
}

/* A process that delivers, and is killed when ${lines} requests have come. */
static void
killed_after(int lines)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct klaviyo_store s;

		store_db = NULL; /* the parent's */
		store_pg = NULL;
		if (store_connect())
			_exit(2);
		s = store();
		klaviyo_deliver(sender(4, 0), &s, 10, NULL, &tally);
		_exit(3);
	}
	while (server->requests < lines) {
		assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
		usleep(1000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
}

/* The recipe, cut at each of its steps: done again, and harmless. */
static void
killed(void **state)
{
	struct klaviyo *klaviyo;

	(void)state;
	/* step 1 before its answer, step 2 before it, step 2 done but its
	   answer lost. */
	for (int cut = 1; cut <= 3; cut++) {
		nothing_queued();
		server_script(500, "", "");
		rule(1, FIND, -1, 200, SOMEBODY);
		rule(2, PATCH, -1, 200, "");
		if (cut == 1)
			rule(0, FIND, 1, 200, "")->fault = HANG;
		else
			rule(0, PATCH, 1, 200, "")->fault = HANG;
		queue_one(KL_KIND_EMAIL, "a", 0);
		killed_after(cut == 1 ? 1 : 2);
		if (cut == 3) /* it has the new address by now */
			rule(1, FIND, -1, 200, NOBODY);
		assert_int_equal(rows("claim IS NOT NULL AND attempts = 1"), 1);

		klaviyo = sender(4, 0);
		for (int i = 0; i < 10 && rows(SENT) == 0; i++) {
			assert_int_equal(pass(klaviyo, 10), 0);
			assert_int_equal(tally.dead, 0);
			time_passes();
		}
		assert_int_equal(rows(SENT " AND event = ''"), 1);
		assert_int_equal(server_lines(PATCH), cut == 2 ? 2 : 1);
		sender_free(klaviyo);
	}
}

/* An event of the new address goes after it. */
static void
in_order(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);
	struct klaviyo_store s = store();
	struct klaviyo_profile who = {.email = "new.a0@klaviyo-demo.com"};
	int64_t now = kl_now();

	(void)state;
	server_script(202, "", "");
	rule(0, FIND, -1, 200, SOMEBODY);
	queue_one(KL_KIND_EMAIL, "a", 0);
	store_do("BEGIN");
	assert_int_equal(klaviyo_queue_event(&s, "Seen", "1", now, &who, 0,
	                     NULL, NULL, KLAVIYO_REALTIME, now),
	    0);
	store_do("COMMIT");
	for (int i = 0; i < 10 && rows(SENT) < 2; i++)
		assert_int_equal(pass(klaviyo, 10), 0);
	assert_int_equal(rows(SENT), 2);
	assert_int_equal(server->requests, 3);
	assert_int_equal(strncmp(server->line[1], PATCH, strlen(PATCH)), 0);
	assert_int_equal(strncmp(server->line[2], EVENTS, strlen(EVENTS)), 0);
	sender_free(klaviyo);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(sent),
	    TEST(not_sent),
	    TEST(many),
	    TEST(in_a_backlog),
	    TEST(quoted),
	    cmocka_unit_test(words),
	    TEST(bad_link),
	    TEST(nobody),
	    TEST(conflict),
	    TEST(refused),
	    TEST(strange_answers),
	    TEST(second_step_waits),
	    TEST(killed),
	    TEST(in_order),
	};

	return cmocka_run_group_tests_name(
	    "link", tests, server_start, server_stop);
}
