/*
 * pages_drawn.c - a product page is drawn to be kept (pages_kept.c): twice,
 * once with an unguessable number in the cart and once without one.  What
 * differs is the cart's; where another number stands, the scripts go.
 *
 * So a layout may be changed, or show the number twice.  One in which the
 * places cannot be told apart is not kept.
 *
 * Promises: a kept page is one block of memory, complete in itself.
 */
#include "frame.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static struct stand_in numbers;

static void
numbers_init(void)
{
	for (int i = 0; i < NUMBER; i++) {
		numbers.units[i] = (char)('1' + randombytes_uniform(9));
		numbers.scripts[i] = (char)('1' + randombytes_uniform(9));
	}
}

const struct stand_in *
frame_stand_in(void)
{
	static pthread_once_t made = PTHREAD_ONCE_INIT;

	pthread_once(&made, numbers_init);
	return &numbers;
}

/* The scripts that everybody gets, and the page around them, twice. */
static int
draw(struct page *page, struct text *scripts, struct text *csp)
{
	static const struct session nobody = {.email = ""};
	struct tracking t = page->tracking;
	const struct stand_in *stand_in = frame_stand_in();
	struct making *m = page->making;

	tpl_markup(page->layout, "SCRIPTS", stand_in->scripts);
	tpl_set(page->layout, "CART_COUNT", stand_in->units);
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
	const char *stands = frame_stand_in()->scripts;
	const char *scripts = once(a, stands);
	size_t before, after;

	if (scripts == NULL || once(b, stands) == NULL)
		return -1;
	before = same_first(a, b, least);
	after = same_last(a, b, least - before);
	f->scripts_at = (size_t)(scripts - a->data);
	f->same_before = before;
	f->same_after = after;
	return f->scripts_at + NUMBER <= before ||
	               f->scripts_at >= a->length - after
	           ? 0
	           : -1;
}

/* The cart's part, between the places of its number. */
static int
cut_cart(struct frame *f, const char *from, size_t length)
{
	const char *units = frame_stand_in()->units;
	const char *end = from + length, *at;

	while (
	    (at = memmem(from, (size_t)(end - from), units, NUMBER)) != NULL) {
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
