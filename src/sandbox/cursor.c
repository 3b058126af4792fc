/*
 * cursor.c - from one page of an answer to the next: cursors and links.
 *
 * A cursor is opaque to its bearer, belongs to one filter and sort, and stays
 * good while other things arrive. Links are absolute, on the address by which
 * the sandbox was reached.
 */
#include "query.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

/* What a cursor is good for: it says where in one order of one choice. */
static uint64_t
choice(const struct call *c)
{
	static const unsigned char key[crypto_shorthash_KEYBYTES];
	const char *s = call_query(c, "filter");
	const char *by = call_query(c, "sort");
	struct buf b = {0};
	uint64_t hash;

	buf_printf(&b, "%s %s", by ? by : "", s ? s : "");
	crypto_shorthash(
	    (unsigned char *)&hash, (unsigned char *)b.p, b.n, key);
	buf_free(&b);
	return hash;
}

enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

int
query_cursor(struct call *c, struct query *q)
{
	const char *s = call_query(c, "page[cursor]");
	uint64_t in[3];
	size_t n;

	if (!s)
		return 0;
	if (sodium_base642bin((unsigned char *)in, sizeof in, s, strlen(s),
	        NULL, &n, NULL, VARIANT) ||
	    n != sizeof in || in[2] != choice(c))
		return query_fail(c, "page[cursor]",
		    "Not a cursor of this query: take it from links.next.");
	q->after[0] = (int64_t)in[0];
	q->after[1] = (int64_t)in[1];
	q->continued = 1;
	return 0;
}

/* An address of this sandbox, as it was reached. */
void
query_self(struct buf *b, const struct call *c, const char *path)
{
	const char *host = call_header(c, "Host");
	struct buf s = {0};

	buf_printf(&s, "http://%s%s", host ? host : "localhost", path);
	buf_json(b, s.p, s.n);
	buf_free(&s);
}

/* The target without its cursor. */
static void
without_cursor(struct buf *b, const char *target)
{
	static const char *const names[] = {
	    "page[cursor]=", "page%5Bcursor%5D="};
	const char *s = strchr(target, '?');
	char joint = '?';

	buf_add(b, target, s ? (size_t)(s - target) : strlen(target));
	for (s = s ? s + 1 : ""; *s;) {
		size_t n = strcspn(s, "&");

		if (strncasecmp(s, names[0], strlen(names[0])) &&
		    strncasecmp(s, names[1], strlen(names[1]))) {
			buf_add(b, &joint, 1);
			buf_add(b, s, n);
			joint = '&';
		}
		s += n + (s[n] == '&');
	}
	buf_printf(b, "%c", joint);
}

void
query_links(struct call *c, const int64_t last[2])
{
	struct buf next = {0};
	char text[48];
	uint64_t out[3];

	buf_str(&c->reply, ",\"links\":{\"self\":");
	query_self(&c->reply, c, c->target);
	buf_str(&c->reply, ",\"next\":");
	if (last) {
		out[0] = (uint64_t)last[0];
		out[1] = (uint64_t)last[1];
		out[2] = choice(c);
		sodium_bin2base64(text, sizeof text, (unsigned char *)out,
		    sizeof out, VARIANT);
		without_cursor(&next, c->target);
		buf_printf(&next, "page%%5Bcursor%%5D=%s", text);
		query_self(&c->reply, c, next.p);
		buf_free(&next);
	} else {
		buf_str(&c->reply, "null");
	}
	buf_str(&c->reply, ",\"prev\":null}");
}
