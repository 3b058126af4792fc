/*
 * import_rows.c - the bytes of a CSV file to rows with known columns.
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

#include "sheet.h"

#define HEADER_MAX 1000 /* columns */

struct reader {
	const struct sheet *sheet;
	bool stream; /* each row has an arena of its own */
	row_each *each;
	void *arg;
	int64_t line; /* being read */
	bool between; /* no row has begun */
	bool header;  /* its row has been read */
	bool failed;
	bool filled;            /* a cell of this row is not empty */
	size_t cells, columns;  /* of this row; of the header */
	int column[HEADER_MAX]; /* the sheet's, or -1 */
	bool seen[CELLS_MAX];
	struct csv_parser parser;
	struct row row;
};

/* Makes the cell's line ends newlines, and refuses what is no clean text. */
static char *
clean(struct reader *reader, const char *what, const char *data, size_t length)
{
	char *cell = arena_copyn(reader->row.arena, data, length), *to = cell;

	for (const char *c = cell; *c != '\0'; c++) {
		if (*c == '\r' && c[1] == '\n')
			continue;
		*to++ = (char)(*c == '\r' ? '\n' : *c);
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
	for (int i = 0; i < reader->sheet->columns; i++) {
		if (strcasecmp(name, reader->sheet->names[i]) != 0)
			continue;
		if (reader->seen[i]) {
			shop_fail("line %lld: there are two columns \"%s\"; "
			          "keep one",
			    (long long)reader->row.line,
			    reader->sheet->names[i]);
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
			    clean(reader, reader->sheet->names[column], data,
			        length);
	}
	reader->filled = reader->filled || length > 0;
	reader->cells++;
}

static int
check_header(struct reader *reader)
{
	const struct sheet *sheet = reader->sheet;

	for (int i = 0; i < sheet->nrequired; i++)
		if (!reader->seen[sheet->required[i]])
			return shop_fail("line %lld: there is no column "
			                 "\"%s\"; the first row names the "
			                 "columns, parted by commas",
			    (long long)reader->row.line,
			    sheet->names[sheet->required[i]]);
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

/* A row's memory goes with it. */
static void
renew_arena(struct reader *reader)
{
	if (arena_failed(reader->row.arena))
		reader->failed = shop_fail("out of memory") != 0;
	arena_free(reader->row.arena);
	reader->row.arena = arena_new();
	if (reader->row.arena == NULL)
		reader->failed = true;
}

static void
end_row(int end, void *arg)
{
	struct reader *reader = arg;

	(void)end;
	if (!reader->failed && check_row(reader) != 0)
		reader->failed = true;
	if (reader->stream && !reader->failed)
		renew_arena(reader);
	for (int i = 0; i < CELLS_MAX; i++)
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
parse_failed(struct reader *reader)
{
	if (csv_error(&reader->parser) != CSV_EPARSE)
		return shop_fail("out of memory");
	return shop_fail("line %lld: a quote stands where none can (seen in "
	                 "line %lld); close it, or write a value with quotes "
	                 "\"like \"\"this\"\"\"",
	    (long long)reader->row.line, (long long)reader->line);
}

/* Whole lines. */
static int
parse(struct reader *reader, const char *text, size_t length)
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
		if (csv_parse(&reader->parser, text, n, take_cell, end_row,
		        reader) != n)
			return reader->failed ? -1 : parse_failed(reader);
		if (reader->failed)
			return -1;
	}
	return 0;
}

static int
parse_end(struct reader *reader)
{
	if (csv_fini(&reader->parser, take_cell, end_row, reader) != 0)
		return shop_fail("line %lld: a quote is opened in this row "
		                 "and never closed",
		    (long long)reader->row.line);
	if (reader->failed)
		return -1;
	return reader->header ? 0
	                      : shop_fail("the file is empty; its first row "
	                                  "names the columns (%s, ..)",
	                            reader->sheet->example);
}

static struct reader *
reader_new(const struct sheet *sheet, row_each *each, void *arg)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	if (reader == NULL) {
		shop_fail("out of memory");
		return NULL;
	}
	if (csv_init(&reader->parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
		shop_fail("cannot read CSV");
		free(reader);
		return NULL;
	}
	/* its default grows by 128 bytes */
	csv_set_blk_size(&reader->parser, 65536);
	reader->sheet = reader->row.sheet = sheet;
	reader->each = each;
	reader->arg = arg;
	reader->line = 1;
	reader->between = true;
	for (int i = 0; i < CELLS_MAX; i++)
		reader->row.cell[i] = "";
	return reader;
}

static void
reader_free(struct reader *reader)
{
	csv_free(&reader->parser);
	free(reader);
}

/* The bytes of a byte order mark at the beginning. */
static size_t
mark_length(const char *text, size_t length)
{
	return length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

int
rows_read(struct arena *arena, const struct sheet *sheet, const char *text,
    size_t length, row_each *each, void *arg)
{
	struct reader *reader = reader_new(sheet, each, arg);
	size_t mark = mark_length(text, length);
	int rc;

	if (reader == NULL)
		return -1;
	reader->row.arena = arena;
	rc = parse(reader, text + mark, length - mark);
	if (rc == 0)
		rc = parse_end(reader);
	reader_free(reader);
	return rc;
}

/* ------------------------------------------------------------------ streaming */

#define PIECE ((size_t)256 << 10)
#define LINE_MAX ((size_t)16 << 20)

/* What has been read and is not parsed yet: the beginning of a line. */
struct piece {
	char *data;
	size_t length, room;
};

/* Up to the end of the last whole line.  A CR at the very end may be half of
   a line's end. */
static size_t
whole_lines(const struct piece *piece)
{
	size_t n = piece->length;

	if (n > 0 && piece->data[n - 1] == '\r')
		n--;
	while (n > 0 && piece->data[n - 1] != '\n' &&
	       piece->data[n - 1] != '\r')
		n--;
	return n;
}

/* More of the file; 0 at its end. */
static int
read_more(struct piece *piece, FILE *file, const struct reader *reader)
{
	size_t n;
	char *more;

	if (piece->length + PIECE > LINE_MAX)
		return shop_fail("line %lld: longer than 16 MiB",
		    (long long)reader->line);
	if (piece->length + PIECE > piece->room) {
		more = realloc(piece->data, piece->length + PIECE);
		if (more == NULL) {
			shop_fail("out of memory");
			return -1;
		}
		piece->data = more;
		piece->room = piece->length + PIECE;
	}
	n = fread(piece->data + piece->length, 1, PIECE, file);
	piece->length += n;
	if (n == 0 && ferror(file))
		return shop_fail("the file cannot be read");
	return n > 0;
}

static int
stream(struct reader *reader, struct piece *piece, FILE *file)
{
	bool first = true;
	int more;

	while ((more = read_more(piece, file, reader)) > 0) {
		size_t n = whole_lines(piece),
		       mark = first ? mark_length(piece->data, n) : 0;

		if (n == 0)
			continue;
		if (parse(reader, piece->data + mark, n - mark) != 0)
			return -1;
		memmove(piece->data, piece->data + n, piece->length - n);
		piece->length -= n;
		first = false;
	}
	if (more == 0) {
		size_t mark =
		    first ? mark_length(piece->data, piece->length) : 0;

		if (parse(reader, piece->data + mark, piece->length - mark) !=
		    0)
			return -1;
	}
	return more < 0 ? -1 : parse_end(reader);
}

int
rows_stream(FILE *file, const struct sheet *sheet, row_each *each, void *arg)
{
	struct reader *reader = reader_new(sheet, each, arg);
	struct piece piece = {0};
	int rc = -1;

	if (reader == NULL)
		return -1;
	reader->stream = true;
	reader->row.arena = arena_new();
	if (reader->row.arena != NULL)
		rc = stream(reader, &piece, file);
	arena_free(reader->row.arena);
	free(piece.data);
	reader_free(reader);
	return rc;
}
