/*
 * orders.c - fuzzes the reading of Shopify's order export (import_orders.c,
 * import_order_rows.c, import_changes.c), which is a stream of any length.
 *
 * Must hold: an order that is handed over is one that a shop may have: its sums
 * agree and are in range, its texts are clean, and what happened to it is part
 * of it; a refusal is one clean line.
 */
#include "fuzz.h"

#include "import_orders.h"

#define NOW 1790000000

static void
check_address(const struct address *a)
{
	const char *const texts[] = {a->first_name, a->last_name, a->address1,
	    a->address2, a->city, a->region, a->zip, a->country};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		must(texts[i] != NULL && clean_but(texts[i], ""));
}

static int
one_order(void *arg, struct arena *arena, const struct past_order *past)
{
	const struct order *o = &past->order;
	int64_t *line = arg;
	int lines = 0;

	(void)arena;
	must(past->file_line > *line);
	*line = past->file_line;
	must(strlen(o->id) == 16 && clean_but(past->name, ""));
	must(clean_but(o->email, "") && clean_but(o->phone, ""));
	must(o->total >= 0 && o->shipping >= 0 && o->discount >= 0);
	must(o->subtotal + o->shipping - o->discount == o->total);
	must(past->refunded >= 0 && past->refunded <= o->total);
	must(o->time > 0 && o->time <= NOW + 86400);
	check_address(&o->billing_address);
	check_address(&o->shipping_address);
	for (const struct line *l = o->lines; l != NULL; l = l->next) {
		must(l->quantity > 0 && l->price >= 0);
		must(l->quantity <= PAST_UNITS_MAX);
		must(*l->title != '\0' && clean_but(l->title, ""));
		lines++;
	}
	must(lines == o->nlines && lines <= PAST_LINES_MAX);
	must(past->nchanges >= 0 && past->nchanges <= 3);
	must(*o->status != '\0');
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *file = size > 0 ? fmemopen((void *)data, size, "r")
	                      : fopen("/dev/null", "r");
	int64_t line = 0;

	must(file != NULL);
	if (orders_read(file, "USD", NOW, one_order, &line) != 0) {
		must(*shop_error() != '\0' && clean_but(shop_error(), ""));
		must(strncmp(shop_error(), "line ", 5) == 0 ||
		     strncmp(shop_error(), "the file ", 9) == 0);
	}
	fclose(file);
	return 0;
}
