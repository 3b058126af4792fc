/*
 * serve.c - takes requests and hands them to the shop: FastCGI with a few
 * threads, or one plain CGI request.
 *
 * How it was called, the first that fits:
 *	standard input listens	FastCGI on it (mod_fcgid, spawn-fcgi)
 *	GATEWAY_INTERFACE	plain CGI: one request, answered on stdout
 *	LISTEN_PID, LISTEN_FDS	FastCGI on systemd's socket
 *	otherwise		FastCGI on STOREFRONT_LISTEN
 *
 * Promises: one thread, one shop, one request at a time; after SIGTERM or
 * SIGINT what was begun is finished, and the process ends in time (end.c); so
 * it does, with exit code 1, once the database is lost (db_lost()).
 *
 * libfcgi is given connections that we accept ourselves: its own loop ends at
 * EMFILE, keeps threads waiting for ever on silent peers and on kept
 * connections, and leaves threads behind at SIGTERM.
 */
#include <errno.h>
#include <fcgiapp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "kept.h"
#include "serve.h"
#include "tpl.h"

#define DRAIN_SECONDS 1
#define JOIN_SECONDS (END_SECONDS - 1)
#define THREADS_MAX 64
#define SILENT_MS 10 /* that a peer may be silent for without being waited for */
#define KEPT_BYTES ((size_t)24 * 1024 * 1024)

struct server {
	struct listener listener;
	struct waiting *waiting;
	struct kept *kept;
	struct shop shops[THREADS_MAX];
	pthread_t threads[THREADS_MAX];
	int opened, started;
};

/* Readable, and never read, once the process is to end. */
static int stop_fd = -1;
static int reload_fd = -1;   /* readable when SIGHUP has come */
static atomic_bool stopping; /* the same, for less than a call */

/* ------------------------------------------------------- the accept loop */

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
stop(int signal_number)
{
	static const uint64_t one = 1;
	int saved = errno;

	(void)signal_number;
	end_begin();
	atomic_store(&stopping, true);
	if (write(stop_fd, &one, sizeof(one)) < 0) {
		/* It is readable already. */
	}
	errno = saved;
}

static void
on_hup(int signal_number)
{
	static const uint64_t one = 1;
	int saved = errno;

	(void)signal_number;
	if (write(reload_fd, &one, sizeof(one)) < 0) {
		/* It is readable already. */
	}
	errno = saved;
}

/* Waits until the process is to end or, at most, for milliseconds. */
static bool
stopped(int milliseconds)
{
	struct pollfd p = {.fd = stop_fd, .events = POLLIN};

	return poll(&p, 1, milliseconds) > 0;
}

/* What it failed with that nobody's turn came; -1 if there is no use in trying
 * again. */
static int
turn_failed(int error)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		shop_log_at(LOG_ERR, "cannot accept: %s", strerror(error));
		stopped(200);
		return 0;
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
	case EOPNOTSUPP:
		shop_log_at(LOG_ERR, "cannot accept: %s", strerror(error));
		stop(0);
		return -1;
	default: /* the peer gave up, or another thread was faster */
		return 0;
	}
}

struct thread {
	struct waiting *waiting;
	struct shop *shop;
};

/* A new connection whose peer has nothing to say yet is no work. */
static void
look_at(const struct turn *turn)
{
	struct pollfd p = {.fd = turn->fd, .events = POLLIN};

	if (!turn->kept && poll(&p, 1, SILENT_MS) <= 0)
		awake_waits();
}

static void *
thread_run(void *arg)
{
	struct thread thread = *(struct thread *)arg;
	double end = 0; /* set once the process is to end */

	free(arg);
	for (;;) {
		struct turn turn;

		awake_listen();
		turn = waiting_next(thread.waiting, end != 0);
		awake_begin();
		if (turn.fd >= 0) {
			look_at(&turn);
			waiting_served(thread.waiting, &turn,
			    connection_serve(
			        thread.shop, turn.fd, !atomic_load(&stopping)));
			if (db_lost()) {
				end_failed();
				stop(0);
			}
		} else if (turn_failed(turn.error) != 0) {
			break;
		}
		/* Those who already wait at the door are still let in. */
		if (end == 0 && atomic_load(&stopping))
			end = seconds() + DRAIN_SECONDS;
		else if (end != 0 && (turn.fd < 0 || seconds() > end))
			break;
	}
	awake_waits(); /* for ever */
	return NULL;
}

/* Signals go to the first thread, which waits for them. */
static int
threads_start(struct server *server, int count)
{
	sigset_t set, old;

	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	for (int i = 0; i < count; i++) {
		struct thread *thread = malloc(sizeof(*thread));

		if (thread == NULL)
			break;
		*thread = (struct thread){server->waiting, &server->shops[i]};
		if (pthread_create(
		        &server->threads[i], NULL, thread_run, thread) != 0) {
			free(thread);
			break;
		}
		server->started++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return server->started == count
	           ? 0
	           : shop_fail("cannot start %d threads", count);
}

/* Waits for the threads; returns how many did not end in time. */
static int
threads_join(struct server *server)
{
	double end = seconds() + JOIN_SECONDS;
	int left = 0;

	for (int i = 0; i < server->started; i++) {
		bool joined;

		/* Not pthread_timedjoin_np(): it goes by the clock that people
		   set. */
		while (!(joined = (pthread_tryjoin_np(
		                       server->threads[i], NULL) == 0)) &&
		       seconds() < end)
			nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
		left += !joined;
	}
	return left;
}

/* Before FCGX_Init, which would put its own in their place. */
static int
signals_set(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct sigaction end = {.sa_handler = stop, .sa_flags = SA_RESTART};
	struct sigaction again = {.sa_handler = on_hup, .sa_flags = SA_RESTART};

	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	reload_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop_fd < 0 || reload_fd < 0)
		return shop_fail("eventfd: %s", strerror(errno));
	end_prepare();
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGHUP, &again, NULL);
	sigaction(SIGUSR1, &ignore, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	return 0;
}

static int
server_start(struct server *server, const struct settings *settings)
{
	long count = strtol(settings->threads, NULL, 10);
	char at_work[40] = "";
	int places;

	if (count < 1 || count > THREADS_MAX)
		return shop_fail("STOREFRONT_THREADS=%s: must be 1 to %d",
		    settings->threads, THREADS_MAX);
	/* After an answer the library waits for the peer to close first: so
	 * long at most, in milliseconds, instead of 2 s. */
	setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "100", 0);
	if (signals_set() != 0)
		return -1;
	if (FCGX_Init() != 0)
		return shop_fail("libfcgi does not start");
	if (tpl_load(settings->templates) != 0)
		return -1;
	server->kept = kept_new(KEPT_BYTES);
	if (server->kept == NULL)
		return -1;
	for (int i = 0; i < count; i++) {
		if (shop_open(&server->shops[i], settings) != 0)
			return -1;
		server->shops[i].kept = server->kept;
		server->opened++;
	}
	if (listener_open(
	        &server->listener, "STOREFRONT_LISTEN", settings->listen) != 0)
		return -1;
	server->waiting = waiting_open(server->listener.fd, stop_fd);
	if (server->waiting == NULL)
		return -1;
	places = awake_count();
	confine(settings, server->shops[0].db, &server->listener, false);
	if (threads_start(server, (int)count) != 0)
		return -1;
	if (places < count)
		snprintf(at_work, sizeof(at_work), ", %d at work at a time",
		    places);
	shop_log("serving on %s (FastCGI), %ld %s%s", server->listener.name,
	    count, count == 1 ? "thread" : "threads", at_work);
	return 0;
}

/* Until the process is to end.  SIGHUP reads the templates anew; broken ones
   change nothing. */
static void
wait_for_signals(const struct settings *settings)
{
	struct pollfd p[] = {{.fd = stop_fd, .events = POLLIN},
	    {.fd = reload_fd, .events = POLLIN}};
	uint64_t count;

	while (poll(p, 2, -1) < 0 || (p[0].revents & POLLIN) == 0) {
		if (read(reload_fd, &count, sizeof(count)) < 0)
			continue;
		if (tpl_load(settings->templates) != 0)
			shop_log_at(LOG_ERR,
			    "the templates stay as they were: %s",
			    shop_error());
		else
			shop_log("templates loaded anew from %s",
			    settings->templates);
	}
}

static int
serve_fcgi(const struct settings *settings)
{
	struct server *server = calloc(1, sizeof(*server));
	int result, left;

	if (server == NULL) {
		shop_log_at(LOG_ERR, "out of memory");
		return 1;
	}
	server->listener.fd = -1;
	result = server_start(server, settings);
	if (result != 0) {
		shop_log_at(LOG_ERR, "%s", shop_error());
		end_failed();
		stop(0);
	}
	if (stop_fd >= 0)
		wait_for_signals(settings);
	listener_unlink(&server->listener);
	left = threads_join(server);
	if (db_lost())
		result = -1;
	if (left > 0) {
		shop_log_at(
		    LOG_WARNING, "%d requests did not end in time", left);
		_exit(result == 0 ? 0 : 1);
	}
	listener_close(&server->listener);
	waiting_close(server->waiting);
	for (int i = 0; i < server->opened; i++)
		shop_close(&server->shops[i]);
	kept_free(server->kept);
	free(server);
	return result == 0 ? 0 : 1;
}

bool
serve_called(void)
{
	return listening(STDIN_FILENO) || getenv("GATEWAY_INTERFACE") != NULL;
}

int
serve(const struct settings *settings)
{
	if (!listening(STDIN_FILENO) && getenv("GATEWAY_INTERFACE") != NULL)
		return cgi_serve(settings);
	return serve_fcgi(settings);
}
