/*
 * sure_of_its_lease.c - the wrong storefront that, once it has the lease, takes
 * it for its own for ever, and settles what it has claimed whoever has it now.
 *
 * Replaces: kl_now kl_monotonic_ms kl_lease_hold kl_outbox_settle
 * Replaces: kl_outbox_turn
 */
#include "fast_clock.h"
#include "outbox.h"

#include <string.h>

__typeof__(kl_lease_hold) __real_kl_lease_hold, __wrap_kl_lease_hold;
__typeof__(kl_outbox_settle) __real_kl_outbox_settle, __wrap_kl_outbox_settle;
__typeof__(kl_outbox_turn) __real_kl_outbox_turn, __wrap_kl_outbox_turn;

int
__wrap_kl_lease_hold(const struct klaviyo_store *store, struct kl_lease *lease,
    int64_t now, char *other, size_t size)
{
	static bool mine;

	if (!mine)
		mine =
		    __real_kl_lease_hold(store, lease, now, other, size) == 1;
	return mine;
}

static void
take_back(const struct klaviyo_store *store, const char *token,
    const struct kl_settlement *settlement, size_t n)
{
	for (size_t i = 0; i < n; i++)
		store->sql(store->conn,
		    "UPDATE klaviyo_outbox SET claim = $2 WHERE id = $1", 2,
		    (const char *[]){settlement[i].claim->id, token}, NULL,
		    NULL);
}

int64_t
__wrap_kl_outbox_settle(const struct klaviyo_store *store, const char *token,
    const struct kl_settlement *settlement, size_t n, int64_t now)
{
	take_back(store, token, settlement, n);
	return __real_kl_outbox_settle(store, token, settlement, n, now);
}

int
__wrap_kl_outbox_turn(const struct klaviyo_store *store, const char *token,
    const struct kl_settlement *done, size_t ndone, int lane, int max,
    int64_t now, int64_t lease_end, struct kl_claim **list)
{
	take_back(store, token, done, ndone);
	return __real_kl_outbox_turn(
	    store, token, done, ndone, lane, max, now, lease_end, list);
}
