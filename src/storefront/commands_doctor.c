/*
 * commands_doctor.c - `storefront doctor`: the settings, and what they point
 * to.
 *
 * Promises: each check is one line: ok; WRONG with what to do, and the exit
 * code is 1; or note, for what may be meant.  One check that cannot be made
 * does not stop the others.  Nothing is changed.  With --offline nobody is
 * asked; without, only Klaviyo.
 */
#include "doctor.h"
#include "tpl.h"

#include <errno.h>
#include <klaviyo.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <time.h>

#define MINUTE INT64_C(60)
#define YEAR (365 * 86400L)
#define BATCH_MAX (30 * MINUTE)
#define AGE_MAX (30 * MINUTE)

int
doctor_says(const char *what, const char *why, ...)
{
	va_list args;

	if (why == NULL) {
		printf("ok    %s\n", what);
		return 0;
	}
	printf("WRONG %s: ", what);
	va_start(args, why);
	vprintf(why, args);
	va_end(args);
	printf("\n");
	return 1;
}

void
doctor_notes(const char *what, const char *format, ...)
{
	va_list args;

	printf("note  %s: ", what);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

/* By shop_error(), if ${result} is not 0. */
static int
finding(int result, const char *what)
{
	return result == 0 ? doctor_says(what, NULL)
	                   : doctor_says(what, "%s", shop_error());
}

/* -------------------------------------------------------------------- files */

/* ${most}: the bits of its mode that may be set; ${mode} is what chmod takes.
 */
static int
check_file(const char *what, const char *path, mode_t most, const char *mode)
{
	struct stat stat_buf;

	if (stat(path, &stat_buf) != 0)
		return doctor_says(what, "%s: %s", path, strerror(errno));
	if (!S_ISREG(stat_buf.st_mode))
		return doctor_says(what, "%s is no file", path);
	if ((stat_buf.st_mode & 0777 & ~most) != 0)
		return doctor_says(what,
		    "%s can be read or written by others: chmod %s %s", path,
		    mode, path);
	return doctor_says(what, NULL);
}

/* A directory in which others may put or exchange files is no safe place. */
static int
check_directory(const char *what, const char *path, bool optional)
{
	const char *slash = strrchr(path, '/');
	struct stat stat_buf;
	char dir[4096];

	snprintf(dir, sizeof(dir), "%.*s",
	    slash == NULL   ? 1
	    : slash == path ? 1
	                    : (int)(slash - path),
	    slash == NULL ? "." : path);
	if (stat(dir, &stat_buf) != 0) {
		if (!optional)
			return doctor_says(
			    what, "%s: %s", dir, strerror(errno));
		doctor_notes(what, "%s is not there: `serve` needs it", dir);
		return 0;
	}
	if ((stat_buf.st_mode & S_IWOTH) != 0)
		return doctor_says(what,
		    "anybody may write to %s: chmod o-w %s, or use a "
		    "directory of its own",
		    dir, dir);
	return doctor_says(what, NULL);
}

static int
check_files(const struct settings *s)
{
	unsigned char secret[32];
	int faults;

	faults = finding(tpl_load(s->templates), "templates");
	faults += secret_load(s, secret) != 0
	              ? finding(-1, "secret file")
	              : check_file("secret file", s->secret_file, 0600, "0600");
	if (access(s->status_password_file, F_OK) == 0)
		faults += check_file("status page's password",
		    s->status_password_file, 0600, "0600");
	else
		doctor_notes("status page's password",
		    "%s is not there: `storefront init` writes it",
		    s->status_password_file);
	/* The worker reads it; here it is looked at from outside. */
	if (*s->private_key_file == '\0')
		faults += doctor_says("private key file",
		    "KLAVIYO_PRIVATE_KEY_FILE is not set: the worker cannot "
		    "deliver");
	else
		faults += check_file(
		    "private key file", s->private_key_file, 0700, "0400");
	if (strncmp(s->listen, "unix:", 5) == 0)
		faults +=
		    check_directory("socket directory", s->listen + 5, true);
	if (strstr(s->db, "://") == NULL) {
		faults += check_file("database file", s->db, 0700, "0600");
		faults += check_directory("database directory", s->db, false);
	}
	return faults;
}

/* ---------------------------------------------------------- clock, revision */

static int
number_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

static int
currency_row(void *arg, int n, const char *const col[])
{
	(void)n;
	snprintf(arg, 4, "%s", col[0]);
	return 0;
}

/* The newest row was written by this clock, or by that of another host. */
static int
check_clock(struct db *db, int64_t now)
{
	static const char *const newest[] = {
	    "SELECT COALESCE(MAX(time), 0) FROM orders",
	    "SELECT COALESCE(MAX(changed_at), 0) FROM cart",
	    "SELECT COALESCE(MAX(changed_at), 0) FROM product"};
	int64_t latest = 0, one = 0;

	if (now < 1767225600) /* 2026: this program is no older */
		return doctor_says("clock", "it shows a time long past: set "
		                            "it, and let NTP keep it");
	for (size_t i = 0; i < sizeof(newest) / sizeof(*newest); i++) {
		if (db_run(db, number_row, &one, newest[i]) < 0)
			return finding(-1, "clock");
		latest = one > latest ? one : latest;
	}
	if (latest > now + 2 * MINUTE)
		return doctor_says("clock",
		    "the shop's newest entry is %lld s ahead of it: one of "
		    "the hosts' clocks is wrong, let NTP keep them",
		    (long long)(latest - now));
	return doctor_says("clock", NULL);
}

/* init has fixed it; a setting of another one changes no price, and stops the
   next init. */
static int
check_currency(const struct settings *s, struct db *db)
{
	char currency[4] = "";

	if (db_run(db, currency_row, currency,
	        "SELECT value FROM meta WHERE name = 'currency'") < 0)
		return finding(-1, "currency");
	if (strcmp(s->currency, currency) == 0)
		return doctor_says("currency", NULL);
	return doctor_says("currency",
	    "the shop's prices are in %s since `storefront init`, and "
	    "STOREFRONT_CURRENCY is %s: set it to %s, another currency is "
	    "another database",
	    currency, s->currency, currency);
}

/* Klaviyo keeps a revision stable for a year, and alive for another. */
static int
check_revision(const struct settings *s, int64_t now)
{
	struct tm tm = {0};
	const char *end = strptime(s->revision, "%Y-%m-%d", &tm);
	int64_t day;

	if (end == NULL || *end != '\0')
		return doctor_says("revision",
		    "%s is no day: use one of Klaviyo's, such "
		    "as " KLAVIYO_REVISION,
		    s->revision);
	day = timegm(&tm);
	if (day > now)
		return doctor_says("revision",
		    "%s is yet to come: Klaviyo refuses it", s->revision);
	if (day < now - 2 * YEAR)
		return doctor_says("revision",
		    "%s is older than two years, retired: Klaviyo answers by "
		    "another one; unset KLAVIYO_REVISION, or update",
		    s->revision);
	if (day < now - YEAR) {
		doctor_notes("revision",
		    "%s is older than a year, deprecated: it is retired when "
		    "it is two; update before",
		    s->revision);
		return 0;
	}
	return doctor_says("revision", NULL);
}

/* --------------------------------------------------------- batch, outbox */

/* Abandoned-cart mails go out an hour after the event, or later: by then the
   batch must have told that the order is there. */
static int
check_batch(struct db *db, int64_t now)
{
	int64_t last = 0;

	if (db_run(db, number_row, &last,
	        "SELECT value FROM meta WHERE name = 'last batch'") < 0)
		return finding(-1, "last batch");
	if (last == 0)
		return doctor_says("last batch",
		    "none yet: run `worker --once` every 15 minutes, see "
		    "www/storefront.cron");
	if (last > now + 2 * MINUTE)
		return doctor_says("last batch",
		    "%lld min ahead of this clock: one of the hosts' clocks is "
		    "wrong, let NTP keep them",
		    (long long)((last - now) / MINUTE));
	if (now - last > BATCH_MAX)
		return doctor_says("last batch",
		    "%lld min ago; Klaviyo asks for one every 30 min at "
		    "least: look after cron or the timer",
		    (long long)((now - last) / MINUTE));
	return doctor_says("last batch", NULL);
}

static int
check_outbox(struct db *db, int64_t now)
{
	struct klaviyo_status s;
	int faults = 0;

	if (klaviyo_outbox_status(db_store(db), now, &s) != 0)
		return doctor_says("outbox", "%s", klaviyo_error());
	if (s.paused_until > now)
		faults += doctor_says("outbox",
		    "paused for %lld s: %s; `outbox retry --all` once that is "
		    "mended",
		    (long long)(s.paused_until - now), s.reason);
	if (s.dead > 0)
		faults += doctor_says("outbox",
		    "%lld dead letters: `storefront outbox list dead` shows "
		    "why; then retry or drop them",
		    (long long)s.dead);
	if (s.oldest_realtime != 0 && now - s.oldest_realtime > AGE_MAX)
		faults +=
		    doctor_says("outbox", "an event has waited for %lld min%s",
		        (long long)((now - s.oldest_realtime) / MINUTE),
		        *s.sender == '\0' ? ": nobody sends, start `storefront "
		                            "worker`"
		                          : "");
	if (s.refused > 0)
		doctor_notes("outbox",
		    "%lld events were not queued, because it was full "
		    "(KLAVIYO_OUTBOX_LIMIT)",
		    (long long)s.refused);
	return faults > 0 ? faults : doctor_says("outbox", NULL);
}

/* ---------------------------------------------------------------- the command
 */

static int
check_database(const struct settings *settings, int64_t now)
{
	struct db *db = db_open(settings);
	char version[160];
	int faults;

	if (db == NULL) {
		faults = finding(-1, "database");
		doctor_notes("clock, outbox", "not checked without it");
		return faults;
	}
	db_describe(db, version, sizeof(version));
	faults = doctor_says(version, NULL);
	faults += check_clock(db, now);
	faults += check_currency(settings, db);
	faults += check_outbox(db, now);
	if (strcmp(settings->delivery, "batch") == 0)
		faults += check_batch(db, now);
	faults += catalog_doctor(settings, db, stdout);
	db_close(db);
	return faults;
}

int
doctor_command(const struct settings *loaded, int argc, char **argv)
{
	bool offline = argc == 2 && strcmp(argv[1], "--offline") == 0;
	struct settings settings;
	int64_t now = utc_now();
	int faults;

	(void)loaded;
	if (argc != 1 && !offline) {
		fprintf(stderr, "storefront: doctor takes --offline, or "
		                "nothing\n");
		return 2;
	}
	faults = settings_report(stdout);
	if (faults > 0)
		return 1;
	settings_load(&settings);
	printf("\n");
	faults += check_files(&settings);
	faults += check_database(&settings, now);
	faults += check_revision(&settings, now);
	if (*settings.public_key == '\0')
		doctor_notes("public key",
		    "KLAVIYO_PUBLIC_KEY is not set: pages carry no tracking");
	if (settings.csp_report)
		doctor_notes("the pages' policy",
		    "only reported (STOREFRONT_CSP): what it forbids happens");
	if (offline)
		doctor_notes("Klaviyo", "not asked (--offline): keys, scopes "
		                        "and its clock are not checked");
	else
		faults += doctor_ask(
		    &settings, access(settings.private_key_file, F_OK) == 0);
	return faults > 0;
}
