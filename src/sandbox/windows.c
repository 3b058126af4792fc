/*
 * windows.c - Klaviyo's rate limits: fixed windows of a second and a minute.
 *
 * Every endpoint has its own pair, shared by all callers, as an account's
 * private keys share them. The clock is monotonic and may run faster
 * (--clock-rate), so that a minute's window can be lived through in a second.
 * What is told in answers is real seconds: what a caller has to wait.
 */
#include "sandbox.h"

#include <string.h>

static const struct {
	const char *name;
	int burst, steady;
} tiers[TIERS] = {
    [TIER_NONE] = {"none", 0, 0},
    [TIER_XS] = {"XS", 1, 15},
    [TIER_M] = {"M", 10, 150},
    [TIER_L] = {"L", 75, 750},
    [TIER_XL] = {"XL", 350, 3500},
    [TIER_FORM] = {"form", 350, 750},
};

struct window {
	int64_t number; /* which window since the start */
	int used;
};
static struct window windows[WINDOWS][2]; /* burst, steady */
static const int64_t span[2] = {1000, 60000};
static double clock_rate = 1;
static int on = 1;

void
windows_init(int limit, double rate)
{
	on = limit;
	clock_rate = rate;
}

void
windows_clear(void)
{
	memset(windows, 0, sizeof windows);
}

/* Real seconds, rounded up, until window i's end. */
static int
ends_in(int i, int64_t now)
{
	double left = (double)(span[i] - now % span[i]) / clock_rate / 1000;
	int s = (int)left;

	return s < left ? s + 1 : s < 1 ? 1 : s;
}

static int64_t
turn(int endpoint)
{
	int64_t now = (int64_t)((double)monotonic_ms() * clock_rate);

	for (int i = 0; i < 2; i++) {
		struct window *w = &windows[endpoint][i];

		if (w->number != now / span[i])
			*w = (struct window){now / span[i], 0};
	}
	return now;
}

struct rate
windows_take(int endpoint, enum tier tier)
{
	const int limit[2] = {tiers[tier].burst, tiers[tier].steady};
	struct window *w = windows[endpoint];
	struct rate r = {0};
	int64_t now;

	if (tier == TIER_NONE)
		return r;
	now = turn(endpoint);
	for (int i = 1; i >= 0; i--)
		if (on && w[i].used >= limit[i] && !r.limited) {
			r.limited = 1;
			r.retry_after = ends_in(i, now);
		}
	if (!r.limited) {
		w[0].used++;
		w[1].used++;
	}
	r.limit = limit[1];
	r.remaining = w[1].used < limit[1] ? limit[1] - w[1].used : 0;
	r.reset = ends_in(1, now);
	return r;
}

void
windows_json(struct buf *b, int endpoint, enum tier tier)
{
	int64_t now = turn(endpoint);
	struct window *w = windows[endpoint];

	buf_printf(b,
	    "\"tier\":\"%s\",\"limited\":%s,\"burst\":{\"limit\":%d,"
	    "\"used\":%d},\"steady\":{\"limit\":%d,\"used\":%d,\"reset\":%d}",
	    tiers[tier].name, on ? "true" : "false", tiers[tier].burst,
	    w[0].used, tiers[tier].steady, w[1].used, ends_in(1, now));
}
