/*
 * escaper.c - fuzzes the one escaper (snippet.c), by its property.
 *
 * The input is taken as finished JSON, as a text to be quoted, and as bytes to
 * be escaped.
 *
 * Must hold: what comes out has none of < > & U+2028 U+2029 and is to two other
 * readers the value that went in.  And the library takes for JSON what the
 * sandbox takes for JSON; more than that only where the sandbox is meant to be
 * stricter.
 */
#include "fuzz.h"
#include "json_same.h"

#include "internal.h"

static void
check_json(const char *json)
{
	char *safe = klaviyo_script_json(json);
	const char *why = NULL;
	int same;

	if (safe == NULL) {
		struct json_doc *doc = json_parse(json, strlen(json), &why);

		must(doc == NULL);
		must(clean_but(klaviyo_error(), "") && *klaviyo_error());
		return;
	}
	must(safe_in_script(safe) && utf8_strict(safe));
	same = same_to_sandbox(json, safe, &why);
	must(same == 1 ||
	     (same == -1 && (strcmp(why, "member name repeated") == 0 ||
	                        strcmp(why, "nested too deeply") == 0)));
	must(same_to_cjson(json, safe));
	free(safe);
}

static void
check_string(const char *text)
{
	char *safe = klaviyo_script_string(text);
	struct json_doc *doc;
	const char *why;
	cJSON *tree;

	if (safe == NULL) {
		must(!utf8_strict(text) || strlen(text) > 100000);
		return;
	}
	must(safe_in_script(safe));
	doc = json_parse(safe, strlen(safe), &why);
	must(doc != NULL && json_root(doc)->type == JSON_STRING);
	must(strcmp(json_root(doc)->str, text) == 0);
	json_free(doc);
	tree = cJSON_Parse(safe);
	must(strcmp(cJSON_GetStringValue(tree), text) == 0);
	cJSON_Delete(tree);
	free(safe);
}

/* Undoes the five escapes, in place. */
static void
unescape(char *text)
{
	static const char *const pairs[][2] = {{"\\u003c", "<"},
	    {"\\u003e", ">"}, {"\\u0026", "&"}, {"\\u2028", "\xe2\x80\xa8"},
	    {"\\u2029", "\xe2\x80\xa9"}};
	char *to = text;

	while (*text != '\0') {
		size_t i = 0;

		while (i < 5 && strncmp(text, pairs[i][0], 6) != 0)
			i++;
		if (i < 5) {
			to = stpcpy(to, pairs[i][1]);
			text += 6;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

static void
check_bytes(char *bytes)
{
	char *safe = kl_script_safe(bytes);

	must(safe != NULL && safe_in_script(safe));
	/* Escapes that were there before are undone on both sides. */
	unescape(safe);
	unescape(bytes);
	must(strcmp(safe, bytes) == 0);
	free(safe);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);

	check_json(text);
	check_string(text);
	check_bytes(text);
	free(text);
	return 0;
}
