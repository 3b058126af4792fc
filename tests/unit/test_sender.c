/*
 * test_sender.c - one active sender: who gets the lease, keeps it, loses it.
 */
#include "store.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { NOW = 1800000000, SECONDS = 30 };

static char other[256];

static int
hold(struct kl_lease *lease, int64_t now)
{
	struct klaviyo_store s = store();

	return kl_lease_hold(&s, lease, now, other, sizeof(other));
}

/* As of a process on another host: nobody here can see whether it is gone. */
static struct kl_lease
elsewhere(const char *name)
{
	struct kl_lease lease;

	assert_int_equal(kl_lease_init(&lease, name, SECONDS), 0);
	strcpy(lease.process, "another-boot pid:[1] 1 1");
	return lease;
}

static void
first_come(void **state)
{
	struct kl_lease a = elsewhere("web1"), b = elsewhere("web2");

	(void)state;
	assert_int_equal(hold(&a, NOW), 1);
	assert_int_equal(hold(&b, NOW), 0);
	assert_non_null(strstr(other, "web1 pid "));
	assert_int_equal(hold(&a, NOW + 1), 1);
	/* Held a moment ago: nothing is written. */
	assert_int_equal(
	    store_number("SELECT heartbeat_at FROM klaviyo_lease"), NOW);
	a.renewed_ms -= SECONDS * 1000 / KL_RENEWALS;
	assert_int_equal(hold(&a, NOW + 5), 1);
	assert_int_equal(
	    store_number("SELECT heartbeat_at FROM klaviyo_lease"), NOW + 5);
	assert_int_equal(store_number("SELECT until_at FROM klaviyo_lease"),
	    NOW + 5 + SECONDS);
	assert_int_equal(store_number("SELECT since FROM klaviyo_lease"), NOW);
	assert_int_equal(hold(&b, NOW + 5 + SECONDS - 1), 0);
}

static void
taken_over(void **state)
{
	struct kl_lease a = elsewhere("web1"), b = elsewhere("web2");
	struct kl_lease c = elsewhere("web3");
	struct klaviyo_store s = store();
	struct kl_claim *list;
	struct kl_settlement late = {.outcome = KL_SENT};

	(void)state;
	store_fill("a", 3, KLAVIYO_REALTIME, NOW);
	assert_int_equal(hold(&a, NOW), 1);
	assert_int_equal(kl_outbox_claim(&s, "token-a", KL_ANY_LANE, 2, NOW,
	                     NOW + 60, &list),
	    0);
	/* a is stopped; its lease ends. */
	assert_int_equal(hold(&b, NOW + SECONDS), 1);
	assert_int_equal(
	    store_number("SELECT COUNT(*) FROM klaviyo_outbox"
	                 " WHERE claim IS NULL AND due_at <= 1800000030"
	                 " AND attempts = 1"),
	    2);
	assert_int_equal(hold(&c, NOW + SECONDS), 0);
	/* a wakes: it is told, and its late answer settles nothing. */
	a.renewed_ms = 0;
	assert_int_equal(hold(&a, NOW + SECONDS), 0);
	assert_false(a.held);
	late.claim = list;
	assert_int_equal(
	    kl_outbox_settle(&s, "token-a", &late, 1, NOW + SECONDS), 0);
	assert_int_equal(
	    store_number("SELECT COUNT(sent_at) FROM klaviyo_outbox"), 0);
	kl_claims_free(list);
}

/* One that overslept, but that nobody replaced, goes on. */
static void
nobody_came(void **state)
{
	struct kl_lease a = elsewhere("web1");

	(void)state;
	assert_int_equal(hold(&a, NOW), 1);
	a.renewed_ms = 0;
	assert_int_equal(hold(&a, NOW + 10 * SECONDS), 1);
	assert_int_equal(store_number("SELECT until_at FROM klaviyo_lease"),
	    NOW + 11 * SECONDS);
}

static void
leaving(void **state)
{
	struct kl_lease a = elsewhere("web1"), b = elsewhere("web2");
	struct klaviyo_store s = store();
	struct klaviyo_status status;

	(void)state;
	assert_int_equal(hold(&a, NOW), 1);
	assert_int_equal(klaviyo_outbox_status(&s, NOW + 2, &status), 0);
	assert_non_null(strstr(status.sender, "web1 pid "));
	assert_int_equal(status.sender_since, NOW);
	assert_int_equal(status.heartbeat, NOW);
	/* Only who holds it gives it up. */
	assert_int_equal(kl_lease_leave(&s, &b), 0);
	assert_int_equal(hold(&b, NOW), 0);
	assert_int_equal(kl_lease_leave(&s, &a), 0);
	assert_int_equal(klaviyo_outbox_status(&s, NOW + 2, &status), 0);
	assert_string_equal(status.sender, "");
	assert_int_equal(hold(&b, NOW), 1);
}

static void
clock_set_back(void **state)
{
	struct kl_lease a = elsewhere("web1"), b = elsewhere("web2");

	(void)state;
	assert_int_equal(hold(&a, NOW), 1);
	assert_int_equal(hold(&b, NOW - 86400), 1);
	a.renewed_ms = 0;
	assert_int_equal(hold(&a, NOW - 86400), 0);
}

/* One whose clock is ahead takes over too soon, but once. */
static void
clock_ahead(void **state)
{
	struct kl_lease a = elsewhere("web1"), b = elsewhere("web2");

	(void)state;
	assert_int_equal(hold(&a, NOW), 1);
	assert_int_equal(hold(&b, NOW + 240), 1);
	for (int64_t t = 1; t < 100; t += 5) {
		a.renewed_ms = b.renewed_ms = 0;
		assert_int_equal(hold(&a, NOW + t), 0);
		assert_int_equal(hold(&b, NOW + 240 + t), 1);
	}
	/* It falls silent: replaced, though later. */
	assert_int_equal(hold(&a, NOW + 240 + 100 + SECONDS), 1);
}

/* Of two that read the same row at once, one gets it. */
static struct kl_lease rival;
static int rival_result;

static void
rival_comes(const char *sql)
{
	if (strcmp(sql, "BEGIN") != 0)
		return;
	store_hook = NULL;
	rival_result = hold(&rival, NOW);
}

static void
both_at_once(void **state)
{
	struct kl_lease a = elsewhere("web1");

	(void)state;
	rival = elsewhere("web2");
	store_hook = rival_comes; /* after a has looked */
	assert_int_equal(hold(&a, NOW), 0);
	assert_int_equal(rival_result, 1);
	assert_string_equal(
	    store_text("SELECT token FROM klaviyo_lease"), rival.token);
}

/* A process of this host that is gone is replaced at once; one that lives, or
 * whose pid another one has now, is told apart. */
static void
process_ends(void **state)
{
	struct kl_lease mine, child, b;
	int result[2], at;
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(kl_lease_init(&mine, NULL, SECONDS), 0);
	assert_int_equal(kl_lease_init(&b, NULL, SECONDS), 0);
	assert_int_equal(hold(&mine, NOW), 1);
	assert_int_equal(hold(&b, NOW), 0); /* this process lives */
	/* The same pid, begun at another time: not the one that held it. */
	store_do("UPDATE klaviyo_lease SET process = process || '9'");
	assert_int_equal(hold(&b, NOW), 1);

	assert_int_equal(pipe(result), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		at = kl_lease_init(&child, "child", SECONDS);
		if (at || write(result[1], &child, sizeof(child)) !=
		              (ssize_t)sizeof(child))
			_exit(1);
		close(result[1]);
		pause();
		_exit(1);
	}
	close(result[1]);
	assert_int_equal(
	    read(result[0], &child, sizeof(child)), (ssize_t)sizeof(child));
	b.renewed_ms = 0;
	store_do("UPDATE klaviyo_lease SET token = '', until_at = 0");
	child.pid = getpid(); /* held here in its name */
	assert_int_equal(hold(&child, NOW), 1);
	b.held = false;
	assert_int_equal(hold(&b, NOW), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &at, 0), pid);
	assert_int_equal(read(result[0], &byte, 1), 0);
	close(result[0]);
	assert_int_equal(hold(&b, NOW), 1);
}

/* What cannot be told of a process does not make it gone. */
static void
process_unknown(void **state)
{
	struct klaviyo_store s = store();
	struct kl_lease a, b;
	char *last;

	(void)state;
	assert_int_equal(kl_lease_init(&a, NULL, SECONDS), 0);
	assert_int_equal(kl_lease_init(&b, NULL, SECONDS), 0);
	assert_true(*a.process);
	a.process[0] = '\0';
	assert_int_equal(hold(&a, NOW), 1);
	assert_int_equal(hold(&b, NOW), 0);
	assert_int_equal(kl_lease_leave(&s, &a), 0);
	/* Another pid namespace's numbers mean nothing here. */
	strcpy(a.process, b.process);
	last = strrchr(a.process, ']');
	assert_non_null(last);
	last[-1] = last[-1] == '1' ? '2' : '1';
	strcat(a.process, "9");
	assert_int_equal(hold(&a, NOW), 1);
	assert_int_equal(hold(&b, NOW), 0);
	assert_int_equal(kl_lease_leave(&s, &a), 0);
	/* Nor does a number that is no pid, and cut to 32 bits is none's. */
	strcpy(a.process, b.process);
	last = strrchr(a.process, ']');
	assert_non_null(last);
	strcpy(last + 1, " 4299161601 1");
	assert_int_equal(hold(&a, NOW), 1);
	assert_int_equal(hold(&b, NOW), 0);
}

/* A child has its parent's struct, and must not take itself for it. */
static void
forked(void **state)
{
	struct kl_lease a;
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(kl_lease_init(&a, "web1", SECONDS), 0);
	assert_int_equal(hold(&a, NOW), 1);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char mine[96];

		/* The connection is the parent's, too. */
		store_db = NULL;
		store_pg = NULL;
		if (store_connect())
			_exit(1);
		snprintf(mine, sizeof(mine), "web1 pid %ld", (long)getpid());
		_exit(hold(&a, NOW) == 0 && !a.held && strcmp(a.name, mine) == 0
		          ? 0
		          : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(hold(&a, NOW), 1);
}

/* A COMMIT that took the lease, and was said to have failed. */
static void
commit_unknown(void **state)
{
	struct kl_lease a = elsewhere("web1");

	(void)state;
	assert_int_equal(hold(&a, NOW), 1);
	a.held = false;
	assert_int_equal(hold(&a, NOW), 1);
	store_do("DELETE FROM klaviyo_lease");
	a.held = false;
	assert_int_equal(hold(&a, NOW), -1);
	assert_non_null(strstr(klaviyo_error(), "klaviyo_lease is empty"));
}

/* Whatever statement fails, nobody believes to hold what the row denies. */
static void
statement_fails(void **state)
{
	struct kl_lease a, b = elsewhere("web2");
	int result = 0;

	(void)state;
	for (int at = 1; result != 1; at++) {
		store_do("UPDATE klaviyo_lease SET token = '', until_at = 0");
		a = elsewhere("web1");
		store_fail_at = at;
		result = hold(&a, NOW);
		store_fail_at = 0;
		if (result == 1)
			break;
		assert_int_equal(result, -1);
		assert_false(a.held);
		b = elsewhere("web2");
		assert_int_equal(hold(&b, NOW), 1);
	}
	a.renewed_ms = 0;
	store_fail_at = 2;
	assert_int_equal(hold(&a, NOW + 1), -1);
	store_fail_at = 0;
	assert_int_equal(hold(&a, NOW + 1), 1);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, store_new, store_drop)
	const struct CMUnitTest tests[] = {T(first_come), T(taken_over),
	    T(nobody_came), T(leaving), T(clock_set_back), T(clock_ahead),
	    T(both_at_once), T(process_ends), T(process_unknown), T(forked),
	    T(commit_unknown), T(statement_fails)};

	return cmocka_run_group_tests_name("sender", tests, NULL, NULL);
}
