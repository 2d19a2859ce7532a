/* replica.h -- one reactor's copy of the list of collections, by name and by id.
 *
 * The catalog changes all replicas before it answers the client, so a request looks here and
 * never asks reactor 0. A fiber that uses an entry across a wait is inside its gate. A drop
 * closes the gate and waits for those inside, before the entry and its shard are freed. */
#pragma once

#include "actors/admission/cost.h"
#include "reactor/fibers/sync.h"
#include "shards/store.h"

struct collection_entry {
    struct collection_config config;
    /* the next version, while the catalog makes it durable; NULL: no change is under way */
    struct schema *next_schema;
    struct shard *shard; /* this reactor's shard */
    /* has a code when some reactor's shard is damaged; then nothing of the collection is served */
    struct error damage;
    struct gate gate;
    struct cost_model cost; /* of its requests on this core */
    /* by the manifest of the start: it can be read before the logs are replayed */
    bool is_clean;
    /* clients may use it; false while it is being created, so that no name leads to it */
    bool published;
};

struct replica {
    struct collection_entry **by_name, **by_id; /* both sorted; the entries are owned */
    size_t count, capacity;
};

/* Adds a collection that is not published. config belongs to this core; the entry acquires its
 * schema. -ENOMEM, -EEXIST. */
MUST_USE int replica_add(struct replica *r, const struct collection_config *config, struct shard *shard);
struct collection_entry *replica_find(const struct replica *r, const char *name); /* NULL: none */
struct collection_entry *replica_find_id(const struct replica *r, uint64_t id);
/* The index in by_name of the first name that comes after `name`; count: there is none. */
size_t replica_after(const struct replica *r, const char *name);
/* Takes the entry out of the replica. The caller then closes its gate and destroys it. */
void replica_remove(struct replica *r, struct collection_entry *e);
void replica_destroy(struct collection_entry *e);
/* From now on the collection uses its next schema. Does nothing if there is none. */
void replica_take_schema(struct collection_entry *e);
/* Called for a request from a reactor that uses schema `version`. If that is the next version
 * here, the other reactor was told earlier; the version is durable, so it is used here too. A
 * request with an older version is answered by the present schema. That is right, because
 * numbers of vectors and fields are never given twice: a missing one was dropped. */
void replica_meet_schema(struct collection_entry *e, uint64_t version);
void replica_fini(struct replica *r);

/* Writes the sentence for an unknown name; it lists the collections that exist, if they are few.
 * Returns a negative errno. */
int replica_error_unknown(const struct replica *r, const char *name, struct error *error);
