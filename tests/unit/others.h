/*
 * others.h - rows that are no events, for tests of their delivery.
 */
#ifndef OTHERS_H
#define OTHERS_H

#include "deliver.h"
#include "pass.h"

#define SUBSCRIBE "POST /api/profile-subscription-bulk-create-jobs "
#define UNSUBSCRIBE "POST /api/profile-subscription-bulk-delete-jobs "
#define BACK "POST /api/back-in-stock-subscriptions "
#define FIND "GET /api/profiles?filter="
#define PATCH "PATCH /api/profiles/"
#define EVENTS "POST /api/events "
#define BULK "POST /api/event-bulk-create-jobs "
#define NOBODY "{\"data\":[]}"
#define SOMEBODY "{\"data\":[{\"type\":\"profile\",\"id\":\"01P\"}]}"

/* Row ${i} of the kind, of the person ${prefix}${i}@klaviyo-demo.com. */
static inline void
queue_one(const char *kind, const char *prefix, int i)
{
	struct klaviyo_store s = store();
	char email[64], new[80], id[32];
	struct klaviyo_profile who = {.email = email};
	struct klaviyo_subscription consent = {.id = id,
	    .email = email,
	    .unsubscribe = strcmp(kind, KL_KIND_UNSUBSCRIPTION) == 0};
	int64_t now = kl_now();
	int rc;

	snprintf(id, sizeof(id), "%s%d", prefix, i);
	snprintf(email, sizeof(email), "%s@klaviyo-demo.com", id);
	snprintf(new, sizeof(new), "new.%s", email);
	store_do("BEGIN");
	if (strcmp(kind, KL_KIND_BACK_IN_STOCK) == 0)
		rc = klaviyo_queue_back_in_stock(&s, id, &who, "V1", now);
	else if (strcmp(kind, KL_KIND_EMAIL) == 0)
		rc = klaviyo_queue_email(&s, id, email, new, now);
	else if (strcmp(kind, KL_KIND_RESET) == 0)
		rc = klaviyo_queue_reset(&s, id, now, &who, now);
	else
		rc = klaviyo_queue_subscription(&s, &consent, now);
	store_do("COMMIT");
	if (rc)
		fail_msg("%s: %s", kind, klaviyo_error());
}

static inline void
queue_many(const char *kind, const char *prefix, int n)
{
	for (int i = 0; i < n; i++)
		queue_one(kind, prefix, i);
}

static inline struct rule *
rule(int at, const char *line, int times, int status, const char *body)
{
	struct rule *r = server_rule(at, "", times, status);

	snprintf(r->line, sizeof(r->line), "%s", line);
	snprintf(r->body, sizeof(r->body), "%s", body);
	return r;
}

static inline void
has(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("no '%s' in: %s", words, text);
}

#endif
