/*
 * fault.c - answers that go wrong on purpose.
 *
 * Rules are tried in the order given; the first that fires decides. fault_help
 * is the grammar. What fires by chance comes from one generator with a seed
 * that is told at the start and can be given again. Does not carry a fault out:
 * answer.c does.
 */
#include "sandbox.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

const char fault_help[] =
    "FAULTS\n"
    "  A fault is what may happen between a sender and Klaviyo. --fault may "
    "be\n"
    "  given several times; rules are tried in order, the first that fires "
    "wins.\n"
    "\n"
    "    SPEC   = RULE { ';' RULE } | none\n"
    "    RULE   = [PATH ' '] STEP ['=' RATE | '*' COUNT]\n"
    "           | [PATH ' '] script: STEP ['*' COUNT] { ',' STEP ['*' COUNT] "
    "}\n"
    "    STEP   = [record+] ACTION\n"
    "    ACTION = ok               the right answer\n"
    "           | 4xx | 5xx | NNN  an error status (4xx, 5xx: any such)\n"
    "           | 429[/TEXT]       with Retry-After: TEXT (default 1)\n"
    "           | reset            the connection is reset\n"
    "           | hang[/MS]        no answer for MS (60000), then reset\n"
    "           | slow[/MS]        the right answer after MS (1000)\n"
    "           | truncated[/body] the answer ends in its header (or body)\n"
    "           | down[/MS]        the port is closed for MS (2000)\n"
    "\n"
    "  RATE is a probability (5xx=0.1), COUNT the first so many requests\n"
    "  (503*3); with neither, every request. A script gives one step to each\n"
    "  request and then lets all pass. PATH limits a rule to paths that begin\n"
    "  so; klaviyo.js is spared but by a rule for /onsite. Without record+ "
    "Klaviyo\n"
    "  never sees the request; with record+ it takes the request first, and "
    "only\n"
    "  the answer goes wrong (truncated and slow always do so). Examples:\n"
    "\n"
    "    --fault '5xx=0.1; record+reset=0.05; hang/20000=0.01'\n"
    "    --fault 'script:503*2,reset,record+hang/30000,429/5,ok'\n"
    "    --fault '/api/event-bulk 413*1; down/3000=0.001'\n";

enum { STEPS = 64, RULES = 32 };

struct step {
	struct fault fault;
	long times; /* left; -1 = for ever */
	int family; /* 4 or 5 of 4xx, 5xx */
};
struct rule {
	char path[64];
	double rate; /* 1 = always */
	int steps, at;
	struct step step[STEPS];
};
static struct rule *rules[RULES];
static int nrules;
static char *spec_text;
static uint64_t seed, state;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void
fault_seed(uint64_t s)
{
	seed = state = s;
}

uint64_t
fault_seed_used(void)
{
	return seed;
}

static uint64_t
draw(void) /* splitmix64 */
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static const struct {
	const char *name;
	enum fault_kind kind;
	int number;
	int takes; /* 0 nothing, 1 a number, 2 a text behind '/' */
} actions[] = {
    {"ok", F_NONE, 0, 0},
    {"reset", F_RESET, 0, 0},
    {"hang", F_HANG, 60000, 1},
    {"slow", F_SLOW, 1000, 1},
    {"truncated", F_TRUNCATED, 0, 2},
    {"down", F_DOWN, 2000, 1},
};

static int
parse_status(const char *s, const char *arg, struct step *out)
{
	struct fault *f = &out->fault;

	if (strlen(s) != 3 || (*s != '4' && *s != '5' && *s != '3'))
		return -1;
	f->kind = F_STATUS;
	if (!strcmp(s + 1, "xx") && *s != '3' && !arg) {
		out->family = *s - '0';
		return 0;
	}
	if (!isdigit((unsigned char)s[1]) || !isdigit((unsigned char)s[2]))
		return -1;
	f->number = (int)strtol(s, NULL, 10); /* of three digits */
	if (arg && f->number != 429)
		return -1;
	snprintf(f->text, sizeof f->text, "%s", arg ? arg : "1");
	return 0;
}

/* One STEP, without its '=' or '*'. */
static int
parse_step(char *s, struct step *out)
{
	struct fault *f = &out->fault;
	char *arg, *end;

	snprintf(f->name, sizeof f->name, "%s", s);
	if (!strncmp(s, "record+", 7)) {
		f->processed = 1;
		s += 7;
	}
	if ((arg = strchr(s, '/')))
		*arg++ = 0;
	out->times = -1;
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
		if (strcmp(s, actions[i].name))
			continue;
		f->kind = actions[i].kind;
		f->number = actions[i].number;
		f->processed |= f->kind == F_SLOW || f->kind == F_TRUNCATED;
		if (!arg)
			return 0;
		if (actions[i].takes == 1) {
			f->number = (int)strtol(arg, &end, 10);
			return *arg && !*end && f->number >= 0 ? 0 : -1;
		}
		snprintf(f->text, sizeof f->text, "%s", arg);
		return actions[i].takes == 2 && !strcmp(arg, "body") ? 0 : -1;
	}
	return parse_status(s, arg, out);
}

static char *
trim(char *s)
{
	char *end;

	s += strspn(s, " \t\n\r");
	end = s + strlen(s);
	while (end > s && strchr(" \t\n\r", end[-1]))
		*--end = 0;
	return s;
}

/* A STEP with its count, as in a script. */
static int
parse_counted(char *s, long otherwise, struct step *out)
{
	char *star = strrchr(s, '*'), *end;
	long times = otherwise;

	if (star) {
		*star = 0;
		times = strtol(star + 1, &end, 10);
		if (!star[1] || *end || times < 1)
			return -1;
	}
	if (parse_step(trim(s), out))
		return -1;
	out->times = times;
	return 0;
}

static int
parse_rule(char *s, struct rule *r)
{
	char *p, *end, *save;

	r->rate = 1;
	if (*s == '/') {
		if (!(p = strchr(s, ' ')))
			return -1;
		*p = 0;
		snprintf(r->path, sizeof r->path, "%s", s);
		s = trim(p + 1);
	}
	if (!strncmp(s, "script:", 7)) {
		for (p = strtok_r(s + 7, ",", &save); p;
		     p = strtok_r(NULL, ",", &save))
			if (r->steps == STEPS ||
			    parse_counted(trim(p), 1, &r->step[r->steps++]))
				return -1;
		return r->steps ? 0 : -1;
	}
	r->steps = 1;
	if ((p = strrchr(s, '='))) {
		*p = 0;
		r->rate = strtod(p + 1, &end);
		if (!p[1] || *end || !(r->rate >= 0 && r->rate <= 1))
			return -1;
	}
	return parse_counted(s, -1, &r->step[0]);
}

static void
forget(void)
{
	while (nrules)
		free(rules[--nrules]);
	free(spec_text);
	spec_text = NULL;
}

static int
parse(char *copy, struct rule **out, int *n, char *why, size_t whylen)
{
	char *save, *p;

	for (p = strtok_r(copy, ";\n", &save); p;
	     p = strtok_r(NULL, ";\n", &save)) {
		char *was;

		p = trim(p);
		if (!*p || !strcmp(p, "none"))
			continue;
		was = xdup(p, strlen(p));
		out[*n] = xalloc(sizeof **out);
		if (*n == RULES - 1 || parse_rule(p, out[(*n)++])) {
			snprintf(why, whylen, "fault not understood: %s", was);
			free(was);
			return -1;
		}
		free(was);
	}
	return 0;
}

int
fault_set(const char *spec, int add, char *why, size_t whylen)
{
	struct rule *made[RULES] = {0};
	char *copy = xdup(spec, strlen(spec));
	struct buf text = {0};
	int n = 0, ret = -1;

	pthread_mutex_lock(&lock);
	if (parse(copy, made, &n, why, whylen))
		goto out;
	if (add && nrules + n > RULES) {
		snprintf(why, whylen, "more than %d fault rules", RULES);
		goto out;
	}
	if (add && spec_text)
		buf_printf(&text, "%s; ", spec_text);
	buf_str(&text, n ? spec : "");
	if (!add)
		forget();
	free(spec_text);
	spec_text = text.p;
	for (int i = 0; i < n; i++) {
		rules[nrules++] = made[i];
		made[i] = NULL;
	}
	ret = 0;
out:
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < RULES; i++)
		free(made[i]);
	free(copy);
	return ret;
}

static const int codes4[] = {400, 401, 403, 404, 409, 413, 415, 429};
static const int codes5[] = {500, 502, 503, 504, 520, 524};

static struct fault
fire(struct step *s)
{
	struct fault f = s->fault;

	if (s->times > 0)
		s->times--;
	if (s->family == 5)
		f.number = codes5[draw() % (sizeof codes5 / sizeof *codes5)];
	else if (s->family)
		f.number = codes4[draw() % (sizeof codes4 / sizeof *codes4)];
	return f;
}

struct fault
fault_next(const char *path)
{
	struct fault f = {0};

	pthread_mutex_lock(&lock);
	for (int i = 0; i < nrules; i++) {
		struct rule *r = rules[i];

		if (strncmp(path, r->path, strlen(r->path)) ||
		    (!*r->path && !strncmp(path, "/onsite", 7)))
			continue;
		while (r->at < r->steps && !r->step[r->at].times)
			r->at++;
		if (r->at == r->steps ||
		    (r->rate < 1 &&
		        (double)(draw() >> 11) * 0x1p-53 >= r->rate))
			continue;
		f = fire(&r->step[r->at]);
		break;
	}
	pthread_mutex_unlock(&lock);
	return f;
}

void
fault_json(struct buf *b)
{
	pthread_mutex_lock(&lock);
	buf_json(
	    b, spec_text ? spec_text : "", spec_text ? strlen(spec_text) : 0);
	pthread_mutex_unlock(&lock);
}
