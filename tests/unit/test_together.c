/*
 * test_together.c - transactions whose work may be done on another's thread
 * (db_together()): what each of many threads is told, of its own; what is kept,
 * and what is not; and in whose name the work speaks.
 */
#include "catalog_db.h"

#include <fcntl.h>
#include <pthread.h>

enum { THREADS = 8, ROUNDS = 60 };

struct deed {
	int thread, round;
	pthread_t by;
	bool keeps;
};

struct actor {
	struct db *db;
	pthread_t thread;
	int number, kept, elsewhere;
	char wrong[256]; /* the first thing that was not as it should be */
};
static struct actor actor[THREADS];

static bool
work(void *arg)
{
	struct deed *deed = arg;
	char key[32];

	deed->by = pthread_self();
	snprintf(key, sizeof(key), "%d:%d", deed->thread, deed->round);
	shop_log_at(LOG_ERR, "deed %d", deed->thread);
	if (db_run(actor[deed->thread].db, NULL, NULL,
	        "INSERT INTO throttle (key, full_at) VALUES ($1, 1)", key) != 1)
		return false;
	if (!deed->keeps)
		shop_fail("%d wants nothing kept", deed->thread);
	return deed->keeps;
}

static void
wrong(struct actor *a, const char *what, const struct deed *deed)
{
	if (*a->wrong == '\0')
		snprintf(a->wrong, sizeof(a->wrong), "%s in round %d: %s", what,
		    deed->round, shop_error());
}

static void *
act(void *arg)
{
	struct actor *a = arg;
	char request[32], expected[64];

	snprintf(request, sizeof(request), "request-%d", a->number);
	snprintf(
	    expected, sizeof(expected), "%d wants nothing kept", a->number);
	db_origin(a->db, request);
	log_about(request);
	for (int round = 0; round < ROUNDS; round++) {
		struct deed deed = {a->number, round, a->thread,
		    (round + a->number) % 3 != 0};
		int result = db_together(a->db, work, &deed);

		if (result != (deed.keeps ? 0 : 1))
			wrong(a, "not its own result", &deed);
		if (result == 1 && strcmp(shop_error(), expected) != 0)
			wrong(a, "not its own error", &deed);
		if (db_again(a->db) || db_unknown(a->db))
			wrong(a, "to be done again", &deed);
		a->kept += result == 0;
		a->elsewhere += !pthread_equal(deed.by, pthread_self());
		shop_log_at(LOG_ERR, "deed %d", a->number);
	}
	return NULL;
}

/* What all of them say on stderr, in this file. */
static void
act_all(const char *said)
{
	int fd = open(said, O_WRONLY | O_CREAT | O_APPEND, 0600);
	int before = dup(STDERR_FILENO);

	assert_true(fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&actor[i].thread, NULL, act,
		                     &actor[i]),
		    0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(actor[i].thread, NULL);
	dup2(before, STDERR_FILENO);
	close(before);
	close(fd);
}

/* Each line is of the request whose work it is, whoever's thread wrote it. */
static int
lines_of_their_own(const char *said)
{
	FILE *file = fopen(said, "r");
	char line[256];
	int lines = 0, deed, request;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		assert_int_equal(
		    sscanf(line, "storefront: error: deed %d (request request-%d)",
		        &deed, &request),
		    2);
		assert_int_equal(deed, request);
		lines++;
	}
	fclose(file);
	return lines;
}

static void
each_has_its_own(void **state)
{
	const char *address = getenv("TEST_POSTGRES");
	char said[96], *rows;
	int kept = 0, elsewhere = 0;

	(void)state;
	snprintf(said, sizeof(said), "%s/said", dir);
	for (int i = 0; i < THREADS; i++) {
		actor[i] = (struct actor){.number = i};
		actor[i].db = db_open_at(address != NULL ? address : path);
		if (actor[i].db == NULL)
			fail_msg("%s", shop_error());
	}
	act_all(said);
	for (int i = 0; i < THREADS; i++) {
		assert_string_equal(actor[i].wrong, "");
		kept += actor[i].kept;
		elsewhere += actor[i].elsewhere;
		db_close(actor[i].db);
	}
	rows = ROWS("SELECT COUNT(*) FROM throttle");
	assert_int_equal(atoi(rows), kept);
	assert_int_equal(kept, THREADS * ROUNDS * 2 / 3);
	assert_int_equal(lines_of_their_own(said), THREADS * ROUNDS * 2);
	/* The server shares nothing between connections. */
	if (address != NULL)
		assert_int_equal(elsewhere, 0);
	else
		assert_true(elsewhere > 0);
}

static bool
nothing(void *arg)
{
	++*(int *)arg;
	return true;
}

/* Within a transaction there is none of its own to begin. */
static void
not_within_another(void **state)
{
	int done = 0;

	(void)state;
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(db_together(db, nothing, &done), -1);
	assert_string_equal(shop_error(), "a transaction is open already");
	db_rollback(db);
	assert_int_equal(done, 0);
	assert_int_equal(db_together(db, nothing, &done), 0);
	assert_int_equal(done, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
	        each_has_its_own, open_shop, close_shop),
	    cmocka_unit_test_setup_teardown(
	        not_within_another, open_shop, close_shop),
	};

	return cmocka_run_group_tests_name("together", tests, NULL, NULL);
}
