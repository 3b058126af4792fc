/*
 * db_group.h - what db_sqlite.c asks of db_group.c, db_turn.c and db_members.c:
 * the write gate of one database file, and transactions that share one COMMIT.
 * Nothing else includes this file.
 */
#ifndef DB_GROUP_H
#define DB_GROUP_H

#include <klaviyo.h>
#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>

#define GATE_WAIT_MS 5000

struct group;

/* The statements of a transaction; false: nothing of them is to stay. */
typedef bool group_work(void *arg);

/* A connection's part in its group; zeroed before group_enter(). */
struct member {
	struct group *group;
	sqlite3 *own;     /* the connection; NULL: it is shared */
	const char *name; /* of the database, to be shown; borrowed */
	sqlite3 *in;      /* where its open transaction runs; NULL: none is */
	bool joined;      /* it is a savepoint in a transaction begun before */
	bool alone;       /* holds the gate without a transaction */
	bool again;       /* others are to blame: it may be tried again */
	sqlite3 *reader;  /* while it is shared, for so many statements: */
	int reads;
	bool rare;        /* it is not one of those that are used first */
	/* Below: under the group's lock, until it is told. */
	struct member *next; /* in a queue */
	bool joins;          /* waits for a turn that may be within a group */
	bool waits;          /* at its semaphore, to be told how it has fared */
	group_work *work;    /* who has the turn may do it; NULL: only itself */
	void *arg;
	_Atomic enum {
		MEMBER_WAITS, /* in the queue */
		MEMBER_GO,    /* has its turn */
		MEMBER_IN,    /* is done, or in hand: waits for the COMMIT */
		MEMBER_DONE,
		MEMBER_UNDONE, /* as its work asked for */
		MEMBER_FAILED
	} state;
	sem_t wake; /* GO, or told: nobody takes a lock for it, all at once */
	char why[512];
};

/* ------------------------------------------------------------ db_members.c */

/* Joins the group of its database, ${path} as it was given, the lock file of
 * which is opened beside it.  0, or -1 with shop_error(). */
int group_enter(struct member *m, const char *path);
/* A connection more that has no thread, for the transactions of all, as soon as
 * there are two members: ${open} makes it.  1: there is one; 0; -1. */
int group_writer(struct member *m, sqlite3 *(*open)(const char *path));
/* The end of it; ${close} closes m->own, or one in its place, and, for the last,
 * the writer, which are to run no checkpoint unless ${gate}. */
void group_exit(struct member *m, void (*close)(sqlite3 *conn, bool gate));

/* ------------------------------------------------------------ db_readers.c */

/* Makes m->own one of those that the members share: where there is a writer. */
void group_share(struct member *m);
/* The end of that: m->own is one of them, which no other member has. */
void group_unshare(struct member *m);
/* For a statement outside of a transaction: m->own, or one that is shared, until
 * group_read().  Within each other: the same. */
sqlite3 *group_reader(struct member *m);
void group_read(struct member *m);

/* -------------------------------------------------------------- db_group.c */

/* BEGIN, COMMIT, ROLLBACK: a klaviyo_sql's results.  COMMIT, of a transaction
 * that is open, returns when the group's is done: what it was answered holds for
 * all. */
int64_t group_begin(struct member *m);
int64_t group_commit(struct member *m);
int64_t group_rollback(struct member *m);
/* After a statement of its transaction: does SQLite have that still? */
void group_look(struct member *m);

/* All three around ${work}, done on this thread or on that of another member who
 * has the turn.  0 once it is committed; 1: it wanted to be undone; -1.  With
 * shop_error(), also ${work}'s. */
int group_together(struct member *m, group_work *work, void *arg);

/* --------------------------------------------------------------- db_turn.c */

/* The gate for what runs by itself.  0, or -1 with shop_error(). */
int group_alone(struct member *m);
void group_done(struct member *m);

/* The database's file, as SQLite calls it; "" is in memory. */
const char *group_file(const struct member *m);
/* The lock file's descriptor, the group's; -1: it is in memory. */
int group_gate(const struct member *m);
/* How many wait for a turn just now. */
int group_waiting(struct member *m);

/* ---------------------------------------------------------- between these */

struct group {
	struct group *next;
	char *file;    /* as SQLite calls it; "" is in memory */
	pid_t process; /* a child of it has locks of its own */
	int members;   /* connections; under db_members.c's lock */
	int gate;      /* the lock file's descriptor; -1: nobody else's file */
	sqlite3 *writer;

	pthread_mutex_t readers_lock;
	sqlite3 **idle;   /* shared, and in nobody's use; the last is next */
	size_t idles, readers; /* how many; and with those in use */

	pthread_mutex_t lock;         /* of what is below */
	bool taken;                   /* it is somebody's turn */
	struct member *first, **last; /* who waits for a turn */
	/* Whose turn it is alone reads and writes these. */
	sqlite3 *open;       /* where a transaction is open */
	struct member *over; /* have done their part of it, and wait */
	int64_t begun_ms;
};

int64_t group_now_ms(void); /* CLOCK_MONOTONIC */
/* Waits until ${until_ms} for the turn, with which an open transaction may come
 * if ${joins}, or until another has done m->work: m->state.  0, or -1 with
 * shop_error(). */
int group_turn(struct member *m, bool joins, int64_t until_ms);
/* Takes who waits longest off the queue; NULL: nobody.  Under the lock, as the
 * next one, which gives them the turn. */
struct member *group_next(struct group *g);
void group_next_turn(struct group *g);
/* Waits until ${m}, which is MEMBER_IN, is told how it has fared. */
void group_wait(struct member *m);
/* The lock file's lock, until the turn is over.  Some file systems of the
 * network have none.  0, or -1 with shop_error(). */
int group_file_lock(const struct member *m, int64_t until_ms);
/* The transaction is over, and so is the turn: all that wait for it are told.
 * ${why} NULL: it is committed. */
void group_finish(struct group *g, const char *why, bool again);

#endif
