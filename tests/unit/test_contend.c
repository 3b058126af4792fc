/*
 * test_contend.c - many processes want to be the one sender, and are stopped,
 * continued and killed at random.
 *
 * A process that holds the lease certifies, in shared memory, until when nobody
 * else may: the whole seconds of its lease, from before it asked.  Whoever
 * holds the lease looks whether another's certificate still runs.  One that was
 * stopped since, or killed, certifies nothing: it may be replaced.
 *
 * Also: no event is settled twice, each is, and in the end somebody sends.
 *
 * TEST_SEED replays the choices, though not the scheduler's.  SOAK=1: two
 * minutes instead of seconds.
 */
#include "store.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

enum { SENDERS = 6, ROWS = 2000, SECONDS = 2, ENOUGH = 5 };

struct slot {
	atomic_llong certificate; /* until, in ms, and the stops before it */
	atomic_int stops;         /* counted before a signal is sent */
	atomic_int dead;
};

static struct shared {
	struct slot slot[SENDERS];
	atomic_int stop, takes, settled[ROWS], delivered[ROWS];
	char wrong[256];
} * shared;

static pid_t pids[SENDERS];
static bool stopped[SENDERS];
static unsigned seed;

static void
wrong(const char *format, int a, int b)
{
	snprintf(shared->wrong, sizeof(shared->wrong), format, a, b);
	_exit(1);
}

/* ------------------------------------------------------------------ a sender
 */

static bool
row_is_mine(const struct kl_lease *lease)
{
	char sql[128];

	snprintf(sql, sizeof(sql),
	    "SELECT COUNT(*) FROM klaviyo_lease WHERE token = '%s'",
	    lease->token);
	return store_number(sql) == 1;
}

/* The lease was found to be ours at ${at_ms}, or before. */
static void
look_at_others(int me, const struct kl_lease *lease, int64_t at_ms)
{
	long long certificate;
	int other = -1;

	for (int i = 0; i < SENDERS; i++) {
		struct slot *slot = &shared->slot[i];

		certificate = atomic_load(&slot->certificate);
		if (i != me && certificate >> 16 > at_ms &&
		    (certificate & 0xffff) ==
		        (atomic_load(&slot->stops) & 0xffff) &&
		    !atomic_load(&slot->dead))
			other = i;
	}
	/* Still: so nobody else has come by it since. */
	if (other >= 0 && row_is_mine(lease))
		wrong("senders %d and %d hold the lease", me, other);
}

static void
deliver_some(int me)
{
	struct klaviyo_store s = store();
	struct kl_settlement done = {.outcome = KL_SENT};
	struct kl_claim *list;
	char token[33];
	int row;

	snprintf(token, sizeof(token), "%d-%ld-%lld", me, (long)getpid(),
	    (long long)kl_monotonic_ms());
	if (kl_outbox_claim(
	        &s, token, KL_ANY_LANE, 3, kl_now(), kl_now() + 3, &list))
		return;
	for (done.claim = list; done.claim; done.claim = done.claim->next) {
		row = atoi(strchr(done.claim->id, '/') + 2);
		atomic_fetch_add(&shared->delivered[row], 1);
		usleep((useconds_t)rand_r(&seed) %
		       (getenv("SOAK") ? 60000 : 3000));
		if (kl_outbox_settle(&s, token, &done, 1, kl_now()) == 1 &&
		    atomic_fetch_add(&shared->settled[row], 1))
			wrong("sender %d settled row %d again", me, row);
	}
	kl_claims_free(list);
}

static void
sender(int me)
{
	struct slot *slot = &shared->slot[me];
	struct klaviyo_store s;
	struct kl_lease lease;
	char other[256];
	int64_t asked = 0;
	bool held;
	int stops;

	store_db = NULL; /* the parent's connection stays the parent's */
	store_pg = NULL;
	if (store_connect())
		_exit(2);
	if (store_db) /* no checkpoints: without the shop's write gate */
		sqlite3_exec(store_db,
		    "PRAGMA busy_timeout = 20000; PRAGMA synchronous = OFF;"
		    " PRAGMA wal_autocheckpoint = 0",
		    NULL, NULL, NULL);
	s = store();
	kl_lease_init(&lease, NULL, SECONDS);
	while (!atomic_load(&shared->stop)) {
		int64_t begun = kl_monotonic_ms();

		stops = atomic_load(&slot->stops);
		held = lease.held;
		if (kl_lease_hold(&s, &lease, kl_now(), other, sizeof(other)) !=
		    1) {
			usleep(20000);
			continue;
		}
		if (!held)
			atomic_fetch_add(&shared->takes, 1);
		if (lease.renewed_ms >= begun) { /* the row says so anew */
			asked = begun;
			atomic_store(&slot->certificate,
			    (begun + (SECONDS - 1) * 1000) << 16 |
			        (stops & 0xffff));
		} else if (begun > asked + SECONDS * 1000) {
			wrong("sender %d believes it for %d ms", me,
			    (int)(begun - asked));
		}
		look_at_others(me, &lease, kl_monotonic_ms());
		deliver_some(me);
		if (rand_r(&seed) % 300 == 0) {
			atomic_store(&slot->certificate, 0);
			kl_lease_leave(&s, &lease);
		}
	}
	store_disconnect();
	_exit(0);
}

/* --------------------------------------------------------------- the torment
 */

static void
start(int i)
{
	atomic_store(&shared->slot[i].certificate, 0);
	atomic_store(&shared->slot[i].dead, 0);
	stopped[i] = false;
	pids[i] = fork();
	assert_true(pids[i] >= 0);
	if (pids[i] == 0) {
		seed += (unsigned)getpid();
		sender(i);
	}
}

static void
stop_or_go(int i)
{
	if (!stopped[i])
		atomic_fetch_add(&shared->slot[i].stops, 1);
	kill(pids[i], stopped[i] ? SIGCONT : SIGSTOP);
	stopped[i] = !stopped[i];
}

/* Who holds the lease, as far as one can see. */
static int
holder(void)
{
	long long latest = 0;
	int found = 0;

	for (int i = 0; i < SENDERS; i++)
		if (atomic_load(&shared->slot[i].certificate) > latest) {
			latest = atomic_load(&shared->slot[i].certificate);
			found = i;
		}
	return found;
}

/* As harness.py's, of the tests in Python. */
static int64_t
patience_ms(void)
{
	const char *seconds = getenv("STOREFRONT_PATIENCE");

	return (seconds != NULL ? atoi(seconds) : 60) * INT64_C(1000);
}

/* For as long as that, and until the lease has changed hands often enough. */
static void
torment(int64_t ms)
{
	int64_t end = kl_monotonic_ms() + ms, now;
	int i, status;

	while (!*shared->wrong) {
		now = kl_monotonic_ms();
		if (now > end &&
		    (shared->takes > ENOUGH || now > end + patience_ms()))
			break;
		i = rand_r(&seed) % SENDERS;
		if (rand_r(&seed) % 3 == 0 && !stopped[holder()])
			i = holder();
		if (rand_r(&seed) % 6 == 0) {
			atomic_store(&shared->slot[i].dead, 1);
			kill(pids[i], SIGKILL);
			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			start(i);
		} else {
			stop_or_go(i);
		}
		usleep((useconds_t)rand_r(&seed) % 300000);
	}
}

static void
contend(void **state)
{
	int64_t end;
	int status, again = 0;

	(void)state;
	store_fill("r", ROWS, KLAVIYO_REALTIME, kl_now());
	for (int i = 0; i < SENDERS; i++)
		start(i);
	torment(getenv("SOAK") ? 120000 : 4000);
	for (int i = 0; i < SENDERS; i++)
		if (stopped[i])
			stop_or_go(i);
	end = kl_monotonic_ms() + patience_ms();
	while (store_number("SELECT COUNT(*) FROM klaviyo_outbox"
	                    " WHERE sent_at IS NULL") > 0 &&
	       kl_monotonic_ms() < end && !*shared->wrong)
		usleep(20000);
	atomic_store(&shared->stop, 1);
	for (int i = 0; i < SENDERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		if (!*shared->wrong)
			assert_int_equal(status, 0);
	}
	assert_string_equal(shared->wrong, "");
	assert_int_equal(
	    store_number("SELECT COUNT(sent_at) FROM klaviyo_outbox"), ROWS);
	for (int i = 0; i < ROWS; i++) {
		assert_in_range(shared->settled[i], 0, 1);
		assert_true(shared->delivered[i] >= 1);
		again += shared->delivered[i] - 1;
	}
	print_message("%d times somebody took the lease; %d of %d events went "
	              "out again\n",
	    shared->takes, again, ROWS);
	assert_true(shared->takes > ENOUGH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(contend, store_new, store_drop)};
	const char *given = getenv("TEST_SEED");

	seed = given ? (unsigned)atol(given) : (unsigned)time(NULL);
	printf("TEST_SEED=%u\n", seed);
	fflush(stdout);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests_name("contend", tests, NULL, NULL);
}
