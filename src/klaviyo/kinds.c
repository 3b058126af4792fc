/*
 * kinds.c - the kinds of rows, where each goes, and its request.
 *
 *   kind             endpoint        request
 *   event            KL_SINGLE       POST /api/events, or in a bulk job
 *   reset            KL_SINGLE       the same, with the link, never in a job
 *   subscription     SUBSCRIPTIONS   POST /api/profile-subscription-bulk-
 *   unsubscription   SUBSCRIPTIONS     create-jobs, ..-delete-jobs
 *   back-in-stock    BACK_IN_STOCK   POST /api/back-in-stock-subscriptions
 *   email            PROFILES        GET /api/profiles, then PATCH (email.c)
 *
 * Promises: a body is the row's texts, unparsed; request.c joins them.  The
 * link of a reset is in the request's body and in job->secret, and wiped with
 * these.
 *
 * Does not send.
 */
#include "deliver.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct kl_kind kinds[] = {
    {KL_KIND_EVENT, KL_SINGLE, "/api/events"},
    {KL_KIND_RESET, KL_SINGLE, "/api/events"},
    {KL_KIND_SUBSCRIPTION, KL_SUBSCRIPTIONS,
        "/api/profile-subscription-bulk-create-jobs"},
    {KL_KIND_UNSUBSCRIPTION, KL_SUBSCRIPTIONS,
        "/api/profile-subscription-bulk-delete-jobs"},
    {KL_KIND_BACK_IN_STOCK, KL_BACK_IN_STOCK,
        "/api/back-in-stock-subscriptions"},
    {KL_KIND_EMAIL, KL_PROFILES, "/api/profiles"},
};

const struct kl_limits kl_limits[KL_ENDPOINTS] = {
    [KL_SINGLE] = {350, 3500, "events", "events:write"},
    [KL_BULK] = {10, 150, "events", "events:write"},
    [KL_SUBSCRIPTIONS] = {75, 750, "subscriptions",
        "lists:write, profiles:write and subscriptions:write"},
    [KL_BACK_IN_STOCK] = {350, 3500, "back-in-stock subscriptions",
        "catalogs:write and profiles:write"},
    [KL_PROFILES] = {75, 750, "new e-mail addresses",
        "profiles:read and profiles:write"},
};

const struct kl_kind *
kl_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(name, kinds[i].name) == 0)
			return &kinds[i];
	return NULL;
}

int
kl_lane(const char *name, enum klaviyo_lane lane)
{
	const struct kl_kind *kind = name ? kl_kind(name) : NULL;

	return kind && kind->endpoint >= KL_OTHERS ? KL_LANE_OTHERS : (int)lane;
}

/* ------------------------------------------------------------------- bodies */

static void
wipe(char *text)
{
	if (text)
		sodium_memzero(text, strlen(text));
	free(text);
}

/* A reset's body: its link is made now, and only now. */
static enum kl_ready
reset_body(struct klaviyo *klaviyo, struct kl_job *job, char **body)
{
	const struct kl_claim *claim = job->claims;
	const char *id = strchr(claim->id, '/');
	char *link = NULL, *event;
	int made;

	if (!klaviyo->reset_link || !id)
		return KL_NOT_NOW;
	made = klaviyo->reset_link(klaviyo->link_arg, id + 1, &link);
	if (made <= 0 || !link) {
		wipe(link);
		return made == 0 ? KL_NO_MORE : KL_NOT_NOW;
	}
	job->secret = link;
	if ((event = kl_event_with_link(claim->event, link)))
		*body = kl_event_body(claim->profile, event);
	wipe(event);
	return *body ? KL_READY : KL_CANNOT;
}

/* Both steps of the recipe. */
static enum kl_ready
email_request(const struct kl_job *job, struct kl_request *request, char **path)
{
	if (!job->profile_id) {
		request->method = "GET";
		*path = kl_email_find(job->claims);
	} else {
		char *id = kl_encode(job->profile_id);

		request->method = "PATCH";
		request->body =
		    kl_email_body(job->claims->event, job->profile_id);
		if (id)
			*path =
			    kl_join((const char *[]){"/api/profiles/", id}, 2);
		free(id);
		if (!request->body || !*path) {
			free(request->body);
			request->body = NULL;
			return KL_CANNOT;
		}
	}
	request->path = *path;
	return *path ? KL_READY : KL_CANNOT;
}

enum kl_ready
kl_job_request(struct klaviyo *klaviyo, struct kl_job *job,
    struct kl_request *request, char **path)
{
	const struct kl_claim *claim = job->claims;
	const struct kl_kind *kind = kl_kind(claim->kind);

	*path = NULL;
	*request = (struct kl_request){
	    .method = "POST", .tag = job, .send_by = claim->send_by};
	if (job->endpoint == KL_BULK) {
		request->path = "/api/event-bulk-create-jobs";
		request->body = kl_job_body(job);
		return request->body ? KL_READY : KL_CANNOT;
	}
	if (!kind) {
		kl_fail("this version cannot send a %s", claim->kind);
		return KL_CANNOT;
	}
	if (kind->endpoint == KL_PROFILES)
		return email_request(job, request, path);
	request->path = kind->path;
	if (strcmp(kind->name, KL_KIND_RESET) == 0) {
		request->secret = true;
		return reset_body(klaviyo, job, &request->body);
	}
	request->body = kl_row_body(kind->name, claim->profile, claim->event);
	return request->body ? KL_READY : KL_CANNOT;
}

void
kl_job_free(struct kl_job *job)
{
	if (!job)
		return;
	free(job->profile_id);
	wipe(job->secret);
	free(job);
}
