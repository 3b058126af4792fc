/*
 * alloc.h - every allocation of the process, counted, and the n-th refused.
 *
 * malloc and its like are defined here and stand before libc's: the libraries'
 * allocations (SQLite, libpq, libcurl, cJSON, ctemplate and what libc itself
 * takes) come through as well as our own; C++ turns a refusal into bad_alloc.
 * Behind them is whatever comes next: libc, or a sanitizer.
 */
#ifndef ALLOC_H
#define ALLOC_H

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* A sanitizer's strdup() does not come through here, its free() does. */
#ifdef __SANITIZE_ADDRESS__
#define ALLOC_COUNTS false
#else
#define ALLOC_COUNTS true
#endif

static long alloc_refuse;      /* which one; 0 = none */
static long alloc_seen;        /* since it was set */
static atomic_long alloc_live; /* blocks that are not freed */
static bool alloc_of_curl;     /* was the one refused libcurl's? */

static struct {
	void *(*malloc)(size_t), *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t), *(*aligned)(size_t, size_t);
	void (*free)(void *);
} behind_us;

/* What dlsym() itself may want before there is anything behind us. */
static char alloc_early[16384];
static size_t alloc_early_used;

static void *
alloc_find(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static bool
alloc_ready(void)
{
	static bool finding;

	if (behind_us.free)
		return true;
	if (finding)
		return false;
	finding = true;
	*(void **)&behind_us.malloc = alloc_find("malloc");
	*(void **)&behind_us.calloc = alloc_find("calloc");
	*(void **)&behind_us.realloc = alloc_find("realloc");
	*(void **)&behind_us.aligned = alloc_find("aligned_alloc");
	*(void **)&behind_us.free = alloc_find("free");
	finding = false;
	return true;
}

static void *
alloc_early_take(size_t size)
{
	char *block = alloc_early + alloc_early_used;

	alloc_early_used += (size + 15) & ~(size_t)15;
	return alloc_early_used <= sizeof(alloc_early) ? block : NULL;
}

static bool
alloc_is_early(const void *block)
{
	return (uintptr_t)block - (uintptr_t)alloc_early < sizeof(alloc_early);
}

/* Whether a library of this name is among the callers. */
static bool
alloc_called_by(const char *name)
{
	void *stack[64];
	Dl_info info;
	int n = backtrace(stack, 64);

	while (n-- > 0)
		if (dladdr(stack[n], &info) && info.dli_fname &&
		    strstr(info.dli_fname, name))
			return true;
	return false;
}

/* Whether this one is refused. */
static bool
alloc_refused(void)
{
	if (!alloc_refuse || ++alloc_seen != alloc_refuse)
		return false;
	alloc_of_curl = alloc_called_by("libcurl");
	errno = ENOMEM;
	return true;
}

static void *
alloc_given(void *block)
{
	alloc_live += block != NULL;
	return block;
}

EXPORT void *
malloc(size_t size)
{
	if (!alloc_ready())
		return alloc_early_take(size);
	return alloc_refused() ? NULL : alloc_given(behind_us.malloc(size));
}

EXPORT void *
calloc(size_t n, size_t size)
{
	if (!alloc_ready())
		return alloc_early_take(n * size);
	return alloc_refused() ? NULL : alloc_given(behind_us.calloc(n, size));
}

EXPORT void *
realloc(void *block, size_t size)
{
	void *grown;

	if (!alloc_ready() || alloc_is_early(block))
		return NULL;
	if (alloc_refused())
		return NULL;
	grown = behind_us.realloc(block, size);
	alloc_live += (grown && !block) - (!grown && block && !size);
	return grown;
}

EXPORT void *
aligned_alloc(size_t alignment, size_t size)
{
	if (!alloc_ready() || alloc_refused())
		return NULL;
	return alloc_given(behind_us.aligned(alignment, size));
}

EXPORT void *
memalign(size_t alignment, size_t size)
{
	return aligned_alloc(alignment, size);
}

EXPORT int
posix_memalign(void **block, size_t alignment, size_t size)
{
	*block = aligned_alloc(alignment, size);
	return *block ? 0 : ENOMEM;
}

EXPORT void
free(void *block)
{
	if (!block || alloc_is_early(block) || !alloc_ready())
		return;
	alloc_live--;
	behind_us.free(block);
}

#endif
