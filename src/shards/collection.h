/* collection.h -- the configuration with which a user creates a collection. Later only the schema
 * can change: another schema takes its place. */
#pragma once

#include "base/error.h"
#include "columns/schema.h"
#include "index/segment_index.h"
#include "shards/log/record.h"

/* bytes with the ending 0; letters, digits, '.', '_' and '-', and not '.' at the start */
#define COLLECTION_NAME_MAX 128
#define SLOTS_DEFAULT       1024
#define POINT_PAYLOAD_MAX   (16u << 20)

/* What an acknowledgement means. The numbers are on disk and on the wire, and never change. */
enum durability {
    DURABILITY_FLUSH = 1,    /* the write is on stable storage (the default) */
    DURABILITY_INTERVAL = 2, /* the write is flushed within 100 ms */
    DURABILITY_NONE = 3,     /* the write is in memory; flushed when the segment is sealed */
};

struct collection_config {
    uint64_t id; /* given by the catalog, never reused */
    char name[COLLECTION_NAME_MAX];
    uint32_t slots;
    enum durability durability;
    /* a reference; index options that are 0 are chosen for each segment (autoindex.h) */
    struct schema *schema;
};

/* The vector that every point has, so far the only one. Borrowed until the next wait. */
static inline const struct vector_spec *collection_vector(const struct collection_config *c)
{
    return &c->schema->vectors[0];
}

/* Checks what a user gave. Sets durability and slots to their defaults where they are 0. */
MUST_USE int collection_config_check(struct collection_config *c, struct error *error);
/* Checks that this collection can take a record of the log: a right checksum does not prove that.
 * 0, or a negative errno with an error text. */
MUST_USE int collection_check_record(const struct collection_config *c, const struct record *r, struct error *error);
/* A copy for this core, with a schema of its own. -ENOMEM. */
MUST_USE int collection_config_copy(struct collection_config *to, const struct collection_config *from);
void collection_config_fini(struct collection_config *c); /* releases the schema */
/* Puts the next schema in the place of the present one, and takes the caller's reference. */
void collection_config_replace(struct collection_config *c, struct schema *next);

static inline uint32_t collection_slot(const struct collection_config *c, uint64_t id_hash)
{
    return (uint32_t)(id_hash >> 32) % c->slots;
}

/* The reactor `owner` of `owners` has one in so many slots, rounded down. With few slots, some
 * reactors have more than others. 0: it has none, or owners is 0. */
static inline uint32_t slot_parts(uint32_t slots, uint32_t owners, uint32_t owner)
{
    const uint32_t own = owners ? slots / owners + (owner < slots % owners) : 0;
    return own ? slots / own : 0;
}

/* A slot's owner: the reactor that orders the writes of its ids. */
static inline unsigned slot_owner(uint32_t slot, unsigned reactors)
{
    return slot % reactors;
}
