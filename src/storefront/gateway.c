/*
 * gateway.c - one request, by plain CGI or on a FastCGI connection.
 *
 * Promises: every request gets a whole answer, if only a bare 503; what was
 * cut off on its way is not obeyed; a peer that sends half a request and falls
 * silent is left after PEER_SECONDS.  A visitor who went away is no error.
 *
 * Does not keep a FastCGI connection, whatever the peer asks for: it would hold
 * a thread.
 */
#include <errno.h>
#include <fcgiapp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve.h"
#include "tpl.h"

#define PEER_SECONDS 3
#define DRAIN_MAX ((size_t)1024 * 1024)
#define PIECE 32768
#define PARAMETERS_MAX 200
#define PARAMETER_BYTES_MAX 65536

extern char **environ;

/* -------------------------------------------------- one request, any way */

/* The value of a variable of an environment.  One that comes twice (libfcgi
 * keeps both) is as good as absent: nobody knows which was meant. */
static const char *
variable(char **environment, const char *name)
{
	size_t length = strlen(name);
	const char *found = NULL;

	for (char **v = environment; *v != NULL; v++)
		if (strncmp(*v, name, length) == 0 && (*v)[length] == '=') {
			if (found != NULL)
				return NULL;
			found = *v + length + 1;
		}
	return found;
}

/* An answer, to be sent and then freed by answered(). */
struct answer {
	struct arena *arena; /* of its request */
	struct text out;
	struct file_body *file; /* to send behind it; NULL = nothing */
};

/* Answers one request, or refuses it with ${status} if that is not 0. */
static void
answer(struct shop *shop, int status, http_get *get, http_read *read, void *arg,
    struct answer *a)
{
	struct response response = {.status = 0};
	struct request request;
	struct arena *arena = a->arena = arena_new();
	const char *method = get(arg, "REQUEST_METHOD");
	bool head = method != NULL && strcmp(method, "HEAD") == 0;

	if (arena == NULL) {
		response.body.failed = true; /* a bare 503 */
	} else {
		if (status == 0)
			status = request_make(&request, arena, get, read, arg);
		if (status == 0)
			shop_handle(shop, &request, &response);
		else
			shop_refuse(shop, status, &response);
		if (status == 405)
			response_header(&response, "Allow", "GET, HEAD, POST");
	}
	response_cgi(&response, head, &a->out);
	if (!head && response.status != 304) {
		a->file = response.file;
		response.file = NULL;
	}
	response_free(&response);
}

/* It is out, and the connection ended: what is left is nobody's to wait for. */
static void
answered(struct shop *shop, struct answer *a)
{
	file_body_free(a->file);
	text_free(&a->out);
	if (a->arena != NULL)
		shop_after(shop);
	arena_free(a->arena);
}

/* ------------------------------------------------------------- plain CGI */

static const char *
cgi_get(void *arg, const char *name)
{
	return variable(arg, name);
}

static long
cgi_read(void *arg, char *buffer, size_t n)
{
	ssize_t got;

	(void)arg;
	do
		got = read(STDIN_FILENO, buffer, n);
	while (got < 0 && errno == EINTR);
	return (long)got;
}

/* Takes the rest of a body that was refused.  Apache's mod_cgid talks over a
 * socket, and one that is closed with something unread loses the answer. */
static void
cgi_drain(void)
{
	char waste[4096];
	size_t left = DRAIN_MAX;
	long n;

	while (left >= sizeof(waste) &&
	       (n = cgi_read(NULL, waste, sizeof(waste))) > 0)
		left -= (size_t)n;
}

/* false: the visitor went away. */
static bool
cgi_write(const char *data, size_t length)
{
	while (length > 0) {
		ssize_t n = write(STDOUT_FILENO, data, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		length -= (size_t)n;
	}
	return true;
}

static void
cgi_write_file(const struct file_body *file)
{
	char piece[PIECE];
	int64_t at = 0;
	long n;

	while ((n = file_body_read(file, at, piece, sizeof(piece))) > 0 &&
	       cgi_write(piece, (size_t)n))
		at += n;
}

int
cgi_serve(const struct settings *settings)
{
	static const struct response failed = {.body = {.failed = true}};
	struct answer a = {0};
	struct shop shop;
	bool open = false;

	signal(SIGPIPE, SIG_IGN);
	if (tpl_load(settings->templates) != 0 ||
	    shop_open(&shop, settings) != 0) {
		shop_log("%s", shop_error());
		response_cgi(&failed, false, &a.out);
	} else {
		open = true;
		confine(settings, shop.db, NULL, true);
		answer(&shop, 0, cgi_get, cgi_read, environ, &a);
	}
	cgi_drain();
	/* Half an answer is worse than none: then the web server says 500. */
	if (!a.out.failed && cgi_write(a.out.data, a.out.length) &&
	    a.file != NULL)
		cgi_write_file(a.file);
	/* The web server waits for the end of these, not of the process.  Not
	 * closed: no file of the database may get their numbers. */
	dup2(STDERR_FILENO, STDOUT_FILENO);
	dup2(STDERR_FILENO, STDIN_FILENO);
	answered(&shop, &a);
	if (open)
		shop_close(&shop);
	return 0;
}

/* --------------------------------------------------------------- FastCGI */

static const char *
fcgi_get(void *arg, const char *name)
{
	return variable(((FCGX_Request *)arg)->envp, name);
}

static long
fcgi_read(void *arg, char *buffer, size_t n)
{
	FCGX_Stream *in = ((FCGX_Request *)arg)->in;
	int got = FCGX_GetStr(buffer, (int)n, in);

	/* A body that was cut off or aborted ends like a whole one, but for
	 * this. */
	return FCGX_GetError(in) == 0 ? got : -1;
}

/* More than any web server has to say: 413. */
static int
parameters_check(char **environment)
{
	size_t bytes = 0, count = 0;

	for (char **v = environment; *v != NULL; v++) {
		bytes += strlen(*v);
		if (++count > PARAMETERS_MAX || bytes > PARAMETER_BYTES_MAX)
			return 413;
	}
	return 0;
}

static void
fcgi_write_file(const struct file_body *file, FCGX_Stream *out)
{
	char piece[PIECE];
	int64_t at = 0;
	long n;

	while ((n = file_body_read(file, at, piece, sizeof(piece))) > 0 &&
	       FCGX_PutStr(piece, (int)n, out) == n)
		at += n;
}

/* The request that libfcgi has read. */
static void
fcgi_answer(struct shop *shop, FCGX_Request *request, struct answer *a)
{
	answer(shop, parameters_check(request->envp), fcgi_get, fcgi_read,
	    request, a);
	if (a->out.failed) {
		FCGX_PutS(
		    "Status: 503 Service Unavailable\r\n\r\n", request->out);
	} else {
		FCGX_PutStr(a->out.data, (int)a->out.length, request->out);
		if (a->file != NULL)
			fcgi_write_file(a->file, request->out);
	}
}

void
connection_serve(struct shop *shop, int fd)
{
	static const struct timeval limit = {.tv_sec = PEER_SECONDS};
	struct answer a = {0};
	FCGX_Request request;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	/* Listen socket -1: the library never accepts by itself.  Without
	 * keepConnection it would close the connection it is just given. */
	if (FCGX_InitRequest(&request, -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0) {
		close(fd);
		return;
	}
	request.ipcFd = fd;
	request.keepConnection = 1;
	if (FCGX_Accept_r(&request) != 0)
		return; /* junk, or silence: it has closed the connection */
	/* Whatever the peer would like: see the top. */
	request.keepConnection = 0;
	/* Parameters that were cut off look complete, but for this. */
	if (FCGX_GetError(request.in) == 0)
		fcgi_answer(shop, &request, &a);
	FCGX_Finish_r(&request);
	answered(shop, &a);
}
