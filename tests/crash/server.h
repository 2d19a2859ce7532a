/* server.h -- a kithd of the test's own: started on a free port, killed or stopped. */
#pragma once

#include <kith/kith.h>
#include <stdbool.h>
#include <sys/types.h>

struct server_plan {
    const char *kithd, *dir; /* dir: the data folder */
    /* the file its output is appended to; not on the disk that is tested */
    const char *output;
    unsigned reactors, growing_mib;
    const char *io;              /* auto, uring or uv */
    const char *extra[6];        /* further options, NULL at the end */
    void (*in_child)(void *arg); /* called between fork and exec; NULL: nothing to do */
    int (*in_parent)(void *arg); /* called right after the fork: 0, or failed() */
    void *arg;
};

struct server {
    pid_t pid;
    struct server_plan plan;
    long output_start; /* where this run's part of the output begins */
    char address[64];  /* "127.0.0.1:PORT" */
};

/* Starts kithd and waits until it says that it serves. 0, or failed(). */
int server_start(struct server *s, const struct server_plan *plan);
/* Connects, and waits while the server says that it is not ready yet. 0, or failed(). */
int server_connect(const struct server *s, struct kith **ret);
void server_kill(struct server *s); /* SIGKILL, and waits */
/* SIGTERM, and waits; 0, or failed() when its exit status is not 0 */
int server_stop(struct server *s);
bool server_lives(struct server *s);       /* false: it has ended by itself */
void server_print(const struct server *s); /* the end of what it said, as TAP diagnostics */

/* Runs the command line in a process of its own, its output behind the server's: kith WORD ...
 * --server ADDRESS. words end with NULL. Returns the process, or -1. */
pid_t kith_run(const char *kith, const struct server *s, const char *const *words);
/* Its exit status; -1: still running, which it is not with wait. */
int kith_status(pid_t pid, bool wait);
