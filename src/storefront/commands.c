/*
 * commands.c - init, doctor.  Others have files of their own: commands_*.c.
 *
 * Each prints for people; exit codes as main.c says.
 */
#include "tpl.h"

#include <errno.h>
#include <fcntl.h>
#include <klaviyo.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH_MAX (30 * 60)
#define FILE_MAX (256L << 20)

static int
failed(void)
{
	fprintf(stderr, "storefront: %s\n", shop_error());
	return 1;
}

static int
wrong_call(const char *what)
{
	fprintf(stderr, "storefront: %s (see `storefront --help`)\n", what);
	return 2;
}

/* ---------------------------------------------------------------------- init
 */

/* Writes a new secret where there is none; never over one. */
static int
make_secret(const struct settings *settings)
{
	unsigned char secret[32];
	char text[66];
	int fd;

	fd = open(settings->secret_file,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return secret_load(settings, secret);
	if (fd < 0)
		return shop_fail("%s: %s (STOREFRONT_SECRET_FILE)",
		    settings->secret_file, strerror(errno));
	randombytes_buf(secret, sizeof(secret));
	sodium_bin2hex(text, 65, secret, sizeof(secret));
	text[64] = '\n';
	if (write(fd, text, 65) != 65 || fsync(fd) != 0) {
		shop_fail("%s: %s", settings->secret_file, strerror(errno));
		close(fd);
		unlink(settings->secret_file);
		return -1;
	}
	return close(fd);
}

static char *
read_file(const char *path, size_t *length)
{
	FILE *file = fopen(path, "re");
	struct stat stat;
	char *text = NULL;

	if (file == NULL || fstat(fileno(file), &stat) != 0) {
		shop_fail("%s: %s", path, strerror(errno));
	} else if (!S_ISREG(stat.st_mode) || stat.st_size > FILE_MAX) {
		shop_fail("%s: no file of at most 256 MiB", path);
	} else if ((text = malloc((size_t)stat.st_size + 1)) == NULL) {
		shop_fail("out of memory");
	} else {
		*length = fread(text, 1, (size_t)stat.st_size, file);
		text[*length] = '\0';
	}
	if (file != NULL)
		fclose(file);
	return text;
}

static int
count_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

static int
load_catalog(struct db *db, const struct settings *settings, const char *path)
{
	struct import_counts counts;
	char *file = NULL;
	const char *text = demo_csv;
	size_t length = strlen(demo_csv);
	int result;

	if (path != NULL)
		text = file = read_file(path, &length);
	if (text == NULL)
		return -1;
	result = catalog_import(db, text, length, settings->currency, &counts);
	if (result == 0)
		printf("%s: %lld products, %lld variants\n",
		    path != NULL ? path : "demo catalogue",
		    (long long)counts.products, (long long)counts.variants);
	else if (path != NULL)
		shop_fail(
		    "%s: %s; nothing was loaded", path, strdupa(shop_error()));
	free(file);
	return result;
}

int
init_command(const struct settings *settings, int argc, char **argv)
{
	const char *catalog = NULL;
	int64_t products = 0;
	struct db *db;
	int code = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--catalog") == 0 && i + 1 < argc)
			catalog = argv[++i];
		else
			return wrong_call("init takes --catalog FILE.csv");
	}
	if (sodium_init() < 0 || make_secret(settings) != 0)
		return failed();
	db = db_create(settings);
	if (db == NULL)
		return failed();
	if (db_run(db, count_row, &products, "SELECT COUNT(*) FROM product") <
	    0)
		failed();
	else if (catalog == NULL && products > 0)
		code = printf("%s is there already, with %lld products\n",
		           db_name(db), (long long)products) < 0;
	else
		code = load_catalog(db, settings, catalog) != 0 ? failed() : 0;
	db_close(db);
	return code;
}

/* -------------------------------------------------------------------- doctor
 */

static int
finding(bool ok, const char *what)
{
	printf("%-5s %s%s%s\n", ok ? "ok" : "WRONG", what, ok ? "" : ": ",
	    ok ? "" : shop_error());
	return ok ? 0 : 1;
}

/* The key's file is checked by name and mode only: the worker reads it. */
static int
check_key(const struct settings *settings)
{
	struct stat stat_buf;
	const char *path = settings->private_key_file;
	bool ok = true;

	if (*path == '\0')
		ok = shop_fail("KLAVIYO_PRIVATE_KEY_FILE is not set: the "
		               "worker cannot deliver") == 0;
	else if (stat(path, &stat_buf) != 0)
		ok = shop_fail("%s: %s", path, strerror(errno)) == 0;
	else if ((stat_buf.st_mode & 0077) != 0)
		ok = shop_fail("%s can be read by others: chmod 0400 %s", path,
		         path) == 0;
	return finding(ok, "private key file");
}

static int
batch_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

/* Abandoned-cart mails go out an hour after the event, or later: by then the
   batch must have told that the order is there. */
static int
check_batch(struct db *db)
{
	int64_t last = 0, age;

	if (db_run(db, batch_row, &last,
	        "SELECT value FROM meta WHERE name = 'last batch'") < 0)
		return finding(false, "last batch");
	age = time(NULL) - last;
	if (last == 0)
		shop_fail("none yet: run `worker --once` every 15 minutes, "
		          "see www/storefront.cron");
	else if (age > BATCH_MAX)
		shop_fail("%lld min ago; Klaviyo asks for one every 30 min at "
		          "least: look after cron or the timer",
		    (long long)(age / 60));
	return finding(last != 0 && age <= BATCH_MAX, "last batch");
}

int
doctor_command(const struct settings *loaded, int argc, char **argv)
{
	int faults = settings_report(stdout);
	unsigned char secret[32];
	struct settings settings;
	char version[160];
	struct db *db;

	(void)loaded, (void)argv;
	if (argc != 1)
		return wrong_call("doctor takes no arguments");
	if (faults > 0)
		return 1;
	settings_load(&settings);
	printf("\n");
	faults += finding(tpl_load(settings.templates) == 0, "templates");
	faults += finding(secret_load(&settings, secret) == 0, "secret file");
	db = db_open(&settings);
	if (db != NULL)
		db_describe(db, version, sizeof(version));
	faults += finding(db != NULL, db != NULL ? version : "database");
	if (db != NULL && strcmp(settings.delivery, "batch") == 0)
		faults += check_batch(db);
	if (db != NULL)
		faults += catalog_doctor(&settings, db, stdout);
	db_close(db);
	faults += check_key(&settings);
	if (*settings.public_key == '\0')
		printf("note  KLAVIYO_PUBLIC_KEY is not set: pages carry no "
		       "tracking\n");
	return faults > 0;
}
