/* row_array.c -- chunks of rows. The first chunk is small and is copied as it grows; later
 * chunks have their full size and never move. */
#include "vectors/row_array.h"

#include "base/memory.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* so large that rounding up to 2 MiB pages wastes little */
#define CHUNK_BYTES_MIN ((size_t)4 << 20)
#define COPY_BYTES      ((uint64_t)256 << 10)
/* beyond this, chunk 0 gets its full size; copying so much takes 0.1 ms */
#define FIRST_BYTES_MAX ((size_t)1 << 20)

void row_array_init(struct row_array *c, uint32_t stride)
{
    *c = (struct row_array){.rows = {.stride = stride}};
    while ((size_t)stride << c->rows.shift < CHUNK_BYTES_MIN)
        c->rows.shift++;
}

static size_t chunk_bytes(const struct row_array *c)
{
    return (size_t)c->rows.stride << c->rows.shift;
}

static void chunk_free(struct row_array *c, uint32_t i)
{
    if (i < c->joined)
        return;
    if (i == 0 && c->first_rows)
        memory_free(c->rows.chunk[0]);
    else
        huge_free(c->rows.chunk[i], chunk_bytes(c));
}

void row_array_give_back(struct row_array *c, void (*pause)(void))
{
    if (c->piece_bytes)
        memory_discard(c->piece, c->piece_bytes, pause);
    for (uint32_t i = c->joined; i < c->chunks; i++)
        if (i > 0 || !c->first_rows)
            memory_discard(c->rows.chunk[i], chunk_bytes(c), pause);
}

void row_array_fini(struct row_array *c)
{
    for (uint32_t i = 0; i < c->chunks; i++)
        chunk_free(c, i);
    if (c->piece_bytes)
        huge_free(c->piece, c->piece_bytes);
    free(c->rows.chunk);
    *c = (struct row_array){0};
}

static int slots_reserve(struct row_array *c, uint32_t chunks)
{
    if (chunks <= c->chunk_slots)
        return 0;
    uint32_t slots = c->chunk_slots ? c->chunk_slots : 1;
    while (slots < chunks)
        slots *= 2;
    uint8_t **grown = realloc(c->rows.chunk, slots * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    c->rows.chunk = grown;
    c->chunk_slots = slots;
    return 0;
}

/* Makes room in chunk 0 while the array is small: doubles it, and in the end replaces it by
 * a chunk of full size. */
static int first_reserve(struct row_array *c, uint32_t count)
{
    if (c->chunks && (!c->first_rows || count <= c->first_rows))
        return 0;
    uint32_t whole = (uint32_t)1 << c->rows.shift;
    uint32_t wanted = c->first_rows ? c->first_rows : 1;
    while (wanted < count && wanted < whole)
        wanted *= 2;
    bool small = (size_t)wanted * c->rows.stride <= FIRST_BYTES_MAX;
    uint8_t *p = small ? memory_aligned((size_t)wanted * c->rows.stride) : huge_alloc(chunk_bytes(c));
    if (!p)
        return -ENOMEM;
    if (c->chunks) {
        memcpy(p, c->rows.chunk[0], (size_t)c->first_rows * c->rows.stride);
        memory_free(c->rows.chunk[0]);
    }
    c->rows.chunk[0] = p;
    c->first_rows = small ? wanted : 0;
    c->chunks = 1;
    return 0;
}

int row_array_reserve(struct row_array *c, uint32_t count)
{
    if (count == 0)
        return 0;
    uint32_t chunks = ((count - 1) >> c->rows.shift) + 1;
    int rc = slots_reserve(c, chunks);
    if (rc == 0)
        rc = first_reserve(c, count);
    while (rc == 0 && c->chunks < chunks) {
        uint8_t *p = huge_alloc(chunk_bytes(c));
        if (!p)
            return -ENOMEM;
        c->rows.chunk[c->chunks++] = p;
    }
    return rc;
}

/* Copies with pauses. Each piece takes about 0.1 ms, because touching fresh pages
 * costs more than copying. */
static int copy_in_pieces(uint8_t *to, const uint8_t *from, uint64_t size, const struct pause *pause)
{
    for (uint64_t at = 0, n; at < size; at += n) {
        n = size - at < COPY_BYTES ? size - at : COPY_BYTES;
        memcpy(to + at, from + at, n);
        int rc = pause_here(pause);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int open_piece(struct row_array *c, uint32_t stride, void *piece)
{
    *c = (struct row_array){.rows = {.stride = stride, .shift = ROWS_ONE_PIECE}};
    int rc = slots_reserve(c, 1);
    if (rc < 0)
        return rc;
    c->piece = c->rows.chunk[0] = piece;
    c->chunks = c->joined = 1;
    return 0;
}

int row_array_make(struct row_array *c, uint32_t stride, uint32_t count)
{
    int rc = open_piece(c, stride, NULL);
    if (rc < 0 || count == 0)
        return rc;
    c->piece = c->rows.chunk[0] = huge_alloc((size_t)stride * count);
    if (!c->piece)
        return -ENOMEM;
    c->piece_bytes = (uint64_t)stride * count;
    return 0;
}

int row_array_open(struct row_array *c, uint32_t stride, const void *bytes, uint32_t count, bool copy,
                   const struct pause *pause)
{
    if (!copy || count == 0)
        return open_piece(c, stride, (void *)bytes);
    int rc = row_array_make(c, stride, count);
    return rc == 0 ? copy_in_pieces(c->piece, bytes, c->piece_bytes, pause) : rc;
}

/* A chunk's size is a multiple of the row size, so chunks laid one behind another are rows one
 * behind another. Each chunk is copied to its place in the piece, its pointer is changed, and
 * the old chunk is freed. */
int row_array_join(struct row_array *c, uint32_t count, const struct pause *pause)
{
    uint32_t whole = count ? ((count - 1) >> c->rows.shift) + 1 : 0;
    if (whole <= 1 || whole <= c->joined)
        return 0;
    uint64_t bytes = (uint64_t)whole * chunk_bytes(c);
    if (c->piece_bytes < bytes) {
        uint8_t *piece = huge_alloc(bytes);
        if (!piece)
            return -ENOMEM;
        if (c->joined) { /* the piece of an earlier join is too small: copies it to a larger one */
            memcpy(piece, c->piece, (size_t)c->joined * chunk_bytes(c));
            huge_free(c->piece, c->piece_bytes);
            for (uint32_t i = 0; i < c->joined; i++)
                c->rows.chunk[i] = piece + (size_t)i * chunk_bytes(c);
        }
        c->piece = piece;
        c->piece_bytes = bytes;
    }
    while (c->joined < whole) {
        uint32_t i = c->joined;
        uint8_t *to = (uint8_t *)c->piece + (size_t)i * chunk_bytes(c);
        memcpy(to, c->rows.chunk[i], chunk_bytes(c));
        chunk_free(c, i);
        c->rows.chunk[i] = to;
        c->joined++;
        int rc = pause_here(pause);
        if (rc != 0)
            return rc;
    }
    return 0;
}

uint64_t row_array_bytes_of(uint32_t stride, uint32_t count)
{
    struct row_array c;
    row_array_init(&c, stride);
    if (count == 0)
        return 0;
    const uint32_t whole = (uint32_t)1 << c.rows.shift;
    uint32_t first = 1, slots = 1;
    while (first < count && first < whole)
        first *= 2;
    if ((uint64_t)first * stride <= FIRST_BYTES_MAX)
        return (uint64_t)first * stride + sizeof(uint8_t *);
    const uint32_t chunks = (count + whole - 1) / whole;
    while (slots < chunks)
        slots *= 2;
    return chunks * (uint64_t)chunk_bytes(&c) + slots * sizeof(uint8_t *);
}

uint64_t row_array_bytes(const struct row_array *c)
{
    uint64_t bytes = c->piece_bytes + c->chunk_slots * sizeof(uint8_t *);
    for (uint32_t i = c->joined; i < c->chunks; i++)
        bytes += i == 0 && c->first_rows ? (uint64_t)c->first_rows * c->rows.stride : chunk_bytes(c);
    return bytes;
}
