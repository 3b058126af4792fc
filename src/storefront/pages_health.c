/*
 * pages_health.c - what a monitor asks.
 *
 *	/healthz	the process answers; asks no database.  For a load
 *			balancer.
 *	/readyz		200 or 503 and how it is (ready.h), a line each; only
 *			for who asks from this host, 404 for all others.  For a
 *			monitor: a shop whose worker stands still sells on.
 *
 * Promises: never kept by anybody; no version, no name of a host, nothing of a
 * customer.
 */
#include "pages.h"
#include "ready.h"

#include <string.h>

static void
plain(struct visit *visit)
{
	response_header(
	    visit->response, "Content-Type", "text/plain; charset=utf-8");
	response_header(visit->response, "Cache-Control", "no-store");
}

int
health_page(struct visit *visit)
{
	plain(visit);
	text_add(&visit->response->body, "ok\n");
	return 0;
}

/* Whether it is asked from this host, as the web server says.  What a proxy has
   passed on is somebody else's question, wherever the proxy stands. */
static bool
from_here(const struct request *request)
{
	static const char *const here[] = {
	    "127.0.0.1", "::1", "::ffff:127.0.0.1", "unix:"};

	for (size_t i = 0; i < sizeof(here) / sizeof(*here); i++)
		if (strcmp(request->client, here[i]) == 0)
			return !request->passed_on;
	return false;
}

/* "ok    " or "WRONG ", as doctor's lines begin. */
static struct text *
line(struct visit *visit, bool wrong)
{
	text_add(&visit->response->body, wrong ? "WRONG " : "ok    ");
	return &visit->response->body;
}

static void
put_worker(struct visit *visit, const struct readiness *r, int wrong)
{
	struct text *out = line(visit, wrong & READY_NO_WORKER);

	if (r->heartbeat_age >= 0)
		text_printf(out, "worker: %s %lld s ago\n",
		    r->sending ? "heartbeat" : "last batch",
		    (long long)r->heartbeat_age);
	else
		text_printf(out, "worker: %s\n",
		    r->batch ? "no batch yet: run `storefront worker --once`"
		             : "nobody sends: start `storefront worker`");
}

static void
put_outbox(struct visit *visit, const struct readiness *r, int wrong)
{
	text_printf(line(visit, wrong & READY_LATE),
	    "oldest pending: %lld s; %lld waiting, %lld dead\n",
	    (long long)r->oldest_age, (long long)r->waiting,
	    (long long)r->dead);
	if (r->pause_left > 0)
		text_printf(line(visit, wrong & READY_PAUSED),
		    "paused: for %lld s: %s\n", (long long)r->pause_left,
		    r->reason);
	else
		text_add(line(visit, false), "paused: no\n");
}

static void
put_disk(struct visit *visit, const struct readiness *r, int wrong)
{
	struct text *out = line(visit, wrong & READY_FULL);

	if (r->disk_percent >= 0)
		text_printf(out, "disk: %d %% free, %lld MiB\n",
		    r->disk_percent, (long long)(r->disk_free >> 20));
	else
		text_add(out, "disk: the database server's\n");
}

int
ready_page(struct visit *visit)
{
	struct readiness r;
	int wrong;

	if (!from_here(visit->request))
		return page_not_found(visit);
	readiness_read(
	    &r, visit->shop->db, visit->shop->settings, visit->request->now);
	wrong = readiness_wrong(&r);
	visit->response->status = wrong == 0 ? 200 : 503;
	plain(visit);
	if (r.database) {
		text_add(line(visit, false), "database\n");
		put_worker(visit, &r, wrong);
		put_outbox(visit, &r, wrong);
	} else {
		text_add(line(visit, true), "database: it does not answer\n");
	}
	put_disk(visit, &r, wrong);
	return 0;
}
