/*
 * commands_words.c - the words of `storefront order VERB ID ..`, to a change.
 *
 * Promises: what is not understood is refused, with one line that names the
 * word and says how it is written.  Nothing is guessed, and nothing that was
 * said is lost: an option that is given twice, a number with anything around
 * it, a text that is empty or no text are refused.
 * Does not: know the order; what may be done to it is order_change.c's.
 */
#include "commands_words.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define SHOWN 60     /* bytes of a word, in an error */
#define DIGITS_MAX 9 /* of a line or of units: no int overflows */

enum form {
	LINE,
	AMOUNT,
	WORDS,   /* may have several lines */
	NAME,    /* one line */
	ADDRESS, /* of a page */
	ONE_MORE /* a line of several */
};

static const struct option {
	const char *name;
	enum form form;
	size_t at; /* of its text in the change */
} options[] = {
    {"--line", LINE, 0},
    {"--amount", AMOUNT, 0},
    {"--reason", WORDS, offsetof(struct change, reason)},
    {"--next-steps", WORDS, offsetof(struct change, next_steps)},
    {"--tracking", NAME, offsetof(struct change, tracking)},
    {"--company", NAME, offsetof(struct change, company)},
    {"--url", ADDRESS, offsetof(struct change, url)},
    {"--missing", ONE_MORE, offsetof(struct change, missing)},
};
#define OPTIONS (sizeof(options) / sizeof(*options))

struct reading {
	const struct verb *verb;
	struct arena *arena;
	const char *currency;
	struct change *change;
	bool seen[OPTIONS];
};

/* ------------------------------------------------------------------- errors */

/* The beginning of a word, of whole characters. */
static const char *
shown(const struct reading *r, const char *word)
{
	size_t n = strlen(word);

	if (n <= SHOWN)
		return word;
	for (n = SHOWN; n > 0 && ((unsigned char)word[n] & 0xc0) == 0x80;)
		n--;
	return arena_printf(r->arena, "%.*s..", (int)n, word);
}

static int
not_understood(const struct reading *r, const char *word)
{
	return shop_fail("order %s: \"%s\" is not understood; it takes %s",
	    r->verb->name, shown(r, word), r->verb->arguments);
}

static int
no_value(const struct reading *r, const struct option *option, const char *word,
    const char *write)
{
	return shop_fail("order %s: %s \"%s\" is %s", r->verb->name,
	    option->name, shown(r, word), write);
}

/* ------------------------------------------------------------------- values */

/* Digits and nothing else, from 1; what ends them, or NULL. */
static const char *
read_number(const char *text, int64_t *number)
{
	size_t n = strspn(text, "0123456789");

	*number = num(text);
	return n >= 1 && n <= DIGITS_MAX && *number >= 1 ? text + n : NULL;
}

/* "2:1"; "2", no units: all that are left, as order_change() takes 0. */
static int
read_line(struct reading *r, const struct option *option, const char *word)
{
	struct change_part *part = &r->change->parts[r->change->nparts];
	const char *end = read_number(word, &part->line);
	int64_t units = 0;

	if (end != NULL && *end == ':')
		end = read_number(end + 1, &units);
	if (end == NULL || *end != '\0')
		return no_value(r, option, word,
		    "no line; write it like 2, or 2:1 for one unit of it");
	part->quantity = (int)units;
	r->change->nparts++;
	return 0;
}

static int
read_amount(struct reading *r, const struct option *option, const char *word)
{
	int64_t *amount = &r->change->amount;

	if (money_parse(word, r->currency, amount) == 0 && *amount > 0)
		return 0;
	return no_value(r, option, word,
	    arena_printf(r->arena, "no amount in %s; write it like %s",
	        r->currency, money_example(r->currency)));
}

static bool
is_address(const char *word)
{
	const char *host = strncasecmp(word, "https://", 8) == 0  ? word + 8
	                   : strncasecmp(word, "http://", 7) == 0 ? word + 7
	                                                          : "";

	return *host != '\0' && strchr("/?#:@", *host) == NULL &&
	       strpbrk(word, " \t\n\\\"<>") == NULL;
}

static int
read_text(struct reading *r, const struct option *option, const char *word)
{
	/* By way of void: "at" is a pointer's, and so aligned. */
	void *at = (char *)r->change + option->at;
	const char **text = at;

	if (*word == '\0')
		return shop_fail("order %s: %s is empty; give it a text, or "
		                 "leave it out",
		    r->verb->name, option->name);
	if (option->form != WORDS && strpbrk(word, "\n\t") != NULL)
		return no_value(r, option, word, "not on one line");
	if (option->form == ADDRESS && !is_address(word))
		return no_value(r, option, word,
		    "no address of a page; write it like "
		    "https://example.com/1Z99");
	if (option->form == ONE_MORE && **text != '\0')
		word = arena_printf(r->arena, "%s\n%s", *text, word);
	*text = word;
	return word != NULL ? 0 : shop_fail("out of memory");
}

/* ------------------------------------------------------------------ options */

static const struct option *
find_option(const struct verb *verb, const char *name)
{
	char around[40];

	snprintf(around, sizeof(around), " %s ", name);
	for (const struct option *o = options; o < options + OPTIONS; o++)
		if (strcmp(o->name, name) == 0 &&
		    strstr(verb->options, around) != NULL)
			return o;
	return NULL;
}

static int
read_option(struct reading *r, const struct option *option, const char *word)
{
	bool again = r->seen[option - options];

	r->seen[option - options] = true;
	if (again && option->form != LINE && option->form != ONE_MORE)
		return shop_fail("order %s: %s is given twice; it takes one",
		    r->verb->name, option->name);
	if (option->form == LINE)
		return read_line(r, option, word);
	if (option->form == AMOUNT)
		return read_amount(r, option, word);
	return read_text(r, option, word);
}

static int
read_options(struct reading *r, int n, char **words)
{
	r->change->parts =
	    arena_alloc(r->arena, ((size_t)n + 1) * sizeof(*r->change->parts));
	if (r->change->parts == NULL)
		return shop_fail("out of memory");
	for (int i = 0; i < n; i += 2) {
		const struct option *option = find_option(r->verb, words[i]);

		if (option == NULL)
			return not_understood(r, words[i]);
		if (i + 1 == n)
			return shop_fail("order %s: %s needs a value behind it",
			    r->verb->name, option->name);
		if (read_option(r, option, words[i + 1]) != 0)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------- what has no option */

static int
read_status(struct reading *r, int n, char **words)
{
	static const char *const statuses[] = {
	    "shipped", "out-for-delivery", "delivered"};

	if (n != 2)
		return shop_fail(
		    "order %s: it takes %s", r->verb->name, r->verb->arguments);
	r->change->shipment = words[0];
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		if (strcmp(statuses[i], words[1]) == 0)
			r->change->status = shipment_statuses[i];
	return *r->change->status != '\0' ? 0 : not_understood(r, words[1]);
}

static int
read_event(struct reading *r, int n, char **words)
{
	const char *known = "";

	if (n > 0 && tracking_own_metric(words[0]) != NULL) {
		r->change->status = words[0];
		return 0;
	}
	for (const struct own_event *own = tracking_own_events();
	     own->word != NULL; own++)
		known = arena_printf(r->arena, "%s%s%s", known,
		    *known != '\0' ? ", " : "", own->word);
	if (n == 0)
		return shop_fail("order %s: it takes %s; EVENT is one of: %s",
		    r->verb->name, r->verb->arguments, known);
	return shop_fail("order %s: \"%s\" is none of the shop's events: %s",
	    r->verb->name, shown(r, words[0]), known);
}

/* A control character, or another encoding, is no one's text. */
static int
check_clean(const struct reading *r, int n, char **words)
{
	for (int i = 0; i < n; i++)
		if (!utf8_clean(words[i]))
			return shop_fail("order %s: what stands behind \"%s\" "
			                 "has a control character, or is no "
			                 "UTF-8",
			    r->verb->name,
			    i > 0 ? shown(r, words[i - 1]) : "the order");
	return 0;
}

int
words_read(const struct verb *verb, struct arena *arena, const char *currency,
    int n, char **words, struct change *change)
{
	struct reading r = {.verb = verb,
	    .arena = arena,
	    .currency = currency,
	    .change = change};

	if (check_clean(&r, n, words) != 0)
		return -1;
	if (verb->kind == CHANGE_STATUS)
		return read_status(&r, n, words);
	if (verb->kind == CHANGE_OWN) {
		if (read_event(&r, n, words) != 0)
			return -1;
		words++;
		n--;
	}
	if (read_options(&r, n, words) != 0)
		return -1;
	if (verb->kind == CHANGE_INVOICE && *change->missing == '\0')
		return shop_fail("order %s: say what is missing: --missing "
		                 "TEXT, once for each thing",
		    verb->name);
	if (verb->kind == CHANGE_PAYMENT && *change->reason == '\0')
		return shop_fail(
		    "order %s: say why: --reason TEXT", verb->name);
	return 0;
}
