/* live_queries.h -- a sample of the queries that clients sent to a shard. When a segment is built,
 * its recall is measured with these queries and with rows of the segment
 * (index/recall/recall_queries.h).
 *
 * The first queries are all kept, so that a few queries by hand count, too. Then each query that
 * is taken replaces one at random, and fewer and fewer are taken. So every query that came is
 * equally likely to be in the sample (Vitter's reservoir). After max * INTERVAL_MAX queries, one
 * in INTERVAL_MAX is taken, so that old queries disappear (Aggarwal, "On Biased Reservoir
 * Sampling", VLDB 2006).
 *
 * Only the vector of a query is kept, not its filter nor k. The sample is not on the disk: after a
 * start it is empty. It belongs to one reactor. */
#pragma once

#include "base/check.h"
#include "index/recall/query_sample.h"

#include <stdbool.h>
#include <stdint.h>

#define LIVE_QUERIES_MAX 64
/* bytes that all samples of a store may take; a sample beyond that is not begun */
#define LIVE_QUERIES_STORE ((uint64_t)16 << 20)

struct live_queries {
    struct query_sample sample; /* with cosine, of length 1 */
    float *vectors;             /* owned; sample.vectors points here */
    uint32_t dim;
    uint32_t room;   /* how many queries have memory */
    uint32_t max;    /* how many queries the sample may have */
    uint64_t seen;   /* how many queries came */
    uint64_t skip;   /* how many of the next queries are not taken */
    uint64_t random; /* state of the random numbers */
};

struct shard;
/* Called when a search begins. vector: normalised with cosine. Mostly this only counts. */
void live_queries_note(struct shard *s, const float *vector);
void live_queries_destroy(struct live_queries *q); /* q may be NULL */
uint64_t live_queries_bytes(const struct live_queries *q);

/* Queries for one build, from the samples of all reactors, up to LIVE_QUERIES_MAX. Owns them. */
struct gathered_queries {
    struct query_sample sample;
    float *vectors;
};
/* Gathers the queries. A segment with less than RECALL_ROWS_MIN rows is not measured, and gets
 * none. 0, -ENOMEM, or what the call to the other reactors returned. Waits. */
MUST_USE int gathered_queries_init(struct gathered_queries *g, struct shard *s, uint32_t rows);
/* Adds a query, unless it is there already. False: there is no room. */
bool gathered_queries_add(struct gathered_queries *g, const float *vector, uint32_t dim);
void gathered_queries_fini(struct gathered_queries *g);
