/*
 * log.c - the log: a line for what is of note, to stderr or to the journal.
 *
 *   level     for                                      what a person reads
 *   error     somebody has to do something             storefront: error: ..
 *   warning   it goes on, late or without something    storefront: warning: ..
 *   notice    what happens seldom: begun, changed      storefront: ..
 *   info      each form that was posted                storefront: info: ..
 *   debug     each request, each event that was sent   storefront: debug: ..
 *
 * STOREFRONT_LOG_LEVEL says down to which; notice is the default.  Where stderr
 * is the journal's (JOURNAL_STREAM says so), a line begins with the level as
 * systemd reads it, "<3>", in the place of the word.  What is said while a
 * request is answered, or of an event that came of one, ends with its name:
 * "(request 5f0c..)", as the web server's log has it.
 *
 * Promises: a line is one write(2), whatever is put into it: control
 * characters, and what is no UTF-8, are escaped (\n, \x1b, \u2028); a long one
 * is cut between two characters.  errno stays.  A line that nobody wants costs a
 * comparison.
 *
 * Does not look into what it is given: nothing personal is the caller's promise.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unistr.h>

#include "storefront.h"

enum {
	TEXT = 1000,  /* bytes of what is said */
	AROUND = 160, /* of what stands before and behind it */
	ABOUT = 64,
};

static const struct {
	const char *name;
	int level;
} levels[] = {
    {"error", LOG_ERR},
    {"warning", LOG_WARNING},
    {"notice", LOG_NOTICE},
    {"info", LOG_INFO},
    {"debug", LOG_DEBUG},
};
#define LEVELS (sizeof(levels) / sizeof(*levels))

static atomic_int least = LOG_NOTICE;
static _Thread_local char about[ABOUT + 1];

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool journal;

int
log_level(const char *name)
{
	for (size_t i = 0; i < LEVELS; i++)
		if (strcmp(levels[i].name, name) == 0)
			return levels[i].level;
	return -1;
}

void
log_begin(int level)
{
	atomic_store(&least, level);
}

bool
log_wants(int level)
{
	return level <= atomic_load_explicit(&least, memory_order_relaxed);
}

void
log_about(const char *request)
{
	size_t n = request != NULL ? strnlen(request, ABOUT) : 0;

	if (n > 0)
		memcpy(about, request, n);
	about[n] = '\0';
}

/* Is stderr what systemd has connected to its journal? */
static void
look_for_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char mine[64];

	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return;
	snprintf(mine, sizeof(mine), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	journal = strcmp(stream, mine) == 0;
}

/* Would command a terminal, or look like another line. */
static bool
is_control(ucs4_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 ||
	       c == 0x2029;
}

/* How the character at ${at} is written: *${length} bytes; returns how many it
 * took, 0 when it is cut. */
static size_t
character(const uint8_t *at, size_t left, char shown[16], size_t *length)
{
	ucs4_t c = 0;
	int bytes = u8_mbtoucr(&c, at, left);

	if (bytes == -2)
		return 0;
	if (bytes < 0) {
		bytes = 1;
		snprintf(shown, 16, "\\x%02x", *at);
	} else if (c == '\n') {
		snprintf(shown, 16, "\\n");
	} else if (is_control(c)) {
		snprintf(
		    shown, 16, bytes == 1 ? "\\x%02x" : "\\u%04x", (unsigned)c);
	} else {
		memcpy(shown, at, (size_t)bytes);
		*length = (size_t)bytes;
		return (size_t)bytes;
	}
	*length = strlen(shown);
	return (size_t)bytes;
}

/* Appends ${from}, as far as there is room for ${most} bytes. */
static size_t
escape(char *to, size_t most, const char *from)
{
	const uint8_t *at = (const uint8_t *)from;
	size_t left = strlen(from), n = 0, bytes, length = 0;
	char shown[16];

	while (left > 0 && (bytes = character(at, left, shown, &length)) > 0 &&
	       n + length <= most) {
		memcpy(to + n, shown, length);
		n += length;
		at += bytes;
		left -= bytes;
	}
	return n;
}

/* "storefront: error: ", or as the journal has it. */
static size_t
opening(char *to, size_t size, int level, bool word)
{
	const char *name = "";

	pthread_once(&once, look_for_journal);
	if (journal)
		return (size_t)snprintf(to, size, "<%d>storefront: ", level);
	for (size_t i = 0; word && i < LEVELS; i++)
		if (levels[i].level == level && level != LOG_NOTICE)
			name = levels[i].name;
	return (size_t)snprintf(
	    to, size, "storefront: %s%s", name, *name != '\0' ? ": " : "");
}

static void __attribute__((format(printf, 3, 0)))
say(int level, bool word, const char *format, va_list args)
{
	char text[TEXT], line[TEXT + AROUND];
	int saved = errno;
	size_t n;

	if (vsnprintf(text, sizeof(text), format, args) < 0)
		text[0] = '\0';
	n = opening(line, AROUND / 2, level, word);
	n += escape(line + n, TEXT, text);
	if (*about != '\0') {
		n = (size_t)(stpcpy(line + n, " (request ") - line);
		n += escape(line + n, ABOUT, about);
		line[n++] = ')';
	}
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0) {
		/* There is nowhere left to say it. */
	}
	errno = saved;
}

void
shop_log_at(int level, const char *format, ...)
{
	va_list args;

	if (!log_wants(level))
		return;
	va_start(args, format);
	say(level, true, format, args);
	va_end(args);
}

void
shop_complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(LOG_ERR, false, format, args);
	va_end(args);
}
