/* stores.h -- stores side by side, as the reactors of a server have them, and a model beside them:
 * a plain array of what was acknowledged. What src/actors does with messages is done with calls. */
#pragma once

#include "../reactor/world.h"
#include "shards/manifest/manifest_log.h"
#include "shards/shard.h"

#define DIM    8
#define IDS    400
#define STORES 4

struct reactor_hooks {
    struct server *server;
    unsigned reactor;
};

struct server {
    unsigned reactors;
    struct file *lock;
    struct manifest manifest;
    struct manifest_log log;
    struct semaphore writing; /* one manifest is written at a time */
    uint64_t commits;
    int commit_fails; /* errno of every commit; 0: they do not */
    struct store *stores[STORES];
    struct reactor_hooks hooks[STORES];
    /* NULL: nothing is to happen then */
    void (*before_call)(struct server *s, store_call_fn fn, void *call);
    float tolerance; /* of distances that are not exact; 0: those of rounding */
};

struct truth {
    bool there;
    float vector[DIM];
    char payload[24];
};

struct store_hooks hooks_of(struct server *s, unsigned reactor);
void server_open(struct server *s, unsigned reactors);
/* The two halves of that: what is clean can be read in between. */
void server_open_segments(struct server *s, unsigned reactors);
void server_replay(struct server *s);
/* And compares in between, if the collection is clean, which is returned, and in the end. */
bool server_open_looking(struct server *s, unsigned reactors, const struct collection_config *c,
                         const struct truth *truth);
void server_close(struct server *s);
struct collection_config create(struct server *s); /* or what is there already */
void create_as(struct server *s, struct collection_config *c);
struct collection_config create_indexed(struct server *s, const struct index_options *index);

struct point_id id_of(uint32_t n);
struct shard *owner(struct server *s, const struct collection_config *c, struct point_id id);
void upsert(struct server *s, const struct collection_config *c, struct truth *truth, uint32_t n);
void erase(struct server *s, const struct collection_config *c, struct truth *truth, uint32_t n);

/* Everything the stores have must be what the model says: points, counts, searches. */
void compare(struct server *s, const struct collection_config *c, const struct truth *truth);
/* All background work of store_work(). */
void work(struct server *s);

/* Background work of all stores, in a fiber of its own, until it is stopped. */
struct compaction {
    struct server *server;
    bool stop, ended;
    uint64_t merges;
};
void compaction_start(struct compaction *t, struct server *s);
void compaction_stop(struct compaction *t);
