/*
 * ready.c - how the shop and its delivery are, in figures: ready.h.
 *
 * Promises: reads only, and nothing of anybody: numbers, and the reason of a
 * pause, which is the library's or Klaviyo's words about a key or an address.
 *
 * Does not say who may see it: pages_health.c does.
 */
#include "ready.h"

#include <klaviyo.h>
#include <string.h>

static int64_t
age(int64_t then, int64_t now)
{
	return then != 0 && now > then ? now - then : 0;
}

static int
number_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

/* 0; -1: the database does not answer. */
static int
read_batch(struct readiness *r, struct db *db, int64_t now)
{
	int64_t last = 0;

	if (db_run(db, number_row, &last,
	        "SELECT value FROM meta WHERE name = 'last batch'") < 0)
		return -1;
	if (last != 0)
		r->heartbeat_age = age(last, now);
	return 0;
}

static void
take_status(struct readiness *r, const struct klaviyo_status *s, int64_t now)
{
	r->sending = *s->sender != '\0';
	if (r->sending)
		r->heartbeat_age = age(s->heartbeat, now);
	r->waiting = s->waiting + s->claimed;
	r->dead = s->dead;
	r->oldest_age = age(s->oldest_realtime, now);
	if (s->paused_until > now) {
		r->pause_left = s->paused_until - now;
		snprintf(r->reason, sizeof(r->reason), "%s", s->reason);
	}
	for (char *c = r->reason; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

void
readiness_read(struct readiness *r, struct db *db,
    const struct settings *settings, int64_t now)
{
	struct klaviyo_status status;

	*r = (struct readiness){
	    .heartbeat_age = -1, .disk_free = -1, .disk_percent = -1};
	r->batch = strcmp(settings->delivery, "batch") == 0;
	if (db_space(db, &r->disk_free, &r->disk_percent) < 0)
		shop_log_at(LOG_ERR, "the disk's room: %s", shop_error());
	if (klaviyo_outbox_status(db_store(db), now, &status) != 0) {
		shop_log_at(LOG_ERR, "readiness: %s", klaviyo_error());
		return;
	}
	take_status(r, &status, now);
	if (r->batch && read_batch(r, db, now) != 0) {
		shop_log_at(LOG_ERR, "readiness: %s", shop_error());
		return;
	}
	r->database = true;
}

int
readiness_wrong(const struct readiness *r)
{
	int wrong = 0;

	if (r->disk_percent >= 0 && r->disk_percent < READY_DISK)
		wrong |= READY_FULL;
	if (!r->database)
		return wrong | READY_NO_DATABASE;
	if (r->batch ? r->heartbeat_age < 0 || r->heartbeat_age > READY_OLDEST
	             : !r->sending)
		wrong |= READY_NO_WORKER;
	if (r->oldest_age > READY_OLDEST)
		wrong |= READY_LATE;
	if (r->pause_left > 0)
		wrong |= READY_PAUSED;
	return wrong;
}
