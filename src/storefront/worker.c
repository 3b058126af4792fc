/*
 * worker.c - `storefront worker`: the delivery worker.
 *
 * Promises: runs delivery passes until SIGTERM, or with --once until nothing is
 * due, for cron.  Everything
 * that matters is in the outbox: it may be killed at any moment.
 */
#include "key.h"

#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

/* A pass is what a report and a look at old ids come between. */
#define BATCH 20000
#define IDLE_MS 500
#define REPORT_SECONDS 60
#define PRUNE_SECONDS 3600
#define KEEP_SECONDS (400LL * 86400)
#define REPEAT_SECONDS 600
#define KEEP_BYTES (16 << 20)

static volatile int stopping;

static void
on_signal(int signal)
{
	(void)signal;
	end_begin();
	stopping = 1;
}

/* Sleeps, but wakes for SIGTERM, also for one that comes just before. */
static void
rest(int64_t ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};
	sigset_t ends, had;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, &had);
	if (!stopping)
		ppoll(NULL, 0, &time, &had);
	pthread_sigmask(SIG_SETMASK, &had, NULL);
}

static void
add_tally(struct klaviyo_tally *sum, const struct klaviyo_tally *one)
{
	sum->claimed += one->claimed;
	sum->sent += one->sent;
	sum->retried += one->retried;
	sum->dead += one->dead;
	sum->released += one->released;
	sum->dropped += one->dropped;
	memcpy(sum->reason, one->reason, sizeof(sum->reason));
}

/* ", 2 dropped", for the end of a report; "" if there are none. */
static const char *
dropped(const struct klaviyo_tally *t)
{
	static char text[48];

	text[0] = '\0';
	if (t->dropped > 0)
		snprintf(text, sizeof(text), ", %lld dropped",
		    (long long)t->dropped);
	return text;
}

static void
report(const struct klaviyo_tally *t)
{
	shop_log(
	    "worker: %lld sent, %lld to be tried again, %lld refused%s%s%s",
	    (long long)t->sent, (long long)t->retried, (long long)t->dead,
	    dropped(t), *t->reason != '\0' ? "; " : "", t->reason);
}

/* One line for a row that did not arrive, and, if debugging, for each other: by
   it an event is found in the shop's logs, by its request's name there, and in
   Klaviyo's, by Klaviyo's own. */
static void
on_settled(void *arg, const struct klaviyo_settlement *s)
{
	static const struct {
		const char *what;
		int level;
	} said[] = {
	    [KLAVIYO_SENT] = {"sent", LOG_DEBUG},
	    [KLAVIYO_RETRIED] = {"to be tried again", LOG_WARNING},
	    [KLAVIYO_DEAD] = {"refused", LOG_WARNING},
	    [KLAVIYO_RELEASED] = {"given back", LOG_DEBUG},
	    [KLAVIYO_DROPPED] = {"dropped", LOG_DEBUG},
	};
	char answer[32] = "no answer", name[80] = "";
	int level = said[s->outcome].level;

	(void)arg;
	/* Of a thousand that failed together the pause is of note. */
	if (s->outcome == KLAVIYO_RETRIED && s->together > 1)
		level = LOG_INFO;
	if (!log_wants(level))
		return;
	if (s->status > 0)
		snprintf(answer, sizeof(answer), "HTTP %ld", s->status);
	if (*s->request_id != '\0')
		snprintf(name, sizeof(name), ", Klaviyo's request %s",
		    s->request_id);
	log_about(s->origin);
	shop_log_at(level, "worker: %s %s: %s, attempt %d%s", s->id,
	    said[s->outcome].what, answer, s->attempts, name);
	log_about(NULL);
}

/* Ids that are old enough go, a batch an hour and more while there are more. */
static void
prune(const struct klaviyo_store *store, int64_t *next)
{
	const int batch = 1000;
	int64_t now = utc_now();
	int64_t n;

	/* Further ahead than an hour: the clock was set back. */
	if (now < *next && *next - now <= PRUNE_SECONDS)
		return;
	n = klaviyo_outbox_prune(store, now - KEEP_SECONDS, batch);
	if (n < 0)
		shop_log_at(LOG_ERR, "worker: %s", klaviyo_error());
	*next = n == batch ? now : now + PRUNE_SECONDS;
}

/* Why a pass failed: the lock that it waited for in vain is no statement's. */
static const char *
why(void)
{
	return *shop_error() != '\0' ? shop_error() : klaviyo_error();
}

/* What is wrong is said when it begins, and while it lasts now and then. */
struct trouble {
	char text[256];
	int64_t said; /* 0 = nothing is wrong */
};

static void
trouble_say(struct trouble *trouble, const char *text)
{
	int64_t now = utc_now();

	if (trouble->said != 0 && now >= trouble->said &&
	    now - trouble->said < REPEAT_SECONDS &&
	    strncmp(trouble->text, text, sizeof(trouble->text) - 1) == 0)
		return;
	snprintf(trouble->text, sizeof(trouble->text), "%s", text);
	trouble->said = now;
	shop_log_at(LOG_ERR, "worker: %s", text);
}

static void
trouble_over(struct trouble *trouble)
{
	if (trouble->said != 0)
		shop_log("worker: the database answers again");
	trouble->said = 0;
}

/* Passes until SIGTERM.  A failing database is waited for: never give up; but
   one that is lost is a new process's to open. */
static int
run_forever(struct klaviyo *klaviyo, const struct klaviyo_store *store)
{
	struct klaviyo_tally sum = {0}, pass;
	char reason[sizeof(pass.reason)] = "";
	int64_t reported = utc_now(), prune_at = 0;
	struct trouble trouble = {.said = 0};

	shop_log("worker: delivering");
	while (!stopping) {
		int failed;

		shop_fail("%s", "");
		failed =
		    klaviyo_deliver(klaviyo, store, BATCH, &stopping, &pass);
		if (db_lost())
			return 1;
		add_tally(&sum, &pass);
		if (failed) {
			trouble_say(&trouble, why());
			rest(5000);
			continue;
		}
		trouble_over(&trouble);
		if (!pass.standby)
			prune(store, &prune_at);
		/* That nothing was due is no news of Klaviyo. */
		if (strcmp(reason, pass.reason) != 0 &&
		    (*pass.reason != '\0' || pass.sent > 0)) {
			snprintf(reason, sizeof(reason), "%s", pass.reason);
			shop_log_at(*reason == '\0' || pass.standby
			                ? LOG_NOTICE
			                : LOG_WARNING,
			    "worker: %s",
			    *reason != '\0' ? reason : "delivering again");
		}
		if (sum.claimed > sum.released &&
		    (utc_now() < reported || /* set back */
		        utc_now() - reported >= REPORT_SECONDS)) {
			report(&sum);
			memset(&sum, 0, sizeof(sum));
			reported = utc_now();
		}
		if (pass.wait_ms > 0)
			rest(pass.wait_ms < IDLE_MS ? pass.wait_ms : IDLE_MS);
		else if (pass.claimed == 0)
			rest(IDLE_MS);
	}
	report(&sum);
	return 0;
}

/* How many events are unsent, of all ages; -1.  The status counts the sent ones
   of years, too. */
static int64_t
unsent(const struct klaviyo_store *store)
{
	static const int64_t limit[KLAVIYO_AGES - 1] = {1, 2, 3, 4};
	int64_t count[KLAVIYO_AGES], n = 0;

	if (klaviyo_outbox_ages(store, utc_now(), limit, count) != 0)
		return -1;
	for (int i = 0; i < KLAVIYO_AGES; i++)
		n += count[i];
	return n;
}

/* The cron batch: until nothing is due, waiting only for the rate windows. */
static int
run_once(struct klaviyo *klaviyo, const struct klaviyo_store *store)
{
	struct klaviyo_tally sum = {0}, pass;
	int64_t prune_at = 0;
	int64_t left;

	do {
		shop_fail("%s", "");
		if (klaviyo_deliver(klaviyo, store, BATCH, &stopping, &pass) !=
		    0) {
			shop_complain("%s", why());
			return 1;
		}
		add_tally(&sum, &pass);
		if (pass.wait_ms > 0 && *pass.reason != '\0')
			break;
		if (pass.wait_ms > 0)
			rest(pass.wait_ms);
	} while (!stopping && (pass.claimed > 0 || pass.wait_ms > 0));
	while (!pass.standby && !stopping && prune_at <= utc_now())
		prune(store, &prune_at);
	if ((left = unsent(store)) < 0) {
		shop_complain("%s", why());
		return 1;
	}
	printf("%lld sent, %lld refused%s, %lld waiting%s%s\n",
	    (long long)sum.sent, (long long)sum.dead, dropped(&sum),
	    (long long)left,
	    *sum.reason != '\0' ? ": " : "", sum.reason);
	/* What waits is the other sender's: two cron batches may overlap. */
	return !pass.standby && left > 0 ? 1 : 0;
}

static int
dry_run_once(struct klaviyo *klaviyo, const struct klaviyo_store *store)
{
	struct klaviyo_tally tally;

	if (klaviyo_deliver(klaviyo, store, INT_MAX, NULL, &tally) != 0) {
		fprintf(stderr, "storefront: %s\n", klaviyo_error());
		return 1;
	}
	printf("%lld due; nothing was sent\n", (long long)tally.claimed);
	return 0;
}

/* For doctor: when the last batch ran, whatever came of it. */
static void
note_batch(struct db *db)
{
	if (db_run(db, NULL, NULL,
	        "INSERT INTO meta (name, value) VALUES ('last batch', $1) "
	        "ON CONFLICT (name) DO UPDATE SET value = $1",
	        NUM(utc_now())) < 0)
		shop_log_at(LOG_ERR, "worker: %s", shop_error());
}

/* 0, or the exit code. */
static int
read_options(const struct settings *settings, int argc, char **argv, bool *once,
    bool *dry)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--once") == 0)
			*once = true;
		else if (strcmp(argv[i], "--dry-run") == 0)
			*dry = true;
		else {
			fprintf(stderr,
			    "storefront: worker takes --once and "
			    "--dry-run, not '%s'\n",
			    argv[i]);
			return 2;
		}
	}
	if (strcmp(settings->delivery, "batch") == 0 && !*once && !*dry) {
		fprintf(stderr,
		    "storefront: KLAVIYO_DELIVERY is batch: only `worker "
		    "--once` sends, from cron or by storefront-batch.timer; "
		    "disable storefront-worker.service\n");
		return 2;
	}
	return 0;
}

int
worker_command(const struct settings *settings, int argc, char **argv)
{
	bool once = false, dry = false;
	struct sigaction action = {.sa_handler = on_signal};
	struct klaviyo *klaviyo;
	struct db *db;
	int code = read_options(settings, argc, argv, &once, &dry);

	if (code != 0)
		return code;
	db = db_open(settings);
	klaviyo =
	    db != NULL ? klaviyo_open(settings, db, dry, on_settled) : NULL;
	if (klaviyo == NULL) {
		shop_complain("%s", shop_error());
		db_close(db);
		return 1;
	}
	db_large(db);
	/* What one pass frees the next one takes: not by way of the kernel. */
	mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
	mallopt(M_TOP_PAD, KEEP_BYTES / 16);
	end_prepare();
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (dry)
		code = dry_run_once(klaviyo, db_store(db));
	else if (once)
		code = run_once(klaviyo, db_store(db));
	else
		code = run_forever(klaviyo, db_store(db));
	if (once && !dry && !db_lost())
		note_batch(db);
	if (!db_lost() && klaviyo_leave(klaviyo, db_store(db)) != 0)
		shop_log_at(LOG_ERR, "worker: %s", klaviyo_error());
	db_close(db);
	klaviyo_free(klaviyo);
	return code;
}
