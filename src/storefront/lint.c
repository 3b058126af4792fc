/*
 * lint.c - refuses templates with holes that ctemplate's AUTOESCAPE leaves.
 *
 * Checked: the pragma is the very first thing of every file (without it nothing
 * is escaped), and no other marks than {{ and }} are agreed on behind it; :none
 * stands only on {{SCRIPTS}} of the layout and on {{KLAVIYO_..}} below
 * klaviyo/, which the bridge fills from the library's escaper; no variable
 * stands in an attribute that AUTOESCAPE takes for plain text but a browser
 * runs (formaction, srcdoc, xlink:href, on..), in a javascript: address, in an
 * element's name, or inside a <script> or <style> but those JSON ones.
 *
 * Follows elements, attributes and their quotes as a browser does, and knows no
 * more of HTML than that; so it may refuse what would be harmless, and says so:
 * write such a template another way.
 */
#include "lint.h"

#include "storefront.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char *const pragmas[] = {
    "{{%AUTOESCAPE context=\"HTML\"}}",
    "{{%AUTOESCAPE context=\"JAVASCRIPT\"}}",
};

static int
line_of(const char *text, const char *at)
{
	int line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

static bool
begins(const char *text, const char *prefix)
{
	return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* --------------------------------------------------- where a variable stands
 */

static const char address[] = "javascript:";

struct scan {
	enum place {
		CONTENT,
		COMMENT,
		ELEMENT,   /* in the name of a tag, its / included */
		BETWEEN,   /* in a tag, behind a name or a value */
		ATTRIBUTE, /* in an attribute's name */
		NAMED,     /* behind it */
		EQUALS,    /* behind its = */
		VALUE
	} place;
	bool script; /* the content is a script's or a style's */
	char quote;  /* of the value; 0 = none */
	char element[8], attribute[12]; /* how they begin, in lower case */
	size_t script_word; /* how much of "javascript:" the value ends in */
};

static void
keep(char *name, size_t size, char c)
{
	size_t n = strlen(name);

	if (n + 1 < size) {
		name[n] = c;
		name[n + 1] = '\0';
	}
}

static void
start_attribute(struct scan *scan, char c)
{
	scan->place = ATTRIBUTE;
	scan->attribute[0] = '\0';
	keep(scan->attribute, sizeof(scan->attribute), c);
}

static void
start_value(struct scan *scan, char quote)
{
	scan->place = VALUE;
	scan->quote = quote;
	scan->script_word = 0;
}

static void
end_tag(struct scan *scan)
{
	scan->place = CONTENT;
	scan->script = strcmp(scan->element, "script") == 0 ||
	               strcmp(scan->element, "style") == 0;
}

/* Once it is whole it stays so.  Browsers pass over blanks in an address. */
static void
value_character(struct scan *scan, char c)
{
	if (scan->script_word == sizeof(address) - 1 || (unsigned char)c <= ' ')
		return;
	if (c == address[scan->script_word])
		scan->script_word++;
	else
		scan->script_word = c == address[0];
}

static void
content(struct scan *scan, const char *p)
{
	bool tag = scan->script ? begins(p, "</script") || begins(p, "</style")
	                        : *p == '<' && (isalpha((unsigned char)p[1]) ||
	                                           p[1] == '/' || p[1] == '{');

	if (tag) {
		scan->place = ELEMENT;
		scan->element[0] = '\0';
	} else if (!scan->script && strncmp(p, "<!--", 4) == 0) {
		scan->place = COMMENT;
	}
}

/* One character within a tag, in lower case. */
static void
tag(struct scan *scan, char c)
{
	bool blank = isspace((unsigned char)c);

	if (scan->place == VALUE && scan->quote != '\0') {
		if (c == scan->quote)
			scan->place = BETWEEN;
		else
			value_character(scan, c);
	} else if (c == '>') {
		end_tag(scan);
	} else if (scan->place == VALUE) {
		if (blank)
			scan->place = BETWEEN;
		else
			value_character(scan, c);
	} else if (scan->place == ELEMENT) {
		if (blank || (c == '/' && *scan->element != '\0'))
			scan->place = BETWEEN;
		else
			keep(scan->element, sizeof(scan->element), c);
	} else if (scan->place == EQUALS) {
		if (c == '"' || c == '\'')
			start_value(scan, c);
		else if (!blank) {
			start_value(scan, '\0');
			value_character(scan, c);
		}
	} else if (c == '=' && scan->place != BETWEEN) {
		scan->place = EQUALS;
	} else if (scan->place == ATTRIBUTE && !blank && c != '/') {
		keep(scan->attribute, sizeof(scan->attribute), c);
	} else if (blank && scan->place == ATTRIBUTE) {
		scan->place = NAMED;
	} else if (c == '/') {
		scan->place = BETWEEN;
	} else if (!blank) {
		start_attribute(scan, c);
	}
}

static void
character(struct scan *scan, const char *p)
{
	if (scan->place == CONTENT)
		content(scan, p);
	else if (scan->place == COMMENT)
		scan->place = strncmp(p, "-->", 3) == 0 ? CONTENT : COMMENT;
	else
		tag(scan, (char)tolower((unsigned char)*p));
}

/* ---------------------------------------------------------- what is wrong */

/* May this variable, ${length} bytes, print what it is given? */
static bool
may_be_raw(const char *name, const char *variable, size_t length)
{
	const char *colon = memchr(variable, ':', length);

	if (colon == NULL || length - (size_t)(colon - variable) != 5 ||
	    strncmp(colon, ":none", 5) != 0)
		return false;
	if (strcmp(name, "layout.tpl") == 0)
		return strncmp(variable, "SCRIPTS:", 8) == 0;
	return begins(name, "klaviyo/") &&
	       strncmp(variable, "KLAVIYO_", 8) == 0;
}

static const char *
modifier_fault(const char *name, const char *variable, size_t length)
{
	/* Modifiers are a chain: the second may undo the first. */
	if (memmem(variable, length, ":none", 5) != NULL &&
	    !may_be_raw(name, variable, length))
		return ":none prints unescaped text";
	if (memmem(variable, length, ":x-", 3) != NULL)
		return "an unknown modifier prints unescaped text";
	return NULL;
}

static const char *
value_fault(const struct scan *scan)
{
	const char *attribute = scan->attribute;

	if (begins(attribute, "formaction") || begins(attribute, "srcdoc") ||
	    begins(attribute, "xlink:href") || begins(attribute, "style"))
		return "this attribute is not escaped for what it does";
	if (begins(attribute, "on"))
		return "no variable belongs in an event handler";
	if (scan->script_word == sizeof(address) - 1)
		return "no variable belongs in a javascript: address";
	return NULL;
}

/* What is wrong with what stands between {{ and }}, or NULL. */
static const char *
fault_of(struct scan *scan, const char *name, const char *inner, size_t length)
{
	const char *fault;

	if (*inner == '!') /* a comment may speak of anything */
		return NULL;
	if (*inner == '=')
		return "other marks than these are not read here";
	if (scan->place == ELEMENT)
		return "an element's name is written out";
	if (strchr("#/%", *inner) != NULL)
		return NULL;
	fault = modifier_fault(name, inner, length);
	if (fault != NULL || *inner == '>' || may_be_raw(name, inner, length))
		return fault;
	if (scan->place == EQUALS)
		start_value(scan, '\0');
	if (scan->place == VALUE)
		return value_fault(scan);
	return scan->place == CONTENT && scan->script
	           ? "only {{KLAVIYO_..:none}} belongs inside a script"
	           : NULL;
}

int
lint_template(const char *name, const char *text)
{
	bool html = strncmp(text, pragmas[0], strlen(pragmas[0])) == 0;
	bool script = strncmp(text, pragmas[1], strlen(pragmas[1])) == 0;
	struct scan scan = {.place = CONTENT};

	if (!html && !script)
		return shop_fail("%s:1: must begin with %s: without it nothing "
		                 "is escaped",
		    name, pragmas[0]);
	if (script && !begins(name, "klaviyo/"))
		return shop_fail(
		    "%s:1: only files below klaviyo/ are scripts", name);
	for (const char *p = text; *p != '\0'; p++) {
		const char *end, *fault;

		if (strncmp(p, "{{", 2) != 0) {
			if (html)
				character(&scan, p);
			continue;
		}
		end = strstr(p, "}}");
		if (end == NULL)
			return shop_fail(
			    "%s:%d: {{ without }}", name, line_of(text, p));
		/* A file of script is one from its beginning to its end. */
		scan.script = scan.script || script;
		fault = fault_of(&scan, name, p + 2, (size_t)(end - p - 2));
		if (fault != NULL)
			return shop_fail("%s:%d: %.40s: %s", name,
			    line_of(text, p), p, fault);
		p = end + 1;
	}
	return 0;
}
