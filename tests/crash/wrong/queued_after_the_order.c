/*
 * queued_after_the_order.c - the wrong storefront that commits the order first
 * and queues its events in a transaction of their own.
 *
 * Replaces: tracking_order db_commit
 *
 * As with any queue that is not in the order's own database: whoever dies
 * between the two has an order that nobody is told of.
 */
#include "storefront.h"

#include <unistd.h>

__typeof__(tracking_order) __real_tracking_order, __wrap_tracking_order;
__typeof__(db_commit) __real_db_commit, __wrap_db_commit;

static _Thread_local struct {
	const struct settings *settings;
	const struct order *order;
	bool history;
	int64_t now;
} later;

int
__wrap_tracking_order(const struct settings *settings, struct db *db,
    const struct order *order, bool history, int64_t now)
{
	(void)db;
	later.settings = settings;
	later.order = order;
	later.history = history;
	later.now = now;
	return 0;
}

int
__wrap_db_commit(struct db *db)
{
	const struct order *order = later.order;
	int result = __real_db_commit(db);

	later.order = NULL;
	if (result != 0 || order == NULL)
		return result;
	usleep(3000); /* the way to the queue */
	if (db_begin(db) != 0 || __real_tracking_order(later.settings, db,
	                             order, later.history, later.now) != 0)
		return -1;
	return __real_db_commit(db);
}
