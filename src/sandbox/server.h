/*
 * server.h - what server.c and answer.c share, and nobody else needs.
 */
#ifndef SERVER_H
#define SERVER_H

#include "sandbox.h"

#include <microhttpd.h>

/* Readable while the server ends; written to close the port for (n - 1) ms. */
extern int server_stop_fd, server_down_fd;
extern int server_latency; /* ms before each answer */

enum MHD_Result answer_call(struct call *c);

#endif
