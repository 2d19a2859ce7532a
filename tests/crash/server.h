/* server.h -- starts a kithd on a free port, and kills or stops it. */
#pragma once

#include <kith/kith.h>
#include <stdbool.h>
#include <sys/types.h>

struct server_plan {
    const char *kithd, *dir; /* dir: the data folder */
    /* the file to which its output is appended; not on the disk that is tested */
    const char *output;
    unsigned reactors, growing_mib;
    const char *io;              /* auto, uring or uv */
    const char *extra[6];        /* further options; NULL ends them */
    void (*in_child)(void *arg); /* called between fork and exec; may be NULL */
    int (*in_parent)(void *arg); /* called right after the fork: 0, or failed() */
    void *arg;
};

struct server {
    pid_t pid;
    struct server_plan plan;
    long output_start; /* the offset at which the output of this run begins */
    char address[64];  /* "127.0.0.1:PORT" */
};

/* Starts kithd and waits until its output says that it serves. 0, or failed(). */
int server_start(struct server *s, const struct server_plan *plan);
/* Connects, and waits while the server says that it is not ready yet. 0, or failed(). */
int server_connect(const struct server *s, struct kith **ret);
void server_kill(struct server *s); /* SIGKILL, and waits */
/* SIGTERM, and waits. 0, or failed() if the exit status is not 0. */
int server_stop(struct server *s);
bool server_lives(struct server *s);       /* false: it has ended by itself */
void server_print(const struct server *s); /* the end of its output, as TAP diagnostics */

/* Runs `kith WORD ... --server ADDRESS` in a process of its own. Its output goes behind that of the
 * server. NULL ends the words. Returns the process, or -1. */
pid_t kith_run(const char *kith, const struct server *s, const char *const *words);
/* The exit status of that process. With `wait`, waits for its end; else -1 means that it runs. */
int kith_status(pid_t pid, bool wait);
