/*
 * answer.c - fuzzes what is made of Klaviyo's answers: headers (answer.c),
 * verdict (judge.c), words and repair (words.c) and the pace (pacer.c).
 *
 * The input is an answer: a status in its first three digits, header lines, an
 * empty line, the body.
 *
 * Must hold: numbers are in range whatever a header says; the words are one
 * clean line of at most 500 bytes that does not quote the person's e-mail
 * address or number; a repaired profile is valid JSON with another identifier
 * left; nobody waits longer than an hour.
 */
#include "fuzz.h"
#include "json_same.h"

#include "api.h"

#define EMAIL "ann.fuzz@example.com"
#define PHONE "+15005550123"

static const char profile[] =
    "{\"type\":\"profile\",\"attributes\":{\"email\":\"" EMAIL
    "\",\"phone_number\":\"" PHONE "\",\"external_id\":\"7\","
    "\"first_name\":\"Ann\",\"location\":{\"city\":\"Oz\","
    "\"latitude\":51.50}}}";

/* Takes the head's lines; returns where the body begins. */
static size_t
take_head(struct kl_answer *answer, const char *data, size_t size)
{
	size_t at = 0, n;

	while (at < size) {
		const char *end = memchr(data + at, '\n', size - at);

		n = end != NULL ? (size_t)(end - data) + 1 - at : size - at;
		if (n <= 2 && data[at + n - 1] == '\n')
			return at + n;
		kl_answer_header(answer, data + at, n);
		at += n;
	}
	return size;
}

static void
check_head(const struct kl_answer *answer)
{
	must(answer->retry_after >= -1);
	must(answer->limit >= -1 && answer->limit <= 999999999);
	must(answer->remaining >= -1 && answer->remaining <= 999999999);
	must(answer->reset >= -1 && answer->reset <= 999999999);
}

static void
check_pace(const struct kl_answer *answer)
{
	struct kl_pacer pacer;
	int64_t wait;

	kl_pacer_init(&pacer, 10, 150);
	kl_pacer_take(&pacer, 1000);
	kl_pacer_learn(&pacer, answer, 1001);
	must(kl_pacer_wait(&pacer, 1002) <= 3600 * 1000);
	wait = kl_pacer_stop(&pacer, answer->retry_after, 1003);
	must(wait >= 1000 && wait <= 3600 * 1000);
}

static void
check_words(const struct kl_answer *answer)
{
	char reason[256], *text = kl_refusal_about(answer, profile);

	must(text != NULL && strlen(text) <= 500 && clean_but(text, ""));
	must(strcasestr(text, EMAIL) == NULL && strstr(text, PHONE) == NULL);
	free(text);
	text = kl_refusal_text(answer);
	must(text != NULL && strlen(text) <= 500 && clean_but(text, ""));
	free(text);
	kl_pause_reason(answer, reason, sizeof(reason));
	must(clean_but(reason, "") && *reason != '\0');
}

static void
check_repair(const struct kl_answer *answer)
{
	char *repaired = kl_repair(answer, profile);
	const char *why;
	struct json_doc *doc;
	const struct json *attributes;

	if (repaired == NULL)
		return;
	doc = json_parse(repaired, strlen(repaired), &why);
	must(doc != NULL);
	attributes = json_get(json_root(doc), "attributes");
	must(json_text(attributes, "email") == NULL ||
	     json_text(attributes, "phone_number") == NULL);
	must(strcmp(json_text(attributes, "external_id"), "7") == 0);
	must(strstr(repaired, "51.50") != NULL);
	json_free(doc);
	free(repaired);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kl_answer answer;
	char *head = malloc(size);
	size_t at;

	kl_answer_clear(&answer);
	memcpy(head, data, size);
	at = take_head(&answer, head, size);
	answer.body = text_of(data + at, size - at);
	for (size_t i = 0; i < 3 && i < size; i++)
		answer.status = answer.status * 10 + (data[i] & 15) % 10;
	/* Some come broken. */
	answer.curl = size > 3 && data[3] == '!' ? 18 : 0;
	snprintf(answer.error, sizeof(answer.error), "%.200s", answer.body);

	check_head(&answer);
	must(kl_judge(&answer) != KL_V_SENT ||
	     (answer.status / 100 == 2 && answer.curl == 0));
	check_pace(&answer);
	check_words(&answer);
	check_repair(&answer);
	free(answer.body);
	free(head);
	return 0;
}
