/*
 * planted.c - faults that a sanitizer must tell, to see whether its report is
 * found: in the storefront (test_sanitize.py searches for them), and, with
 * ALONE, in a program that is nothing else (they are its arguments).
 *
 * Replaces: search_page
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile int number = INT_MAX;
static int shared;

static void *
count(void *none)
{
	for (int i = 0; i < 100000; i++)
		shared++;
	return none;
}

static void
race(void)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, count, NULL) != 0)
			abort();
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

static void
plant(const char *fault)
{
	char *volatile block = malloc(16);

	if (block == NULL)
		abort();
	if (strcmp(fault, "heap") == 0)
		block[16] = 'x';
	if (strcmp(fault, "sum") == 0)
		number = number + 1;
	if (strcmp(fault, "race") == 0)
		race();
	if (strcmp(fault, "leak") != 0)
		free(block);
	block = NULL;
}

#ifdef ALONE
int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		plant(argv[i]);
	return 0;
}
#else
#include "pages.h"

__typeof__(search_page) __real_search_page, __wrap_search_page;

int
__wrap_search_page(struct visit *visit)
{
	const char *q = field(&visit->request->query, "q");

	plant(q != NULL ? q : "");
	return __real_search_page(visit);
}
#endif
