/* replica.h -- one reactor's copy of the list of collections, by name and by id.
 *
 * The catalog changes all replicas before it answers the client, so a request may look here and
 * never asks reactor 0. Everyone who uses an entry across a wait is inside its gate; a drop closes
 * the gate, and so waits for them, before the entry and its shard go. */
#pragma once

#include "actors/admission/cost.h"
#include "reactor/fibers/sync.h"
#include "shards/store.h"

struct collection_entry {
    struct collection_config config;
    /* the next version, while the catalog makes it durable; NULL: none is under way */
    struct schema *next_schema;
    struct shard *shard; /* this reactor's part */
    /* a code: some reactor's part is damaged, and nothing of the collection is served */
    struct error damage;
    struct gate gate;
    struct cost_model cost; /* of requests to it on this core */
    bool is_clean;          /* by the manifest of the start: it can be read before the logs are */
    bool published;         /* clients may use it; until then it is being created and has no name */
};

struct replica {
    struct collection_entry **by_name, **by_id; /* both sorted; the entries are owned */
    size_t count, capacity;
};

/* Not published. The config is of this core: its schema is acquired. -ENOMEM, -EEXIST. */
MUST_USE int replica_add(struct replica *r, const struct collection_config *config, struct shard *shard);
struct collection_entry *replica_find(const struct replica *r, const char *name); /* NULL: none */
struct collection_entry *replica_find_id(const struct replica *r, uint64_t id);
/* The place in by_name of the first whose name comes after that one; count: there is none. */
size_t replica_after(const struct replica *r, const char *name);
/* Takes the entry out of the replica; the caller then closes its gate and destroys it. */
void replica_remove(struct replica *r, struct collection_entry *e);
void replica_destroy(struct collection_entry *e);
/* The collection goes by its next schema from now on; without one nothing happens. */
void replica_take_schema(struct collection_entry *e);
/* A request comes from a reactor that goes by that version. Where it is the next one here, that
 * reactor was told first: the version is durable, and taken. What comes by an older one is answered
 * by the schema there is: numbers of vectors and fields are never given twice, so one that is not
 * there any more was dropped. */
void replica_meet_schema(struct collection_entry *e, uint64_t version);
void replica_fini(struct replica *r);

/* The sentence for a name that is not there: names what is, when that is little.
 * Returns a negative errno. */
int replica_error_unknown(const struct replica *r, const char *name, struct error *error);
