/*
 * pages_login.c - register, log in, log out.
 *
 * Promises: what they answer, and how long they take, does not tell whether an
 * address has an account; a session is another one before and after; tries are
 * counted before the password is looked at.  What a guest has in this session
 * (cart, orders) becomes the account's.
 *
 * To register an address that has an account changes nothing: its owner is
 * written to, with a way to a new password, as if that had been asked for.
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

/* ${path}, from which the visitor goes on to ${next} in the end. */
static const char *
with_next(struct visit *visit, const char *path, const char *next)
{
	if (*next == '\0')
		return path;
	return url_path(visit->arena,
	    arena_printf(visit->arena, "%s%cnext=", path,
	        strchr(path, '?') != NULL ? '&' : '?'),
	    next);
}

/* ------------------------------------------------------------------- logging
 * in */

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

/* ----------------------------------------------------------------- registering
 */

static const struct entry register_entries[] = {
    {ENTRY_TEXT, "first_name", "First name", "Please give a first name", 120,
        "given-name", NULL, true},
    {ENTRY_TEXT, "last_name", "Last name", "Please give a last name", 120,
        "family-name", NULL, true},
    {ENTRY_MAIL, "email", "Email", "Please give an e-mail address", 100,
        "username", NULL, false},
    {ENTRY_PHONE, "phone", "Phone", NULL, 32, "tel", NULL, false},
    {ENTRY_SECRET, "password", "Password", "Please choose a password",
        PASSWORD_MAX, "new-password", "At least 8 characters; longer is better",
        false},
    {ENTRY_TICK, "newsletter",
        "Write to me by email about new books and offers. I can stop it at any "
        "time.",
        NULL, 1, NULL, NULL, false},
    {ENTRY_TICK, "newsletter_sms", "Send me text messages as well.", NULL, 1,
        NULL,
        "By ticking this box you agree to receive marketing text messages from "
        "Pilcrow at the phone number above. Agreeing is no condition of any "
        "purchase. Message and data rates may apply; how often we write "
        "varies. Reply STOP to end them, HELP for help.",
        false},
    {ENTRY_HIDDEN, "next", NULL, NULL, 500, NULL, NULL, false},
};

static struct form
register_form(void)
{
	return (struct form){
	    .action = "/account/register",
	    .heading = "Make an account",
	    .lede =
	        "It keeps your orders, your cart and your address, on every "
	        "device.",
	    .submit = "Make the account",
	    .entries = FORM_ENTRIES(register_entries),
	    .quiet = true,
	    .links = {{"Have one already?", "/account/login", "Log in"}},
	};
}

int
register_page(struct visit *visit)
{
	struct form form = register_form();

	if (*visit->session.account != '\0')
		return page_redirect(visit, "/account");
	form_set(&form, "email", visit->session.email);
	form_set(&form, "phone", visit->session.phone);
	form_set(&form, "first_name", visit->session.first_name);
	form_set(&form, "last_name", visit->session.last_name);
	form_set(&form, "next",
	    next_path(field(&visit->request->query, "next"), ""));
	return form_show(visit, &form, 200);
}

/* The address has an account: its owner is told, if not too often.  ${asked}
 * says whether that may be. */
static int
tell_owner(struct visit *visit, const struct account *made, bool asked)
{
	struct db *db = visit->shop->db;
	struct account owner;
	const char *id;
	int found = account_find(db, visit->arena, made->email_key, &owner);

	/* Their own form, sent twice? */
	if (found <= 0 || strcmp(owner.form, made->form) == 0)
		return found < 0 ? -1 : 0;
	found = reset_ask(db, visit->arena, asked ? owner.id : NULL, made->form,
	    visit->request->now, &id);
	if (found < 0 ||
	    (found == 1 && asked &&
	        tracking_reset(db, &owner, id, visit->request->now) < 0))
		return -1;
	return 0;
}

/* The newsletter's boxes, of a new account. */
static int
subscribe(
    struct visit *visit, const struct form *form, const struct account *account)
{
	struct subscription by_email = {
	    .id = arena_printf(visit->arena, "%s:email", account->id),
	    .email = account->email,
	    .source = "Registration",
	};
	struct subscription by_sms = {
	    .id = arena_printf(visit->arena, "%s:sms", account->id),
	    .phone = account->phone,
	    .source = "Registration",
	};
	const struct settings *settings = visit->shop->settings;
	struct db *db = visit->shop->db;
	int64_t now = visit->request->now;

	if (*form_value(form, "newsletter") != '\0' &&
	    tracking_subscribe(settings, db, &by_email, now) != 0)
		return -1;
	return *form_value(form, "newsletter_sms") != '\0'
	           ? tracking_subscribe(settings, db, &by_sms, now)
	           : 0;
}

static int
create(struct visit *visit, const struct form *form, struct account *account,
    bool asked)
{
	struct db *db = visit->shop->db;
	int made;

	if (db_begin(db) != 0)
		return -1;
	made = account_create(db, visit->arena, account);
	if (made == 1 &&
	    (tracking_account_created(db, account, visit->request->now) < 0 ||
	        subscribe(visit, form, account) != 0 ||
	        /* Nobody is written to who did not ask. */
	        throttle_give(
	            visit->shop, THROTTLE_RESET, account->email_key) != 0))
		made = -1;
	if (made == 0 && tell_owner(visit, account, asked) != 0)
		made = -1;
	if (made < 0 || db_commit(db) != 0) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

static int
register_new(struct visit *visit, struct form *form)
{
	const char *phone = phone_of(visit->arena, form_value(form, "phone"));
	struct account account = {
	    .email = form_value(form, "email"),
	    .email_key = account_key(visit->arena, form_value(form, "email")),
	    .first_name = form_value(form, "first_name"),
	    .last_name = form_value(form, "last_name"),
	    .phone = phone != NULL ? phone : "",
	    .form = form->key,
	    .created_at = visit->request->now,
	};
	char hash[PASSWORD_HASH];
	int asked, retry, result;

	switch (password_hash(form_value(form, "password"), hash)) {
	case PASSWORD_GOOD:
		break;
	case PASSWORD_BUSY:
		return form_busy(visit, form, 2);
	default:
		return -1;
	}
	/* Whether or not there is an account: the same, and as long. */
	asked = throttle_take(visit->shop, THROTTLE_RESET, account.email_key,
	    visit->request->now, &retry);
	account.password = hash;
	result = asked < 0 ? -1 : create(visit, form, &account, asked == 1);
	sodium_memzero(hash, sizeof(hash));
	return result != 0 ? -1
	                   : page_redirect(visit,
	                         with_next(visit, "/account/login?done=new",
	                             next_path(form_value(form, "next"), "")));
}

int
register_post(struct visit *visit)
{
	struct form form = register_form();
	int ok = form_read(visit, &form);
	const char *wrong;

	if (ok != 1)
		return ok;
	wrong = password_why_not(form_value(&form, "password"));
	if (wrong != NULL)
		form_refuse(&form, "password", wrong);
	if (*form_value(&form, "newsletter_sms") != '\0') {
		wrong = sms_why_not(visit, form_value(&form, "phone"));
		if (wrong != NULL)
			form_refuse(&form, "phone", wrong);
	}
	if (form.errors > 0)
		return form_show(visit, &form, 422);
	ok = form_throttle(visit, &form, THROTTLE_REGISTER_CLIENT,
	    throttle_client(visit->request));
	return ok == 1 ? register_new(visit, &form) : ok;
}
