/*
 * sent_before_sending.c - the wrong storefront that marks, then sends.
 *
 * Replaces: kl_outbox_turn
 *
 * What is claimed is settled as sent by the time it is sent: whoever dies
 * between the two, or gets no answer, has lost it.
 */
#include "outbox.h"

#include <stdlib.h>

__typeof__(kl_outbox_turn) __real_kl_outbox_turn, __wrap_kl_outbox_turn;

int
__wrap_kl_outbox_turn(const struct klaviyo_store *store, const char *token,
    const struct kl_settlement *done, size_t ndone, int lane, int max,
    int64_t now, int64_t lease_end, struct kl_claim **list)
{
	struct kl_settlement *marks;
	struct kl_claim *claim;
	size_t n = 0;
	int rc = __real_kl_outbox_turn(
	    store, token, done, ndone, lane, max, now, lease_end, list);

	if (rc != 0 || !*list)
		return rc;
	if (!(marks = calloc((size_t)max, sizeof(*marks))))
		abort();
	for (claim = *list; claim; claim = claim->next)
		marks[n++] =
		    (struct kl_settlement){.claim = claim, .outcome = KL_SENT};
	if (kl_outbox_settle(store, token, marks, n, now) < 0)
		abort();
	free(marks);
	return 0;
}
