/* import_batch.c -- a batch stays in memory until all its pieces are acknowledged, because a piece
 * may be sent again or halved. */
#include "cli/import/import_batch.h"

#include <stdlib.h>
#include <string.h>

static void batch_destroy(struct import_batch *b)
{
    free(b->vectors);
    free(b->ids);
    free(b->rows);
    free(b->lines);
    free(b->payloads);
    free(b->payload_sizes);
    free(b->payload_bytes);
    free(b);
}

static bool payloads_copy(struct import_batch *to, const struct vector_batch *from)
{
    size_t all = 0;
    for (size_t i = 0; i < from->count; i++)
        all += from->payload_sizes[i];
    to->payloads = malloc(from->count * sizeof(*to->payloads));
    to->payload_sizes = malloc(from->count * sizeof(*to->payload_sizes));
    to->payload_bytes = malloc(all + 1);
    if (!to->payloads || !to->payload_sizes || !to->payload_bytes)
        return false;
    char *at = to->payload_bytes;
    for (size_t i = 0; i < from->count; i++) {
        to->payload_sizes[i] = from->payload_sizes[i];
        to->payloads[i] = at;
        memcpy(at, from->payloads[i], from->payload_sizes[i]);
        at += from->payload_sizes[i];
    }
    return true;
}

struct import_piece *import_piece_create(const struct vector_batch *b, uint32_t dim, uint64_t start_id)
{
    struct import_piece *p = calloc(1, sizeof(*p));
    struct import_batch *to = calloc(1, sizeof(*to));
    if (!p || !to) {
        free(p);
        free(to);
        return NULL;
    }
    *p = (struct import_piece){.batch = to, .count = b->count};
    to->count = b->count;
    to->pieces = 1;
    to->dim = dim;
    to->own_ids = b->ids != NULL;
    to->vectors = malloc(b->count * dim * sizeof(float));
    to->ids = malloc(b->count * sizeof(*to->ids));
    to->rows = malloc(b->count * sizeof(*to->rows));
    to->lines = calloc(b->count, sizeof(*to->lines));
    if (!to->vectors || !to->ids || !to->rows || !to->lines || (b->payloads && !payloads_copy(to, b))) {
        import_piece_destroy(p);
        return NULL;
    }
    memcpy(to->vectors, b->vectors, b->count * dim * sizeof(float));
    memcpy(to->rows, b->rows, b->count * sizeof(*to->rows));
    if (b->lines)
        memcpy(to->lines, b->lines, b->count * sizeof(*to->lines));
    for (size_t i = 0; i < b->count; i++)
        to->ids[i] = b->ids ? b->ids[i] : (struct kith_id){0, start_id + b->rows[i]};
    return p;
}

struct import_piece *import_piece_split(struct import_piece *p)
{
    struct import_piece *rest = calloc(1, sizeof(*rest));
    if (!rest)
        return NULL;
    size_t half = p->count / 2;
    *rest = (struct import_piece){
        .batch = p->batch, .first = p->first + half, .count = p->count - half, .cut_at = p->cut_at};
    p->count = half;
    p->batch->pieces++;
    return rest;
}

uint64_t import_piece_row(const struct import_piece *p)
{
    return p->batch->rows[p->first];
}

size_t import_piece_bytes(const struct import_piece *p)
{
    const struct import_batch *b = p->batch;
    size_t bytes = p->count * b->dim * sizeof(float);
    for (size_t i = p->first; b->payloads && i < p->first + p->count; i++)
        bytes += b->payload_sizes[i];
    return bytes;
}

void import_piece_destroy(struct import_piece *p)
{
    if (--p->batch->pieces == 0)
        batch_destroy(p->batch);
    free(p);
}

struct kith_points import_piece_points(const struct import_piece *p)
{
    const struct import_batch *b = p->batch;
    return (struct kith_points){
        .count = p->count,
        .ids = b->ids + p->first,
        .vectors = b->vectors + p->first * b->dim,
        .dim = b->dim,
        .payloads = b->payloads ? b->payloads + p->first : NULL,
        .payload_sizes = b->payloads ? b->payload_sizes + p->first : NULL,
        .first_row = b->rows[p->first],
    };
}
