/*
 * main.c - klaviyo-sandbox: the options, and the way from start to end.
 *
 * Exit status: 0 after SIGTERM or SIGINT, 1 when something failed, 2 when the
 * call was wrong. The line that says where it listens is all of its standard
 * output; everything else goes to standard error.
 */
#include "sandbox.h"

#include <getopt.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: klaviyo-sandbox [OPTION]...\n"
    "A local stand-in for Klaviyo: takes events and profiles as Klaviyo does,\n"
    "refuses what Klaviyo refuses, and shows what arrived on a live page.\n"
    "\n"
    "  --listen HOST:PORT   where to listen (127.0.0.1:9000; port 0: a free "
    "one)\n"
    "  --allow-remote       permit an address that is not loopback\n"
    "  --private-key KEY    the only private key accepted (default: any)\n"
    "  --public-key KEY     the only company_id accepted (default: any)\n"
    "  --scopes LIST        the scopes of the private key, such as\n"
    "                       events:write,profiles:write (default: all)\n"
    "  --record FILE        append each request as one line of JSON\n"
    "  --data FILE          keep events over a restart, as lines of JSON\n"
    "  --keep N             events to show (100000); older are only counted\n"
    "  --rate off|real      Klaviyo's rate limits (real)\n"
    "  --clock-rate N       rate windows run N times faster\n"
    "  --latency MS         wait before each answer\n"
    "  --catalog-polls N    a catalogue job is complete when it has been "
    "asked\n"
    "                       after N times (2)\n"
    "  --fault SPEC         let answers go wrong; see below\n"
    "  --seed N             repeat what faults by chance did before\n"
    "  --help, --version\n"
    "\n"
    "The live page is at /. For programs, as JSON: GET "
    "/sandbox/events?after=N\n"
    "[&wait=MS], /sandbox/status, /sandbox/profiles (with their consent),\n"
    "/sandbox/stock (who waits for which article), /sandbox/catalog,\n"
    "/sandbox/state and /sandbox/export; POST /sandbox/clear, and\n"
    "/sandbox/fault with a SPEC.\n"
    "\n"
    "GET /api/events knows every event until all is cleared; what they carry\n"
    "is in a file without a name in TMPDIR (/var/tmp).\n"
    "\n";

enum option_code {
	O_LISTEN = 256,
	O_REMOTE,
	O_PRIVATE,
	O_PUBLIC,
	O_SCOPES,
	O_RECORD,
	O_DATA,
	O_KEEP,
	O_RATE,
	O_CLOCK,
	O_LATENCY,
	O_POLLS,
	O_FAULT,
	O_SEED,
	O_HELP,
	O_VERSION
};
static const struct option options[] = {
    {"listen", required_argument, NULL, O_LISTEN},
    {"allow-remote", no_argument, NULL, O_REMOTE},
    {"private-key", required_argument, NULL, O_PRIVATE},
    {"public-key", required_argument, NULL, O_PUBLIC},
    {"scopes", required_argument, NULL, O_SCOPES},
    {"record", required_argument, NULL, O_RECORD},
    {"data", required_argument, NULL, O_DATA},
    {"keep", required_argument, NULL, O_KEEP},
    {"rate", required_argument, NULL, O_RATE},
    {"clock-rate", required_argument, NULL, O_CLOCK},
    {"latency", required_argument, NULL, O_LATENCY},
    {"catalog-polls", required_argument, NULL, O_POLLS},
    {"fault", required_argument, NULL, O_FAULT},
    {"seed", required_argument, NULL, O_SEED},
    {"help", no_argument, NULL, O_HELP},
    {"version", no_argument, NULL, O_VERSION}, {NULL, 0, NULL, 0}};

struct settings {
	struct listen listen;
	const char *data;
	int rate;
	double clock_rate;
	int faults;
	uint64_t seed;
};

static int
wrong(const char *option, const char *value, const char *why)
{
	fprintf(stderr, "klaviyo-sandbox: --%s %s: %s\n", option, value, why);
	return -1;
}

static int
number(const char *name, const char *s, long long min, long long max,
    long long *out)
{
	char *end;

	*out = strtoll(s, &end, 10);
	if (!*s || *end || *out < min || *out > max) {
		char why[80];

		snprintf(why, sizeof why,
		    "a number from %lld to %lld is "
		    "expected",
		    min, max);
		return wrong(name, s, why);
	}
	return 0;
}

static int
set_listen(struct listen *l, char *s)
{
	char *colon = strrchr(s, ':');
	long long port;

	if (!colon)
		return wrong("listen", s, "HOST:PORT is expected");
	if (number("listen", colon + 1, 0, 65535, &port))
		return -1;
	*colon = 0;
	if (*s == '[' && colon[-1] == ']') {
		colon[-1] = 0;
		s++;
	}
	l->host = strcmp(s, "localhost") ? s : "127.0.0.1";
	l->port = (int)port;
	return 0;
}

static int
set_rate(struct settings *s, const char *value)
{
	s->rate = !strcmp(value, "real");
	if (!s->rate && strcmp(value, "off"))
		return wrong("rate", value, "off or real is expected");
	return 0;
}

static int
set_clock(struct settings *s, const char *value)
{
	char *end;

	s->clock_rate = strtod(value, &end);
	if (!*value || *end ||
	    !(s->clock_rate >= 0.001 && s->clock_rate <= 100000))
		return wrong("clock-rate", value, "a number is expected");
	return 0;
}

static int
scopes_ok(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz-";

	for (;; s++) {
		s += strspn(s, letters);
		if (*s++ != ':' ||
		    (strncmp(s, "read", 4) && strncmp(s, "write", 5)))
			return 0;
		s += *s == 'r' ? 4 : 5;
		if (*s != ',')
			return !*s;
	}
}

static int
set(struct settings *s, int code, char *value)
{
	char why[200];
	long long n;

	switch (code) {
	case O_LISTEN:
		return set_listen(&s->listen, value);
	case O_REMOTE:
		s->listen.allow_remote = 1;
		return 0;
	case O_PRIVATE:
		option_private_key = value;
		return *value ? 0 : wrong("private-key", "", "it is empty");
	case O_PUBLIC:
		option_public_key = value;
		return *value ? 0 : wrong("public-key", "", "it is empty");
	case O_SCOPES:
		option_scopes = value;
		return scopes_ok(value)
		           ? 0
		           : wrong("scopes", value,
		                 "names such as events:write, joined by "
		                 "commas, are expected");
	case O_RECORD:
		option_record = value;
		return 0;
	case O_DATA:
		s->data = value;
		return 0;
	case O_KEEP:
		if (number("keep", value, 1, 10000000, &n))
			return -1;
		log_keep((size_t)n, (size_t)128 << 20);
		return 0;
	case O_RATE:
		return set_rate(s, value);
	case O_CLOCK:
		return set_clock(s, value);
	case O_LATENCY:
		if (number("latency", value, 0, 3600000, &n))
			return -1;
		s->listen.latency = (int)n;
		return 0;
	case O_POLLS:
		if (number("catalog-polls", value, 0, 1000, &n))
			return -1;
		option_catalog_polls = (int)n;
		return 0;
	case O_FAULT:
		s->faults = 1;
		if (fault_set(value, 1, why, sizeof why))
			return wrong("fault", value, why);
		return 0;
	case O_SEED:
		if (number("seed", value, 0, INT64_MAX, &n))
			return -1;
		s->seed = (uint64_t)n;
		return 0;
	}
	return -1;
}

/* 0 to go on, 1 to end well, -1 for a wrong call. */
static int
read_options(struct settings *s, int argc, char *argv[])
{
	int code;

	while ((code = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (code == O_HELP) {
			printf("%s%s", usage, fault_help);
			return 1;
		}
		if (code == O_VERSION) {
			puts("klaviyo-sandbox " VERSION);
			return 1;
		}
		if (set(s, code, optarg))
			return -1;
	}
	if (optind < argc)
		return wrong("help", argv[optind], "no such argument");
	return 0;
}

int
main(int argc, char *argv[])
{
	struct settings s = {
	    .listen = {"127.0.0.1", 9000, 0, 0}, .rate = 1, .clock_rate = 1};
	int ret;

	if (sodium_init() == -1)
		return 1;
	s.seed = randombytes_uniform(1000000000);
	ret = read_options(&s, argc, argv);
	if (ret < 0)
		fputs("klaviyo-sandbox: see --help\n", stderr);
	if (ret)
		return ret < 0 ? 2 : 0;
	fault_seed(s.seed);
	windows_init(s.rate, s.clock_rate);
	control_init(s.listen.allow_remote);
	if (held_open() || server_open(&s.listen))
		return 1;
	if ((option_record && record_open(option_record)) ||
	    (s.data && data_open(s.data)))
		return 1;
	if (s.faults)
		fprintf(stderr,
		    "klaviyo-sandbox: faults by chance follow "
		    "--seed %llu\n",
		    (unsigned long long)s.seed);
	return server_run(&s.listen) ? 1 : 0;
}
