/*
 * http.c - makes a request of CGI variables and a body, strictly.
 *
 * The variables come from nginx, Apache's mod_proxy_fcgi and mod_fcgid as
 * FastCGI parameters, or from Apache's mod_cgid as the environment.  What each
 * was seen to say of GET /products/a%20b behind its usual configuration:
 *
 *			DOCUMENT_URI	SCRIPT_NAME	PATH_INFO
 *	nginx		/products/a b	-		-
 *	mod_proxy_fcgi	-		/products/a b	-
 *	mod_fcgid, CGI	-		"" or a prefix	/products/a b
 *
 * Each is decoded once and has its dots and double slashes resolved; only
 * REQUEST_URI stays as the visitor sent it.  So the path is the first of
 * DOCUMENT_URI (www/apache.conf sets it too), PATH_INFO and SCRIPT_NAME that is
 * there and not empty, and is not decoded again.
 *
 * Promises: path, names and values are valid UTF-8 without NUL or control
 * characters (values may have newlines, which arrive as "\n", and tabs); the
 * body is read only as far as CONTENT_LENGTH, and all of it; nothing is
 * allocated for a body that is too long.
 *
 * Does not: use the Host, or tell who the visitor is.
 */
#include <string.h>
#include <strings.h>

#include "storefront.h"

#define PATH_MAX_BYTES 2048
#define QUERY_MAX 8192

/* -------------------------------------------------------------- the path */

/* No empty, "." or ".." segment; the last may be empty: "/a/". */
static bool
path_normal(const char *path)
{
	const char *p = path;

	while (*p == '/') {
		size_t n = strcspn(++p, "/");

		if ((n == 0 && *p == '/') || (n == 1 && p[0] == '.') ||
		    (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
	}
	return *path == '/';
}

static int
path_make(struct request *request, http_get *get, void *arg)
{
	static const char *const names[] = {
	    "DOCUMENT_URI", "PATH_INFO", "SCRIPT_NAME"};
	const char *path = NULL;

	for (size_t i = 0; i < 3 && (path == NULL || *path == '\0'); i++)
		path = get(arg, names[i]);
	if (path == NULL || *path == '\0')
		return 400;
	if (strlen(path) > PATH_MAX_BYTES)
		return 414;
	if (!path_normal(path) || !utf8_clean(path) ||
	    strpbrk(path, "\n\t") != NULL)
		return 400;
	request->path = arena_copy(request->arena, path);
	return 0;
}

/* -------------------------------------------------------------- the body */

/* "application/x-www-form-urlencoded", perhaps with charset=utf-8. */
static bool
form_type(const char *type)
{
	static const char media[] = "application/x-www-form-urlencoded";
	static const char charset[] = "charset=";
	bool quoted;

	if (type == NULL || strncasecmp(type, media, sizeof(media) - 1) != 0)
		return false;
	type += sizeof(media) - 1;
	type += strspn(type, " \t");
	if (*type == '\0')
		return true;
	if (*type++ != ';')
		return false;
	type += strspn(type, " \t");
	if (strncasecmp(type, charset, sizeof(charset) - 1) != 0)
		return false;
	type += sizeof(charset) - 1;
	quoted = *type == '"';
	type += quoted;
	if (strncasecmp(type, "utf-8", 5) != 0)
		return false;
	type += 5;
	if (quoted && *type++ != '"')
		return false;
	return type[strspn(type, " \t")] == '\0';
}

/* CONTENT_LENGTH: digits only. */
static int
length_parse(const char *text, size_t *length)
{
	*length = 0;
	if (text == NULL || *text == '\0')
		return 411;
	for (; *text >= '0' && *text <= '9'; text++)
		if (*length <= BODY_MAX)
			*length = *length * 10 + (size_t)(*text - '0');
	if (*text != '\0')
		return 400;
	return *length > BODY_MAX ? 413 : 0;
}

static int
form_make(struct request *request, http_get *get, http_read *read, void *arg)
{
	size_t length, done = 0;
	int status = length_parse(get(arg, "CONTENT_LENGTH"), &length);
	char *body;
	long n = 1;

	if (status != 0 || length == 0)
		return status;
	if (!form_type(get(arg, "CONTENT_TYPE")))
		return 415;
	/* A form may hold a password. */
	arena_secret(request->arena);
	body = arena_alloc(request->arena, length);
	if (body == NULL)
		return 503;
	while (done < length && n > 0) {
		n = read(arg, body + done, length - done);
		/* More than asked for would be a reader gone wrong. */
		if (n < 0 || (size_t)n > length - done)
			return 400;
		done += (size_t)n;
	}
	if (done < length)
		return 400;
	return fields_parse(request->arena, body, length, &request->form);
}

/* ----------------------------------------------------------- the request */

/* A header's value, "" if it is absent, too long or holds what it must not. */
static const char *
header(struct request *request, http_get *get, void *arg, const char *name,
    size_t most)
{
	const char *value = get(arg, name);

	if (value == NULL || strlen(value) > most)
		return "";
	for (const char *c = value; *c != '\0'; c++)
		if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
			return "";
	return arena_copy(request->arena, value);
}

/* Why the page is asked for, if not to be seen: in three spellings. */
static const char *
purpose(struct request *request, http_get *get, void *arg)
{
	static const char *const names[] = {
	    "HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_MOZ"};
	const char *value = "";

	for (size_t i = 0; i < 3 && *value == '\0'; i++)
		value = header(request, get, arg, names[i], 100);
	return value;
}

/* It goes into logs and other people's tools. */
static bool
id_ok(const char *id)
{
	size_t n = 0;

	for (; id[n] != '\0'; n++) {
		char small = (char)(id[n] | 0x20);

		if (n == 64 ||
		    !((small >= 'a' && small <= 'z') ||
		        (id[n] >= '0' && id[n] <= '9') || id[n] == '-' ||
		        id[n] == '_' || id[n] == '@'))
			return false;
	}
	return n >= 16;
}

/* nginx.conf's name of the request, or that of Apache's mod_unique_id. */
static const char *
id_make(struct request *request, http_get *get, void *arg)
{
	static const char *const names[] = {"REQUEST_ID", "UNIQUE_ID"};

	for (size_t i = 0; i < 2; i++) {
		const char *id = get(arg, names[i]);

		if (id != NULL && id_ok(id))
			return arena_copy(request->arena, id);
	}
	return random_id(request->arena, 26);
}

static int
method_make(struct request *request, http_get *get, void *arg)
{
	static const char *const methods[] = {"GET", "HEAD", "POST"};
	const char *method = get(arg, "REQUEST_METHOD");
	const char *protocol = get(arg, "SERVER_PROTOCOL");
	const char *uri = get(arg, "REQUEST_URI");

	/* libfcgi takes parameters that were cut off for complete ones. */
	if (method == NULL || *method == '\0' || protocol == NULL ||
	    strncmp(protocol, "HTTP/", 5) != 0 || uri == NULL || *uri == '\0')
		return 400;
	for (size_t i = 0; i < 3; i++)
		if (strcmp(method, methods[i]) == 0) {
			request->method = methods[i];
			return 0;
		}
	return 405;
}

bool
request_posts(const struct request *request)
{
	return strcmp(request->method, "POST") == 0;
}

int
request_make(struct request *request, struct arena *arena, http_get *get,
    http_read *read, void *arg)
{
	const char *query;
	int status;

	*request = (struct request){.arena = arena,
	    .method = "GET",
	    .path = "/",
	    .now = utc_now()};
	request->cookie = header(request, get, arg, "HTTP_COOKIE", 8192);
	request->cookie_lost = *request->cookie == '\0' &&
	                       get(arg, "HTTP_COOKIE") != NULL &&
	                       *get(arg, "HTTP_COOKIE") != '\0';
	request->accept = header(request, get, arg, "HTTP_ACCEPT", 1024);
	request->origin = header(request, get, arg, "HTTP_ORIGIN", 256);
	request->fetch_site =
	    header(request, get, arg, "HTTP_SEC_FETCH_SITE", 32);
	request->if_none_match =
	    header(request, get, arg, "HTTP_IF_NONE_MATCH", 1024);
	request->if_modified_since =
	    header(request, get, arg, "HTTP_IF_MODIFIED_SINCE", 64);
	request->user_agent =
	    header(request, get, arg, "HTTP_USER_AGENT", 1024);
	request->purpose = purpose(request, get, arg);
	request->client = header(request, get, arg, "REMOTE_ADDR", 64);
	request->id = id_make(request, get, arg);
	request->passed_on = get(arg, "HTTP_X_FORWARDED_FOR") != NULL ||
	                     get(arg, "HTTP_FORWARDED") != NULL ||
	                     get(arg, "HTTP_VIA") != NULL;

	status = method_make(request, get, arg);
	if (status == 0)
		status = path_make(request, get, arg);
	if (status != 0)
		return status;
	query = get(arg, "QUERY_STRING");
	if (query != NULL && strlen(query) > QUERY_MAX)
		return 414;
	if (query != NULL)
		status =
		    query_parse(arena, query, strlen(query), &request->query);
	if (status == 0 && request_posts(request))
		status = form_make(request, get, read, arg);
	return status == 0 && arena_failed(arena) ? 503 : status;
}

/* What RFC 6265 lets a cookie's value be made of. */
static bool
cookie_value(const char *value, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)value[i] <= ' ' ||
		    (unsigned char)value[i] >= 0x7f ||
		    strchr("\",\\", value[i]) != NULL)
			return false;
	return true;
}

bool
request_cookie_is(
    const struct request *request, const char *name, const char *value)
{
	size_t length = strlen(name), n;

	for (const char *p = request->cookie; *p != '\0'; p += n) {
		size_t end;

		/* Apache joins two headers by a comma, which no value has. */
		p += strspn(p, ";, \t");
		end = n = strcspn(p, ";,");
		while (end > 0 && strchr(" \t", p[end - 1]) != NULL)
			end--;
		if (end == length + 1 + strlen(value) &&
		    memcmp(p, name, length) == 0 && p[length] == '=' &&
		    memcmp(p + length + 1, value, end - length - 1) == 0)
			return true;
	}
	return false;
}

const char *
request_cookie(struct request *request, const char *name)
{
	size_t length = strlen(name), n;
	const char *found = NULL;
	size_t found_length = 0;

	for (const char *p = request->cookie; *p != '\0'; p += n) {
		p += strspn(p, "; \t");
		n = strcspn(p, ";");
		if (n <= length || p[length] != '=' ||
		    memcmp(p, name, length) != 0)
			continue;
		/* Twice: one of them may be a stranger's, so neither. */
		if (found != NULL)
			return "";
		found = p + length + 1;
		found_length = n - length - 1;
		while (found_length > 0 &&
		       strchr(" \t", found[found_length - 1]) != NULL)
			found_length--;
	}
	if (found == NULL || !cookie_value(found, found_length))
		return "";
	return arena_copyn(request->arena, found, found_length);
}
