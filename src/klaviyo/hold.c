/*
 * hold.c - what rows of the outbox are about, and rows that wait for another.
 *
 * Two columns, both empty in nearly every row:
 *
 *   about     what an unsent row is about: "email:" and the new address, in
 *             small letters, of an Updated Email; "cart:" and the id, of a
 *             cart's event.  Emptied with the texts, for it is somebody's.
 *   held_by   the id of the row that must end first: the Updated Email to the
 *             address of this row's profile.
 *
 * A held row waits as any other, but is due in KL_HOLD seconds.  When the other
 * row ends, in whatever way, it is due at once, in the same transaction; if the
 * other takes longer, it goes.  (In PostgreSQL a row that is queued while the
 * other is just being settled may miss that, and waits for its time.)
 *
 * Promises: each statement here reads a partial index, by equality.
 */
#include "outbox.h"
#include "sql.h"

#include <stdio.h>
#include <string.h>

char *
kl_about(const char *what, const char *id)
{
	return kl_join((const char *[]){what, id}, 2);
}

/* ------------------------------------------------------------- held by whom */

static int
holder_row(void *rowarg, int n, const char *const col[])
{
	(void)n;
	return (*(char **)rowarg = kl_copy(col[0])) != NULL ? 0 : -1;
}

int
kl_hold_find(const struct klaviyo_store *store, const char *email, char **id)
{
	char *about;
	int64_t rows;

	*id = NULL;
	if ((about = kl_about(KL_ABOUT_EMAIL, email)) == NULL)
		return -1;
	/* Of several the last: the others are over by then. */
	rows = store->sql(store->conn,
	    "SELECT id FROM klaviyo_outbox"
	    " WHERE about = $1 AND due_at IS NOT NULL"
	    " ORDER BY created_at DESC, id LIMIT 1",
	    1, (const char *[]){about}, holder_row, id);
	free(about);
	if (rows >= 0)
		return 0;
	free(*id);
	*id = NULL;
	return -1;
}

int64_t
kl_hold_release(const struct klaviyo_store *store, const char *id, int64_t now)
{
	struct num t;

	/* One that is being tried, or was, has a due time of its own. */
	return run(store,
	    "UPDATE klaviyo_outbox SET held_by = NULL,"
	    " due_at = CASE WHEN attempts = 0 AND due_at > CAST($2 AS BIGINT)"
	    " THEN CAST($2 AS BIGINT) ELSE due_at END"
	    " WHERE held_by = $1 AND NOT EXISTS"
	    " (SELECT 1 FROM klaviyo_outbox AS first"
	    " WHERE first.id = $1 AND first.due_at IS NOT NULL)",
	    2, (const char *[]){id, num(&t, now)});
}

int
klaviyo_email_pending(const struct klaviyo_store *store, const char *email)
{
	char *lower, *id;
	int rc;

	if (email == NULL || *email == '\0')
		return 0;
	if ((lower = kl_lower(email)) == NULL)
		return -1;
	rc = kl_hold_find(store, lower, &id);
	free(lower);
	if (rc == 0)
		rc = id != NULL;
	else
		kl_store_failed();
	free(id);
	return rc;
}

/* ------------------------------------------------------------------- carts */

int64_t
klaviyo_drop_cart(const struct klaviyo_store *store, const char *cart)
{
	char *about, why[512];
	int64_t rows = -1;

	if (cart == NULL || *cart == '\0')
		return 0;
	if ((about = kl_about(KL_ABOUT_CART, cart)) == NULL)
		return -1;
	if (run(store, "SAVEPOINT klaviyo", 0, NULL) < 0)
		goto out;
	/* Also what is being sent: its settlement finds nothing to settle. */
	rows = run(store,
	    "UPDATE klaviyo_outbox SET profile = '', event = '',"
	    " due_at = NULL, claim = NULL, about = NULL, held_by = NULL"
	    " WHERE about = $1",
	    1, (const char *[]){about});
	if (rows >= 0 && run(store, "RELEASE SAVEPOINT klaviyo", 0, NULL) < 0)
		rows = -1;
	if (rows < 0) {
		snprintf(why, sizeof(why), "%s", klaviyo_error());
		if (run(store, "ROLLBACK TO SAVEPOINT klaviyo", 0, NULL) >= 0)
			run(store, "RELEASE SAVEPOINT klaviyo", 0, NULL);
		kl_fail("%s", why);
	}
out:
	free(about);
	if (rows < 0)
		kl_store_failed();
	return rows;
}
