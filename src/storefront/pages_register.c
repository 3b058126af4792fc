/*
 * pages_register.c - make an account.
 *
 * Promises: what it answers, and how long it takes, does not tell whether an
 * address has an account already.  To register such an address changes nothing:
 * its owner is written to, with a way to a new password, as if that had been
 * asked for.
 */
#include "form.h"

#include <sodium.h>
#include <string.h>

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
