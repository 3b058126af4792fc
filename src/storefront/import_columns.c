/*
 * import_columns.c - what the columns of Shopify's product CSV say of a
 * product, its variants and its image.
 *
 * Of several images the one of the lowest position is kept: the shop shows one.
 * Without an inventory tracker there is no stock to count: always sold.  Less
 * than none in stock is none.  Published=false and any Status but active hide a
 * product.  A former price that is not above the price is none.
 */
#include <string.h>
#include <strings.h>

#include "import.h"

#define NAME_MAX_CHARS 255
#define TAGS_MAX 250
#define VARIANTS_MAX 2048
#define BODY_MAX_BYTES 65536

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

static const int required[] = {HANDLE, TITLE, PRICE};

const struct sheet product_sheet = {.names = names,
    .columns = COLUMNS,
    .required = required,
    .nrequired = sizeof(required) / sizeof(*required),
    .example = "Handle, Title, Variant Price"};

static void
add_category(struct arena *arena, struct draft *draft, const char *name)
{
	const char *slug = slug_of(arena, name);
	struct category *category;

	if (slug == NULL)
		return;
	for (category = draft->categories; category != NULL;
	     category = category->next)
		if (strcmp(category->slug, slug) == 0)
			return;
	category = arena_alloc(arena, sizeof(*category));
	if (category == NULL)
		return;
	category->name = name;
	category->slug = slug;
	*draft->categories_end = category;
	draft->categories_end = &category->next;
}

/* Type, then the comma-separated tags, then the collection. */
static int
read_categories(const struct row *row, struct draft *draft)
{
	struct row one = *row; /* with one tag in the cell */
	const char *name, *rest = row->cell[TAGS], *comma;
	int n = 0;

	if (cell_text(row, TYPE, NAME_MAX_CHARS, &name) != 0)
		return -1;
	if (*name != '\0')
		add_category(row->arena, draft, name);
	for (; *rest != '\0'; rest = *comma == '\0' ? comma : comma + 1) {
		comma = strchrnul(rest, ',');
		one.cell[TAGS] =
		    arena_copyn(row->arena, rest, (size_t)(comma - rest));
		if (cell_text(&one, TAGS, NAME_MAX_CHARS, &name) != 0)
			return -1;
		if (*name == '\0')
			continue;
		if (++n > TAGS_MAX)
			return cell_fail(
			    row, TAGS, "are more than %d", TAGS_MAX);
		add_category(row->arena, draft, name);
	}
	if (cell_text(row, COLLECTION, NAME_MAX_CHARS, &name) != 0)
		return -1;
	if (*name != '\0')
		add_category(row->arena, draft, name);
	return 0;
}

static int
read_published(const struct row *row, struct draft *draft)
{
	const char *status;

	draft->published = true;
	if (cell_flag(row, PUBLISHED, &draft->published) != 0 ||
	    cell_text(row, STATUS, NAME_MAX_CHARS, &status) != 0)
		return -1;
	if (*status != '\0' && strcasecmp(status, "active") != 0)
		draft->published = false;
	return 0;
}

int
product_read(const struct row *row, struct draft *draft)
{
	if (cell_text(row, ID, NAME_MAX_CHARS, &draft->id) != 0 ||
	    cell_text(row, TITLE, NAME_MAX_CHARS, &draft->title) != 0 ||
	    cell_text(row, VENDOR, NAME_MAX_CHARS, &draft->vendor) != 0 ||
	    read_categories(row, draft) != 0 || read_published(row, draft) != 0)
		return -1;
	if (*draft->title == '\0')
		return cell_fail(
		    row, TITLE, "is empty; a product's first row has its name");
	if (strlen(row->cell[BODY]) > BODY_MAX_BYTES)
		return cell_fail(row, BODY, "has %zu bytes; shorten it to %d",
		    strlen(row->cell[BODY]), BODY_MAX_BYTES);
	draft->body = html_text(row->arena, row->cell[BODY]);
	return draft->body == NULL ? -1 : 0;
}

static int
repeats(const struct row *row, int column, const char *first, int64_t line)
{
	const char *text;

	if (cell_text(row, column, NAME_MAX_CHARS, &text) != 0)
		return -1;
	return *text == '\0' || strcmp(text, first) == 0
	           ? 0
	           : cell_fail(row, column,
	                 "is not that of line %lld, which has the same Handle; "
	                 "leave it empty, or give this product a Handle of its "
	                 "own",
	                 (long long)line);
}

int
product_repeated(const struct row *row, const struct draft *draft)
{
	return repeats(row, ID, draft->id, draft->line) != 0
	           ? -1
	           : repeats(row, TITLE, draft->title, draft->line);
}

/* "Small / Blue"; "" for Shopify's "Default Title". */
static int
read_name(const struct row *row, struct draft *draft, const char **name)
{
	const char *option, *option_name;
	unsigned options = 0;

	*name = "";
	if (cell_text(row, OPTION1_NAME, NAME_MAX_CHARS, &option_name) != 0)
		return -1;
	for (int i = 0; i < 3; i++) {
		if (cell_text(row, OPTION1 + i, NAME_MAX_CHARS, &option) != 0)
			return -1;
		if (*option == '\0')
			continue;
		if (i == 0 && draft->variants == NULL &&
		    strcasecmp(option_name, "Title") == 0 &&
		    strcmp(option, "Default Title") == 0)
			continue;
		options |= 1u << i;
		*name = arena_printf(row->arena, "%s%s%s", *name,
		    **name == '\0' ? "" : " / ", option);
	}
	if (draft->variants == NULL)
		draft->options = options;
	for (int i = 0; i < 3; i++)
		if ((draft->options ^ options) & 1u << i)
			return cell_fail(row, OPTION1 + i,
			    "is%s empty here and%s in line %lld; the variants "
			    "of a product have the same options",
			    options & 1u << i ? " not" : "",
			    options & 1u << i ? "" : " not",
			    (long long)draft->line);
	for (struct draft_variant *v = draft->variants; v != NULL; v = v->next)
		if (strcmp(v->name, *name) == 0)
			return cell_fail(row, OPTION1,
			    "makes the variant \"%s\", which line %lld has; "
			    "give each variant its own options",
			    *v->name == '\0' ? "Default Title" : v->name,
			    (long long)v->line);
	return 0;
}

static int
read_stock(const struct row *row, struct draft_variant *variant)
{
	const char *tracker, *policy;

	if (cell_text(row, TRACKER, NAME_MAX_CHARS, &tracker) != 0 ||
	    cell_whole(row, QUANTITY, &variant->stock) != 0 ||
	    cell_text(row, POLICY, NAME_MAX_CHARS, &policy) != 0)
		return -1;
	if (*policy != '\0' && strcasecmp(policy, "deny") != 0 &&
	    strcasecmp(policy, "continue") != 0)
		return cell_fail(row, POLICY,
		    "is neither deny (sell what is in stock) nor continue "
		    "(sell on)");
	variant->oversell =
	    *tracker == '\0' || strcasecmp(policy, "continue") == 0;
	if (*tracker == '\0' || variant->stock < 0)
		variant->stock = 0;
	return 0;
}

int
variant_read(const struct row *row, const char *currency, struct draft *draft)
{
	struct draft_variant *variant =
	    arena_alloc(row->arena, sizeof(*variant));

	if (variant == NULL)
		return -1;
	if (draft->nvariants == VARIANTS_MAX)
		return cell_fail(row, HANDLE,
		    "has more than %d variants; make two products of it",
		    VARIANTS_MAX);
	variant->line = row->line;
	if (read_name(row, draft, &variant->name) != 0 ||
	    cell_text(row, SKU, NAME_MAX_CHARS, &variant->sku) != 0 ||
	    read_stock(row, variant) != 0 ||
	    cell_amount(row, PRICE, currency, &variant->price) != 0)
		return -1;
	if (*row->cell[COMPARE_AT] != '\0' &&
	    cell_amount(row, COMPARE_AT, currency, &variant->compare_at) != 0)
		return -1;
	if (variant->compare_at <= variant->price)
		variant->compare_at = 0;
	*draft->variants_end = variant;
	draft->variants_end = &variant->next;
	draft->nvariants++;
	return 0;
}

int
image_read(const struct row *row, struct draft *draft)
{
	const char *image, *alt;
	int64_t position;

	if (cell_url(row, IMAGE, &image) != 0 ||
	    cell_whole(row, IMAGE_POSITION, &position) != 0 ||
	    cell_text(row, IMAGE_ALT, (size_t)2 * NAME_MAX_CHARS, &alt) != 0)
		return -1;
	if (*image == '\0')
		return 0;
	draft->nimages++;
	if (position <= 0)
		position = draft->nimages;
	if (*draft->image != '\0' && draft->image_position <= position)
		return 0;
	draft->image = image;
	draft->image_alt = alt;
	draft->image_position = position;
	return 0;
}
