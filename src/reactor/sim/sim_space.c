/* sim_space.c -- the free space of the simulated disk.
 *
 * FAULT_DISK_FULL takes all space that is free at one moment. Space that is freed later can be used
 * again. */
#include "reactor/sim/sim_disk.h"

#define ENDLESS        ((uint64_t)1 << 40)
#define MS             ((uint64_t)1000000)
#define FULL_DOUBLINGS 13 /* FAULT_DISK_FULL lasts 1 ms to 4 s */

void sim_disk_links(struct sim *s, bool there)
{
    s->disk->no_links = !there;
}

void sim_disk_limit(struct sim *s, uint64_t bytes)
{
    s->disk->limit = bytes;
}

static uint64_t used(struct sim_disk *d)
{
    if (d->used_known)
        return d->used;
    sim_mark(d, false);
    d->used = 0;
    for (const struct node *n = d->nodes; n; n = n->next)
        if (n->mark == d->mark)
            d->used += n->sectors * SECTOR;
    d->used_known = true;
    return d->used;
}

uint64_t sim_free_bytes(struct sim *s)
{
    struct sim_disk *d = s->disk;
    if (s->now_ns >= d->taken_until_ns)
        d->taken = 0;
    uint64_t size = d->limit ? d->limit : ENDLESS, gone = used(d) + d->taken;
    return size > gone ? size - gone : 0;
}

size_t sim_room_for(struct sim_backend *b, const struct node *n, const struct op *op)
{
    size_t end = (size_t)op->offset + op->size, left = 0, had = n->capacity / SECTOR;
    bool grows = false;
    for (size_t sector = (size_t)op->offset / SECTOR; sector * SECTOR < end; sector++) {
        if (sector < had && n->allocated[sector])
            continue;
        if (!grows) {
            struct sim_disk *d = b->sim->disk;
            if (sim_fault_at(b, FAULT_DISK_FULL, op)) {
                d->taken += sim_free_bytes(b->sim);
                d->taken_until_ns = b->sim->now_ns + (MS << sim_fault_below(b->sim, FAULT_DISK_FULL, FULL_DOUBLINGS));
            }
            left = (size_t)(sim_free_bytes(b->sim) / SECTOR);
            grows = true;
        }
        if (left-- == 0)
            return sector * SECTOR > op->offset ? sector * SECTOR - (size_t)op->offset : 0;
    }
    return op->size;
}

void sim_disk_calm(struct sim_disk *d)
{
    d->taken = d->taken_until_ns = d->slow_until_ns = 0;
}
