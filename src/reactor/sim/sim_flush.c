/* sim_flush.c -- durability: flushes, power cuts, and bit rot. */
#include "reactor/sim/sim_disk.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* -- flushes: data written before the submission is durable at the completion -- */

struct flush {
    struct op *op;
    struct node *node;
    uint64_t number;
    size_t size;
    struct table names;
    size_t count;
    struct {
        size_t sector;
        uint64_t write;
        uint8_t bytes[SECTOR];
    } sectors[];
};

static struct flush *flush_begin(struct sim_disk *d, struct node *n, struct op *op)
{
    size_t count = 0, sectors = n->capacity / SECTOR;
    for (size_t i = 0; i < sectors; i++)
        count += n->dirty[i] != 0;
    struct flush *f = calloc(1, sizeof(*f) + count * sizeof(f->sectors[0]));
    check(f);
    f->op = op;
    f->node = n;
    f->number = ++d->flushes;
    f->size = n->size;
    if (n->directory)
        sim_table_copy(&f->names, &n->names);
    for (size_t i = 0; i < sectors; i++)
        if (n->dirty[i]) {
            f->sectors[f->count].sector = i;
            f->sectors[f->count].write = n->dirty[i];
            memcpy(f->sectors[f->count++].bytes, n->now + i * SECTOR, SECTOR);
        }
    return f;
}

static void flush_take_effect(struct flush *f)
{
    struct node *n = f->node;
    /* a flush that was submitted later completed earlier, and covered all of this one */
    if (f->number < n->flushed)
        return;
    n->flushed = f->number;
    for (size_t i = 0; i < f->count; i++) {
        size_t sector = f->sectors[i].sector;
        memcpy(n->durable + sector * SECTOR, f->sectors[i].bytes, SECTOR);
        if (n->dirty[sector] == f->sectors[i].write)
            n->dirty[sector] = 0;
    }
    n->durable_size = f->size;
    if (n->directory)
        sim_table_copy(&n->durable_names, &f->names);
}

/* As on Linux: sectors that could not be written become clean, so no later flush writes them again,
 * and each may be durable or lost. The names of a directory stay to be flushed. */
static void flush_fail(struct sim *s, struct flush *f)
{
    struct node *n = f->node;
    if (f->number < n->flushed)
        return;
    for (size_t i = 0; i < f->count; i++) {
        size_t sector = f->sectors[i].sector;
        if (sim_fault_below(s, FAULT_FLUSH_ERROR, 2))
            memcpy(n->durable + sector * SECTOR, f->sectors[i].bytes, SECTOR);
        if (n->dirty[sector] == f->sectors[i].write)
            n->dirty[sector] = 0;
    }
    if (sim_fault_below(s, FAULT_FLUSH_ERROR, 2))
        n->durable_size = f->size;
    if (n->directory && sim_fault_below(s, FAULT_FLUSH_ERROR, 2))
        sim_table_copy(&n->durable_names, &f->names);
}

static void happen_flushed(struct sim *s, struct sim_event *e)
{
    struct flush *f = e->object;
    if (sim_fault_at(e->backend, FAULT_FLUSH_ERROR, f->op)) {
        flush_fail(s, f);
        f->op->result = -EIO;
    } else {
        flush_take_effect(f);
        f->op->result = 0;
    }
    sim_trace_op(s, e->backend->id, "done", f->op, (uint64_t)f->op->result);
    op_list_push(&e->backend->due, f->op);
    free(f->names.names);
    free(f);
}

/* Frees a flush that was under way when the process ended; it never takes effect. */
void sim_disk_forget(struct sim_event *e)
{
    if (e->happen != happen_flushed)
        return;
    struct flush *f = e->object;
    free(f->names.names);
    free(f);
}

void sim_flush_submit(struct sim_backend *b, struct node *n, struct op *op, uint64_t delay_ns)
{
    sim_schedule(
        b->sim, delay_ns,
        (struct sim_event){.happen = happen_flushed, .backend = b, .object = flush_begin(b->sim->disk, n, op)});
}

/* -- rot -- */

struct rot {
    struct node **files;
    size_t count;
    uint64_t bytes;
};

static uint64_t durable_bytes(const struct node *n)
{
    return n->durable_size < n->size ? n->durable_size : n->size;
}

static void rot_add(struct node *n, void *arg)
{
    struct rot *r = arg;
    r->files = realloc(r->files, (r->count + 1) * sizeof(*r->files));
    check(r->files);
    r->files[r->count++] = n;
    r->bytes += durable_bytes(n);
}

/* False: the byte has not been flushed. */
static bool flip(struct node *n, uint64_t byte, unsigned bit)
{
    if (n->dirty[byte / SECTOR])
        return false;
    n->durable[byte] ^= (uint8_t)(1u << bit);
    n->now[byte] ^= (uint8_t)(1u << bit);
    return true;
}

static bool rot_one(struct sim *s, const struct rot *r)
{
    uint64_t byte = sim_fault_below(s, FAULT_BIT_ROT, r->bytes);
    size_t i = 0;
    while (byte >= durable_bytes(r->files[i]))
        byte -= durable_bytes(r->files[i++]);
    if (!flip(r->files[i], byte, (unsigned)sim_fault_below(s, FAULT_BIT_ROT, 8)))
        return false;
    sim_fault_count(s, FAULT_BIT_ROT);
    sim_trace(s, 0, "bit rot in file, at", r->files[i]->id, byte);
    return true;
}

uint64_t sim_rot(struct sim *s, const char *path_prefix, unsigned bits)
{
    struct rot r = {0};
    uint64_t flipped = 0;
    sim_each_file(s->disk, path_prefix, rot_add, &r);
    for (unsigned tries = 0; r.bytes && flipped < bits && tries < 16 * bits; tries++)
        flipped += rot_one(s, &r);
    free(r.files);
    return flipped;
}

static void rot_with_time(struct sim *s, struct node *n)
{
    struct rot r = {0};
    if (n->durable_size && sim_fault_draw(s, FAULT_BIT_ROT)) {
        rot_add(n, &r);
        (void)rot_one(s, &r);
        free(r.files);
    }
}

/* -- ends -- */

void sim_disk_process_end(struct sim *s)
{
    for (struct node *n = s->disk->nodes; n; n = n->next)
        n->locked_by = -1;
    s->disk->open_count = s->disk->view_count = 0;
    sim_mark(s->disk, true);
    for (struct node **at = &s->disk->nodes; *at;) {
        struct node *n = *at;
        if (n->mark == s->disk->mark) {
            at = &n->next;
            continue;
        }
        *at = n->next; /* no name leads to it any more */
        sim_node_destroy(n);
    }
    s->disk->used_known = false;
}

/* Counts allocated sectors after a power cut: a sector of zeros that was never written takes no
 * space. */
static void count_sectors(struct node *n)
{
    static const uint8_t hole[SECTOR];
    n->sectors = 0;
    for (size_t sector = 0; sector < n->capacity / SECTOR; sector++) {
        bool written = n->allocated[sector] || memcmp(n->now + sector * SECTOR, hole, SECTOR) != 0;
        n->allocated[sector] = written && sector * SECTOR < n->size;
        n->sectors += n->allocated[sector];
    }
}

static void cut_file(struct sim *s, struct node *n)
{
    size_t keep_size = sim_below(&s->crash, 2) ? n->size : n->durable_size;
    for (size_t sector = 0; sector < n->capacity / SECTOR; sector++) {
        if (n->dirty[sector] && sim_below(&s->crash, 2))
            memcpy(n->durable + sector * SECTOR, n->now + sector * SECTOR, SECTOR);
        n->dirty[sector] = 0;
    }
    n->size = n->durable_size = keep_size;
    if (n->capacity) {
        memset(n->durable + keep_size, 0, n->capacity - keep_size);
        memcpy(n->now, n->durable, n->capacity);
    }
    count_sectors(n);
    rot_with_time(s, n);
}

void sim_disk_power_cut(struct sim *s)
{
    for (struct node *n = s->disk->nodes; n; n = n->next) {
        if (!n->directory) {
            cut_file(s, n);
        } else if (sim_below(&s->crash, 2)) {
            sim_table_copy(&n->durable_names, &n->names);
        } else {
            sim_table_copy(&n->names, &n->durable_names);
        }
    }
}
