/*
 * commands_order.c - `storefront order`: the shop's orders, and what happens to
 * them: sent, on its way, canceled, refunded, incomplete, not paid.
 *
 * Promises: each change is one transaction with the event that reports it; what
 * may not be is refused with the reason, and nothing is changed.
 */
#include "commands_words.h"

#include <stdlib.h>
#include <string.h>

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

#define LIST_MAX 1000

struct newest {
	struct arena *arena;
	int n;
};

static int
list_order(void *arg, const struct order *o)
{
	struct newest *newest = arg;

	return newest->n++ < LIST_MAX ? print_order(newest->arena, o) : 0;
}

/* One more is asked for, so as to know whether there are more. */
static int
list_orders(struct db *db, struct arena *arena)
{
	struct newest newest = {arena, 0};

	if (order_list(db, arena, LIST_MAX + 1, list_order, &newest) != 0)
		return -1;
	if (newest.n > LIST_MAX)
		fprintf(stderr,
		    "storefront: these are the newest %d; `storefront order "
		    "show ID` has older ones, too\n",
		    LIST_MAX);
	return 0;
}

/* Behind what stands there, if there is any; of several lines, each. */
static void
print_text(const char *text)
{
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");

		printf("  ");
		print_tame(text, length);
		text += length + (text[length] == '\n');
	}
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
	print_text(c->status);
	print_text(c->tracking);
	print_text(c->company);
	print_text(c->url);
	print_text(c->reason);
	print_text(c->next_steps);
	print_text(c->missing);
	putchar('\n');
	arena_free(arena);
	return 0;
}

/* Finds an order, or says that there is none. */
static int
load(struct db *db, struct arena *arena, const char *id, struct order *o)
{
	bool text = utf8_clean(id);
	int found = text ? order_load(db, arena, id, NULL, o) : 0;

	if (found == 0)
		shop_fail("there is no order '%s': `storefront order list` "
		          "shows them",
		    text ? id : "?");
	return found == 1 ? 0 : -1;
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

/* What a verb takes besides the order: options with a value, repeated where
   they may be; ship takes a shipment and a status, tell an event. */
static const struct verb verbs[] = {
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
        " --line --amount --reason ", CHANGE_REFUND,
        "Refunded Order, unique_id ID; a further one ID:r2 .."},
    {"invoice", "ID --missing TEXT..", " --missing ", CHANGE_INVOICE,
        "Created Invoice, unique_id ID:i1, ID:i2 .."},
    {"payment-failed", "ID --reason TEXT [--next-steps TEXT]",
        " --reason --next-steps ", CHANGE_PAYMENT,
        "Failed Payment, unique_id ID:p1, ID:p2 .."},
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

/* The call was not understood: one line, and the exit code. */
static int
wrong_call(const char *name, const struct verb *verb)
{
	fprintf(stderr, "storefront: ");
	if (verb != NULL) {
		fprintf(stderr, "order %s: it takes %s", name, verb->arguments);
	} else if (strcmp(name, "list") == 0) {
		fprintf(stderr, "order list: it takes nothing else");
	} else if (strcmp(name, "show") == 0) {
		fprintf(stderr, "order show: it takes ID");
	} else {
		fprintf(stderr, "order takes list, show");
		for (size_t i = 0; i < VERBS; i++)
			fprintf(stderr, ", %s", verbs[i].name);
		fprintf(stderr, "; `storefront order --help` has the rest");
	}
	fprintf(stderr, "\n");
	return 2;
}

/* Returns the exit code. */
static int
change_order(const struct settings *settings, struct db *db,
    struct arena *arena, const struct verb *verb, int n, char **words)
{
	struct change c = {.kind = verb->kind,
	    .time = utc_now(),
	    .reason = "",
	    .next_steps = "",
	    .tracking = "",
	    .url = "",
	    .company = "",
	    .shipment = "",
	    .status = "",
	    .missing = ""};
	struct order o;
	int committed;

	if (load(db, arena, words[0], &o) != 0)
		return 1;
	if (words_read(verb, arena, o.currency, n - 1, words + 1, &c) != 0)
		return 2;
	if (db_begin(db) != 0)
		return 1;
	if (order_change(db, arena, &o, &c) != 0) {
		db_rollback(db);
		return 1;
	}
	if (tracking_change(settings, db, &o, &c, false, c.time) != 0) {
		db_rollback(db);
		shop_fail("order %s stays as it was, for its event cannot be "
		          "queued: %s",
		    o.id, strdupa(shop_error()));
		return 1;
	}
	committed = db_commit(db);
	if (committed == DB_UNKNOWN)
		shop_fail("%s; nobody knows whether it is done: look with "
		          "`storefront order show %s` before you do it again",
		    strdupa(shop_error()), o.id);
	if (committed != 0)
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
	if (argc > 1 && strcmp(argv[argc - 1], "--help") == 0) {
		usage(stdout);
		return 0;
	}
	if (list ? argc != 2 : show ? argc != 3 : verb == NULL || argc < 3)
		return wrong_call(name, verb);
	db = db_open(settings);
	arena = arena_new();
	if (db == NULL)
		code = 1;
	else if (arena == NULL)
		shop_fail("out of memory");
	else if (list)
		code = list_orders(db, arena) != 0;
	else if (show)
		code = show_order(db, arena, argv[2]) != 0;
	else
		code =
		    change_order(settings, db, arena, verb, argc - 2, argv + 2);
	arena_free(arena);
	db_close(db);
	if (code != 0)
		fprintf(stderr, "storefront: %s\n", shop_error());
	return code;
}
