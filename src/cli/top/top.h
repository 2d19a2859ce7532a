/* top.h -- what `kith top` knows at a moment, and how it is shown.
 *
 * The server counts since its start; two readings make the figures of the time between
 * them. top_read() makes them, top_screen.c draws them on a terminal, top_print.c writes
 * them as tables or JSON. */
#pragma once

#include "base/histogram.h"
#include "cli/command.h"

#define TOP_HISTORY     120 /* readings whose rates are remembered, for the curve */
#define TOP_COLLECTIONS 64  /* more are only counted */
#define TOP_BUILDS      32  /* likewise */
#define TOP_KINDS       16  /* of memory */

struct top_times {
    uint64_t p50, p90, p99, p999; /* ns; 0: there were no searches */
};

/* One core between two readings; or all of them, added up. */
struct top_core {
    double busy, interactive, write, background; /* shares of the time */
    double searches, writes, deletes, flushes;   /* a second */
    struct top_times times;
    uint64_t stalls; /* since the reading before */
    uint32_t queue, fibers, connections;
    uint32_t waiting;    /* requests that wait to be admitted */
    double refused;      /* a second */
    double wide;         /* part of the searches that went to all cores */
    double slowed;       /* writes that waited for graphs, on average */
    uint64_t slowed_now; /* that do */
    uint64_t backlog_rows, backlog_ns;
    uint64_t builds, merges; /* since the server's start */
};

/* A segment that is sealed, merged or compacted just now. */
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
    /* between the two readings; 0: there was only one yet, and nothing has a rate */
    double seconds;
    uint64_t uptime_ns, resident_bytes;
    double cpu; /* cores' worth of time the process took */
    char read_only[256];
    size_t core_count;
    struct top_core *cores, all;
    struct top_collection collections[TOP_COLLECTIONS];
    size_t collection_count, collections_total;
    struct top_times minute; /* of the searches of the last minute */
    struct top_build builds[TOP_BUILDS];
    size_t build_count;
    struct top_memory memory[TOP_KINDS]; /* what there is most of first */
    size_t memory_count;
    uint64_t memory_sum, memory_mapped, memory_budget; /* budget 0: none */
    unsigned memory_stage;
    /* searches a second and their p99 in ns, newest last */
    double history[TOP_HISTORY], history_p99[TOP_HISTORY];
    size_t history_count;
    struct top_reading *before;
};

/* Asks the server and makes the figures since the last call. 0, or libkith's negative code, with
 * the sentence in kith_error(). Zero-initialised is before the first. */
int top_read(struct top *t, struct kith *k);
/* the next reading is a first one again: of a server that has started anew */
void top_forget(struct top *t);
void top_free(struct top *t);

/* Reads, on a new connection if the old one is lost. 0; 1: there is none now, and c->why says why;
 * -1: not only for now. */
int top_read_again(struct cli *c, struct top *t);

/* "5 h 12 min", "310 us", "1.2 ms", "-" for nothing; text from a small ring, as number_text(). */
const char *top_uptime_text(uint64_t ns);
const char *top_time_text(uint64_t ns);

/* What the parts of a seal or a merge are done of, 0 to 1: the graph is most of it. */
double top_build_share(const struct top_build *b);
/* What is done to keep to the budget, "" for nothing. */
const char *top_stage_text(unsigned stage);

void top_print(const struct top *t, const char *server);
json_t *top_json(const struct top *t);

/* Redraws every `seconds` until q is pressed. Returns the exit status. */
int top_screen(struct cli *c, struct top *t, double seconds);
bool top_has_screen(void);
