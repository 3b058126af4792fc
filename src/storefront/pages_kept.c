/*
 * pages_kept.c - product pages that are made once per change of what they show,
 * and kept (shelf.c): all of them but what is the visitor's.
 *
 *   the same for all who see it        the visitor's, put in per request
 *   text, price, stock, neighbours,    the number of articles in the cart;
 *   menu, banner, scripts and their    other scripts, where they name the
 *   hashes, entity tag                 visitor or tell of the cart
 *
 * Where those stand is found out as the page is drawn (pages_drawn.c).  A page
 * that says more to this visitor (a refused form, a filled-in address) is not
 * kept: it is rendered whole.
 *
 * Promises: the same bytes as a page that is rendered whole, but as fast as
 * they can be sent.
 */
#include "frame.h"

#include <string.h>

#define HANDLE_MAX 256

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
	const struct stand_in *stand_in = frame_stand_in();
	const struct making *m = page->making;
	const struct text *drawn = units > 0 ? &m->full : &m->empty;
	const struct text *scripts = &page->tracking.scripts;
	struct text counted = {0}, *body = &visit->response->body;

	if (drawn->data == NULL)
		return -1;
	exchange(
	    &counted, drawn->data, drawn->length, stand_in->units, NUM(units));
	if (counted.failed)
		return shop_fail("out of memory");
	exchange(body, counted.data, counted.length, stand_in->scripts,
	    scripts->data != NULL ? scripts->data : "");
	text_free(&counted);
	return body->failed ? shop_fail("out of memory") : 0;
}

void
frame_head(const struct frame *frame, struct response *response)
{
	text_addn(&response->headers, frame->head.data, frame->head.length);
}

const char *
frame_tag(const struct frame *frame)
{
	return frame->tag;
}
