/*
 * guide.h - what guide.c expects of each metric: the tables of guide_tables.c.
 */
#ifndef GUIDE_H
#define GUIDE_H

#include "sandbox.h"

enum where { EVENT, PROPERTY, ITEM, PERSON, PERSON_PROPERTY };
enum type { TEXT, NUMBER, TEXTS, OBJECT, OBJECTS };
enum { WANTS = 28 };

struct want {
	const char *name;
	enum where where;
	enum type type;
	int optional;
};
struct stat {
	unsigned seen, missing, mistyped;
	char instead[64]; /* the last name found in its place */
	unsigned misspelled;
};
struct expected {
	const char *metric;
	const struct want *wants[2]; /* own, and shared */
	unsigned events;
	struct stat stats[WANTS];
};
enum { METRICS = 16 };
extern struct expected expected[METRICS];

#endif
