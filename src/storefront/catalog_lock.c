/*
 * catalog_lock.c - one push at a time, on however many hosts.
 *
 * Two at once would overtake each other: the older price could reach Klaviyo
 * last, and be noted as the newer one.
 *
 * Promises: a push that was killed hinders nobody on its own host, and
 * elsewhere for ten minutes at most.
 */
#include "catalog_push.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEASE_S 600 /* after the last job that has ended */

static int
text_row(void *arg, int n, const char *const col[])
{
	(void)n;
	snprintf(arg, 128, "%s", col[0]);
	return 0;
}

/* "host pid time" of a push that may still go on. */
static bool
goes_on(const char *mark, const char *host)
{
	size_t n = strcspn(mark, " ");
	char *end;
	long pid = strtol(mark + n, &end, 10);
	long long since = strtoll(end, &end, 10);

	if (*end != '\0' || utc_now() - since > LEASE_S)
		return false;
	return strlen(host) != n || strncmp(mark, host, n) != 0 || pid <= 0 ||
	       pid > INT_MAX || kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

static const char *
own_mark(char mark[128])
{
	char host[65] = "here";

	gethostname(host, sizeof(host) - 1);
	for (char *c = host; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~')
			*c = '_';
	snprintf(mark, 128, "%s %ld %lld", host, (long)getpid(),
	    (long long)utc_now());
	return mark;
}

int
push_renew(struct push *push)
{
	char mark[128];

	return db_run(push->db, NULL, NULL,
	           "UPDATE meta SET value = $1 WHERE name = 'catalog pushing'",
	           own_mark(mark)) < 0
	           ? -1
	           : 0;
}

int
push_release(struct push *push)
{
	return db_run(push->db, NULL, NULL,
	           "DELETE FROM meta WHERE name = 'catalog pushing'") < 0
	           ? -1
	           : 0;
}

int
push_claim(struct push *push)
{
	char mark[128], host[65], had[128] = "";
	int result = -1;

	own_mark(mark);
	snprintf(host, sizeof(host), "%.*s", (int)strcspn(mark, " "), mark);
	if (db_begin(push->db) != 0)
		return -1;
	/* Takes the row's lock first, where there is one. */
	if (db_run(push->db, NULL, NULL,
	        "INSERT INTO meta (name, value) VALUES ('catalog pushing', "
	        "'-') "
	        "ON CONFLICT (name) DO UPDATE SET value = meta.value") < 0 ||
	    db_run(push->db, text_row, had,
	        "SELECT value FROM meta WHERE name = 'catalog pushing'") < 0)
		goto out;
	if (goes_on(had, host)) {
		shop_fail(
		    "another push is going on (%s): wait for its end", had);
		goto out;
	}
	if (push_renew(push) == 0)
		result = db_commit(push->db) != 0 ? -1 : 0;
out:
	if (result != 0)
		db_rollback(push->db);
	return result;
}
