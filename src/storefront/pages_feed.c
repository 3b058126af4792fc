/*
 * pages_feed.c - /feed/catalog.json and .xml: the catalogue for Klaviyo to
 * fetch, every six hours or so.
 *
 * The feed is written to a nameless file once per change of the catalogue, and
 * sent from there, to who asked first while it is being written; a request
 * costs one statement that tells whether something has changed (a price, a
 * stock, a text), so it is never stale, and not even that while nothing at all
 * was written to an SQLite database.  Who comes while another thread writes it
 * gets the former one, or, if there is none, the new one as it grows.
 *
 * With KLAVIYO_CATALOG=api there is no feed: 410.
 *
 * Promises: memory does not grow with the catalogue; no transaction is open
 * while somebody is sent to; ETag and Last-Modified are answered with 304, for
 * which nothing is written; public, without a cookie.
 */
#include "pages.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>
#include <time.h>

#define KEEP_SECONDS 300
#define NOTE_SECONDS 600

/* What was in the catalogue at a time. */
struct edition {
	char tag[48];
	int64_t time;
	struct file_body *file; /* NULL: none */
};

/* One of the two feeds, shared by the threads. */
static struct feed {
	const char *format, *type;
	pthread_mutex_t mutex;
	struct edition whole, growing;
	int64_t latest; /* edition's time */
} feeds[] = {
    {.format = "json",
        .type = "application/json; charset=utf-8",
        .mutex = PTHREAD_MUTEX_INITIALIZER},
    {.format = "xml",
        .type = "application/xml; charset=utf-8",
        .mutex = PTHREAD_MUTEX_INITIALIZER},
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

/* A text that is another one after whatever changes the feed, this program
   included: by the marks, which are random, and the stock, which leaves none.
   Each variant's is made a number that two changes of stock do not make up for,
   but by chance.  Small rows only, and no product. */
static int
read_tag(struct visit *visit, char tag[48])
{
	const struct settings *settings = visit->shop->settings;
	unsigned char hash[16];
	struct text text = {0};
	char base64[32];
	int result = -1;

	text_add(&text, VERSION " ");
	text_add(&text, settings->url);
	text_add(&text, visit->shop->currency);
	if (db_run(visit->shop->db, version_row, &text,
	        "SELECT SUM(mark >> 24) FROM shelf_mark") < 0 ||
	    db_run(visit->shop->db, version_row, &text,
	        "SELECT SUM(id * 1000003 % 2147483629 * "
	        "(stock % 1073741789) % 2147483647) FROM variant") < 0)
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

struct writing {
	struct file_body *file;
	file_body_more *more;
	void *arg;
};

static int
write_piece(void *arg, const char *data, size_t n)
{
	const struct writing *w = arg;

	if (file_body_write(w->file, data, n) != 0) {
		shop_log_at(LOG_ERR, "feed: %s", shop_error());
		return -1;
	}
	if (w->more != NULL)
		w->more(w->arg);
	return 0;
}

/* What was growing takes its place, or is forgotten.  With the mutex held. */
static void
settle(struct feed *feed)
{
	enum file_state state;
	int64_t length;

	if (feed->growing.file == NULL)
		return;
	state = file_body_state(feed->growing.file, &length);
	if (state == FILE_GROWS)
		return;
	if (state == FILE_WHOLE) {
		file_body_free(feed->whole.file);
		feed->whole = feed->growing;
	} else {
		file_body_free(feed->growing.file);
	}
	feed->growing.file = NULL;
}

static void
tell_counts(const struct feed_counts *counts)
{
	int64_t all = counts->items + counts->left_out;

	if (counts->left_out > 0)
		shop_log_at(LOG_WARNING, "feed: %lld of %lld products left out",
		    (long long)counts->left_out, (long long)all);
	if (counts->bytes > FEED_MAX)
		shop_log_at(LOG_WARNING,
		    "feed: %lld MB, and Klaviyo takes 100 at most: see "
		    "KLAVIYO_CATALOG=api",
		    (long long)(counts->bytes / 1000000));
}

/* A file_body_make: the thread's that asked for it first. */
static void
make_feed(void *make_arg, struct shop *shop, struct file_body *file,
    file_body_more *more, void *arg)
{
	struct writing w = {file, more, arg};
	struct feed *feed = make_arg;
	struct feed_counts counts;
	bool whole = tracking_feed(shop->settings, shop->db, shop->currency,
	                 feed->format, write_piece, &w, &counts) == 0;

	if (whole)
		tell_counts(&counts);
	else
		shop_log_at(LOG_ERR, "feed: cut off after %lld bytes: %s",
		    (long long)counts.bytes, shop_error());
	file_body_end(file, whole);
	pthread_mutex_lock(&feed->mutex);
	settle(feed);
	pthread_mutex_unlock(&feed->mutex);
}

/* The edition of this tag; a former one, while another thread writes: it is
   there at once, and no thread waits for it; else a new one, which the answer's
   sender is to make.  For ${head} that is one that nobody makes. */
static int
take_edition(
    struct feed *feed, bool head, struct edition *edition, bool *to_make)
{
	const struct edition *from = NULL;

	*to_make = false;
	pthread_mutex_lock(&feed->mutex);
	settle(feed);
	if (feed->whole.file != NULL &&
	    (feed->growing.file != NULL ||
	        strcmp(feed->whole.tag, edition->tag) == 0))
		from = &feed->whole;
	else if (feed->growing.file != NULL)
		from = &feed->growing;
	if (from != NULL) {
		*edition = *from;
		file_body_share(edition->file);
	} else {
		edition->file = file_body_new(scratch_file());
		if (edition->file != NULL && !head) {
			/* No two of one second: who has the former one, and
			   asks by its time only, is told of this one. */
			if (edition->time <= feed->latest)
				edition->time = feed->latest + 1;
			feed->latest = edition->time;
			feed->growing = *edition;
			file_body_share(edition->file);
			*to_make = true;
		}
	}
	pthread_mutex_unlock(&feed->mutex);
	return edition->file != NULL ? 0 : -1;
}

/* ------------------------------------------------------------------ answer */

static const char *
http_date(char text[40], int64_t seconds)
{
	return utc_text(text, 40, "%a, %d %b %Y %H:%M:%S GMT", seconds);
}

static bool
not_since(const struct request *request, int64_t time)
{
	struct tm tm = {0};
	const char *end;

	/* Where both are given, the tag decides. */
	if (*request->if_none_match != '\0' ||
	    *request->if_modified_since == '\0')
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

static void
edition_headers(
    struct visit *visit, const struct feed *feed, const struct edition *edition)
{
	struct response *response = visit->response;
	char date[40];

	response_header(response, "Content-Type", feed->type);
	response_header(response, "ETag", edition->tag);
	if (edition->file != NULL)
		response_header(
		    response, "Last-Modified", http_date(date, edition->time));
	response_header(response, "Cache-Control",
	    arena_printf(visit->arena, "public, max-age=%d", KEEP_SECONDS));
}

static int
feed_page(struct visit *visit, struct feed *feed)
{
	const struct request *request = visit->request;
	struct response *response = visit->response;
	struct edition edition = {.time = request->now};
	bool to_make;

	if (strcmp(visit->shop->settings->catalog, "feed") != 0)
		return feed_off(visit);
	if (version_tag(visit, edition.tag) != 0)
		return -1;
	if (strstr(request->if_none_match, edition.tag) != NULL) {
		response->status = 304;
		edition_headers(visit, feed, &edition);
		return 0;
	}
	if (take_edition(feed, strcmp(request->method, "HEAD") == 0, &edition,
	        &to_make) != 0)
		return -1;
	edition_headers(visit, feed, &edition);
	response->file = edition.file;
	if (to_make) {
		response->make = make_feed;
		response->make_arg = feed;
	} else if (strstr(request->if_none_match, edition.tag) != NULL ||
	           not_since(request, edition.time)) {
		response->status = 304;
	}
	return 0;
}

int
feed_json_page(struct visit *visit)
{
	return feed_page(visit, &feeds[0]);
}

int
feed_xml_page(struct visit *visit)
{
	return feed_page(visit, &feeds[1]);
}
