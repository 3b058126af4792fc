/*
 * listen.c - the socket that the storefront listens on: inherited, or made
 * where STOREFRONT_LISTEN (or the status page's setting) says.
 *
 * Promises: nothing is taken away but a socket that nobody answers on, and at
 * the end only the socket made here; a Unix socket is its owner's and group's
 * (0660); TCP is loopback only, for FastCGI knows no passwords: whoever reaches
 * the socket can claim to be the web server.
 *
 * Does not use FCGX_OpenSocket: it unlinks whatever lies at the path, exits on
 * errors, and takes ":9000" for every interface.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve.h"

#define SYSTEMD_FD 3

bool
listening(int fd)
{
	int yes = 0;
	socklen_t length = sizeof(yes);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &length) == 0 &&
	       yes;
}

/* ${what} of what the setting says has failed: says so with errno. */
static int
cannot(const struct listener *listener, const char *what)
{
	return shop_fail("%s=%s: cannot %s: %s", listener->setting,
	    listener->name, what, strerror(errno));
}

/* Makes the path free: absent, or a socket that nobody answers on. */
static int
path_free(const struct listener *listener, const struct sockaddr_un *address)
{
	struct stat st;
	int fd, error;

	if (lstat(address->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : cannot(listener, "look there");
	if (!S_ISSOCK(st.st_mode))
		return shop_fail("%s=%s: there is something that is no socket; "
		                 "move it away",
		    listener->setting, listener->name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return cannot(listener, "make a socket");
	error = 0;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		error = errno;
	close(fd);
	if (error == 0 || error == EAGAIN)
		return shop_fail(
		    "another storefront is listening on %s; end it, or give "
		    "this one another %s",
		    listener->name, listener->setting);
	errno = error;
	if (error != ECONNREFUSED)
		return cannot(listener, "tell whether somebody listens");
	if (unlink(address->sun_path) != 0)
		return cannot(listener, "remove the old socket");
	return 0;
}

static int
unix_bind(struct listener *listener, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t mask;
	int bound;

	if (strlen(path) >= sizeof(address.sun_path))
		return shop_fail("%s: the path is longer than %zu bytes",
		    listener->setting, sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	if (path_free(listener, &address) != 0)
		return -1;
	listener->fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0)
		return cannot(listener, "make a socket");
	mask = umask(0117);
	bound =
	    bind(listener->fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (bound != 0)
		return cannot(listener, "make the socket");
	if (lstat(path, &st) == 0) {
		memcpy(listener->path, path, strlen(path) + 1);
		listener->device = st.st_dev;
		listener->inode = st.st_ino;
	}
	return 0;
}

/* "127.0.0.1:9001" or "[::1]:9001". */
static int
loopback_address(
    const char *text, struct sockaddr_storage *address, socklen_t *length)
{
	struct sockaddr_in *four = (struct sockaddr_in *)address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
	const char *colon = strrchr(text, ':');
	char host[64], *end;
	long port;

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		return -1;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	if (colon[1] < '0' || colon[1] > '9')
		return -1;
	errno = 0;
	port = strtol(colon + 1, &end, 10);
	if (errno != 0 || *end != '\0' || port < 1 || port > 65535)
		return -1;
	*address = (struct sockaddr_storage){0};
	if (strcmp(host, "[::1]") == 0) {
		six->sin6_family = AF_INET6;
		six->sin6_addr = in6addr_loopback;
		six->sin6_port = htons((uint16_t)port);
		*length = sizeof(*six);
		return 0;
	}
	four->sin_family = AF_INET;
	four->sin_port = htons((uint16_t)port);
	*length = sizeof(*four);
	if (inet_pton(AF_INET, host, &four->sin_addr) != 1)
		return -1;
	return ntohl(four->sin_addr.s_addr) >> 24 == 127 ? 0 : -1;
}

static int
tcp_bind(struct listener *listener, const char *text)
{
	struct sockaddr_storage address;
	socklen_t length;
	int yes = 1;

	if (loopback_address(text, &address, &length) != 0)
		return shop_fail("%s=%s: must be unix:/PATH, 127.0.0.1:PORT or "
		                 "[::1]:PORT",
		    listener->setting, listener->name);
	listener->fd = socket(
	    address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0)
		return cannot(listener, "make a socket");
	/* A restart need not wait for old connections to be forgotten. */
	setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(listener->fd, (struct sockaddr *)&address, length) == 0)
		return 0;
	if (errno == EADDRINUSE)
		return shop_fail("another program is listening on %s; end it, "
		                 "or choose another %s",
		    listener->name, listener->setting);
	return cannot(listener, "take the address");
}

/* systemd's, when the environment is meant for this very process. */
static int
systemd_fd(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

	if (pid == NULL || fds == NULL ||
	    strtol(pid, NULL, 10) != (long)getpid())
		return -1;
	if (strcmp(fds, "1") != 0 || !listening(SYSTEMD_FD)) {
		shop_fail("LISTEN_FDS=%s: systemd must hand over exactly one "
		          "listening stream socket",
		    fds);
		return -2;
	}
	return SYSTEMD_FD;
}

static int
adopt(struct listener *listener, int fd, const char *name)
{
	int flags = fcntl(fd, F_GETFL);

	listener->fd = fd;
	snprintf(listener->name, sizeof(listener->name), "%s", name);
	/* Threads poll and then accept: only one of them finds the visitor. */
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return shop_fail("%s: %s", name, strerror(errno));
	return 0;
}

int
listener_open(
    struct listener *listener, const char *setting, const char *where)
{
	int fd = systemd_fd(), result;

	*listener = (struct listener){.fd = -1, .setting = setting};
	if (fd == -2)
		return -1;
	if (listening(STDIN_FILENO))
		return adopt(listener, STDIN_FILENO, "standard input");
	if (fd >= 0)
		return adopt(listener, fd, "systemd's socket");

	snprintf(listener->name, sizeof(listener->name), "%s", where);
	if (strncmp(where, "unix:", 5) == 0)
		result = unix_bind(listener, where + 5);
	else
		result = tcp_bind(listener, where);
	if (result == 0 && listen(listener->fd, SOMAXCONN) != 0)
		result = cannot(listener, "listen");
	if (result != 0)
		listener_close(listener);
	return result;
}

void
listener_unlink(struct listener *listener)
{
	struct stat st;

	/* Somebody may have put another socket there meanwhile. */
	if (*listener->path != '\0' && lstat(listener->path, &st) == 0 &&
	    st.st_dev == listener->device && st.st_ino == listener->inode)
		unlink(listener->path);
	*listener->path = '\0';
}

void
listener_close(struct listener *listener)
{
	listener_unlink(listener);
	if (listener->fd >= 0)
		close(listener->fd);
	listener->fd = -1;
}
