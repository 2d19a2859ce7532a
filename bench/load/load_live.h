/* load_live.h -- which points are there at a moment, as far as the load has been told, and so
 * what a search must find.
 *
 * Point p is row p of the data; from count on it is a twin, row p - count once more under an id of
 * its own: data that is as large as its file can so be written to. A search must find what was
 * acknowledged before it left; what is written or deleted while it is on its way may be in the
 * answer or not. What was deleted before it left must not be (a ghost). */
#pragma once

#include "dataset.h"
#include "random.h"

#include <stdatomic.h>

struct live {
    const struct dataset *data; /* borrowed; its truth is deeper than k when points are deleted */
    uint32_t k;
    double *distances;           /* query_count x truth_k: of the rows of the truth */
    atomic_uchar *states;        /* 2 x count */
    uint64_t *gone_ns;           /* 2 x count: when a deletion was answered */
    atomic_uint_least64_t there; /* points */
};

/* Every row is there, and no twin. -ENOMEM; the caller ends it with live_fini() then too. */
MUST_USE int live_init(struct live *l, const struct dataset *d, uint32_t k);
void live_fini(struct live *l);

/* Writing and deleting, from any thread: told before the request leaves, and when it was
 * answered. */
void live_writing(struct live *l, uint64_t point);
void live_written(struct live *l, uint64_t point);
void live_deleting(struct live *l, uint64_t point);
void live_deleted(struct live *l, uint64_t point, uint64_t now_ns);
bool live_is_there(const struct live *l, uint64_t point);
/* A point to write next: a new twin, or one that is there once more. */
uint64_t live_new_point(const struct live *l, struct random *r);
uint64_t live_old_point(const struct live *l, struct random *r);

/* How far the k-th nearest of the points is that are there now; NAN when the truth is not
 * deep enough to know. */
double live_bound(const struct live *l, uint32_t query);

struct live_score {
    uint32_t found, ghosts;
};
/* An answer to a search that left at sent_ns, when live_bound() was `bound`: how many of its
 * points, at most k and each once, are no farther than that. */
struct live_score live_judge(const struct live *l, uint32_t query, double bound, uint64_t sent_ns, const uint64_t *ids,
                             uint32_t count);
