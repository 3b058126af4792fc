/*
 * test_log.c - the log's lines: levels, one write each, nothing in them that
 * commands a terminal or looks like another line; and as the journal has them.
 *
 * Each is written by a child, for what the log has found out about its stderr
 * stays so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "storefront.h"

static char said[8192];

enum stderr_is { NO_JOURNAL, THE_JOURNAL, ANOTHER_JOURNAL };

/* What a child says on a socket that keeps writes apart. */
static void
child(int fd, enum stderr_is journal, void (*body)(void))
{
	struct stat st;
	char name[64];

	if (dup2(fd, STDERR_FILENO) < 0 || fstat(STDERR_FILENO, &st) != 0)
		_exit(1);
	snprintf(name, sizeof(name), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino + (journal == ANOTHER_JOURNAL));
	if (journal == NO_JOURNAL)
		unsetenv("JOURNAL_STREAM");
	else
		setenv("JOURNAL_STREAM", name, 1);
	body();
	_exit(0);
}

static void
say(enum stderr_is journal, void (*body)(void))
{
	int ends[2], status;
	ssize_t got;
	size_t n = 0;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(ends[1], journal, body);
	close(ends[1]);
	while ((got = read(ends[0], said + n, sizeof(said) - 1 - n)) > 0) {
		/* One write is one whole line. */
		assert_ptr_equal(
		    memchr(said + n, '\n', (size_t)got), said + n + got - 1);
		n += (size_t)got;
	}
	said[n] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
all_levels(void)
{
	shop_log_at(LOG_ERR, "%d", 1);
	shop_log_at(LOG_WARNING, "%d", 2);
	shop_log_at(LOG_NOTICE, "%d", 3);
	shop_log("%d", 4);
	shop_log_at(LOG_INFO, "%d", 5);
	shop_log_at(LOG_DEBUG, "%d", 6);
	shop_complain("%d", 7);
}

static void
down_to_errors(void)
{
	log_begin(log_level("error"));
	all_levels();
}

static void
down_to_debug(void)
{
	log_begin(log_level("debug"));
	all_levels();
}

static void
levels(void **state)
{
	(void)state;
	say(NO_JOURNAL, all_levels);
	assert_string_equal(said, "storefront: error: 1\n"
	                          "storefront: warning: 2\n"
	                          "storefront: 3\nstorefront: 4\n"
	                          "storefront: 7\n");
	say(NO_JOURNAL, down_to_errors);
	assert_string_equal(said, "storefront: error: 1\nstorefront: 7\n");
	say(NO_JOURNAL, down_to_debug);
	assert_string_equal(said, "storefront: error: 1\n"
	                          "storefront: warning: 2\n"
	                          "storefront: 3\nstorefront: 4\n"
	                          "storefront: info: 5\n"
	                          "storefront: debug: 6\n"
	                          "storefront: 7\n");
	assert_int_equal(log_level("error"), LOG_ERR);
	assert_int_equal(log_level("Error"), -1);
	assert_int_equal(log_level(""), -1);
	assert_true(log_wants(LOG_NOTICE));
	assert_false(log_wants(LOG_INFO));
}

static void
as_the_journal_has_it(void **state)
{
	(void)state;
	say(THE_JOURNAL, down_to_debug);
	assert_string_equal(said, "<3>storefront: 1\n<4>storefront: 2\n"
	                          "<5>storefront: 3\n<5>storefront: 4\n"
	                          "<6>storefront: 5\n<7>storefront: 6\n"
	                          "<3>storefront: 7\n");
	/* Somebody has redirected stderr. */
	say(ANOTHER_JOURNAL, down_to_errors);
	assert_string_equal(said, "storefront: error: 1\nstorefront: 7\n");
}

static void
hostile(void)
{
	errno = ENOENT;
	shop_log("order %s is %d", "A1\nstorefront: B2\r\033[31m\x7f\t", 5);
	if (errno != ENOENT)
		_exit(1);
	shop_log("%s", "caf\xc3\xa9 \xf0\x9f\x93\x9a %n \\n");
	shop_log("%s", "\xc2\x9b"
	               "31m \xe2\x80\xa8 \xff\xc0\xaf.");
	shop_log("%s", "");
}

static void
one_line_whatever_is_in_it(void **state)
{
	(void)state;
	say(NO_JOURNAL, hostile);
	assert_string_equal(said,
	    "storefront: order A1\\nstorefront: B2\\x0d\\x1b[31m\\x7f\\x09 "
	    "is 5\n"
	    "storefront: caf\xc3\xa9 \xf0\x9f\x93\x9a %n \\n\n"
	    "storefront: \\u009b31m \\u2028 \\xff\\xc0\\xaf.\n"
	    "storefront: \n");
}

static void
too_long(void)
{
	char text[4000];

	memset(text, '\n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	shop_log("%s", text);
	for (size_t start = 0; start < 4; start++) {
		memset(text, 'x', start);
		for (size_t i = start; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xe2\x82\xac", 4);
		shop_log("%s", text);
	}
}

static void
cut_between_characters(void **state)
{
	char *line = said, *end;
	int lines = 0;

	(void)state;
	say(NO_JOURNAL, too_long);
	for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		assert_true(utf8_clean(line));
		assert_in_range(strlen(line), 990, 1020);
		lines++;
	}
	assert_int_equal(lines, 5);
	assert_string_equal(line, "");
}

static void
of_a_request(void)
{
	char longest[200];

	log_about("5f0c-A_@9");
	shop_log("a");
	shop_log_at(LOG_ERR, "b");
	log_about(NULL);
	shop_log("c");
	log_about("x\ny");
	shop_log("d");
	memset(longest, 'r', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	log_about(longest);
	shop_log("e");
}

static void
the_request_stands_behind(void **state)
{
	static const char begin[] = "storefront: a (request 5f0c-A_@9)\n"
	                            "storefront: error: b (request 5f0c-A_@9)\n"
	                            "storefront: c\n"
	                            "storefront: d (request x\\ny)\n"
	                            "storefront: e (request rrrr";

	(void)state;
	say(NO_JOURNAL, of_a_request);
	assert_true(strncmp(said, begin, strlen(begin)) == 0);
	assert_int_equal(
	    strlen(strstr(said, "e (request")), strlen("e (request )\n") + 64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(levels),
	    cmocka_unit_test(as_the_journal_has_it),
	    cmocka_unit_test(one_line_whatever_is_in_it),
	    cmocka_unit_test(cut_between_characters),
	    cmocka_unit_test(the_request_stands_behind),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
