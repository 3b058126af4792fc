/*
 * pages_contact.c - the contact form: a lead, kept and told.
 *
 * Promises: the message, and the events that report it, are one transaction; a
 * form sent twice is one lead; an address gets few of them, for each is a
 * reason to write to it (throttle.c).
 */
#include "form.h"

#include <string.h>

static const struct entry contact_entries[] = {
    {ENTRY_TEXT, "first_name", "First name", "Please give a first name", 120,
        "given-name", NULL, true},
    {ENTRY_TEXT, "last_name", "Last name", "Please give a last name", 120,
        "family-name", NULL, true},
    {ENTRY_MAIL, "email", "Email", "Please give an e-mail address", 100,
        "email", NULL, false},
    {ENTRY_PHONE, "phone", "Phone", NULL, 32, "tel", NULL, false},
    {ENTRY_AREA, "message", "Message", "Please write a few words", 4000, NULL,
        NULL, false},
};

static struct form
contact_form(void)
{
	return (struct form){
	    .action = "/contact",
	    .heading = "Write to us",
	    .lede = "A book you cannot find, a large order, a question: we "
	            "answer within a working day.",
	    .submit = "Send",
	    .entries = FORM_ENTRIES(contact_entries),
	};
}

int
contact_page(struct visit *visit)
{
	struct form form = contact_form();

	if (field(&visit->request->query, "done") != NULL)
		return page_message(visit, 200, "Thank you for writing",
		    "Your message is with us. We answer within a working day.",
		    "/", "Back to the shop");
	form_set(&form, "email", visit->session.email);
	form_set(&form, "phone", visit->session.phone);
	form_set(&form, "first_name", visit->session.first_name);
	form_set(&form, "last_name", visit->session.last_name);
	return form_show(visit, &form, 200);
}

static int
save(struct visit *visit, struct lead *lead, const char *phone)
{
	struct db *db = visit->shop->db;
	int added;

	if (db_begin(db) != 0)
		return -1;
	added = lead_add(db, visit->arena, lead);
	if (added < 0 ||
	    (added == 1 &&
	        tracking_lead(visit->shop->settings, db, lead) < 0) ||
	    /* They have said who they are. */
	    session_identify(visit->shop, &visit->session, lead->email, phone,
	        lead->first_name, lead->last_name) != 0 ||
	    db_commit(db) != 0) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

int
contact_post(struct visit *visit)
{
	struct form form = contact_form();
	int ok = form_read(visit, &form);
	const char *phone;
	struct lead lead;

	if (ok == 1)
		ok = form_throttle(visit, &form, THROTTLE_CONTACT_CLIENT,
		    throttle_client(visit->request));
	if (ok == 1)
		ok = form_throttle(visit, &form, THROTTLE_CONTACT,
		    account_key(visit->arena, form_value(&form, "email")));
	if (ok != 1)
		return ok;
	lead = (struct lead){
	    .form = form.key,
	    .first_name = form_value(&form, "first_name"),
	    .last_name = form_value(&form, "last_name"),
	    .email = form_value(&form, "email"),
	    .phone = form_value(&form, "phone"),
	    .message = form_value(&form, "message"),
	    .created_at = visit->request->now,
	};
	phone = phone_of(visit->arena, lead.phone);
	return save(visit, &lead, phone != NULL ? phone : "") != 0
	           ? -1
	           : page_redirect(visit, "/contact?done=1");
}
