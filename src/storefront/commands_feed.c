/*
 * commands_feed.c - `storefront feed json|xml [-o FILE]`: the catalog feed as a
 * file, for a web server to hand out.
 *
 * Promises: FILE is the former feed or the new one, whole, at any moment: what
 * is written is written beside it, synced, and then takes its name.
 */
#include "storefront.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
write_all(void *arg, const char *data, size_t n)
{
	int fd = *(int *)arg;

	while (n > 0) {
		ssize_t done = write(fd, data, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return shop_fail("%s", strerror(errno));
		data += done;
		n -= (size_t)done;
	}
	return 0;
}

static int
first_column(void *arg, int n, const char *const col[])
{
	(void)n;
	snprintf(arg, 4, "%s", col[0]);
	return 0;
}

static int
feed_to(const struct settings *settings, const char *format, int fd,
    struct feed_counts *counts)
{
	char currency[4] = "";
	struct db *db = db_open(settings);
	int result = -1;

	if (db == NULL)
		return -1;
	if (db_run(db, first_column, currency,
	        "SELECT value FROM meta WHERE name = 'currency'") >= 0)
		result = tracking_feed(
		    settings, db, currency, format, write_all, &fd, counts);
	db_close(db);
	return result;
}

/* Beside the file, and then over it. */
static int
feed_to_file(const struct settings *settings, const char *format,
    const char *path, struct feed_counts *counts)
{
	char *beside = NULL, why[256];
	int fd = -1, result = -1;

	if (asprintf(&beside, "%s.XXXXXX", path) < 0)
		return shop_fail("out of memory");
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd >= 0 && feed_to(settings, format, fd, counts) != 0)
		result = -1;
	else if (fd < 0 || fchmod(fd, 0644) != 0 || fsync(fd) != 0 ||
	         rename(beside, path) != 0)
		shop_fail("%s: %s", path, strerror(errno));
	else
		result = 0;
	if (result != 0 && fd >= 0) {
		snprintf(why, sizeof(why), "%s", shop_error());
		unlink(beside);
		shop_fail("%s; %s is as it was", why, path);
	}
	if (fd >= 0)
		close(fd);
	free(beside);
	return result;
}

int
feed_command(const struct settings *settings, int argc, char **argv)
{
	const char *format = argc > 1 ? argv[1] : "", *path = NULL;
	struct feed_counts counts = {0};
	int result;

	if ((strcmp(format, "json") != 0 && strcmp(format, "xml") != 0) ||
	    (argc != 2 && (argc != 4 || strcmp(argv[2], "-o") != 0 ||
	                      *argv[3] == '\0'))) {
		fprintf(stderr,
		    "storefront: feed takes json or xml, and -o FILE\n");
		return 2;
	}
	if (argc == 4)
		path = argv[3];
	if (strcmp(settings->catalog, "feed") != 0)
		fprintf(stderr,
		    "storefront: note: KLAVIYO_CATALOG is api: do not let "
		    "Klaviyo fetch this as well\n");
	result = path != NULL
	             ? feed_to_file(settings, format, path, &counts)
	             : feed_to(settings, format, STDOUT_FILENO, &counts);
	if (result != 0) {
		fprintf(stderr, "storefront: %s\n", shop_error());
		return 1;
	}
	if (counts.bytes > FEED_MAX)
		fprintf(stderr,
		    "storefront: note: this feed has %lld MB and Klaviyo takes "
		    "100 at most: see KLAVIYO_CATALOG=api, `catalog push`\n",
		    (long long)(counts.bytes / 1000000));
	if (path != NULL)
		printf("%s: %lld items, %lld left out\n", path,
		    (long long)counts.items, (long long)counts.left_out);
	return 0;
}
