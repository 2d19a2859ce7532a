#include "shards/segment/segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DISPOSED_ROWS  4096                 /* fewer rows are given back at once */
#define SCANNED_BYTES  ((uint64_t)64 << 10) /* of the vectors of a small segment: 5 to 10 us of a search */
#define TOMBSTONES_FEW 1024

static void free_chunks(const struct rows *r, uint8_t *const *single, uint32_t rows_max, bool slowly)
{
    if (!r->chunk || r->chunk == single) {
        memory_free(*single);
        return;
    }
    for (uint32_t i = 0; i <= rows_max >> r->shift; i++) {
        memory_free(r->chunk[i]);
        if (slowly)
            fiber_checkpoint();
    }
    free(r->chunk);
}

static void free_outgrown(struct segment *s)
{
    while (s->outgrown) {
        struct outgrown *o = s->outgrown;
        s->outgrown = o->next;
        memory_free(o->chunk);
        free(o);
    }
}

static void destroy(struct segment *s, bool slowly)
{
    if (!s->is_shared && s->index && slowly)
        segment_index_give_back(s->index, fiber_pause);
    if (!s->is_shared)
        segment_index_destroy(s->index);
    if (s->mapping.bytes && !s->is_shared && slowly) {
        mapping_close_slowly(&s->mapping);
    } else if (s->mapping.bytes && !s->is_shared) {
        mapping_close(&s->mapping);
    } else if (!s->mapping.bytes) {
        free_chunks(&s->ids, &s->single[0], s->rows_max, slowly);
        free_chunks(&s->versions, &s->single[1], s->rows_max, slowly);
        free_chunks(&s->vectors, &s->single[2], s->rows_max, slowly);
        free_chunks(&s->payloads, &s->single[3], s->rows_max, slowly);
        free_outgrown(s);
        if (slowly)
            arena_fini_slowly(&s->arena, fiber_pause);
        else
            arena_fini(&s->arena);
        free(s->tombstones);
    }
    free(s->alive);
    if (!s->successor_rows_shared)
        free(s->successor_rows);
    if (s->successor)
        segment_let_go(s->successor);
    free(s);
}

void segment_destroy(struct segment *s)
{
    if (s)
        destroy(s, false);
}

static void disposer(void *arg)
{
    destroy(arg, true);
}

/* A hundred MiB of memory, or a view of a GiB, takes ten milliseconds and more to give back. */
static void dispose(struct segment *s)
{
    if (s->is_shared || s->rows < DISPOSED_ROWS || !fiber_self() ||
        fiber_start(CLASS_BACKGROUND, disposer, s, "disposer") < 0)
        segment_destroy(s);
}

int segment_all_alive(struct segment *s)
{
    s->alive = calloc(bits_words(s->rows) + 1, sizeof(uint64_t));
    if (!s->alive)
        return -ENOMEM;
    s->alive_words = (uint32_t)bits_words(s->rows) + 1;
    memset(s->alive, 0xff, s->rows / 64 * sizeof(uint64_t));
    for (uint32_t row = s->rows & ~63u; row < s->rows; row++)
        bits_set(s->alive, row);
    return 0;
}

static struct rows row_array_borrow(const struct rows *of, uint8_t **single)
{
    *single = *of->chunk;
    return (struct rows){single, of->stride, of->shift};
}

int segment_share(const struct segment *of, struct segment **ret)
{
    struct segment *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    *s = (struct segment){
        .state = SEGMENT_SEALED,
        .id = of->id,
        .is_shared = true,
        .rows = of->rows,
        .rows_max = of->rows,
        .index = of->index,
        .plan = of->plan,
        .tombstones = of->tombstones,
        .tombstone_count = of->tombstone_count,
        .version_min = of->version_min,
        .version_max = of->version_max,
        .owners = of->owners,
        .owner = of->owner,
        .log_first = UINT64_MAX,
        .disk_bytes = of->disk_bytes,
        .payload_size = of->payload_size,
        .payload_ends = of->payload_ends,
        .payload_bytes = of->payload_bytes,
        .mapping = of->mapping,
    };
    s->ids = row_array_borrow(&of->ids, &s->single[0]);
    s->versions = row_array_borrow(&of->versions, &s->single[1]);
    s->vectors = row_array_borrow(&of->vectors, &s->single[2]);
    int rc = segment_all_alive(s);
    if (rc < 0) {
        segment_destroy(s);
        return rc;
    }
    *ret = s;
    return 0;
}

void segment_set_successor(struct segment *s, struct segment *successor, uint32_t *rows)
{
    if (successor)
        segment_hold(successor);
    if (s->successor)
        segment_let_go(s->successor);
    if (s->successor_rows != rows && !s->successor_rows_shared)
        free(s->successor_rows);
    s->successor = successor;
    s->successor_rows = rows;
}

/* The row of the successor that row lives on as; ROW_NONE: it was dead before. */
static uint32_t successor_row(const struct segment *s, uint32_t row)
{
    return s->successor_rows ? s->successor_rows[row] : row;
}

void segment_delete_row(struct segment *s, uint32_t row)
{
    for (; s && row != ROW_NONE; row = s->successor ? successor_row(s, row) : ROW_NONE, s = s->successor)
        if (bits_test(s->alive, row)) {
            bits_clear(s->alive, row);
            s->dead++;
        }
}

bool segment_alive(const struct segment *s, uint32_t row)
{
    for (; bits_test(s->alive, row); s = s->successor) {
        if (!s->successor)
            return true;
        row = successor_row(s, row);
        if (row == ROW_NONE)
            return true; /* it has no place there yet */
    }
    return false;
}

void segment_let_go(struct segment *s)
{
    check(s->users > 0);
    if (--s->users == 0 && s->retired)
        dispose(s);
}

void segment_retire(struct segment *s)
{
    s->retired = true;
    if (s->users == 0)
        dispose(s);
}

struct payload_at segment_payload_at(const struct segment *s, uint32_t row)
{
    if (!s->payload_ends)
        return *(const struct payload_at *)rows_at(&s->payloads, row);
    uint64_t from = row ? s->payload_ends[row - 1] : 0, end = s->payload_ends[row];
    if (end < from || end > s->payload_size) /* a page was lost after the file was opened: segment_check_lost() tells */
        return (struct payload_at){s->payload_bytes, 0};
    return (struct payload_at){s->payload_bytes + from, end - from};
}

int segment_check_lost(const struct segment *s, const char *path, struct error *error)
{
    uint64_t offset;
    if (!mapping_lost(&s->mapping, &offset))
        return 0;
    error_set(error, ERROR_IO,
              "%s cannot be read at offset %llu: the disk does not give these bytes back, or the file was cut; "
              "mend the disk and start again, or restore a snapshot",
              path, (unsigned long long)offset);
    return -EIO;
}

bool segment_rows_are_small(uint64_t rows, uint32_t stride)
{
    return rows * stride <= SCANNED_BYTES;
}

bool segment_is_small(const struct segment *s)
{
    return s->state == SEGMENT_GROWING && segment_index_graphed(s->index) == 0 &&
           segment_rows_are_small(s->rows, s->vectors.stride) && s->arena.used <= SCANNED_BYTES &&
           s->tombstone_count <= TOMBSTONES_FEW;
}

uint32_t segment_backlog(const struct segment *s)
{
    const bool none = s->state == SEGMENT_SEALED || segment_is_small(s);
    return none ? 0 : segment_index_waiting(s->index, s->rows);
}
