/*
 * json.c - strict JSON (RFC 8259), with every value's own text kept.
 *
 * A judge must not be more tolerant than the judged: control characters in
 * strings, leading zeros, "1.", invalid UTF-8, lone surrogates, \u0000, text
 * behind the value and nesting beyond 64 levels are refused. A number's text is
 * kept as it was sent, so that nothing is rounded on its way to the page.
 * Duplicate member names are refused too: they hide one of two values.
 */
#include "sandbox.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 64, BLOCK = 16384 };

struct block {
	struct block *next;
	size_t used, cap;
	char data[];
};
struct json_doc {
	struct block *blocks;
	char *text; /* without white space between tokens */
	struct json *root;
};
struct parser {
	struct json_doc *doc;
	const char *p, *end, *why;
};

static void *
take(struct json_doc *d, size_t n)
{
	struct block *b = d->blocks;

	n = (n + 15) & ~(size_t)15;
	if (!b || b->used + n > b->cap) {
		size_t cap = n > BLOCK ? n : BLOCK;

		b = xrealloc(NULL, sizeof *b + cap);
		*b = (struct block){d->blocks, 0, cap};
		d->blocks = b;
	}
	b->used += n;
	return b->data + b->used - n;
}

/* Copies the text without the white space outside strings. */
static char *
squeeze(const char *s, size_t n, size_t *len)
{
	char *out = xrealloc(NULL, n + 1), *o = out;
	int in = 0;

	for (size_t i = 0; i < n; i++) {
		if (in && s[i] == '\\' && i + 1 < n)
			*o++ = s[i++];
		else if (s[i] == '"')
			in = !in;
		else if (!in && s[i] && strchr(" \t\r\n", s[i])) {
			/* "1 2" must not become 12 */
			if (o > out && i + 1 < n &&
			    !strchr("{}[],:\"", o[-1]) &&
			    !strchr("{}[],:\" \t\r\n", s[i + 1]))
				*o++ = ' ';
			continue;
		}
		*o++ = s[i];
	}
	*o = 0;
	*len = (size_t)(o - out);
	return out;
}

static int
utf8_ok(const char *text, size_t n)
{
	struct buf b = {0};
	int ok;

	/* Cheap way out for plain ASCII. */
	for (size_t i = 0; i < n; i++)
		if (!text[i])
			return 0;
		else if ((unsigned char)text[i] >= 0x80)
			goto slow;
	return 1;
slow:
	buf_json(&b, text, n);
	/* buf_json puts U+FFFD where a byte is none of UTF-8's. */
	size_t before = 0, after = 0;
	for (size_t i = 0; i + 2 < n; i++)
		before += !memcmp(text + i, "\xef\xbf\xbd", 3);
	for (size_t i = 0; i + 2 < b.n; i++)
		after += !memcmp(b.p + i, "\xef\xbf\xbd", 3);
	ok = before == after;
	buf_free(&b);
	return ok;
}

static int
hex4(const char *p, unsigned *out)
{
	*out = 0;
	for (int i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdef", *d;
		char c = p[i];

		if (c >= 'A' && c <= 'F')
			c = (char)(c + 32);
		if (!c || !(d = strchr(digits, c)))
			return -1;
		*out = *out << 4 | (unsigned)(d - digits);
	}
	return 0;
}

static char *
put_utf8(char *o, unsigned c)
{
	if (c < 0x80) {
		*o++ = (char)c;
	} else if (c < 0x800) {
		*o++ = (char)(0xc0 | c >> 6);
		*o++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*o++ = (char)(0xe0 | c >> 12);
		*o++ = (char)(0x80 | (c >> 6 & 0x3f));
		*o++ = (char)(0x80 | (c & 0x3f));
	} else {
		*o++ = (char)(0xf0 | c >> 18);
		*o++ = (char)(0x80 | (c >> 12 & 0x3f));
		*o++ = (char)(0x80 | (c >> 6 & 0x3f));
		*o++ = (char)(0x80 | (c & 0x3f));
	}
	return o;
}

/* One escape sequence; p->p stands behind the backslash. */
static char *
escape(struct parser *p, char *o)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *f;
	unsigned c, d;

	if (*p->p && (f = strchr(from, *p->p))) {
		p->p++;
		*o++ = to[f - from];
		return o;
	}
	if (*p->p != 'u' || p->end - p->p < 5 || hex4(p->p + 1, &c)) {
		p->why = "unknown escape in a string";
		return NULL;
	}
	p->p += 5;
	if (c >= 0xd800 && c < 0xdc00 && p->end - p->p >= 6 &&
	    p->p[0] == '\\' && p->p[1] == 'u' && !hex4(p->p + 2, &d) &&
	    d >= 0xdc00 && d < 0xe000) {
		c = 0x10000 + ((c - 0xd800) << 10) + (d - 0xdc00);
		p->p += 6;
	}
	if (!c || (c >= 0xd800 && c < 0xe000)) {
		p->why = c ? "lone surrogate" : "\\u0000 in a string";
		return NULL;
	}
	return put_utf8(o, c);
}

static const char *
string(struct parser *p, size_t *size)
{
	const char *close = ++p->p;
	char *out, *o;

	while (close < p->end && *close != '"')
		close += *close == '\\' ? 2 : 1;
	if (close >= p->end) {
		p->why = "string without end";
		return NULL;
	}
	out = o = take(p->doc, (size_t)(close - p->p) + 1);
	while (*p->p != '"') {
		if ((unsigned char)*p->p < 0x20) {
			p->why = "control character in a string";
			return NULL;
		}
		if (*p->p == '\\') {
			p->p++;
			if (!(o = escape(p, o)))
				return NULL;
		} else {
			*o++ = *p->p++;
		}
	}
	p->p++;
	*o = 0;
	*size = (size_t)(o - out);
	return out;
}

static size_t
digits(struct parser *p)
{
	const char *from = p->p;

	while (*p->p >= '0' && *p->p <= '9')
		p->p++;
	return (size_t)(p->p - from);
}

static int
number(struct parser *p)
{
	const char *from;

	p->why = "malformed number";
	if (*p->p == '-')
		p->p++;
	from = p->p;
	if (!digits(p) || (*from == '0' && p->p - from > 1))
		return -1;
	if (*p->p == '.' && (p->p++, !digits(p)))
		return -1;
	if (*p->p == 'e' || *p->p == 'E') {
		p->p++;
		if (*p->p == '+' || *p->p == '-')
			p->p++;
		if (!digits(p))
			return -1;
	}
	p->why = NULL;
	return 0;
}

static struct json *value(struct parser *p, int depth);

/* The children of an object or array, up to the closing bracket. */
static int
children(struct parser *p, struct json *v, int depth)
{
	char close = *p->p == '{' ? '}' : ']';
	struct json **tail = &v->child, *c;
	const char *key = NULL;
	size_t n;

	if (depth >= DEPTH) {
		p->why = "nested too deeply";
		return -1;
	}
	p->p++;
	if (*p->p == close) {
		p->p++;
		return 0;
	}
	for (;;) {
		if (close == '}') {
			p->why = "member name expected";
			if (*p->p != '"' || !(key = string(p, &n)))
				return -1;
			p->why = "':' expected";
			if (*p->p++ != ':')
				return -1;
			p->why = "member name repeated";
			if (v->size < 500 && json_get(v, key))
				return -1;
			p->why = NULL;
		}
		if (!(c = value(p, depth + 1)))
			return -1;
		c->key = key;
		*tail = c;
		tail = &c->next;
		v->size++;
		if (*p->p == close)
			break;
		p->why = "',' or closing bracket expected";
		if (*p->p++ != ',')
			return -1;
		p->why = NULL;
	}
	p->p++;
	return 0;
}

static int
word(struct parser *p, struct json *v)
{
	static const char *const words[] = {"null", "true", "false"};

	for (int i = 0; i < 3; i++) {
		size_t n = strlen(words[i]);

		if (strncmp(p->p, words[i], n))
			continue;
		v->type = i ? JSON_BOOL : JSON_NULL;
		p->p += n;
		return 0;
	}
	p->why = "value expected";
	return -1;
}

static struct json *
value(struct parser *p, int depth)
{
	struct json *v = take(p->doc, sizeof *v);
	int bad = 0;

	*v = (struct json){.src = p->p};
	if (*p->p == '{' || *p->p == '[') {
		v->type = *p->p == '{' ? JSON_OBJECT : JSON_ARRAY;
		bad = children(p, v, depth);
	} else if (*p->p == '"') {
		v->type = JSON_STRING;
		bad = !(v->str = string(p, &v->size));
	} else if (*p->p == '-' || (*p->p >= '0' && *p->p <= '9')) {
		v->type = JSON_NUMBER;
		bad = number(p);
	} else {
		bad = word(p, v);
	}
	v->len = (size_t)(p->p - v->src);
	return bad ? NULL : v;
}

struct json_doc *
json_parse(const char *text, size_t n, const char **reason)
{
	struct json_doc *d = xalloc(sizeof *d);
	struct parser p = {.doc = d};
	size_t len;

	*reason = "not UTF-8";
	d->text = squeeze(text, n, &len);
	if (utf8_ok(text, n)) {
		p.p = d->text;
		p.end = d->text + len;
		d->root = value(&p, 0);
		*reason = p.why ? p.why : "text behind the JSON value";
	}
	if (!d->root || p.p != p.end) {
		json_free(d);
		return NULL;
	}
	return d;
}

const struct json *
json_root(const struct json_doc *doc)
{
	return doc ? doc->root : NULL;
}

void
json_free(struct json_doc *d)
{
	struct block *next;

	if (!d)
		return;
	for (struct block *b = d->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	free(d->text);
	free(d);
}

const struct json *
json_get(const struct json *object, const char *key)
{
	if (!object || object->type != JSON_OBJECT)
		return NULL;
	for (const struct json *c = object->child; c; c = c->next)
		if (!strcmp(c->key, key))
			return c;
	return NULL;
}

const struct json *
json_path(const struct json *v, ...)
{
	const char *key;
	va_list ap;

	va_start(ap, v);
	while (v && (key = va_arg(ap, const char *)))
		v = json_get(v, key);
	va_end(ap);
	return v;
}

const char *
json_text(const struct json *object, const char *key)
{
	const struct json *v = json_get(object, key);

	return v && v->type == JSON_STRING ? v->str : NULL;
}

void
json_copy(struct buf *b, const struct json *v)
{
	if (v)
		buf_add(b, v->src, v->len);
	else
		buf_str(b, "null");
}
