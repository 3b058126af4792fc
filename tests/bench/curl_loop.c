/*
 * curl_loop.c - what libcurl costs at least: posts texts from memory with many
 * requests in flight, and does nothing with the answers.
 *
 *	curl_loop URL CA BODIES N IN_FLIGHT [2]
 *
 * BODIES has one body a line, posted in turn until N are answered; with 2 by
 * HTTP/2 on one connection, else on kept HTTP/1.1 ones.  Prints events, seconds
 * and processor seconds, of which the first 5 % of events, in which connections
 * are made, are no part.
 *
 * Where one fails, another is posted instead, TRIES times in all: by HTTP/2, one
 * in some hundred thousand ends with "Error in the HTTP2 framing layer" (libcurl
 * 7.88).
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { TRIES = 10 };

static char *bodies[100000];
static size_t lengths[100000];
static int nbodies, started, finished, failed;

static size_t
ignore(char *data, size_t one, size_t n, void *arg)
{
	(void)data, (void)one, (void)arg;
	return n;
}

static int
read_bodies(const char *path)
{
	FILE *file = fopen(path, "re");
	size_t room = 0;
	ssize_t n;

	if (file == NULL)
		return -1;
	while (nbodies < 100000 &&
	       (n = getline(&bodies[nbodies], &room, file)) > 0) {
		bodies[nbodies][n - 1] = '\0';
		lengths[nbodies++] = (size_t)n - 1;
		room = 0;
	}
	fclose(file);
	return nbodies > 0 ? 0 : -1;
}

static void
start(CURLM *multi, CURL *easy)
{
	int i = started++ % nbodies;

	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)lengths[i]);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, bodies[i]);
	curl_multi_add_handle(multi, easy);
}

static void
finish(CURLM *multi, const CURLMsg *message, int most)
{
	CURL *easy = message->easy_handle;
	CURLcode result = message->data.result;
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_multi_remove_handle(multi, easy);
	if (result == CURLE_OK && status == 202) {
		finished++;
	} else {
		fprintf(stderr, "curl_loop: %s, status %ld\n",
		    curl_easy_strerror(result), status);
		started--;
		if (++failed > TRIES)
			exit(1);
	}
	if (started < most)
		start(multi, easy);
}

static double
seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	struct curl_slist *headers;
	int most, in_flight, running, waiting, warm;
	double wall = 0, processor = 0;
	CURLMsg *message;
	CURLM *multi;

	if (argc < 6 || read_bodies(argv[3]) != 0)
		return 2;
	most = atoi(argv[4]);
	in_flight = atoi(argv[5]);
	warm = most / 20;
	multi = curl_multi_init();
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)in_flight);
	headers =
	    curl_slist_append(NULL, "Content-Type: application/vnd.api+json");
	headers = curl_slist_append(
	    headers, "Authorization: Klaviyo-API-Key pk_bench");
	headers = curl_slist_append(headers, "revision: 2026-07-15");
	headers = curl_slist_append(headers, "Expect:");
	for (int i = 0; i < in_flight; i++) {
		CURL *easy = curl_easy_init();

		curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
		curl_easy_setopt(easy, CURLOPT_CAINFO, argv[2]);
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
		curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
		    argc > 6 ? (long)CURL_HTTP_VERSION_2TLS
		             : (long)CURL_HTTP_VERSION_1_1);
		curl_easy_setopt(easy, CURLOPT_PIPEWAIT, argc > 6 ? 1L : 0L);
		start(multi, easy);
	}
	while (finished < most) {
		curl_multi_perform(multi, &running);
		while ((message = curl_multi_info_read(multi, &waiting)))
			if (message->msg == CURLMSG_DONE)
				finish(multi, message, most);
		if (wall == 0 && finished >= warm) {
			warm = finished;
			wall = seconds(CLOCK_MONOTONIC);
			processor = seconds(CLOCK_PROCESS_CPUTIME_ID);
		}
		if (finished < most)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
	printf("%d %.3f %.3f\n", most - warm, seconds(CLOCK_MONOTONIC) - wall,
	    seconds(CLOCK_PROCESS_CPUTIME_ID) - processor);
	return 0;
}
