/*
 * response.c - fuzzes the one header writer (response.c).
 *
 * The input is a header's name, a newline, its value up to a NUL, and the body.
 *
 * Must hold: the answer's head is the lines that were meant, whatever is in the
 * value, and ends where the body begins; what is refused leaves as a bare 500.
 */
#include "fuzz.h"

#include "storefront.h"

/* The number of lines of a head, and where its body begins. */
static int
head_lines(const char *text, size_t length, size_t *body)
{
	const char *end = memmem(text, length, "\r\n\r\n", 4);
	int lines = 1;

	must(end != NULL);
	*body = (size_t)(end - text) + 4;
	for (const char *c = text; c < end; c++) {
		must((unsigned char)*c >= 0x20 || *c == '\r' || *c == '\n');
		must(*c != '\r' || c[1] == '\n');
		must(*c != '\n' || c[-1] == '\r');
		lines += *c == '\n';
	}
	return lines;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *given = text_of(data, size), *value = strchr(given, '\n');
	size_t used = strlen(given) + 1, at;
	struct response response = {.status = 303};
	struct text out = {0};
	int lines;

	if (used > size)
		used = size;
	if (value != NULL)
		*value++ = '\0';
	response_header(&response, given, value != NULL ? value : "");
	text_add(&response.body, "");
	text_addn(&response.body, (const char *)data + used, size - used);
	response_cgi(&response, false, &out);
	lines = head_lines(out.data, out.length, &at);
	if (response.bad) {
		must(strncmp(out.data, "Status: 500 ", 12) == 0);
	} else {
		/* Status, the one, Content-Length. */
		must(lines == 3);
		must(strncmp(out.data, "Status: 303 ", 12) == 0);
		must(out.length - at == size - used &&
		     (size == used ||
		         memcmp(out.data + at, data + used, size - used) == 0));
	}
	text_free(&out);
	response_free(&response);
	free(given);
	return 0;
}
