/*
 * form.c - fuzzes the reading of a form (fields_parse() of http.c).
 *
 * Must hold: what is taken is clean and within its limits, and written down
 * again it is read as the same fields.
 */
#include "fuzz.h"

#include "storefront.h"

/* Every byte of it escaped. */
static void
write_escaped(struct text *to, const char *text)
{
	for (; *text != '\0'; text++)
		text_printf(to, "%%%02x", (unsigned char)*text);
}

static void
check_again(struct arena *arena, const struct fields *fields)
{
	struct text text = {0};
	struct fields again;
	char *exact;

	text_add(&text, "");
	for (size_t i = 0; i < fields->n; i++) {
		text_add(&text, i > 0 ? "&" : "");
		write_escaped(&text, fields->list[i].name);
		text_add(&text, "=");
		write_escaped(&text, fields->list[i].value);
	}
	exact = malloc(text.length + 1);
	memcpy(exact, text.data, text.length);
	must(fields_parse(arena, exact, text.length, &again) == 0);
	must(again.n == fields->n);
	for (size_t i = 0; i < again.n; i++) {
		must(strcmp(again.list[i].name, fields->list[i].name) == 0);
		must(strcmp(again.list[i].value, fields->list[i].value) == 0);
	}
	free(exact);
	text_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct fields fields;
	int status = fields_parse(arena, (const char *)data, size, &fields);

	must(status == 0 || status == 400 || status == 413);
	for (size_t i = 0; status == 0 && i < fields.n; i++) {
		const struct field *f = &fields.list[i];

		must(*f->name != '\0' && strlen(f->name) <= 200);
		must(strlen(f->value) <= 8192);
		must(clean_but(f->name, "") && clean_but(f->value, "\n\t"));
	}
	if (status == 0) {
		must(fields.n <= FIELDS_MAX);
		check_again(arena, &fields);
	}
	arena_free(arena);
	return 0;
}
