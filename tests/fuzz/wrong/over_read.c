/*
 * over_read.c - a form's reader that looks one byte too far: AddressSanitizer
 * must see it.
 *
 * Target: form
 * Replaces: utf8_clean
 * Report: heap-buffer-overflow
 */
#include "storefront.h"

#include <string.h>

__typeof__(utf8_clean) __real_utf8_clean, __wrap_utf8_clean;

bool
__wrap_utf8_clean(const char *text)
{
	return __real_utf8_clean(text) && text[strlen(text) + 1] != '\1';
}
