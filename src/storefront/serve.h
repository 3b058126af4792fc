/*
 * serve.h - what serve.c, waiting.c, gateway.c, records.c and listen.c say
 * to each other.
 */
#ifndef STOREFRONT_SERVE_H
#define STOREFRONT_SERVE_H

#include <sys/stat.h>
#include <sys/un.h>

#include "storefront.h"

/* -------------------------------------------------- gateway.c: a request */

#define PEER_SECONDS 3 /* that a peer may be silent for */

/* An answer, to be sent and then freed by gateway.c. */
struct answer {
	struct arena *arena; /* of its request */
	struct text out;
	/* To send behind it, if there is any: a file, which perhaps is to be
	 * made, or others' memory. */
	struct file_body *file;
	file_body_make *make;
	void *make_arg;
	struct slice slice[1 + PIECES_MAX]; /* the first is ${out} */
	size_t slices;
};
/* Answers the one request of the environment; returns the exit code. */
int cgi_serve(const struct settings *settings);
/* Answers one request of a FastCGI connection.  True: another may follow, if
 * whoever asked for ${keep} wants it; else it is closed. */
bool connection_serve(struct shop *shop, int fd, bool keep);

/* --------------------------------------------- records.c: FastCGI's answers */

/* Sends the answer of the request ${id} on ${fd}; makes its file, if that is to
 * be made.  False: not all of it is out, and the connection no good. */
bool records_answer(struct shop *shop, int fd, int id, struct answer *a);

/* ------------------------------------ confine.c: what is still allowed */

struct listener;
/* Gives up what the process does not need once all is open; before threads are
 * made, who are bound by it as well.  ${listener}: NULL if there is none.  Says
 * in the log what was done, but if ${quiet}.  Never fails: what the kernel does
 * not have is done without. */
void confine(const struct settings *settings, struct db *db,
    const struct listener *listener, bool quiet);
/* confine_calls.c: which system calls are left; -1 with shop_error().  With
 * ${connects} those that open a connection are. */
int confine_calls(bool connects);
bool confine_calls_offered(void);

/* ------------------------------------------------ waiting.c: whose turn it is */

/* The connections that wait to be served, for any number of threads. */
struct waiting;
struct turn {
	int fd;    /* -1: nobody's */
	int error; /* then: what accept4() or epoll_wait() failed with, or 0 */
	bool kept; /* it has been served before */
};
/* ${stop} is readable once the process is to end.  NULL with shop_error(). */
struct waiting *waiting_open(int listener, int stop);
/* Waits for a connection that has something to say, or is new, or for the end.
 * Nobody's is also the turn of whom another thread was faster to serve. With
 * ${stopping}: of those who are there already, or nobody. */
struct turn waiting_next(const struct waiting *waiting, bool stopping);
/* After its turn, for the next; it is closed if it cannot be kept. */
void waiting_served(
    struct waiting *waiting, const struct turn *turn, bool open);
/* The kept ones end with the process. */
void waiting_close(struct waiting *waiting);

/* ---------------------------------------------------- listen.c: a socket */

/* A listening socket, made here or inherited. */
struct listener {
	int fd;
	const char *setting; /* that says where, for errors */
	char name[sizeof(((struct sockaddr_un *)0)->sun_path) + 40];
	/* The Unix socket made here, "" = none: its end is ours too. */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t device;
	ino_t inode;
};
/* Is ${fd} a socket that listens? */
bool listening(int fd);
/* A socket inherited from systemd or a FastCGI starter, else
 * the setting's: ${where}.  Non-blocking, closed on exec. */
int listener_open(
    struct listener *listener, const char *setting, const char *where);
/* Unix socket: takes it off its path, so that nobody new comes. */
void listener_unlink(struct listener *listener);
void listener_close(struct listener *listener);

#endif
