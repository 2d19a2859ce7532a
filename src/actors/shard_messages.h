/* shard_messages.h -- what a router asks of the shards of one reactor.
 *
 * The sender lends every pointer until the message is back. The receiver writes its answer
 * straight into the sender's memory. The status is -ENOENT when the collection is unknown,
 * because it was just dropped. */
#pragma once

#include "reactor/message.h"
#include "shards/store.h"

enum shard_message_type {
    MSG_SHARD_SEARCH = 0x100, /* to ACTOR_SEARCH */
    MSG_SHARD_GET,            /* to ACTOR_SEARCH */
    MSG_SHARD_INFO,           /* to ACTOR_SEARCH */
    MSG_SHARD_SEGMENTS,       /* to ACTOR_SEARCH */
    MSG_SHARD_UPSERT,         /* to ACTOR_WRITE */
    MSG_SHARD_DELETE,         /* to ACTOR_WRITE */
    MSG_SHARD_SEAL,           /* to ACTOR_MAINTAIN */
    MSG_SHARD_COMPACT,        /* to ACTOR_MAINTAIN */
};

/* A batch of queries. The hits of query i are written to hits[i * k], their number to counts[i]. */
struct shard_search_message {
    struct message base;
    /* schema_version: the version that the sender uses, here and in the other messages */
    uint64_t collection, schema_version;
    const float *queries; /* count x dim */
    uint32_t count, k, ef;
    float recall; /* used when ef is 0 */
    float refine_k;
    bool exact;
    const struct filter *filter; /* bound to the schema; NULL: none */
    struct search_part part;     /* which segments of this reactor are searched */
    struct point_hit *hits;
    uint32_t *counts;
    struct error *error; /* answer: why a file could not be read */
    /* answer: the sealed segments were not searched, because the sender's cover does
     * not match them any more */
    bool stale;
    uint64_t died_ns; /* answer: shard_died_ns() */
};

/* Copies points out. found[i] says whether ids[i] exists. Payloads are copied one after the
 * other as long as they fit. payload_bytes returns how many bytes all of them need; a sender
 * whose buffer was too small asks again with that many. */
struct shard_get_message {
    struct message base;
    uint64_t collection, schema_version;
    const struct point_id *ids;
    uint32_t count;
    bool *found;
    float *vectors;          /* count x dim; NULL: not wanted */
    uint32_t *payload_sizes; /* `count` sizes; NULL: not wanted */
    uint8_t *payloads;
    uint64_t payload_capacity, payload_bytes;
};

struct shard_info_message {
    struct message base;
    uint64_t collection;
    struct shard_info info;
};

/* Describes up to `room` of the reactor's segments. `count` returns how many there are. */
struct shard_segments_message {
    struct message base;
    uint64_t collection;
    struct segment_info *segments;
    uint32_t room, count;
};

struct shard_upsert_message {
    struct message base;
    uint64_t collection, schema_version;
    struct point_batch batch;
    struct error *error;
};

struct shard_delete_message {
    struct message base;
    uint64_t collection;
    const struct point_id *ids;
    uint32_t count, deleted;
    struct error *error;
};

/* Sealing or compaction. Answered when the work is done, or when the request is cancelled. */
struct shard_maintain_message {
    struct message base;
    uint64_t collection;
    struct error *error;
};
