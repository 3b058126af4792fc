/*
 * soon_a_backlog.c - the right storefront, to which a handful of events is a
 * backlog already, so that it sends them in bulk.
 *
 * Replaces: kl_outbox_due
 */
#include "outbox.h"

enum { BACKLOG = 500, HANDFUL = 5 }; /* the former as in route.c */

__typeof__(kl_outbox_due) __real_kl_outbox_due, __wrap_kl_outbox_due;

int64_t
__wrap_kl_outbox_due(
    const struct klaviyo_store *store, int lane, int max, int64_t now)
{
	int64_t due = __real_kl_outbox_due(store, lane, max, now);

	return max == BACKLOG + 1 && due >= HANDFUL ? max : due;
}
