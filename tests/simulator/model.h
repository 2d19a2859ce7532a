/* model.h -- the points of one client in one collection, as far as their only writer can know.
 *
 * A point has a version. Its vector and payload (payloads.h) follow from id and version. Until a
 * write is acknowledged, the point may be as before the write or as after it. So each point has a
 * list of choices. Each choice says whether a read may show it now, whether a power cut may leave
 * it, and whether an unanswered request may still bring it. These differ: a collection that
 * acknowledges before it flushes may lose acknowledged writes, but only to a power cut. The first
 * look after a start settles every point: one choice remains. */
#pragma once

#include "kith.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_IDS       96
#define MODEL_DIM       16
#define MODEL_CHOICES   24
#define MODEL_BATCHES   128
#define MODEL_BATCH_MAX 24
#define MODEL_ABSENT    0 /* the version of a point that is not there */

enum model_state {
    MODEL_NOW = 1,  /* a read may show it */
    MODEL_LAST = 2, /* a power cut may leave it */
    MODEL_COME = 4, /* its request had no answer: it may take effect until the server ends */
};

struct model_choice {
    uint32_t version, issue; /* issue: the number of the write, which grows */
    unsigned state;
    bool acknowledged;
    bool over; /* its request had no answer, but is over: it takes no effect after a later write */
};

struct model_point {
    struct model_choice choices[MODEL_CHOICES];
    uint32_t count;
};

/* An upsert that may have happened or not. Each part of it (the points with one owner) is there as
 * a whole or not at all. */
struct model_batch {
    uint32_t version, issue, reactors, count;
    uint32_t ids[MODEL_BATCH_MAX];
};

struct model {
    uint64_t base; /* the id of point 0 */
    Kith__Metric metric;
    bool weak; /* a power cut may take acknowledged writes */
    struct model_point points[MODEL_IDS];
    struct model_batch batches[MODEL_BATCHES];
    uint32_t batch_count, next_version, next_issue;
    bool unordered; /* since the last settle, choices of different times were mixed */
};

void model_init(struct model *m, uint64_t base, Kith__Metric metric, bool weak);

/* Whether a write may begin. False: a point has too many choices already, until the next start. */
bool model_can_write(const struct model *m, const uint32_t *ids, uint32_t n);
/* A write begins. version: 0, or that of the last upsert of the same points, which was refused and
 * is tried again. Returns the version that the upsert writes. */
uint32_t model_begin_upsert(struct model *m, const uint32_t *ids, uint32_t n, uint32_t reactors, uint32_t version);
void model_begin_delete(struct model *m, const uint32_t *ids, uint32_t n);
/* The write that began last was acknowledged or refused. Neither is called if it had no answer. */
void model_acknowledged(struct model *m, const uint32_t *ids, uint32_t n);
void model_refused(struct model *m, const uint32_t *ids, uint32_t n);
/* The client has connected again: no earlier request of it is under way. */
void model_over(struct model *m);

/* Every point may also be absent: the collection may have been dropped and created again. */
void model_maybe_empty(struct model *m);

/* The points may also be as in `then`. False, without a change: a point would have too many
 * choices. */
bool model_can_be(const struct model *m, const struct model *then);
void model_or(struct model *m, const struct model *then);
/* The points are as in `then`. Versions go on from those of m. */
void model_replace(struct model *m, const struct model *then);

/* How the server ended. END_UNSURE: in order, but the disk may lack writes. */
enum model_end { END_POWER_CUT, END_ORDERLY, END_UNSURE };
void model_restart(struct model *m, enum model_end end);
/* The first look after a start found this version. False: no choice has it. */
bool model_settle(struct model *m, uint32_t id, uint32_t version);
/* Call after all points are settled. Finds an upsert one part of which is there incompletely. NULL:
 * none. Always NULL for a weak model: a segment that is sealed during an upsert makes its first
 * rows durable. */
const struct model_batch *model_torn_batch(struct model *m);
/* Call after all points are settled, after a power cut without other faults. A power cut takes only
 * the end of a reactor's log. So if a write is there, all writes that the same reactor acknowledged
 * before it must be there too. Returns a point that lost an earlier write; MODEL_IDS: there is
 * none. */
uint32_t model_lost_too_much(const struct model *m, uint32_t reactors);
void model_all_settled(struct model *m);
/* All acknowledged writes are in sealed segments: no power cut undoes them. */
void model_sealed(struct model *m);

/* A read showed this version. False: no choice allows that. */
bool model_seen(struct model *m, uint32_t id, uint32_t version);
bool model_certain(const struct model *m, uint32_t id, uint32_t *ret_version);
/* The least and the most points that may be there now. */
void model_count(const struct model *m, uint64_t *ret_least, uint64_t *ret_most);
void model_count_of(const struct model *m, const uint32_t *ids, uint32_t n, uint64_t *ret_least, uint64_t *ret_most);

/* -- what a version looks like -- */

/* The components are small whole numbers, so that distances are exact in any order of adding. */
void model_vector(uint64_t id, uint32_t version, float *ret);
/* The version, among the choices of the point, that has this vector. UINT32_MAX: none. */
uint32_t model_version_of(const struct model *m, uint32_t id, const float *vector);

/* What a search reports of a point. */
struct model_hit {
    const float *query;
    float score;
    bool is_scored; /* the score is exact; otherwise it is approximate */
    /* whether the filter accepts a version; NULL: there is no filter */
    bool (*passes)(const void *arg, uint64_t id, uint32_t version);
    const void *arg;
};
/* Whether a choice that a read may show explains the hit. */
bool model_hit_possible(const struct model *m, uint32_t id, const struct model_hit *h);
