/* hnsw_final_prune.c -- chooses all lists again, in both directions, once all rows are in. It
 * happens once, and reads all lists.
 *
 * While a graph grows, a list that overflows is pruned, and keeps a quarter of its places free
 * for later links (hnsw_choose.c). When no more rows come, these places stay empty. Also, many
 * rows link to a row whose own list dropped them before it knew its last neighbours. So every
 * list is chosen once more by the same rule, from its links and from all rows that link to it,
 * without free places. For the same recall a walk then needs a tenth to a sixth fewer hops
 * (docs/performance.md), for a twentieth of the build's time.
 *
 * Rows are taken in windows, a sixteenth of the graph each. One pass over all lists gathers the
 * rows that link into the window. Shares make the new lists from the graph as it is, and the
 * lists are written down. The result does not depend on which share did the work. */
#include "index/hnsw/build/hnsw_builder.h"

#include "base/memory.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define WINDOWS        16
#define WINDOW_MIN     512 /* rows; for fewer, a pass over all lists costs too much */
#define ROWS_AT_ONCE   8
#define ROWS_PER_PAUSE 256

void hnsw_final_prune_drop(struct hnsw_builder *b)
{
    memory_free(b->final_pruning.back);
    memory_free(b->final_pruning.back_count);
    memory_free(b->final_pruning.lists);
    memory_free(b->final_pruning.kept);
    b->final_pruning = (struct final_pruning){0};
}

static int start(const struct hnsw *g, struct hnsw_builder *b)
{
    const uint32_t part = g->count / WINDOWS + 1, least = g->count < WINDOW_MIN ? g->count : WINDOW_MIN;
    const uint32_t room = part > least ? part : least;
    const size_t links = (size_t)room * 2 * g->m;
    b->final_pruning = (struct final_pruning){.rows = g->count,
                                              .room = room,
                                              .back = malloc(links * sizeof(uint32_t)),
                                              .back_count = calloc(room, sizeof(uint32_t)),
                                              .lists = malloc(links * sizeof(uint32_t)),
                                              .kept = calloc(room, sizeof(uint32_t))};
    const struct final_pruning *s = &b->final_pruning;
    if (s->back && s->back_count && s->lists && s->kept)
        return 0;
    hnsw_final_prune_drop(b);
    return -ENOMEM;
}

static void window_begin(struct final_pruning *s)
{
    s->to = s->rows - s->from < s->room ? s->rows : s->from + s->room;
    s->asked = 0;
    memset(s->back_count, 0, s->room * sizeof(*s->back_count));
    memset(s->kept, 0, s->room * sizeof(*s->kept));
}

static bool holds(const uint32_t *links, uint32_t max, uint32_t row)
{
    bool found = false;
    for (uint32_t i = 0; i < max; i++) /* without a branch, so that compilers vectorise it */
        found |= links[i] == row;
    return found;
}

/* Collects for each row of the window the rows that link to it and to which it does not link. Of
 * a hub's many, only the first 2m. */
static int gather_back(const struct hnsw *g, struct final_pruning *s, const struct pause *pause)
{
    const uint32_t max = 2 * g->m;
    for (; s->asked < s->rows; s->asked++) {
        const uint32_t *links = hnsw_links(g, s->asked);
        for (uint32_t i = 0; i < max && links[i] != LINK_NONE; i++) {
            const uint32_t at = links[i] - s->from;
            if (at < s->to - s->from && s->back_count[at] < max && !holds(hnsw_links(g, links[i]), max, s->asked))
                s->back[(size_t)at * max + s->back_count[at]++] = s->asked;
        }
        int rc = (s->asked + 1) % ROWS_PER_PAUSE == 0 ? pause_here(pause) : 0;
        if (rc != 0) {
            s->asked++;
            return rc;
        }
    }
    return 0;
}

struct job {
    const struct hnsw *graph;
    const struct codes *codes;
    struct hnsw_builder *builder;
    /* the next rows that no share has taken; only counts, no data are published by it */
    _Atomic uint32_t next;
};

static int final_prune_share(void *arg, unsigned share, const struct pause *pause)
{
    struct job *job = arg;
    struct final_pruning *s = &job->builder->final_pruning;
    const uint32_t max = 2 * job->graph->m;
    for (;;) {
        uint32_t from = atomic_fetch_add_explicit(&job->next, ROWS_AT_ONCE, memory_order_relaxed), made = 0;
        if (from >= s->to - s->from)
            return 0;
        for (uint32_t i = from; i < from + ROWS_AT_ONCE && i < s->to - s->from; i++) {
            if (s->back_count[i] == 0 || s->kept[i] > 0)
                continue;
            s->kept[i] = hnsw_join(job->graph, job->builder->worker[share], job->codes, s->from + i,
                                   s->back + (size_t)i * max, s->back_count[i], s->lists + (size_t)i * max);
            made++;
        }
        int rc = made ? pause_here(pause) : 0;
        if (rc != 0)
            return rc;
    }
}

/* Writes the new lists one after another. Repeated after a pause ended it, it writes the same. */
static int window_write(struct hnsw *g, const struct final_pruning *s, const struct pause *pause)
{
    const uint32_t max = 2 * g->m;
    for (uint32_t i = 0; i < s->to - s->from; i++) {
        if (s->kept[i] > 0) {
            uint32_t *links = hnsw_links(g, s->from + i);
            memcpy(links, s->lists + (size_t)i * max, s->kept[i] * sizeof(*links));
            memset(links + s->kept[i], 0xff, (max - s->kept[i]) * sizeof(*links));
        }
        int rc = (i + 1) % ROWS_PER_PAUSE == 0 ? pause_here(pause) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

int hnsw_final_prune(struct hnsw *g, struct hnsw_builder *b, const struct codes *codes, const struct workers *workers,
                     const struct pause *pause)
{
    struct final_pruning *s = &b->final_pruning;
    if (b->final_pruned == g->count)
        return 0;
    int rc = hnsw_builder_reserve(b, g, workers_shares(workers), 2 * g->m);
    if (rc == 0 && s->rows != g->count) {
        hnsw_final_prune_drop(b);
        rc = start(g, b);
        if (rc == 0)
            window_begin(s);
    }
    while (rc == 0 && s->from < s->rows) {
        struct job job = {.graph = g, .codes = codes, .builder = b};
        rc = gather_back(g, s, pause);
        if (rc == 0)
            rc = workers_run(workers, final_prune_share, &job, pause);
        if (rc == 0)
            rc = window_write(g, s, pause);
        if (rc == 0) {
            s->from = s->to;
            window_begin(s);
        }
    }
    if (rc != 0)
        return rc;
    hnsw_final_prune_drop(b);
    b->final_pruned = g->count;
    b->changes = g->count;
    return 0;
}
