/*
 * in_bulk.h - lets any event be a backlog, so that a pass sends it in bulk.
 *
 * Replaces kl_outbox_due() where the program is linked so.
 */
#ifndef IN_BULK_H
#define IN_BULK_H

#include "outbox.h"

static bool in_bulk;

__typeof__(kl_outbox_due) __real_kl_outbox_due, __wrap_kl_outbox_due;

/* The look at how many wait is for 501, the first that makes a backlog. */
int64_t
__wrap_kl_outbox_due(
    const struct klaviyo_store *store, int lane, int max, int64_t now)
{
	int64_t due = __real_kl_outbox_due(store, lane, max, now);

	return in_bulk && max == 501 && due > 0 ? max : due;
}

#endif
