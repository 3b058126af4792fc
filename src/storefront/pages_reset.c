/*
 * pages_reset.c - a forgotten password: asked for, and set anew by the link
 * that Klaviyo sends.
 *
 * Promises: asking answers the same, known address or not, and leads to few
 * mails (throttle.c); the link works once, and ends all logins and all other
 * links of the account; its page tells nobody its address: no referrer, no
 * script of others, no log.
 */
#include "form.h"

#include <sodium.h>
#include <string.h>

/* ---------------------------------------------------------------------- asking
 */

static const struct entry forgot_entries[] = {
    {ENTRY_MAIL, "email", "Email", "Please give your e-mail address", 100,
        "username", NULL, false},
};

static struct form
forgot_form(void)
{
	return (struct form){
	    .action = "/account/forgot",
	    .heading = "Forgotten your password?",
	    .lede = "Give the address of your account. We write to you with a "
	            "link to choose a new one.",
	    .submit = "Send the link",
	    .entries = FORM_ENTRIES(forgot_entries),
	    .quiet = true,
	    .links = {{"", "/account/login", "Back to log in"}},
	};
}

int
forgot_page(struct visit *visit)
{
	const char *done = field(&visit->request->query, "done");
	struct form form = forgot_form();

	if (done != NULL) {
		form.lede = NULL;
		form.done = "If there is an account with this address, a link "
		            "is on its way to it. It is good for 45 minutes, "
		            "and once.";
	}
	return form_show(visit, &form, 200);
}

/* For an address without an account all is done, but for the event. */
static int
ask(struct visit *visit, const struct form *form, const char *key)
{
	struct db *db = visit->shop->db;
	int64_t now = visit->request->now;
	struct account account;
	const char *id;
	int found, asked;

	if (db_begin(db) != 0)
		return -1;
	found = account_find(db, visit->arena, key, &account);
	if (found < 0)
		goto fail;
	asked = reset_ask(
	    db, visit->arena, found ? account.id : NULL, form->key, now, &id);
	if (asked < 0 ||
	    (found == 1 && asked == 1 &&
	        tracking_reset(db, &account, id, now) < 0) ||
	    db_commit(db) != 0)
		goto fail;
	return 0;
fail:
	db_rollback(db);
	return -1;
}

int
forgot_post(struct visit *visit)
{
	struct form form = forgot_form();
	const char *key;
	int retry, ok = form_read(visit, &form);

	if (ok == 1)
		ok = form_throttle(visit, &form, THROTTLE_RESET_CLIENT,
		    throttle_client(visit->request));
	if (ok != 1)
		return ok;
	key = account_key(visit->arena, form_value(&form, "email"));
	/* Too often for this address: the answer is the same. */
	ok = throttle_take(
	    visit->shop, THROTTLE_RESET, key, visit->request->now, &retry);
	if (ok < 0 || (ok == 1 && ask(visit, &form, key) != 0))
		return -1;
	return page_redirect(visit, "/account/forgot?done=1");
}

/* ------------------------------------------------------------- choosing anew
 */

static const struct entry reset_entries[] = {
    {ENTRY_SECRET, "password", "New password", "Please choose a password",
        PASSWORD_MAX, "new-password", "At least 8 characters; longer is better",
        false},
    {ENTRY_HIDDEN, "reset", NULL, NULL, 200, NULL, NULL, false},
};

static struct form
reset_form(void)
{
	return (struct form){
	    .action = "/account/reset",
	    .heading = "Choose a new password",
	    .lede = "With it you are logged out everywhere, and log in anew.",
	    .submit = "Set the password",
	    .entries = FORM_ENTRIES(reset_entries),
	    .quiet = true,
	};
}

static int
stale_page(struct visit *visit)
{
	return page_message(visit, 410, "This link has had its day",
	    "It is good for 45 minutes, and once. Please ask for another one.",
	    "/account/forgot", "Ask for another link");
}

/* Its address lets in: nobody is told of it, and nobody else's script runs. */
static void
keep_secret(struct visit *visit)
{
	visit->quiet = true;
	visit->response->no_referrer = true;
}

int
reset_page(struct visit *visit)
{
	struct form form = reset_form();
	const char *id, *account;
	int found;

	keep_secret(visit);
	found = reset_find(visit->shop, visit->arena, visit->rest,
	    visit->request->now, &id, &account);
	if (found != 1)
		return found < 0 ? -1 : stale_page(visit);
	form_set(&form, "reset", visit->rest);
	return form_show(visit, &form, 200);
}

/* 1; 0, another was faster; -1. */
static int
use(struct visit *visit, const char *id, const char *account, const char *hash)
{
	struct db *db = visit->shop->db;
	int64_t now = visit->request->now;
	struct account had, has;
	int used;

	if (db_begin(db) != 0)
		return -1;
	/* The account's row first, as everywhere. */
	if (account_change(db, visit->arena, account, now, &had) != 1)
		goto fail;
	used = reset_use(db, id, account, now);
	if (used < 0)
		goto fail;
	if (used == 0) {
		db_rollback(db);
		return 0;
	}
	has = had;
	has.password = hash;
	if (account_set_password(db, account, had.password, hash) != 1 ||
	    account_end_logins(db, account, "") != 0 ||
	    tracking_account_updated(db, &has, &had, now) < 0 ||
	    db_commit(db) != 0)
		goto fail;
	return 1;
fail:
	db_rollback(db);
	return -1;
}

/* The session that was logged in to this account is ended, too. */
static int
go_to_login(struct visit *visit, const char *account)
{
	if (strcmp(visit->session.account, account) == 0) {
		visit->session.gone = true;
		visit->session.fresh = false;
	}
	return page_redirect(visit, "/account/login?done=reset");
}

int
reset_post(struct visit *visit)
{
	struct form form = reset_form();
	const char *id, *account, *wrong;
	char hash[PASSWORD_HASH];
	int ok;

	keep_secret(visit);
	ok = form_read(visit, &form);
	if (ok == 1)
		ok = form_throttle(visit, &form, THROTTLE_RESET_CLIENT,
		    throttle_client(visit->request));
	if (ok != 1)
		return ok;
	ok = reset_find(visit->shop, visit->arena, form_value(&form, "reset"),
	    visit->request->now, &id, &account);
	if (ok != 1)
		return ok < 0 ? -1 : stale_page(visit);
	wrong = password_why_not(form_value(&form, "password"));
	if (wrong != NULL) {
		form_refuse(&form, "password", wrong);
		return form_show(visit, &form, 422);
	}
	switch (password_hash(form_value(&form, "password"), hash)) {
	case PASSWORD_GOOD:
		break;
	case PASSWORD_BUSY:
		return form_busy(visit, &form, 2);
	default:
		return -1;
	}
	ok = use(visit, id, account, hash);
	sodium_memzero(hash, sizeof(hash));
	if (ok == 0)
		return stale_page(visit);
	return ok < 0 ? -1 : go_to_login(visit, account);
}
