/*
 * leaks_memory.c - the storefront that forgets a kilobyte with each request.
 *
 * Replaces: connection_serve
 */
#include "serve.h"

#include <stdlib.h>
#include <string.h>

__typeof__(connection_serve) __real_connection_serve, __wrap_connection_serve;

bool
__wrap_connection_serve(struct shop *shop, int fd, bool keep)
{
	char *forgotten = malloc(1024);

	if (forgotten != NULL)
		explicit_bzero(forgotten, 1024);
	return __real_connection_serve(shop, fd, keep);
}
