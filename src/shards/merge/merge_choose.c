/* merge_choose.c -- which segments to rewrite next.
 *
 * A segment is rewritten because of its deleted rows when they reach a share. Others are merged
 * when a group of at least four is such that no member is larger than all smaller ones
 * together: sizes then grow geometrically, and a row is rewritten a logarithmic number of times
 * (the idea of Bentley & Saxe's logarithmic method, 1980, and of size-tiered compaction in
 * log-structured stores). */
#include "shards/memory.h"
#include "shards/merge/merge.h"
#include "shards/segment/index_plan.h"

#include <stdlib.h>

#define GROUP_MIN 4

static uint32_t live_rows(const struct segment *g)
{
    return g->rows.count - g->rows.dead;
}

static bool can_merge(const struct segment *g)
{
    return g && g->state == SEGMENT_SEALED && g->searched && g->sharing.everywhere && !g->succession.merging;
}

static bool is_worn(const struct shard *s, const struct segment *g, bool all)
{
    uint64_t percent = all ? 0 : s->store->options.compact_percent;
    return g->rows.dead && (uint64_t)g->rows.dead * 100 >= (uint64_t)g->rows.count * percent;
}

static int by_live_rows(const void *a, const void *b)
{
    const struct segment *x = *(struct segment *const *)a, *y = *(struct segment *const *)b;
    if (live_rows(x) != live_rows(y))
        return live_rows(x) < live_rows(y) ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* How many from the first of `sorted` on keep the rule and fit. sorted: by live rows. */
static uint32_t group(const struct shard *s, struct segment *const *sorted, uint32_t n, bool all)
{
    uint64_t row_bytes = vector_bytes(shard_vector(s)), sum = 0;
    for (uint32_t i = 0; i < n && i < MERGE_INPUTS_MAX; i++) {
        uint64_t live = live_rows(sorted[i]);
        bool fits = (sum + live) * row_bytes <= s->store->options.merge_bytes_max && sum + live <= SEGMENT_ROWS_MAX;
        if (i > 0 && (!fits || (live > sum && !all)))
            return i;
        sum += live;
    }
    return n < MERGE_INPUTS_MAX ? n : MERGE_INPUTS_MAX;
}

void merge_choose(const struct shard *s, bool all, struct merge_choice *ret)
{
    struct segment **sorted = malloc((s->segment_count + 1) * sizeof(*sorted));
    uint32_t n = 0;
    *ret = (struct merge_choice){0};
    if (!sorted)
        return; /* another time */
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (can_merge(s->segments[i]))
            sorted[n++] = s->segments[i];
    if (n)
        qsort(sorted, n, sizeof(*sorted), by_live_rows);
    for (uint32_t from = 0; from < n && ret->count == 0; from++) {
        uint32_t count = group(s, sorted + from, n - from, all);
        for (uint32_t i = 0; count >= (all ? 2 : GROUP_MIN) && i < count; i++)
            ret->inputs[ret->count++] = sorted[from + i];
    }
    free(sorted);
    if (ret->count == 0)
        merge_choose_rewrite(s, all, ret);
}

/* The smallest loose one first: it needs least memory itself, and what it leaves
 * is there for the next. */
void merge_choose_rewrite(const struct shard *s, bool all, struct merge_choice *ret)
{
    struct segment *worst = NULL, *loose = NULL;
    *ret = (struct merge_choice){0};
    for (uint32_t i = 0; i < s->segment_count; i++) {
        struct segment *g = s->segments[i];
        if (!can_merge(g))
            continue;
        if (is_worn(s, g, all) &&
            (!worst || (uint64_t)g->rows.dead * worst->rows.count > (uint64_t)worst->rows.dead * g->rows.count))
            worst = g;
        if (index_plan_is_loose(s, g) && (!loose || g->rows.count < loose->rows.count))
            loose = g;
    }
    if (worst || loose)
        ret->inputs[ret->count++] = worst ? worst : loose;
}

uint64_t merge_memory(const struct shard *s, const struct merge_choice *choice)
{
    uint64_t live = 0, bytes = 0;
    for (uint32_t i = 0; i < choice->count; i++) {
        live += live_rows(choice->inputs[i]);
        bytes += choice->inputs[i]->rows.count * sizeof(uint32_t); /* where each row goes */
    }
    return bytes + bits_words(live) * sizeof(uint64_t) + memory_to_build(s->store, &s->config, (uint32_t)live);
}

uint64_t merge_bytes(const struct merge_choice *choice)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < choice->count; i++) {
        const struct segment *g = choice->inputs[i];
        bytes += g->rows.count ? (uint64_t)((double)g->disk_bytes * live_rows(g) / g->rows.count) : g->disk_bytes;
    }
    return bytes;
}
