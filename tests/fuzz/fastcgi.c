/*
 * fastcgi.c - fuzzes the FastCGI stream itself, from the accepted connection to
 * the answer (gateway.c over libfcgi, records.c): the input is every byte that
 * the peer sends before it says no more.
 *
 * Must hold: what is answered is whole FastCGI records, of a well-formed head;
 * the connection is closed, and no descriptor stays open.
 *
 * Passed over is what libfcgi itself does wrong, and the shop can do nothing
 * about behind it: of a parameter's length of 1 GiB and more (the rest of
 * CVE-2025-23016) it makes an assertion that fails and ends the process, and by
 * a record of no request that asks for nothing it loses 48 bytes.  Only the web
 * server reaches the socket, it sends neither, and a shop that ends so is
 * started again with nothing half done.  tests/fuzz/known has some, and a test
 * that libfcgi still does that: with FUZZ_KNOWN set, nothing is passed over.
 */
#include <assert.h> /* for __assert_fail */
#include <dirent.h>
#include <fcgiapp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/socket.h>

#include "serve.h"
#include "shop_kit.h"

const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);

/* --------------------------------------------- what libfcgi does wrong */

static jmp_buf given_up;

/* In the place of libc's: there is no other way out of libfcgi. */
__attribute__((noreturn, visibility("default"))) void
__assert_fail(const char *assertion, const char *file, unsigned line,
    const char *function)
{
	if (getenv("FUZZ_KNOWN") == NULL && strcmp(function, "Malloc") == 0)
		longjmp(given_up, 1);
	fprintf(stderr, "%s:%u: %s: Assertion `%s' failed.\n", file, line,
	    function, assertion);
	abort();
}

/* Sanitizers: memory that is not there is libfcgi's to notice, and what it
 * loses is its own.  A request that we do not finish keeps its descriptor. */
__attribute__((visibility("default"))) const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

__attribute__((visibility("default"))) const char *
__lsan_default_suppressions(void)
{
	return getenv("FUZZ_KNOWN") == NULL ? "leak:libfcgi.so" : "";
}

static void
keep_feed(const char *path)
{
	struct arena *arena = arena_new();
	struct request request = {.arena = arena,
	    .method = "GET",
	    .path = path,
	    .cookie = "",
	    .accept = "",
	    .origin = "",
	    .fetch_site = "",
	    .if_none_match = "",
	    .if_modified_since = "",
	    .user_agent = "",
	    .purpose = ""};
	struct response response = {.status = 0};

	shop_handle(&kit_shop, &request, &response);
	shop_after(&kit_shop);
	must(response.file != NULL && response.make != NULL);
	response.make(
	    response.make_arg, &kit_shop, response.file, NULL, NULL);
	response.make = NULL;
	response_free(&response);
	arena_free(arena);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "100", 1);
	must(FCGX_Init() == 0);
	kit_open();
	/* A feed that was made is kept, in a file of its own. */
	keep_feed("/feed/catalog.json");
	keep_feed("/feed/catalog.xml");
	return 0;
}

/* ------------------------------------------------------------- the peer */

struct peer {
	int fd;
	const uint8_t *data;
	size_t size;
	struct text got;
};

/* Sends all, says no more, and reads until the shop has closed. */
static void *
peer_run(void *arg)
{
	struct peer *peer = arg;
	char piece[65536];
	ssize_t n;

	while (peer->size > 0) {
		n = write(peer->fd, peer->data, peer->size);
		if (n <= 0)
			break; /* the shop has heard enough */
		peer->data += n;
		peer->size -= (size_t)n;
	}
	shutdown(peer->fd, SHUT_WR);
	while ((n = read(peer->fd, piece, sizeof(piece))) > 0)
		text_addn(&peer->got, piece, (size_t)n);
	close(peer->fd);
	return NULL;
}

/* Records until the end: of STDOUT, STDERR, the end, an unknown type's or of
 * values asked for. */
static void
check_records(const struct text *got)
{
	const uint8_t *data = (const uint8_t *)got->data;
	size_t left = got->length;
	struct text out = {0};

	while (left > 0) {
		size_t content, whole;

		must(left >= 8 && data[0] == 1);
		must(data[1] == 6 || data[1] == 7 || data[1] == 3 ||
		     data[1] == 10 || data[1] == 11);
		content = (size_t)data[4] << 8 | data[5];
		whole = 8 + content + data[6];
		must(whole <= left);
		if (data[1] == 6)
			text_addn(&out, (const char *)data + 8, content);
		data += whole;
		left -= whole;
	}
	if (out.length > 0)
		must(strncmp(out.data, "Status: ", 8) == 0 &&
		     strstr(out.data, "\r\n\r\n") != NULL);
	text_free(&out);
}

static int
descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	must(dir != NULL);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peer peer = {.data = data, .size = size};
	int pair[2], before = descriptors();
	pthread_t thread;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	peer.fd = pair[0];
	must(pthread_create(&thread, NULL, peer_run, &peer) == 0);
	if (setjmp(given_up) == 0)
		while (connection_serve(&kit_shop, pair[1], true))
			;
	else
		close(pair[1]);
	pthread_join(thread, NULL);
	check_records(&peer.got);
	must(descriptors() == before);
	if (memmem(data, size, "POST", 4) != NULL)
		kit_reset(kit_shop.db);
	text_free(&peer.got);
	return 0;
}
