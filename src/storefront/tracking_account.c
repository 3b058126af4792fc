/*
 * tracking_account.c - accounts and leads as server events; to be copied
 * together with tracking.c.
 *
 * Promises: events are queued in the open transaction of what they report. What
 * Klaviyo's limits refuse for good, and a full queue, stop nobody from having
 * an account: it is logged, and the change stands.  No password and no hash of
 * one gets here further than to be compared; a reset's link is made when it is
 * sent.
 *
 * Never sees a request.
 */
#include "tracking.h"

#include <string.h>

/* The result of a klaviyo_queue_..(); ${what} for the log. */
static int
queued(int result, const char *what, const char *id)
{
	if (result == 0)
		return 0;
	if (result < 0 && klaviyo_error_passes())
		return shop_fail("%s", klaviyo_error());
	shop_log_at(LOG_WARNING, "%s %s has no event: %s", what, id,
	    result < 0 ? klaviyo_error() : "the queue is full");
	return 0;
}

static struct klaviyo_profile
profile_of(const struct account *a)
{
	struct klaviyo_profile profile = {
	    .email = a->email,
	    .phone_number = a->phone,
	    .first_name = a->first_name,
	    .last_name = a->last_name,
	};

	profile.location = (struct klaviyo_location){
	    .address1 = a->address1,
	    .address2 = a->address2,
	    .city = a->city,
	    .region = a->region,
	    .country = a->country,
	    .zip = a->zip,
	};
	return profile;
}

int
tracking_account_created(
    struct db *db, const struct account *account, int64_t now)
{
	struct klaviyo_profile profile = profile_of(account);

	return queued(
	    klaviyo_queue_account(db_store(db), KLAVIYO_CREATED_ACCOUNT,
	        account->id, now, &profile, NULL, NULL, 0, now),
	    "account", account->id);
}

/* ------------------------------------------------------------------- changes
 */

/* What an account has that can change, by the name that Klaviyo is told, and
 * which kind of change it is. */
enum kind { NAME, PHONE, ADDRESS, EMAIL, PASSWORD, KINDS };
static const char *const kinds[KINDS] = {
    "Name", "Phone", "Address", "Email", "Password"};
static const struct part {
	const char *name;
	size_t at;
	enum kind kind;
} parts[] = {
#define AT(member) offsetof(struct account, member)
    {"FirstName", AT(first_name), NAME},
    {"LastName", AT(last_name), NAME},
    {"PhoneNumber", AT(phone), PHONE},
    {"Address1", AT(address1), ADDRESS},
    {"Address2", AT(address2), ADDRESS},
    {"City", AT(city), ADDRESS},
    {"Region", AT(region), ADDRESS},
    {"Zip", AT(zip), ADDRESS},
    {"Country", AT(country), ADDRESS},
    {"Email", AT(email), EMAIL},
    {"Password", AT(password), PASSWORD},
#undef AT
};
#define PARTS (sizeof(parts) / sizeof(*parts))

static const char *
value_of(const struct account *account, const struct part *part)
{
	/* By way of void: "at" is a pointer's, and so aligned. */
	const void *at = (const char *)account + part->at;

	return *(const char *const *)at;
}

/* "Name Update", "Name and Address Update" */
static void
type_of(const bool changed[KINDS], char type[80])
{
	size_t n = 0;

	for (int i = 0; i < KINDS; i++)
		if (changed[i])
			n += (size_t)snprintf(type + n, 80 - n, "%s%s",
			    n > 0 ? " and " : "", kinds[i]);
	snprintf(type + n, 80 - n, " Update");
}

int
tracking_account_updated(struct db *db, const struct account *account,
    const struct account *old, int64_t now)
{
	struct klaviyo_updated updated[PARTS];
	struct klaviyo_profile profile = profile_of(account);
	bool changed[KINDS] = {false};
	char id[80], type[80];
	size_t n = 0;

	for (const struct part *p = parts; p < parts + PARTS; p++) {
		const char *had = value_of(old, p), *has = value_of(account, p);

		if (strcmp(had, has) == 0)
			continue;
		changed[p->kind] = true;
		/* Of a password nothing, in any form. */
		updated[n++] =
		    p->kind == PASSWORD
		        ? (struct klaviyo_updated){p->name, NULL, NULL}
		        : (struct klaviyo_updated){p->name, had, has};
	}
	if (n == 0)
		return 0;
	type_of(changed, type);
	snprintf(id, sizeof(id), "%s:%lld", account->id,
	    (long long)account->changes);
	/* First: it holds back what is told of the new address until the person
	   has it. */
	if (strcmp(old->email_key, account->email_key) != 0 &&
	    queued(klaviyo_queue_email(
	               db_store(db), id, old->email, account->email, now),
	        "account", id) != 0)
		return -1;
	return queued(
	    klaviyo_queue_account(db_store(db), KLAVIYO_UPDATED_ACCOUNT, id,
	        now, &profile, type, updated, n, now),
	    "account", id);
}

int
tracking_reset(
    struct db *db, const struct account *account, const char *id, int64_t now)
{
	struct klaviyo_profile profile = profile_of(account);

	return queued(klaviyo_queue_reset(db_store(db), id, now, &profile, now),
	    "reset request", id);
}

bool
tracking_email_pending(struct db *db, const char *email)
{
	/* If nobody knows, rather not. */
	return *email != '\0' &&
	       klaviyo_email_pending(db_store(db), email) != 0;
}

/* --------------------------------------------------------------------- leads
 */

int
tracking_lead(
    const struct settings *settings, struct db *db, const struct lead *lead)
{
	struct klaviyo_lead k = {
	    .id = lead->id,
	    .time = lead->created_at,
	    .action = "Contact form",
	    .source = "Contact form",
	    .phone = lead->phone,
	    .prospect.email = lead->email,
	    .prospect.phone_number = lead->phone,
	    .prospect.first_name = lead->first_name,
	    .prospect.last_name = lead->last_name,
	    .representative.email = settings->leads_email,
	};

	return queued(klaviyo_queue_lead(db_store(db), &k, lead->created_at),
	    "lead", lead->id);
}
