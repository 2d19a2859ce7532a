/* live_queries.h -- a sample of the queries that clients sent to a shard: the recall of its
 * segments is measured with them when these are built, besides rows of their own
 * (index/recall/recall_queries.h).
 *
 * The first queries are all kept, so that a few by hand count. Then each that is taken replaces
 * one at random, and fewer and fewer are taken: all that came are equally likely to be there
 * (Vitter's reservoir). From some thousand on, one in a fixed number is taken, so old ones fade
 * away (Aggarwal, "On Biased Reservoir Sampling", VLDB 2006).
 *
 * A filter, k and what else a search says are not kept. Nothing of it is on the disk: after a
 * start, the sample is empty. One reactor's. */
#pragma once

#include "base/check.h"
#include "index/recall/query_sample.h"

#include <stdbool.h>
#include <stdint.h>

#define LIVE_QUERIES_MAX 64
/* bytes of all samples of a store: later ones have none */
#define LIVE_QUERIES_STORE ((uint64_t)16 << 20)

struct live_queries {
    struct query_sample sample; /* of length 1 under cosine */
    float *vectors;             /* owned; the same */
    uint32_t dim;
    uint32_t room;   /* queries that there is memory for */
    uint32_t max;    /* that there may be */
    uint64_t seen;   /* queries that came */
    uint64_t skip;   /* so many more are not taken */
    uint64_t random; /* state */
};

struct shard;
/* A search begins. vector: as the shard searches it. A counter, mostly. */
void live_queries_note(struct shard *s, const float *vector);
void live_queries_destroy(struct live_queries *q); /* NULL is allowed */
uint64_t live_queries_bytes(const struct live_queries *q);

/* Queries for one build: those of all reactors, up to LIVE_QUERIES_MAX. Owns them. */
struct gathered_queries {
    struct query_sample sample;
    float *vectors;
};
/* Few rows are not measured, and get none. 0, -ENOMEM, or what asking the other reactors returned.
 * Waits. */
MUST_USE int gathered_queries_init(struct gathered_queries *g, struct shard *s, uint32_t rows);
/* Adds a guess, unless it is there already; false: there is no room. */
bool gathered_queries_add(struct gathered_queries *g, const float *vector, uint32_t dim);
void gathered_queries_fini(struct gathered_queries *g);
