/*
 * fastcgi.c - fuzzes the FastCGI stream itself, from the accepted connection to
 * the answer (gateway.c over libfcgi): the input is every byte that the peer
 * sends before it says no more.
 *
 * Must hold: what is answered is whole FastCGI records, of a well-formed head;
 * the connection is closed, and no descriptor stays open.
 *
 * Left out is what libfcgi itself does wrong, and the shop can do nothing about
 * behind it: parameters whose length says 16 MiB and more (it asks for the
 * memory before it looks whether they come, and from 1 GiB on, the rest of
 * CVE-2025-23016, ends the process by an assertion), and records that belong to
 * no request and ask for nothing (48 bytes are lost by each).  Only the web
 * server reaches the socket, it sends neither, and a shop that ends so is
 * started again with nothing half done.  tests/fuzz/known has one of each, and
 * a test that libfcgi still does that: with FUZZ_KNOWN set, nothing is left
 * out.
 */
#include <dirent.h>
#include <fcgiapp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "serve.h"
#include "shop_kit.h"

#define LENGTH_MAX (16u << 20)

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
	must(response.file != NULL);
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

/* ----------------------------------------------------- what is left out */

/* Any byte that could be the first of a long length. */
static bool
has_long(const uint8_t *data, size_t n)
{
	while (n > 0)
		if (data[--n] >= 0x80)
			return true;
	return false;
}

/* Copies the content of the parameters' records of request ${id}, one behind
 * the other; returns false if there is a record of no request but "get values",
 * or one of these with a long length in it. */
static bool
parameters(const uint8_t *data, size_t size, int id, uint8_t *to, size_t *n)
{
	*n = 0;
	while (size >= 8) {
		size_t content = (size_t)data[4] << 8 | data[5];
		size_t whole = 8 + content + data[6];
		int request = data[2] << 8 | data[3];

		if (content > size - 8)
			content = size - 8;
		if (request == 0 &&
		    (data[1] != 9 || has_long(data + 8, content)))
			return false;
		if (data[1] == 4 && request == id) {
			memcpy(to + *n, data + 8, content);
			*n += content;
		}
		if (whole > size)
			break;
		data += whole;
		size -= whole;
	}
	return true;
}

/* A length of the protocol: one byte, or four with the highest bit set. */
static size_t
length_at(const uint8_t *data, size_t n, size_t *at)
{
	size_t length;

	if (*at >= n)
		return 0;
	if (data[*at] < 0x80)
		return data[(*at)++];
	if (n - *at < 4) {
		*at = n;
		return 0;
	}
	length = (size_t)(data[*at] & 0x7f) << 24 |
	         (size_t)data[*at + 1] << 16 | (size_t)data[*at + 2] << 8 |
	         data[*at + 3];
	*at += 4;
	return length;
}

static bool
too_long(const uint8_t *data, size_t size, int id)
{
	uint8_t *all = malloc(size + 1);
	size_t n = 0, at = 0;
	bool found = !parameters(data, size, id, all, &n);

	while (at < n && !found) {
		size_t name = length_at(all, n, &at);
		size_t value = length_at(all, n, &at);

		found = name >= LENGTH_MAX || value >= LENGTH_MAX;
		at += name + value;
	}
	free(all);
	return found;
}

/* Whichever of the requests that begin libfcgi takes. */
static bool
left_out(const uint8_t *data, size_t size)
{
	const uint8_t *at = data;
	size_t left = size;

	while (left >= 8) {
		size_t whole = 8 + ((size_t)at[4] << 8 | at[5]) + at[6];

		if (too_long(data, size, at[2] << 8 | at[3]))
			return true;
		if (whole > left)
			break;
		at += whole;
		left -= whole;
	}
	return false;
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

	if (getenv("FUZZ_KNOWN") == NULL && left_out(data, size))
		return -1;
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	peer.fd = pair[0];
	must(pthread_create(&thread, NULL, peer_run, &peer) == 0);
	connection_serve(&kit_shop, pair[1]);
	pthread_join(thread, NULL);
	check_records(&peer.got);
	must(descriptors() == before);
	if (memmem(data, size, "POST", 4) != NULL)
		kit_reset(kit_shop.db);
	text_free(&peer.got);
	return 0;
}
