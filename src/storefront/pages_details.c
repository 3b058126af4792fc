/*
 * pages_details.c - an account is changed: name, phone and address; the e-mail
 * address; the password.
 *
 * Promises: each change is one transaction with the event that reports it; what
 * is the same already is no change and no event, so that a form sent twice is
 * harmless; the address and the password ask for the present password, tries
 * at which are counted; a new password ends all other logins, and both end the
 * reset links that are under way.
 */
#include "form.h"

#include <sodium.h>
#include <string.h>

/* ---------------------------------------------------- name, phone and address
 */

static const struct entry details_entries[] = {
    {ENTRY_TEXT, "first_name", "First name", "Please give a first name", 120,
        "given-name", NULL, true},
    {ENTRY_TEXT, "last_name", "Last name", "Please give a last name", 120,
        "family-name", NULL, true},
    {ENTRY_PHONE, "phone", "Phone", NULL, 32, "tel", NULL, false},
    {ENTRY_TEXT, "address1", "Street and number", NULL, 240, "address-line1",
        NULL, false},
    {ENTRY_TEXT, "address2", "Flat, floor, care of", NULL, 240, "address-line2",
        NULL, false},
    {ENTRY_TEXT, "city", "Town or city", NULL, 160, "address-level2", NULL,
        true},
    {ENTRY_TEXT, "region", "State or region", NULL, 160, "address-level1", NULL,
        true},
    {ENTRY_TEXT, "zip", "Postcode", NULL, 40, "postal-code", NULL, true},
    {ENTRY_COUNTRY, "country", "Country", NULL, 2, NULL, NULL, true},
};

static struct form
details_form(void)
{
	return (struct form){
	    .action = "/account/details",
	    .heading = "Name, phone, address",
	    .submit = "Save",
	    .entries = FORM_ENTRIES(details_entries),
	    .links = {{"", "/account", "Back to your account"}},
	};
}

int
details_page(struct visit *visit)
{
	struct form form = details_form();
	struct account a;
	int found = account_of(visit, &a);

	if (found != 1)
		return found;
	form_set(&form, "first_name", a.first_name);
	form_set(&form, "last_name", a.last_name);
	form_set(&form, "phone", a.phone);
	form_set(&form, "address1", a.address1);
	form_set(&form, "address2", a.address2);
	form_set(&form, "city", a.city);
	form_set(&form, "region", a.region);
	form_set(&form, "zip", a.zip);
	form_set(&form, "country",
	    *a.country != '\0' ? a.country : countries[0].code);
	return form_show(visit, &form, 200);
}

/* An address is a street, or it is none: the country alone is a default. */
static void
fill_details(
    struct visit *visit, const struct form *form, struct account *account)
{
	const char *phone = phone_of(visit->arena, form_value(form, "phone"));
	bool address = *form_value(form, "address1") != '\0';

	account->first_name = form_value(form, "first_name");
	account->last_name = form_value(form, "last_name");
	account->phone = phone != NULL ? phone : "";
	account->address1 = form_value(form, "address1");
	account->address2 = address ? form_value(form, "address2") : "";
	account->city = address ? form_value(form, "city") : "";
	account->region = address ? form_value(form, "region") : "";
	account->zip = address ? form_value(form, "zip") : "";
	account->country = address ? form_value(form, "country") : "";
}

static int
save_details(struct visit *visit, const struct form *form, const char *id)
{
	struct db *db = visit->shop->db;
	int64_t now = visit->request->now;
	struct account had, has;

	if (db_begin(db) != 0)
		return -1;
	if (account_change(db, visit->arena, id, now, &had) != 1)
		goto fail;
	has = had;
	fill_details(visit, form, &has);
	if (account_save(db, &has) != 0 ||
	    tracking_account_updated(db, &has, &had, now) < 0 ||
	    db_commit(db) != 0)
		goto fail;
	return 0;
fail:
	db_rollback(db);
	return -1;
}

int
details_post(struct visit *visit)
{
	struct form form = details_form();
	struct account a;
	int ok = account_of(visit, &a);

	if (ok == 1)
		ok = form_read(visit, &form);
	if (ok != 1)
		return ok;
	if (*form_value(&form, "address1") != '\0') {
		if (*form_value(&form, "city") == '\0')
			form_refuse(
			    &form, "city", "Please give a town or city");
		if (*form_value(&form, "zip") == '\0')
			form_refuse(&form, "zip", "Please give a postcode");
	} else if (*form_value(&form, "address2") != '\0' ||
	           *form_value(&form, "city") != '\0' ||
	           *form_value(&form, "region") != '\0' ||
	           *form_value(&form, "zip") != '\0') {
		form_refuse(&form, "address1",
		    "Please give a street and number, or no address at all");
	}
	if (form.errors > 0)
		return form_show(visit, &form, 422);
	if (save_details(visit, &form, a.id) != 0)
		return -1;
	return page_redirect(visit, "/account?done=details");
}

/* ---------------------------------------------------- the password, once more
 */

/* Asks for the present password: 1; 0, the form was shown again; -1. */
static int
ask_password(
    struct visit *visit, struct form *form, const struct account *account)
{
	int ok = form_throttle(visit, form, THROTTLE_PASSWORD, account->id);

	if (ok != 1)
		return ok;
	switch (
	    password_check(form_value(form, "password"), account->password)) {
	case PASSWORD_GOOD:
		return 1;
	case PASSWORD_BUSY:
		return form_busy(visit, form, 2) != 0 ? -1 : 0;
	default:
		form_refuse(form, "password", "This is not your password");
		return form_show(visit, form, 422) != 0 ? -1 : 0;
	}
}

/* Takes the account's row, which is still what the password was asked for: 1;
 * 0, it was changed meanwhile; -1.  A transaction is open after 1. */
static int
begin_change(
    struct visit *visit, const struct account *checked, struct account *had)
{
	struct db *db = visit->shop->db;
	int found;

	if (db_begin(db) != 0)
		return -1;
	found = account_change(
	    db, visit->arena, checked->id, visit->request->now, had);
	if (found == 1 && strcmp(had->password, checked->password) == 0 &&
	    throttle_give(visit->shop, THROTTLE_PASSWORD, had->id) == 0)
		return 1;
	db_rollback(db);
	return found == 1 ? 0 : -1;
}

static int
changed_meanwhile(struct visit *visit, struct form *form)
{
	form->trouble = "Your account was changed this minute. Please look "
	                "again";
	return form_show(visit, form, 409);
}

/* ---------------------------------------------------------- the e-mail address
 */

static const struct entry email_entries[] = {
    {ENTRY_MAIL, "email", "New email address", "Please give an e-mail address",
        100, "email", NULL, false},
    {ENTRY_SECRET, "password", "Your password", "Please give your password",
        PASSWORD_MAX, "current-password", NULL, false},
};

static struct form
email_form(void)
{
	return (struct form){
	    .action = "/account/email",
	    .heading = "Email address",
	    .submit = "Change the address",
	    .entries = FORM_ENTRIES(email_entries),
	    .quiet = true,
	    .links = {{"", "/account", "Back to your account"}},
	};
}

int
email_page(struct visit *visit)
{
	struct form form = email_form();
	struct account a;
	int found = account_of(visit, &a);

	if (found != 1)
		return found;
	form.lede = arena_printf(visit->arena, "It is %s now.", a.email);
	return form_show(visit, &form, 200);
}

/* 1; 0, the address is another account's; -1. */
static int
save_email(
    struct visit *visit, const struct form *form, const struct account *had)
{
	struct db *db = visit->shop->db;
	int64_t now = visit->request->now;
	struct account has = *had;
	int set;

	has.email = form_value(form, "email");
	has.email_key = account_key(visit->arena, has.email);
	set = account_set_email(db, &has);
	if (set == 1 && (reset_end(db, has.id, now) != 0 ||
	                    tracking_account_updated(db, &has, had, now) < 0 ||
	                    db_commit(db) != 0))
		set = -1;
	if (set != 1)
		db_rollback(db);
	return set;
}

int
email_post(struct visit *visit)
{
	struct form form = email_form();
	struct account a, had;
	int ok = account_of(visit, &a);

	if (ok == 1)
		ok = form_read(visit, &form);
	if (ok == 1)
		ok = ask_password(visit, &form, &a);
	if (ok != 1)
		return ok;
	ok = begin_change(visit, &a, &had);
	if (ok == 0)
		return changed_meanwhile(visit, &form);
	if (ok == 1)
		ok = save_email(visit, &form, &had);
	if (ok < 0)
		return -1;
	if (ok == 0) {
		form_refuse(&form, "email",
		    "This address cannot be used for your account");
		return form_show(visit, &form, 422);
	}
	return page_redirect(visit, "/account?done=email");
}

/* ---------------------------------------------------------------- the password
 */

static const struct entry password_entries[] = {
    {ENTRY_SECRET, "password", "Your present password",
        "Please give your password", PASSWORD_MAX, "current-password", NULL,
        false},
    {ENTRY_SECRET, "new_password", "New password", "Please choose a password",
        PASSWORD_MAX, "new-password", "At least 8 characters; longer is better",
        false},
};

static struct form
password_form(void)
{
	return (struct form){
	    .action = "/account/password",
	    .heading = "Password",
	    .submit = "Change the password",
	    .entries = FORM_ENTRIES(password_entries),
	    .quiet = true,
	    .links = {{"", "/account", "Back to your account"}},
	};
}

int
password_page(struct visit *visit)
{
	struct form form = password_form();
	struct account a;
	int found = account_of(visit, &a);

	return found == 1 ? form_show(visit, &form, 200) : found;
}

/* The new password, and a new session for this visitor alone. */
static int
save_password(struct visit *visit, const struct account *had, const char *hash)
{
	struct db *db = visit->shop->db;
	int64_t now = visit->request->now;
	struct account has = *had;

	has.password = hash;
	if (account_set_password(db, had->id, had->password, hash) == 1 &&
	    account_end_logins(db, had->id, "") == 0 &&
	    reset_end(db, had->id, now) == 0 &&
	    session_login(
	        visit->shop, visit->request, &visit->session, had->id) == 0 &&
	    tracking_account_updated(db, &has, had, now) >= 0 &&
	    db_commit(db) == 0)
		return 0;
	db_rollback(db);
	return -1;
}

int
password_post(struct visit *visit)
{
	struct form form = password_form();
	struct account a, had;
	char hash[PASSWORD_HASH];
	const char *wrong;
	int ok = account_of(visit, &a);

	if (ok == 1)
		ok = form_read(visit, &form);
	if (ok != 1)
		return ok;
	wrong = password_why_not(form_value(&form, "new_password"));
	if (wrong != NULL) {
		form_refuse(&form, "new_password", wrong);
		return form_show(visit, &form, 422);
	}
	ok = ask_password(visit, &form, &a);
	if (ok != 1)
		return ok;
	switch (password_hash(form_value(&form, "new_password"), hash)) {
	case PASSWORD_GOOD:
		break;
	case PASSWORD_BUSY:
		return form_busy(visit, &form, 2);
	default:
		return -1;
	}
	ok = begin_change(visit, &a, &had);
	if (ok == 1 && save_password(visit, &had, hash) != 0)
		ok = -1;
	sodium_memzero(hash, sizeof(hash));
	if (ok == 0)
		return changed_meanwhile(visit, &form);
	return ok < 0 ? -1 : page_redirect(visit, "/account?done=password");
}
