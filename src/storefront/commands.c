/*
 * commands.c - init.  Others have files of their own: commands_*.c.
 *
 * Each prints for people; exit codes as main.c says.
 */
#include "storefront.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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

/* Writes a line into a new file that is ours alone; never over one.  1; 0:
   there is one already; -1. */
static int
write_new(const char *path, const char *setting, const char *line)
{
	ssize_t length = (ssize_t)strlen(line);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		return 0;
	if (fd < 0)
		return shop_fail("%s: %s (%s)", path, strerror(errno), setting);
	if (write(fd, line, (size_t)length) != length || fsync(fd) != 0) {
		shop_fail("%s: %s", path, strerror(errno));
		close(fd);
		unlink(path);
		return -1;
	}
	return close(fd) != 0 ? -1 : 1;
}

/* A secret that is there must be one. */
static int
make_secret(const struct settings *settings)
{
	unsigned char secret[32];
	char text[66];
	int made;

	randombytes_buf(secret, sizeof(secret));
	sodium_bin2hex(text, 65, secret, sizeof(secret));
	text[64] = '\n';
	text[65] = '\0';
	made = write_new(settings->secret_file, "STOREFRONT_SECRET_FILE", text);
	return made == 0 ? secret_load(settings, secret) : made < 0 ? -1 : 0;
}

/* For the operator's page: a password that nobody has to think of. */
static int
make_password(const struct settings *settings)
{
	unsigned char random[18];
	char text[26];

	randombytes_buf(random, sizeof(random));
	sodium_bin2base64(text, sizeof(text), random, sizeof(random),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	text[24] = '\n';
	text[25] = '\0';
	return write_new(settings->status_password_file,
	           "STOREFRONT_STATUS_PASSWORD_FILE", text) < 0
	           ? -1
	           : 0;
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
	if (sodium_init() < 0 || make_secret(settings) != 0 ||
	    make_password(settings) != 0)
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
