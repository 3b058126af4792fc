/*
 * lint.h - what a template may not do.
 */
#ifndef STOREFRONT_LINT_H
#define STOREFRONT_LINT_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Refuses the holes that ctemplate's AUTOESCAPE leaves open.  ${name} is the
 * file's name below the templates directory.  Returns 0, or -1 with
 * shop_error() naming file, line and rule.
 */
int lint_template(const char *name, const char *text);

#ifdef __cplusplus
}
#endif
#endif
