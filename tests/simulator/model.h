/* model.h -- what the points of one collection may be, as far as its only writer can know.
 *
 * A point is a version; its vector follows from id and version. While a write is not acknowledged the point may be as before
 * or as after it: the model keeps every possibility until an acknowledgement or a look at the server decides. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MODEL_IDS     96
#define MODEL_DIM     16
#define MODEL_CHOICES 8
#define MODEL_ABSENT  0 /* the version of a point that is not there */

struct model_point {
    uint32_t choices[MODEL_CHOICES];
    uint32_t count;
};

struct model {
    struct model_point points[MODEL_IDS];
    uint32_t next_version;
    bool created; /* the creation was acknowledged */
};

void model_init(struct model *m);
/* A write begins: version is possible from now on. */
void model_begin(struct model *m, uint64_t id, uint32_t version);
/* The server said so, or showed it. False: that was not possible. */
bool model_settle(struct model *m, uint64_t id, uint32_t version);
bool model_certain(const struct model *m);   /* of all points */
uint64_t model_count(const struct model *m); /* points there; of a certain model */

/* Small whole numbers, so that squared distances are exact in any order of adding. */
void model_vector(uint64_t id, uint32_t version, float *ret);
float model_distance(const float *a, const float *b);
/* The version whose vector this is, out of the choices of the point; UINT32_MAX: none. */
uint32_t model_version_of(const struct model *m, uint64_t id, const float *vector);
