/*
 * commands_words.h - what commands_order.c (the verbs) and commands_words.c (what
 * stands behind them) share.
 */
#ifndef COMMANDS_WORDS_H
#define COMMANDS_WORDS_H

#include "storefront.h"

struct verb {
	const char *name;
	const char *arguments; /* as --help shows them */
	const char *options;   /* with a blank around each */
	enum change_kind kind;
	const char *reported; /* as which event, for --help */
};
/*
 * What follows the order's id, into ${change}, whose kind is ${verb}'s.  Texts
 * are ${words}' and the arena's.  -1 with one line that says which word is
 * wrong, and how it is written.
 */
int words_read(const struct verb *verb, struct arena *arena,
    const char *currency, int n, char **words, struct change *change);

#endif
