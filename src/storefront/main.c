/*
 * main.c - the storefront program: its commands.
 *
 * Exit codes: 0 done, 1 it failed, 2 the call was wrong.  Errors are one line
 * on stderr and say what to do.
 */
#include "storefront.h"

#include <stdlib.h>
#include <string.h>

static int
serve_command(const struct settings *settings, int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		fprintf(stderr, "storefront: serve takes no arguments\n");
		return 2;
	}
	return serve(settings);
}

static const struct command commands[] = {
    {"init", "[--catalog FILE.csv]",
        "make the shop, with Shopify's product CSV or the demo catalogue",
        init_command},
    {"serve", "", "answer FastCGI requests, or one CGI request",
        serve_command},
    {"worker", "[--once] [--dry-run]",
        "deliver queued events to Klaviyo, until stopped or once",
        worker_command},
    {"outbox",
        "status | list | show | retry | drop | erase | prune",
        "what waits, was sent, was refused", outbox_command},
    {"status", "",
        "a page for the operator, and figures for Prometheus, on a listener of "
        "their own",
        status_command},
    {"order",
        "list | show | fulfill | ship | cancel | refund | invoice | "
        "payment-failed | tell",
        "the shop's orders, and what happens to them", order_command},
    {"leads", "", "what was written on the contact form, newest first",
        leads_command},
    {"history",
        "sync [--since DAY] [--until DAY] [--dry-run] | import FILE.csv "
        "[--dry-run]",
        "queue the events of past orders; load Shopify's order export first",
        history_command},
    {"catalog", "push [--dry-run] [--all] | clear [--dry-run]",
        "tell Klaviyo what has changed in the catalogue; take all of it back",
        catalog_command},
    {"feed", "json|xml [-o FILE]", "the catalogue for Klaviyo to fetch",
        feed_command},
    {"preview", "order|cart|product ID [--raw]",
        "show what would be sent to Klaviyo, and send nothing",
        preview_command},
    {"reconcile", "[--since DAY] [--until DAY] [--requeue] [--json]",
        "list the orders' events that Klaviyo does not hold; queue them again",
        reconcile_command},
    {"migrate", "FROM TO | --cancel FROM",
        "move the shop from SQLite to PostgreSQL", migrate_command},
    {"backup", "FILE [--force]", "copy the whole shop, while it runs",
        backup_command},
    {"doctor", "[--offline]",
        "check the settings, the keys, the files, the clock, the queue",
        doctor_command},
};
#define COMMANDS (sizeof(commands) / sizeof(*commands))

/* Klaviyo keeps the first event of each profile, metric and unique_id: what is
   told twice must have one id, and what happens twice must have two. */
static const char identities[] =
    "\nunique_id of each event:\n"
    "  Placed Order      ORDER\n"
    "  Ordered Product   ORDER:LINE\n"
    "  Fulfilled Order   ORDER:SHIPMENT (s1, s2 ..)\n"
    "  Shipping Update   ORDER:SHIPMENT:STATUS\n"
    "  Canceled Order    ORDER; a further one ORDER:c2, c3 ..\n"
    "  Refunded Order    ORDER; a further one ORDER:r2, r3 ..\n"
    "  Created Invoice   ORDER:INVOICE (i1, i2 ..)\n"
    "  Failed Payment    ORDER:ATTEMPT (p1, p2 ..)\n"
    "  Created Account   ACCOUNT\n"
    "  Updated Account   ACCOUNT:CHANGE\n"
    "  Reset Password    REQUEST\n"
    "  Became Lead       MESSAGE\n"
    "  New Lead          MESSAGE\n"
    "  Added to Cart     CART:REVISION\n"
    "  Started Checkout  CART_TIME, of its last change\n"
    "  Viewed Product    none from the browser, random from the server\n";

static void
usage(FILE *out)
{
	fprintf(out, "usage: storefront COMMAND\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  storefront %s %s\n      %s\n",
		    commands[i].name, commands[i].arguments,
		    commands[i].what);
	fputs(identities, out);
	fprintf(out,
	    "\nSettings are environment variables; `storefront doctor` shows "
	    "them.\nExit status: 0 done, 1 it failed, 2 the call was wrong.\n");
}

static int
run(const struct command *command, int argc, char **argv)
{
	struct settings settings;

	/* doctor is there to say what is wrong with them. */
	if (settings_load(&settings) != 0 &&
	    command->run != doctor_command) {
		shop_complain("%s (`storefront doctor` shows all settings)",
		    shop_error());
		return 2;
	}
	if (settings.log_level != NULL) /* doctor's may be wrong */
		log_begin(log_level(settings.log_level));
	confine_memory(&settings);
	return command->run(&settings, argc, argv);
}

int
main(int argc, char **argv)
{
	/* Arguments from a web server are a visitor's words. */
	if (serve_called())
		return run(&(struct command){.run = serve_command}, 1, argv);
	if (argc >= 2) {
		if (strcmp(argv[1], "--help") == 0 ||
		    strcmp(argv[1], "help") == 0) {
			usage(stdout);
			return 0;
		}
		if (strcmp(argv[1], "--version") == 0) {
			printf("storefront " VERSION "\n");
			return 0;
		}
		for (size_t i = 0; i < COMMANDS; i++)
			if (strcmp(argv[1], commands[i].name) == 0)
				return run(&commands[i], argc - 1, argv + 1);
		fprintf(stderr, "storefront: there is no command '%s'\n",
		    argv[1]);
	}
	usage(stderr);
	return 2;
}
