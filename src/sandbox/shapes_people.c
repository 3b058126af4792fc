/*
 * shapes_people.c - the shapes of consent, back-in-stock and merge requests.
 *
 * As shapes.c: one table an object, what is in none is refused.
 */
#include "shapes.h"

/* clang-format off: tables */

#define WORD(n, w)                                                             \
	{                                                                      \
		n, K_TYPE, REQUIRED, NULL, w, NULL, NULL                       \
	}
#define OBJECTS(n, table)                                                      \
	{                                                                      \
		n, K_ARRAY, 0, table, NULL, NULL, NULL                         \
	}
#define NEED(n)                                                                \
	{                                                                      \
		n, K_STRING, REQUIRED, NULL, NULL, NULL, NULL                  \
	}

SHAPE(token) = {NEED("token"), NEED("platform"), NEED("vendor"),
    TEXT("enablement_status"), TEXT("background"), FREE("device_metadata"),
    END};

SHAPE(yes) = {
    WORD("consent", "SUBSCRIBED"), TEXT_RULE("consented_at", rule_past), END};
SHAPE(yes_tracking) = {WORD("consent", "SUBSCRIBED"), END};
SHAPE(email_yes) = {
    MAY("marketing", yes), MAY("open_tracking", yes_tracking), END};
SHAPE(phone_yes) = {MAY("marketing", yes), MAY("transactional", yes), END};
SHAPE(push_yes) = {NEEDS("marketing", yes), OBJECTS("tokens", token),
    TEXT("anonymous_id"), END};
SHAPE(channels_yes) = {MAY("email", email_yes), MAY("sms", phone_yes),
    MAY("whatsapp", phone_yes), MAY("push", push_yes), END};

SHAPE(no) = {WORD("consent", "UNSUBSCRIBED"), END};
SHAPE(email_no) = {MAY("marketing", no), MAY("open_tracking", no), END};
SHAPE(sms_no) = {MAY("marketing", no), MAY("transactional", no), END};
SHAPE(whatsapp_no) = {MAY("marketing", no), MAY("transactional", no),
    MAY("conversational", no), END};
SHAPE(push_no) = {NEEDS("marketing", no), LIST("tokens", token, NULL), END};
SHAPE(channels_no) = {MAY("email", email_no), MAY("sms", sms_no),
    MAY("whatsapp", whatsapp_no), MAY("push", push_no), END};

SHAPE(list_data) = {TYPE("list"), ID(NULL), END};
SHAPE(list) = {NEEDS("data", list_data), END};
SHAPE(may_list) = {MAY("list", list), END};
SHAPE(needs_list) = {NEEDS("list", list), END};

#define CONTACT                                                                \
	TEXT_RULE("email", rule_email), TEXT_RULE("phone_number", rule_phone)

SHAPE(subscriber_attributes) = {CONTACT, NEEDS("subscriptions", channels_yes),
    TEXT("age_gated_date_of_birth"), END};
SHAPE(subscriber) = {TYPE("profile"), TEXT("id"),
    NEEDS("attributes", subscriber_attributes), END};
SHAPE(subscribers) = {LIST("data", subscriber, NULL), END};
SHAPE(subscribe_attributes) = {TEXT("custom_source"),
    NEEDS("profiles", subscribers), TRUTH("historical_import"), END};
SHAPE(subscribe) = {TYPE("profile-subscription-bulk-create-job"),
    NEEDS_RULE("attributes", subscribe_attributes, rule_subscribe),
    MAY("relationships", may_list), END};
const struct field shape_subscribe[] = {NEEDS("data", subscribe), END};

SHAPE(leaver_attributes) = {CONTACT, NEEDS("subscriptions", channels_no), END};
SHAPE(leaver) = {TYPE("profile"), NEEDS("attributes", leaver_attributes), END};
SHAPE(leavers) = {LIST("data", leaver, NULL), END};
SHAPE(unsubscribe_attributes) = {NEEDS("profiles", leavers), END};
SHAPE(unsubscribe) = {TYPE("profile-subscription-bulk-delete-job"),
    NEEDS_RULE("attributes", unsubscribe_attributes, rule_unsubscribe),
    MAY("relationships", may_list), END};
const struct field shape_unsubscribe[] = {NEEDS("data", unsubscribe), END};

SHAPE(visitor_attributes) = {PERSON, TEXT("_kx"), MAY("meta", shape_meta),
    MAY("subscriptions", channels_yes), END};
SHAPE(visitor_data) = {TYPE("profile"), TEXT("id"),
    NEEDS_RULE("attributes", visitor_attributes, rule_client_consent), END};
SHAPE(visitor) = {NEEDS("data", visitor_data), END};
SHAPE(client_attributes) = {
    TEXT("custom_source"), NEEDS("profile", visitor), END};
SHAPE(client) = {TYPE("subscription"), NEEDS("attributes", client_attributes),
    NEEDS("relationships", needs_list), END};
const struct field shape_client_subscription[] = {NEEDS("data", client), END};

SHAPE(waiting_attributes) = {CONTACT, TEXT("external_id"), END};
SHAPE(waiting_data) = {
    TYPE("profile"), TEXT("id"), NEEDS("attributes", waiting_attributes), END};
SHAPE(waiting) = {NEEDS_RULE("data", waiting_data, rule_known_person), END};
SHAPE(stock_attributes) = {
    {"channels", K_TEXTS, REQUIRED, NULL, NULL, rule_channels, NULL},
    NEEDS("profile", waiting), END};
SHAPE(variant_data) = {TYPE("catalog-variant"), ID(rule_compound), END};
SHAPE(variant) = {NEEDS("data", variant_data), END};
SHAPE(stock_relationships) = {NEEDS("variant", variant), END};
SHAPE(stock) = {TYPE("back-in-stock-subscription"),
    NEEDS("attributes", stock_attributes),
    NEEDS("relationships", stock_relationships), END};
const struct field shape_stock[] = {NEEDS("data", stock), END};

SHAPE(source) = {TYPE("profile"), ID(NULL), END};
SHAPE(sources) = {LIST("data", source, rule_one), END};
SHAPE(merge_relationships) = {NEEDS("profiles", sources), END};
SHAPE(merged) = {TYPE("profile-merge"), ID(NULL),
    NEEDS("relationships", merge_relationships), END};
const struct field shape_merge[] = {NEEDS("data", merged), END};
