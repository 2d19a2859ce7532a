/* load_target.h -- the database under load, as a table of functions: Kith through libkith, or
 * PostgreSQL with pgvector through libpq.
 *
 * A link is one connection. On failure a function returns a negative errno, and error() has the
 * sentence until the next call. */
#pragma once

#include "dataset.h"

#include <kith/kith.h>

struct load_options;

/* The first member of a target's struct for a connection. */
struct link {
    const struct target *target;
};

struct target_search {
    const char *collection;
    const float *queries; /* count x dim */
    uint32_t count, dim, k, ef;
    enum kith_fan_out fan_out;
};
struct target_points {
    const char *collection;
    const uint64_t *ids;
    const float *vectors; /* count x dim */
    uint32_t count, dim;
};
struct target_reply {
    int64_t request;
    /* why this request failed while the link is fine; NULL: it succeeded. Valid until the next
     * call */
    const char *failure;
    uint64_t
        /* time of arrival at this machine by clock_wall_ns(), or somewhat later if more bytes came
         * behind it; 0: unknown */
        arrived_ns;
    uint32_t queries;       /* of a search: the number of lists of hits, one behind the other */
    const uint32_t *counts; /* of each list */
    const uint64_t *ids;
};

/* Progress of loading rows: the time at which each tenth was acknowledged. */
#define FILL_TENTHS 10
struct fill_watch {
    uint64_t start_ns, tenth_ns[FILL_TENTHS];
    unsigned tenths;
    /* time that writes waited for the throttle, summed by the server; negative: unknown */
    double slowed_s;
};
void fill_at(struct fill_watch *w, uint64_t rows, uint64_t total); /* w may be NULL */
double fill_seconds(const struct fill_watch *w);
/* How much longer loading took than at the rate of its fastest tenth: the delay of the writers. */
double fill_held_up_seconds(const struct fill_watch *w);

struct target {
    const char *name;
    /* Whether it can be measured at that address, or why not. NULL: open() tells. */
    bool (*usable)(const char *address, char *why, size_t why_size);
    int (*open)(const char *address, struct link **ret, char *error, size_t error_size);
    void (*close)(struct link *l);
    const char *(*error)(const struct link *l);

    /* Start a request: an id above 0, or a negative errno when the link is lost. */
    uint32_t (*in_flight_max)(const struct link *l);
    int64_t (*search)(struct link *l, const struct target_search *s);
    int64_t (*upsert)(struct link *l, const struct target_points *p);
    int (*flush)(struct link *l);
    /* 1 with an answer, 0 when there is none yet. */
    int (*next)(struct link *l, struct target_reply *ret);
    int (*fd)(const struct link *l);
    bool tells_arrival; /* answers carry their time of arrival */

    /* These functions wait until the work is done. Row i of the data becomes the point with id
     * i. */
    int (*create)(struct link *l, const struct load_options *o, const struct dataset *d);
    int (*fill)(struct link *l, const struct load_options *o, const struct dataset *d, struct fill_watch *w);
    /* Waits until all rows are in their final graph; fails after seconds_max. */
    int (*settle)(struct link *l, const char *collection, double seconds_max);
    int64_t (*backlog)(struct link *l, const char *collection); /* rows that no graph holds */
    int (*remove)(struct link *l, const char *collection, const uint64_t *ids, uint32_t count);
    /* removes everything of the deleted points */
    int (*compact)(struct link *l, const char *collection);
    int (*snapshot)(struct link *l, const char *collection);
    int (*drop)(struct link *l, const char *collection);
};

extern const struct target target_kith;
extern const struct target target_pgvector; /* only with libpq (HAVE_LIBPQ) */
