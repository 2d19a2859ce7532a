/* segment.c -- what growing, frozen and sealed segments have in common: how they are freed and
 * shared, and how a death follows a row to the successor. */
#include "shards/segment/segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DISPOSED_ROWS 4096 /* segments of fewer rows are freed at once */
/* bytes of vectors that a small segment may have: they cost a search 5 to 10 us */
#define SCANNED_BYTES  ((uint64_t)64 << 10)
#define TOMBSTONES_FEW 1024

static void free_chunks(const struct row_values *v, uint32_t rows_max, bool slowly)
{
    const struct rows *r = &v->at;
    if (!r->chunk || r->chunk == &v->single) {
        memory_free(v->single);
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
    while (s->rows.outgrown) {
        struct outgrown *o = s->rows.outgrown;
        s->rows.outgrown = o->next;
        memory_free(o->chunk);
        free(o);
    }
}

static void closer(void *arg)
{
    file_close(arg);
}

/* Closes the file in a fiber of its own, so that freeing a segment does not wait. Waits if there is
 * no memory for the fiber. */
static void close_pages(struct segment *s)
{
    if (s->pages && fiber_start(CLASS_BACKGROUND, closer, s->pages, "closer") < 0)
        file_close(s->pages);
}

static void destroy(struct segment *s, bool slowly)
{
    close_pages(s);
    segment_columns_fini(s);
    if (!s->sharing.remote && s->vectors[0].index && slowly)
        segment_index_give_back(s->vectors[0].index, fiber_pause);
    if (!s->sharing.remote)
        segment_index_destroy(s->vectors[0].index);
    if (s->mapping.bytes && !s->sharing.remote && slowly) {
        mapping_close_slowly(&s->mapping);
    } else if (s->mapping.bytes && !s->sharing.remote) {
        mapping_close(&s->mapping);
    } else if (!s->mapping.bytes) {
        free_chunks(&s->rows.ids, s->rows.max, slowly);
        free_chunks(&s->rows.versions, s->rows.max, slowly);
        free_chunks(&s->vectors[0].values, s->rows.max, slowly);
        free_chunks(&s->payloads.at, s->rows.max, slowly);
        free_outgrown(s);
        if (slowly)
            arena_fini_slowly(&s->payloads.arena, fiber_pause);
        else
            arena_fini(&s->payloads.arena);
        free(s->tombstones.items);
    }
    free(s->rows.alive);
    if (!s->succession.rows_shared)
        free(s->succession.rows);
    if (s->succession.successor)
        segment_let_go(s->succession.successor);
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

/* To free 100 MiB of memory, or a mapping of 1 GiB, takes 10 ms and more, so a background
 * fiber does it in steps. */
static void dispose(struct segment *s)
{
    if (s->sharing.remote || s->rows.count < DISPOSED_ROWS || !fiber_self() ||
        fiber_start(CLASS_BACKGROUND, disposer, s, "disposer") < 0)
        segment_destroy(s);
}

int segment_all_alive(struct segment *s)
{
    s->rows.alive = calloc(bits_words(s->rows.count) + 1, sizeof(uint64_t));
    if (!s->rows.alive)
        return -ENOMEM;
    s->rows.alive_words = (uint32_t)bits_words(s->rows.count) + 1;
    memset(s->rows.alive, 0xff, s->rows.count / 64 * sizeof(uint64_t));
    for (uint32_t row = s->rows.count & ~63u; row < s->rows.count; row++)
        bits_set(s->rows.alive, row);
    return 0;
}

static void values_borrow(struct row_values *v, const struct row_values *of)
{
    v->single = *of->at.chunk;
    v->at = (struct rows){&v->single, of->at.stride, of->at.shift};
}

int segment_share(const struct segment *of, struct segment **ret)
{
    struct segment *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    *s = (struct segment){
        .state = SEGMENT_SEALED,
        .id = of->id,
        .sharing.remote = true,
        .rows.count = of->rows.count,
        .rows.max = of->rows.count,
        .vectors[0].index = of->vectors[0].index,
        .vectors[0].plan = of->vectors[0].plan,
        .tombstones.items = of->tombstones.items,
        .tombstones.count = of->tombstones.count,
        .rows.version_min = of->rows.version_min,
        .rows.version_max = of->rows.version_max,
        .owners = of->owners,
        .owner = of->owner,
        .log.first = UINT64_MAX,
        .disk_bytes = of->disk_bytes,
        .payloads.size = of->payloads.size,
        .payloads.ends = of->payloads.ends,
        .payloads.bytes = of->payloads.bytes,
        .mapping = of->mapping,
    };
    values_borrow(&s->rows.ids, &of->rows.ids);
    values_borrow(&s->rows.versions, &of->rows.versions);
    values_borrow(&s->vectors[0].values, &of->vectors[0].values);
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
    if (s->succession.successor)
        segment_let_go(s->succession.successor);
    if (s->succession.rows != rows && !s->succession.rows_shared)
        free(s->succession.rows);
    s->succession.successor = successor;
    s->succession.rows = rows;
}

/* The row in the successor; ROW_NONE: it is not there. */
static uint32_t successor_row(const struct segment *s, uint32_t row)
{
    return s->succession.rows ? s->succession.rows[row] : row;
}

void segment_delete_row(struct segment *s, uint32_t row)
{
    for (; s && row != ROW_NONE;
         row = s->succession.successor ? successor_row(s, row) : ROW_NONE, s = s->succession.successor)
        if (bits_test(s->rows.alive, row)) {
            bits_clear(s->rows.alive, row);
            s->rows.dead++;
        }
}

bool segment_alive(const struct segment *s, uint32_t row)
{
    for (; bits_test(s->rows.alive, row); s = s->succession.successor) {
        if (!s->succession.successor)
            return true;
        row = successor_row(s, row);
        if (row == ROW_NONE)
            return true; /* the merge has not given it a place yet */
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
    if (!s->payloads.ends)
        return *(const struct payload_at *)rows_at(&s->payloads.at.at, row);
    uint64_t from = row ? s->payloads.ends[row - 1] : 0, end = s->payloads.ends[row];
    if (end < from ||
        /* a page was lost after the file was opened; segment_check_lost() reports it */
        end > s->payloads.size)
        return (struct payload_at){s->payloads.bytes, 0};
    return (struct payload_at){s->payloads.bytes + from, end - from};
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

static bool is_scanned(const struct segment_index *x)
{
    return segment_index_graphed(x) == 0 || segment_index_features(x) & INDEX_APPENDS;
}

bool segment_is_small(const struct segment *s)
{
    return s->state == SEGMENT_GROWING && is_scanned(s->vectors[0].index) &&
           segment_rows_are_small(s->rows.count, s->vectors[0].values.at.stride) &&
           s->payloads.arena.used <= SCANNED_BYTES && s->tombstones.count <= TOMBSTONES_FEW;
}

uint32_t segment_backlog(const struct segment *s)
{
    const bool none = s->state == SEGMENT_SEALED || segment_is_small(s);
    return none ? 0 : segment_index_waiting(s->vectors[0].index, s->rows.count);
}
