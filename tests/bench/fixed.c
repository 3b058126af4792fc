/*
 * fixed.c - what FastCGI costs at least: writes one file's bytes, headers and
 * page, always.
 *
 *	fixed SOCKET FILE
 *
 * Eight threads, which take new and kept connections as the storefront's do
 * (waiting.c); no routing, no database, no template.
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define THREADS 8

static int listener, waiting;
static char *answer;
static int length;

/* Once there is something to read. */
static void
wait_for(int fd, int operation, uint32_t how)
{
	struct epoll_event event = {.events = EPOLLIN | how, .data.fd = fd};

	epoll_ctl(waiting, operation, fd, &event);
}

static void *
serve(void *arg)
{
	struct epoll_event event;
	FCGX_Request request;

	(void)arg;
	FCGX_InitRequest(&request, -1, 0);
	for (;;) {
		int fd, operation = EPOLL_CTL_MOD;

		if (epoll_wait(waiting, &event, 1, -1) != 1)
			continue;
		fd = event.data.fd;
		if (fd == listener) {
			fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			operation = EPOLL_CTL_ADD;
		}
		if (fd < 0)
			continue;
		request.ipcFd = fd;
		request.keepConnection = 1;
		if (FCGX_Accept_r(&request) < 0)
			continue;
		FCGX_PutStr(answer, length, request.out);
		FCGX_Finish_r(&request);
		if (request.ipcFd >= 0)
			wait_for(fd, operation, EPOLLONESHOT);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat stat;
	pthread_t thread;
	FILE *file;

	if (argc != 3 || (file = fopen(argv[2], "re")) == NULL ||
	    fstat(fileno(file), &stat) != 0)
		return 2;
	length = (int)stat.st_size;
	answer = malloc((size_t)length);
	if (answer == NULL || fread(answer, 1, (size_t)length, file) !=
	        (size_t)length)
		return 1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
	listener =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    chmod(argv[1], 0666) != 0 || listen(listener, 511) != 0)
		return 1;
	waiting = epoll_create1(EPOLL_CLOEXEC);
	wait_for(listener, EPOLL_CTL_ADD, 0);
	setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "100", 1);
	FCGX_Init();
	for (int i = 1; i < THREADS; i++)
		pthread_create(&thread, NULL, serve, NULL);
	serve(NULL);
	return 0;
}
