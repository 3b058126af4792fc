/*
 * status_serve.c - `storefront status`: the operator's page and the figures for
 * Prometheus, on a listener of their own.
 *
 *   GET /          the page           GET /metrics   for Prometheus
 *   POST /retry    dead letters are tried again: id, or all=1
 *   GET /status.css, /status.js
 *
 * Promises: it is not the shop's: no web server in front of the shop reaches
 * it, and whoever does has to know the password; what an operator changes there
 * is a line in the log; the private key is never read.
 *
 * Does not speak TLS: it listens on this machine only (an SSH tunnel, or a web
 * server of the operator's own, brings it elsewhere).
 */
#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "serve.h"
#include "status.h"
#include "tpl.h"

#define USER "operator"

enum {
	SECRET_MIN = 16,
	SECRET_MAX = 200,
	FIELD_MAX = 500,
	CONNECTIONS = 32,
	IDLE_SECONDS = 30,
	WAIT_MS = 1000,
};

struct desk {
	const struct settings *settings;
	struct db *db;
	struct arena *arena;
	char password[SECRET_MAX + 2];
	char token[65]; /* of the forms; of this process */
};

/* What is posted to /retry. */
struct posted {
	struct MHD_PostProcessor *reader;
	char id[FIELD_MAX], token[FIELD_MAX], all[8];
	bool whole;
};

/* ------------------------------------------------------------------- answers
 */

static enum MHD_Result
answer(struct MHD_Connection *http, unsigned status, const char *type,
    const char *text, size_t length)
{
	static const struct {
		const char *name, *value;
	} header[] = {
	    {"Cache-Control", "no-store"},
	    {"Content-Security-Policy",
	        "default-src 'none'; style-src 'self'; script-src 'self'; "
	        "connect-src 'self'; form-action 'self'; base-uri 'none'; "
	        "frame-ancestors 'none'"},
	    {"Referrer-Policy", "no-referrer"},
	    {"X-Content-Type-Options", "nosniff"},
	};
	char *copy = malloc(length + 1); /* the response's */
	struct MHD_Response *response = NULL;
	enum MHD_Result result;

	if (copy != NULL) {
		memcpy(copy, text, length);
		response = MHD_create_response_from_buffer(
		    length, copy, MHD_RESPMEM_MUST_FREE);
	}
	if (response == NULL) {
		free(copy);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	for (size_t i = 0; i < sizeof(header) / sizeof(*header); i++)
		MHD_add_response_header(
		    response, header[i].name, header[i].value);
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response,
		    MHD_HTTP_HEADER_WWW_AUTHENTICATE,
		    "Basic realm=\"storefront status\", charset=\"UTF-8\"");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(
		    response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	if (status == MHD_HTTP_SEE_OTHER)
		MHD_add_response_header(
		    response, MHD_HTTP_HEADER_LOCATION, text);
	result = MHD_queue_response(http, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result
say(struct MHD_Connection *http, unsigned status, const char *text)
{
	return answer(
	    http, status, "text/plain; charset=utf-8", text, strlen(text));
}

/* The password, compared in a time that does not tell how much was right. */
static bool
knows_password(const struct desk *desk, struct MHD_Connection *http)
{
	unsigned char want[32], got[32];
	char *given = NULL, *user;
	bool ok;

	user = MHD_basic_auth_get_username_password(http, &given);
	crypto_generichash(want, sizeof(want),
	    (const unsigned char *)desk->password, strlen(desk->password), NULL,
	    0);
	crypto_generichash(got, sizeof(got),
	    (const unsigned char *)(given != NULL ? given : ""),
	    given != NULL ? strlen(given) : 0, NULL, 0);
	ok = sodium_memcmp(want, got, sizeof(want)) == 0 && user != NULL &&
	     strcmp(user, USER) == 0;
	MHD_free(user);
	MHD_free(given);
	return ok;
}

/* --------------------------------------------------------------------- pages
 */

static enum MHD_Result
figures_answer(struct desk *desk, struct MHD_Connection *http, bool metrics)
{
	const char *tried =
	    MHD_lookup_connection_value(http, MHD_GET_ARGUMENT_KIND, "tried");
	struct figures figures;
	struct text out = {0};
	enum MHD_Result result;
	const char *done = "";
	int failed;

	desk->arena = arena_new();
	failed =
	    desk->arena == NULL || figures_read(&figures, desk->settings,
	                               desk->db, desk->arena, utc_now()) != 0;
	if (!failed && metrics)
		status_metrics(&figures, &out);
	else if (!failed) {
		if (tried != NULL && num(tried) > 0)
			done = arena_printf(desk->arena,
			    "%lld to be tried again.", (long long)num(tried));
		else if (tried != NULL)
			done = "Nothing was dead any more.";
		failed = status_page(&figures, desk->token, done, &out);
	}
	if (failed || out.failed) {
		shop_log_at(LOG_ERR, "status: %s",
		    out.failed ? "out of memory" : shop_error());
		result = say(http, MHD_HTTP_SERVICE_UNAVAILABLE,
		    "The figures cannot be read now; the log of storefront "
		    "status says why.\n");
	} else
		result = answer(http, MHD_HTTP_OK,
		    metrics ? "text/plain; version=0.0.4; charset=utf-8"
		            : "text/html; charset=utf-8",
		    out.data, out.length);
	text_free(&out);
	arena_free(desk->arena);
	return result;
}

static enum MHD_Result
get(struct desk *desk, struct MHD_Connection *http, const char *path)
{
	if (strcmp(path, "/") == 0 || strcmp(path, "/metrics") == 0)
		return figures_answer(desk, http, path[1] == 'm');
	if (strcmp(path, "/status.css") == 0)
		return answer(http, MHD_HTTP_OK, "text/css; charset=utf-8",
		    status_css, strlen(status_css));
	if (strcmp(path, "/status.js") == 0)
		return answer(http, MHD_HTTP_OK,
		    "text/javascript; charset=utf-8", status_js,
		    strlen(status_js));
	return say(
	    http, MHD_HTTP_NOT_FOUND, "There are / and /metrics here.\n");
}

/* ---------------------------------------------------------------- /retry */

static enum MHD_Result
read_field(void *arg, enum MHD_ValueKind kind, const char *name,
    const char *file, const char *type, const char *coding, const char *data,
    uint64_t at, size_t n)
{
	struct posted *p = arg;
	struct {
		const char *name;
		char *to;
		size_t size;
	} field[] = {
	    {"id", p->id, sizeof(p->id)},
	    {"token", p->token, sizeof(p->token)},
	    {"all", p->all, sizeof(p->all)},
	};

	(void)kind, (void)file, (void)type, (void)coding;
	for (size_t i = 0; i < sizeof(field) / sizeof(*field); i++)
		if (strcmp(name, field[i].name) == 0) {
			if (at >= field[i].size || n >= field[i].size - at)
				return MHD_NO;
			memcpy(field[i].to + at, data, n);
			field[i].to[at + n] = '\0';
		}
	return MHD_YES;
}

static enum MHD_Result
retry(struct desk *desk, struct MHD_Connection *http, struct posted *p)
{
	bool all = strcmp(p->all, "1") == 0;
	char where[40];
	int64_t n;

	if (sodium_memcmp(p->token, desk->token, sizeof(desk->token)) != 0)
		return say(http, MHD_HTTP_FORBIDDEN,
		    "This form is an old one: load the page again.\n");
	if (!p->whole || all == (*p->id != '\0'))
		return say(
		    http, MHD_HTTP_BAD_REQUEST, "Either an id, or all=1.\n");
	n = klaviyo_outbox_retry(
	    db_store(desk->db), all ? NULL : p->id, utc_now());
	if (n < 0) {
		shop_log_at(LOG_ERR, "status: %s", klaviyo_error());
		return say(http, MHD_HTTP_SERVICE_UNAVAILABLE,
		    "Not done; the log of storefront status says why.\n");
	}
	shop_log("status: the operator has %lld events tried again (%s)",
	    (long long)n, all ? "all" : p->id);
	snprintf(where, sizeof(where), "/?tried=%lld", (long long)n);
	return say(http, MHD_HTTP_SEE_OTHER, where);
}

/* -------------------------------------------------------------------- server
 */

static enum MHD_Result
handle(void *cls, struct MHD_Connection *http, const char *path,
    const char *method, const char *version, const char *data, size_t *n,
    void **con)
{
	struct desk *desk = cls;
	struct posted *p = *con;

	(void)version;
	/* First with the head alone: the password comes before any body. */
	if (p == NULL) {
		if (!knows_password(desk, http))
			return say(http, MHD_HTTP_UNAUTHORIZED,
			    "The user is " USER ", the password in "
			    "STOREFRONT_STATUS_PASSWORD_FILE.\n");
		*con = p = calloc(1, sizeof(*p));
		if (p == NULL)
			return MHD_NO;
		p->whole = true;
		if (strcmp(method, "POST") == 0)
			p->reader = MHD_create_post_processor(
			    http, 1024, read_field, p);
		return MHD_YES;
	}
	if (*n > 0) {
		if (p->reader == NULL ||
		    MHD_post_process(p->reader, data, *n) != MHD_YES)
			p->whole = false;
		*n = 0;
		return MHD_YES;
	}
	if (strcmp(method, "POST") == 0 && strcmp(path, "/retry") == 0)
		return retry(desk, http, p);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return say(http, MHD_HTTP_METHOD_NOT_ALLOWED,
		    "That does not work here.\n");
	return get(desk, http, path);
}

static void
done(void *cls, struct MHD_Connection *http, void **con,
    enum MHD_RequestTerminationCode why)
{
	struct posted *p = *con;

	(void)cls, (void)http, (void)why;
	if (p == NULL)
		return;
	if (p->reader != NULL)
		MHD_destroy_post_processor(p->reader);
	free(p);
	*con = NULL;
}

static int
password_read(const char *path, char password[SECRET_MAX + 2])
{
	FILE *file = fopen(path, "re");
	bool got;

	if (file == NULL)
		return shop_fail("%s: %s (STOREFRONT_STATUS_PASSWORD_FILE): "
		                 "`storefront init` writes one",
		    path, strerror(errno));
	got = fgets(password, SECRET_MAX + 2, file) != NULL;
	fclose(file);
	if (got)
		password[strcspn(password, "\r\n")] = '\0';
	if (!got || strlen(password) < SECRET_MIN ||
	    strlen(password) > SECRET_MAX)
		return shop_fail("%s: its first line must be a password of %d "
		                 "to %d bytes",
		    path, SECRET_MIN, SECRET_MAX);
	return 0;
}

static volatile sig_atomic_t stopping;

static void
stop(int number)
{
	(void)number;
	end_begin();
	stopping = 1;
}

/* One thread does all of it: an operator is one person, and a scraper. */
static int
serve_until_told(struct desk *desk, struct listener *listener)
{
	struct sigaction end = {.sa_handler = stop};
	struct MHD_Daemon *server;

	end_prepare();
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	signal(SIGPIPE, SIG_IGN);
	server = MHD_start_daemon(MHD_NO_FLAG, 0, NULL, NULL, handle, desk,
	    MHD_OPTION_LISTEN_SOCKET, listener->fd, MHD_OPTION_NOTIFY_COMPLETED,
	    done, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
	    MHD_OPTION_END);
	if (server == NULL)
		return shop_fail("status: libmicrohttpd does not start");
	confine(desk->settings, desk->db, listener, false);
	shop_log("status page on %s, user " USER, listener->name);
	/* A signal that comes just before the wait is seen a second later. */
	while (!stopping && !db_lost())
		MHD_run_wait(server, WAIT_MS);
	MHD_stop_daemon(server); /* closes the socket, too */
	listener->fd = -1;
	return db_lost() ? shop_fail("status: the database is lost") : 0;
}

int
status_command(const struct settings *settings, int argc, char **argv)
{
	struct listener listener = {.fd = -1};
	struct desk desk = {.settings = settings};
	unsigned char random[32];
	int result = -1;

	(void)argv;
	if (argc > 1) {
		fprintf(stderr, "storefront: status takes no arguments; "
		                "figures in a terminal: `storefront outbox "
		                "status`\n");
		return 2;
	}
	if (sodium_init() < 0)
		shop_fail("libsodium does not start");
	else if (password_read(settings->status_password_file, desk.password) ==
	             0 &&
	         tpl_load(settings->templates) == 0 &&
	         (desk.db = db_open(settings)) != NULL &&
	         listener_open(&listener, "STOREFRONT_STATUS_LISTEN",
	             settings->status_listen) == 0) {
		randombytes_buf(random, sizeof(random));
		sodium_bin2hex(
		    desk.token, sizeof(desk.token), random, sizeof(random));
		result = serve_until_told(&desk, &listener);
	}
	if (result != 0)
		shop_log_at(LOG_ERR, "%s", shop_error());
	listener_close(&listener);
	db_close(desk.db);
	sodium_memzero(desk.password, sizeof(desk.password));
	return result == 0 ? 0 : 1;
}
