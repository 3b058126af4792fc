/*
 * feed.c - the catalog feed, JSON or XML, one item after the other.
 *
 *   JSON  [{"id":"1111","title":"..","link":"..","description":"..",
 *          "price":9.99,"image_link":"..","categories":["..",".."],
 *          "inventory_quantity":3,"inventory_policy":1}, ..]
 *   XML   <Products><Product><id>1111</id>..<categories>a,b</categories>..
 *
 * Promises: flat, as Klaviyo reads it; an item that lacks a required field, or
 * is no UTF-8, is refused, and the feed goes on without it; numbers are
 * numbers; whatever a product is called, the file is well-formed.  Memory does
 * not grow with the feed: what is written leaves in pieces of about 64 KiB.
 *
 * XML has no way to write a comma within a category's name, nor a control
 * character at all: the one becomes a space, the other nothing.
 *
 * Does not open files, nor compress.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 65536 };

struct klaviyo_feed {
	enum klaviyo_feed_format format;
	klaviyo_write *write;
	void *arg;
	bool failed;
	int64_t items;
	size_t n;
	char piece[PIECE];
};

/* ------------------------------------------------------------------ writing */

static void
flush(struct klaviyo_feed *feed)
{
	if (feed->n && !feed->failed &&
	    feed->write(feed->arg, feed->piece, feed->n) != 0)
		feed->failed = true;
	feed->n = 0;
}

static void
put(struct klaviyo_feed *feed, const char *data, size_t n)
{
	while (n > 0) {
		size_t fits = PIECE - feed->n;

		if (fits > n)
			fits = n;
		memcpy(feed->piece + feed->n, data, fits);
		feed->n += fits;
		data += fits;
		n -= fits;
		if (feed->n == PIECE)
			flush(feed);
	}
}

static void
puts_(struct klaviyo_feed *feed, const char *text)
{
	put(feed, text, strlen(text));
}

/* Which bytes are not copied as they are, by what is written: 1.  The first of
   U+FFFE and U+FFFF, which are no characters, and not for XML, is 0xef. */
enum { JSON_TEXT, XML_TEXT, XML_CATEGORY };
static const unsigned char special[][256] = {
    [JSON_TEXT] = {[0 ... 0x1f] = 1, ['"'] = 1, ['\\'] = 1, [0xef] = 1},
    [XML_TEXT] = {[0 ... 0x08] = 1,
        [0x0b ... 0x1f] = 1,
        ['&'] = 1,
        ['<'] = 1,
        ['>'] = 1,
        [0x7f] = 1,
        [0xef] = 1},
    [XML_CATEGORY] = {[0 ... 0x08] = 1,
        [0x0b ... 0x1f] = 1,
        ['&'] = 1,
        [','] = 1,
        ['<'] = 1,
        ['>'] = 1,
        [0x7f] = 1,
        [0xef] = 1},
};

/* What stands for a byte that is special. */
static const char *
instead(int how, unsigned char c, char buffer[8])
{
	if (how == JSON_TEXT) {
		if (c == '"')
			return "\\\"";
		if (c == '\\')
			return "\\\\";
		snprintf(buffer, 8, "\\u%04x", c);
		return buffer;
	}
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case ',':
		return " ";
	default:
		return "";
	}
}

/* So many bytes are compared at once (gcc's and clang's vectors): a description
   is long. */
enum { BLOCK = 16 };
typedef unsigned char block __attribute__((vector_size(BLOCK)));

/* Whether there is something in it that is special to a text of any format. */
static bool
block_special(const char *text)
{
	uint64_t half[2];
	block b, found;

	memcpy(&b, text, sizeof(b));
	found = (block)((b < 0x20) | (b == '"') | (b == '\\') | (b == '&') |
	                (b == '<') | (b == '>') | (b == 0x7f) | (b == 0xef));
	memcpy(half, &found, sizeof(half));
	return (half[0] | half[1]) != 0;
}

/* The next byte that is special, or the end. */
static const char *
next_special(const char *text, const char *end, int how)
{
	const unsigned char *is = special[how];

	while (text < end) {
		size_t n = BLOCK;

		if ((size_t)(end - text) < n)
			n = (size_t)(end - text);
		else if (how != XML_CATEGORY && !block_special(text)) {
			text += n;
			continue;
		}
		for (; n > 0; n--, text++)
			if (is[(unsigned char)*text])
				return text;
	}
	return end;
}

/* Runs of plain bytes are copied as they are. */
static void
put_escaped(struct klaviyo_feed *feed, const char *text, int how)
{
	const char *run = text, *end = text + strlen(text);
	char buffer[8];

	for (; (text = next_special(text, end, how)) < end; text++) {
		size_t plain = (size_t)(text - run);

		if ((unsigned char)*text == 0xef) {
			if (strncmp(text, "\xef\xbf\xbe", 3) != 0 &&
			    strncmp(text, "\xef\xbf\xbf", 3) != 0)
				continue;
			put(feed, run, plain);
			text += 2;
		} else {
			put(feed, run, plain);
			puts_(feed, instead(how, (unsigned char)*text, buffer));
		}
		run = text + 1;
	}
	put(feed, run, (size_t)(end - run));
}

/* ---------------------------------------------------------------- one field */

/* How a field begins and ends, in both formats. */
struct field {
	const char *json, *open, *close;
	size_t njson, nopen, nclose;
};
#define FIELD(before, name)                                                    \
	{                                                                      \
		before "\"" name "\":", "<" name ">", "</" name ">",           \
		    sizeof(before "\"" name "\":") - 1,                        \
		    sizeof("<" name ">") - 1, sizeof("</" name ">") - 1        \
	}
enum {
	ID,
	TITLE,
	LINK,
	DESCRIPTION,
	PRICE,
	IMAGE_LINK,
	CATEGORIES,
	QUANTITY,
	POLICY
};
static const struct field fields[] = {
    [ID] = FIELD("{", "id"),
    [TITLE] = FIELD(",", "title"),
    [LINK] = FIELD(",", "link"),
    [DESCRIPTION] = FIELD(",", "description"),
    [PRICE] = FIELD(",", "price"),
    [IMAGE_LINK] = FIELD(",", "image_link"),
    [CATEGORIES] = FIELD(",", "categories"),
    [QUANTITY] = FIELD(",", "inventory_quantity"),
    [POLICY] = FIELD(",", "inventory_policy"),
};

static void
begin_field(struct klaviyo_feed *feed, const struct field *field)
{
	if (feed->format == KLAVIYO_FEED_XML)
		put(feed, field->open, field->nopen);
	else
		put(feed, field->json, field->njson);
}

static void
end_field(struct klaviyo_feed *feed, const struct field *field)
{
	if (feed->format == KLAVIYO_FEED_XML)
		put(feed, field->close, field->nclose);
}

static void
put_text(struct klaviyo_feed *feed, int at, const char *text)
{
	begin_field(feed, &fields[at]);
	if (feed->format == KLAVIYO_FEED_XML) {
		put_escaped(feed, text, XML_TEXT);
	} else {
		put(feed, "\"", 1);
		put_escaped(feed, text, JSON_TEXT);
		put(feed, "\"", 1);
	}
	end_field(feed, &fields[at]);
}

/* With ${exponent} decimals. */
static void
put_number(struct klaviyo_feed *feed, int at, int64_t number, int exponent)
{
	char text[KL_DECIMAL];

	begin_field(feed, &fields[at]);
	puts_(feed, kl_decimal(text, number, exponent));
	end_field(feed, &fields[at]);
}

static void
put_categories(struct klaviyo_feed *feed, const struct klaviyo_feed_item *item)
{
	bool json = feed->format == KLAVIYO_FEED_JSON;

	if (item->ncategories == 0)
		return;
	begin_field(feed, &fields[CATEGORIES]);
	puts_(feed, json ? "[" : "");
	for (size_t i = 0; i < item->ncategories; i++) {
		puts_(feed, i ? "," : "");
		puts_(feed, json ? "\"" : "");
		put_escaped(
		    feed, item->categories[i], json ? JSON_TEXT : XML_CATEGORY);
		puts_(feed, json ? "\"" : "");
	}
	puts_(feed, json ? "]" : "");
	end_field(feed, &fields[CATEGORIES]);
}

/* --------------------------------------------------------------------- feed */

struct klaviyo_feed *
klaviyo_feed_new(
    enum klaviyo_feed_format format, klaviyo_write *write, void *arg)
{
	struct klaviyo_feed *feed = malloc(sizeof(*feed));

	if (!feed) {
		kl_fail("out of memory");
		return NULL;
	}
	feed->format = format;
	feed->write = write;
	feed->arg = arg;
	feed->failed = false;
	feed->items = 0;
	feed->n = 0;
	puts_(feed, format == KLAVIYO_FEED_JSON
	                ? "["
	                : "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	                  "<Products>");
	return feed;
}

/* 0, or 1 with the error set. */
static int
check(const struct klaviyo_feed_item *item)
{
	const struct {
		const char *name, *value;
	} required[] = {
	    {"id", item->id},
	    {"title", item->title},
	    {"link", item->link},
	    {"description", item->description},
	    {"image_link", item->image_link},
	};

	for (size_t i = 0; i < sizeof(required) / sizeof(*required); i++) {
		const char *value = required[i].value;

		if (!value || !value[strspn(value, " \t\r\n")])
			return -kl_fail(
			    "%s: blank, and required", required[i].name);
		if (!kl_utf8_ok(value))
			return -kl_fail("%s: not UTF-8", required[i].name);
	}
	for (size_t i = 0; i < item->ncategories; i++)
		if (!item->categories[i] || !kl_utf8_ok(item->categories[i]))
			return -kl_fail("categories[%zu]: not UTF-8", i);
	return 0;
}

int
klaviyo_feed_add(
    struct klaviyo_feed *feed, const struct klaviyo_feed_item *item)
{
	bool json = feed->format == KLAVIYO_FEED_JSON;
	int exponent;

	if (feed->failed)
		return kl_fail("the feed cannot be written");
	if (check(item))
		return 1;
	if ((exponent = kl_currency(item->currency)) < 0)
		return 1;
	puts_(feed, json ? (feed->items ? ",\n" : "\n") : "\n<Product>");
	put_text(feed, ID, item->id);
	put_text(feed, TITLE, item->title);
	put_text(feed, LINK, item->link);
	put_text(feed, DESCRIPTION, item->description);
	put_number(feed, PRICE, item->price, exponent);
	put_text(feed, IMAGE_LINK, item->image_link);
	put_categories(feed, item);
	put_number(feed, QUANTITY, item->inventory_quantity, 0);
	put_number(feed, POLICY, item->inventory_policy, 0);
	puts_(feed, json ? "}" : "</Product>");
	feed->items++;
	return feed->failed ? kl_fail("the feed cannot be written") : 0;
}

int64_t
klaviyo_feed_end(struct klaviyo_feed *feed)
{
	int64_t items = -1;

	puts_(feed,
	    feed->format == KLAVIYO_FEED_JSON ? "\n]\n" : "\n</Products>\n");
	flush(feed);
	if (!feed->failed)
		items = feed->items;
	else
		kl_fail("the feed cannot be written");
	free(feed);
	return items;
}
