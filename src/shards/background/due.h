/* due.h -- which shards a step of background work has to look at: those that changed after the step
 * last found nothing to do there. So an idle collection costs no time.
 *
 * A step takes a shard off its list before it works on it. A change meanwhile puts the shard back.
 * The step puts it back itself when there is more to do. */
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
    DUE_MEMORY,  /* memory_refresh() */
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
/* does nothing when the shard is not in the list */
void due_remove(struct shard *s, enum due kind);
/* Takes out the shard that has waited longest; NULL: the list is empty. */
struct shard *due_pop(struct store *store, enum due kind);

/* Notes a change in the shard: puts it on all lists, and wakes the background. */
void shard_changed(struct shard *s);
/* The same for all shards of a store, after a change that concerns them all. */
void store_changed(struct store *store);
