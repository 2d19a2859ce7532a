/* stores.h -- several stores side by side, as the reactors of a server have them, and a model: a
 * plain array of the acknowledged points. Where src/actors sends messages, these stores call each
 * other. */
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
    int commit_fails; /* the errno with which every commit fails; 0: commits succeed */
    struct store *stores[STORES];
    struct reactor_hooks hooks[STORES];
    /* called before each call from one store to another; may be NULL */
    void (*before_call)(struct server *s, store_call_fn fn, void *call);
    float tolerance; /* error of approximate distances; 0: only rounding */
};

struct truth {
    bool there;
    float vector[DIM];
    char payload[24];
};

struct store_hooks hooks_of(struct server *s, unsigned reactor);
void server_open(struct server *s, unsigned reactors);
/* The two halves of server_open(). Clean collections can be read between them. */
void server_open_segments(struct server *s, unsigned reactors);
void server_replay(struct server *s);
/* Opens the stores and compares the collection with the model: between the halves if it is clean,
 * and at the end. Returns whether it is clean. */
bool server_open_looking(struct server *s, unsigned reactors, const struct collection_config *c,
                         const struct truth *truth);
void server_close(struct server *s);
struct collection_config create(struct server *s); /* or returns the collection that exists */
void create_as(struct server *s, struct collection_config *c);
struct collection_config create_indexed(struct server *s, const struct index_options *index);

struct point_id id_of(uint32_t n);
struct shard *owner(struct server *s, const struct collection_config *c, struct point_id id);
void upsert(struct server *s, const struct collection_config *c, struct truth *truth, uint32_t n);
void erase(struct server *s, const struct collection_config *c, struct truth *truth, uint32_t n);

/* Points, counts and searches of all stores must agree with the model. */
void compare(struct server *s, const struct collection_config *c, const struct truth *truth);
/* Calls store_work() until no background work is left. */
void work(struct server *s);

/* Background work of all stores, in a separate fiber, until it is stopped. */
struct compaction {
    struct server *server;
    bool stop, ended;
    uint64_t merges;
};
void compaction_start(struct compaction *t, struct server *s);
void compaction_stop(struct compaction *t);
