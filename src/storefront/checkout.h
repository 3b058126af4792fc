/*
 * checkout.h - the checkout's form, as checkout_form.c reads it,
 * pages_checkout.c shows it and pages_placing.c makes an order of it.
 */
#ifndef CHECKOUT_H
#define CHECKOUT_H

#include "pages.h"

enum checkout_field {
	EMAIL,
	PHONE,
	FIRST_NAME,
	LAST_NAME,
	ADDRESS1,
	ADDRESS2,
	CITY,
	REGION,
	ZIP,
	COUNTRY,
	BILLING_FIRST_NAME,
	BILLING_LAST_NAME,
	BILLING_ADDRESS1,
	BILLING_ADDRESS2,
	BILLING_CITY,
	BILLING_REGION,
	BILLING_ZIP,
	BILLING_COUNTRY,
	DISCOUNT,
	SHIPPING,
	PAYMENT,
	FIELDS
};

/* In the order of the page; a template variable and its field share the name. */
struct form_field {
	const char *variable, *name, *missing; /* missing NULL = may be empty */
	size_t max; /* in bytes */
};
extern const struct form_field checkout_fields[FIELDS];

struct checkout {
	const char *value[FIELDS], *error[FIELDS];
	int errors;
	bool billing_same;
	bool by_email, by_sms; /* the newsletter's boxes, ticked */
	const char *key, *trouble; /* trouble: a heading that names no field */
	struct cart cart;
	struct shipping *methods;
	const struct shipping *method; /* chosen, or the first */
	struct discount discount;
	struct order order;
};

/* checkout_form.c: what was posted, cleaned; what is wrong with it goes to
 * ${c->error}; cart, ways of delivery, discount and sums. */
void checkout_read(struct visit *visit, struct checkout *c);
void checkout_check(struct visit *visit, struct checkout *c);
int checkout_sums(struct visit *visit, struct checkout *c);
/* What is wrong with a field; the first reason stays. */
void checkout_refuse(
    struct checkout *c, enum checkout_field field, const char *why);

/* pages_checkout.c.  The key of an attempt: KEY_LENGTH random characters and the
 * cart's revision. */
#define KEY_LENGTH 26
const char *checkout_new_key(struct visit *visit, const struct checkout *c);
int checkout_show(struct visit *visit, struct checkout *c, int status);

#endif
