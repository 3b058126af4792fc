/*
 * test_lint.c - templates that are refused, and those beside them that are
 * not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lint.h"
#include "storefront.h"

#define HTML "{{%AUTOESCAPE context=\"HTML\"}}"
#define JAVASCRIPT "{{%AUTOESCAPE context=\"JAVASCRIPT\"}}"

static const char raw[] = ":none prints unescaped text";
static const char handler[] = "no variable belongs in an event handler";
static const char address[] = "no variable belongs in a javascript: address";
static const char attribute[] =
    "this attribute is not escaped for what it does";
static const char script[] = "only {{KLAVIYO_..:none}} belongs inside a script";
static const char modifier[] = "an unknown modifier prints unescaped text";
static const char element[] = "an element's name is written out";
static const char marks[] = "other marks than these are not read here";

/* With ${fault} NULL it passes. */
static void
check(const char *name, const char *pragma, const char *rest, const char *fault)
{
	char text[1000];
	int result;

	snprintf(text, sizeof(text), "%s%s", pragma, rest);
	result = lint_template(name, text);
	if (result != (fault != NULL ? -1 : 0))
		fail_msg("%s: %s", rest, result ? shop_error() : "passes");
	if (fault != NULL && strstr(shop_error(), fault) == NULL)
		fail_msg("%s: %s", rest, shop_error());
}

static void
pages(void **state)
{
	static const char *const table[][2] = {
	    {"<p>{{V}} {{V:p}} {{#S}}<a href=\"{{V}}\">{{/S}} {{>I}}", NULL},
	    {"<p>{{V:none}}", raw},
	    {"<a href=\"{{V:h:none}}\">", raw},
	    {"<p>{{V:none:h}}", raw},
	    {"<p>{{_V:none}} ", raw},
	    {"<p>{{1V:none}}", raw},
	    {"{{>I:none}}", raw},
	    {"{{V:x-a}}", modifier},
	    {"{{V:h:x-a}}", modifier},
	    {"{{=<% %>=}}<p><%V:none%>", marks},
	    {"{{! {{V:none}} ", NULL},
	    {"{{V", "{{ without }}"},
	    /* Attributes, however they are written. */
	    {"<button formaction=\"{{V}}\">", attribute},
	    {"<button FORMACTION = '{{V}}'>", attribute},
	    {"<button formaction='a\"b{{V}}'>", attribute},
	    {"<button formaction={{V}}>", attribute},
	    {"<button formaction=a{{V}}>", attribute},
	    {"<button formaction={{#S}}{{V}}{{/S}}>", attribute},
	    {"<button type=\"a>b\" formaction=\"{{V}}\">", attribute},
	    {"<button/formaction=\"{{V}}\">", attribute},
	    {"<button formaction=\"/a\" title=\"{{V}}\">", NULL},
	    {"<button formaction title=\"{{V}}\">", NULL},
	    {"<iframe srcdoc\n=\n\"{{V}}\">", attribute},
	    {"<use xlink:href=\"{{V}}\">", attribute},
	    {"<p style=\"color: {{V}}\">", attribute},
	    {"<a onclick = \"f({{V}})\">", handler},
	    {"<a onclick='f(\"{{V}}\")'>", handler},
	    {"<a onclick=\"f()\">{{V}}", NULL},
	    {"<a title=\"onclick={{V}}\">", NULL},
	    /* Addresses. */
	    {"<a href=\"javascript:f('{{V}}')\">", address},
	    {"<a href=\" Java\tScript :{{V}}\">", address},
	    {"<a href=javascript:{{V}}>", address},
	    {"<a href=\"java{{!x}}script:{{V}}\">", address},
	    {"<a href=\"{{#S}}javascript:{{/S}}{{V}}\">", address},
	    {"<a href=\"jjavascript:{{V}}\">", address},
	    {"<a href=\"/javascript/{{V}}\">", NULL},
	    {"<a href=\"javascript:f()\">{{V}}", NULL},
	    /* Scripts and styles. */
	    {"<script>{{V}}</script>", script},
	    {"<SCRIPT type=a>{{V}}", script},
	    {"<script>if (a<b) x('</p>'); {{V}}", script},
	    {"<script>{{#S}}{{V}}{{/S}}</script>", script},
	    {"<style>{{V}}</style>", script},
	    {"<script></script>{{V}}", NULL},
	    {"<scripts>{{V}}", NULL},
	    {"</script>{{V}}", NULL},
	    {"<!-- <script> -->{{V}}", NULL},
	    {"{{! a <script> }}{{V}}", NULL},
	    {"<script>{{KLAVIYO_JSON:none}}</script>", raw},
	    {"<script>{{KLAVIYO_JSON}}</script>", script},
	    {"<scr{{!a}}ipt>", NULL},
	    {"<scr{{#S}}{{/S}}ipt>", element},
	    {"<{{V}}>", element},
	    {"</{{V}}>", element},
	    {"a < {{V}}", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		check("page.tpl", HTML, table[i][0], table[i][1]);
	check("page.tpl", "", "<p>{{V}}", "must begin with");
	check("page.tpl", " " HTML, "", "must begin with");
	check("page.tpl", JAVASCRIPT, "", "only files below klaviyo/");
	check("page.tpl", HTML "\n\n", "{{V:none}}", "page.tpl:3: {{V:none}}");
}

static void
scripts(void **state)
{
	(void)state;
	check("layout.tpl", HTML, "{{SCRIPTS:none}}", NULL);
	check("layout.tpl", HTML, "{{SCRIPTS2:none}}", raw);
	check("page.tpl", HTML, "{{SCRIPTS:none}}", raw);
	check("klaviyo/a.tpl", HTML, "<script>{{KLAVIYO_A:none}}", NULL);
	check("klaviyo/a.tpl", HTML, "<script>{{KLAVIYO_A:html}}", script);
	check("klaviyo/a.tpl", HTML, "<script>{{V}}", script);
	check("klaviyo/a.tpl", JAVASCRIPT, "f({{KLAVIYO_A:none}});", NULL);
	check("klaviyo/a.tpl", JAVASCRIPT, "f('</script>{{V}}');", script);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pages),
	    cmocka_unit_test(scripts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
