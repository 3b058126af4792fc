/*
 * settle.c - how claims end: sent, dead, due again, given back; outbox.c has
 * the table of states.
 *
 * Promises: a settlement matches only under the token that claimed, so the late
 * answer of a sender that was paused past its lease changes nothing.  A sent
 * row keeps its id and no personal data.  Many rows that end alike cost few
 * statements.  What waited for a row that ends is due with it.
 */
#include "outbox.h"
#include "sql.h"

#include <stdlib.h>
#include <string.h>

static int64_t
settle(const struct klaviyo_store *store, const char *token,
    const struct kl_settlement *s, int64_t now)
{
	struct num t;
	const char *id = s->claim->id;

	switch (s->outcome) {
	case KL_SENT:
		return run(store,
		    "UPDATE klaviyo_outbox SET profile = '', event = '',"
		    " sent_at = CAST($3 AS BIGINT), due_at = NULL,"
		    " claim = NULL, error = NULL, about = NULL,"
		    " held_by = NULL"
		    " WHERE id = $1 AND claim = $2",
		    3, (const char *[]){id, token, num(&t, now)});
	case KL_DEAD:
		return run(store,
		    "UPDATE klaviyo_outbox SET due_at = NULL, claim = NULL,"
		    " error = $3 WHERE id = $1 AND claim = $2",
		    3, (const char *[]){id, token, s->error});
	case KL_DROP:
		return run(store,
		    "UPDATE klaviyo_outbox SET profile = '', event = '',"
		    " due_at = NULL, claim = NULL, about = NULL, held_by = NULL"
		    " WHERE id = $1 AND claim = $2",
		    2, (const char *[]){id, token});
	case KL_RETRY:
		return run(store,
		    "UPDATE klaviyo_outbox SET due_at = CAST($3 AS BIGINT),"
		    " claim = NULL, error = $4,"
		    " profile = COALESCE($5, profile)"
		    " WHERE id = $1 AND claim = $2",
		    5,
		    (const char *[]){
		        id, token, num(&t, s->due_at), s->error, s->profile});
	case KL_RELEASE:
		return run(store,
		    "UPDATE klaviyo_outbox SET due_at = CAST($3 AS BIGINT),"
		    " claim = NULL, attempts = attempts - 1,"
		    " error = COALESCE($4, error)"
		    " WHERE id = $1 AND claim = $2",
		    4,
		    (const char *[]){id, token, num(&t, s->due_at), s->error});
	}
	return kl_fail("outbox: unknown outcome %d", (int)s->outcome);
}

/* Many that end alike cost one statement for each KL_MANY of them: a round trip
   to the server each. */
enum { FEW = 4 };
static const char *const many[] = {
    [KL_SENT] = KL_UPDATE_MANY " profile = '', event = '',"
                " sent_at = CAST($1 AS BIGINT), error = $2, due_at = NULL,"
                " claim = NULL, about = NULL, held_by = NULL"
                " WHERE claim = $3 AND id IN " KL_IDS,
    [KL_RETRY] = KL_UPDATE_MANY " due_at = CAST($1 AS BIGINT),"
                 " error = $2, claim = NULL"
                 " WHERE claim = $3 AND id IN " KL_IDS,
    [KL_RELEASE] = KL_UPDATE_MANY " due_at = CAST($1 AS BIGINT),"
                   " error = COALESCE($2, error),"
                   " claim = NULL, attempts = attempts - 1"
                   " WHERE claim = $3 AND id IN " KL_IDS,
};

static bool
same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* How many of the next end alike, KL_MANY at most. */
static size_t
alike(const struct kl_settlement *s, size_t n)
{
	size_t same_as = 1;

	if (s->outcome == KL_DEAD || s->outcome == KL_DROP || s->profile)
		return 1;
	while (same_as < n && same_as < KL_MANY &&
	       s[same_as].outcome == s->outcome && !s[same_as].profile &&
	       (s->outcome == KL_SENT || s[same_as].due_at == s->due_at) &&
	       same(s[same_as].error, s->error))
		same_as++;
	return same_as;
}

/* ${n} of them; an id that is NULL is no row's. */
static int64_t
settle_many(const struct klaviyo_store *store, const char *token,
    const struct kl_settlement *s, size_t n, int64_t now)
{
	struct num t;
	bool sent = s->outcome == KL_SENT;
	const char *arg[KL_BEFORE_IDS + KL_MANY] = {
	    num(&t, sent ? now : s->due_at), sent ? NULL : s->error, token};

	for (size_t i = 0; i < n; i++)
		arg[KL_BEFORE_IDS + i] = s[i].claim->id;
	return run(store, many[s->outcome], KL_BEFORE_IDS + KL_MANY, arg);
}

/* What waited for any of these waits no more; a row that is not settled has
   not ended, and holds on. */
static int64_t
release(const struct klaviyo_store *store, const struct kl_settlement *s,
    size_t n, int64_t now)
{
	int64_t rows = 0;

	for (size_t i = 0; rows >= 0 && i < n; i++)
		if ((s[i].outcome == KL_SENT || s[i].outcome == KL_DEAD) &&
		    same(s[i].claim->kind, KL_KIND_EMAIL))
			rows = kl_hold_release(store, s[i].claim->id, now);
	return rows;
}

int64_t
kl_outbox_settle_within(const struct klaviyo_store *store, const char *token,
    const struct kl_settlement *settlement, size_t n, int64_t now)
{
	struct num t;
	int64_t rows = 0, one = 0;
	size_t next = 0;
	int sent = 0;

	for (size_t i = 0; one >= 0 && i < n; i += next) {
		const struct kl_settlement *s = &settlement[i];

		if ((next = alike(s, n - i)) > FEW)
			one = settle_many(store, token, s, next, now);
		else
			one = settle(store, token, s, now), next = 1;
		sent |= one > 0 && s->outcome == KL_SENT;
		rows += one;
	}
	if (one >= 0 && sent)
		one = run(store,
		    "UPDATE klaviyo_sender SET last_sent = CAST($1 AS BIGINT)",
		    1, (const char *[]){num(&t, now)});
	if (one >= 0)
		one = release(store, settlement, n, now);
	return one < 0 ? -1 : rows;
}

int64_t
kl_outbox_settle(const struct klaviyo_store *store, const char *token,
    const struct kl_settlement *settlement, size_t n, int64_t now)
{
	int64_t rows;

	if (!n)
		return 0;
	if (begin(store))
		return -1;
	rows = kl_outbox_settle_within(store, token, settlement, n, now);
	return end(store, rows < 0) ? -1 : rows;
}
