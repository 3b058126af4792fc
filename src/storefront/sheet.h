/*
 * sheet.h - a CSV file with named columns, row by row: what the imports share.
 *
 * import_rows.c makes rows of the file's bytes, import_cells.c checks one cell.
 * -1 says why in shop_error(), beginning with the line.
 */
#ifndef STOREFRONT_SHEET_H
#define STOREFRONT_SHEET_H

#include "storefront.h"

#define CELLS_MAX 80 /* columns that a sheet may know */

struct sheet {
	const char *const *names; /* by the sheet's own enum */
	int columns;
	const int *required;
	int nrequired;
	const char *example; /* for a file without a header */
};

/* One row: its cells are clean UTF-8 with newlines only as line ends, "" where
 * empty or without such a column. */
struct row {
	struct arena *arena;
	const struct sheet *sheet;
	int64_t line; /* of the file, where the row begins */
	const char *cell[CELLS_MAX];
};
typedef int row_each(void *arg, const struct row *row);
/* All of a text; rows are in the arena. */
int rows_read(struct arena *arena, const struct sheet *sheet, const char *text,
    size_t length, row_each *each, void *arg);
/* A file of any size: a row is gone after its call. */
int rows_stream(
    FILE *file, const struct sheet *sheet, row_each *each, void *arg);

/* Sets the error to "line 7: Title ..."; returns -1. */
int cell_fail(const struct row *row, int column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A cell's text on one line, trimmed, of at most ${max} characters. */
int cell_text(const struct row *row, int column, size_t max, const char **text);
int cell_amount(
    const struct row *row, int column, const char *currency, int64_t *amount);
int cell_whole(const struct row *row, int column, int64_t *n);
int cell_flag(const struct row *row, int column, bool *flag);
/* "2024-03-05 10:11:12 -0500", to Unix seconds; 0 where empty. */
int cell_time(const struct row *row, int column, int64_t *time);

#endif
