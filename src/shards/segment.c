#include "shards/segment.h"

#include <stdlib.h>

static void free_chunks(struct rows *r, uint32_t rows_max)
{
    if (!r->chunk)
        return;
    for (uint32_t i = 0; i <= rows_max >> r->shift; i++)
        free(r->chunk[i]);
    free(r->chunk);
}

void segment_destroy(struct segment *s)
{
    if (!s)
        return;
    segment_index_destroy(s->index);
    if (s->mapping.bytes) {
        mapping_close(&s->mapping);
    } else {
        free_chunks(&s->ids, s->rows_max);
        free_chunks(&s->versions, s->rows_max);
        free_chunks(&s->vectors, s->rows_max);
        free_chunks(&s->payloads, s->rows_max);
        arena_fini(&s->arena);
        free(s->tombstones);
    }
    free(s->alive);
    free(s);
}

void segment_let_go(struct segment *s)
{
    check(s->users > 0);
    if (--s->users == 0 && s->retired)
        segment_destroy(s);
}

void segment_retire(struct segment *s)
{
    s->retired = true;
    if (s->users == 0)
        segment_destroy(s);
}

struct payload_at segment_payload_at(const struct segment *s, uint32_t row)
{
    if (!s->payload_ends)
        return *(const struct payload_at *)rows_at(&s->payloads, row);
    uint64_t from = row ? s->payload_ends[row - 1] : 0;
    return (struct payload_at){s->payload_bytes + from, s->payload_ends[row] - from};
}
