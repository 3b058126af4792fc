/*
 * pages.h - what the shop's page files share: a visit and its frame.
 *
 * A page function reads its rows, fills its template's variables (each template
 * is headed by them) and ends with page_show().  It returns 0, or -1 with
 * shop_error() set, which becomes an error page.
 */
#ifndef STOREFRONT_PAGES_H
#define STOREFRONT_PAGES_H

#include "shelf.h"
#include "tpl.h"

struct frame;

/* One request being answered. */
struct visit {
	struct shop *shop;
	struct request *request;
	struct response *response;
	struct arena *arena;
	struct session session;
	const char *rest; /* of the path, behind the route's prefix */
	struct consent consent;
	const char *exchange_id;
	const struct notify *notify; /* pages_notify.c's own */
	bool quiet;       /* no tracking on what is shown: a secret is near */
};

/* One page being made. */
struct page {
	struct tpl *layout, *body;
	const char *file;
	int status;
	bool public;      /* the same for all who have no session */
	bool listed;      /* search engines may list it */
	bool secret;      /* its address is: nobody is told of it */
	const char *open; /* slug of the open collection, "" = none */
	const char *query;
	bool quiet;       /* no tracking here; see struct visit */
	struct tracking tracking;
	struct making *making; /* it is to be kept; NULL: it is not */
	struct frame *frame;   /* it is made of this one, which is kept */
};

typedef int page_function(struct visit *visit);

/*
 * pages_kept.c, pages_drawn.c: product pages, all of them but what is the
 * visitor's.
 */
/* What a page is being made of, to be kept. */
struct making {
	const char *key;
	uint64_t when;
	char mark[MARK_BYTES];
	const struct product *product, *others;
	bool asks; /* it holds a form that a known visitor finds filled in */
	/* As it is drawn, with nothing and with something in the cart. */
	struct text empty, full;
};
/* Begins the page of a product from what is kept: 1; 0, it has to be made; -1. */
int frame_begin(struct visit *visit, struct page *page, const char *handle);
/* A page is to be made: *${making} gets NULL if it is not one to be kept.  Before
 * anything is read for it. */
int frame_making(
    struct visit *visit, const char *handle, struct making **making);
/* Renders and keeps it; NULL: it cannot be kept, and is a page like others. */
struct frame *frame_make(struct visit *visit, struct page *page);
/* The whole body, for a visitor with so many articles in the cart. */
void frame_show(struct visit *visit, const struct page *page, int units);
/* The same of one that is drawn, and could not be kept. */
int frame_unkept(struct visit *visit, const struct page *page, int units);
/* page_head() with the scripts that everybody gets. */
void frame_head(const struct frame *frame, struct response *response);
const char *frame_tag(const struct frame *frame);

/* What the page is, and which scripts may run on it. */
void page_head(struct visit *visit, const struct page *page, const char *csp,
    struct response *response);
/* An entity tag of a body, quotes included. */
#define TAG_BYTES 40
void page_tag(const char *body, size_t length, char tag[TAG_BYTES]);

/* Begins a page of the layout with ${file} as its body.  -1 if out of memory. */
int page_begin(struct visit *visit, struct page *page, const char *file,
    const char *title);
/* The same without a template. */
void page_blank(struct visit *visit, struct page *page);
/* Renders it with menu, cart count, tracking and headers; frees it. */
int page_show(struct visit *visit, struct page *page);
/* pages_after.c: its view, or its checkout, is told when the answer is out. */
void page_tell_later(struct visit *visit, const struct page *page);
void page_drop(struct page *page); /* frees one that is not shown */
/* A page that says one thing.  ${url} NULL: no button. */
int page_message(struct visit *visit, int status, const char *heading,
    const char *text, const char *url, const char *name);
int page_not_found(struct visit *visit);
/* 303 See Other, to a path of this shop. */
int page_redirect(struct visit *visit, const char *path);

/* Of what was typed.  One line of text: trimmed, inner white space folded to
 * one blank. */
const char *one_line(struct arena *arena, const char *text);
bool email_ok(const char *email);
int64_t id_of(const char *text); /* 0: no id of a variant */
/* A phone number without its punctuation; NULL if it is none.  Only one with a
 * country code (+..) can be told to Klaviyo. */
char *phone_of(struct arena *arena, const char *typed);
/* Why text messages cannot go to what was typed as a phone number; NULL = they
 * can. */
const char *sms_why_not(struct visit *visit, const char *typed);

/* Small parts that several pages show. */
/* Options CODE, NAME, SELECTED. */
void put_countries(struct tpl *body, const char *section, const char *chosen);
const char *date_text(struct arena *arena, int64_t seconds); /* "1 May 2026" */
const char *status_shown(const char *status);
void put_text(struct tpl *tpl, const char *section, const char *text);
void put_money(struct visit *visit, struct tpl *tpl, const char *name,
    int64_t amount);
void put_picture(struct tpl *tpl, const char *image, const char *alt);
/* The lines of a summary: TITLE, VARIANT, QUANTITY, ROW_TOTAL, PICTURE, URL. */
void put_lines(struct visit *visit, struct tpl *tpl, const struct line *lines);

/* pages_shop.c */
int home_page(struct visit *visit);
int product_page(struct visit *visit);
int collection_page(struct visit *visit);
int search_page(struct visit *visit);
/* A product's page; ${error} says why adding was refused, NULL = it was not. */
int product_show(struct visit *visit, const char *handle, int status,
    const char *error);

/* pages_cart.c */
int cart_add_page(struct visit *visit);
int cart_page(struct visit *visit);
int cart_update_page(struct visit *visit);
/* 1 if the form's token is this session's; else a 403 page was made: 0, -1. */
int form_checked(struct visit *visit);

/* Which side tells of what this visitor does. */
enum side visit_side(const struct visit *visit);

/* pages_consent.c */
int consent_page(struct visit *visit);
int consent_post(struct visit *visit);
/* The banner, for who is to be asked. */
void consent_put(struct visit *visit, struct page *page);
/* pages_login.c */
int login_page(struct visit *visit);
int login_post(struct visit *visit);
int logout_post(struct visit *visit);
/* pages_register.c */
int register_page(struct visit *visit);
int register_post(struct visit *visit);

/* pages_account.c, pages_details.c: of one who is logged in */
int account_page(struct visit *visit);
int details_page(struct visit *visit);
int details_post(struct visit *visit);
int email_page(struct visit *visit);
int email_post(struct visit *visit);
int password_page(struct visit *visit);
int password_post(struct visit *visit);

/* pages_reset.c */
int forgot_page(struct visit *visit);
int forgot_post(struct visit *visit);
int reset_page(struct visit *visit);
int reset_post(struct visit *visit);

/* pages_contact.c */
int contact_page(struct visit *visit);
int contact_post(struct visit *visit);

/* pages_restore.c */
int restore_page(struct visit *visit);
int restore_post(struct visit *visit);
/* The link that brings this cart back: what CheckoutURL points to. */
const char *restore_link(struct visit *visit, const struct cart *cart);

/* pages_notify.c: the section of a product's page, if there is one; and whether
 * the page is the answer to its form, and so no other view. */
void put_notify(
    struct visit *visit, struct tpl *body, const struct product *product);
bool notify_answered(struct visit *visit);
/* Is there something to wait for, and so a form? */
bool notify_asks(const struct product *product);
int notify_post(struct visit *visit);

/* pages_feed.c */
int feed_json_page(struct visit *visit);
int feed_xml_page(struct visit *visit);

/* pages_health.c */
int health_page(struct visit *visit);
int ready_page(struct visit *visit);

/* pages_checkout.c, pages_order.c */
int checkout_page(struct visit *visit);
int checkout_post(struct visit *visit);
int order_page(struct visit *visit);
/* Names of the countries the shop sends to; NULL for another code. */
const char *country_name(const char *code);
struct country {
	const char *code, *name;
};
extern const struct country countries[]; /* ends with a NULL code */

#endif
