/* segment_index.h -- everything needed to search the rows of one segment: the contract between
 * src/shards and src/index. Its structure is of one of several kinds (kind.h); what is here is the
 * same for all of them.
 *
 * Pure computation: no I/O, no threads, no clock. Rows are u32, dense from 0. One core at a time
 * uses an index for writing; a search may be interleaved with an insertion at a pause (fibers of
 * one core), and then sees a graph that is whole.
 *
 * A search asks the index for candidates by codes (codes.h) and scores the best again by
 * something finer: 8-bit codes and the full vectors while it grows, what index_options.h offers
 * when it is sealed. Rows that the index does not hold yet (indexed <= row < count) are found
 * by lists (unindexed.h) or, while they are few, scanned by their codes, those without code
 * (coded <= row < count) by their vectors, so a row can be found as soon as it is counted. A
 * kind without INDEX_CODES has rows of its own: then there are no codes, and what it does not
 * hold is scanned by vectors. */
#pragma once

#include "base/check.h"
#include "base/pause.h"
#include "index/kind.h"
#include "index/topk.h"
#include "vectors/index_options.h"
#include "vectors/metric.h"
#include "vectors/rows.h"
#include "vectors/vectors.h"
#include <stdbool.h>

/* What a search needs to work in: pooled by the core, grown on demand, never
 * allocated while walking. */
struct search_scratch;
MUST_USE struct search_scratch *search_scratch_create(void);
void search_scratch_destroy(struct search_scratch *s);
uint64_t search_scratch_bytes(const struct search_scratch *s); /* memory owned */

struct search_params {
    uint32_t k;
    uint32_t ef; /* candidates kept while walking; 0: by recall, or max(k, 64) */
    /* with ef: the walk may end early (early_end.h), as walks by recall may */
    bool ends_early;
    float recall; /* wanted when ef is 0: above 0, 1 is exact; 0: not given */
    /* with recall, where no curve says what it takes; 0: recall_default_ef() */
    uint32_t ef_unmeasured;
    /* with recall: candidates kept, as a multiple of what that takes; 0: 1 */
    float effort;
    /* these rows are one in so many, taken at random, of those that ef is meant for; 0: all */
    uint32_t parts;
    float refine_k; /* candidates scored again, as a multiple of k; 0: the index's */
    bool exact;     /* scan all full vectors */
    /* of 16 bytes: of equally far rows the smaller come first (topk.h); NULL: by row */
    const struct rows *keys;
    const uint64_t *allowed; /* bit per row; NULL: all */
    uint32_t allowed_count;  /* how many of the rows searched that allows; 0: they are counted */
    const struct pause *pause;
    /* Called once a hop, while what the hop needs is on its way from memory: another search of this
     * index may go on, with its own scratch; nothing may change the index. NULL: there is none. */
    void (*overlap)(void *arg);
    void *overlap_arg;
    /* Of an index that reads pages (INDEX_DISK): kind.h. */
    int (*fetch)(void *arg, const struct page_read *reads, unsigned n);
    void *fetch_arg;
};

struct segment_index;

/* A growing index over columns the caller owns and extends; `vectors` (f32, normalised for cosine)
 * must hold every row below any count given. -ENOMEM. */
MUST_USE int segment_index_create(enum metric metric, uint32_t dim, const struct index_options *options,
                                  struct segment_index **ret);
void segment_index_destroy(struct segment_index *x);
/* What of x is large goes back to the system, with pauses. Nothing but
 * segment_index_destroy() may follow. */
void segment_index_give_back(struct segment_index *x, void (*pause)(void));

/* Rows that may be asked for, a bit each, until the next call or for as long as the index grows. A
 * row whose bit is clear when its turn comes, and whose bit will never be set again, is not linked
 * into the graph. Without it all rows are. */
void segment_index_lend_alive(struct segment_index *x, const uint64_t *alive);

/* Queries that were asked of these rows, or may be (recall_queries.h), until the next call or for
 * as long as the index grows or is finished: its recall is measured with them, too. They may become
 * others meanwhile. NULL: there are none. */
struct query_sample;
void segment_index_lend_queries(struct segment_index *x, const struct query_sample *queries);

/* Searches rows below count. query: dim f32, normalised for cosine, any alignment. Writes up to k
 * hits, nearest first, and returns how many; negative: -ENOMEM or what the pause returned. ef >=
 * count or few rows scan instead of walking. */
MUST_USE int segment_index_search(const struct segment_index *x, const struct rows *vectors, uint32_t count,
                                  const float *query, const struct search_params *params,
                                  struct search_scratch *scratch, struct hit *ret_hits);

/* What such a search costs on no particular machine, in nanoseconds; index_cost.h learns how this
 * one differs. Reads no row. */
double segment_index_cost_ns(const struct segment_index *x, uint32_t count, const struct search_params *params);
/* What its kind can do: enum index_feature. */
uint32_t segment_index_features(const struct segment_index *x);
/* The curve that says which effort gives which recall (recall_curve.h); NULL: the
 * index was not measured. */
struct recall_curve;
const struct recall_curve *segment_index_curve(const struct segment_index *x);
/* The ef of a walk that expands all its candidates and has that recall at k by the curve; 0: there
 * is no curve, or a scan is wanted. */
uint32_t segment_index_ef(const struct segment_index *x, float recall, uint32_t k);

/* A row has come, whose vector is there: it gets its code when codes are trained, and a place in
 * the lists when there are some, in a few microseconds (10 with 768 dimensions). What there is no
 * memory for now is left to advance(). Only an index that rows are appended to has lists: one that
 * is built in one go is not searched before. */
void segment_index_append(struct segment_index *x, const struct rows *vectors, uint32_t row);

/* Bytes that a search goes through row by row until codes and lists have been made: vectors of rows
 * without a code, and codes where lists are wanted. */
uint64_t segment_index_scanned_bytes(const struct segment_index *x);

/* Brings the index closer to `count` rows: trains and encodes, then links rows into the
 * graph, and returns when done or when the pause says so. Retrains the codes by itself when
 * the rows have outgrown them. */
MUST_USE int segment_index_advance(struct segment_index *x, const struct rows *vectors, uint32_t count,
                                   const struct pause *pause);
/* Codes and lists alone. */
MUST_USE int segment_index_prepare(struct segment_index *x, const struct rows *vectors, const struct pause *pause);
/* All of it with the help of workers (workers.h); the graph is the same. */
struct workers;
MUST_USE int segment_index_build(struct segment_index *x, const struct rows *vectors, uint32_t count,
                                 const struct workers *workers, const struct pause *pause);
/* Memory that an index of so many rows owns when it is built in `shares`, within a tenth:
 * asked before it is begun. m and ef_construct are given. Codes that are trained again are
 * there twice for a while. */
uint64_t index_memory(enum metric metric, uint32_t dim, uint32_t rows, const struct index_options *options,
                      unsigned shares);
/* rows whose turn to enter the graph has come */
uint32_t segment_index_graphed(const struct segment_index *x);
/* Rows below count whose turn has not come, but for dead ones: they will not be linked. */
uint32_t segment_index_waiting(const struct segment_index *x, uint32_t count);
uint64_t segment_index_bytes(const struct segment_index *x); /* memory owned */
/* Adds the same by kinds. */
struct memory_use;
void segment_index_memory(const struct segment_index *x, struct memory_use *use);

/* What finish() is to choose by, when the caller knows more of memory than that there is enough.
 * Once; what it made stays. */
struct index_facts;
void segment_index_plan(struct segment_index *x, const struct index_facts *facts);
bool segment_index_is_planned(const struct segment_index *x);
/* Adds to why what finish() has chosen, and what it measured. */
struct index_why;
void segment_index_say(const struct segment_index *x, struct index_why *why);
/* As it was given; once finish() has chosen, or a sealed index was opened, nothing in it is left
 * open. Lives as long as x. */
const struct index_options *segment_index_options(const struct segment_index *x);

/* Makes what the sealed index shall hold: the graph in its last form, and as the options say codes
 * of the chosen kind, rows to score again by, everything in one piece; then the recall curve is
 * measured (recall_measure.h). advance() must have reached all rows, and none may follow. Searches
 * may run meanwhile. workers: NULL, this fiber alone; what is made is the same. -EINVAL, -ENOMEM,
 * or what the pause returned: then another call continues. Without it, regions() gives the graph
 * and the codes as they grew. */
MUST_USE int segment_index_finish(struct segment_index *x, const struct rows *vectors, const struct workers *workers,
                                  const struct pause *pause);

/* Drops what finish() made; the next one makes what these options say, of the same graph: what only
 * building asks is ignored. */
void segment_index_unfinish(struct segment_index *x, const struct index_options *options);

/* The part of it that lays out in one piece what grew in chunks; the index can still grow. */
MUST_USE int segment_index_join(struct segment_index *x, const struct pause *pause);

/* Sealing: an index of all its rows as regions of bytes, to be written to a file and opened in
 * place. advance() must have reached all rows. The regions borrow from x until its next change. */
MUST_USE int segment_index_regions(struct segment_index *x, struct index_region ret[SEGMENT_INDEX_REGIONS],
                                   unsigned *ret_count);

/* Opens what regions() gave: borrows the bytes until destroy. Checks every count, offset and link
 * against the sizes: bytes from a disk are data. -EINVAL with *ret_why when they make no index;
 * -ENOTSUP when they are of an index kind that is not known, or of a newer version of it. *ret_why
 * lives until the next call on this thread. copy_hot: codes and links are copied to huge pages, but
 * for kinds that read pages. Pauses. */
MUST_USE int segment_index_open(enum metric metric, uint32_t dim, uint32_t count, const struct index_region *regions,
                                unsigned region_count, bool copy_hot, const struct pause *pause,
                                struct segment_index **ret, const char **ret_why);
