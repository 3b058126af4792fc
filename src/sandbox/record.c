/*
 * record.c - --record: each request to /api and /client as one line of JSON.
 *
 *   {"at":"..","method":"POST","path":"/api/events?..","headers":{..},
 *    "status":202,"sent":202,"request_id":"..","fault":"..","body":{..}}
 *
 * status is what Klaviyo decided (0: the request never reached it), sent what
 * the caller was told (0: nothing); they differ only under a fault. request_id
 * is the answer's header X-Klaviyo-Req-Id. A body that is not JSON is recorded
 * as null, with its text in "raw". A line is written by one write(2) before the
 * answer is sent. The Authorization header is kept.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int fd = -1;

int
record_open(const char *file)
{
	char last = '\n';

	fd = open(file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd == -1) {
		fprintf(stderr, "klaviyo-sandbox: --record %s: %s\n", file,
		    strerror(errno));
		return -1;
	}
	/* A line that a crash cut short must not be continued. */
	if (lseek(fd, -1, SEEK_END) >= 0 && read(fd, &last, 1) == 1 &&
	    last != '\n')
		(void)!write(fd, "\n", 1);
	return 0;
}

void
record_write(const struct arrival *a, int processed, int sent, const char *body,
    size_t n)
{
	struct json_doc *doc;
	struct buf b = {0};
	const char *why;

	if (fd == -1)
		return;
	buf_str(&b, "{\"at\":\"");
	buf_time(&b, a->received);
	buf_str(&b, "\",\"method\":");
	buf_json(&b, a->method, strlen(a->method));
	buf_str(&b, ",\"path\":");
	buf_json(&b, a->path, strlen(a->path));
	buf_printf(&b, ",\"headers\":%s,\"status\":%d,\"sent\":%d,", a->headers,
	    processed, sent);
	if (a->request_id)
		buf_printf(&b, "\"request_id\":\"%s\",", a->request_id);
	if (a->fault) {
		buf_str(&b, "\"fault\":");
		buf_json(&b, a->fault, strlen(a->fault));
		buf_str(&b, ",");
	}
	buf_str(&b, "\"body\":");
	doc = json_parse(body, n, &why);
	json_copy(&b, json_root(doc));
	if (!doc && n) {
		buf_str(&b, ",\"raw\":");
		buf_json(&b, body, n);
	}
	json_free(doc);
	buf_str(&b, "}\n");
	if (write(fd, b.p, b.n) != (ssize_t)b.n)
		fprintf(
		    stderr, "klaviyo-sandbox: --record: %s\n", strerror(errno));
	buf_free(&b);
}
