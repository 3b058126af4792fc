/*
 * internal.h - what all files of libklaviyo say to each other; outbox.h and api.h
 * have what those of the outbox and of the API share.
 *
 * Nothing here is exported: the shared library hides every symbol that is not
 * KLAVIYO_API.
 */
#ifndef KLAVIYO_INTERNAL_H
#define KLAVIYO_INTERNAL_H

#include "klaviyo.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* -------------------------------------------------------- text.c (errors, text) */

/* Sets the thread's error text; returns -1 so that a caller can return it. */
int kl_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The error is the store's and may pass; returns -1. */
int kl_store_failed(void);
/* Valid UTF-8 without NUL, surrogates and overlong forms. */
bool kl_utf8_ok(const char *text);
/* The thread's clock: Unix seconds, and a monotonic clock in milliseconds. */
int64_t kl_now(void);
int64_t kl_monotonic_ms(void);

/* strdup() that sets the error. */
char *kl_copy(const char *text);
/* The same with A-Z in small letters. */
char *kl_lower(const char *text);
/* Concatenates ${n} texts; owned. */
char *kl_join(const char *const part[], size_t n);

/* ----------------------------------------------------------------- money.c */

/* An amount with ${exponent} decimals (0 makes an integer), at the end of
 * ${text}; at least one digit before the point. */
enum { KL_DECIMAL = 32 };
const char *kl_decimal(char text[KL_DECIMAL], int64_t amount, int exponent);
/* klaviyo_exponent(), with the error set if it is -1. */
int kl_currency(const char *currency);
/* Line total; -1 when it is beyond int64_t. */
int kl_money_times(int64_t price, int quantity, int64_t *product);

/* ------------------------------------------------------------------ json.c */
/* JSON that others wrote, read strictly.  ${depth} is how many levels may be
 * nested; ${what} opens the error text. */

/* 0 if ${text} is JSON (RFC 8259) in UTF-8, without \u0000. */
int kl_json_check(const char *text, int depth, const char *what);
/* A tree whose numbers print digit by digit as they were read: they are of
 * type cJSON_Raw, with valuedouble set.  NULL with the error set. */
cJSON *kl_json_read(const char *text, int depth, const char *what);
/* The compact text of a tree, for free(); NULL with the error set. */
char *kl_json_text(const cJSON *tree);

/* ----------------------------------------------------------------- build.c */
/* Each adds one member to an object, or nothing for "", 0 or an empty group;
 * false only on failure, with the error set.  A cJSON argument is taken
 * whatever happens; NULL stands for one whose making failed. */
bool kl_put(cJSON *to, const char *name, cJSON *value);
bool kl_put_text(cJSON *to, const char *name, const char *text);
bool kl_put_money(
    cJSON *to, const char *name, int64_t amount, const char *currency);
bool kl_put_group(cJSON *to, const char *name, cJSON *group);
cJSON *kl_object(void);
/* ${group} if it is ${filled}; else drops it and returns NULL. */
cJSON *kl_group(cJSON *group, bool filled);

/* ---------------------------------------------------------------- limits.c */

enum { KL_DEPTH = 10 }; /* Klaviyo's levels of nesting */
/* Whether all strings and names are UTF-8 and within Klaviyo's limits; the
 * error names the path of the field, which begins with ${root}. */
int kl_check(const cJSON *value, const char *root);
/* The same for an event's properties, which are also counted. */
int kl_check_properties(const cJSON *properties, const char *root);
/* Whether a text is there, UTF-8 and of at most ${most} bytes. */
int kl_check_length(const char *text, size_t most, const char *field);

/* ------------------------------------------------------- snippet.c (escaper) */

/* Escapes <, >, &, U+2028 and U+2029 of a finished JSON text. */
char *kl_script_safe(const char *json);

/* ------------------------------------------------------------ properties.c */
/* The one place where Klaviyo's property names are spelled.  Each returns a
 * new cJSON object, or NULL with the error set. */

cJSON *kl_viewed_product_properties(
    const struct klaviyo_item *item, const char *currency);
cJSON *kl_viewed_item_properties(
    const struct klaviyo_item *item, const char *currency);
cJSON *kl_added_to_cart_properties(
    const struct klaviyo_cart *cart, size_t added, int quantity);
cJSON *kl_started_checkout_properties(const struct klaviyo_cart *cart);
cJSON *kl_order_properties(const struct klaviyo_order *order);
cJSON *kl_ordered_product_properties(
    const struct klaviyo_order *order, size_t line);
/* Whether the parts of a change are the order's. */
int kl_change_check(
    const struct klaviyo_order *order, const struct klaviyo_change *change);
int kl_change_value(const struct klaviyo_order *order,
    const struct klaviyo_change *change, int64_t *value);
/* Of Updated Account; of Created Account, without type and updated. */
cJSON *kl_updated_properties(
    const char *type, const struct klaviyo_updated *updated, size_t n);
cJSON *kl_became_lead_properties(const struct klaviyo_lead *lead);
cJSON *kl_new_lead_properties(const struct klaviyo_lead *lead);
/* The prospect's own properties, as JSON, with where they come from; owned. */
char *kl_lead_source(const struct klaviyo_lead *lead);
/* Takes out of a snippet's properties what is no property of a server event:
 * the id, *${id} (NULL if it has none), the value and its currency. */
int kl_take_event_id(cJSON *properties, char **id);
/* Of Reset Password: the link, which must be there. */
cJSON *kl_reset_properties(const char *link);
cJSON *kl_change_properties(enum klaviyo_metric metric,
    const struct klaviyo_order *order, const struct klaviyo_change *change);

/* The unique_id of an event that Klaviyo holds, from its properties; or NULL. */
const char *kl_held_id(const cJSON *properties);

/* --------------------------------------------------------------- profile.c */

/* For klaviyo.identify(). */
cJSON *kl_identify_properties(const struct klaviyo_profile *profile);
/* The profile as server events carry it: {"type":"profile",("id",)
 * "attributes":{..}}. */
cJSON *kl_profile_data(const struct klaviyo_profile *profile);
/* The same of finished ${attributes}, which are taken. */
cJSON *kl_person(cJSON *attributes);
/* Whether it is there and can be sent. */
bool kl_email_ok(const char *email);

/* ----------------------------------------------------------------- event.c */

/* One event, or another row, ready to be queued: texts frozen, owned. */
struct kl_event {
	const char *kind; /* KL_KIND_.., borrowed; NULL = an event */
	char *id;      /* "Metric/unique_id" */
	char *profile; /* JSON of data.attributes.profile.data */
	char *event;   /* JSON object: the other members of data.attributes;
	                  of other kinds, see request.c */
	char *email;   /* the person's, in small letters; NULL = none */
	char *about;   /* column about; NULL = nothing */
	int64_t due;   /* 0 = at once */
};
/* Builds and checks one event; takes ${properties} (may be NULL) whatever
 * happens.  On failure ${event} is empty.  Returns 0 or -1. */
int kl_event_make(struct kl_event *event, const char *metric,
    const char *unique_id, int64_t time, const struct klaviyo_profile *profile,
    int64_t value, const char *currency, cJSON *properties,
    enum klaviyo_lane lane, int64_t now);
/* The same, about the person of ${first}. */
int kl_event_make_like(struct kl_event *event, const struct kl_event *first,
    const char *metric, const char *unique_id, int64_t time, int64_t value,
    const char *currency, cJSON *properties, enum klaviyo_lane lane,
    int64_t now);
/* The same for a row of another ${kind}, "${name}/${id}", of the texts of
 * ${profile} and ${data}, both taken; NULL stands for one whose making failed. */
int kl_row_make(struct kl_event *row, const char *kind, const char *name,
    const char *id, cJSON *profile, cJSON *data, const char *email);
void kl_event_free(struct kl_event *event);
/* Joins the two stored texts into the body of POST /api/events, unparsed. */
char *kl_event_body(const char *profile, const char *event);

/* --------------------------------------------------------------- request.c */
/* What goes to Klaviyo, made of the two stored texts of a row; owned, NULL with
 * the error set. */

/* What a row is: column kind. */
#define KL_KIND_EVENT "event"
#define KL_KIND_RESET "reset" /* an event that lacks its link */
#define KL_KIND_EMAIL "email" /* Updated Email: find a profile, patch it */
#define KL_KIND_SUBSCRIPTION "subscription"
#define KL_KIND_UNSUBSCRIPTION "unsubscription"
#define KL_KIND_BACK_IN_STOCK "back-in-stock"

/* The body of a row of any kind but "email"; of "reset" make an event first,
 * by the next function, whose body is that of kind "event". */
char *kl_row_body(const char *kind, const char *profile, const char *event);
/* A reset's ${event} with its link in the properties. */
char *kl_event_with_link(const char *event, const char *link);
/* The old address of a row of kind "email". */
int kl_email_row(const char *profile, const char *event, char **old_email);
/* The body of PATCH /api/profiles/ID that gives the new one. */
char *kl_email_body(const char *event, const char *profile_id);

/* ----------------------------------------------------------------- kinds.c */

/* The column lane of a row of ${kind}, NULL for an event: those that are no
 * events have a lane of their own, so that neither waits behind the other. */
int kl_lane(const char *kind, enum klaviyo_lane lane);

/* ------------------------------------------------------- of the other headers */

/* Room for Klaviyo's name of a request: as it came, and as a host is told. */
enum { KL_REQUEST_ID = 48 };

#endif
