/*
 * cookie.c - fuzzes the finding of a cookie (request_cookie() of http.c).
 *
 * The input is the header Cookie.  Must hold: a name that comes once has the
 * very value that stands there, if that is one that RFC 6265 allows; else none.
 */
#include "fuzz.h"

#include "storefront.h"

static bool
allowed(const char *value)
{
	for (; *value != '\0'; value++)
		if (*value < 0x21 || *value > 0x7e || *value == '"' ||
		    *value == ',' || *value == ';' || *value == '\\')
			return false;
	return true;
}

/* Cuts the blanks off its end. */
static char *
trimmed(char *text)
{
	size_t n;

	for (n = strlen(text); n > 0 && strchr(" \t", text[n - 1]); n--)
		text[n - 1] = '\0';
	return text;
}

/* What it should be, by another way. */
static char *
expected(const char *header, const char *name)
{
	char *copy = strdup(header), *rest = copy, *part, *found = NULL;
	int times = 0;

	while ((part = strsep(&rest, ";")) != NULL) {
		char *value = strchr(part, '=');

		if (value == NULL)
			continue;
		*value++ = '\0';
		if (strcmp(part + strspn(part, " \t"), name) != 0)
			continue;
		times++;
		found = trimmed(value);
	}
	found = strdup(times == 1 && allowed(found) ? found : "");
	free(copy);
	return found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"sid", "__Host-sid", "__kla_id"};
	struct arena *arena = arena_new();
	char *header = text_of(data, size);
	struct request request = {.arena = arena, .cookie = header};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char *wanted = expected(header, names[i]);

		must(strcmp(request_cookie(&request, names[i]), wanted) == 0);
		free(wanted);
	}
	free(header);
	arena_free(arena);
	return 0;
}
