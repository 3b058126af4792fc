/*
 * response.c - the answer as CGI and FastCGI want it, and its one header
 * writer.
 *
 * Promises: no header holds CR, LF, NUL or another control character, or has a
 * name that is no token: an answer with a refused header, or one that memory
 * ran out for, leaves as a bare 500 or 503 and never in part.  Content-Length
 * is right, or not there while nobody knows it; HEAD, 204 and 304 have no body.
 * A body may be a file, which is never read into memory: the gateway sends it on
 * behind the headers.
 */
#include <string.h>

#include "storefront.h"

static const struct {
	int status;
	const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
};

static const char *
reason(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

/* RFC 9110's token, which a header's name is. */
static bool
token_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+.^_`|~", c) != NULL);
}

void
response_header(struct response *response, const char *name, const char *value)
{
	struct text *headers = &response->headers;
	size_t named = 0, length = 0;

	while (token_letter(name[named]))
		named++;
	while ((unsigned char)value[length] >= 0x20 && value[length] != 0x7f)
		length++;
	if (named == 0 || name[named] != '\0' || value[length] != '\0') {
		response->bad = true;
		return;
	}
	text_addn(headers, name, named);
	text_addn(headers, ": ", 2);
	text_addn(headers, value, length);
	text_addn(headers, "\r\n", 2);
}

/* ----------------------------------------------------------------- answering */

void
response_free(struct response *response)
{
	text_free(&response->headers);
	text_free(&response->body);
	/* It was to be written, and will not be. */
	if (response->make != NULL)
		file_body_end(response->file, false);
	file_body_free(response->file);
	*response = (struct response){.status = 0};
}

/* An answer that needs nothing but a few bytes. */
static void
bare(int status, bool head, struct text *out)
{
	const char *text = reason(status);

	text_printf(out,
	    "Status: %d %s\r\nContent-Type: text/plain\r\n"
	    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
	    "Content-Length: %zu\r\n\r\n%s%s",
	    status, text, strlen(text) + 1, head ? "" : text, head ? "" : "\n");
}

static void
add_length(struct text *out, size_t length)
{
	text_add(out, "Content-Length: ");
	text_add(out, NUM((int64_t)length));
	text_add(out, "\r\n\r\n");
}

void
response_cgi(const struct response *response, bool head, struct text *out)
{
	int status = response->status == 0 ? 200 : response->status;

	if (response->headers.failed || response->body.failed) {
		bare(503, head, out);
		return;
	}
	if (response->bad || status < 200 || status > 599) {
		bare(500, head, out);
		return;
	}
	text_add(out, "Status: ");
	text_add(out, NUM(status));
	text_add(out, " ");
	text_add(out, reason(status));
	text_add(out, "\r\n");
	text_addn(out, response->headers.data, response->headers.length);
	if (status == 204 || status == 304) {
		text_add(out, "\r\n");
		return;
	}
	if (response->file != NULL) {
		int64_t length;

		if (file_body_state(response->file, &length) == FILE_WHOLE)
			text_printf(out, "Content-Length: %lld\r\n",
			    (long long)length);
		text_add(out, "\r\n");
		return;
	}
	if (response->pieces > 0) {
		size_t length = 0;

		for (size_t i = 0; i < response->pieces; i++)
			length += response->piece[i].length;
		add_length(out, length);
		return;
	}
	add_length(out, response->body.length);
	if (!head)
		text_addn(out, response->body.data, response->body.length);
}
