/*
 * pages_consent.c - what a visitor says of being tracked: the banner that asks,
 * the page where it can be changed, and the form of both.
 *
 * Promises: it works without scripts; nothing is kept but the answer, in a
 * cookie, and only when it is given; a "no" ends what Klaviyo has stored in the
 * browser and drops what was to be told of the visitor's cart.
 */
#include "pages.h"

#include <string.h>

/* A path as it stands in an address. */
static const char *
encoded(struct arena *arena, const char *path)
{
	const char *to = "";

	while (to != NULL && *path == '/') {
		size_t n = strcspn(++path, "/");

		to = url_path(arena, arena_printf(arena, "%s/", to),
		    arena_copyn(arena, path, n));
		path += n;
	}
	return to;
}

/* Where the visitor came from: a path of this shop that a GET shows, with what
 * the shop itself puts into a query, and nothing else of it. */
static const char *
return_path(struct visit *visit)
{
	static const char *const kept[] = {"q", "page"};
	const struct request *request = visit->request;
	const char *path;

	/* A refused form's page has no address of its own. */
	if (request_posts(request))
		return strcmp(request->path, "/checkout") == 0 ? "/checkout"
		                                               : "/";
	path = encoded(visit->arena, request->path);
	for (size_t i = 0, n = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		const char *value = field(&request->query, kept[i]);

		if (value != NULL && path != NULL)
			path = arena_printf(visit->arena, "%s%s", path,
			    url_path(visit->arena,
			        arena_printf(visit->arena,
			            "%c%s=", n++ == 0 ? '?' : '&', kept[i]),
			        value));
	}
	return path;
}

/* The same, from a form: whatever is no plain path of this shop leads home. */
static const char *
return_checked(struct visit *visit)
{
	const char *path = field(&visit->request->form, "return");

	if (path == NULL || path[0] != '/' || path[1] == '/' ||
	    path[1] == '\\' || strlen(path) > 2000)
		return "/";
	for (const char *p = path; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f ||
		    *p == '\\')
			return "/";
	return path;
}

void
consent_put(struct visit *visit, struct page *page)
{
	if (tracking_on(visit->shop->settings))
		tpl_show(page->layout, "COOKIES");
	/* The page about it asks by itself. */
	if (visit->consent.ask && strcmp(page->file, "consent.tpl") != 0)
		tpl_set(tpl_section(page->layout, "CONSENT"), "RETURN",
		    return_path(visit));
}

int
consent_page(struct visit *visit)
{
	struct page page;

	if (!tracking_on(visit->shop->settings))
		return page_not_found(visit);
	if (page_begin(visit, &page, "consent.tpl", "Cookie settings") != 0)
		return -1;
	tpl_show(page.body, visit->consent.tracked              ? "TRACKED"
	                    : visit->consent.said == CONSENT_NO ? "REFUSED"
	                    : visit->consent.ask                ? "ASKED"
	                                                        : "OFF");
	return page_show(visit, &page);
}

/* What waits to be told of the visitor's cart is not told any more. */
static int
drop_told(struct visit *visit)
{
	struct db *db = visit->shop->db;

	if (*visit->session.cart == '\0')
		return 0;
	if (db_begin(db) != 0)
		return -1;
	if (tracking_drop_cart(db, visit->session.cart) != 0 ||
	    db_commit(db) != 0) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

int
consent_post(struct visit *visit)
{
	const char *choice = field(&visit->request->form, "choice");
	const struct settings *settings = visit->shop->settings;
	bool yes = choice != NULL && strcmp(choice, "yes") == 0;
	bool no = choice != NULL && strcmp(choice, "no") == 0;

	if (!tracking_on(settings))
		return page_not_found(visit);
	if (!yes && !no)
		return page_message(visit, 400, "Yes or no?",
		    "That form came without an answer.", "/consent",
		    "Cookie settings");
	if (no && drop_told(visit) != 0)
		return -1;
	consent_cookie(settings, yes, visit->response);
	if (no)
		consent_forget(settings, visit->arena, visit->response);
	if (strstr(visit->request->accept, "application/json") == NULL)
		return page_redirect(visit, return_checked(visit));
	visit->response->status = 204;
	response_header(visit->response, "Cache-Control", "private, no-store");
	return 0;
}
