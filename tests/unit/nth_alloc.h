/*
 * nth_alloc.h - makes the n-th allocation fail.
 *
 * Those of cJSON always, through its hooks; those of the library itself when
 * the test is linked with
 *   -Wl,--wrap=malloc,--wrap=calloc,--wrap=strdup
 */
#ifndef NTH_ALLOC_H
#define NTH_ALLOC_H

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t) __attribute__((weak));
void *__real_calloc(size_t, size_t) __attribute__((weak));
char *__real_strdup(const char *) __attribute__((weak));
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
char *__wrap_strdup(const char *);

static long nth_alloc; /* allocations until one fails; 0 = none will */

static int
nth_alloc_now(void)
{
	return nth_alloc > 0 && --nth_alloc == 0;
}

void *
__wrap_malloc(size_t size)
{
	if (nth_alloc_now())
		return NULL;
	return __real_malloc ? __real_malloc(size) : malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	if (nth_alloc_now())
		return NULL;
	return __real_calloc ? __real_calloc(n, size) : calloc(n, size);
}

char *
__wrap_strdup(const char *text)
{
	if (nth_alloc_now())
		return NULL;
	return __real_strdup ? __real_strdup(text) : strdup(text);
}

static void
nth_alloc_hook(void)
{
	static cJSON_Hooks hooks = {__wrap_malloc, free};

	cJSON_InitHooks(&hooks);
}

/* Runs ${attempt} with the first allocation failing, the second, and so on,
 * until none fails any more.  ${attempt} returns whether it succeeded.
 * Returns the number of failures, or -1 when one went unnoticed. */
static long
nth_alloc_each(int (*attempt)(void))
{
	long n;
	int ok;

	for (n = 1;; n++) {
		nth_alloc = n;
		ok = attempt();
		if (nth_alloc > 0) {
			nth_alloc = 0;
			return ok ? n - 1 : -1;
		}
		if (ok)
			return -1;
	}
}

#endif
