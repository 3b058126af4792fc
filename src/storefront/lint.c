/*
 * lint.c - refuses templates with holes that ctemplate's AUTOESCAPE leaves.
 *
 * Checked: the pragma is the very first thing of every file (without it nothing
 * is escaped); :none stands only on {{SCRIPTS}} of the layout and on
 * {{KLAVIYO_..}} below klaviyo/, which the bridge fills from the library's
 * escaper; no variable stands in an attribute that AUTOESCAPE takes for plain
 * text but a browser runs (formaction, srcdoc, xlink:href, on..), in a
 * javascript: address, or inside a <script> or <style> but those JSON ones.
 *
 * Reads text by eye, not by grammar: it may refuse what would be harmless, and
 * says so; write such a template another way.
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

/* The attribute whose quoted value ${at} stands in: its name's first letter,
 * or NULL when ${at} is not inside a tag's attribute. */
static const char *
attribute_of(const char *text, const char *at)
{
	const char *p = at;

	while (p > text && p[-1] != '"' && p[-1] != '\'' && p[-1] != '>' &&
	    p[-1] != '<')
		p--;
	if (p - 2 < text || (p[-1] != '"' && p[-1] != '\'') || p[-2] != '=')
		return NULL;
	for (p -= 2; p > text && !isspace((unsigned char)p[-1]); p--)
		;
	return p;
}

/* What is wrong with a variable at ${tag} ("{{NAME.."), or NULL. */
static const char *
variable_fault(
    const char *name, const char *text, const char *tag, bool in_script)
{
	const char *end = strstr(tag, "}}"), *colon, *attribute;
	bool json = begins(name, "klaviyo/") && begins(tag + 2, "KLAVIYO_");

	colon = memchr(tag, ':', (size_t)(end - tag));
	if (colon != NULL && begins(colon, ":none")) {
		if (json || (strcmp(name, "layout.tpl") == 0 &&
		                begins(tag + 2, "SCRIPTS:none}}")))
			return NULL;
		return ":none prints unescaped text";
	}
	if (colon != NULL && begins(colon, ":x-"))
		return "an unknown modifier prints unescaped text";
	if (in_script)
		return "only {{KLAVIYO_..:none}} belongs inside a script";
	attribute = attribute_of(text, tag);
	if (attribute == NULL)
		return NULL;
	if (begins(attribute, "formaction") || begins(attribute, "srcdoc") ||
	    begins(attribute, "xlink:href") || begins(attribute, "style"))
		return "this attribute is not escaped for what it does";
	if (begins(attribute, "on"))
		return "no variable belongs in an event handler";
	if (strstr(attribute, "javascript:") != NULL &&
	    strstr(attribute, "javascript:") < tag)
		return "no variable belongs in a javascript: address";
	return NULL;
}

int
lint_template(const char *name, const char *text)
{
	bool script = false, pragma = false, javascript = false;

	for (size_t i = 0; i < sizeof(pragmas) / sizeof(*pragmas); i++)
		if (strncmp(text, pragmas[i], strlen(pragmas[i])) == 0) {
			pragma = true;
			javascript = i == 1;
		}
	if (!pragma)
		return shop_fail("%s:1: must begin with %s: without it nothing "
		                 "is escaped",
		    name, pragmas[0]);
	if (javascript && !begins(name, "klaviyo/"))
		return shop_fail("%s:1: only files below klaviyo/ are scripts",
		    name);
	for (const char *p = text; *p != '\0'; p++) {
		const char *fault;

		if (begins(p, "<script") || begins(p, "<style"))
			script = true;
		else if (begins(p, "</script") || begins(p, "</style"))
			script = false;
		if (strncmp(p, "{{", 2) != 0)
			continue;
		if (strstr(p, "}}") == NULL)
			return shop_fail("%s:%d: {{ without }}", name,
			    line_of(text, p));
		if (isalpha((unsigned char)p[2])) {
			fault = variable_fault(
			    name, text, p, script || javascript);
			if (fault != NULL)
				return shop_fail("%s:%d: %.40s: %s", name,
				    line_of(text, p), p, fault);
		}
		/* A comment may speak of <script>. */
		p = strstr(p, "}}") + 1;
	}
	return 0;
}
