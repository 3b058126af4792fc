/*
 * queue_consent.c - the way into the outbox for what a person has agreed to:
 * marketing, and a note when an article is there again.
 *
 * Promises: a row says what the person ticked and nothing more: only the
 * channels that are given.  An address that is none is an error here, for
 * consent without it would be nobody's.  A row is all of a request's body but
 * for its order (request.c).
 */
#include "outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ID = 255 };

static bool
known(const char *text)
{
	return text != NULL && *text != '\0';
}

/* {"${name}": ${value}}, which is taken. */
static cJSON *
around(const char *name, cJSON *value)
{
	cJSON *to = value != NULL ? kl_object() : NULL;

	if (to == NULL) {
		cJSON_Delete(value);
		return NULL;
	}
	return kl_group(to, kl_put(to, name, value));
}

static cJSON *
text(const char *name, const char *value)
{
	cJSON *to = kl_object();

	return kl_group(to, to != NULL && kl_put_text(to, name, value));
}

/* {"${name}":{"data":{"type":${type},"id":${id}}}} */
static cJSON *
related(const char *name, const char *type, const char *id)
{
	cJSON *data = text("type", type);

	data = kl_group(data, data != NULL && kl_put_text(data, "id", id));
	return around(name, around("data", data));
}

/* The row's data: the attributes last, where request.c adds the person. */
static cJSON *
data(const char *type, cJSON *relationships, cJSON *attributes)
{
	cJSON *to = NULL;
	bool ok = relationships != NULL && attributes != NULL &&
	          (to = text("type", type)) != NULL;

	if (!ok) {
		cJSON_Delete(relationships);
		cJSON_Delete(attributes);
		return NULL;
	}
	ok = kl_put_group(to, "relationships", relationships);
	ok = kl_put(to, "attributes", attributes) && ok;
	return kl_group(to, ok);
}

/* ------------------------------------------------------------ subscription */

static cJSON *
consent(const char *word)
{
	return around("marketing", text("consent", word));
}

static cJSON *
subscriptions(const struct klaviyo_subscription *s)
{
	const char *word = s->unsubscribe ? "UNSUBSCRIBED" : "SUBSCRIBED";
	cJSON *to = kl_object();
	bool ok;

	ok =
	    to != NULL &&
	    (!known(s->email) || kl_put_group(to, "email", consent(word))) &&
	    (!known(s->phone_number) || kl_put_group(to, "sms", consent(word)));
	return kl_group(to, ok);
}

static cJSON *
subscriber(const struct klaviyo_subscription *s)
{
	cJSON *to = kl_object();
	bool ok;

	ok = to != NULL && kl_put_text(to, "email", s->email) &&
	     kl_put_text(to, "phone_number", s->phone_number) &&
	     kl_put_group(to, "subscriptions", subscriptions(s));
	return kl_group(to, ok);
}

static int
check_subscription(const struct klaviyo_subscription *s)
{
	if (!known(s->email) && !known(s->phone_number))
		return kl_fail("consent: neither an address nor a number");
	if (known(s->email) && !kl_email_ok(s->email))
		return kl_fail("consent: email: not an e-mail address");
	if (known(s->phone_number) && !klaviyo_phone_ok(s->phone_number))
		return kl_fail("consent: phone_number: not E.164");
	if (known(s->list) && kl_check_length(s->list, MAX_ID, "list") != 0)
		return -1;
	if (s->unsubscribe && known(s->source))
		return kl_fail("consent: taken back, it has no source");
	return 0;
}

int
klaviyo_queue_subscription(const struct klaviyo_store *store,
    const struct klaviyo_subscription *s, int64_t now)
{
	const char *type = s->unsubscribe
	                       ? "profile-subscription-bulk-delete-job"
	                       : "profile-subscription-bulk-create-job";
	struct kl_event row;
	cJSON *all;

	if (check_subscription(s) != 0)
		return -1;
	all = data(type,
	    known(s->list) ? related("list", "list", s->list) : kl_object(),
	    text("custom_source", s->source));
	if (kl_row_make(&row,
	        s->unsubscribe ? KL_KIND_UNSUBSCRIPTION : KL_KIND_SUBSCRIPTION,
	        s->unsubscribe ? "Unsubscription" : "Subscription", s->id,
	        kl_person(subscriber(s)), all, s->email) != 0)
		return -1;
	return kl_queue_one(
	    store, &row, KL_WORTH_PLAIN, KLAVIYO_REALTIME, now);
}

/* ----------------------------------------------------------- back in stock */

/* Of the person only what tells who it is. */
static cJSON *
waiting(const struct klaviyo_profile *profile)
{
	struct klaviyo_profile who = {.id = profile->id,
	    .email = profile->email,
	    .external_id = profile->external_id};

	if (!kl_email_ok(profile->email)) {
		kl_fail("back in stock: email: not an e-mail address");
		return NULL;
	}
	return kl_profile_data(&who);
}

int
klaviyo_queue_back_in_stock(const struct klaviyo_store *store, const char *id,
    const struct klaviyo_profile *profile, const char *variant, int64_t now)
{
	static const char prefix[] = "$custom:::$default:::";
	char whole[sizeof(prefix) + MAX_ID];
	struct kl_event row;
	cJSON *channel, *channels, *all;

	if (kl_check_length(variant, MAX_ID, "variant") != 0)
		return -1;
	snprintf(whole, sizeof(whole), "%s%s", prefix, variant);
	channel = cJSON_CreateString("EMAIL");
	channels = cJSON_CreateArray();
	if (channel == NULL || channels == NULL ||
	    !cJSON_AddItemToArray(channels, channel)) {
		cJSON_Delete(channel);
		cJSON_Delete(channels);
		return kl_fail("out of memory");
	}
	all = data("back-in-stock-subscription",
	    related("variant", "catalog-variant", whole),
	    around("channels", channels));
	if (kl_row_make(&row, KL_KIND_BACK_IN_STOCK, "Back in Stock", id,
	        waiting(profile), all, profile->email) != 0)
		return -1;
	return kl_queue_one(
	    store, &row, KL_WORTH_PLAIN, KLAVIYO_REALTIME, now);
}
