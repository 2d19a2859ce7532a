/* router_internal.h -- what the router's files share. */
#pragma once

#include "actors/core.h"
#include "actors/router/router.h"
#include "actors/shard_actor.h"

/* 0, or the sentence of a server that takes no requests now. */
MUST_USE int router_check_serving(struct request *rq, const char *what);
/* request_error() of a request to one collection: of damage that was just found, the sentence that
 * names it. */
int router_error(struct request *rq, uint64_t collection, int rc, const char *what);
/* Enters the named collection, or NULL with the sentence set. To read it: while the server starts,
 * too, if it is clean. */
struct collection_entry *router_enter(struct request *rq, const char *name);
struct collection_entry *router_enter_to_read(struct request *rq, const char *name);

/* message_call() to an actor of the catalog, or a refusal with its sentence when too many wait
 * there already. */
MUST_USE int router_call_catalog(struct request *rq, struct message *m, enum actor_id actor, uint32_t type);

/* message_scatter() of one message a reactor, which shall end when rq does; `here` gets the core,
 * and does the own reactor's part. */
MUST_USE int router_scatter(struct request *rq, void *messages, size_t size, enum actor_id actor, uint32_t type,
                            int (*here)(void *core, struct message *m));

static inline unsigned router_owner(const struct collection_config *config, struct point_id id, unsigned reactors)
{
    return slot_owner(collection_slot(config, point_id_hash(id)), reactors);
}

/* Rows of a loop without waits between two looks at the clock. */
#define ROUTER_STEPS 1024

/* Waits until no other request of this core checks files, and takes the turn. Or an error with its
 * sentence. */
MUST_USE int router_verify_begin(struct request *rq, const char *what);
void router_verify_end(struct request *rq);

/* Which points go to which reactor: order[first[r] .. first[r + 1]) are the indexes of r's, in
 * their order. */
struct router_split {
    uint32_t *order, *first;
};
/* A copy in rq's arenas that outlives waits, with the first `fields` fields of its schema.
 * -ENOMEM. */
MUST_USE int router_copy_config(struct request *rq, const struct collection_config *from, size_t fields,
                                struct collection_config *ret);
MUST_USE int router_split_ids(struct request *rq, const struct collection_config *config, const struct point_id *ids,
                              uint32_t count, struct router_split *ret);

/* What each reactor found, all of it together. */
struct router_parts {
    struct shard_search_message *items;
    unsigned count;
};
/* Searches here, and asks the other reactors for what is only there, or to take their share.
 * Waits. */
MUST_USE int router_ask(struct request *rq, struct collection_entry *e, const struct query *q, uint32_t count,
                        struct router_parts *ret);

/* Fills in vectors and payloads of points; ids that are gone are taken out of the answer, with
 * their scores and counts. */
MUST_USE int router_fetch(struct request *rq, const struct collection_config *config, struct selection select,
                          struct router_points *points);
