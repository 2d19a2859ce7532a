/* top.h -- the figures of `kith top`, and how they are shown.
 *
 * The server counts since its start. Two readings give the figures for the time between them.
 * top_read() computes them, top_screen.c draws them on a terminal, top_print.c prints them as
 * tables or JSON. */
#pragma once

#include "base/histogram.h"
#include "cli/command.h"

#define TOP_HISTORY     120 /* number of readings in the curve */
#define TOP_COLLECTIONS 64  /* further collections are only counted */
#define TOP_BUILDS      32  /* further builds are only counted */
#define TOP_KINDS       16  /* kinds of memory */

struct top_times {
    uint64_t p50, p90, p99, p999; /* ns; 0: no searches */
};

/* One core between two readings; or the sum of all cores. */
struct top_core {
    double busy, interactive, write, background; /* shares of the time */
    double searches, writes, deletes, flushes;   /* per second */
    struct top_times times;
    uint64_t stalls; /* since the reading before */
    uint32_t queue, fibers, connections;
    uint32_t waiting;    /* requests that wait in the admission */
    double refused;      /* per second */
    double wide;         /* share of the searches that ran on all cores */
    double slowed;       /* mean number of writes that waited for the throttle */
    uint64_t slowed_now; /* writes that wait now */
    uint64_t backlog_rows, backlog_ns;
    uint64_t builds, merges; /* since the server's start */
};

/* A segment that is being sealed, merged or compacted. */
struct top_build {
    size_t core;
    char collection[128], kind[16], phase[16];
    uint64_t rows, rows_done, elapsed_ns, left_ns;
};

struct top_memory {
    char name[16];
    uint64_t bytes;
};

struct top_collection {
    char name[128];
    uint64_t points, segments, growing_rows, backlog_rows, memory_bytes, disk_bytes;
    bool damaged;
};

struct top {
    /* between the two readings; 0: only one so far, and there are no rates */
    double seconds;
    uint64_t uptime_ns, resident_bytes;
    double cpu; /* CPU time of the process per second, in cores */
    char read_only[256];
    size_t core_count;
    struct top_core *cores, all;
    struct top_collection collections[TOP_COLLECTIONS];
    size_t collection_count, collections_total;
    struct top_times minute; /* searches of the last minute */
    struct top_build builds[TOP_BUILDS];
    size_t build_count;
    struct top_memory memory[TOP_KINDS]; /* largest first */
    size_t memory_count;
    uint64_t memory_sum, memory_mapped, memory_budget; /* budget 0: none */
    unsigned memory_pressure;
    /* searches per second and their p99 in ns, newest last */
    double history[TOP_HISTORY], history_p99[TOP_HISTORY];
    size_t history_count;
    struct top_reading *before;
};

/* Takes a reading and computes the figures since the last one. 0, or libkith's negative code with
 * the sentence in kith_error(). All zeros is the state before the first reading. */
int top_read(struct top *t, struct kith *k);
/* makes the next reading a first one, for a restarted server */
void top_forget(struct top *t);
void top_free(struct top *t);

/* Takes a reading, on a new connection if the old one is lost. 0; 1: the server cannot answer now,
 * and c->why says why; -1: it never will. */
int top_read_again(struct cli *c, struct top *t);

/* "5 h 12 min", "310 us", "1.2 ms", "-" for 0; valid as long as a number_text(). */
const char *top_uptime_text(uint64_t ns);
const char *top_time_text(uint64_t ns);

/* The share of a seal or merge that is done, 0 to 1; the graph is most of it. */
double top_build_share(const struct top_build *b);
/* What the server does to stay within the budget; "" for nothing. */
const char *top_pressure_text(unsigned pressure);

void top_print(const struct top *t, const char *server);
json_t *top_json(const struct top *t);

/* Redraws every `seconds` until q is pressed. Returns the exit status. */
int top_screen(struct cli *c, struct top *t, double seconds);
bool top_has_screen(void);
