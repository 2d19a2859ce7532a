/* addresses.h -- the actors of a server, their reactors, and the order of their messages. Every
 * reactor has one actor of each kind, but for the last three, which only reactor 0 has. */
#pragma once

#include "actors/order.h"
#include "reactor/message.h"

enum actor_id {
    ACTOR_WORKERS = 1, /* does shares of the builds of others: workers.c */
    ACTOR_NOTICE,      /* receives notices of events and never waits: core_notice.c */
    ACTOR_STEP,        /* takes part in steps of the stores of other reactors: core_notice.c */
    ACTOR_ASK,         /* measures: core_notice.c */
    ACTOR_SEARCH,      /* reads from the shards of its reactor: shard_actor.c */
    ACTOR_WRITE,       /* writes to the shards of its reactor: shard_actor.c */
    ACTOR_MAINTAIN,    /* seals and compacts on request: shard_actor.c */
    ACTOR_CONTROL,     /* opens stores; creates and drops collections: core_control.c */
    ACTOR_SERVER,      /* starts and ends the work for clients: core_life.c */
    ACTOR_COMMIT,      /* changes the manifest for stores: catalog.c */
    ACTOR_CATALOG,     /* changes collections and settings: catalog.c */
    ACTOR_SNAPSHOT,    /* makes, removes and restores snapshots: catalog_snapshot.c */
    ACTOR_IDS
};

static inline enum order order_of(enum actor_id actor)
{
    static const uint8_t orders[ACTOR_IDS] = {
        [ACTOR_WORKERS] = ORDER_WORK,      [ACTOR_NOTICE] = ORDER_NOTICE,   [ACTOR_STEP] = ORDER_STEP,
        [ACTOR_ASK] = ORDER_READ,          [ACTOR_SEARCH] = ORDER_READ,     [ACTOR_WRITE] = ORDER_WRITE,
        [ACTOR_MAINTAIN] = ORDER_MAINTAIN, [ACTOR_CONTROL] = ORDER_CONTROL, [ACTOR_SERVER] = ORDER_SERVER,
        [ACTOR_COMMIT] = ORDER_COMMIT,     [ACTOR_CATALOG] = ORDER_CATALOG, [ACTOR_SNAPSHOT] = ORDER_SNAPSHOT,
    };
    return (enum order)orders[actor];
}

static inline struct address address_of(unsigned reactor, enum actor_id actor)
{
    return (struct address){.reactor = (uint16_t)reactor, .actor = (uint8_t)actor, .order = (uint8_t)order_of(actor)};
}
