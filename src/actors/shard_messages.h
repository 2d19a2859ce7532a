/* shard_messages.h -- what a router asks of the shards of one reactor.
 *
 * Every pointer is lent by the sender until the message is home; the receiver writes its answer
 * straight into the sender's memory. A collection that is not there (dropped a moment ago)
 * comes home as -ENOENT. */
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

/* A batch of queries; query i's hits go to hits[i * k], their number to counts[i]. */
struct shard_search_message {
    struct message base;
    /* version: that the sender goes by; likewise in the others */
    uint64_t collection, schema_version;
    const float *queries; /* count x dim */
    uint32_t count, k, ef;
    float recall; /* in place of ef */
    float refine_k;
    bool exact;
    const struct filter *filter; /* bound; NULL: none */
    struct search_part part;     /* what of this reactor is searched */
    struct point_hit *hits;
    uint32_t *counts;
    /* answer: not the sealed segments, they are not the same as the sender's any more */
    bool stale;
    uint64_t died_ns; /* answer: shard_died_ns() */
};

/* Copies points out. found[i] says whether ids[i] is there. Payloads are copied one after the other
 * as long as they fit; payload_bytes comes back as what all of them need, so a sender whose room
 * was too small asks again with that much. */
struct shard_get_message {
    struct message base;
    uint64_t collection, schema_version;
    const struct point_id *ids;
    uint32_t count;
    bool *found;
    float *vectors;          /* count x dim, or NULL: not wanted */
    uint32_t *payload_sizes; /* count, or NULL: not wanted */
    uint8_t *payloads;
    uint64_t payload_capacity, payload_bytes;
};

struct shard_info_message {
    struct message base;
    uint64_t collection;
    struct shard_info info;
};

/* Up to `room` of the reactor's segments; `count` comes back as how many there are. */
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

/* Sealing or compacting. Comes home when it is done, or when nobody waits for it any more. */
struct shard_maintain_message {
    struct message base;
    uint64_t collection;
    struct error *error;
};
