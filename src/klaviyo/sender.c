/*
 * sender.c - who is sending, and what a sender must remember beyond its
 * process.
 *
 * klaviyo_lease, one row: the active sender.  Of all workers, on however many
 * hosts, the one whose token stands here sends; the others stand by.
 *
 *   the row                                        a sender that looks
 *   mine                                           renews it
 *   nobody's, or over                              takes it
 *   of a process on this host that is gone         takes it
 *   somebody else's                                stands by
 *
 * klaviyo_sender, one row: a pause and its reason, the run of refusals, the
 * last delivery.  Any sender goes on where the former one stopped.
 *
 * Promises: the lease changes hands by one UPDATE that asks again, in its own
 * WHERE, whether the row still is what was read, so that of two that take it
 * one gets it.  Whoever takes it frees what the former sender had claimed, in
 * the same transaction: those events need not wait for the end of their own
 * leases, and the former sender, should it wake, finds no row under its token:
 * it settles nothing.
 *
 * Rests on: the hosts' clocks differing by less than four minutes (NTP). Within
 * that, one whose clock is ahead by more than a lease takes over from one that
 * lives, once, and keeps it.  Beyond, they take it from each other in turn, and
 * that costs events sent twice, which Klaviyo drops, never an event lost.
 * That a process is gone is believed only of this boot of this host and this
 * pid namespace, and of a pid whose start time is another's or that is unused;
 * of a child that was forked, it is not its parent's.
 *
 * Does not send, and decides nothing about events.
 */
#include "outbox.h"
#include "sql.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------- the process */

/* The first line of a small file; "" when there is none. */
static void
read_line(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(text, 1, size - 1, file) : 0;

	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (file)
		fclose(file);
}

/* When a process began, in ticks since boot; 0 if that cannot be told.  ${who}
   is its pid or "self". */
static long long
start_time(const char *who, long pid)
{
	char path[64], line[512], *at;
	long long start = 0;

	snprintf(path, sizeof(path), "/proc/%s/stat", who);
	read_line(path, line, sizeof(line));
	/* A /proc of another pid namespace has others under these numbers.
	   The second field, the name, may hold anything: begin behind it. */
	if (strtol(line, NULL, 10) != pid || !(at = strrchr(line, ')')))
		return 0;
	for (int field = 2; field < 22 && at; field++)
		at = strchr(at + 1, ' ');
	if (at)
		start = strtoll(at, NULL, 10);
	return start;
}

/* This boot of this host, and the namespace that its pids are of. */
static int
host_text(char *text, size_t size)
{
	char boot[64], space[64];
	ssize_t n = readlink("/proc/self/ns/pid", space, sizeof(space) - 1);

	read_line("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	if (n <= 0 || !*boot)
		return -1;
	space[n] = '\0';
	snprintf(text, size, "%s %s", boot, space);
	return 0;
}

/* "BOOT NAMESPACE PID START": "" where there is no /proc, or not ours, and then
   nobody can see whether this process is gone. */
static void
process_text(char *text, size_t size)
{
	long long start = start_time("self", getpid());
	char host[144];

	text[0] = '\0';
	if (start && host_text(host, sizeof(host)) == 0)
		snprintf(
		    text, size, "%s %ld %lld", host, (long)getpid(), start);
}

static bool
process_gone(const char *process)
{
	char host[144], who[24];
	long long start, now;
	char *end;
	size_t n;
	long pid;

	/* Nor can a process that does not find itself see others. */
	if (!start_time("self", getpid()) || host_text(host, sizeof(host)) != 0)
		return false;
	n = strlen(host);
	if (strncmp(process, host, n) != 0 || process[n] != ' ')
		return false;
	pid = strtol(process + n, &end, 10);
	start = *end == ' ' ? strtoll(end, &end, 10) : 0;
	/* A pid that is none would be cut to another by the cast. */
	if (pid <= 0 || pid > INT_MAX || start <= 0 || *end != '\0')
		return false;
	if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
		return true;
	snprintf(who, sizeof(who), "%ld", pid);
	now = start_time(who, pid);
	return now != 0 && now != start; /* 0: not to be seen, but there */
}

/* --------------------------------------------------------------- the lease */

/* Who this process is. */
static void
identify(struct kl_lease *lease)
{
	unsigned char random[16];

	lease->pid = getpid();
	lease->held = false;
	process_text(lease->process, sizeof(lease->process));
	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(
	    lease->token, sizeof(lease->token), random, sizeof(random));
	snprintf(lease->name + lease->name_length,
	    sizeof(lease->name) - (size_t)lease->name_length, " pid %ld",
	    lease->pid);
}

int
kl_lease_init(struct kl_lease *lease, const char *name, int seconds)
{
	char host[64] = "";

	memset(lease, 0, sizeof(*lease));
	lease->seconds = seconds;
	if (gethostname(host, sizeof(host) - 1) != 0 || !*host ||
	    !kl_utf8_ok(host))
		snprintf(host, sizeof(host), "unknown host");
	if (name && (!kl_utf8_ok(name) || strlen(name) >= 64))
		return kl_fail("name: not a text of less than 64 bytes");
	lease->name_length = snprintf(lease->name, sizeof(lease->name), "%s",
	    name && *name ? name : host);
	identify(lease);
	return 0;
}

struct row {
	char token[40], name[160], process[256];
	int64_t until;
};

static int
lease_row(void *rowarg, int n, const char *const col[])
{
	struct row *row = rowarg;

	(void)n;
	snprintf(row->token, sizeof(row->token), "%s", col[0]);
	snprintf(row->name, sizeof(row->name), "%s", col[1]);
	snprintf(row->process, sizeof(row->process), "%s", col[2]);
	row->until = to_int(col[3]);
	return 0;
}

static int
lease_read(const struct klaviyo_store *store, struct row *row)
{
	int64_t rows;

	memset(row, 0, sizeof(*row));
	rows = store->sql(store->conn,
	    "SELECT token, name, process, until_at FROM klaviyo_lease", 0, NULL,
	    lease_row, row);
	if (rows == 0) /* to wait for it would be to wait for ever */
		return kl_fail("the table klaviyo_lease is empty: "
		               "klaviyo_outbox_create() mends it");
	return rows < 0 ? -1 : 0;
}

/* 1 renewed, 0 it is another's, -1 the store failed. */
static int
renew(const struct klaviyo_store *store, struct kl_lease *lease, int64_t now)
{
	struct num t, until;
	const char *arg[] = {
	    lease->token, num(&t, now), num(&until, now + lease->seconds)};
	int64_t rows, at_ms = kl_monotonic_ms();

	if (begin(store))
		return -1;
	rows = run(store,
	    "UPDATE klaviyo_lease SET heartbeat_at = CAST($2 AS BIGINT),"
	    " until_at = CAST($3 AS BIGINT) WHERE token = $1",
	    3, arg);
	if (rows > 0 && kl_bound_look(store, false))
		rows = -1;
	/* Nobody else's: whoever holds the lease has all claims. */
	if (rows > 0 && lease->orphans && kl_outbox_free(store, now) < 0)
		rows = -1;
	if (end(store, rows < 0))
		return -1;
	lease->orphans = false;
	if (rows > 0)
		lease->renewed_ms = at_ms;
	else
		lease->held = false;
	return rows > 0;
}

/* Takes it from ${former}; 1 taken, 0 somebody was faster. */
static int
take(const struct klaviyo_store *store, struct kl_lease *lease,
    const struct row *former, int64_t now)
{
	struct num t, until, was;
	const char *arg[] = {former->token, num(&was, former->until),
	    lease->token, lease->name, lease->process, num(&t, now),
	    num(&until, now + lease->seconds)};
	int64_t rows, freed = 0, at_ms = kl_monotonic_ms();

	if (begin(store))
		return -1;
	rows = run(store,
	    "UPDATE klaviyo_lease SET token = $3, name = $4, process = $5,"
	    " since = CAST($6 AS BIGINT), heartbeat_at = CAST($6 AS BIGINT),"
	    " until_at = CAST($7 AS BIGINT)"
	    " WHERE token = $1 AND until_at = CAST($2 AS BIGINT)",
	    7, arg);
	if (rows > 0)
		freed = kl_outbox_free(store, now);
	if (end(store, rows < 0 || freed < 0))
		return -1;
	if (rows > 0) {
		lease->held = true;
		lease->renewed_ms = at_ms;
	}
	return rows > 0;
}

/* Whether ${row} is not another's, or not any more. */
static bool
is_over(const struct row *row, const struct kl_lease *lease, int64_t now)
{
	/* Further ahead than any lease: of a clock that was set back.  Our own
	   token: of a COMMIT that was said to have failed. */
	return row->until <= now || row->until > now + KL_LEASE_MAX ||
	       strcmp(row->token, lease->token) == 0 ||
	       process_gone(row->process);
}

int
kl_lease_hold(const struct klaviyo_store *store, struct kl_lease *lease,
    int64_t now, char *other, size_t size)
{
	int64_t age_ms = kl_monotonic_ms() - lease->renewed_ms;
	struct row row;
	int mine;

	if (lease->pid != (long)getpid())
		identify(lease); /* forked: what is held is the parent's */
	if (lease->held && !lease->orphans &&
	    age_ms < lease->seconds * 1000 / KL_RENEWALS)
		return 1;
	if (lease->held && (mine = renew(store, lease, now)) != 0)
		return mine;
	if (lease_read(store, &row))
		return -1;
	if (is_over(&row, lease, now) &&
	    (mine = take(store, lease, &row, now)) != 0)
		return mine;
	snprintf(other, size, "%s is sending, this one stands by", row.name);
	return 0;
}

int
kl_lease_leave(const struct klaviyo_store *store, struct kl_lease *lease)
{
	const char *arg[] = {lease->token};
	int64_t rows;

	if (!lease->held || lease->pid != (long)getpid())
		return 0;
	lease->held = false;
	if (begin(store))
		return -1;
	rows = run(store,
	    "UPDATE klaviyo_lease SET token = '', until_at = 0"
	    " WHERE token = $1",
	    1, arg);
	return end(store, rows < 0);
}

/* --------------------------------------------------- what outlives a sender */

int64_t
kl_pause_left(int64_t until, int64_t now)
{
	return until > now && until <= now + KL_DUE_MAX ? until - now : 0;
}

static int
sender_row(void *rowarg, int n, const char *const col[])
{
	struct kl_sender *sender = rowarg;

	(void)n;
	sender->paused_until = to_int(col[0]);
	sender->refused_run = (int)to_int(col[1]);
	snprintf(sender->reason, sizeof(sender->reason), "%s", col[2]);
	sender->last_sent = to_int(col[3]);
	return 0;
}

int
kl_sender_load(const struct klaviyo_store *store, struct kl_sender *sender)
{
	memset(sender, 0, sizeof(*sender));
	return store->sql(store->conn,
	           "SELECT paused_until, refused_run, reason, last_sent"
	           " FROM klaviyo_sender",
	           0, NULL, sender_row, sender) < 0
	           ? -1
	           : 0;
}

int
kl_sender_save(
    const struct klaviyo_store *store, const struct kl_sender *sender)
{
	struct num until, run_length;
	const char *arg[] = {num(&until, sender->paused_until),
	    num(&run_length, sender->refused_run), sender->reason};
	int64_t rows;

	if (begin(store))
		return -1;
	rows = run(store,
	    "UPDATE klaviyo_sender SET paused_until = CAST($1 AS BIGINT),"
	    " refused_run = CAST($2 AS BIGINT), reason = $3",
	    3, arg);
	return end(store, rows < 0);
}
