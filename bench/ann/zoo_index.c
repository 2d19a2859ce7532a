/* zoo_index.c -- makes an index in each state in the same way as a shard. */
#include "ann/zoo_index.h"

#include "base/bits.h"
#include "base/memory.h"
#include "base/workers.h"
#include "index/autoindex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const zoo_state_names[ZOO_STATES] = {"unindexed", "growing", "sealed", "deleted", "compacted"};

/* Runs two shares one after the other; their results do not depend on the timing. */
static int run_shares(workers_share_fn fn, void *job, unsigned shares, const struct pause *pause, void *arg)
{
    (void)arg;
    int rc = 0;
    for (unsigned i = 0; i < shares && rc == 0; i++)
        rc = fn(job, i, pause);
    return rc;
}

static int copy_rows(struct zoo_index *x, const struct zoo_set *set, const uint8_t *left_out)
{
    const size_t row_bytes = set->dim * sizeof(float), stride = rows_stride(row_bytes);
    x->column = memory_aligned(stride * (set->count + 1));
    x->rows = malloc((size_t)set->count * sizeof(*x->rows));
    if (!x->column || !x->rows)
        return -ENOMEM;
    for (uint32_t row = 0; row < set->count; row++) {
        if (left_out && left_out[row])
            continue;
        memcpy(x->column + x->count * stride, set->rows + (size_t)row * set->dim, row_bytes);
        x->rows[x->count++] = row;
    }
    x->vectors = (struct rows){.chunk = &x->column, .stride = (uint32_t)stride, .shift = 31};
    return 0;
}

/* Appends rows one by one. `linked`: the graph follows, a hundred rows behind. */
static int append_rows(struct zoo_index *x, bool linked)
{
    int rc = 0;
    for (uint32_t row = 0; row < x->count && rc == 0; row++) {
        segment_index_append(x->index, &x->vectors, row);
        if (row % 100 == 99)
            rc = linked ? segment_index_advance(x->index, &x->vectors, row + 1, NULL)
                        : segment_index_prepare(x->index, &x->vectors, NULL);
    }
    if (rc == 0)
        rc = linked ? segment_index_advance(x->index, &x->vectors, x->count, NULL)
                    : segment_index_prepare(x->index, &x->vectors, NULL);
    return rc;
}

/* Finishes the grown index and opens its regions. */
static int seal(struct zoo_index *x, enum metric metric, const struct workers *workers)
{
    struct index_region regions[SEGMENT_INDEX_REGIONS];
    unsigned count = 0;
    const char *why;
    x->grown = x->index;
    x->index = NULL;
    int rc = segment_index_build(x->grown, &x->vectors, x->count, workers, NULL);
    if (rc == 0)
        rc = segment_index_finish(x->grown, &x->vectors, workers, NULL);
    if (rc == 0)
        rc = segment_index_regions(x->grown, regions, &count);
    if (rc == 0)
        rc = segment_index_open(metric, x->dim, x->count, regions, count, false, NULL, &x->index, &why);
    return rc;
}

static int allow(struct zoo_index *x, const uint8_t *deleted)
{
    x->allowed = calloc(bits_words(x->count) + 1, sizeof(*x->allowed));
    if (!x->allowed)
        return -ENOMEM;
    for (uint32_t row = 0; row < x->count; row++)
        if (!deleted[row])
            bits_set(x->allowed, row);
    return 0;
}

/* Collects queries like a merge: earlier queries, then vectors of left-out rows at even
 * distances. */
static int gather_queries(struct zoo_index *x, const struct zoo_set *set, const struct query_sample *lent,
                          const uint8_t *left_out)
{
    const uint32_t came = lent ? lent->count : 0, room = ZOO_LENT_MAX - came;
    uint32_t gone = 0, met = 0, taken = 0;
    for (uint32_t row = 0; left_out && row < set->count; row++)
        gone += left_out[row] != 0;
    const uint32_t wanted = gone < room ? gone : room;
    x->asked = malloc((size_t)ZOO_LENT_MAX * set->dim * sizeof(*x->asked));
    if (!x->asked)
        return -ENOMEM;
    if (came)
        memcpy(x->asked, lent->vectors, (size_t)came * set->dim * sizeof(*x->asked));
    for (uint32_t row = 0; left_out && row < set->count; row++) {
        if (!left_out[row])
            continue;
        if ((uint64_t)met++ * wanted / gone >= taken && taken < wanted)
            memcpy(x->asked + (size_t)(came + taken++) * set->dim, set->rows + (size_t)row * set->dim,
                   set->dim * sizeof(*x->asked));
    }
    x->queries = (struct query_sample){x->asked, came + taken, came};
    segment_index_lend_queries(x->index, &x->queries);
    return 0;
}

int zoo_index_build(struct zoo_index *x, const struct zoo_set *set, enum metric metric, enum zoo_state state,
                    const uint8_t *deleted, const struct query_sample *lent)
{
    const struct workers two = {.shares = 2, .run = run_shares};
    struct index_options options = {.seed = 1};
    struct index_why why = {.text = ""};
    *x = (struct zoo_index){.dim = set->dim, .scratch = search_scratch_create()};
    int rc = x->scratch ? copy_rows(x, set, state == ZOO_COMPACTED ? deleted : NULL) : -ENOMEM;
    if (rc == 0) {
        index_options_begin(&options, x->count, &why);
        rc = segment_index_create(metric, set->dim, &options, &x->index);
    }
    if (rc == 0)
        rc = gather_queries(x, set, lent, state == ZOO_COMPACTED ? deleted : NULL);
    if (rc == 0 && state <= ZOO_GROWING)
        rc = append_rows(x, state == ZOO_GROWING);
    if (rc == 0 && state > ZOO_GROWING)
        rc = seal(x, metric, state == ZOO_COMPACTED ? &two : NULL);
    if (rc == 0 && state == ZOO_DELETED)
        rc = allow(x, deleted);
    if (rc != 0)
        zoo_index_fini(x);
    return rc;
}

void zoo_index_fini(struct zoo_index *x)
{
    if (x->index)
        segment_index_destroy(x->index);
    if (x->grown)
        segment_index_destroy(x->grown);
    if (x->scratch)
        search_scratch_destroy(x->scratch);
    free(x->column);
    free(x->allowed);
    free(x->rows);
    free(x->asked);
    *x = (struct zoo_index){0};
}

int zoo_index_search(const struct zoo_index *x, const float *query, uint32_t ef, uint32_t ret_rows[ZOO_K])
{
    const struct search_params params = {
        .k = ZOO_K, .ef = ef, .recall = ef ? 0 : (float)ZOO_RECALL, .allowed = x->allowed};
    struct hit hits[ZOO_K];
    const int count = segment_index_search(x->index, &x->vectors, x->count, query, &params, x->scratch, hits);
    for (int i = 0; i < count; i++)
        ret_rows[i] = x->rows[hits[i].row];
    return count;
}
