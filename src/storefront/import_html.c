/*
 * import_html.c - HTML of a description to plain text.
 *
 * Promises: no markup survives, scripts and styles go with their content;
 * entities are decoded; white space is folded; block elements become paragraphs
 * parted by a blank line, rows and list items lines.  Any input gives a text:
 * libxml2 reads what browsers read.  The result is clean UTF-8.
 * Does not: keep links, emphasis or images.  "&lt;b&gt;" is the text "<b>".
 *
 * The parser's events are used and not its tree: the tree's depth is limited,
 * and what lies deeper would be lost.
 */
#include <libxml/HTMLparser.h>
#include <string.h>

#include "import.h"

/* What stands between the text so far and the next character. */
enum gap { NONE, SPACE, LINE, PARAGRAPH };

struct writer {
	struct text out;
	enum gap gap;
	int hidden; /* depth within elements that are not shown */
};

static bool
listed(const char *const list[], const xmlChar *name)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, (const char *)name) == 0)
			return true;
	return false;
}

static bool
is_hidden(const xmlChar *name)
{
	static const char *const list[] = {"script", "style", "title",
	    "template", "noscript", "iframe", "object", "svg", "math", NULL};

	return listed(list, name);
}

static void
open_gap(struct writer *writer, enum gap gap)
{
	struct text *out = &writer->out;

	if (writer->gap < gap)
		writer->gap = gap;
	/* No-break spaces at a line's end are nothing to see, nor is a space
	 * that one of them kept. */
	while (gap >= LINE && out->length > 0) {
		if (out->data[out->length - 1] == ' ')
			out->length--;
		else if (out->length >= 2 &&
		    memcmp(out->data + out->length - 2, "\xc2\xa0", 2) == 0)
			out->length -= 2;
		else
			break;
		out->data[out->length] = '\0';
	}
}

static void
element(struct writer *writer, const xmlChar *name)
{
	static const char *const paragraphs[] = {"p", "div", "ul", "ol", "dl",
	    "table", "h1", "h2", "h3", "h4", "h5", "h6", "section", "article",
	    "header", "footer", "main", "nav", "aside", "blockquote", "pre",
	    "hr", "figure", "figcaption", "address", "form", "fieldset",
	    "details", "summary", "center", NULL};
	static const char *const lines[] = {
	    "li", "tr", "dt", "dd", "caption", "option", NULL};
	static const char *const cells[] = {"td", "th", NULL};

	if (listed(paragraphs, name))
		open_gap(writer, PARAGRAPH);
	else if (listed(lines, name))
		open_gap(writer, LINE);
	else if (listed(cells, name))
		open_gap(writer, SPACE);
}

static void
start_element(void *arg, const xmlChar *name, const xmlChar **attributes)
{
	struct writer *writer = arg;

	(void)attributes;
	if (is_hidden(name))
		writer->hidden++;
	else if (writer->hidden > 0)
		return;
	else if (strcmp((const char *)name, "br") == 0)
		/* Two in a row part paragraphs. */
		open_gap(writer, writer->gap == LINE ? PARAGRAPH : LINE);
	else
		element(writer, name);
}

static void
end_element(void *arg, const xmlChar *name)
{
	struct writer *writer = arg;

	if (is_hidden(name) && writer->hidden > 0)
		writer->hidden--;
	else if (writer->hidden == 0)
		element(writer, name);
}

static void
characters(void *arg, const xmlChar *data, int length)
{
	static const char *const between[] = {"", " ", "\n", "\n\n"};
	struct writer *writer = arg;
	struct text *out = &writer->out;

	if (writer->hidden > 0)
		return;
	for (int i = 0; i < length; i++) {
		bool start = out->length == 0 || writer->gap >= LINE;

		if (strchr(" \t\n\r\f", data[i]) != NULL) {
			open_gap(writer, SPACE);
			continue;
		}
		if (data[i] < 0x20 || data[i] == 0x7f)
			continue;
		if (start && i + 1 < length && data[i] == 0xc2 &&
		    data[i + 1] == 0xa0) {
			i++;
			continue;
		}
		if (out->length > 0)
			text_add(out, between[writer->gap]);
		writer->gap = NONE;
		text_addn(out, (const char *)&data[i], 1);
	}
}

char *
html_text(struct arena *arena, const char *html)
{
	htmlParserCtxtPtr parser = htmlNewParserCtxt();
	struct writer writer = {0};
	char *result = NULL;
	htmlDocPtr doc;

	if (parser == NULL) {
		shop_fail("out of memory");
		return NULL;
	}
	memset(parser->sax, 0, sizeof(*parser->sax));
	parser->sax->startElement = start_element;
	parser->sax->endElement = end_element;
	parser->sax->characters = characters;
	parser->sax->ignorableWhitespace = characters;
	parser->userData = &writer;
	text_add(&writer.out, "");
	/* The encoding is ours to say: a <meta> in the text may lie. */
	doc = htmlCtxtReadMemory(parser, html, (int)strlen(html), NULL, "UTF-8",
	    HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
	        HTML_PARSE_NONET | HTML_PARSE_IGNORE_ENC);
	if (doc != NULL)
		xmlFreeDoc(doc);
	open_gap(&writer, PARAGRAPH);
	if (parser->errNo == XML_ERR_NO_MEMORY || writer.out.failed)
		shop_fail("out of memory");
	else if (!utf8_clean(writer.out.data))
		shop_fail("the text of the HTML is not clean");
	else
		result = arena_copy(arena, writer.out.data);
	text_free(&writer.out);
	htmlFreeParserCtxt(parser);
	return result;
}
