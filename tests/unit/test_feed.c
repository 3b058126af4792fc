/*
 * test_feed.c - the catalog feed: its two forms, what is refused, hostile
 * names, pieces, and a reader that goes away.
 */
#include "internal.h"

#include <libxml/parser.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *out;
static size_t length, largest;
static int pieces, fail_at;

static int
take(void *arg, const char *data, size_t n)
{
	(void)arg;
	if (++pieces == fail_at)
		return -1;
	out = realloc(out, length + n + 1);
	memcpy(out + length, data, n);
	length += n;
	out[length] = '\0';
	if (n > largest)
		largest = n;
	return 0;
}

static int
set_up(void **state)
{
	(void)state;
	out = calloc(1, 1);
	length = largest = 0;
	pieces = fail_at = 0;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	free(out);
	out = NULL;
	return 0;
}

static const char *const two[] = {"Fiction", "Rare, and \"old\""};
static const struct klaviyo_feed_item pooh = {.id = "1111",
    .title = "Winnie the Pooh",
    .link = "https://shop.example/products/pooh",
    .description = "A bear & his friends",
    .image_link = "https://shop.example/images/pooh.png",
    .price = 999,
    .currency = "USD",
    .categories = two,
    .ncategories = 2,
    .inventory_quantity = -3,
    .inventory_policy = 1};

static void
json(void **state)
{
	struct klaviyo_feed_item yen = pooh;
	struct klaviyo_feed *feed =
	    klaviyo_feed_new(KLAVIYO_FEED_JSON, take, NULL);

	(void)state;
	yen.currency = "JPY";
	yen.ncategories = 0;
	assert_int_equal(klaviyo_feed_add(feed, &pooh), 0);
	assert_int_equal(klaviyo_feed_add(feed, &yen), 0);
	assert_int_equal(klaviyo_feed_end(feed), 2);
	assert_string_equal(out,
	    "[\n{\"id\":\"1111\",\"title\":\"Winnie the Pooh\","
	    "\"link\":\"https://shop.example/products/pooh\","
	    "\"description\":\"A bear & his friends\",\"price\":9.99,"
	    "\"image_link\":\"https://shop.example/images/pooh.png\","
	    "\"categories\":[\"Fiction\",\"Rare, and \\\"old\\\"\"],"
	    "\"inventory_quantity\":-3,\"inventory_policy\":1},\n"
	    "{\"id\":\"1111\",\"title\":\"Winnie the Pooh\","
	    "\"link\":\"https://shop.example/products/pooh\","
	    "\"description\":\"A bear & his friends\",\"price\":999,"
	    "\"image_link\":\"https://shop.example/images/pooh.png\","
	    "\"inventory_quantity\":-3,\"inventory_policy\":1}\n]\n");
}

static void
xml(void **state)
{
	struct klaviyo_feed *feed =
	    klaviyo_feed_new(KLAVIYO_FEED_XML, take, NULL);

	(void)state;
	assert_int_equal(klaviyo_feed_add(feed, &pooh), 0);
	assert_int_equal(klaviyo_feed_end(feed), 1);
	assert_string_equal(out,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Products>\n"
	    "<Product><id>1111</id><title>Winnie the Pooh</title>"
	    "<link>https://shop.example/products/pooh</link>"
	    "<description>A bear &amp; his friends</description>"
	    "<price>9.99</price>"
	    "<image_link>https://shop.example/images/pooh.png</image_link>"
	    "<categories>Fiction,Rare  and \"old\"</categories>"
	    "<inventory_quantity>-3</inventory_quantity>"
	    "<inventory_policy>1</inventory_policy></Product>\n"
	    "</Products>\n");
}

static void
empty(void **state)
{
	(void)state;
	assert_int_equal(
	    klaviyo_feed_end(klaviyo_feed_new(KLAVIYO_FEED_JSON, take, NULL)),
	    0);
	assert_string_equal(out, "[\n]\n");
}

/* What lacks a required field, or is no text, is left out; the rest stands. */
static void
refused(void **state)
{
	static const size_t required[] = {
	    offsetof(struct klaviyo_feed_item, id),
	    offsetof(struct klaviyo_feed_item, title),
	    offsetof(struct klaviyo_feed_item, link),
	    offsetof(struct klaviyo_feed_item, description),
	    offsetof(struct klaviyo_feed_item, image_link)};
	static const char *const bad[] = {
	    NULL, "", " \n", "\xff", "\xed\xa0\x80"};
	static const char *const category[] = {"\xc3"};
	struct klaviyo_feed *feed =
	    klaviyo_feed_new(KLAVIYO_FEED_JSON, take, NULL);
	struct klaviyo_feed_item item;

	(void)state;
	for (size_t i = 0; i < 5; i++)
		for (size_t k = 0; k < 5; k++) {
			item = pooh;
			*(const char **)((char *)&item + required[i]) = bad[k];
			assert_int_equal(klaviyo_feed_add(feed, &item), 1);
			assert_non_null(strstr(
			    klaviyo_error(), k < 3 ? "required" : "UTF-8"));
		}
	item = pooh;
	item.categories = category;
	item.ncategories = 1;
	assert_int_equal(klaviyo_feed_add(feed, &item), 1);
	item = pooh;
	item.currency = "usd";
	assert_int_equal(klaviyo_feed_add(feed, &item), 1);
	assert_int_equal(klaviyo_feed_add(feed, &pooh), 0);
	assert_int_equal(klaviyo_feed_end(feed), 1);
}

/* Every character below U+0100 and some above, in every field. */
static void
hostile(void **state)
{
	char text[700], *to = text;
	const char *const categories[] = {text};
	struct klaviyo_feed_item item = pooh;
	struct klaviyo_feed *feed;
	const cJSON *one;
	xmlDoc *document;
	cJSON *tree;

	(void)state;
	for (int c = 1; c < 0x80; c++)
		*to++ = (char)c;
	for (int c = 0x80; c < 0x100; c++) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	strcpy(to, "]]></title><!--<script>\xe2\x80\xa8\xf0\x9f\x93\x98");
	item.id = item.title = item.link = item.description = item.image_link =
	    text;
	item.categories = categories;
	item.ncategories = 1;
	feed = klaviyo_feed_new(KLAVIYO_FEED_JSON, take, NULL);
	assert_int_equal(klaviyo_feed_add(feed, &item), 0);
	assert_int_equal(klaviyo_feed_end(feed), 1);
	tree = cJSON_ParseWithOpts(out, NULL, true);
	assert_non_null(tree);
	one = cJSON_GetArrayItem(tree, 0);
	for (const cJSON *field = one->child; field; field = field->next)
		if (cJSON_IsString(field))
			assert_string_equal(field->valuestring, text);
	cJSON_Delete(tree);

	tear_down(NULL);
	set_up(NULL);
	feed = klaviyo_feed_new(KLAVIYO_FEED_XML, take, NULL);
	assert_int_equal(klaviyo_feed_add(feed, &item), 0);
	assert_int_equal(klaviyo_feed_end(feed), 1);
	document = xmlReadMemory(
	    out, (int)length, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
	assert_non_null(document);
	xmlFreeDoc(document);
	xmlCleanupParser();
}

/* The description in XML or, as it comes back, in JSON; to be freed. */
static char *
described(enum klaviyo_feed_format format, const char *text)
{
	struct klaviyo_feed_item item = pooh;
	struct klaviyo_feed *feed = klaviyo_feed_new(format, take, NULL);
	char *found, *end;
	cJSON *tree;

	item.description = text;
	assert_int_equal(klaviyo_feed_add(feed, &item), 0);
	assert_int_equal(klaviyo_feed_end(feed), 1);
	if (format == KLAVIYO_FEED_JSON) {
		tree = cJSON_Parse(out);
		found = strdup(cJSON_GetObjectItem(
		    cJSON_GetArrayItem(tree, 0), "description")
		                   ->valuestring);
		cJSON_Delete(tree);
	} else {
		found = strdup(strstr(out, "<description>") + 13);
		end = strstr(found, "</description>");
		assert_non_null(end);
		*end = '\0';
	}
	tear_down(NULL);
	set_up(NULL);
	return found;
}

/* Whatever is special is, at each place of a text, the first byte or the last.
 */
static void
everywhere(void **state)
{
	char text[48], wanted[64], *found;

	(void)state;
	for (int c = 1; c < 0x80; c++)
		for (size_t at = 0; at < 40; at++) {
			const char one[] = {(char)c, '\0'};
			const char *instead = c == '&'   ? "&amp;"
			                      : c == '<' ? "&lt;"
			                      : c == '>' ? "&gt;"
			                                 : one;

			memset(text, 'a', 40);
			text[at] = (char)c;
			text[40] = '\0';
			found = described(KLAVIYO_FEED_JSON, text);
			assert_string_equal(found, text);
			free(found);
			if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
				instead = "";
			snprintf(wanted, sizeof(wanted), "%.*s%s%s", (int)at,
			    text, instead, text + at + 1);
			found = described(KLAVIYO_FEED_XML, text);
			assert_string_equal(found, wanted);
			free(found);
		}
}

/* Not for XML, and of no use anywhere: left out. */
static void
noncharacters(void **state)
{
	struct klaviyo_feed_item item = pooh;
	struct klaviyo_feed *feed =
	    klaviyo_feed_new(KLAVIYO_FEED_XML, take, NULL);

	(void)state;
	item.title = "a\xef\xbf\xbe"
	             "b\xef\xbf\xbf\xef\xbf\xbd";
	assert_int_equal(klaviyo_feed_add(feed, &item), 0);
	klaviyo_feed_end(feed);
	assert_non_null(strstr(out, "<title>ab\xef\xbf\xbd</title>"));
}

/* Memory does not grow: it leaves in pieces. */
static void
many(void **state)
{
	struct klaviyo_feed *feed =
	    klaviyo_feed_new(KLAVIYO_FEED_JSON, take, NULL);
	cJSON *tree;

	(void)state;
	for (int i = 0; i < 2000; i++)
		assert_int_equal(klaviyo_feed_add(feed, &pooh), 0);
	assert_int_equal(klaviyo_feed_end(feed), 2000);
	assert_true(pieces > 5);
	assert_true(largest <= 65536);
	tree = cJSON_Parse(out);
	assert_int_equal(cJSON_GetArraySize(tree), 2000);
	cJSON_Delete(tree);
}

static void
reader_goes_away(void **state)
{
	struct klaviyo_feed *feed =
	    klaviyo_feed_new(KLAVIYO_FEED_JSON, take, NULL);
	int result = 0, n = 0;

	(void)state;
	fail_at = 2;
	for (; result == 0 && n < 2000; n++)
		result = klaviyo_feed_add(feed, &pooh);
	assert_int_equal(result, -1);
	assert_true(n < 2000);
	assert_int_equal(klaviyo_feed_add(feed, &pooh), -1);
	assert_int_equal(klaviyo_feed_end(feed), -1);
	assert_int_equal(pieces, 2);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {T(json), T(xml), T(empty),
	    T(refused), T(hostile), T(everywhere), T(noncharacters), T(many),
	    T(reader_goes_away)};

	return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
