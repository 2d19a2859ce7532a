/* sim_disk.c -- the operations of the simulated disk, their latency, and their faults.
 *
 * An operation takes effect at once or at a later moment before it is done. So two operations under
 * way take effect in either order. A flush that is submitted before a write is done need not cover
 * that write. */
#include "reactor/sim/sim_disk.h"
#include "reactor/mapping_guard.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS              ((uint64_t)1000000)
#define SLOW_NS_MAX     (500 * MS)
#define SLOW_FACTOR_MIN 10
#define SLOW_FACTOR_MAX 1000
#define PAGE            ((size_t)4096)

struct sim_disk *sim_disk_create(void)
{
    struct sim_disk *d = calloc(1, sizeof(*d));
    if (d)
        d->root = sim_node_create(d, true);
    return d;
}

void sim_disk_destroy(struct sim_disk *d)
{
    while (d && d->nodes) {
        struct node *n = d->nodes;
        d->nodes = n->next;
        sim_node_destroy(n);
    }
    if (d)
        free(d->open);
    if (d)
        free(d->views);
    free(d);
}

/* -- contents -- */

static void write_bytes(struct sim_disk *d, struct node *n, uint64_t offset, const void *bytes, size_t size)
{
    size_t end = (size_t)offset + size;
    uint64_t number = ++d->writes;
    if (size == 0)
        return;
    sim_node_reserve(n, end);
    memcpy(n->now + offset, bytes, size);
    if (end > n->size)
        n->size = end;
    for (size_t sector = (size_t)offset / SECTOR; sector <= (end - 1) / SECTOR; sector++) {
        n->dirty[sector] = number;
        if (!n->allocated[sector]) {
            n->allocated[sector] = true;
            n->sectors++;
            d->used += SECTOR;
        }
    }
}

/* Writes each sector of op with probability 1/2, for a failed write. */
static void write_some(struct sim *s, struct node *n, const struct op *op, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0, piece; at < size; at += piece) {
        piece = SECTOR - (size_t)(op->offset + at) % SECTOR;
        piece = piece < size - at ? piece : size - at;
        if (sim_fault_below(s, FAULT_WRITE_ERROR, 2))
            write_bytes(s->disk, n, op->offset + at, bytes + at, piece);
    }
}

/* Picks another sector of this file or of another open one. The offset within the sector stays. */
static struct node *misdirect(struct sim *s, struct node *n, uint64_t *ret_offset)
{
    const struct sim_disk *d = s->disk;
    struct node *to = n;
    size_t i = (size_t)sim_fault_below(s, FAULT_MISDIRECTED_WRITE, 2 * d->open_count);
    if (i < d->open_count && d->open[i].node && !d->open[i].node->directory)
        to = d->open[i].node;
    uint64_t sectors = to->size / SECTOR + 1, in_sector = *ret_offset % SECTOR;
    uint64_t offset = sim_fault_below(s, FAULT_MISDIRECTED_WRITE, sectors) * SECTOR + in_sector;
    if (to == n && offset == *ret_offset)
        offset = offset >= SECTOR ? offset - SECTOR : offset + SECTOR;
    *ret_offset = offset;
    return to;
}

/* The bytes of a write in one piece: those of op itself, or its slices copied together, which the
 * caller frees. They are read when the write takes effect, not when it was submitted. So the
 * simulator finds a buffer that is freed or changed too early. */
static uint8_t *gather(const struct op *op)
{
    if (!op->iov_count)
        return op->bytes;
    uint8_t *bytes = malloc(op->size + 1);
    size_t size = 0;
    check(bytes);
    for (unsigned i = 0; i < op->iov_count; i++) {
        check(op->iov[i].iov_len <= op->size - size);
        memcpy(bytes + size, op->iov[i].iov_base, op->iov[i].iov_len);
        size += op->iov[i].iov_len;
    }
    check(size == op->size);
    return bytes;
}

static int64_t write_gathered(struct sim_backend *b, struct node *n, struct op *op, const uint8_t *bytes, size_t size)
{
    struct sim *s = b->sim;
    uint64_t offset = op->offset;
    if (sim_fault_at(b, FAULT_WRITE_ERROR, op)) {
        write_some(s, n, op, bytes, size);
        return -EIO;
    }
    if (size > 1 && sim_fault_at(b, FAULT_SHORT_WRITE, op))
        size = 1 + (size_t)sim_fault_below(s, FAULT_SHORT_WRITE, size - 1);
    if (sim_fault_at(b, FAULT_MISDIRECTED_WRITE, op))
        n = misdirect(s, n, &offset);
    write_bytes(s->disk, n, offset, bytes, size);
    return (int64_t)size;
}

static int64_t do_write(struct sim_backend *b, struct node *n, struct op *op)
{
    size_t size = sim_room_for(b, n, op);
    if (op->size && !size)
        return -ENOSPC;
    uint8_t *bytes = gather(op);
    int64_t written = write_gathered(b, n, op, bytes, size);
    if (op->iov_count)
        free(bytes);
    return written;
}

/* Marks the cut-off sectors as written, because they read as zeros if the file grows again, also
 * after a flush and a power cut. */
static int64_t do_truncate(struct sim_disk *d, struct node *n, uint64_t size)
{
    sim_node_reserve(n, (size_t)size);
    if (size < n->size) {
        uint64_t number = ++d->writes;
        memset(n->now + size, 0, n->size - (size_t)size);
        for (size_t sector = (size_t)size / SECTOR; sector <= (n->size - 1) / SECTOR; sector++) {
            n->dirty[sector] = number;
            if (sector * SECTOR >= size && n->allocated[sector]) {
                n->allocated[sector] = false;
                n->sectors--;
                d->used_known = false;
            }
        }
    }
    n->size = (size_t)size;
    return 0;
}

static int64_t do_read(struct node *n, struct op *op)
{
    if (op->offset >= n->size)
        return 0;
    size_t left = n->size - (size_t)op->offset, size = op->size < left ? op->size : left;
    memcpy(op->bytes, n->now + op->offset, size);
    return (int64_t)size;
}

/* -- views -- */

static int64_t do_map(struct sim_disk *d, struct node *n, struct op *op)
{
    op->size = n->size;
    op->bytes = NULL;
    if (!n->size)
        return 0;
    op->bytes = aligned_alloc(PAGE, (n->size + PAGE - 1) & ~(PAGE - 1));
    d->views = realloc(d->views, (d->view_count + 1) * sizeof(*d->views));
    check(op->bytes && d->views);
    memcpy(op->bytes, n->now, n->size);
    d->views[d->view_count++] = (struct sim_view){op->bytes, n->size};
    return 0;
}

void sim_disk_unmap(struct sim *s, const void *bytes)
{
    struct sim_disk *d = s->disk;
    for (size_t i = 0; i < d->view_count; i++)
        if (d->views[i].bytes == bytes) {
            memmove(&d->views[i], &d->views[i + 1], (--d->view_count - i) * sizeof(*d->views));
            break;
        }
    free((void *)(uintptr_t)bytes);
}

void sim_disk_lose_page(struct sim_backend *b)
{
    struct sim *s = b->sim;
    const struct sim_disk *d = s->disk;
    if (!sim_fault_draw(s, FAULT_LOST_PAGE) || d->view_count == 0)
        return;
    const struct sim_view *v = &d->views[sim_fault_below(s, FAULT_LOST_PAGE, d->view_count)];
    size_t at = (size_t)sim_fault_below(s, FAULT_LOST_PAGE, (v->size + PAGE - 1) / PAGE) * PAGE;
    if (!mapping_guard_lose(v->bytes + at)) /* the mapping has no guard yet */
        return;
    memset(v->bytes + at, 0, v->size - at < PAGE ? v->size - at : PAGE);
    sim_fault_count(s, FAULT_LOST_PAGE);
    sim_trace(s, b->id, "lost page at", at, v->size);
}

/* Sectors that a failed flush lost were still readable from the cache; now they are not. Dirty
 * sectors stay, as if just written again. */
static int64_t drop_cache(struct node *n)
{
    for (size_t sector = 0; sector < n->capacity / SECTOR; sector++)
        if (!n->dirty[sector])
            memcpy(n->now + sector * SECTOR, n->durable + sector * SECTOR, SECTOR);
    return 0;
}

/* -- handles -- */

static int64_t open_node(struct sim_disk *d, struct node *n, const char *path)
{
    size_t i = 0;
    while (i < d->open_count && d->open[i].node)
        i++;
    if (i == d->open_count) {
        d->open = realloc(d->open, ++d->open_count * sizeof(*d->open));
        check(d->open);
    }
    d->open[i].node = n;
    snprintf(d->open[i].path, sizeof(d->open[i].path), "%s", path);
    return (int64_t)i;
}

const char *sim_disk_path(const struct sim *s, handle_t handle)
{
    return (size_t)handle < s->disk->open_count ? s->disk->open[handle].path : "?";
}

static int64_t do_open(struct sim_backend *b, struct op *op)
{
    struct sim_disk *d = b->sim->disk;
    struct node *dir;
    char last[NAME_BYTES];
    int rc = sim_walk(d, op->path, &dir, last);
    if (rc < 0)
        return rc;
    struct name *is = last[0] ? sim_table_find(&dir->names, last) : NULL;
    struct node *n = last[0] ? (is ? is->node : NULL) : dir;
    if (op->flags & OPEN_DIRECTORY)
        return !n ? -ENOENT : !n->directory ? -ENOTDIR : open_node(d, n, op->path);
    if (n && n->directory)
        return -EISDIR;
    if (n && (op->flags & FILE_EXCLUSIVE))
        return -EEXIST;
    if (!n && !(op->flags & (FILE_CREATE | FILE_EXCLUSIVE)))
        return -ENOENT;
    if ((!n || (op->flags & FILE_TRUNCATE)) && sim_fault_at(b, FAULT_WRITE_ERROR, op))
        return -EIO;
    if (!n) {
        n = sim_node_create(d, false);
        sim_table_put(&dir->names, last, n);
    } else if (op->flags & FILE_TRUNCATE) {
        do_truncate(d, n, 0);
    }
    return open_node(d, n, op->path);
}

static int64_t do_close(struct sim_disk *d, struct op *op)
{
    struct node *n = d->open[op->handle].node;
    d->open[op->handle].node = NULL;
    d->used_known = false; /* this may have been the last handle of a removed file */
    if (n->locked_by == op->handle)
        n->locked_by = -1;
    return 0;
}

static int64_t do_lock(struct node *n, int64_t handle)
{
    if (n->locked_by >= 0 && n->locked_by != handle)
        return -EWOULDBLOCK;
    n->locked_by = handle;
    return 0;
}

/* -- all of them -- */

static int64_t change_names(struct sim_backend *b, struct op *op)
{
    struct sim_disk *d = b->sim->disk;
    if (sim_fault_at(b, FAULT_WRITE_ERROR, op))
        return -EIO;
    d->used_known = false;
    switch (op->kind) {
    case OP_RENAME: return sim_do_rename(d, op);
    case OP_LINK: return sim_do_link(d, op);
    case OP_REMOVE: return sim_do_remove(d, op, false);
    case OP_RMDIR: return sim_do_remove(d, op, true);
    default: return sim_do_mkdir(d, op);
    }
}

static int64_t look_up(struct sim_backend *b, struct op *op)
{
    int rc;
    struct node *n = sim_lookup(b->sim->disk, op->path, &rc);
    if (!n)
        return rc;
    if (op->kind == OP_SPACE)
        return (int64_t)sim_free_bytes(b->sim);
    if (op->kind == OP_DROP_CACHE)
        return drop_cache(n);
    if (sim_fault_at(b, FAULT_READ_ERROR, op))
        return -EIO;
    if (sim_fault_at(b, FAULT_NO_MEMORY, op))
        return -ENOMEM;
    return op->kind == OP_LIST ? sim_do_list(n, op) : do_map(b->sim->disk, n, op);
}

static int64_t run(struct sim_backend *b, struct op *op)
{
    struct sim_disk *d = b->sim->disk;
    switch (op->kind) {
    case OP_OPEN: return do_open(b, op);
    case OP_RENAME:
    case OP_LINK:
    case OP_REMOVE:
    case OP_RMDIR:
    case OP_MKDIR: return change_names(b, op);
    case OP_LIST:
    case OP_MAP:
    case OP_DROP_CACHE:
    case OP_SPACE: return look_up(b, op);
    default: break;
    }
    struct node *n = d->open[op->handle].node;
    check(n);
    switch (op->kind) {
    case OP_CLOSE: return do_close(d, op);
    case OP_READ: return sim_fault_at(b, FAULT_READ_ERROR, op) ? -EIO : do_read(n, op);
    case OP_WRITE: return do_write(b, n, op);
    case OP_SIZE: return (int64_t)n->size;
    case OP_TRUNCATE: return sim_fault_at(b, FAULT_WRITE_ERROR, op) ? -EIO : do_truncate(d, n, op->size);
    /* takes time only; flushes and power cuts decide which data lasts */
    case OP_WRITE_BACK: return 0;
    case OP_LOCK: return do_lock(n, op->handle);
    default: check(!"an operation on files"); return -ENOSYS;
    }
}

/* -- time -- */

static uint64_t slowness(struct sim_backend *b, const struct op *op)
{
    struct sim *s = b->sim;
    struct sim_disk *d = s->disk;
    if (s->now_ns < d->slow_until_ns)
        return d->slow_factor;
    if (!sim_fault_at(b, FAULT_SLOW_DISK, op))
        return 1;
    uint64_t factor = SLOW_FACTOR_MIN + sim_fault_below(s, FAULT_SLOW_DISK, SLOW_FACTOR_MAX - SLOW_FACTOR_MIN + 1);
    if (sim_fault_below(s, FAULT_SLOW_DISK, 4) == 0) {
        d->slow_factor = factor;
        d->slow_until_ns = s->now_ns + sim_fault_below(s, FAULT_SLOW_DISK, SLOW_NS_MAX);
    }
    return factor;
}

static uint64_t latency(struct sim_backend *b, const struct op *op)
{
    struct sim *s = b->sim;
    uint64_t us = op->kind == OP_FLUSH ? 100 + sim_below(&s->disk_timing, 4000) : 1 + sim_below(&s->disk_timing, 100);
    uint64_t disk = slowness(b, op), fiber = sim_slowness_of_fiber(b);
    /* the product of both would exceed every deadline */
    return (us * 1000 + op->size / 4) * (disk > fiber ? disk : fiber);
}

static void happen_run(struct sim *s, struct sim_event *e)
{
    sim_complete(e->backend, e->object, run(e->backend, e->object), e->value);
}

void sim_disk_submit(struct sim_backend *b, struct op *op)
{
    struct sim *s = b->sim;
    uint64_t delay_ns = latency(b, op);
    if (op->kind == OP_FLUSH) {
        sim_flush_submit(b, s->disk->open[op->handle].node, op, delay_ns);
        return;
    }
    uint64_t effect_ns = sim_below(&s->disk_timing, 2) ? sim_below(&s->disk_timing, delay_ns) : 0;
    struct sim_event e = {.happen = happen_run, .backend = b, .object = op, .value = delay_ns - effect_ns};
    if (effect_ns)
        sim_schedule(s, effect_ns, e);
    else
        happen_run(s, &e);
}
