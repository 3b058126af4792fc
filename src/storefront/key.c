/*
 * key.c - the private key: read here, and nowhere else.
 *
 * Promises: only commands that talk to Klaviyo come here (worker, and those
 * that ask), never the process that serves pages.  The key is in no variable of
 * the environment, no argument, log or error, and is wiped after use.
 */
#include "key.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#define KEY_SIZE 256

/* Reads the key's file; the blanks and lines around it are no part of the key.
   What is in it is not repeated: it may be a key that was cut. */
static int
read_key(const struct settings *settings, char key[KEY_SIZE])
{
	static const char blank[] = " \t\r\n";
	const char *path = settings->private_key_file;
	size_t n = 0, from;
	FILE *file;

	if (*path == '\0')
		return shop_fail("KLAVIYO_PRIVATE_KEY_FILE is not set: name "
		                 "the file that holds the private API key");
	file = fopen(path, "re");
	if (file == NULL)
		return shop_fail(
		    "%s: %s (KLAVIYO_PRIVATE_KEY_FILE)", path, strerror(errno));
	n = fread(key, 1, KEY_SIZE - 1, file);
	fclose(file);
	key[n] = '\0';
	from = strspn(key, blank);
	memmove(key, key + from, n - from + 1);
	n = strcspn(key, blank);
	if (strncmp(key, "pk_", 3) != 0 || from + n == KEY_SIZE - 1) {
		sodium_memzero(key, KEY_SIZE);
		return shop_fail("%s: %s: put the private API key into it, "
		                 "pk_.., of Klaviyo's Settings > API keys "
		                 "(KLAVIYO_PRIVATE_KEY_FILE)",
		    path, n == 0 ? "nothing in it" : "no private key in it");
	}
	key[n] = '\0';
	return 0;
}

/* Reset links are made when they are sent, with the shop's secret.  Without it
 * those mails wait for a sender that has it; all else goes. */
static void
give_links(const struct settings *settings, struct db *db,
    struct klaviyo_options *options)
{
	static struct shop shop; /* of the one sender of this process */

	shop = (struct shop){.settings = settings, .db = db};
	if (secret_load(settings, shop.secret) != 0) {
		shop_log_at(
		    LOG_WARNING, "password resets wait: %s", shop_error());
		return;
	}
	options->reset_link = reset_link;
	options->link_arg = &shop;
}

static struct klaviyo *
open_with(const struct settings *settings, struct db *db, bool dry_run,
    bool ask_once, klaviyo_settled *settled)
{
	struct klaviyo_options options = {
	    .api_url = settings->api_url,
	    .revision = settings->revision,
	    .ca_file = *settings->ca_file != '\0' ? settings->ca_file : NULL,
	    .user_agent = "storefront/" VERSION,
	    .dry_run = dry_run,
	    .ask_once = ask_once,
	    .settled = settled,
	};
	struct klaviyo *klaviyo;
	char key[KEY_SIZE] = "";
	int rates[4];

	if (options.ca_file != NULL && access(options.ca_file, R_OK) != 0) {
		shop_fail("%s: %s (KLAVIYO_CA_FILE)", options.ca_file,
		    strerror(errno));
		return NULL;
	}
	if (*settings->rates != '\0' &&
	    rates_read(settings->rates, rates) == 0) {
		options.events = (struct klaviyo_rate){rates[0], rates[1]};
		options.jobs = (struct klaviyo_rate){rates[2], rates[3]};
	}
	if (db != NULL && !dry_run)
		give_links(settings, db, &options);
	if (dry_run)
		options.private_key = "pk_dry_run";
	else if (read_key(settings, key) != 0)
		return NULL;
	else
		options.private_key = key;
	klaviyo = klaviyo_new(&options);
	sodium_memzero(key, sizeof(key));
	if (klaviyo == NULL)
		shop_fail("%s", klaviyo_error());
	return klaviyo;
}

struct klaviyo *
klaviyo_open(const struct settings *settings, struct db *db, bool dry_run,
    klaviyo_settled *settled)
{
	return open_with(settings, db, dry_run, false, settled);
}

struct klaviyo *
klaviyo_open_once(const struct settings *settings)
{
	return open_with(settings, NULL, false, true, NULL);
}
