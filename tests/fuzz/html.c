/*
 * html.c - fuzzes HTML to plain text (import_html.c, over libxml2).
 *
 * Must hold: any clean text has a result, which is clean, has no blank at the
 * end of a line and no paragraphs further apart than by one blank line.
 */
#include "fuzz.h"

#include "import.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	char *html = text_of(data, size), *text;

	/* A cell is clean before it is taken for HTML. */
	if (clean_but(html, "\n\t")) {
		text = html_text(arena, html);
		must(text != NULL && clean_but(text, "\n"));
		must(strstr(text, "\n\n\n") == NULL);
		must(strstr(text, " \n") == NULL);
		must(*text != '\n' && *text != ' ');
	}
	free(html);
	arena_free(arena);
	return 0;
}
