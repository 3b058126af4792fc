/*
 * csv.c - fuzzes the reading of a product CSV, without a database: rows
 * (import_rows.c) and every kind of cell (import_cells.c, import_html.c).
 *
 * Must hold: each cell is clean UTF-8; what a check of a cell lets pass is what
 * that check promises; every refusal is one clean line that names the line.
 */
#include "fuzz.h"

#include "import.h"

static void
check_refused(void)
{
	must(strncmp(shop_error(), "line ", 5) == 0 &&
	     clean_but(shop_error(), ""));
}

static void
check_text(const struct row *row, enum column column)
{
	const char *text;
	char *slug;

	if (cell_text(row, column, 255, &text) != 0) {
		check_refused();
		return;
	}
	must(clean_but(text, "") && strlen(text) <= 255 * 4);
	must(*text != ' ' && (*text == '\0' || text[strlen(text) - 1] != ' '));
	slug = slug_of(row->arena, text);
	must(slug != NULL && clean_but(slug, ""));
	/* It stands in a path and in tables whose texts are parted by signs. */
	must((*slug == '\0') == (*text == '\0') || *slug != '\0');
	must(strpbrk(slug, " /?#%\"<>&\\.|") == NULL);
}

static void
check_handle(const struct row *row)
{
	const char *handle;

	if (cell_handle(row, &handle) != 0) {
		check_refused();
		return;
	}
	must(*handle != '\0' && clean_but(handle, ""));
	must(strpbrk(handle, " /\\?#%\"<>") == NULL);
	must(strcmp(handle, ".") != 0 && strcmp(handle, "..") != 0);
}

static void
check_url(const struct row *row)
{
	const char *url;

	if (cell_url(row, IMAGE, &url) != 0) {
		check_refused();
		return;
	}
	must(*url == '\0' || (*url == '/' && url[1] != '/') ||
	     strncasecmp(url, "http://", 7) == 0 ||
	     strncasecmp(url, "https://", 8) == 0);
	must(strpbrk(url, " \"<>\\") == NULL && clean_but(url, ""));
}

static void
check_numbers(const struct row *row)
{
	static const char *const currencies[] = {"USD", "JPY", "KWD", "CLF"};
	int64_t n;
	bool flag;

	for (int i = 0; i < 4; i++) {
		n = -1;
		if (cell_amount(row, PRICE, currencies[i], &n) != 0)
			check_refused();
		else
			must(n >= 0 && n <= PRICE_MAX);
	}
	n = 0;
	if (cell_whole(row, QUANTITY, &n) != 0)
		check_refused();
	else
		must(n >= -1000000000 && n <= 1000000000);
	if (cell_flag(row, PUBLISHED, &flag) != 0)
		check_refused();
}

static int
one_row(void *arg, const struct row *row)
{
	int64_t *line = arg;
	char *body;

	must(row->line > *line); /* each row begins further down */
	*line = row->line;
	for (int i = 0; i < COLUMNS; i++) {
		must(clean_but(row->cell[i], "\n\t"));
		check_text(row, i);
	}
	check_handle(row);
	check_url(row);
	check_numbers(row);
	body = html_text(row->arena, row->cell[BODY]);
	must(body != NULL && clean_but(body, "\n"));
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	int64_t line = 0;

	if (rows_read(arena, &product_sheet, (const char *)data, size, one_row,
	        &line) != 0) {
		must(strncmp(shop_error(), "line ", 5) == 0 ||
		     strncmp(shop_error(), "the file ", 9) == 0);
		must(clean_but(shop_error(), ""));
	}
	arena_free(arena);
	return 0;
}
