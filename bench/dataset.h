/* dataset.h -- rows, queries and true answers, from a folder or made from a seed.
 *
 * All vectors are f32 without padding, normalised for cosine. The truth lists the nearest rows of
 * each query, nearest first. */
#pragma once

#include "base/check.h"
#include "base/error.h"
#include "vectors/metric.h"

#include <stdbool.h>
#include <stdint.h>

struct dataset {
    char name[64];
    enum metric metric;
    uint32_t dim, count, query_count, truth_k;
    float *base;     /* count x dim */
    float *queries;  /* query_count x dim */
    uint32_t *truth; /* query_count x truth_k */
};

struct dataset_options {
    const char *folder; /* NULL: synthetic */
    enum metric metric; /* 0: as the folder's README.md says, else L2; synthetic: cosine */
    uint32_t
        /* synthetic: number of rows; with a folder: only its first rows, with the truth computed
         * again; 0: default, all */
        count;
    uint32_t dim;         /* synthetic only; 0: 768 */
    uint32_t query_count; /* at most; 0: all (synthetic: 1000) */
    uint32_t truth_k;     /* neighbours in the truth */
};

/* Fills *ret, which dataset_fini() frees. 0 or a negative errno with a sentence. A folder holds
 * base and queries, each as .npy (any number type), .fvecs or .bvecs, optionally packed with gzip.
 * It may hold gt_ids.npy or gt_<metric>_ids.npy, which is used when all rows are. */
MUST_USE int dataset_open(const struct dataset_options *o, struct dataset *ret, struct error *e);
void dataset_fini(struct dataset *d);

/* Makes rows by a random map of a 64-dimensional space whose axes decrease by a power law, then
 * tanh, then normalisation. So distances are distributed like those of network outputs. Fills base
 * and queries of d, whose sizes are set. */
MUST_USE int dataset_synthesise(struct dataset *d, uint64_t seed, struct error *e);

/* Computes the exact neighbours of every query by comparing with every row. Fills d->truth. */
MUST_USE int dataset_find_truth(struct dataset *d, struct error *e);

/* Distance of a row from a query; smaller is nearer; in double. */
double dataset_distance(const struct dataset *d, uint32_t query, uint32_t row);

/* Recall by distance: a hit counts when it is no farther than the k-th true neighbour, so that any
 * of several rows at the same distance counts. A repeated row counts once. */
struct recall {
    const struct dataset *data; /* borrowed */
    uint32_t k;
    /* for each query: distance of the k-th true neighbour plus a rounding error */
    double *bound;
};
MUST_USE int recall_init(struct recall *r, const struct dataset *d, uint32_t k);
void recall_fini(struct recall *r);
/* Number of true hits, 0..k. */
uint32_t recall_count(const struct recall *r, uint32_t query, const uint32_t *rows, uint32_t count);
