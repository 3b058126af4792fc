/*
 * queued_after_the_order.c - the wrong storefront that commits the order first
 * and queues its events in a transaction of their own.
 *
 * Replaces: tracking_order_queue db_together
 *
 * As with any queue that is not in the order's own database: whoever dies
 * between the two has an order that nobody is told of.
 */
#include "storefront.h"

#include <pthread.h>
#include <unistd.h>

__typeof__(tracking_order_queue) __real_tracking_order_queue,
    __wrap_tracking_order_queue;
__typeof__(db_together) __real_db_together, __wrap_db_together;

/* What is to be queued later: of each connection, whoever's thread places its
   order. */
enum { CONNECTIONS = 64 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct later {
	struct db *db;
	const struct order *order;
	const struct order_events *events;
} later[CONNECTIONS];

static struct later *
of(struct db *db)
{
	int i = 0;

	pthread_mutex_lock(&lock);
	while (later[i].db != db && later[i].db != NULL)
		if (++i == CONNECTIONS)
			_exit(98);
	later[i].db = db;
	pthread_mutex_unlock(&lock);
	return &later[i];
}

int
__wrap_tracking_order_queue(
    struct db *db, const struct order *order, const struct order_events *events)
{
	struct later *l = of(db);

	l->order = order;
	l->events = events;
	return 0;
}

int
__wrap_db_together(struct db *db, db_work *work, void *arg)
{
	struct later *l = of(db);
	const struct order *order;
	int result;

	l->order = NULL;
	result = __real_db_together(db, work, arg);
	order = l->order;
	if (result != 0 || order == NULL)
		return result;
	usleep(3000); /* the way to the queue */
	if (db_begin(db) != 0 ||
	    __real_tracking_order_queue(db, order, l->events) != 0)
		return -1;
	return db_commit(db);
}
