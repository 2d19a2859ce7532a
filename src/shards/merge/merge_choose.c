/* merge_choose.c -- chooses the segments to rewrite next.
 *
 * A segment is rewritten when its dead rows reach a share of its rows. Others are merged in groups
 * of at least four, in which no segment is larger than all smaller ones together. So sizes grow
 * geometrically, and a row is rewritten a logarithmic number of times. (The idea is that of Bentley
 * & Saxe's logarithmic method, 1980, and of size-tiered compaction in log-structured stores.) */
#include "shards/memory.h"
#include "shards/merge/merge.h"
#include "shards/segment/index_plan.h"

#include <stdlib.h>

#define GROUP_MIN 4
/* per cent of dead rows at which a compaction in little room rewrites a segment */
#define LITTLE_ROOM_PERCENT 1

static uint32_t live_rows(const struct segment *g)
{
    return g->rows.count - g->rows.dead;
}

static bool can_merge(const struct segment *g)
{
    return g && g->state == SEGMENT_SEALED && g->searched && g->sharing.everywhere && !g->succession.merging;
}

/* About how many bytes of disk the live rows take. */
static uint64_t live_bytes(const struct segment *g)
{
    return g->rows.count ? (uint64_t)((double)g->disk_bytes * live_rows(g) / g->rows.count) : g->disk_bytes;
}

static bool has_many_dead(const struct segment *g, uint32_t percent)
{
    return g->rows.dead && (uint64_t)g->rows.dead * 100 >= (uint64_t)g->rows.count * percent;
}

static int by_live_rows(const void *a, const void *b)
{
    const struct segment *x = *(struct segment *const *)a, *y = *(struct segment *const *)b;
    if (live_rows(x) != live_rows(y))
        return live_rows(x) < live_rows(y) ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* How many segments, from the first of `sorted` on, fit into one segment and into `room`, and keep
 * the rule above. any_sizes: the rule does not count. sorted: by live rows, ascending. */
static uint32_t group(const struct shard *s, struct segment *const *sorted, uint32_t n, bool any_sizes, uint64_t room)
{
    uint64_t row_bytes = vector_bytes(shard_vector(s)), sum = 0, bytes = 0;
    for (uint32_t i = 0; i < n && i < MERGE_INPUTS_MAX; i++) {
        uint64_t live = live_rows(sorted[i]);
        bool fits = (sum + live) * row_bytes <= s->store->options.merge_bytes_max && sum + live <= SEGMENT_ROWS_MAX;
        bytes += live_bytes(sorted[i]);
        if (bytes > room || (i > 0 && (!fits || (live > sum && !any_sizes))))
            return i;
        sum += live;
    }
    return n < MERGE_INPUTS_MAX ? n : MERGE_INPUTS_MAX;
}

static void choose_group(const struct shard *s, bool all, uint64_t room, struct merge_choice *ret)
{
    struct segment **sorted = malloc((s->segment_count + 1) * sizeof(*sorted));
    uint32_t n = 0;
    if (!sorted)
        return; /* tried again later */
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (can_merge(s->segments[i]))
            sorted[n++] = s->segments[i];
    if (n)
        qsort(sorted, n, sizeof(*sorted), by_live_rows);
    for (uint32_t from = 0; from < n && ret->count == 0; from++) {
        uint32_t count = group(s, sorted + from, n - from, all && room == MERGE_ROOM_ANY, room);
        for (uint32_t i = 0; count >= (all ? 2 : GROUP_MIN) && i < count; i++)
            ret->inputs[ret->count++] = sorted[from + i];
    }
    free(sorted);
}

/* A compaction that found no room stays wanted. So groups in little room keep the rule of sizes,
 * and few dead rows cause no rewrite: each new segment or deletion would repeat it. */
void merge_choose(const struct shard *s, bool all, uint64_t room, struct merge_choice *ret)
{
    const uint32_t percent = s->store->options.compact_percent;
    *ret = (struct merge_choice){0};
    if (room != MERGE_ROOM_ANY) {
        merge_choose_rewrite(s, all ? LITTLE_ROOM_PERCENT : percent, room, ret);
        if (ret->count == 0)
            choose_group(s, all, room, ret);
        return;
    }
    choose_group(s, all, room, ret);
    if (ret->count == 0)
        merge_choose_rewrite(s, all ? 0 : percent, room, ret);
}

/* Of the segments whose index would become smaller, the one with the fewest rows comes first: its
 * rewrite needs least memory, and frees some for the next. */
void merge_choose_rewrite(const struct shard *s, uint32_t percent, uint64_t room, struct merge_choice *ret)
{
    struct segment *worst = NULL, *large = NULL;
    *ret = (struct merge_choice){0};
    for (uint32_t i = 0; i < s->segment_count; i++) {
        struct segment *g = s->segments[i];
        if (!can_merge(g) || live_bytes(g) > room)
            continue;
        if (has_many_dead(g, percent) &&
            (!worst || (uint64_t)g->rows.dead * worst->rows.count > (uint64_t)worst->rows.dead * g->rows.count))
            worst = g;
        if (index_plan_would_shrink(s, g) && (!large || g->rows.count < large->rows.count))
            large = g;
    }
    if (worst || large)
        ret->inputs[ret->count++] = worst ? worst : large;
}

uint64_t merge_memory(const struct shard *s, const struct merge_choice *choice)
{
    uint64_t live = 0, bytes = 0;
    for (uint32_t i = 0; i < choice->count; i++) {
        live += live_rows(choice->inputs[i]);
        /* for each row of an input, its row in the new segment */
        bytes += choice->inputs[i]->rows.count * sizeof(uint32_t);
    }
    /* the columns are written and freed before the index is built */
    const uint32_t rows = (uint32_t)live;
    const uint64_t index = memory_to_build(s->store, &s->config, rows);
    const uint64_t columns = segment_columns_write_bytes(s->config.schema, choice->inputs, choice->count, rows);
    return bytes + bits_words(live) * sizeof(uint64_t) + (columns > index ? columns : index);
}

uint64_t merge_bytes(const struct merge_choice *choice)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < choice->count; i++)
        bytes += live_bytes(choice->inputs[i]);
    return bytes;
}
