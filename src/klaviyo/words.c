/*
 * words.c - reads the body of a refusal: Klaviyo's words for the operator, and
 * what can be repaired.
 *
 * Promises: the words are one line of at most 500 bytes of UTF-8, without
 * e-mail addresses, phone numbers, and whatever else they quote of the person's
 * profile; where they quote a secret, none of them is shown.  A repair takes
 * away an address or a number that the refusal points at, if the person is
 * known otherwise, and changes nothing else; so no event is repaired more than
 * once a field.
 *
 * Believes nothing of what it reads: any bytes may come.
 */
#include "api.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------------- Klaviyo's words */

enum { RAW = 4096, LINE = 500 };

/* Length of what looks like a phone number at ${at}: 7 digits and more. */
static size_t
phone_length(const char *at)
{
	size_t length = 0, digits = 0;

	if (!strchr("+(0123456789", *at))
		return 0;
	for (size_t i = 0; at[i] && strchr("+()-./ 0123456789", at[i]); i++)
		if (at[i] >= '0' && at[i] <= '9') {
			digits++;
			length = i + 1;
		}
	return digits >= 7 ? length : 0;
}

/* Length of what looks like an e-mail address at ${at}. */
static size_t
email_length(const char *at)
{
	size_t length = strcspn(at, " \t\r\n\"'`<>()[]{},;:=");

	for (size_t i = 0; i < length; i++)
		if (at[i] == '@' || strncmp(at + i, "%40", 3) == 0)
			return length;
	return 0;
}

/* Copies ${raw} to one line without addresses and numbers; ${line} has
   LINE + 1 bytes. */
static void
blot(char *line, char *raw)
{
	size_t n = 0, skip;
	const char *put;
	char one[2] = "";

	if (!kl_utf8_ok(raw))
		for (char *c = raw; *c; c++)
			if ((unsigned char)*c >= 0x80)
				*c = '?';
	while (*raw && n <= LINE) {
		if ((skip = email_length(raw)))
			put = "[e-mail]";
		else if ((skip = phone_length(raw)))
			put = "[number]";
		else {
			skip = 1;
			put = one;
			one[0] = *raw;
			if ((unsigned char)*raw < ' ' || *raw == 0x7f)
				one[0] = ' ';
			if (*one == ' ' && n && line[n - 1] == ' ')
				put = "";
		}
		for (; *put && n <= LINE; put++)
			line[n++] = *put;
		raw += skip;
	}
	/* One byte too many was let in, to see where a character is cut. */
	if (n > LINE)
		for (n = LINE; n && ((unsigned char)line[n] & 0xc0) == 0x80;)
			n--;
	line[n] = '\0';
}

static const char *
member_text(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(
	    cJSON_GetObjectItemCaseSensitive(object, name));

	return text ? text : "";
}

static const char *
pointer(const cJSON *error)
{
	return member_text(
	    cJSON_GetObjectItemCaseSensitive(error, "source"), "pointer");
}

static const cJSON *
errors(const cJSON *body)
{
	return cJSON_GetObjectItemCaseSensitive(body, "errors");
}

/* Title, detail and pointer of each error; of no JSON its beginning. */
static void
klaviyo_words(const char *text, char *raw, size_t size)
{
	cJSON *body = cJSON_Parse(text);
	const cJSON *error;
	size_t n = 0;

	cJSON_ArrayForEach(error, errors(body))
	{
		const char *at = pointer(error);

		n += (size_t)snprintf(raw + n, size - n, "%s%s %s%s%s%s",
		    n ? "; " : "", member_text(error, "title"),
		    member_text(error, "detail"), *at ? " (" : "", at,
		    *at ? ")" : "");
		if (n >= size)
			break;
	}
	/* A web page is a proxy's, and tells an operator nothing in a line. */
	if (!n && text[strspn(text, " \t\r\n")] != '<')
		snprintf(raw, size, "%s", text);
	cJSON_Delete(body);
}

/* ---------------------------------------- what they quote of the person */

enum { VALUES = 64, HIDE = 3 };
struct values {
	const char *text[VALUES];
	int n;
};

/* The texts of a profile, however deep. */
static void
collect(struct values *values, const cJSON *from)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, from)
	{
		const char *text = cJSON_GetStringValue(member);

		if (text && strlen(text) >= HIDE && values->n < VALUES)
			values->text[values->n++] = text;
		else if (!text)
			collect(values, member);
	}
}

static int
longer_first(const void *a, const void *b)
{
	size_t one = strlen(*(const char *const *)a);
	size_t other = strlen(*(const char *const *)b);

	return (one < other) - (one > other);
}

static bool
in_word(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* Every ${value} that stands for itself becomes "[-]", which is no longer. */
static void
hide(char *text, const char *value)
{
	size_t n = strlen(value);

	for (char *at = text; (at = strcasestr(at, value));) {
		if ((at > text && in_word(at[-1])) || in_word(at[n])) {
			at++;
			continue;
		}
		memcpy(at, "[-]", HIDE);
		memmove(at + HIDE, at + n, strlen(at + n) + 1);
		at += HIDE;
	}
}

static void
hide_person(char *text, const char *profile)
{
	cJSON *tree = cJSON_Parse(profile);
	struct values values = {.n = 0};

	collect(&values, cJSON_GetObjectItemCaseSensitive(tree, "attributes"));
	/* An address before the name that is a part of it. */
	qsort(
	    values.text, (size_t)values.n, sizeof(*values.text), longer_first);
	for (int i = 0; i < values.n; i++)
		hide(text, values.text[i]);
	cJSON_Delete(tree);
}

char *
kl_refusal_about(const struct kl_answer *answer, const char *profile)
{
	char raw[RAW] = "", line[LINE + 1] = "", *text;
	int n;

	if (answer->curl != CURLE_OK && !answer->status)
		n = snprintf(raw, sizeof(raw), "no answer: %s", answer->error);
	else if (answer->curl != CURLE_OK)
		n = snprintf(raw, sizeof(raw), "HTTP %ld, broken off: %s",
		    answer->status, answer->error);
	else
		n = snprintf(raw, sizeof(raw), "HTTP %ld", answer->status);
	if (answer->curl == CURLE_OK && answer->body && *answer->body) {
		char words[RAW - 32] = "";

		klaviyo_words(answer->body, words, sizeof(words));
		if (*words)
			snprintf(
			    raw + n, sizeof(raw) - (size_t)n, ": %s", words);
	}
	if (profile)
		hide_person(raw, profile);
	blot(line, raw);
	if (!(text = strdup(line)))
		kl_fail("out of memory");
	return text;
}

char *
kl_refusal_text(const struct kl_answer *answer)
{
	return kl_refusal_about(answer, NULL);
}

enum { QUOTE = 8 };

/* Whether ${text} has QUOTE characters of ${secret} in a row, however it is
   cut and escaped elsewhere; the address before its path is no secret. */
static bool
quotes(const char *text, const char *secret)
{
	const char *path = strstr(secret, "://");
	char part[QUOTE + 1] = "";

	path = path ? strchr(path + 3, '/') : NULL;
	if (path)
		secret = path + 1;
	if (strlen(secret) < QUOTE)
		return *secret && strcasestr(text, secret);
	for (; strlen(secret) >= QUOTE; secret++) {
		memcpy(part, secret, QUOTE);
		if (strcasestr(text, part))
			return true;
	}
	return false;
}

char *
kl_refusal_hiding(
    const struct kl_answer *answer, const char *profile, const char *secret)
{
	char *text = kl_refusal_about(answer, profile);
	struct kl_answer bare = *answer;

	if (!text || !quotes(text, secret))
		return text;
	free(text);
	bare.body = NULL;
	return kl_refusal_about(&bare, profile);
}

/* ------------------------------------------------------------------ repair */

static const char *const repairable[] = {"phone_number", "email"};
static const char *const identifiers[] = {
    "email", "phone_number", "external_id", "anonymous_id", "_kx"};

static bool
points_at(const cJSON *body, const char *field)
{
	const cJSON *error;

	cJSON_ArrayForEach(error, errors(body))
	{
		const char *last = strrchr(pointer(error), '/');

		if (last && strcmp(last + 1, field) == 0)
			return true;
	}
	return false;
}

bool
kl_lacks_what_it_names(const struct kl_answer *answer)
{
	static const char in_the_body[] = "/data/";
	cJSON *body;
	const cJSON *error;
	bool found = false;

	if (answer->status != 404 || !answer->body ||
	    !(body = cJSON_Parse(answer->body)))
		return false;
	cJSON_ArrayForEach(error, errors(body))
	{
		const char *at = pointer(error);

		found |= strncmp(at, in_the_body, strlen(in_the_body)) == 0;
	}
	cJSON_Delete(body);
	return found;
}

static bool
has_another(const cJSON *profile, const cJSON *attributes, const char *than)
{
	if (*member_text(profile, "id"))
		return true;
	for (size_t i = 0; i < sizeof(identifiers) / sizeof(*identifiers); i++)
		if (strcmp(identifiers[i], than) != 0 &&
		    *member_text(attributes, identifiers[i]))
			return true;
	return false;
}

char *
kl_repair(const struct kl_answer *answer, const char *profile)
{
	cJSON *body = NULL, *tree = NULL, *attributes;
	char *repaired = NULL;
	bool removed = false;

	if (answer->status != 400 && answer->status != 422)
		return NULL;
	if (!answer->body || !(body = cJSON_Parse(answer->body)))
		goto out;
	if (!(tree = kl_json_read(profile, KL_DEPTH + 3, "profile")))
		goto out;
	attributes = cJSON_GetObjectItemCaseSensitive(tree, "attributes");
	for (size_t i = 0; i < sizeof(repairable) / sizeof(*repairable); i++) {
		const char *field = repairable[i];

		if (points_at(body, field) &&
		    cJSON_GetObjectItemCaseSensitive(attributes, field) &&
		    has_another(tree, attributes, field)) {
			cJSON_DeleteItemFromObjectCaseSensitive(
			    attributes, field);
			removed = true;
		}
	}
	if (removed)
		repaired = kl_json_text(tree);
out:
	cJSON_Delete(tree);
	cJSON_Delete(body);
	return repaired;
}
