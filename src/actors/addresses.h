/* addresses.h -- the actors of a server and where they live. Every reactor has the first three; the catalog is on reactor 0. */
#pragma once

#include "reactor/message.h"

enum actor_id {
    ACTOR_CONTROL = 1, /* opens, creates, drops, buries, measures, stops: core_control.c */
    ACTOR_SEARCH = 2,  /* reads of a reactor's shards: shard_actor.c */
    ACTOR_WRITE = 3,   /* writes of a reactor's shards: shard_actor.c */
    ACTOR_CATALOG = 4, /* owns the manifest: catalog.c */
    ACTOR_CREW = 5,    /* does shares of the builds of others: crew.c */
};

static inline struct address address_of(unsigned reactor, enum actor_id actor)
{
    return (struct address){.reactor = (uint16_t)reactor, .actor = (uint16_t)actor};
}
