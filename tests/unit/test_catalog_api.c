/*
 * test_catalog_api.c - the Catalog API's bodies, byte by byte; what is refused;
 * and answers, believed only as far as they go.
 */
#include "internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "nth_alloc.h"

#include <cmocka.h>

#define ITEM KLAVIYO_CATALOG_ITEM
#define VARIANT KLAVIYO_CATALOG_VARIANT
#define CREATE KLAVIYO_CATALOG_CREATE
#define UPDATE KLAVIYO_CATALOG_UPDATE
#define DELETE KLAVIYO_CATALOG_DELETE

static const char *const two[] = {"Fiction", "Rare \"old\""};
static const struct klaviyo_catalog_item pooh = {.id = "1111",
    .title = "Winnie the Pooh",
    .description = "A bear",
    .url = "https://shop.example/products/pooh",
    .image_url = "https://shop.example/pooh.png",
    .price = 990,
    .currency = "USD",
    .brand = "Penguin",
    .categories = two,
    .ncategories = 2,
    .published = 1};
static const struct klaviyo_catalog_variant small = {.id = "1111:Small",
    .item = "1111",
    .title = "Winnie the Pooh (Small)",
    .description = "A bear",
    .url = "https://shop.example/products/pooh",
    .sku = "POOH-S",
    .price = 1000,
    .currency = "JPY",
    .inventory_quantity = 9007199254740991,
    .inventory_policy = 1,
    .published = 0};

static void
same(char *text, const char *wanted)
{
	assert_non_null(text);
	assert_string_equal(text, wanted);
	free(text);
}

static void
items(void **state)
{
	struct klaviyo_catalog_item bare = pooh;

	(void)state;
	same(klaviyo_catalog_item(&pooh, CREATE),
	    "{\"type\":\"catalog-item\",\"attributes\":{"
	    "\"external_id\":\"1111\",\"title\":\"Winnie the Pooh\","
	    "\"description\":\"A bear\","
	    "\"url\":\"https://shop.example/products/pooh\",\"price\":9.90,"
	    "\"image_full_url\":\"https://shop.example/pooh.png\","
	    "\"custom_metadata\":{\"brand\":\"Penguin\","
	    "\"categories\":\"Fiction, Rare \\\"old\\\"\"},"
	    "\"published\":true}}");
	/* What it has not is null, which takes away what was there. */
	bare.image_url = NULL;
	bare.brand = "";
	bare.ncategories = 0;
	bare.price = 0;
	bare.published = 0;
	same(klaviyo_catalog_item(&bare, UPDATE),
	    "{\"type\":\"catalog-item\","
	    "\"id\":\"$custom:::$default:::1111\",\"attributes\":{"
	    "\"title\":\"Winnie the Pooh\",\"description\":\"A bear\","
	    "\"url\":\"https://shop.example/products/pooh\",\"price\":0.00,"
	    "\"image_full_url\":null,\"custom_metadata\":{},"
	    "\"published\":false}}");
	bare = (struct klaviyo_catalog_item){.id = "1111"};
	same(klaviyo_catalog_item(&bare, DELETE),
	    "{\"type\":\"catalog-item\","
	    "\"id\":\"$custom:::$default:::1111\"}");
}

static void
variants(void **state)
{
	struct klaviyo_catalog_variant v = small;

	(void)state;
	same(klaviyo_catalog_variant(&small, CREATE),
	    "{\"type\":\"catalog-variant\",\"attributes\":{"
	    "\"external_id\":\"1111:Small\","
	    "\"title\":\"Winnie the Pooh (Small)\","
	    "\"description\":\"A bear\",\"sku\":\"POOH-S\","
	    "\"inventory_policy\":1,\"inventory_quantity\":9007199254740991,"
	    "\"price\":1000,"
	    "\"url\":\"https://shop.example/products/pooh\","
	    "\"image_full_url\":null,\"published\":false},"
	    "\"relationships\":{\"item\":{\"data\":{\"type\":\"catalog-item\","
	    "\"id\":\"$custom:::$default:::1111\"}}}}");
	v.sku = "";
	v.inventory_quantity = 0;
	same(klaviyo_catalog_variant(&v, UPDATE),
	    "{\"type\":\"catalog-variant\","
	    "\"id\":\"$custom:::$default:::1111:Small\",\"attributes\":{"
	    "\"title\":\"Winnie the Pooh (Small)\","
	    "\"description\":\"A bear\",\"sku\":\"1111:Small\","
	    "\"inventory_policy\":1,\"inventory_quantity\":0,"
	    "\"price\":1000,"
	    "\"url\":\"https://shop.example/products/pooh\","
	    "\"image_full_url\":null,\"published\":false}}");
	same(klaviyo_catalog_variant(&v, DELETE),
	    "{\"type\":\"catalog-variant\","
	    "\"id\":\"$custom:::$default:::1111:Small\"}");
}

/* By name; and what is required of a variant's item is its id. */
static void
refused(void **state)
{
	static const struct {
		size_t at;
		const char *name;
	} required[] = {{offsetof(struct klaviyo_catalog_item, id), "id"},
	    {offsetof(struct klaviyo_catalog_item, title), "title"},
	    {offsetof(struct klaviyo_catalog_item, description), "description"},
	    {offsetof(struct klaviyo_catalog_item, url), "url"}};
	static const char *const bad[] = {NULL, "", "\xff"};
	struct klaviyo_catalog_variant v = small;
	struct klaviyo_catalog_item item;
	char id[300];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < 3; k++) {
			item = pooh;
			*(const char **)((char *)&item + required[i].at) =
			    bad[k];
			assert_null(klaviyo_catalog_item(&item, CREATE));
			assert_non_null(
			    strstr(klaviyo_error(), required[i].name));
		}
	item = pooh;
	memset(id, 'x', sizeof(id));
	id[256] = '\0';
	item.id = id;
	assert_null(klaviyo_catalog_item(&item, UPDATE));
	assert_null(klaviyo_catalog_item(&item, DELETE));
	id[255] = '\0';
	free(klaviyo_catalog_item(&item, DELETE));
	item = pooh;
	item.currency = "usd";
	assert_null(klaviyo_catalog_item(&item, CREATE));
	v.item = "";
	assert_null(klaviyo_catalog_variant(&v, CREATE));
	assert_null(klaviyo_catalog_item(&pooh, 3));
}

static void
jobs(void **state)
{
	const char *entry[101];
	char *body, *large;

	(void)state;
	for (int i = 0; i < 101; i++)
		entry[i] = "{}";
	same(klaviyo_catalog_job(VARIANT, DELETE, entry, 2),
	    "{\"data\":{\"type\":\"catalog-variant-bulk-delete-job\","
	    "\"attributes\":{\"variants\":{\"data\":[{},{}]}}}}");
	same(klaviyo_catalog_job(ITEM, CREATE, entry, 1),
	    "{\"data\":{\"type\":\"catalog-item-bulk-create-job\","
	    "\"attributes\":{\"items\":{\"data\":[{}]}}}}");
	body = klaviyo_catalog_job(ITEM, UPDATE, entry, 100);
	assert_non_null(body);
	free(body);
	assert_null(klaviyo_catalog_job(ITEM, UPDATE, entry, 101));
	assert_null(klaviyo_catalog_job(ITEM, UPDATE, entry, 0));
	large = malloc(50001);
	memset(large, ' ', 50000);
	large[50000] = '\0';
	for (int i = 0; i < 100; i++)
		entry[i] = large;
	assert_null(klaviyo_catalog_job(ITEM, UPDATE, entry, 100));
	assert_non_null(strstr(klaviyo_error(), "5 MB"));
	free(large);
	assert_string_equal(klaviyo_catalog_path(ITEM, UPDATE),
	    "/api/catalog-item-bulk-update-jobs");
	assert_string_equal(klaviyo_catalog_path(VARIANT, CREATE),
	    "/api/catalog-variant-bulk-create-jobs");
	assert_null(klaviyo_catalog_path(2, CREATE));
}

/* ----------------------------------------------------------------- answers */

static char told[4096];

static int
tell(void *arg, long entry, enum klaviyo_catalog_fault fault, const char *words)
{
	size_t n = strlen(told);

	snprintf(told + n, sizeof(told) - n, "%ld %d %s\n", entry, (int)fault,
	    words);
	return arg != NULL;
}

static int
answer(const char *body, struct klaviyo_catalog_job *job, void *arg)
{
	told[0] = '\0';
	return klaviyo_catalog_answer(ITEM, CREATE, body, job, tell, arg);
}

#define JOB(attributes)                                                        \
	"{\"data\":{\"type\":\"x\",\"id\":\"01G\",\"attributes\":{" attributes \
	"}}}"
#define ERROR(code, detail, pointer)                                           \
	"{\"id\":\"1\",\"code\":\"" code                                       \
	"\",\"title\":\"T\",\"detail\":\"" detail                              \
	"\",\"source\":{\"pointer\":" pointer "}}"

static void
answers(void **state)
{
	struct klaviyo_catalog_job job;

	(void)state;
	assert_int_equal(answer(JOB("\"status\":\"queued\",\"errors\":null,"
	                            "\"failed_count\":null"),
	                     &job, NULL),
	    0);
	assert_int_equal(job.done, 0);
	assert_string_equal(job.path, "/api/catalog-item-bulk-create-jobs/01G");
	assert_int_equal(
	    answer(JOB("\"status\":\"cancelled\""), &job, NULL), 0);
	assert_int_equal(job.done, -1);
	/* New to us: still going on. */
	assert_int_equal(answer(JOB("\"status\":\"paused\""), &job, NULL), 0);
	assert_int_equal(job.done, 0);
	assert_int_equal(
	    answer(
	        JOB("\"status\":\"complete\",\"failed_count\":5,"
	            "\"errors\":[" ERROR("duplicate_item", "a\\nb",
	                "\"/data/attributes/items/data/3/attributes/"
	                "external_id\"") "," ERROR("not_found", "",
	                "\"/data/17\"") "," ERROR("invalid", "bad",
	                "\"/items/data/0/attributes/url\"") "," ERROR("invalid",
	                "?", "null") "," ERROR("strange", "!",
	                "\"/data/1234/12\"") ",7]"),
	        &job, NULL),
	    0);
	assert_int_equal(job.done, 1);
	assert_int_equal(job.failed, 5);
	assert_string_equal(told, "3 2 a?b\n17 3 T\n0 1 bad\n-1 0 ?\n12 0 !\n"
	                          "-1 0 \n");
	assert_int_equal(
	    answer(JOB("\"status\":\"complete\",\"errors\":[1]"), &job, &job),
	    -1);
	/* No count at all is more than the job's entries. */
	assert_int_equal(
	    answer(JOB("\"status\":\"complete\",\"failed_count\":1e300"),
	        &job, NULL),
	    0);
	assert_int_equal(job.failed, KLAVIYO_CATALOG_JOB);
}

static void
answers_that_are_none(void **state)
{
	static const char *const bad[] = {"", "[]", "{}", "null",
	    "{\"data\":1}", "{\"data\":{\"id\":\"1\"}}", "<html>",
	    "{\"data\":{\"id\":1,\"attributes\":{\"status\":\"queued\"}}}",
	    "{\"data\":{\"id\":\"\",\"attributes\":{\"status\":\"queued\"}}}",
	    "{\"data\":{\"id\":\"1\",\"attributes\":{\"status\":1}}}"};
	struct klaviyo_catalog_job job;
	char body[2000], id[700];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(answer(bad[i], &job, NULL), -1);
	/* A segment of a path, whatever it is. */
	assert_int_equal(answer("{\"data\":{\"id\":\"../a?b\",\"attributes\":{"
	                        "\"status\":\"queued\"}}}",
	                     &job, NULL),
	    0);
	assert_string_equal(
	    job.path, "/api/catalog-item-bulk-create-jobs/%2E%2E%2Fa%3Fb");
	memset(id, 'i', sizeof(id));
	id[sizeof(id) - 1] = '\0';
	snprintf(body, sizeof(body),
	    "{\"data\":{\"id\":\"%s\",\"attributes\":{\"status\":\"queued\"}}}",
	    id);
	assert_int_equal(answer(body, &job, NULL), -1);
}

/* ------------------------------------------------------------- allocations */

static int
make_all(void)
{
	char *text[5] = {klaviyo_catalog_item(&pooh, CREATE),
	    klaviyo_catalog_item(&pooh, UPDATE),
	    klaviyo_catalog_variant(&small, CREATE),
	    klaviyo_catalog_variant(&small, DELETE),
	    klaviyo_catalog_job(ITEM, CREATE, two, 2)};
	struct klaviyo_catalog_job job;
	int ok = answer(JOB("\"status\":\"complete\",\"errors\":[{}]"), &job,
	             NULL) == 0;

	for (int i = 0; i < 5; i++) {
		ok = ok && text[i] != NULL;
		free(text[i]);
	}
	return ok;
}

static void
allocations(void **state)
{
	(void)state;
	nth_alloc_hook();
	assert_true(nth_alloc_each(make_all) > 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(items),
	    cmocka_unit_test(variants),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(jobs),
	    cmocka_unit_test(answers),
	    cmocka_unit_test(answers_that_are_none),
	    cmocka_unit_test(allocations),
	};

	return cmocka_run_group_tests_name("catalog api", tests, NULL, NULL);
}
