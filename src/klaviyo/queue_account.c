/*
 * queue_account.c - the way into the outbox for what happens to an account,
 * and for leads.
 *
 * Promises: as queue.c: all of a call or none.  No password and no reset link
 * is queued.
 */
#include "outbox.h"

#include <stdlib.h>
#include <string.h>

static bool
known(const char *text)
{
	return text != NULL && *text != '\0';
}

/* ----------------------------------------------------------------- account */

int
klaviyo_queue_account(const struct klaviyo_store *store,
    enum klaviyo_metric metric, const char *unique_id, int64_t when,
    const struct klaviyo_profile *profile, const char *type,
    const struct klaviyo_updated *updated, size_t nupdated, int64_t now)
{
	const char *name = klaviyo_metric_name(metric);
	bool update = known(type) || nupdated > 0;
	struct kl_event event;
	cJSON *properties;

	if (metric != KLAVIYO_CREATED_ACCOUNT &&
	    metric != KLAVIYO_UPDATED_ACCOUNT)
		return kl_fail("not an account's metric");
	if (update != (metric == KLAVIYO_UPDATED_ACCOUNT))
		return kl_fail("%s: %s", name,
		    update ? "nothing is updated by it"
		           : "what was updated is missing");
	properties = kl_updated_properties(type, updated, nupdated);
	if (properties == NULL ||
	    kl_event_make(&event, name, unique_id, when, profile, 0, NULL,
	        properties, KLAVIYO_REALTIME, now) != 0)
		return -1;
	return kl_queue_one(
	    store, &event, kl_metric_worth(name), KLAVIYO_REALTIME, now);
}

int
klaviyo_queue_reset(const struct klaviyo_store *store, const char *id,
    int64_t when, const struct klaviyo_profile *profile, int64_t now)
{
	const char *name = klaviyo_metric_name(KLAVIYO_RESET_PASSWORD);
	struct kl_event event;

	if (kl_event_make(&event, name, id, when, profile, 0, NULL, NULL,
	        KLAVIYO_REALTIME, now) != 0)
		return -1;
	event.kind = KL_KIND_RESET;
	return kl_queue_one(
	    store, &event, kl_metric_worth(name), KLAVIYO_REALTIME, now);
}

/* ------------------------------------------------------------------- email */

/* {"email":..} */
static cJSON *
address(const char *email)
{
	cJSON *to = kl_object();

	return kl_group(to, to != NULL && kl_put_text(to, "email", email));
}

int
klaviyo_queue_email(const struct klaviyo_store *store, const char *id,
    const char *old_email, const char *new_email, int64_t now)
{
	struct kl_event row;
	char *lower;

	if (!kl_email_ok(old_email))
		return kl_fail("the old address is not an e-mail address");
	if (!kl_email_ok(new_email))
		return kl_fail("the new address is not an e-mail address");
	if (kl_row_make(&row, KL_KIND_EMAIL, "Updated Email", id,
	        kl_person(address(old_email)), address(new_email),
	        old_email) != 0)
		return -1;
	if ((lower = kl_lower(new_email)) != NULL)
		row.about = kl_about(KL_ABOUT_EMAIL, lower);
	free(lower);
	if (row.about == NULL) {
		kl_event_free(&row);
		return -1;
	}
	return kl_queue_one(
	    store, &row, KL_WORTH_PLAIN, KLAVIYO_REALTIME, now);
}

/* ------------------------------------------------------------------- leads */

static bool
has_identifier(const struct klaviyo_profile *who)
{
	return known(who->id) || known(who->email) ||
	       known(who->phone_number) || known(who->external_id) ||
	       known(who->anonymous_id) || known(who->exchange_id);
}

static int
make_lead(struct kl_event *event, const struct klaviyo_lead *lead,
    enum klaviyo_metric metric, const struct klaviyo_profile *profile,
    cJSON *properties, int64_t now)
{
	if (properties == NULL)
		return -1;
	return kl_event_make(event, klaviyo_metric_name(metric), lead->id,
	    lead->time, profile, 0, NULL, properties, KLAVIYO_REALTIME, now);
}

int
klaviyo_queue_lead(const struct klaviyo_store *store,
    const struct klaviyo_lead *lead, int64_t now)
{
	struct klaviyo_profile prospect = lead->prospect;
	struct kl_event events[2];
	size_t n = 0;
	char *source;
	int rc = -1;

	if ((prospect.properties = source = kl_lead_source(lead)) == NULL)
		return -1;
	if (make_lead(&events[n], lead, KLAVIYO_BECAME_LEAD, &prospect,
	        kl_became_lead_properties(lead), now) != 0)
		goto out;
	n++;
	if (has_identifier(&lead->representative)) {
		if (make_lead(&events[n], lead, KLAVIYO_NEW_LEAD,
		        &lead->representative, kl_new_lead_properties(lead),
		        now) != 0)
			goto out;
		n++;
	}
	rc = kl_queue(store, events, n,
	    kl_metric_worth(klaviyo_metric_name(KLAVIYO_BECAME_LEAD)),
	    KLAVIYO_REALTIME, now);
out:
	while (n > 0)
		kl_event_free(&events[--n]);
	free(source);
	return rc;
}
