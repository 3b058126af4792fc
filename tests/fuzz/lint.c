/*
 * lint.c - fuzzes the linter of templates (lint.c of the storefront).
 *
 * The input is a template.
 *
 * Must hold: what passes has its pragma first and prints nothing raw; wherever
 * it ends, the linter has not lost its way: what is refused behind an empty
 * template is refused behind this one, once all is closed that may be open.
 */
#include "fuzz.h"

#include "lint.h"
#include "storefront.h"

#define PRAGMA "{{%AUTOESCAPE context=\""
/* Closes a value in either quote, its tag, a comment, a script, a style. */
#define CLOSE "\"'>\"'>--></script></style>"

/* Between marks, and not in a comment: no :none but the one of the layout. */
static void
check_marks(const char *text, const char *allowed)
{
	while ((text = strstr(text, "{{")) != NULL) {
		const char *end = strstr(text, "}}"), *none;

		must(end != NULL && text[2] != '=');
		none = strstr(text, ":none");
		must(none == NULL || none > end || text[2] == '!' ||
		     strchr("#/%", text[2]) != NULL ||
		     strncmp(text + 2, allowed, strlen(allowed)) == 0);
		text = end + 2;
	}
}

static void
check_lost(const char *name, const char *text)
{
	static const char *const holes[] = {"<p>{{V:none}}",
	    "<button formaction=\"{{V}}\">", "<a href='javascript:{{V}}'>",
	    "<script>{{V}}</script>", "<p onclick={{V}}>"};
	size_t size = strlen(text) + 100;
	char *longer = malloc(size);

	for (size_t i = 0; i < sizeof(holes) / sizeof(*holes); i++) {
		snprintf(longer, size, "%s%s%s", text, CLOSE, holes[i]);
		must(lint_template(name, longer) == -1);
	}
	free(longer);
}

static void
check(const char *name, const char *text, const char *allowed)
{
	if (lint_template(name, text) != 0) {
		must(strncmp(shop_error(), name, strlen(name)) == 0);
		must(shop_error()[strlen(name)] == ':');
		return;
	}
	must(strncmp(text, PRAGMA, strlen(PRAGMA)) == 0);
	check_marks(text, allowed);
	check_lost(name, text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);

	check("page.tpl", text, "\n");
	check("layout.tpl", text, "SCRIPTS:none}}");
	check("klaviyo/a.tpl", text, "KLAVIYO_");
	free(text);
	return 0;
}
