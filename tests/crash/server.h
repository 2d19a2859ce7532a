/* server.h -- a kithd of the test's own: started on a free port, killed or stopped. */
#pragma once

#include <sys/types.h>

struct server {
    pid_t pid;
    int output;       /* its stdout and stderr */
    char address[64]; /* "127.0.0.1:PORT" */
};

/* Starts kithd on dir and waits until it says that it serves. Returns 0, or -1 after printing what it said. */
int server_start(struct server *s, const char *kithd, const char *dir, unsigned reactors, const char *growing_mib);
void server_kill(struct server *s); /* SIGKILL, and waits; its output can still be printed */
void server_print(const struct server *s);
void server_forget(struct server *s);
int server_stop(struct server *s); /* SIGTERM, and waits; returns its exit status, or -1 when a signal ended it */
