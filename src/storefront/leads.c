/*
 * leads.c - what was written on the contact form: kept, and listed by
 * `storefront leads`, so that it reaches somebody.
 */
#include "storefront.h"

#include <string.h>
#include <time.h>

int
lead_add(struct db *db, struct arena *arena, struct lead *lead)
{
	lead->id = random_id(arena, 16);
	if (lead->id == NULL)
		return shop_fail("out of memory");
	return (int)db_run(db, NULL, NULL,
	    "INSERT INTO lead (id, form, created_at, first_name, last_name, "
	    "email, phone, message) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
	    "ON CONFLICT (form) DO NOTHING",
	    lead->id, lead->form, NUM(lead->created_at), lead->first_name,
	    lead->last_name, lead->email, lead->phone, lead->message);
}

/* id, created_at, first_name, last_name, email, phone, message */
static int
print_row(void *arg, int n, const char *const col[])
{
	const char *line = col[6];
	char text[32];

	(void)arg, (void)n;
	utc_text(text, sizeof(text), "%Y-%m-%d %H:%M:%SZ", num(col[1]));
	printf("%s  %s  ", col[0], text);
	print_tame(col[2], strlen(col[2]));
	putchar(' ');
	print_tame(col[3], strlen(col[3]));
	printf(" <");
	print_tame(col[4], strlen(col[4]));
	printf(">%s%s\n", *col[5] != '\0' ? "  " : "", col[5]);
	while (*line != '\0') {
		size_t length = strcspn(line, "\n");

		printf("    ");
		print_tame(line, length);
		putchar('\n');
		line += length + (line[length] == '\n');
	}
	putchar('\n');
	return 0;
}

int
leads_command(const struct settings *settings, int argc, char **argv)
{
	struct db *db;
	int code = 0;

	(void)argv;
	if (argc != 1) {
		fprintf(stderr, "storefront: leads takes no arguments\n");
		return 2;
	}
	db = db_open(settings);
	if (db == NULL ||
	    db_run(db, print_row, NULL,
	        "SELECT id, created_at, first_name, last_name, email, phone, "
	        "message FROM lead ORDER BY created_at DESC, id "
	        "LIMIT 1000") < 0) {
		fprintf(stderr, "storefront: %s\n", shop_error());
		code = 1;
	}
	db_close(db);
	return code;
}
