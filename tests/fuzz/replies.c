/*
 * replies.c - fuzzes what is read of the answers to questions: the account and
 * the events that Klaviyo holds (held.c), jobs of the Catalog API
 * (catalog_answer.c), a profile that is looked for (email.c).
 *
 * Replaces: klaviyo_ask
 *
 * The input is the bodies of the answers, parted by lines of "---"; behind the
 * last nobody answers any more.
 *
 * Must hold: what is handed over is clean, and an address to ask again is one
 * of Klaviyo's API; what cannot be read is an error of one line.
 */
#include "fuzz.h"

#include "deliver.h"

static const char *left;
static size_t left_size;

__typeof__(klaviyo_ask) __wrap_klaviyo_ask;

int
__wrap_klaviyo_ask(struct klaviyo *klaviyo, const char *method,
    const char *path, const char *body, struct klaviyo_reply *reply)
{
	const char *end;
	size_t n;

	(void)klaviyo;
	must(strcmp(method, "GET") == 0 && path != NULL && body == NULL);
	*reply = (struct klaviyo_reply){.status = 0};
	if (left_size == 0)
		return kl_fail("nobody answers");
	end = memmem(left, left_size, "\n---\n", 5);
	n = end != NULL ? (size_t)(end - left) : left_size;
	reply->status = 200;
	reply->body = strndup(left, n);
	n = end != NULL ? n + 5 : n;
	left += n;
	left_size -= n;
	return 0;
}

static void
begin(const uint8_t *data, size_t size)
{
	left = (const char *)data;
	left_size = size;
}

static void
check_error(void)
{
	must(*klaviyo_error() != '\0' && clean_but(klaviyo_error(), ""));
}

static int
one_event(void *arg, const char *unique_id, int64_t time)
{
	int *n = arg;

	must(utf8_strict(unique_id) && time >= 0);
	++*n;
	return 0;
}

static int
one_error(
    void *arg, long entry, enum klaviyo_catalog_fault fault, const char *words)
{
	(void)arg;
	must(entry >= -1 && entry < 1000);
	must(fault >= KLAVIYO_CATALOG_UNCLEAR &&
	     fault <= KLAVIYO_CATALOG_MISSING);
	must(clean_but(words, ""));
	return 0;
}

static void
check_job(const char *body)
{
	struct klaviyo_catalog_job job;

	for (int kind = 0; kind < 2; kind++)
		for (int step = 0; step < 3; step++) {
			if (klaviyo_catalog_answer(
			        kind, step, body, &job, one_error, NULL) != 0) {
				check_error();
				continue;
			}
			must(strncmp(job.path, "/api/catalog-", 13) == 0);
			must(strpbrk(job.path, "?#\" .\\") == NULL &&
			     clean_but(job.path, ""));
			must(job.failed >= 0 && job.done >= -1 && job.done < 2);
		}
}

static void
check_profile(char *body)
{
	struct kl_answer answer = {.status = 200, .body = body};
	char *id;
	int found = kl_email_found(&answer, &id);

	must(found >= -1 && found <= 1 && (found == 1) == (id != NULL));
	free(id);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *body = text_of(data, size), *key;
	int64_t n;
	int events = 0;

	begin(data, size);
	if (klaviyo_account(NULL, &key) == 0)
		must(*key != '\0' && utf8_strict(key));
	else
		check_error();
	free(key);
	begin(data, size);
	n = klaviyo_held(NULL, KLAVIYO_PLACED_ORDER, 1700000000, 1800000000,
	    one_event, &events);
	must(n == -1 || n == events);
	if (n == -1)
		check_error();
	check_job(body);
	check_profile(body);
	free(body);
	return 0;
}
