/*
 * json_print.c - JSON on several lines, for people.
 *
 * Promises: changes nothing but the white space between its parts: every text
 * and every number keeps its characters.
 */
#include "storefront.h"

static void
new_line(FILE *out, int depth)
{
	fprintf(out, "\n%*s", depth * 2, "");
}

/* Prints a text in quotes; returns its last character. */
static const char *
print_string(FILE *out, const char *at)
{
	putc(*at, out);
	for (at++; *at != '\0' && *at != '"'; at++) {
		putc(*at, out);
		if (*at == '\\' && at[1] != '\0')
			putc(*++at, out);
	}
	if (*at == '"')
		putc(*at, out);
	else
		at--;
	return at;
}

void
json_print(FILE *out, const char *json)
{
	int depth = 0;

	for (const char *at = json; *at != '\0'; at++) {
		bool open = *at == '{' || *at == '[';

		if (*at == '"') {
			at = print_string(out, at);
		} else if (open && (at[1] == '}' || at[1] == ']')) {
			putc(*at++, out);
			putc(*at, out);
		} else if (open || *at == ',') {
			putc(*at, out);
			depth += open;
			new_line(out, depth);
		} else if (*at == '}' || *at == ']') {
			new_line(out, --depth);
			putc(*at, out);
		} else if (*at == ':') {
			fputs(": ", out);
		} else {
			putc(*at, out);
		}
	}
	putc('\n', out);
}
