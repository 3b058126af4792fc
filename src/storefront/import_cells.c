/*
 * import_cells.c - checks of one cell of a CSV file.
 *
 * Promises: what passes is bounded, of one line (but for the body), and safe to
 * stand where the shop puts it: a handle in a path, an image in src.  An error
 * names line and column, what is wrong and what to do.
 * Does not: change a character within a text, however hostile: whoever prints
 * it escapes it.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unictype.h>
#include <unistr.h>

#include "import.h"

#define HANDLE_MAX 255
#define URL_MAX 2000
#define WHOLE_MAX 1000000000

int
cell_fail(const struct row *row, int column, const char *format, ...)
{
	char why[600];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	return shop_fail(
	    "line %lld: %s %s", (long long)row->line, row->sheet->names[column], why);
}

static size_t
characters(const char *text)
{
	return u8_mbsnlen((const uint8_t *)text, strlen(text));
}

/* The beginning of a value, in quotes, for an error. */
static const char *
quoted(const struct row *row, const char *value)
{
	const uint8_t *end = (const uint8_t *)value;
	ucs4_t c;
	int n = 0;

	while (n < 40 && *end != '\0') {
		end = u8_next(&c, end);
		n++;
	}
	return arena_printf(row->arena, "\"%.*s%s\"",
	    (int)((const char *)end - value), value, *end != '\0' ? ".." : "");
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

int
cell_text(
    const struct row *row, int column, size_t max, const char **text)
{
	const char *from = row->cell[column];
	size_t length;
	char *copy;

	while (is_space(*from))
		from++;
	length = strlen(from);
	while (length > 0 && is_space(from[length - 1]))
		length--;
	copy = arena_copyn(row->arena, from, length);
	/* A list of names is kept one a line elsewhere. */
	for (char *c = copy; *c != '\0'; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	if (characters(copy) > max)
		return cell_fail(row, column,
		    "%s has %zu characters; shorten it to %zu",
		    quoted(row, copy), characters(copy), max);
	*text = copy;
	return 0;
}

/* A handle is a segment of a path. */
int
cell_handle(const struct row *row, const char **handle)
{
	const uint8_t *next;
	ucs4_t c;

	if (cell_text(row, HANDLE, HANDLE_MAX, handle) != 0)
		return -1;
	if (**handle == '\0')
		return cell_fail(row, HANDLE,
		    "is empty; each row names its product by its handle");
	if (strcmp(*handle, ".") == 0 || strcmp(*handle, "..") == 0)
		return cell_fail(row, HANDLE, "%s cannot stand in an address",
		    quoted(row, *handle));
	next = (const uint8_t *)*handle;
	while ((next = u8_next(&c, next)) != NULL)
		if ((c < 0x80 && strchr("/\\?#%\"<>", (int)c) != NULL) ||
		    uc_is_general_category_withtable(
		        c, UC_CATEGORY_MASK_Z | UC_CATEGORY_MASK_Cc))
			return cell_fail(row, HANDLE,
			    "%s cannot stand in an address; use letters, "
			    "digits and hyphens, like blue-shirt",
			    quoted(row, *handle));
	return 0;
}

int
cell_amount(const struct row *row, int column, const char *currency,
    int64_t *amount)
{
	const char *text, *example = money_example(currency);

	if (cell_text(row, column, 100, &text) != 0)
		return -1;
	if (money_parse(text, currency, amount) == 0) {
		if (*amount <= PRICE_MAX)
			return 0;
		return cell_fail(row, column, "%s is too much; at most %s",
		    quoted(row, text),
		    money_text(row->arena, PRICE_MAX, currency));
	}
	if (*text == '\0')
		return cell_fail(
		    row, column, "is empty; write it like %s", example);
	return cell_fail(row, column, "%s is no amount; write it like %s",
	    quoted(row, text), example);
}

/* A whole number; empty is 0, and below 0 is possible. */
int
cell_whole(const struct row *row, int column, int64_t *n)
{
	const char *text, *digits;

	if (cell_text(row, column, 100, &text) != 0)
		return -1;
	*n = num(text);
	digits = *text == '-' ? text + 1 : text;
	if (strspn(digits, "0123456789") != strlen(digits) ||
	    (*text == '-' && *digits == '\0'))
		return cell_fail(row, column,
		    "%s is no whole number; write it like 12",
		    quoted(row, text));
	if (strlen(digits) > 10 || *n > WHOLE_MAX || *n < -WHOLE_MAX)
		return cell_fail(row, column, "%s is too large; at most %d",
		    quoted(row, text), WHOLE_MAX);
	return 0;
}

/* Leaves ${flag} as it is where the cell is empty. */
int
cell_flag(const struct row *row, int column, bool *flag)
{
	const char *text;

	if (cell_text(row, column, 100, &text) != 0)
		return -1;
	if (strcasecmp(text, "true") == 0)
		*flag = true;
	else if (strcasecmp(text, "false") == 0)
		*flag = false;
	else if (*text != '\0')
		return cell_fail(row, column, "%s is neither true nor false",
		    quoted(row, text));
	return 0;
}

/* "-0500" and "-05:00" to seconds; "UTC", "Z". */
static bool
read_zone(const char *text, int64_t *seconds)
{
	int hours, minutes, n = 0;

	*seconds = 0;
	if (strcmp(text, "UTC") == 0 || strcmp(text, "Z") == 0)
		return true;
	/* The width keeps the numbers in range.  NOLINTBEGIN(cert-err34-c) */
	if ((*text != '+' && *text != '-') ||
	    (sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &n) != 2 &&
	        sscanf(text + 1, "%2d%2d%n", &hours, &minutes, &n) != 2) ||
	    n < 4 || text[1 + n] != '\0' || hours > 14 || minutes > 59 ||
	    hours < 0 || minutes < 0)
		return false;
	/* NOLINTEND(cert-err34-c) */
	*seconds = (hours * INT64_C(60) + minutes) * 60;
	if (*text == '-')
		*seconds = -*seconds;
	return true;
}

int
cell_time(const struct row *row, int column, int64_t *time)
{
	const char *text, *end;
	struct tm tm = {0}, asked;
	int64_t zone;

	*time = 0;
	if (cell_text(row, column, 100, &text) != 0)
		return -1;
	if (*text == '\0')
		return 0;
	end = strptime(text, "%Y-%m-%d", &tm);
	if (end != NULL && (*end == 'T' || *end == ' '))
		end = strptime(end + 1, "%H:%M:%S", &tm);
	else
		end = NULL;
	while (end != NULL && *end == ' ')
		end++;
	asked = tm;
	if (end != NULL && read_zone(end, &zone))
		*time = timegm(&tm) - zone;
	if (end == NULL || *time == 0 || asked.tm_mday != tm.tm_mday)
		return cell_fail(row, column,
		    "%s is no time with its zone; write it like 2024-03-05 "
		    "10:11:12 -0500",
		    quoted(row, text));
	return 0;
}

int
cell_url(const struct row *row, int column, const char **url)
{
	static const char what[] =
	    "write an address like https://example.com/a.jpg, or a path of "
	    "this shop like /images/a.jpg";
	const char *u;
	bool ok;

	if (cell_text(row, column, URL_MAX, url) != 0)
		return -1;
	u = *url;
	if (strncasecmp(u, "https://", 8) == 0)
		ok = strchr("/?#:@", u[8]) == NULL;
	else if (strncasecmp(u, "http://", 7) == 0)
		ok = strchr("/?#:@", u[7]) == NULL;
	else
		ok = *u == '\0' || (*u == '/' && u[1] != '/');
	/* A browser takes a backslash for a slash. */
	if (!ok || strpbrk(u, " \\\"<>") != NULL)
		return cell_fail(row, column,
		    "%s is no address of an image; %s", quoted(row, u), what);
	return 0;
}

char *
slug_of(struct arena *arena, const char *name)
{
	const char *folded = fold(arena, name);
	const uint8_t *next = (const uint8_t *)folded, *start = next;
	char *slug = arena_alloc(arena, strlen(folded) * 2 + 3), *to = slug;
	ucs4_t c;

	if (slug == NULL)
		return NULL;
	while ((next = u8_next(&c, next)) != NULL) {
		if (uc_is_general_category_withtable(
		        c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M |
		               UC_CATEGORY_MASK_N)) {
			memcpy(to, start, (size_t)(next - start));
			to += next - start;
		} else if (to > slug && to[-1] != '-') {
			*to++ = '-';
		}
		start = next;
	}
	if (to > slug && to[-1] == '-')
		to--;
	*to = '\0';
	if (*slug == '\0') { /* nothing but signs: by their bytes */
		to += sprintf(to, "c-");
		for (const char *f = folded; *f != '\0'; f++)
			to += sprintf(to, "%02x", (unsigned char)*f);
	}
	return slug;
}
