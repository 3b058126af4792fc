/*
 * db_pgsql.c - PostgreSQL under db.c: a connection, its settings, what to do
 * when it is lost.
 *
 *   the connection is found dead   then
 *   before BEGIN, or a SELECT      a new one, once, and the statement again
 *   outside of a transaction
 *   within a transaction           the statement fails, and all up to
 *                                  ROLLBACK; nothing is committed
 *   at COMMIT                      nobody knows: db_unknown()
 *
 * Promises: a COMMIT that is answered is on the server's disk
 * (synchronous_commit); nothing waits for ever: for a lock 5 s, for a statement
 * 30 s, for a silent network about 15 s; a server that keeps silent is not
 * asked again by every statement of a page.  The password is never printed.
 *
 * Rests on: the server's own fsync and full_page_writes, and, where it has
 * replicas that may take its place, their being synchronous.
 */
#include "db.h"

#include <libgen.h>
#include <libpq-fe.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OLDEST_SERVER 120000
#define SILENT_MS 1000

struct connection {
	struct db db; /* first: the one is the other */
	PGconn *conn;
	bool inside;      /* a transaction was begun, and is not over for us */
	bool lost;        /* it has been said that the server is gone */
	int64_t leave_ms; /* until then it is not asked, for its silence */
};

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ------------------------------------------------------------- the address */

static bool
pgsql_takes(const char *address)
{
	return strncmp(address, "postgresql://", 13) == 0 ||
	       strncmp(address, "postgres://", 11) == 0;
}

static const char *
option(const PQconninfoOption *list, const char *name)
{
	for (; list->keyword != NULL; list++)
		if (strcmp(list->keyword, name) == 0)
			return list->val != NULL ? list->val : "";
	return "";
}

/* A password with an @, a / or a ? in it ends there for libpq, which takes the
 * rest for a host, a port or a database.  It shows by an @ that is the second
 * one, or comes too late. */
static bool
password_spills(const char *address)
{
	const char *from = strstr(address, "://") + 3;
	const char *at = strchr(from, '@');

	return at != NULL && (strchr(at + 1, '@') != NULL ||
	                         at > from + strcspn(from, "/?"));
}

int
db_address(const char *address, char *shown, size_t size)
{
	PQconninfoOption *list;
	const char *user, *port;

	snprintf(shown, size, "%s", address);
	if (!pgsql_takes(address))
		return 0;
	/* libpq's message repeats a part of the address: of the password? */
	list = PQconninfoParse(address, NULL);
	snprintf(shown, size, "postgresql://..");
	if (list == NULL || password_spills(address)) {
		PQconninfoFree(list);
		return shop_fail("is no address as libpq takes it: "
		                 "postgresql://USER@HOST/DATABASE");
	}
	user = option(list, "user");
	port = option(list, "port");
	snprintf(shown, size, "postgresql://%s%s%s%s%s/%s", user,
	    *user != '\0' ? "@" : "", option(list, "host"),
	    *port != '\0' ? ":" : "", port, option(list, "dbname"));
	PQconninfoFree(list);
	return 0;
}

/* ---------------------------------------------------------- the connection */

static bool
dead(const struct connection *c)
{
	return PQstatus(c->conn) != CONNECTION_OK;
}

static void
no_notice(void *arg, const PGresult *result)
{
	(void)arg, (void)result; /* "relation exists already, skipping" */
}

/* The first line of what libpq says; the others are advice. */
static int
fail_connection(const struct connection *c)
{
	const char *text = PQerrorMessage(c->conn);

	return shop_fail("%s: %.*s", c->db.name, (int)strcspn(text, "\n"),
	    *text != '\0' ? text : "out of memory");
}

static int
run(struct connection *c, const char *sql)
{
	PGresult *result = PQexec(c->conn, sql);
	ExecStatusType status = PQresultStatus(result);

	PQclear(result);
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK
	           ? 0
	           : fail_connection(c);
}

static int
set_up(struct connection *c)
{
	const char *encoding = PQparameterStatus(c->conn, "server_encoding");

	PQsetErrorVerbosity(c->conn, PQERRORS_TERSE);
	PQsetNoticeReceiver(c->conn, no_notice, NULL);
	if (PQserverVersion(c->conn) < OLDEST_SERVER)
		return shop_fail("%s: PostgreSQL is older than 12", c->db.name);
	if (encoding == NULL || strcmp(encoding, "UTF8") != 0)
		return shop_fail("%s: the database's encoding is %s, not UTF8",
		    c->db.name, encoding != NULL ? encoding : "unknown");
	return run(c, "SELECT set_config('synchronous_commit', 'on', false) "
	              "WHERE current_setting('synchronous_commit') = 'off';"
	              "SET statement_timeout = '30s';"
	              "SET lock_timeout = '5s';"
	              /* A client that is stopped within a transaction gives
	                 its locks back before its sender's lease is over. */
	              "SET idle_in_transaction_session_timeout = '20s';"
	              "SET tcp_user_timeout = '20s'");
}

/* Another session in the place of the one that is lost; -1 if there is none,
 * or none so soon. */
static int
connect_again(struct connection *c)
{
	int64_t begun = now_ms();

	if (begun < c->leave_ms)
		return -1;
	c->inside = false;
	PQreset(c->conn);
	if (dead(c) ? fail_connection(c) == 0 : set_up(c) == 0) {
		if (c->lost)
			shop_log("the database is back");
		c->lost = false;
		return 0;
	}
	if (now_ms() - begun >= SILENT_MS)
		c->leave_ms = now_ms() + SILENT_MS;
	if (!c->lost)
		shop_log_at(LOG_ERR, "%s", shop_error());
	c->lost = true;
	return -1;
}

/* ---------------------------------------------------------- its statements */

static bool
is(const char *sql, const char *what)
{
	return strcmp(sql, what) == 0;
}

/* The same, after a failure.  A server that ended has left its last words to be
 * read; then a statement fails that could not even be sent, and libpq calls the
 * connection good until it has read on. */
static bool
gone(struct connection *c)
{
	if (!dead(c) && is(klaviyo_pgsql_state(c->conn), ""))
		PQconsumeInput(c->conn);
	return dead(c);
}

/* Whether it cannot be told if a COMMIT that failed was done: its answer was
 * lost, by the net or for want of memory. */
static bool
lost_answer(struct connection *c)
{
	return dead(c) || is(klaviyo_pgsql_state(c->conn), "");
}

/* Whether the same transaction, begun anew, may fare better. */
static bool
passing(struct connection *c)
{
	const char *state = klaviyo_pgsql_state(c->conn);

	return gone(c) || is(state, "40001") || is(state, "40P01");
}

static int64_t
pgsql_sql(void *arg, const char *sql, int n, const char *const *args,
    klaviyo_row *row, void *rowarg)
{
	struct connection *c = arg;
	bool was_inside = c->inside, sent;
	int64_t result;

	awake_waits(); /* for the server */
	if (!c->inside &&
	    (dead(c) || PQtransactionStatus(c->conn) != PQTRANS_IDLE))
		connect_again(c);
	sent = !dead(c);
	result = klaviyo_pgsql(c->conn, sql, n, args, row, rowarg);
	/* A server that ended meanwhile is noticed by the next statement.
	   Nothing was begun: what only reads may be said again. */
	if (result < 0 && sent && !c->inside && gone(c) &&
	    (is(sql, "BEGIN") || strncmp(sql, "SELECT", 6) == 0) &&
	    connect_again(c) == 0)
		result = klaviyo_pgsql(c->conn, sql, n, args, row, rowarg);
	if (is(sql, "BEGIN"))
		c->inside = result >= 0;
	else if (is(sql, "COMMIT") || is(sql, "ROLLBACK"))
		c->inside = false;
	if (result < 0 && is(sql, "BEGIN"))
		shop_fail("%s", klaviyo_error());
	if (result < 0 && was_inside) {
		bool unknown = is(sql, "COMMIT") && sent && lost_answer(c);

		c->db.unknown |= unknown;
		c->db.again |= !unknown && passing(c);
	}
	return result;
}

static bool
pgsql_inside(struct db *db)
{
	return ((struct connection *)db)->inside;
}

static void
pgsql_close(struct db *db)
{
	struct connection *c = (struct connection *)db;

	PQfinish(c->conn);
	free(c);
}

static int
open_at(struct connection *c, const char *address)
{
	/* What comes after the address overrules it, what comes before may be
	   overruled by it. */
	static const char *const names[] = {"fallback_application_name",
	    "connect_timeout", "keepalives_idle", "keepalives_interval",
	    "keepalives_count", "tcp_user_timeout", "dbname", "client_encoding",
	    NULL};
	const char *const values[] = {
	    "storefront", "5", "5", "3", "3", "15000", address, "UTF8", NULL};

	if (db_address(address, c->db.name, sizeof(c->db.name)) != 0)
		return shop_fail("STOREFRONT_DB %s", strdupa(shop_error()));
	c->conn = PQconnectdbParams(names, values, 1);
	return PQstatus(c->conn) == CONNECTION_OK ? set_up(c)
	                                          : fail_connection(c);
}

static struct db *
pgsql_open(const char *address, bool create)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		shop_fail("out of memory");
		return NULL;
	}
	/* Two that create the same tables disturb each other.  The lock is the
	   session's, and goes with it. */
	if (open_at(c, address) == 0 &&
	    (!create || run(c, "SELECT pg_advisory_lock(5443710)") == 0))
		return &c->db;
	pgsql_close(&c->db);
	return NULL;
}

static void
pgsql_describe(struct db *db, char *text, size_t size)
{
	struct connection *c = (struct connection *)db;
	const char *version = PQparameterStatus(c->conn, "server_version");

	snprintf(text, size, "PostgreSQL %.*s",
	    (int)strcspn(version != NULL ? version : "", " "),
	    version != NULL ? version : "");
}

/* The files that libpq opens in the user's home unless it is told others. */
static void
needs_of_home(const char *home, db_need *need, void *arg)
{
	char path[PATH_MAX];

	if (home == NULL || *home != '/')
		return;
	snprintf(path, sizeof(path), "%s/.pgpass", home);
	need(arg, DB_READS, path);
	snprintf(path, sizeof(path), "%s/.postgresql", home);
	need(arg, DB_READS, path);
}

/* "5432,5433": one for each host. */
static void
needs_of_ports(const char *ports, db_need *need, void *arg)
{
	char port[8];

	for (const char *p = ports;; p++) {
		size_t n = strcspn(p, ",");

		snprintf(port, sizeof(port), "%.*s", n < 6 ? (int)n : 0, p);
		need(arg, DB_CONNECTS, *port != '\0' ? port : "5432");
		p += n;
		if (*p == '\0')
			break;
	}
}

/* A session that is lost is followed by another: libpq then asks for its files
 * again, and the C library for the host's address; both read what there is in
 * /etc, and load what there is in /usr/lib. */
static void
pgsql_needs(struct db *db, db_need *need, void *arg)
{
	static const char *const names[] = {"passfile", "sslcert", "sslkey",
	    "sslrootcert", "sslcrl", "sslcrldir"};
	static const char *const files[] = {"/etc", "/usr", "/lib", "/lib64",
	    "/run/systemd/resolve", "/dev/null"};
	struct connection *c = (struct connection *)db;
	PQconninfoOption *list = PQconninfo(c->conn);
	/* cppcheck-suppress getpwuidCalled ; before the threads begin */
	const struct passwd *self = getpwuid(geteuid());
	char *resolver = realpath("/etc/resolv.conf", NULL);

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		need(arg, DB_READS, files[i]);
	/* The directory: the file is replaced when the network changes. */
	if (resolver != NULL)
		need(arg, DB_READS, dirname(resolver));
	free(resolver);
	needs_of_home(getenv("HOME"), need, arg);
	needs_of_home(self != NULL ? self->pw_dir : NULL, need, arg);
	for (size_t i = 0;
	     list != NULL && i < sizeof(names) / sizeof(*names); i++)
		need(arg, DB_READS, option(list, names[i]));
	needs_of_ports(list != NULL ? option(list, "port") : "", need, arg);
	need(arg, DB_CONNECTS, "53"); /* a name server's long answers */
	PQconninfoFree(list);
}

const struct engine db_pgsql = {
    .takes = pgsql_takes,
    .open = pgsql_open,
    .sql = pgsql_sql,
    .inside = pgsql_inside,
    .close = pgsql_close,
    .describe = pgsql_describe,
    .needs = pgsql_needs,
    .marks = marks_pgsql_sql,
    .collections = collections_pgsql_sql,
};
