/* model.h -- what the points of one client in one collection may be, as far as their
 * only writer can know.
 *
 * A point has a version; its vector and payload (payloads.h) follow from id and version. While a
 * write is not acknowledged the point may be as before or as after it, so a point has choices. A
 * choice may be what a read shows now, what a power cut leaves, or what an unanswered request still
 * brings, each told apart: a collection that is not flushed before it acknowledges may lose what it
 * has acknowledged, but only to a power cut. The first look after a start settles every point. */
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
    MODEL_COME = 4, /* its request had no answer: it may come into being until the server ends */
};

struct model_choice {
    uint32_t version, issue; /* issue: grows with every write of this model */
    unsigned state;
    bool acknowledged;
    bool over; /* its request is, though it had no answer: it cannot follow what is written later */
};

struct model_point {
    struct model_choice choices[MODEL_CHOICES];
    uint32_t count;
};

/* An upsert that may have happened or not: of each part of it (points with one
 * home) all or nothing. */
struct model_batch {
    uint32_t version, issue, reactors, count;
    uint32_t ids[MODEL_BATCH_MAX];
};

struct model {
    uint64_t base; /* the id of point 0 */
    Kith__Metric metric;
    bool weak; /* acknowledged before it is flushed */
    struct model_point points[MODEL_IDS];
    struct model_batch batches[MODEL_BATCHES];
    uint32_t batch_count, next_version, next_issue;
    bool unordered; /* choices of different times are mixed since the last settle */
};

void model_init(struct model *m, uint64_t base, Kith__Metric metric, bool weak);

/* A write begins. False: a point has too many choices to write to it again before the next start.
 * version: 0, or that of the same points' last upsert, which was refused and is tried again. */
bool model_can_write(const struct model *m, const uint32_t *ids, uint32_t n);
uint32_t model_begin_upsert(struct model *m, const uint32_t *ids, uint32_t n, uint32_t reactors, uint32_t version);
void model_begin_delete(struct model *m, const uint32_t *ids, uint32_t n);
/* How it ended: acknowledged, refused, or without an answer. Of the write that began last. */
void model_acknowledged(struct model *m, const uint32_t *ids, uint32_t n);
void model_refused(struct model *m, const uint32_t *ids, uint32_t n);
/* The client connected again, and nothing that it asked for before is under way any more. */
void model_over(struct model *m);

/* Every point may be gone as well: the collection may have been dropped and created again. */
void model_maybe_empty(struct model *m);

/* m may be as `then`, too; not if there are too many choices. */
bool model_can_be(const struct model *m, const struct model *then);
void model_or(struct model *m, const struct model *then);
/* m is as `then`, but versions go on */
void model_replace(struct model *m, const struct model *then);

/* The server ended: by a power cut, in order, or in order with a disk that may not
 * have taken everything. */
enum model_end { END_POWER_CUT, END_ORDERLY, END_UNSURE };
void model_restart(struct model *m, enum model_end end);
/* The first look after it. False: that was not possible. */
bool model_settle(struct model *m, uint32_t id, uint32_t version);
/* After the last settle: finds an upsert of which a part is there in part. NULL: none. Of
 * a weak model it says nothing: a segment that is sealed in the middle of an upsert makes
 * the first rows durable. */
const struct model_batch *model_torn_batch(struct model *m);
/* After the last settle, after a power cut and no other fault: the log of a reactor is lost from
 * its end only, so of the writes of the points at home there those that were acknowledged before
 * one that is there are there, too. A point of which one is gone; MODEL_IDS: there is none. */
uint32_t model_lost_too_much(const struct model *m, uint32_t reactors);
void model_all_settled(struct model *m);
/* All that was acknowledged is in sealed segments: a power cut brings back
 * nothing that was before it. */
void model_sealed(struct model *m);

/* A read showed it. False: that was not possible. */
bool model_seen(struct model *m, uint32_t id, uint32_t version);
bool model_certain(const struct model *m, uint32_t id, uint32_t *ret_version);
/* The least and the most points that may be there now. */
void model_count(const struct model *m, uint64_t *ret_least, uint64_t *ret_most);
void model_count_of(const struct model *m, const uint32_t *ids, uint32_t n, uint64_t *ret_least, uint64_t *ret_most);

/* -- what a version looks like -- */

/* Small whole numbers, so that squared distances and products are exact in any order of adding. */
void model_vector(uint64_t id, uint32_t version, float *ret);
/* The version with this vector out of the choices of the point; UINT32_MAX: none. */
uint32_t model_version_of(const struct model *m, uint32_t id, const float *vector);

/* What a search says of a point. */
struct model_hit {
    const float *query;
    float score;
    bool is_scored; /* the score is that of the vector; otherwise it is about that */
    /* of the filter; NULL: all do */
    bool (*passes)(const void *arg, uint64_t id, uint32_t version);
    const void *arg;
};
/* Whether some choice that may be seen now explains it. */
bool model_hit_possible(const struct model *m, uint32_t id, const struct model_hit *h);
