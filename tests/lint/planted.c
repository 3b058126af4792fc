/*
 * planted.c - what `make lint` must not let pass.
 *
 * Each function has one mistake; the comment before it says which tools must
 * report it and how they call it.  planted.sh asks them.  No part of a program.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So that nothing but what is planted is reported. */
int leak(const char *text);
int after_free(void);
int narrow(long n);
size_t sign(int n);
int twice(int n);
int64_t wide(int minutes);
int number(const char *text);
void unread(FILE *file, char *text);
int same(const char *a, const char *b);
char *first(char *text);
int below(unsigned n);
int outside(void);
int unset(int n);
int twofold(int n);
int print(const char *format);

/* gcc: -Wanalyzer-malloc-leak
   clang-tidy: clang-analyzer-unix.Malloc
   cppcheck: memleak */
int
leak(const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return 0;
	return *copy == 'a';
}

/* gcc: -Wanalyzer-use-after-free */
int
after_free(void)
{
	int *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return 0;
	free(n);
	return *n;
}

/* gcc: -Wconversion
   clang-tidy: clang-diagnostic-shorten-64-to-32 */
int
narrow(long n)
{
	return n;
}

/* gcc: -Wsign-conversion
   clang-tidy: clang-diagnostic-sign-conversion */
size_t
sign(int n)
{
	return n;
}

/* gcc: -Wduplicated-branches
   clang-tidy: bugprone-branch-clone */
int
twice(int n)
{
	if (n > 3)
		return n + 1;
	else
		return n + 1;
}

/* clang-tidy: bugprone-implicit-widening-of-multiplication-result */
int64_t
wide(int minutes)
{
	return minutes * 60;
}

/* clang-tidy: cert-err34-c */
int
number(const char *text)
{
	return atoi(text);
}

/* clang-tidy: cert-err33-c */
void
unread(FILE *file, char *text)
{
	fread(text, 1, 8, file);
}

/* clang-tidy: bugprone-suspicious-string-compare */
int
same(const char *a, const char *b)
{
	return strcmp(a, b) == 1;
}

/* cppcheck: strtokCalled */
char *
first(char *text)
{
	return strtok(text, " ");
}

/* cppcheck: unsignedLessThanZero */
int
below(unsigned n)
{
	return n < 0;
}

/* cppcheck: arrayIndexOutOfBounds */
int
outside(void)
{
	int list[4] = {0};

	return list[4];
}

/* gcc: -Wanalyzer-use-of-uninitialized-value
   clang-tidy: clang-analyzer-core.UndefinedBinaryOperatorResult
   cppcheck: uninitvar */
int
unset(int n)
{
	int other;

	if (n > 3)
		other = n;
	return other + 1;
}

/* gcc: -Wlogical-op
   clang-tidy: misc-redundant-expression
   cppcheck: duplicateExpression */
int
twofold(int n)
{
	return n > 3 && n > 3;
}

/* gcc: -Wformat-nonliteral */
int
print(const char *format)
{
	return printf(format, 1);
}
