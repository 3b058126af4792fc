/*
 * key.h - what the commands that talk to Klaviyo share.  None of it is called
 * by the process that serves pages.
 */
#ifndef KEY_H
#define KEY_H

#include "storefront.h"

#include <klaviyo.h>

/*
 * A sender with the private key of the settings, for klaviyo_free(): to deliver
 * what ${db} holds, and tell ${settled} how each row ended; or, with ${db}
 * NULL, only to ask Klaviyo.  A dry run needs no key.  NULL: shop_error() says
 * what to do.
 */
struct klaviyo *klaviyo_open(const struct settings *settings, struct db *db,
    bool dry_run, klaviyo_settled *settled);
/* To ask, and to be told at once if there is no answer. */
struct klaviyo *klaviyo_open_once(const struct settings *settings);

#endif
