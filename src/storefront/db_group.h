/*
 * db_group.h - what db_sqlite.c asks of db_group.c and db_members.c: the write
 * gate of one database file, and transactions that share one COMMIT.  Nothing
 * else includes this file.
 */
#ifndef DB_GROUP_H
#define DB_GROUP_H

#include <klaviyo.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>

#define GATE_WAIT_MS 5000

struct group;

/* A connection's part in its group; zeroed before group_enter(). */
struct member {
	struct group *group;
	sqlite3 *own;     /* the connection */
	const char *name; /* of the database, to be shown; borrowed */
	sqlite3 *in;      /* where its open transaction runs; NULL: none is */
	bool joined;      /* it is a savepoint in a transaction begun before */
	bool alone;       /* holds the gate without a transaction */
	bool again;       /* others are to blame: it may be tried again */
	/* Below: under the group's lock. */
	struct member *next; /* in a queue */
	bool joins;          /* waits for a turn that may be within a group */
	enum { MEMBER_WAITS, MEMBER_GO, MEMBER_DONE, MEMBER_FAILED } state;
	pthread_cond_t wake;
	char why[256];
};

/* ------------------------------------------------------------ db_members.c */

/* Joins the group of its database, ${path} as it was given, the lock file of
 * which is opened beside it.  0, or -1 with shop_error(). */
int group_enter(struct member *m, const char *path);
/* A connection more that has no thread, for the transactions of all, as soon as
 * there are two members: ${open} makes it. */
int group_writer(struct member *m, sqlite3 *(*open)(const char *path));
/* The end of it; ${close} closes m->own and, for the last, the writer, which
 * are to run no checkpoint unless ${gate}. */
void group_exit(struct member *m, void (*close)(sqlite3 *conn, bool gate));

/* -------------------------------------------------------------- db_group.c */

/* BEGIN, COMMIT, ROLLBACK: a klaviyo_sql's results.  COMMIT returns when the
 * group's is done: what it was answered holds for all. */
int64_t group_begin(struct member *m);
int64_t group_commit(struct member *m);
int64_t group_rollback(struct member *m);
/* After a statement of its transaction: does SQLite have that still? */
void group_look(struct member *m);

/* The gate for what runs by itself, on m->own.  0, or -1 with shop_error(). */
int group_alone(struct member *m);
void group_done(struct member *m);

/* The lock file's descriptor, the group's; -1: it is in memory. */
int group_gate(const struct member *m);
/* How many wait for a turn just now. */
int group_waiting(struct member *m);

/* --------------------------------------------------------- between the two */

struct group {
	struct group *next;
	char *file;    /* as SQLite calls it; "" is in memory */
	pid_t process; /* a child of it has locks of its own */
	int members;   /* connections; under db_members.c's lock */
	int gate;      /* the lock file's descriptor; -1: nobody else's file */
	sqlite3 *writer;

	pthread_mutex_t lock;         /* of what is below */
	bool taken;                   /* it is somebody's turn */
	struct member *first, **last; /* who waits for a turn */
	/* Whose turn it is alone reads and writes these. */
	sqlite3 *open;       /* where a transaction is open */
	struct member *over; /* have done their part of it, and wait */
	int64_t begun_ms;
};

/* Waits until ${until_ms} of CLOCK_MONOTONIC for the turn, with which an open
 * transaction may come if ${joins}.  0, or -1 with shop_error(). */
int group_turn(struct member *m, bool joins, int64_t until_ms);
/* The transaction is over, and so is the turn: all that wait for it are told.
 * ${why} NULL: it is committed. */
void group_finish(struct group *g, const char *why, bool again);

#endif
