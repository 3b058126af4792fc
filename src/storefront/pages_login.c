/*
 * pages_login.c - log in, log out.
 *
 * Promises: what they answer, and how long they take, does not tell whether an
 * address has an account; a session is another one before and after; tries are
 * counted before the password is looked at.  What a guest has in this session
 * (cart, orders) becomes the account's.
 */
#include "form.h"

#include <sodium.h>
#include <string.h>

static const struct entry login_entries[] = {
    {ENTRY_MAIL, "email", "Email", "Please give your e-mail address", 100,
        "username", NULL, false},
    {ENTRY_SECRET, "password", "Password", "Please give your password",
        PASSWORD_MAX, "current-password", NULL, false},
    {ENTRY_HIDDEN, "next", NULL, NULL, 500, NULL, NULL, false},
};

static struct form
login_form(void)
{
	return (struct form){
	    .action = "/account/login",
	    .heading = "Log in",
	    .submit = "Log in",
	    .entries = FORM_ENTRIES(login_entries),
	    .quiet = true,
	    .links = {{"New here?", "/account/register", "Make an account"},
	        {"Forgotten it?", "/account/forgot", "Ask for a new password"}},
	};
}

int
login_page(struct visit *visit)
{
	const struct fields *query = &visit->request->query;
	const char *done = field(query, "done");
	struct form form = login_form();

	if (*visit->session.account != '\0')
		return page_redirect(
		    visit, next_path(field(query, "next"), "/account"));
	if (done != NULL && strcmp(done, "new") == 0)
		form.done = "Your account is ready: please log in.";
	else if (done != NULL && strcmp(done, "reset") == 0)
		form.done = "Your new password is set: please log in.";
	form_set(&form, "next", next_path(field(query, "next"), ""));
	form.links[0].url =
	    with_next(visit, form.links[0].url, form_value(&form, "next"));
	return form_show(visit, &form, 200);
}

/* Who tries to get into which account. */
static const char *
pair(struct visit *visit, const char *key)
{
	return arena_printf(
	    visit->arena, "%s %s", key, throttle_client(visit->request));
}

/* A try that was right is none. */
static int
give_back(struct visit *visit, const char *key)
{
	return throttle_give(visit->shop, THROTTLE_LOGIN, pair(visit, key)) !=
	                   0 ||
	               throttle_give(visit->shop, THROTTLE_LOGIN_CLIENT,
	                   throttle_client(visit->request)) != 0
	           ? -1
	           : 0;
}

/* The try was right: session, cart and orders in one transaction.  1; 0, the
 * password was changed at this very moment. */
static int
enter(struct visit *visit, const struct account *found, const char *hash)
{
	struct account account = *found;
	struct db *db = visit->shop->db;
	const char *cart = visit->session.cart;
	int result;

	if (db_begin(db) != 0)
		return -1;
	/* Takes the row: whoever ends all logins comes before or after. */
	result = account_set_password(db, account.id, account.password, hash);
	if (result != 1)
		goto out;
	result = account_load(db, visit->arena, account.id, &account);
	if (result != 1)
		goto out;
	if (account_join(db, visit->arena, &account, visit->session.id, &cart,
	        visit->request->now) != 0)
		result = -1;
	/* A cart that is in another one by now will not be ordered itself. */
	if (result == 1 && strcmp(visit->session.cart, cart) != 0 &&
	    tracking_drop_cart(db, visit->session.cart) != 0)
		result = -1;
	visit->session.cart = cart;
	if (result == 1 &&
	    (session_login(visit->shop, visit->request, &visit->session,
	         account.id) != 0 ||
	        give_back(visit, found->email_key) != 0 || db_commit(db) != 0))
		result = -1;
out:
	if (result != 1)
		db_rollback(db);
	return result;
}

static int
try(struct visit *visit, struct form *form)
{
	const char *password = form_value(form, "password");
	const char *key = account_key(visit->arena, form_value(form, "email"));
	char hash[PASSWORD_HASH];
	struct account account;
	int found, result;

	found = account_find(visit->shop->db, visit->arena, key, &account);
	if (found < 0)
		return -1;
	switch (password_check(password, found ? account.password : NULL)) {
	case PASSWORD_GOOD:
		break;
	case PASSWORD_BUSY:
		return form_busy(visit, form, 2);
	default:
		form->trouble =
		    "This address and this password do not go together";
		return form_show(visit, form, 422);
	}
	/* With today's parameters, if there is room for it now. */
	snprintf(hash, sizeof(hash), "%s", account.password);
	if (password_old(hash) &&
	    password_hash(password, hash) != PASSWORD_GOOD)
		snprintf(hash, sizeof(hash), "%s", account.password);
	result = enter(visit, &account, hash);
	sodium_memzero(hash, sizeof(hash));
	if (result < 0)
		return -1;
	if (result == 0) {
		form->trouble = "Your password was changed this minute: please "
		                "log in with the new one";
		return form_show(visit, form, 422);
	}
	return page_redirect(
	    visit, next_path(form_value(form, "next"), "/account"));
}

int
login_post(struct visit *visit)
{
	struct form form = login_form();
	int ok = form_read(visit, &form);

	if (ok == 1)
		ok = form_throttle(visit, &form, THROTTLE_LOGIN_CLIENT,
		    throttle_client(visit->request));
	if (ok == 1)
		ok = form_throttle(visit, &form, THROTTLE_LOGIN,
		    pair(visit,
		        account_key(visit->arena, form_value(&form, "email"))));
	return ok == 1 ? try(visit, &form) : ok;
}

int
logout_post(struct visit *visit)
{
	struct db *db = visit->shop->db;

	if (!session_form_ok(visit->shop, visit->arena, &visit->session,
	        field(&visit->request->form, "token")))
		return page_message(visit, 403, "This form has gone stale",
		    "It was opened in another visit. Please open the page "
		    "again.",
		    "/account", "To your account");
	if (db_begin(db) != 0)
		return -1;
	if (session_end(visit->shop, &visit->session) != 0 ||
	    db_commit(db) != 0) {
		db_rollback(db);
		return -1;
	}
	return page_redirect(visit, "/");
}
