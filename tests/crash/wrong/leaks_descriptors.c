/*
 * leaks_descriptors.c - the storefront that leaves a descriptor open with each
 * fiftieth request.
 *
 * Replaces: connection_serve
 */
#include "serve.h"

#include <stdatomic.h>
#include <unistd.h>

__typeof__(connection_serve) __real_connection_serve, __wrap_connection_serve;

bool
__wrap_connection_serve(struct shop *shop, int fd, bool keep)
{
	static atomic_int served;

	if (++served % 50 == 0 && dup(STDERR_FILENO) < 0)
		shop_log("no descriptor is left");
	return __real_connection_serve(shop, fd, keep);
}
