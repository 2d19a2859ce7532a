/* memory.c -- a walk over everything there is, instead of counts that every allocation would have to keep right: some hundred
 * nanoseconds a segment, and asked some times a second at most. */
#include "shards/memory.h"
#include "shards/shard.h"

static uint64_t column_memory(const struct rows *r, uint32_t rows_max)
{
    return r->chunk ? ((rows_max >> r->shift) + 1) * sizeof(*r->chunk) : 0;
}

static uint64_t growing_memory(const struct segment *g)
{
    return g->memory_bytes + arena_bytes(&g->arena) + g->tombstone_capacity * sizeof(*g->tombstones) +
           column_memory(&g->ids, g->rows_max) + column_memory(&g->versions, g->rows_max) +
           column_memory(&g->vectors, g->rows_max) + column_memory(&g->payloads, g->rows_max);
}

void segment_memory(const struct segment *g, struct memory_use *use)
{
    use->bytes[MEMORY_ROWS] += sizeof(*g) + bits_words(g->rows_max) * sizeof(*g->alive);
    if (g->mapping.bytes)
        use->mapped += g->mapping.size;
    else
        use->bytes[MEMORY_ROWS] += growing_memory(g);
    if (g->heir_rows)
        use->bytes[MEMORY_BUILDS] += (uint64_t)g->rows * sizeof(*g->heir_rows);
    if (g->index)
        segment_index_memory(g->index, use);
}

static void shard_memory(const struct shard *s, struct memory_use *use)
{
    use->bytes[MEMORY_IDS] += id_map_bytes(&s->ids);
    use->bytes[MEMORY_ROWS] += sizeof(*s) + s->segment_capacity * sizeof(*s->segments);
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (s->segments[i])
            segment_memory(s->segments[i], use);
}

void store_memory_read(const struct store *store, struct memory_use *use)
{
    for (const struct shard *s = store->shards; s; s = s->next)
        shard_memory(s, use);
    use->bytes[MEMORY_SEARCHES] += search_rooms_bytes(store->rooms);
    if (store->log)
        use->bytes[MEMORY_LOG] += log_memory(store->log);
}
