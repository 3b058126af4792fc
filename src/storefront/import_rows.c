/*
 * import_rows.c - the bytes of a product CSV to rows with known columns.
 *
 * Promises: strict CSV (RFC 4180: a quote that is not closed, or stands in the
 * middle of a value, is an error); LF, CRLF and CR line ends, a byte order mark
 * and blank lines are fine; columns are found by the header's names, whatever
 * their order, and unknown ones are passed over.  Line numbers are those of an
 * editor: newlines inside quotes count.
 * Does not: know what a cell means.
 */
#include <csv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistr.h>

#include "import.h"

#define HEADER_MAX 1000 /* columns */

static const char *const names[COLUMNS] = {
    [ID] = "ID",
    [HANDLE] = "Handle",
    [TITLE] = "Title",
    [BODY] = "Body (HTML)",
    [VENDOR] = "Vendor",
    [TYPE] = "Type",
    [TAGS] = "Tags",
    [COLLECTION] = "Collection",
    [PUBLISHED] = "Published",
    [STATUS] = "Status",
    [OPTION1_NAME] = "Option1 Name",
    [OPTION1] = "Option1 Value",
    [OPTION2] = "Option2 Value",
    [OPTION3] = "Option3 Value",
    [SKU] = "Variant SKU",
    [TRACKER] = "Variant Inventory Tracker",
    [QUANTITY] = "Variant Inventory Qty",
    [POLICY] = "Variant Inventory Policy",
    [PRICE] = "Variant Price",
    [COMPARE_AT] = "Variant Compare At Price",
    [IMAGE] = "Image Src",
    [IMAGE_POSITION] = "Image Position",
    [IMAGE_ALT] = "Image Alt Text",
};

struct reader {
	struct arena *arena;
	row_each *each;
	void *arg;
	int64_t line; /* being read */
	bool between; /* no row has begun */
	bool header;  /* its row has been read */
	bool failed;
	bool filled;            /* a cell of this row is not empty */
	size_t cells, columns;  /* of this row; of the header */
	int column[HEADER_MAX]; /* enum column, or -1 */
	bool seen[COLUMNS];
	struct row row;
};

const char *
column_name(enum column column)
{
	return names[column];
}

/* Makes the cell's line ends newlines, and refuses what is no clean text. */
static char *
clean(struct reader *reader, const char *what, const char *data, size_t length)
{
	char *cell = arena_copyn(reader->arena, data, length), *to = cell;

	for (const char *c = cell; *c != '\0'; c++) {
		if (*c == '\r' && c[1] == '\n')
			continue;
		*to++ = *c == '\r' ? '\n' : *c;
	}
	if (to != cell)
		*to = '\0';
	if (u8_check((uint8_t *)cell, strlen(cell)) != NULL)
		shop_fail("line %lld: %s is not UTF-8; save the file as "
		          "\"CSV UTF-8\"",
		    (long long)reader->row.line, what);
	else if (!utf8_clean(cell))
		shop_fail("line %lld: %s has a control character; delete it",
		    (long long)reader->row.line, what);
	else
		return cell;
	reader->failed = true;
	return NULL;
}

static void
header_cell(struct reader *reader, const char *data, size_t length)
{
	char *name = clean(reader, "a column's name", data, length);

	if (name == NULL)
		return;
	if (reader->cells >= HEADER_MAX) {
		shop_fail("line %lld: more than %d columns",
		    (long long)reader->row.line, HEADER_MAX);
		reader->failed = true;
		return;
	}
	reader->column[reader->cells] = -1;
	for (int i = 0; i < COLUMNS; i++) {
		if (strcasecmp(name, names[i]) != 0)
			continue;
		if (reader->seen[i]) {
			shop_fail("line %lld: there are two columns \"%s\"; "
			          "keep one",
			    (long long)reader->row.line, names[i]);
			reader->failed = true;
		}
		reader->seen[i] = true;
		reader->column[reader->cells] = i;
	}
}

static void
take_cell(void *data, size_t length, void *arg)
{
	struct reader *reader = arg;
	int column;

	if (reader->failed)
		return;
	if (!reader->header) {
		header_cell(reader, data, length);
	} else if (length > 0 && reader->cells < reader->columns) {
		column = reader->column[reader->cells];
		if (column >= 0)
			reader->row.cell[column] =
			    clean(reader, names[column], data, length);
	}
	reader->filled = reader->filled || length > 0;
	reader->cells++;
}

static int
check_header(struct reader *reader)
{
	static const enum column required[] = {HANDLE, TITLE, PRICE};

	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++)
		if (!reader->seen[required[i]])
			return shop_fail("line %lld: there is no column "
			                 "\"%s\"; the first row names the "
			                 "columns, parted by commas",
			    (long long)reader->row.line, names[required[i]]);
	reader->header = true;
	reader->columns = reader->cells;
	return 0;
}

static int
check_row(struct reader *reader)
{
	if (!reader->header)
		return check_header(reader);
	/* Spreadsheets leave rows of nothing but commas. */
	if (!reader->filled)
		return 0;
	if (reader->cells != reader->columns)
		return shop_fail("line %lld: the row has %zu columns, the "
		                 "header %zu; a value with a comma must be in "
		                 "quotes",
		    (long long)reader->row.line, reader->cells,
		    reader->columns);
	return reader->each(reader->arg, &reader->row);
}

static void
end_row(int end, void *arg)
{
	struct reader *reader = arg;

	(void)end;
	if (!reader->failed && check_row(reader) != 0)
		reader->failed = true;
	for (int i = 0; i < COLUMNS; i++)
		reader->row.cell[i] = "";
	reader->cells = 0;
	reader->filled = false;
	reader->between = true;
}

/* The bytes of the line at ${text}, its end included. */
static size_t
line_length(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n')
			return i + 1;
		if (text[i] == '\r')
			return i + 1 < length && text[i + 1] == '\n' ? i + 2
			                                             : i + 1;
	}
	return length;
}

static bool
is_blank(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (strchr(" \t\r\n", text[i]) == NULL)
			return false;
	return true;
}

static int
parse_failed(struct reader *reader, struct csv_parser *parser)
{
	if (csv_error(parser) != CSV_EPARSE)
		return shop_fail("out of memory");
	return shop_fail("line %lld: a quote stands where none can (seen in "
	                 "line %lld); close it, or write a value with quotes "
	                 "\"like \"\"this\"\"\"",
	    (long long)reader->row.line, (long long)reader->line);
}

static int
parse(struct reader *reader, struct csv_parser *parser, const char *text,
    size_t length)
{
	size_t n;

	/* Line by line: libcsv does not say where a row begins. */
	for (; length > 0; text += n, length -= n, reader->line++) {
		n = line_length(text, length);
		if (memchr(text, '\0', n) != NULL)
			return shop_fail("line %lld: there is a NUL; save the "
			                 "file as \"CSV UTF-8\"",
			    (long long)reader->line);
		if (reader->between && is_blank(text, n))
			continue;
		if (reader->between)
			reader->row.line = reader->line;
		reader->between = false;
		if (csv_parse(parser, text, n, take_cell, end_row, reader) != n)
			return reader->failed ? -1
			                      : parse_failed(reader, parser);
		if (reader->failed)
			return -1;
	}
	if (csv_fini(parser, take_cell, end_row, reader) != 0)
		return shop_fail("line %lld: a quote is opened in this row "
		                 "and never closed",
		    (long long)reader->row.line);
	return reader->failed ? -1 : 0;
}

int
rows_read(struct arena *arena, const char *text, size_t length, row_each *each,
    void *arg)
{
	struct reader *reader = arena_alloc(arena, sizeof(*reader));
	struct csv_parser parser;
	int rc = -1;

	if (reader == NULL)
		return -1;
	if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
		return shop_fail("cannot read CSV");
	csv_set_blk_size(&parser, 65536); /* its default grows by 128 bytes */
	reader->arena = reader->row.arena = arena;
	reader->each = each;
	reader->arg = arg;
	reader->line = 1;
	reader->between = true;
	for (int i = 0; i < COLUMNS; i++)
		reader->row.cell[i] = "";
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		length -= 3;
	}
	if (is_blank(text, length)) {
		shop_fail("the file is empty; its first row names the columns "
		          "(Handle, Title, Variant Price, ..)");
		goto out;
	}
	rc = parse(reader, &parser, text, length);
out:
	csv_free(&parser);
	return rc;
}
