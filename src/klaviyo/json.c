/*
 * json.c - JSON that others wrote: read strictly, and printed.
 *
 * cJSON reads more than JSON (leading zeros, bare control characters, what
 * follows a NUL is lost) and keeps numbers as doubles, so that the order
 * number 9007199254740993 would leave as 9.00719925474099e+15.
 *
 * Promises: kl_json_read() accepts RFC 8259 and nothing else, and every
 * number in the tree prints as the very digits that were read.
 *
 * Does not: look for a key that is there twice.
 */
#include "internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	const char *at;
	int depth; /* containers that may still be opened */
};

static bool scan_value(struct scan *scan);

static void
skip_space(struct scan *scan)
{
	scan->at += strspn(scan->at, " \t\r\n");
}

static bool
take(struct scan *scan, char wanted)
{
	skip_space(scan);
	if (*scan->at != wanted)
		return false;
	scan->at++;
	return true;
}

/* The four digits after \u, or -1. */
static int
hex4(const char *at)
{
	char digits[5] = "";

	if (strspn(at, "0123456789abcdefABCDEF") < 4)
		return -1;
	memcpy(digits, at, 4);
	return (int)strtol(digits, NULL, 16);
}

/* The escape at the backslash.  No NUL, which would end the text in C, and no
   half of a surrogate pair. */
static bool
scan_escape(struct scan *scan)
{
	int unit;

	if (scan->at[1] != 'u') {
		if (scan->at[1] == '\0' ||
		    strchr("\"\\/bfnrt", scan->at[1]) == NULL)
			return false;
		scan->at += 2;
		return true;
	}
	unit = hex4(scan->at + 2);
	if (unit <= 0 || (unit >= 0xdc00 && unit <= 0xdfff))
		return false;
	scan->at += 6;
	if (unit < 0xd800 || unit > 0xdbff)
		return true;
	if (scan->at[0] != '\\' || scan->at[1] != 'u')
		return false;
	unit = hex4(scan->at + 2);
	if (unit < 0xdc00 || unit > 0xdfff)
		return false;
	scan->at += 6;
	return true;
}

static bool
scan_string(struct scan *scan)
{
	if (!take(scan, '"'))
		return false;
	while (*scan->at != '"') {
		if ((unsigned char)*scan->at < 0x20)
			return false; /* the terminating NUL, too */
		if (*scan->at != '\\')
			scan->at++;
		else if (!scan_escape(scan))
			return false;
	}
	scan->at++;
	return true;
}

static bool
scan_digits(struct scan *scan)
{
	size_t n = strspn(scan->at, "0123456789");

	scan->at += n;
	return n > 0;
}

static bool
scan_number(struct scan *scan)
{
	if (*scan->at == '-')
		scan->at++;
	if (*scan->at == '0')
		scan->at++;
	else if (!scan_digits(scan))
		return false;
	if (*scan->at == '.') {
		scan->at++;
		if (!scan_digits(scan))
			return false;
	}
	if (*scan->at == 'e' || *scan->at == 'E') {
		scan->at++;
		if (*scan->at == '+' || *scan->at == '-')
			scan->at++;
		if (!scan_digits(scan))
			return false;
	}
	return true;
}

static bool
scan_container(struct scan *scan, bool object)
{
	char end = object ? '}' : ']';

	if (scan->depth-- == 0)
		return false;
	scan->at++;
	if (!take(scan, end)) {
		do {
			if (object && (!scan_string(scan) || !take(scan, ':')))
				return false;
			if (!scan_value(scan))
				return false;
		} while (take(scan, ','));
		if (!take(scan, end))
			return false;
	}
	scan->depth++;
	return true;
}

static bool
scan_word(struct scan *scan, const char *word)
{
	if (strncmp(scan->at, word, strlen(word)) != 0)
		return false;
	scan->at += strlen(word);
	return true;
}

static bool
scan_value(struct scan *scan)
{
	skip_space(scan);
	switch (*scan->at) {
	case '{':
		return scan_container(scan, true);
	case '[':
		return scan_container(scan, false);
	case '"':
		return scan_string(scan);
	case 't':
		return scan_word(scan, "true");
	case 'f':
		return scan_word(scan, "false");
	case 'n':
		return scan_word(scan, "null");
	default:
		return scan_number(scan);
	}
}

int
kl_json_check(const char *text, int depth, const char *what)
{
	struct scan scan = {text, depth};

	if (!kl_utf8_ok(text))
		return kl_fail("%s: not UTF-8", what);
	if (!scan_value(&scan) || (skip_space(&scan), *scan.at != '\0'))
		return kl_fail("%s: not JSON, or nested deeper than %d, at "
		               "byte %zu",
		    what, depth, (size_t)(scan.at - text));
	return 0;
}

/* The next number in a text that is known to be JSON. */
static const char *
next_number(const char *at)
{
	for (;;) {
		at += strcspn(at, "\"-0123456789");
		if (*at != '"')
			return at;
		for (at++; *at != '"'; at++)
			if (*at == '\\')
				at++;
		at++;
	}
}

/* Makes the numbers of a tree print as they were read: the tree in document
   order and the text hold the same numbers. */
static int
keep_numbers(cJSON *node, const char **at, const char *what)
{
	const char *end;
	char *digits;
	size_t n;

	for (; node != NULL; node = node->next) {
		if (node->child != NULL &&
		    keep_numbers(node->child, at, what) != 0)
			return -1;
		if (!cJSON_IsNumber(node))
			continue;
		*at = next_number(*at);
		n = strspn(*at, "+-.0123456789eE");
		end = *at + n;
		errno = 0;
		if (strcspn(*at, ".eE") >= n)
			(void)strtoll(*at, NULL, 10);
		if (errno != 0 || !isfinite(node->valuedouble))
			return kl_fail("%s: the number %.*s is too large", what,
			    n > 40 ? 40 : (int)n, *at);
		if ((digits = cJSON_malloc(n + 1)) == NULL)
			return kl_fail("out of memory");
		memcpy(digits, *at, n);
		digits[n] = '\0';
		node->type = cJSON_Raw; /* valuedouble stays as it is */
		node->valuestring = digits;
		*at = end;
	}
	return 0;
}

cJSON *
kl_json_read(const char *text, int depth, const char *what)
{
	const char *at = text;
	cJSON *tree = NULL;

	if (kl_json_check(text, depth, what) != 0)
		return NULL;
	if ((tree = cJSON_Parse(text)) == NULL) {
		kl_fail("%s: out of memory", what);
		return NULL;
	}
	if (keep_numbers(tree, &at, what) != 0) {
		cJSON_Delete(tree);
		return NULL;
	}
	return tree;
}

/* A copy, for cJSON's own memory may come from the host's hooks and the
   caller will use free(). */
char *
kl_json_text(const cJSON *tree)
{
	char *text = cJSON_PrintUnformatted(tree), *copy;

	if (text == NULL) {
		kl_fail("out of memory");
		return NULL;
	}
	copy = kl_copy(text);
	cJSON_free(text);
	return copy;
}
