/*
 * commands_order.c - `storefront order`: the shop's orders, and what happens to
 * them: sent, on its way, canceled, refunded, incomplete, not paid.
 *
 * Promises: each change is one transaction with the event that reports it; what
 * may not be is refused with the reason, and nothing is changed.
 */
#include "storefront.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* -------------------------------------------------------------- list, show */

static const char *
when(char text[32], int64_t seconds)
{
	return utc_text(text, 32, "%Y-%m-%d %H:%M:%SZ", seconds);
}

static int
print_order(void *arg, const struct order *o)
{
	char text[32];

	printf("%s  %s  %-9s %12s\n", o->id, when(text, o->time), o->status,
	    money_text(arg, o->total, o->currency));
	return 0;
}

static int
print_change(void *arg, const char *kind, const struct change *c)
{
	const struct order *o = arg;
	struct arena *arena = arena_new();
	char text[32];

	printf("%4s  %s  %s%s%s", c->id, when(text, c->time), kind,
	    *c->shipment != '\0' ? " of " : "", c->shipment);
	if (c->amount != 0 && arena != NULL)
		printf("  %s", money_text(arena, c->amount, o->currency));
	printf("%s%s%s%s%s%s\n", *c->status != '\0' ? "  " : "", c->status,
	    *c->tracking != '\0' ? "  " : "", c->tracking,
	    *c->reason != '\0' ? "  " : "", c->reason);
	arena_free(arena);
	return 0;
}

/* Finds an order, or says that there is none. */
static int
load(struct db *db, struct arena *arena, const char *id, struct order *o)
{
	int found = order_load(db, arena, id, NULL, o);

	if (found < 0)
		return -1;
	if (found == 0)
		return shop_fail("there is no order '%s': `storefront order "
		                 "list` shows them",
		    id);
	return 0;
}

static int
show_order(struct db *db, struct arena *arena, const char *id)
{
	struct order o;

	if (load(db, arena, id, &o) != 0)
		return -1;
	print_order(arena, &o);
	print_tame(o.email, strlen(o.email));
	putchar('\n');
	for (const struct line *l = o.lines; l != NULL; l = l->next) {
		printf("%4lld: %d x ", (long long)l->id, l->quantity);
		print_tame(l->title, strlen(l->title));
		if (*l->variant != '\0')
			printf(", ");
		print_tame(l->variant, strlen(l->variant));
		printf("  %s\n",
		    money_text(arena, l->price * l->quantity, o.currency));
	}
	return order_changes(db, arena, &o, print_change, &o);
}

/* ----------------------------------------------------------------- changes */

enum { OPTIONS_MAX = 100 };

/* What a verb takes besides the order: options with a value, repeated where
   they may be; ship takes a shipment and a status, tell an event. */
static const struct verb {
	const char *name, *arguments, *options;
	enum change_kind kind;
	const char *reported; /* as which event, for --help */
} verbs[] = {
    {"fulfill",
        "ID [--line N[:UNITS]].. [--tracking NUMBER] [--url URL] "
        "[--company NAME]",
        " --line --tracking --url --company ", CHANGE_SHIPMENT,
        "Fulfilled Order, unique_id ID:s1, ID:s2 .."},
    {"ship", "ID SHIPMENT shipped|out-for-delivery|delivered", "",
        CHANGE_STATUS, "Shipping Update, unique_id ID:SHIPMENT:STATUS"},
    {"cancel", "ID [--line N[:UNITS]].. [--reason TEXT]", " --line --reason ",
        CHANGE_CANCEL, "Canceled Order, unique_id ID; a further one ID:c2 .."},
    {"refund", "ID [--line N[:UNITS]].. [--amount AMOUNT] [--reason TEXT]",
        " --line --amount --reason ", CHANGE_REFUND, "Refunded Order, unique_id ID; a further one ID:r2 .."},
    {"invoice", "ID --missing TEXT..", " --missing ", CHANGE_INVOICE,
        "Created Invoice, unique_id ID:i1, ID:i2 .."},
    {"payment-failed", "ID --reason TEXT [--next-steps TEXT]",
        " --reason --next-steps ", CHANGE_PAYMENT, "Failed Payment, unique_id ID:p1, ID:p2 .."},
    {"tell", "ID EVENT [--reason TEXT]", " --reason ", CHANGE_OWN,
        "an event of the shop's own, unique_id ID:n1, ID:n2 .."},
};
#define VERBS (sizeof(verbs) / sizeof(*verbs))

static void
usage(FILE *out)
{
	fprintf(out, "storefront: order takes\n  order list\n  "
	             "order show ID\n");
	for (size_t i = 0; i < VERBS; i++)
		fprintf(out, "  order %s %s\n      -> %s\n", verbs[i].name,
		    verbs[i].arguments, verbs[i].reported);
	for (const struct own_event *own = tracking_own_events();
	     own->word != NULL; own++)
		fprintf(out, "         %s: %s\n", own->word, own->metric);
}

static int
wrong_call(void)
{
	usage(stderr);
	return 2;
}

/* "2" or "2:1"; without units, all of the line that are left is not known
   here: 0, filled in later. */
static bool
read_part(const char *text, struct change_part *part)
{
	char *end;

	part->line = strtol(text, &end, 10);
	part->quantity = 0;
	if (end == text || part->line < 1)
		return false;
	if (*end == ':') {
		const char *units = end + 1;

		part->quantity = (int)strtol(units, &end, 10);
		if (end == units || part->quantity < 1)
			return false;
	}
	return *end == '\0';
}

static bool
one_option(struct arena *arena, struct change *c, const char *name,
    const char *value, const char *currency)
{
	if (strcmp(name, "--line") == 0)
		return c->nparts < OPTIONS_MAX &&
		       read_part(value, &c->parts[c->nparts++]);
	if (strcmp(name, "--amount") == 0)
		return money_parse(value, currency, &c->amount) == 0 &&
		       c->amount > 0;
	if (!utf8_clean(value) || *value == '\0')
		return false;
	if (strcmp(name, "--reason") == 0)
		c->reason = value;
	else if (strcmp(name, "--next-steps") == 0)
		c->next_steps = value;
	else if (strcmp(name, "--tracking") == 0)
		c->tracking = value;
	else if (strcmp(name, "--url") == 0)
		c->url = value;
	else if (strcmp(name, "--company") == 0)
		c->company = value;
	else
		c->missing = arena_printf(arena, "%s%s%s", c->missing,
		    *c->missing != '\0' ? "\n" : "", value);
	return c->missing != NULL;
}

static bool
read_status(struct change *c, const char *shipment, const char *word)
{
	static const char *const words[] = {
	    "shipped", "out-for-delivery", "delivered"};

	c->shipment = shipment;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(words[i], word) == 0)
			c->status = shipment_statuses[i];
	return *c->status != '\0';
}

/* Everything behind the order's id.  ${words} are ${n}. */
static bool
read_change(struct arena *arena, const struct verb *verb, struct change *c,
    const char *currency, int n, char **words)
{
	char option[40];

	if (verb->kind == CHANGE_STATUS)
		return n == 2 && read_status(c, words[0], words[1]);
	if (verb->kind == CHANGE_OWN) {
		if (n < 1 || tracking_own_metric(words[0]) == NULL)
			return false;
		c->status = *words++;
		n--;
	}
	for (int i = 0; i + 1 < n; i += 2) {
		snprintf(option, sizeof(option), " %s ", words[i]);
		if (strstr(verb->options, option) == NULL ||
		    !one_option(arena, c, words[i], words[i + 1], currency))
			return false;
	}
	return n % 2 == 0 &&
	       (verb->kind != CHANGE_INVOICE || *c->missing != '\0') &&
	       (verb->kind != CHANGE_PAYMENT || *c->reason != '\0');
}

/* A line named without units: all units it was ordered with. */
static void
fill_units(const struct order *o, struct change *c)
{
	for (size_t i = 0; i < c->nparts; i++)
		for (const struct line *l = o->lines; l != NULL; l = l->next)
			if (c->parts[i].quantity == 0 &&
			    l->id == c->parts[i].line)
				c->parts[i].quantity = l->quantity;
}

/* Returns the exit code. */
static int
change_order(const struct settings *settings, struct db *db,
    struct arena *arena, const struct verb *verb, int n, char **words)
{
	struct change_part parts[OPTIONS_MAX];
	struct change c = {.kind = verb->kind,
	    .time = time(NULL),
	    .parts = parts,
	    .reason = "",
	    .next_steps = "",
	    .tracking = "",
	    .url = "",
	    .company = "",
	    .shipment = "",
	    .status = "",
	    .missing = ""};
	struct order o;

	if (load(db, arena, words[0], &o) != 0)
		return 1;
	if (!read_change(arena, verb, &c, o.currency, n - 1, words + 1))
		return wrong_call();
	fill_units(&o, &c);
	if (db_begin(db) != 0)
		return 1;
	if (order_change(db, arena, &o, &c) != 0 ||
	    tracking_change(settings, db, &o, &c, false, c.time) != 0) {
		db_rollback(db);
		return 1;
	}
	if (db_commit(db) != 0)
		return 1;
	printf("%s %s: order %s is %s", verb->name, c.id, o.id, o.status);
	if (c.amount != 0)
		printf(", %s", money_text(arena, c.amount, o.currency));
	printf("\n");
	return 0;
}

int
order_command(const struct settings *settings, int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct verb *verb = NULL;
	bool list = strcmp(name, "list") == 0, show = strcmp(name, "show") == 0;
	struct arena *arena;
	struct db *db;
	int code = 1;

	for (size_t i = 0; i < VERBS; i++)
		if (strcmp(verbs[i].name, name) == 0)
			verb = &verbs[i];
	if (strcmp(name, "--help") == 0) {
		usage(stdout);
		return 0;
	}
	if (list ? argc != 2 : show ? argc != 3 : verb == NULL || argc < 3)
		return wrong_call();
	db = db_open(settings);
	arena = arena_new();
	if (db == NULL)
		code = 1;
	else if (arena == NULL)
		shop_fail("out of memory");
	else if (list)
		code = order_list(db, arena, 1000, print_order, arena) != 0;
	else if (show)
		code = show_order(db, arena, argv[2]) != 0;
	else
		code =
		    change_order(settings, db, arena, verb, argc - 2, argv + 2);
	arena_free(arena);
	db_close(db);
	if (code == 1)
		fprintf(stderr, "storefront: %s\n", shop_error());
	return code;
}
