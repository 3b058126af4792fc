/*
 * shapes.h - how the tables of shapes*.c are written, and what they share.
 */
#ifndef SHAPES_H
#define SHAPES_H

#include "schema.h"

/* clang-format off: tables */

#define END                                                                    \
	{                                                                      \
		.name = NULL                                                   \
	}
#define TEXT(n)                                                                \
	{                                                                      \
		n, K_STRING, NULLABLE, NULL, NULL, NULL, NULL                  \
	}
#define TEXT_RULE(n, r)                                                        \
	{                                                                      \
		n, K_STRING, NULLABLE, NULL, NULL, r, NULL                     \
	}
#define NEEDS(n, table)                                                        \
	{                                                                      \
		n, K_OBJECT, REQUIRED, table, NULL, NULL, NULL                 \
	}
#define NEEDS_RULE(n, table, r)                                                \
	{                                                                      \
		n, K_OBJECT, REQUIRED, table, NULL, r, NULL                    \
	}
#define MAY(n, table)                                                          \
	{                                                                      \
		n, K_OBJECT, 0, table, NULL, NULL, NULL                        \
	}
#define FREE(n)                                                                \
	{                                                                      \
		n, K_FREE, NULLABLE, NULL, NULL, NULL, NULL                    \
	}
#define FREE_SET(n)                                                            \
	{                                                                      \
		n, K_FREE, 0, NULL, NULL, NULL, NULL                           \
	}
#define TYPE(t)                                                                \
	{                                                                      \
		"type", K_TYPE, REQUIRED, NULL, t, NULL, NULL                  \
	}
#define SHAPE(name) static const struct field name[]
#define MAY_RULE(n, table, r)                                                  \
	{                                                                      \
		n, K_OBJECT, 0, table, NULL, r, NULL                           \
	}
#define LIST(n, table, r)                                                      \
	{                                                                      \
		n, K_ARRAY, REQUIRED, table, NULL, r, NULL                     \
	}
#define ID(r)                                                                  \
	{                                                                      \
		"id", K_STRING, REQUIRED, NULL, NULL, r, NULL                  \
	}
#define TRUTH(n)                                                               \
	{                                                                      \
		n, K_BOOL, NULLABLE, NULL, NULL, NULL, NULL                    \
	}

extern const struct field shape_location[], shape_meta[];

/* What every kind of profile has. */
#define PERSON                                                                 \
	TEXT_RULE("email", rule_email), TEXT("phone_number"),                  \
	    TEXT("external_id"), TEXT("first_name"), TEXT("last_name"),        \
	    TEXT("organization"), TEXT("locale"), TEXT("title"),               \
	    TEXT("image"), MAY("location", shape_location), FREE("properties")

#endif
