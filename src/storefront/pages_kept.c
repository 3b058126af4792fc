/*
 * pages_kept.c - product pages that are made once per change of what they show,
 * and kept (shelf.c): all of them but what is the visitor's.
 *
 *   the same for all who see it        the visitor's, put in per request
 *   text, price, stock, neighbours,    the number of articles in the cart;
 *   menu, banner, scripts and their    other scripts, where they name the
 *   hashes, entity tag                 visitor or tell of the cart
 *
 * Where those stand is found out, not known: the page is rendered with an
 * unguessable number in the cart, and without one; what differs is the cart's.
 * So a layout may be changed, or show the number twice.  One in which the
 * places cannot be told apart is not kept, and neither is a page that says more
 * to this visitor (a refused form, a filled-in address): those are rendered
 * whole.
 *
 * Promises: the same bytes as a page that is rendered whole, but as fast as
 * they can be sent.
 */
#include "pages.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER 30 /* digits of what stands in for a number or the scripts */
#define NUMBERS 3 /* places of the cart's number, at most */
#define HANDLE_MAX 256

struct frame {
	struct kept_item item; /* first: the one is the other */
	char tag[TAG_BYTES];
	/* With an empty cart; at ${scripts_at} a number stands for them. */
	struct slice page;
	size_t scripts_at;
	/* With something in it all is the same but what stands between. */
	size_t same_before, same_after;
	struct slice cart[NUMBERS + 1]; /* between them the number */
	size_t carts;
	struct slice scripts;
	struct slice head; /* headers */
	const char *others[SHELF_OTHERS];
	bool asks;
	/* What the tracking reads of them. */
	struct product product;
	struct variant variant;
	/* Of all the above; the categories come first. */
	_Alignas(struct category) char text[];
};

/* Numbers, for a layout may hold the cart's in a script; no first or last digit
 * could be taken for a digit of 0. */
static struct {
	pthread_once_t once;
	char units[NUMBER + 1], scripts[NUMBER + 1];
} stand_in = {.once = PTHREAD_ONCE_INIT};

static void
stand_in_init(void)
{
	for (int i = 0; i < NUMBER; i++) {
		stand_in.units[i] = (char)('1' + randombytes_uniform(9));
		stand_in.scripts[i] = (char)('1' + randombytes_uniform(9));
	}
}

/* --------------------------------------------------------------- finding it */

/* One page for each that may be seen; NULL: this one is nobody else's. */
static const char *
frame_key(struct visit *visit, const char *handle)
{
	const struct fields *query = &visit->request->query;

	if (visit->shop->kept == NULL || visit->quiet ||
	    notify_answered(visit) || strlen(handle) > HANDLE_MAX)
		return NULL;
	/* The banner leads back to where it was shown. */
	if (visit->consent.ask &&
	    (field(query, "q") != NULL || field(query, "page") != NULL))
		return NULL;
	return arena_printf(visit->arena, "%u/%d%d%d/%s", tpl_generation(),
	    (int)visit_side(visit), visit->consent.ask,
	    visit->consent.said == CONSENT_NO, handle);
}

static int
read_sum(struct shop *shop, const struct kept_item *item, uint64_t *sum)
{
	const struct frame *frame = (const struct frame *)item;

	return shelf_sum(shop->db, frame->product.id, frame->others, sum);
}

int
frame_begin(struct visit *visit, struct page *page, const char *handle)
{
	const char *key = frame_key(visit, handle);
	struct kept_item *item;
	int found;

	if (key == NULL)
		return 0;
	found = shelf_find(visit->shop, key, read_sum, &item);
	if (found <= 0)
		return found;
	if (((struct frame *)item)->asks && *visit->session.email != '\0') {
		kept_release(item);
		return 0;
	}
	visit->shop->held = item;
	page_blank(visit, page);
	page->frame = (struct frame *)item;
	page->public = true;
	page->tracking.viewed = &page->frame->product;
	return 1;
}

/* ---------------------------------------------------------------- making it */

int
frame_making(struct visit *visit, const char *handle, struct making **making)
{
	const char *key = frame_key(visit, handle);

	*making = NULL;
	if (key == NULL)
		return 0;
	*making = arena_alloc(visit->arena, sizeof(**making));
	if (*making == NULL)
		return -1;
	(*making)->key = key;
	(*making)->when = kept_now(visit->shop->kept);
	return shelf_mark(visit->shop->db, (*making)->mark);
}

/* The scripts that everybody gets, and the page around them, twice. */
static int
draw(struct page *page, struct text *scripts, struct text *csp)
{
	static const struct session nobody = {.email = ""};
	struct tracking t = page->tracking;
	struct making *m = page->making;

	pthread_once(&stand_in.once, stand_in_init);
	tpl_markup(page->layout, "SCRIPTS", stand_in.scripts);
	tpl_set(page->layout, "CART_COUNT", stand_in.units);
	if (tpl_render("layout.tpl", page->layout, &m->full) != 0)
		return -1;
	tpl_num(page->layout, "CART_COUNT", 0);
	tpl_show(page->layout, "CART_EMPTY");
	if (tpl_render("layout.tpl", page->layout, &m->empty) != 0)
		return -1;
	t.visitor = &nobody;
	tracking_render(&t);
	*scripts = t.scripts;
	*csp = t.csp;
	/* A script that failed was left out: not to stay so. */
	return t.scripts.failed || t.csp.failed || t.scripts.length == 0 ? -1
	                                                                 : 0;
}

static char *
once(const struct text *text, const char *what)
{
	char *at = memmem(text->data, text->length, what, NUMBER);
	char *end = text->data + text->length;

	if (at == NULL || memmem(at + 1, (size_t)(end - at - 1), what, NUMBER))
		return NULL;
	return at;
}

/* How many of their first, and last, bytes are the same; ${most} at most. */
static size_t
same_first(const struct text *a, const struct text *b, size_t most)
{
	size_t n = 0;

	while (n < most && a->data[n] == b->data[n])
		n++;
	return n;
}

static size_t
same_last(const struct text *a, const struct text *b, size_t most)
{
	size_t n = 0;

	while (n < most &&
	       a->data[a->length - n - 1] == b->data[b->length - n - 1])
		n++;
	return n;
}

/* Where the two differ; -1: the places cannot be told apart. */
static int
compare(const struct making *m, struct frame *f)
{
	const struct text *a = &m->empty, *b = &m->full;
	size_t least = a->length < b->length ? a->length : b->length;
	size_t number = strlen(stand_in.scripts), before, after;
	const char *scripts = once(a, stand_in.scripts);

	if (scripts == NULL || once(b, stand_in.scripts) == NULL)
		return -1;
	before = same_first(a, b, least);
	after = same_last(a, b, least - before);
	f->scripts_at = (size_t)(scripts - a->data);
	f->same_before = before;
	f->same_after = after;
	return f->scripts_at + number <= before ||
	               f->scripts_at >= a->length - after
	           ? 0
	           : -1;
}

/* The cart's part, between the places of its number. */
static int
cut_cart(struct frame *f, const char *from, size_t length)
{
	const char *end = from + length, *at;

	while ((at = memmem(from, (size_t)(end - from), stand_in.units,
	            NUMBER)) != NULL) {
		if (f->carts == NUMBERS)
			return -1;
		f->cart[f->carts++] = (struct slice){from, (size_t)(at - from)};
		from = at + NUMBER;
	}
	f->cart[f->carts++] = (struct slice){from, (size_t)(end - from)};
	return 0;
}

/* Copies a text to *${to}, behind what is there; only measures if that is NULL.
 */
static const char *
put(char **to, size_t *size, const char *text, size_t length)
{
	char *copy = *to;

	*size += length + 1;
	if (copy == NULL)
		return text;
	memcpy(copy, text, length);
	copy[length] = '\0';
	*to = copy + length + 1;
	return copy;
}

static const char *
put_string(char **to, size_t *size, const char *text)
{
	return put(to, size, text, strlen(text));
}

/* The categories, without their texts. */
static void
put_categories(
    struct frame *f, char **to, size_t *size, const struct category *from)
{
	struct category *copy = (struct category *)(void *)*to;
	size_t n = 0;

	for (; from != NULL; from = from->next)
		n++;
	*size += n * sizeof(*copy);
	if (copy == NULL || n == 0)
		return;
	*to += n * sizeof(*copy);
	f->product.categories = copy;
	for (; n > 0; n--, copy++)
		*copy = (struct category){
		    .slug = "", .next = n > 1 ? copy + 1 : NULL};
}

static void
put_goods(struct frame *f, char **to, size_t *size, const struct product *p)
{
	const struct variant *v = variant_shown(p);
	struct category *copy;

	f->product = (struct product){
	    .body = "", .image_alt = "", .variants = &f->variant};
	put_categories(f, to, size, p->categories);
	copy = f->product.categories;
	for (const struct category *c = p->categories; c; c = c->next) {
		const char *name = put_string(to, size, c->name);

		if (copy != NULL) {
			copy->name = name;
			copy = copy->next;
		}
	}
	f->product.id = put_string(to, size, p->id);
	f->product.handle = put_string(to, size, p->handle);
	f->product.title = put_string(to, size, p->title);
	f->product.vendor = put_string(to, size, p->vendor);
	f->product.image = put_string(to, size, p->image);
	f->variant = *v;
	f->variant.name = put_string(to, size, v->name);
	f->variant.sku = put_string(to, size, v->sku);
	f->variant.next = NULL;
}

static void
frame_drop(struct kept_item *item)
{
	free(item);
}

/* All that it holds, in one block; in two passes: ${to} NULL measures. */
static size_t
fill(struct frame *f, char *to, const struct making *m,
    const struct text *scripts, const struct text *head)
{
	size_t size = 0, n = 0;
	size_t length = m->full.length - f->same_before - f->same_after;
	const char *cart;

	put_goods(f, &to, &size, m->product); /* first: it is aligned */
	f->item.key = put_string(&to, &size, m->key);
	f->page.length = m->empty.length;
	f->page.data = put(&to, &size, m->empty.data, m->empty.length);
	cart = put(&to, &size, m->full.data + f->same_before, length);
	if (cut_cart(f, cart, length) != 0)
		return 0;
	f->scripts.length = scripts->length;
	f->scripts.data = put(&to, &size, scripts->data, scripts->length);
	f->head.length = head->length;
	f->head.data = put(&to, &size, head->data, head->length);
	for (int i = 0; i < SHELF_OTHERS; i++)
		f->others[i] = "";
	for (const struct product *p = m->others; p != NULL && n < SHELF_OTHERS;
	     p = p->next)
		f->others[n++] = put_string(&to, &size, p->id);
	f->asks = m->asks;
	return size;
}

static void
tag(struct frame *f)
{
	struct text whole = {0};
	const char *behind = f->page.data + f->scripts_at + NUMBER;

	text_addn(&whole, f->page.data, f->scripts_at);
	text_addn(&whole, f->scripts.data, f->scripts.length);
	text_addn(&whole, behind, f->page.length - f->scripts_at - NUMBER);
	if (!whole.failed)
		page_tag(whole.data, whole.length, f->tag);
	text_free(&whole);
}

static struct frame *
put_together(
    const struct making *m, const struct text *scripts, const struct text *head)
{
	struct frame measured = {0}, *f;
	size_t size;

	if (compare(m, &measured) != 0)
		return NULL;
	size = fill(&measured, NULL, m, scripts, head);
	f = size > 0 ? malloc(sizeof(*f) + size) : NULL;
	if (f == NULL)
		return NULL;
	*f = (struct frame){.scripts_at = measured.scripts_at,
	    .same_before = measured.same_before,
	    .same_after = measured.same_after};
	fill(f, f->text, m, scripts, head);
	f->item.size = sizeof(*f) + size;
	f->item.drop = frame_drop;
	f->item.sum = shelf_sum_of(m->mark, m->product, m->others);
	tag(f);
	if (*f->tag != '\0')
		return f;
	free(f);
	return NULL;
}

struct frame *
frame_make(struct visit *visit, struct page *page)
{
	struct text scripts = {0}, csp = {0};
	struct response head = {0};
	struct frame *frame = NULL;

	if (draw(page, &scripts, &csp) == 0)
		page_head(visit, page, csp.data, &head);
	if (head.headers.length > 0 && !head.headers.failed && !head.bad)
		frame = put_together(page->making, &scripts, &head.headers);
	text_free(&scripts);
	text_free(&csp);
	response_free(&head);
	if (frame == NULL)
		return NULL;
	kept_add(visit->shop->kept, &frame->item, page->making->when);
	visit->shop->held = &frame->item;
	return frame;
}

/* --------------------------------------------------------------- showing it */

static void
add_piece(struct response *response, const char *data, size_t length)
{
	if (length > 0 && response->pieces < PIECES_MAX)
		response->piece[response->pieces++] =
		    (struct slice){data, length};
}

/* A part of the page, with the scripts if they are in it. */
static void
add_part(struct response *response, const struct frame *f, size_t from,
    size_t to, const struct slice *scripts)
{
	if (f->scripts_at >= from && f->scripts_at < to) {
		add_piece(response, f->page.data + from, f->scripts_at - from);
		add_piece(response, scripts->data, scripts->length);
		from = f->scripts_at + NUMBER;
	}
	add_piece(response, f->page.data + from, to - from);
}

void
frame_show(struct visit *visit, const struct page *page, int units)
{
	struct response *response = visit->response;
	const struct frame *f = page->frame;
	const struct text *own = &page->tracking.scripts;
	struct slice scripts = f->scripts;
	const char *number;

	if (own->data != NULL)
		scripts = (struct slice){
		    arena_copyn(visit->arena, own->data, own->length),
		    own->length};
	if (units == 0) {
		add_part(response, f, 0, f->page.length, &scripts);
		return;
	}
	number = arena_copy(visit->arena, NUM(units));
	add_part(response, f, 0, f->same_before, &scripts);
	for (size_t i = 0; i < f->carts; i++) {
		if (i > 0)
			add_piece(response, number, strlen(number));
		add_piece(response, f->cart[i].data, f->cart[i].length);
	}
	add_part(response, f, f->page.length - f->same_after, f->page.length,
	    &scripts);
}

/* With ${instead} where ${what} stands. */
static void
exchange(struct text *out, const char *from, size_t length, const char *what,
    const char *instead)
{
	const char *end = from + length, *at;

	while (
	    (at = memmem(from, (size_t)(end - from), what, NUMBER)) != NULL) {
		text_addn(out, from, (size_t)(at - from));
		text_add(out, instead);
		from = at + NUMBER;
	}
	text_addn(out, from, (size_t)(end - from));
}

int
frame_unkept(struct visit *visit, const struct page *page, int units)
{
	const struct making *m = page->making;
	const struct text *drawn = units > 0 ? &m->full : &m->empty;
	const struct text *scripts = &page->tracking.scripts;
	struct text counted = {0}, *body = &visit->response->body;

	if (drawn->data == NULL)
		return -1;
	exchange(
	    &counted, drawn->data, drawn->length, stand_in.units, NUM(units));
	if (counted.failed)
		return shop_fail("out of memory");
	exchange(body, counted.data, counted.length, stand_in.scripts,
	    scripts->data != NULL ? scripts->data : "");
	text_free(&counted);
	return body->failed ? shop_fail("out of memory") : 0;
}

void
frame_head(const struct frame *frame, struct response *response)
{
	text_addn(
	    &response->headers, frame->head.data, frame->head.length);
}

const char *
frame_tag(const struct frame *frame)
{
	return frame->tag;
}
