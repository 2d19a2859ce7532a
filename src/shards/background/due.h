/* due.h -- which shards a step of background work has to look at: those in which something changed
 * since that step had nothing to do there. So an idle collection costs the background nothing.
 *
 * A step takes a shard from its list before it works on it, so that whatever changes meanwhile puts
 * the shard back, and puts it back itself when it is not done. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct shard;
struct store;

enum due {
    DUE_WORK,    /* store_work(): graphs, sealing, sharing */
    DUE_PREPARE, /* store_prepare(): codes and lists */
    DUE_MERGE,   /* store_maintain() */
    DUE_CLEAN,   /* store_clean() */
    DUE_MEMORY,  /* its memory is counted anew */
    DUE_KINDS
};

struct due_link {
    struct shard *previous, *next;
    bool queued;
};

struct due_list {
    struct shard *first, *last;
    uint32_t count;
};

void due_add(struct shard *s, enum due kind);
void due_remove(struct shard *s, enum due kind); /* nothing happens when it is not there */
/* The shard that has waited longest; NULL: none. */
struct shard *due_pop(struct store *store, enum due kind);

/* Something in the shard changed: it is due for every step, and the background is woken. */
void shard_changed(struct shard *s);
/* Likewise for all shards of a store, when what changed concerns them all. */
void store_changed(struct store *store);
