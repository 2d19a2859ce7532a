/* load_live.h -- which points exist at a moment according to acknowledgements, and so which hits a
 * search must have.
 *
 * Point p is row p of the data. From count on, point p is row p - count again, under another id: a
 * twin. So new points can be written that the data does not contain. A search must find points that
 * were acknowledged before it was sent. A point that is written or deleted while the search is in
 * flight may be in the answer or not. A point that was deleted before the search was sent must not
 * be in it (a ghost). */
#pragma once

#include "dataset.h"
#include "random.h"

#include <stdatomic.h>

struct live {
    const struct dataset *data; /* borrowed; its truth is deeper than k when points are deleted */
    uint32_t k;
    double *distances;           /* query_count x truth_k: distances of the rows of the truth */
    atomic_uchar *states;        /* 2 x count */
    uint64_t *gone_ns;           /* 2 x count: time of the answer to a deletion */
    atomic_uint_least64_t there; /* number of existing points */
};

/* All rows exist, and no twin. -ENOMEM; live_fini() is called then, too. */
MUST_USE int live_init(struct live *l, const struct dataset *d, uint32_t k);
void live_fini(struct live *l);

/* Called from any thread before a write or deletion is sent, and after its answer. */
void live_writing(struct live *l, uint64_t point);
void live_written(struct live *l, uint64_t point);
void live_deleting(struct live *l, uint64_t point);
void live_deleted(struct live *l, uint64_t point, uint64_t now_ns);
bool live_is_there(const struct live *l, uint64_t point);
/* A point to write next: a new twin, or an existing point. */
uint64_t live_new_point(const struct live *l, struct random *r);
uint64_t live_old_point(const struct live *l, struct random *r);

/* The distance of the k-th nearest existing point; NAN when the truth is not deep enough. */
double live_bound(const struct live *l, uint32_t query);

struct live_score {
    uint32_t found, ghosts;
};
/* Judges the answer to a search that was sent at sent_ns, when live_bound() was `bound`: how many
 * of its points, at most k and each once, are no farther than that. */
struct live_score live_judge(const struct live *l, uint32_t query, double bound, uint64_t sent_ns, const uint64_t *ids,
                             uint32_t count);
