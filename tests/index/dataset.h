/* dataset.h -- vectors to search in tests: the same for the same seed, and
 * shaped like embeddings. */
#pragma once

#include "index/segment_index.h"

struct dataset {
    enum metric metric;
    uint32_t dim, count;
    struct rows rows; /* count rows, with a stride that is a multiple of 64 */
    uint8_t *chunk[1];
};

enum dataset_kind {
    /* tanh of a random linear map of a latent vector whose directions weaken by a power law */
    DATASET_LATENT,
    DATASET_WHOLE,  /* the same, as whole numbers 0..255 */
    DATASET_EQUAL,  /* all rows are equal */
    DATASET_TWINS,  /* each vector of a latent set occurs 50 times */
    DATASET_SPARSE, /* one value in 20 is not 0 */
    /* normal values, one of which is large in all rows: under the inner product the same rows
     * are nearest to all queries */
    DATASET_COMMON,
};

/* Fails the test without memory. Vectors are normalised for cosine. */
void dataset_init(struct dataset *d, enum dataset_kind kind, enum metric metric, uint32_t dim, uint32_t count,
                  uint64_t seed);
void dataset_fini(struct dataset *d);
float *dataset_row(const struct dataset *d, uint32_t row);
uint64_t dataset_random(uint64_t *state);

/* Finds the k nearest rows below count by a plain loop. allowed may be NULL.
 * Returns their number. */
uint32_t dataset_nearest(const struct dataset *d, uint32_t count, const float *query, uint32_t k,
                         const uint64_t *allowed, struct hit *hits);

/* The mean share of the k nearest rows that a search with these parameters finds, over
 * `queries` rows of q. */
double dataset_recall(const struct dataset *d, const struct segment_index *x, const struct dataset *q,
                      const struct search_params *params);
/* Builds an index of all rows of d. */
struct segment_index *dataset_index(const struct dataset *d, uint16_t m, uint16_t ef_construct);
struct segment_index *dataset_index_of(const struct dataset *d, const struct index_options *options);
