/* segment_index.h -- everything that searches the rows of one segment: the contract between
 * src/shards and src/index. The structure inside is of one of several kinds (kind.h); the rest
 * is the same for all kinds.
 *
 * It is pure computation: no I/O, no threads, no clock. Rows are numbers, dense from 0. Only one
 * core at a time changes an index. A search may run at a pause of a change, as another fiber of
 * that core, and then sees a whole graph.
 *
 * A search asks the index for candidates by codes (codes.h), and scores the best again by
 * something finer. While the index grows, these are 8-bit codes and the vectors. When it is
 * sealed, index_options.h offers more. A row is found as soon as it is counted:
 * - rows that the index holds (row < indexed), by the index;
 * - rows that it does not hold yet (indexed <= row < coded), by lists (unindexed.h), or by a
 *   scan of their codes while they are few;
 * - rows without a code yet (coded <= row < count), by a scan of their vectors.
 *
 * A kind without INDEX_CODES has rows of its own. Then there are no codes, and rows that it does
 * not hold are scanned by their vectors. */
#pragma once

#include "base/check.h"
#include "base/pause.h"
#include "index/cost/index_cost.h"
#include "index/kind.h"
#include "index/topk.h"
#include "vectors/index_options.h"
#include "vectors/metric.h"
#include "vectors/rows.h"
#include "vectors/vectors.h"
#include <stdbool.h>

/* The memory that a search works in. A core keeps a pool of them; one grows before a
 * walk, never during it. */
struct search_scratch;
MUST_USE struct search_scratch *search_scratch_create(void);
void search_scratch_destroy(struct search_scratch *s);
uint64_t search_scratch_bytes(const struct search_scratch *s); /* memory owned */

/* Who says how rows are looked at. */
enum search_way {
    SEARCH_AS_IS_CHEAP, /* the index chooses */
    SEARCH_SCANS,       /* all rows that may be hits are compared */
    /* The index kind searches, if it can with the effort that is asked for. It may find out that
     * the rows that may be hits lie far from the query, and have them scanned. */
    SEARCH_WALKS,
};

struct search_params {
    uint32_t k;
    uint32_t ef; /* candidates that the walk keeps; 0: by recall, or max(k, 64) */
    /* with ef: the walk may end early (early_end.h), as walks by recall may */
    bool ends_early;
    float recall; /* wanted when ef is 0; 1 is exact; 0: not given */
    /* with recall: the ef for an index without a recall curve; 0: recall_default_ef() */
    uint32_t ef_unmeasured;
    /* with recall: multiplies the candidates that the recall takes; 0: 1 */
    float effort;
    /* the rows are a random part, one in so many, of the rows that ef is meant
     * for; 0: they are all */
    uint32_t parts;
    float refine_k; /* candidates that are scored again, as a multiple of k; 0: as the index says */
    bool exact;     /* scan all vectors */
    enum search_way way;
    /* 16 bytes for each row: of rows at the same distance, smaller keys come first
     * (topk.h); NULL: by row */
    const struct rows *keys;
    const uint64_t *allowed;  /* a bit for each row; NULL: all are allowed */
    uint32_t allowed_count;   /* number of allowed rows; 0: the search counts them */
    struct search_work *work; /* the work of the search is added; NULL: not wanted */
    const struct pause *pause;
    /* Called once a hop, while the hop waits for memory. It may let another search of this index
     * go on, with another scratch; nothing may change the index. NULL: none. */
    void (*overlap)(void *arg);
    void *overlap_arg;
    /* For an index that reads pages (INDEX_DISK): kind.h. */
    int (*fetch)(void *arg, const struct page_read *reads, unsigned n);
    void *fetch_arg;
};

struct segment_index;

/* Creates a growing index. The caller owns and extends the vectors. Each `vectors`
 * argument below (f32, normalised for cosine) must hold every row below the count that is
 * given with it. -ENOMEM. */
MUST_USE int segment_index_create(enum metric metric, uint32_t dim, const struct index_options *options,
                                  struct segment_index **ret);
void segment_index_destroy(struct segment_index *x);
/* Gives large pieces of memory back to the system, with pauses. Only
 * segment_index_destroy() may follow. */
void segment_index_give_back(struct segment_index *x, void (*pause)(void));

/* Lends a bit for each row that is alive, until the next call or as long as the index grows. A
 * clear bit is never set again. A row whose bit is clear when the build comes to it is not
 * linked into the graph. Without this call, all rows are linked. */
void segment_index_lend_alive(struct segment_index *x, const uint64_t *alive);

/* Lends queries that clients sent, or may send (recall_queries.h), until the next call or as
 * long as the index grows or is finished. Its recall is measured with them too. The queries may
 * change meanwhile. NULL: none. */
struct query_sample;
void segment_index_lend_queries(struct segment_index *x, const struct query_sample *queries);

/* Searches rows below count. query: dim f32, normalised for cosine, of any alignment. Writes up
 * to k hits, nearest first, and returns their number. Negative: -ENOMEM or what the pause
 * returned. An ef >= count, or few rows, make it scan instead of walking. */
MUST_USE int segment_index_search(const struct segment_index *x, const struct rows *vectors, uint32_t count,
                                  const float *query, const struct search_params *params,
                                  struct search_scratch *scratch, struct hit *ret_hits);

/* Adds the work of such a search of params->allowed_count rows. It need not be known which rows are
 * allowed. Reads no row. */
void segment_index_work(const struct segment_index *x, uint32_t count, const struct search_params *params,
                        struct search_work *work);
/* The features of its kind: enum index_feature. */
uint32_t segment_index_features(const struct segment_index *x);
/* The curve that says which effort has which recall (recall_curve.h); NULL: the
 * index was not measured. */
struct recall_curve;
const struct recall_curve *segment_index_curve(const struct segment_index *x);
/* The ef with which a walk that does not end early has that recall at k, by the curve. 0: there
 * is no curve, or a scan is better. */
uint32_t segment_index_ef(const struct segment_index *x, float recall, uint32_t k);

/* Called when the vector of a new row is in place. Gives the row its code if codes are trained,
 * and puts it into a list if there are lists. Takes a few microseconds (10 with 768 dimensions).
 * Work for which memory is missing is left to advance(). Only an index that rows are appended to
 * has lists; one that is built at once is not searched before. */
void segment_index_append(struct segment_index *x, const struct rows *vectors, uint32_t row);

/* The bytes that a search has to scan because codes or lists were not made yet: vectors of rows
 * without a code, and codes of rows that should be in lists. */
uint64_t segment_index_scanned_bytes(const struct segment_index *x);

/* Brings the index closer to `count` rows: trains and makes codes, then links rows into
 * the graph. Returns when done, or when the pause says so. Trains the codes again when the
 * rows have outgrown them. */
MUST_USE int segment_index_advance(struct segment_index *x, const struct rows *vectors, uint32_t count,
                                   const struct pause *pause);
/* Makes only codes and lists. */
MUST_USE int segment_index_prepare(struct segment_index *x, const struct rows *vectors, const struct pause *pause);
/* As segment_index_advance(), with the help of workers (workers.h); the graph is the same. */
struct workers;
MUST_USE int segment_index_build(struct segment_index *x, const struct rows *vectors, uint32_t count,
                                 const struct workers *workers, const struct pause *pause);
/* The memory that a build of so many rows in `shares` will own, within a tenth. To be asked
 * before the build. m and ef_construct are given. Codes that are trained again are in
 * memory twice for a while. */
uint64_t index_memory(enum metric metric, uint32_t dim, uint32_t rows, const struct index_options *options,
                      unsigned shares);
/* Rows that the graph holds or has left out: all rows below this number. */
uint32_t segment_index_graphed(const struct segment_index *x);
/* Rows below count that the graph has not taken yet, without dead ones, which will not be
 * linked. */
uint32_t segment_index_waiting(const struct segment_index *x, uint32_t count);
uint64_t segment_index_bytes(const struct segment_index *x); /* memory owned */
/* Adds the same, by kinds of memory. */
struct memory_use;
void segment_index_memory(const struct segment_index *x, struct memory_use *use);

/* Gives the facts by which finish() chooses, for a caller that knows how much memory there is.
 * Only the first call counts, and what finish() has made stays. */
struct index_facts;
void segment_index_plan(struct segment_index *x, const struct index_facts *facts);
bool segment_index_is_planned(const struct segment_index *x);
/* Appends the choices of finish() to why, and what it measured. */
struct index_why;
void segment_index_say(const struct segment_index *x, struct index_why *why);
/* The options as given. After finish(), or of an opened index, nothing in them is
 * open. Lives as long as x. */
const struct index_options *segment_index_options(const struct segment_index *x);

/* Makes what the sealed index holds: the graph in its last form, codes of the chosen kind, rows
 * that score again, all in one piece. Then measures the recall curve (recall_measure.h).
 * advance() must have reached all rows, and none may follow. Searches may run meanwhile.
 * workers NULL: this fiber does all work; the result is the same. -EINVAL, -ENOMEM, or what the
 * pause returned; then another call goes on. Without finish(), regions() gives the graph and
 * the codes as they grew. */
MUST_USE int segment_index_finish(struct segment_index *x, const struct rows *vectors, const struct workers *workers,
                                  const struct pause *pause);

/* Drops what finish() made, but the graph. The next finish() uses these options; those that only
 * a build uses are ignored. */
void segment_index_unfinish(struct segment_index *x, const struct index_options *options);

/* The part of finish() that lays out in one piece what grew in chunks; the index can still grow. */
MUST_USE int segment_index_join(struct segment_index *x, const struct pause *pause);

/* Sealing: lends the index of all its rows as regions of bytes, to be written to a file
 * and opened in place. advance() must have reached all rows. The regions borrow from x
 * until its next change. */
MUST_USE int segment_index_regions(struct segment_index *x, struct index_region ret[SEGMENT_INDEX_REGIONS],
                                   unsigned *ret_count);

/* Opens the regions of segment_index_regions(), and borrows the bytes until destroy(). Bytes
 * from a disk are data, so every count, offset and link is checked against the sizes. -EINVAL
 * with *ret_why: they make no index. -ENOTSUP: the index kind, or its version, is not known.
 * *ret_why lives until the next call on this thread. copy_hot: copies codes and links to huge
 * pages, but not for kinds that read pages. Pauses. */
MUST_USE int segment_index_open(enum metric metric, uint32_t dim, uint32_t count, const struct index_region *regions,
                                unsigned region_count, bool copy_hot, const struct pause *pause,
                                struct segment_index **ret, const char **ret_why);
