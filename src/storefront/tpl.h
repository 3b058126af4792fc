/*
 * tpl.h - ctemplate behind a handful of C functions.
 *
 * No C++ type and no exception crosses.  Texts are copied.  Every template of
 * the directory is linted and expanded once before any is served, so a page
 * cannot fail half-way: tpl_render() gives the whole page or nothing.
 */
#ifndef STOREFRONT_TPL_H
#define STOREFRONT_TPL_H

#include "storefront.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tpl; /* a dictionary: variables, sections, includes */

/* Loads every *.tpl of the directory and of its klaviyo/; -1 with the file, the
 * line and what is wrong: those loaded before stay.  May be called again while
 * others render. */
int tpl_load(const char *directory);
/* Another number after each tpl_load(): what was rendered under an older one may
 * be of other templates. */
unsigned tpl_generation(void);

struct tpl *tpl_new(void);
void tpl_free(struct tpl *tpl);
/* A variable's text; {{NAME}} escapes it for where it stands. */
void tpl_set(struct tpl *tpl, const char *name, const char *value);
void tpl_num(struct tpl *tpl, const char *name, int64_t value);
/* JSON from the library's escaper, for {{KLAVIYO..:none}} in a script; a text
 * with <, > or & in it is refused and left out. */
void tpl_json(struct tpl *tpl, const char *name, const char *json);
/* Ready markup made by tpl_render(), for {{SCRIPTS:none}}. */
void tpl_markup(struct tpl *tpl, const char *name, const char *markup);
/* Shows {{#NAME}}; the returned child is the parent's, one more each call. */
struct tpl *tpl_section(struct tpl *tpl, const char *name);
/* Shows {{#NAME}} with no variables of its own. */
void tpl_show(struct tpl *tpl, const char *name);
/* Includes ${file} at {{>NAME}}, one more each call. */
struct tpl *tpl_include(struct tpl *tpl, const char *name, const char *file);
/* Renders a file of the directory to the end of ${out}. */
int tpl_render(const char *file, struct tpl *tpl, struct text *out);

#ifdef __cplusplus
}
#endif
#endif
