/*
 * leak.c - a CSV's reader that forgets a cell's copy: LeakSanitizer must see
 * it.
 *
 * Target: csv
 * Replaces: cell_flag
 * Report: LeakSanitizer: detected memory leaks
 */
#include "import.h"

#include <string.h>

__typeof__(cell_flag) __real_cell_flag, __wrap_cell_flag;

int
__wrap_cell_flag(const struct row *row, int column, bool *flag)
{
	char *copy = strdup(row->cell[column]);

	return copy == NULL ? -1 : __real_cell_flag(row, column, flag);
}
