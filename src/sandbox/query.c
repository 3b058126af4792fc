/*
 * query.c - what a GET request asks for: filter and sort (its page: cursor.c).
 *
 *   filter=equals(metric_id,"Abc123"),greater-or-equal(datetime,2026-07-01T00:00:00Z)
 *   filter=and(any(ids,["a","b"]),equals(published,true))
 *
 * The grammar is that of Klaviyo's public description: OPERATOR(FIELD,VALUE),
 * joined by commas or by one and(..); texts are quoted, times, numbers and
 * booleans are not. A field, an operator or a value that the endpoint does not
 * know is a 400 that names the parameter.
 */
#include "query.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum op op;
} ops[] = {{"equals", OP_EQUALS}, {"any", OP_ANY}, {"contains", OP_CONTAINS},
    {"greater-or-equal", OP_FROM}, {"greater-than", OP_AFTER},
    {"less-or-equal", OP_TO}, {"less-than", OP_BEFORE}};
enum { OPS = sizeof ops / sizeof *ops };
static const int64_t BIG = INT64_C(1) << 53;

int
query_fail(struct call *c, const char *param, const char *detail)
{
	report_error(
	    &c->report, 400, "invalid", "Invalid input.", param, NULL, detail);
	return -1;
}

static int
fail_at(struct call *c, const char *what, const char *at)
{
	char detail[200];

	snprintf(detail, sizeof detail, "%s, at: %.60s", what,
	    *at ? at : "(its end)");
	return query_fail(c, "filter", detail);
}

static size_t
word(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyz"
	                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
}

/* "text", with \" and \\ in it; a NUL after it. */
static int
quoted(struct call *c, const char **s, struct buf *out)
{
	const char *p = *s;

	if (*p++ != '"')
		return fail_at(c, "A text in double quotes is expected", *s);
	for (; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		buf_add(out, p, 1);
	}
	if (!*p)
		return fail_at(c, "The text does not end", *s);
	buf_add(out, "", 1);
	*s = p + 1;
	return 0;
}

static int
list(struct call *c, const char **s, struct buf *out)
{
	if (**s != '[')
		return fail_at(c, "A list, [\"..\",\"..\"], is expected", *s);
	do {
		++*s;
		*s += strspn(*s, " ");
		if (quoted(c, s, out))
			return -1;
		*s += strspn(*s, " ");
	} while (**s == ',');
	if (**s != ']')
		return fail_at(c, "The list does not end", *s);
	++*s;
	return 0;
}

static int
bare(struct call *c, const char **s, enum value_kind kind, int64_t *out)
{
	size_t n = strcspn(*s, "),");
	char text[48], *end;
	int zone;

	if (n >= sizeof text)
		n = sizeof text - 1;
	memcpy(text, *s, n);
	text[n] = 0;
	if (kind == V_TIME) {
		*out = time_parse(text, &zone);
		if (*out == -1)
			return fail_at(c,
			    "A time such as 2026-07-15T12:00:00Z, without "
			    "quotes, is expected",
			    *s);
	} else if (kind == V_NUMBER) {
		*out = strtoll(text, &end, 10);
		if (!*text || *end || *text == ' ' || *out > BIG || *out < -BIG)
			return fail_at(c, "A whole number is expected", *s);
	} else {
		*out = !strcmp(text, "true");
		if (!*out && strcmp(text, "false"))
			return fail_at(c, "true or false is expected", *s);
	}
	*s += n;
	return 0;
}

static int
field_of(const struct filter_field *fields, const char *name, size_t n)
{
	for (int i = 0; fields[i].name; i++)
		if (strlen(fields[i].name) == n &&
		    !strncmp(fields[i].name, name, n))
			return i;
	return -1;
}

static int
op_of(const char *name, size_t n)
{
	for (int i = 0; i < OPS; i++)
		if (strlen(ops[i].name) == n && !strncmp(ops[i].name, name, n))
			return i;
	return -1;
}

/* One OPERATOR(FIELD,VALUE). */
static int
term(struct call *c, const char **s, const struct filter_field *fields,
    struct query *q)
{
	struct term *t = &q->terms[q->nterms];
	const char *start = *s;
	size_t n = word(*s);
	int op = op_of(*s, n), wrong;

	if (q->nterms == TERMS)
		return fail_at(c, "Too many conditions", *s);
	if (op < 0 || start[n] != '(')
		return fail_at(c, "No such operator", start);
	*s += n + 1;
	*s += strspn(*s, " ");
	n = word(*s);
	t->field = field_of(fields, *s, n);
	if (t->field < 0)
		return fail_at(c, "This cannot be filtered by", *s);
	t->op = ops[op].op;
	if (!(fields[t->field].ops & (int)t->op))
		return fail_at(c, "The field has no such operator", start);
	*s += n;
	*s += strspn(*s, " ");
	if (*(*s)++ != ',')
		return fail_at(c, "A comma and a value are expected", start);
	*s += strspn(*s, " ");
	q->nterms++;
	if (t->op == OP_ANY)
		wrong = list(c, s, &t->text);
	else if (fields[t->field].kind == V_TEXT)
		wrong = quoted(c, s, &t->text);
	else
		wrong = bare(c, s, fields[t->field].kind, &t->number);
	if (wrong)
		return -1;
	*s += strspn(*s, " ");
	if (*(*s)++ != ')')
		return fail_at(c, "A ) is expected after the value", start);
	return 0;
}

static int
filter(struct call *c, const struct filter_field *fields, struct query *q)
{
	const char *s = call_query(c, "filter");
	int within;

	if (!s)
		return 0;
	if ((within = !strncmp(s, "and(", 4)))
		s += 4;
	do {
		s += q->nterms > 0;
		s += strspn(s, " ");
		if (term(c, &s, fields, q))
			return -1;
		s += strspn(s, " ");
	} while (*s == ',');
	if (within && *s++ != ')')
		return fail_at(c, "A ) is expected after the conditions", s);
	return *s ? fail_at(c, "A comma or the end is expected", s) : 0;
}

int
query_lists(
    const struct call *c, const char *param, const char *what, int otherwise)
{
	const char *s = call_query(c, param);

	if (!s)
		return otherwise;
	while (*s) {
		size_t n = strcspn(s, ",");

		if (n == strlen(what) && !strncmp(s, what, n))
			return 1;
		s += n + (s[n] == ',');
	}
	return 0;
}

int
query_words(struct call *c, const char *param, const char *known)
{
	const char *s = call_query(c, param);
	char detail[160];

	while (s && *s) {
		size_t n = strcspn(s, ","), len = 0;
		const char *k = known;

		for (; *k; k += len + (k[len] == ' ')) {
			len = strcspn(k, " ");
			if (len == n && !strncmp(k, s, n))
				break;
		}
		if (!*k) {
			snprintf(detail, sizeof detail,
			    "'%.*s' is none of: %s.", (int)(n < 40 ? n : 40), s,
			    known);
			return query_fail(c, param, detail);
		}
		s += n + (s[n] == ',');
	}
	return 0;
}

static int
sort(struct call *c, const struct pages *p, struct query *q)
{
	const char *given = call_query(c, "sort"), *s = p->sorts;
	size_t n;

	q->descending = p->descending;
	if (!given)
		return 0;
	q->descending = *given == '-';
	given += *given == '-';
	for (; *s; s += n + (s[n] == ' ')) {
		n = strcspn(s, " ");
		if (strlen(given) == n && !strncmp(s, given, n))
			return 0;
	}
	return query_fail(c, "sort", "This cannot be sorted by.");
}

int
query_read(struct call *c, const struct pages *p, struct query *q)
{
	const char *s = call_query(c, "page[size]");
	char *end;
	long long size;

	memset(q, 0, sizeof *q);
	q->size = p->size;
	if (s) {
		size = strtoll(s, &end, 10);
		if (!*s || *end || size < 1 || size > (long long)p->max) {
			char detail[80];

			snprintf(detail, sizeof detail,
			    "A number from 1 to %zu is expected.", p->max);
			return query_fail(c, "page[size]", detail);
		}
		q->size = (size_t)size;
	}
	return filter(c, p->fields, q) || sort(c, p, q) || query_cursor(c, q)
	           ? -1
	           : 0;
}

void
query_free(struct query *q)
{
	for (int i = 0; i < TERMS; i++)
		buf_free(&q->terms[i].text);
}

int
query_text(const struct term *t, const char *value)
{
	const char *s = t->text.p, *end = s + t->text.n;

	if (t->op == OP_CONTAINS)
		return strcasestr(value, s) != NULL;
	for (; s < end; s += strlen(s) + 1)
		if (!strcmp(s, value))
			return 1;
	return 0;
}

int
query_number(const struct term *t, int64_t value)
{
	switch (t->op) {
	case OP_FROM:
		return value >= t->number;
	case OP_AFTER:
		return value > t->number;
	case OP_TO:
		return value <= t->number;
	case OP_BEFORE:
		return value < t->number;
	default:
		return value == t->number;
	}
}
