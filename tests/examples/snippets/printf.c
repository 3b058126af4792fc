/*
 * printf.c - every snippet of a visit, with no template engine: the partials of
 * templates/klaviyo are read as they are installed, and what stands in braces
 * is replaced.
 *
 *	cc printf.c $(pkg-config --cflags --libs klaviyo)
 *	printf DIRECTORY PUBLIC_KEY [ONSITE_URL] > page.html
 */
#include <klaviyo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *directory;

/* Prints klaviyo/${name}: its {{%..}} and {{!..}} left out, {{>EVENT}} as
   ${event}, any other {{NAME:none}} as the next of ${json}, which is the
   library's and so needs no escaping. */
static void
partial(const char *name, const char *event, const char *const json[])
{
	static char text[8192];
	char path[512], *p = text, *end;
	FILE *file;

	snprintf(path, sizeof(path), "%s/klaviyo/%s", directory, name);
	file = fopen(path, "r");
	if (file == NULL)
		return; /* the page is whole without it */
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	for (char *mark; (mark = strstr(p, "{{")) != NULL; p = end + 2) {
		if ((end = strstr(mark, "}}")) == NULL)
			break;
		printf("%.*s", (int)(mark - p), p);
		if (mark[2] == '>')
			partial(event, NULL, json);
		else if (mark[2] != '%' && mark[2] != '!' && *json != NULL)
			printf("%s", *json++);
	}
	printf("%s", p);
}

/* An event of the known visitor ${who}; a failure costs this snippet. */
static void
tell(const char *who, const char *name, char *json)
{
	if (json != NULL)
		partial("identify.tpl", name, (const char *[]){who, json, NULL});
	free(json);
}

int
main(int argc, char **argv)
{
	static const char *const shelf[] = {"Fiction", "Children"};
	struct klaviyo_item item = {.product_id = "1111", .sku = "WINNIEPOOH",
	    .name = "</script>Winnie & the <Pooh>", .brand = "Kids Books",
	    .url = "https://books.klaviyo-demo.com/pooh",
	    .image_url = "https://books.klaviyo-demo.com/pooh.png",
	    .categories = shelf, .ncategories = 2, .price = 999,
	    .compare_at_price = 1299, .quantity = 2};
	struct klaviyo_cart cart = {.id = "c4f1", .revision = 3,
	    .changed_at = 1790000000, .currency = "USD", .value = 1998,
	    .checkout_url = "https://books.klaviyo-demo.com/cart/c4f1",
	    .items = &item, .nitems = 1};
	struct klaviyo_profile sarah = {
	    .email = "sarah.mason@klaviyo-demo.com", .first_name = "Sarah"};
	char *url, *address, *who;

	if (argc < 3)
		return 2;
	directory = argv[1];
	url = klaviyo_script_url(argc > 3 ? argv[3] : NULL, argv[2]);
	address = url != NULL ? klaviyo_script_string(url) : NULL;
	if (address == NULL) {
		fprintf(stderr, "%s\n", klaviyo_error());
		return 1;
	}
	printf("<!DOCTYPE html>\n<meta charset=utf-8>\n<title>Pooh</title>\n");
	partial("object.tpl", NULL, (const char *[]){NULL});
	partial("loader.tpl", NULL, (const char *[]){address, NULL});
	who = klaviyo_identify(&sarah);
	if (who != NULL) {
		tell(who, "viewed_product.tpl",
		    klaviyo_viewed_product(&item, "USD"));
		tell(who, "viewed_item.tpl", klaviyo_viewed_item(&item, "USD"));
		tell(who, "added_to_cart.tpl",
		    klaviyo_added_to_cart(&cart, 0, 2));
		tell(who, "started_checkout.tpl",
		    klaviyo_started_checkout(&cart));
	}
	free(who);
	free(address);
	free(url);
	return 0;
}
