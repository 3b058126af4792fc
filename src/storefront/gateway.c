/*
 * gateway.c - one request, by plain CGI or on a FastCGI connection.
 *
 * Promises: every request gets a whole answer, if only a bare 503; what was
 * cut off on its way is not obeyed; a peer that sends half a request and falls
 * silent is left after PEER_SECONDS.  A visitor who went away is no error.
 *
 * A body that is still to be written goes out as it grows, by FastCGI
 * (records.c).  Plain CGI has no way to say that what went out is not the
 * whole: there it is written before the first byte is sent.
 *
 * libfcgi reads requests; answers are written by us: its own streams copy them,
 * 8 KB at a time, and then wait for the peer to close first, which is needed
 * only where something was left unread.
 *
 * A FastCGI connection may be kept for the next request, if the peer asks for
 * it, but for that of a form: if the process ends just when it arrives, the
 * peer cannot tell whether it was obeyed.  What was only read it asks again.
 */
#include <errno.h>
#include <fcgiapp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve.h"
#include "tpl.h"

#define DRAIN_MAX ((size_t)1024 * 1024)
#define PIECE 32768
#define PARAMETERS_MAX 200
#define PARAMETER_BYTES_MAX 65536

extern char **environ;

/* -------------------------------------------------- one request, any way */

/* The variables that are asked for, and nothing else of an environment.  By
 * length, which tells most apart, for each is looked for twice a request. */
#define NAME(text)                                                             \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}
static const struct {
	const char *text;
	size_t length;
} names[] = {NAME("HTTP_VIA"), NAME("PATH_INFO"), NAME("UNIQUE_ID"),
    NAME("HTTP_X_MOZ"), NAME("REQUEST_ID"), NAME("HTTP_ACCEPT"),
    NAME("HTTP_COOKIE"), NAME("HTTP_ORIGIN"), NAME("REMOTE_ADDR"),
    NAME("REQUEST_URI"), NAME("SCRIPT_NAME"), NAME("CONTENT_TYPE"),
    NAME("DOCUMENT_URI"), NAME("HTTP_PURPOSE"), NAME("QUERY_STRING"),
    NAME("CONTENT_LENGTH"), NAME("HTTP_FORWARDED"), NAME("REQUEST_METHOD"),
    NAME("HTTP_USER_AGENT"), NAME("SERVER_PROTOCOL"), NAME("HTTP_SEC_PURPOSE"),
    NAME("HTTP_IF_NONE_MATCH"), NAME("HTTP_SEC_FETCH_SITE"),
    NAME("HTTP_X_FORWARDED_FOR"), NAME("HTTP_IF_MODIFIED_SINCE")};
#define NAMES (sizeof(names) / sizeof(*names))
#define LONGEST (sizeof("HTTP_IF_MODIFIED_SINCE") - 1)
/* Where those of a length begin, and, one further, end. */
static uint8_t begins[LONGEST + 2];

/* Before main(), and so before there are threads. */
__attribute__((constructor)) static void
names_count(void)
{
	for (size_t at = 0; at < NAMES; at++)
		for (size_t n = names[at].length + 1; n < LONGEST + 2; n++)
			begins[n]++;
}

struct variables {
	const char *value[NAMES];
	bool twice[NAMES];
};

/* Its place in the list, or NAMES. */
static size_t
name_at(const char *name, size_t length)
{
	if (length <= LONGEST)
		for (size_t at = begins[length]; at < begins[length + 1]; at++)
			if (memcmp(name, names[at].text, length) == 0)
				return at;
	return NAMES;
}

static void
variables_read(struct variables *list, char **environment)
{
	*list = (struct variables){0};
	for (char **v = environment; *v != NULL; v++) {
		const char *equals = strchr(*v, '=');
		size_t at =
		    equals == NULL ? NAMES : name_at(*v, (size_t)(equals - *v));

		if (at == NAMES)
			continue;
		list->twice[at] |= list->value[at] != NULL;
		list->value[at] = equals + 1;
	}
}

/* A request was passed on, however often that is said. */
static bool
says_passed_on(const char *name)
{
	return strcmp(name, "HTTP_X_FORWARDED_FOR") == 0 ||
	       strcmp(name, "HTTP_FORWARDED") == 0 ||
	       strcmp(name, "HTTP_VIA") == 0;
}

/* The value of a variable.  One that comes twice (libfcgi keeps both) is as
 * good as absent: nobody knows which was meant. */
static const char *
variable(const struct variables *list, const char *name)
{
	size_t at = name_at(name, strlen(name));

	if (at == NAMES || (list->twice[at] && !says_passed_on(name)))
		return NULL;
	return list->value[at];
}

/* A body that is to be made is, before anything is said of it. */
static void
make_whole(struct shop *shop, struct response *response)
{
	file_body_make *make = response->make;
	int64_t length;

	if (make == NULL)
		return;
	response->make = NULL;
	make(response->make_arg, shop, response->file, NULL, NULL);
	if (file_body_state(response->file, &length) != FILE_WHOLE)
		shop_refuse(shop, 503, response);
}

/* Answers one request, or refuses it with ${status} if that is not 0.  With
 * ${whole} all of it is there then. */
static void
answer(struct shop *shop, int status, bool whole, http_get *get,
    http_read *read, void *arg, struct answer *a)
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
		if (whole)
			make_whole(shop, &response);
	}
	response_cgi(&response, head, &a->out);
	a->slice[a->slices++] = (struct slice){a->out.data, a->out.length};
	if (!head && response.status != 304) {
		a->file = response.file;
		a->make = response.make;
		a->make_arg = response.make_arg;
		response.file = NULL;
		response.make = NULL;
		for (size_t i = 0; i < response.pieces; i++)
			a->slice[a->slices++] = response.piece[i];
	}
	response_free(&response);
}

/* It is out, and the connection ended: what is left is nobody's to wait for. */
static void
answered(struct shop *shop, struct answer *a)
{
	if (a->make != NULL)
		file_body_end(a->file, false); /* nobody has */
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
cgi_write_file(struct file_body *file)
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
	struct variables variables;
	struct answer a = {0};
	struct shop shop;
	bool open = false;

	signal(SIGPIPE, SIG_IGN);
	if (tpl_load(settings->templates) != 0 ||
	    shop_open(&shop, settings) != 0) {
		shop_log_at(LOG_ERR, "%s", shop_error());
		response_cgi(&failed, false, &a.out);
		a.slice[a.slices++] = (struct slice){a.out.data, a.out.length};
	} else {
		open = true;
		confine(settings, shop.db, NULL, true);
		variables_read(&variables, environ);
		answer(&shop, 0, true, cgi_get, cgi_read, &variables, &a);
	}
	cgi_drain();
	/* Half an answer is worse than none: then the web server says 500. */
	for (size_t i = 0; i < a.slices && !a.out.failed; i++)
		a.out.failed = !cgi_write(a.slice[i].data, a.slice[i].length);
	if (!a.out.failed && a.file != NULL)
		cgi_write_file(a.file);
	/* The web server waits for the end of these, not of the process, which
	 * it then tells to end (Apache does, and kills it 3 s later): first
	 * what is still to be told.  Not closed: no file of the database may
	 * get their numbers. */
	signal(SIGTERM, SIG_IGN);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	dup2(STDERR_FILENO, STDIN_FILENO);
	answered(&shop, &a);
	if (open)
		shop_close(&shop);
	return 0;
}

/* --------------------------------------------------------------- FastCGI */

struct asked {
	struct variables variables; /* first: cgi_get() reads them */
	FCGX_Stream *in;
};

static long
fcgi_read(void *arg, char *buffer, size_t n)
{
	FCGX_Stream *in = ((struct asked *)arg)->in;
	int got;

	/* For who sends it, and may take their time. */
	awake_waits();
	got = FCGX_GetStr(buffer, (int)n, in);
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

/* The request that libfcgi has read.  True: it asked for something to read, and
 * the answer is out. */
static bool
fcgi_answer(struct shop *shop, FCGX_Request *request, struct answer *a)
{
	const char *method;

	struct asked asked = {.in = request->in};

	variables_read(&asked.variables, request->envp);
	answer(shop, parameters_check(request->envp), false, cgi_get, fcgi_read,
	    &asked, a);
	method = variable(&asked.variables, "REQUEST_METHOD");
	return records_answer(shop, request->ipcFd, request->requestId, a) &&
	       method != NULL && strcmp(method, "POST") != 0;
}

/* Ends the request, and the connection unless ${keep}.  Where all that the peer
 * has sent is read, it loses nothing by that; else the library takes the rest,
 * until the peer closes.  True: it is kept. */
static bool
fcgi_end(FCGX_Request *request, int fd, bool keep)
{
	if (FCGX_GetChar(request->in) != EOF ||
	    FCGX_GetError(request->in) != 0) {
		awake_waits();
		FCGX_Free(request, 1);
		return false;
	}
	FCGX_Free(request, 0);
	if (!keep)
		close(fd);
	return keep;
}

bool
connection_serve(struct shop *shop, int fd, bool keep)
{
	struct answer a = {0};
	FCGX_Request request;

	/* Listen socket -1: the library never accepts by itself.  Without
	 * keepConnection it would close the connection it is just given. */
	if (FCGX_InitRequest(&request, -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0) {
		close(fd);
		return false;
	}
	request.ipcFd = fd;
	request.keepConnection = 1;
	if (FCGX_Accept_r(&request) != 0)
		return false; /* junk, silence, or its end: it is closed */
	keep = keep && request.keepConnection;
	/* What the library ends it is to close. */
	request.keepConnection = 0;
	/* Parameters that were cut off look complete, but for this. */
	if (FCGX_GetError(request.in) == 0) {
		keep = fcgi_answer(shop, &request, &a) && keep;
		keep = fcgi_end(&request, fd, keep);
	} else {
		FCGX_Finish_r(&request);
		keep = false;
	}
	answered(shop, &a);
	return keep;
}
