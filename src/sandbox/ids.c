/*
 * ids.c - lists of ids, kept as JSON text without brackets: "a","b".
 *
 * NULL is the empty list. Good for the few ids that a person or an article has.
 */
#include "sandbox.h"

#include <stdlib.h>
#include <string.h>

static char *
find(const char *list, const char *id)
{
	struct buf b = {0};
	char *at;

	buf_json(&b, id, strlen(id));
	at = list ? strstr(list, b.p) : NULL;
	buf_free(&b);
	return at;
}

void
ids_add(char **list, const char *id)
{
	struct buf b = {0};

	if (find(*list, id))
		return;
	buf_printf(&b, "%s%s", *list ? *list : "", *list ? "," : "");
	buf_json(&b, id, strlen(id));
	free(*list);
	*list = b.p;
}

int
ids_drop(char **list, const char *id)
{
	char *at = find(*list, id), *end;
	struct buf b = {0};

	if (!at)
		return 0;
	buf_json(&b, id, strlen(id));
	end = at + b.n;
	buf_free(&b);
	if (*end == ',')
		end++;
	else if (at > *list)
		at--;
	memmove(at, end, strlen(end) + 1);
	if (!**list) {
		free(*list);
		*list = NULL;
	}
	return 1;
}

int
ids_have(const char *list, const char *id)
{
	return find(list, id) != NULL;
}
