/* top.h -- what `kith top` knows at a moment, and how it is shown.
 *
 * The server counts since its start; two readings make the figures of the time between them. top_read() makes them, top_screen.c draws
 * them on a terminal, top_print.c writes them as tables or JSON. */
#pragma once

#include "base/histogram.h"
#include "cli/command.h"

#define TOP_HISTORY     120 /* readings whose rates are remembered, for the curve */
#define TOP_COLLECTIONS 64  /* more are only counted */

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
    uint64_t backlog_rows, backlog_ns;
    uint64_t builds, merges; /* since the server's start */
};

struct top_collection {
    char name[128];
    uint64_t points, segments, growing_rows, backlog_rows, memory_bytes, disk_bytes;
    bool damaged;
};

struct top {
    double seconds; /* between the two readings; 0: there was only one yet, and nothing has a rate */
    uint64_t uptime_ns, resident_bytes;
    double cpu; /* cores' worth of time the process took */
    char read_only[256];
    size_t core_count;
    struct top_core *cores, all;
    struct top_collection collections[TOP_COLLECTIONS];
    size_t collection_count, collections_total;
    double history[TOP_HISTORY]; /* searches a second, newest last */
    size_t history_count;
    struct top_reading *before;
};

/* Asks the server and makes the figures since the last call. 0, or libkith's negative code, with the sentence in kith_error(). Zero-initialised
 * is before the first. */
int top_read(struct top *t, struct kith *k);
void top_free(struct top *t);

/* "5 h 12 min", "310 us", "1.2 ms", "-" for nothing; text from a small ring, as number_text(). */
const char *top_uptime_text(uint64_t ns);
const char *top_time_text(uint64_t ns);

void top_print(const struct top *t, const char *server);
json_t *top_json(const struct top *t);

/* Redraws every `seconds` until q is pressed. Returns the exit status. */
int top_screen(struct cli *c, struct top *t, double seconds);
bool top_has_screen(void);
