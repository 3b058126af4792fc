/*
 * pages_feed.c - /feed/catalog.json and .xml: the catalogue for Klaviyo to
 * fetch, every six hours or so.
 *
 * The feed is written to a nameless file once per change of the catalogue, and
 * sent from there; a request costs one statement that tells whether something
 * has changed (a price, a stock, a text), so it is never stale, and not even
 * that while nothing at all was written to an SQLite database.  Who comes while
 * another thread writes it gets the former one, or waits.
 *
 * With KLAVIYO_CATALOG=api there is no feed: 410.
 *
 * Promises: memory does not grow with the catalogue; ETag and Last-Modified are
 * answered with 304; public, without a cookie.
 */
#include "pages.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEEP_SECONDS 300
#define NOTE_SECONDS 600

/* One of the two feeds, shared by the threads. */
static struct kept {
	const char *format, *type;
	pthread_mutex_t mutex;
	pthread_cond_t written;
	bool writing;
	char tag[48]; /* of what is in the file */
	int64_t time; /* when it was written */
	struct file_body *file;
} kept[] = {
    {"json", "application/json; charset=utf-8", PTHREAD_MUTEX_INITIALIZER,
        PTHREAD_COND_INITIALIZER, false, "", 0, NULL},
    {"xml", "application/xml; charset=utf-8", PTHREAD_MUTEX_INITIALIZER,
        PTHREAD_COND_INITIALIZER, false, "", 0, NULL},
};

/* ----------------------------------------------------------------- version */

static int
version_row(void *arg, int n, const char *const col[])
{
	struct text *version = arg;

	for (int i = 0; i < n; i++) {
		text_add(version, col[i] != NULL ? col[i] : "-");
		text_add(version, ".");
	}
	return version->failed ? shop_fail("out of memory") : 0;
}

/* A text that is another one after whatever changes the feed.  Sums with the
   row's id as a weight, so that two changes do not make up for each other. */
static int
read_tag(struct visit *visit, char tag[48])
{
	const struct settings *settings = visit->shop->settings;
	unsigned char hash[16];
	struct text text = {0};
	char base64[32];
	int result = -1;

	text_add(&text, settings->url);
	text_add(&text, visit->shop->currency);
	if (db_run(visit->shop->db, version_row, &text,
	        "SELECT COUNT(*), SUM(changed_at), SUM(published), "
	        "MAX(changed_at) FROM product") < 0 ||
	    db_run(visit->shop->db, version_row, &text,
	        "SELECT COUNT(*), MAX(id), "
	        "SUM((id % 65521) * (stock % 65521)), "
	        "SUM((id % 65521) * (price % 1000003)), SUM((id % 65521) * oversell) "
	        "FROM variant") < 0)
		goto out;
	crypto_generichash(hash, sizeof(hash), (const unsigned char *)text.data,
	    text.length, NULL, 0);
	sodium_bin2base64(base64, sizeof(base64), hash, sizeof(hash),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	snprintf(tag, 48, "\"%s\"", base64);
	result = 0;
out:
	text_free(&text);
	return result;
}

/* The same, without a look at the catalogue while nobody has written to the
   database since this thread's last look. */
static int
version_tag(struct visit *visit, char tag[48])
{
	struct shop *shop = visit->shop;
	int64_t stamp[2];
	/* Taken before: what is committed meanwhile makes it another. */
	bool stamped = db_stamp(shop->db, stamp) == 0;

	if (stamped && *shop->feed.tag != '\0' &&
	    memcmp(stamp, shop->feed.stamp, sizeof(stamp)) == 0) {
		memcpy(tag, shop->feed.tag, sizeof(shop->feed.tag));
		return 0;
	}
	if (read_tag(visit, tag) != 0)
		return -1;
	if (stamped) {
		memcpy(shop->feed.stamp, stamp, sizeof(stamp));
		memcpy(shop->feed.tag, tag, sizeof(shop->feed.tag));
	}
	return 0;
}

/* ----------------------------------------------------------------- writing */

static int
write_piece(void *arg, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t done = write(*(int *)arg, data, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -1;
		data += done;
		n -= (size_t)done;
	}
	return 0;
}

static struct file_body *
write_feed(struct visit *visit, const char *format)
{
	struct feed_counts counts;
	int fd = scratch_file();

	if (fd < 0)
		return NULL;
	if (tracking_feed(visit->shop->settings, visit->shop->db,
	        visit->shop->currency, format, write_piece, &fd,
	        &counts) != 0) {
		close(fd);
		return NULL;
	}
	if (counts.left_out > 0)
		shop_log_at(LOG_WARNING, "feed: %lld of %lld products left out",
		    (long long)counts.left_out,
		    (long long)counts.items + counts.left_out);
	if (counts.bytes > FEED_MAX)
		shop_log_at(LOG_WARNING,
		    "feed: %lld MB, and Klaviyo takes 100 at most: see "
		    "KLAVIYO_CATALOG=api",
		    (long long)(counts.bytes / 1000000));
	return file_body_new(fd, lseek(fd, 0, SEEK_END));
}

/* The feed of this version, or a former one while another thread writes it;
   NULL with shop_error(). */
static struct file_body *
take_feed(struct visit *visit, struct kept *k, char tag[48], int64_t *time)
{
	struct file_body *file = NULL;

	pthread_mutex_lock(&k->mutex);
	while (k->writing && k->file == NULL)
		pthread_cond_wait(&k->written, &k->mutex);
	if (!k->writing && strcmp(k->tag, tag) != 0) {
		k->writing = true;
		pthread_mutex_unlock(&k->mutex);
		file = write_feed(visit, k->format);
		pthread_mutex_lock(&k->mutex);
		k->writing = false;
		if (file != NULL) {
			file_body_free(k->file);
			k->file = file;
			memcpy(k->tag, tag, sizeof(k->tag));
			k->time = visit->request->now;
		}
		pthread_cond_broadcast(&k->written);
		if (file == NULL)
			goto out;
	}
	file = file_body_share(k->file);
	memcpy(tag, k->tag, sizeof(k->tag));
	*time = k->time;
out:
	pthread_mutex_unlock(&k->mutex);
	return file;
}

/* ------------------------------------------------------------------ answer */

static const char *
http_date(char text[40], int64_t seconds)
{
	return utc_text(text, 40, "%a, %d %b %Y %H:%M:%S GMT", seconds);
}

static bool
not_modified(const struct request *request, const char *tag, int64_t time)
{
	struct tm tm = {0};
	const char *end;

	/* Where both are given, the tag decides. */
	if (*request->if_none_match != '\0')
		return strstr(request->if_none_match, tag) != NULL;
	if (*request->if_modified_since == '\0')
		return false;
	end = strptime(
	    request->if_modified_since, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return end != NULL && *end == '\0' && timegm(&tm) >= time;
}

/* Klaviyo takes the feed or what is pushed, never both.  That somebody asks is
   noted, for `doctor`, now and then. */
static int
feed_off(struct visit *visit)
{
	static _Atomic int64_t noted;
	int64_t now = visit->request->now;

	if (now - noted >= NOTE_SECONDS || now < noted) {
		noted = now;
		if (catalog_note(visit->shop->db, "feed asked", now) != 0)
			return -1;
	}
	visit->response->status = 410;
	response_header(visit->response, "Content-Type", "text/plain");
	response_header(visit->response, "Cache-Control", "no-store");
	text_add(&visit->response->body,
	    "No feed here: this shop tells Klaviyo its catalogue by the "
	    "Catalog API (KLAVIYO_CATALOG=api).\n");
	return 0;
}

static int
feed_page(struct visit *visit, struct kept *k)
{
	struct response *response = visit->response;
	struct file_body *file;
	char tag[48], date[40];
	int64_t time;

	if (strcmp(visit->shop->settings->catalog, "feed") != 0)
		return feed_off(visit);
	if (version_tag(visit, tag) != 0 ||
	    (file = take_feed(visit, k, tag, &time)) == NULL)
		return -1;
	response_header(response, "Content-Type", k->type);
	response_header(response, "ETag", tag);
	response_header(response, "Last-Modified", http_date(date, time));
	response_header(response, "Cache-Control",
	    arena_printf(visit->arena, "public, max-age=%d", KEEP_SECONDS));
	if (not_modified(visit->request, tag, time)) {
		response->status = 304;
		file_body_free(file);
	} else {
		response->file = file;
	}
	return 0;
}

int
feed_json_page(struct visit *visit)
{
	return feed_page(visit, &kept[0]);
}

int
feed_xml_page(struct visit *visit)
{
	return feed_page(visit, &kept[1]);
}
