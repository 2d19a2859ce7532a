/* router_internal.h -- what the router's files share. */
#pragma once

#include "actors/core.h"
#include "actors/router/router.h"
#include "actors/shard_actor.h"

/* Returns 0, or writes the sentence of a server that does not serve requests now. */
MUST_USE int router_check_serving(struct request *rq, const char *what);
/* As request_error(), for a request to one collection. If the collection was found damaged, the
 * sentence names the damage. */
int router_error(struct request *rq, uint64_t collection, int rc, const char *what);
/* Enter a collection by its name. NULL: the sentence is set. The second function also enters a
 * clean collection while the server starts. */
struct collection_entry *router_enter(struct request *rq, const char *name);
struct collection_entry *router_enter_to_read(struct request *rq, const char *name);

/* Calls an actor of the catalog. When too many requests wait there already, it
 * refuses with a sentence. */
MUST_USE int router_call_catalog(struct request *rq, struct message *m, enum actor_id actor, uint32_t type);

/* Sends one message to each reactor, with rq's context, and waits for all. `here` gets the core,
 * and does the own reactor's part. */
MUST_USE int router_scatter(struct request *rq, void *messages, size_t size, enum actor_id actor, uint32_t type,
                            int (*here)(void *core, struct message *m));

static inline unsigned router_owner(const struct collection_config *config, struct point_id id, unsigned reactors)
{
    return slot_owner(collection_slot(config, point_id_hash(id)), reactors);
}

/* Rows of a loop between two checkpoints. */
#define ROUTER_STEPS 1024

/* Waits until no other request of this core checks files, then reserves that right.
 * Fails with a sentence. */
MUST_USE int router_verify_begin(struct request *rq, const char *what);
void router_verify_end(struct request *rq);

/* Which points belong to which reactor: order[first[r] .. first[r + 1]) are the indexes of r's
 * points, in their order. */
struct router_split {
    uint32_t *order, *first;
};
/* Copies a config into rq's arenas, with the first `fields` fields of its schema, so that it
 * stays valid across waits. -ENOMEM. */
MUST_USE int router_copy_config(struct request *rq, const struct collection_config *from, size_t fields,
                                struct collection_config *ret);
MUST_USE int router_split_ids(struct request *rq, const struct collection_config *config, const struct point_id *ids,
                              uint32_t count, struct router_split *ret);

/* The answers of all reactors that were asked. */
struct router_parts {
    struct shard_search_message *items;
    unsigned count;
};
/* Searches here, and asks other reactors for rows that only they have, or to search the segments
 * that they own. said_ns: the cost of one query by the indexes; 0: as recent searches. Waits. */
MUST_USE int router_ask(struct request *rq, struct collection_entry *e, const struct query *q, uint32_t count,
                        uint64_t said_ns, struct router_parts *ret);

/* Fills in vectors and payloads of points. Points that are gone are taken out of the answer,
 * with their scores and counts. */
MUST_USE int router_fetch(struct request *rq, const struct collection_config *config, struct selection select,
                          struct answer *points);
