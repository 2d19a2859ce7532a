/* needs.c -- sums of what the router allocates, term by term as it allocates. A change of the
 * router's allocations is a change here. */
#include "actors/router/needs.h"
#include "actors/metrics/metrics.h"
#include "actors/metrics/metrics_collections.h"
#include "actors/router/router.h"
#include "actors/shard_messages.h"
#include "shards/snapshot/snapshot.h"
#include "shards/store.h"

/* router_split_ids(): an owner and an index. */
#define SPLIT_BYTES  (sizeof(uint16_t) + sizeof(uint32_t))
#define DELETE_BYTES 16 /* at most, for the set of ids that shard_delete() has met */
/* An id in meta_points(), unpacked and packed: two halves each. */
#define ANSWER_ID_BYTES (4 * sizeof(uint64_t))
/* An item of a list, as a message and packed. */
#define ANSWER_COLLECTION_BYTES 320
#define ANSWER_SEGMENT_BYTES    1024
#define ANSWER_SNAPSHOT_BYTES   320
#define ANSWER_REACTOR_BYTES    ((uint64_t)12 << 10) /* with some dozens of histogram buckets */
/* 23 lines, in a buffer that may be twice as large */
#define TEXT_COLLECTION_BYTES 3000
#define TEXT_REACTOR_BYTES    ((uint64_t)2 << 10)
/* the lines that do not depend on reactors and collections */
#define TEXT_BYTES ((uint64_t)64 << 10)

uint64_t needs_of_fetch(uint64_t points, size_t row_bytes, struct selection select)
{
    uint64_t point = SPLIT_BYTES + sizeof(struct point_id) + sizeof(bool) + ANSWER_ID_BYTES;
    point += sizeof(uint32_t) * 2 + sizeof(uint64_t); /* struct place */
    if (select.vectors)
        point += 2 * row_bytes;
    if (select.payloads)
        point += 2 * (NEEDS_PAYLOAD_GUESS + sizeof(uint32_t));
    return points * point;
}

uint64_t needs_of_search(unsigned reactors, uint64_t queries, uint32_t k, size_t row_bytes, struct selection select)
{
    uint64_t hits = queries * k;
    uint64_t hit = reactors * sizeof(struct point_hit) + sizeof(struct point_id) + 2 * sizeof(float) + ANSWER_ID_BYTES;
    uint64_t bytes = hits * hit + queries * (reactors + 2) * sizeof(uint32_t);
    return select.vectors || select.payloads ? bytes + needs_of_fetch(hits, row_bytes, select) : bytes;
}

uint64_t needs_of_upsert(unsigned reactors, uint64_t rows, bool payloads)
{
    const uint64_t row = (payloads ? sizeof(void *) : 0) + (reactors > 1 ? SPLIT_BYTES : 0);
    const uint64_t messages = sizeof(struct shard_upsert_message) + sizeof(struct error);
    return rows * row + (reactors > 1 ? reactors * messages : 0);
}

uint64_t needs_of_delete(uint64_t ids)
{
    return ids * (SPLIT_BYTES + sizeof(struct point_id) + DELETE_BYTES);
}

uint64_t needs_of_list(uint64_t collections)
{
    return collections *
           (sizeof(struct collection_config) + schema_bytes(1, 0) + sizeof(char *) + ANSWER_COLLECTION_BYTES);
}

uint64_t needs_of_segments(uint64_t segments)
{
    return segments * (sizeof(struct segment_info) + ANSWER_SEGMENT_BYTES);
}

uint64_t needs_of_snapshots(uint64_t snapshots)
{
    return snapshots * (sizeof(struct snapshot_info) + ANSWER_SNAPSHOT_BYTES);
}

static uint64_t needs_of_infos(unsigned reactors, uint64_t collections)
{
    return needs_of_list(collections) +
           collections * (sizeof(struct router_info) + sizeof(uint64_t) + reactors * sizeof(struct shard_info));
}

uint64_t needs_of_stats(unsigned reactors, uint64_t collections)
{
    return reactors * (sizeof(struct metrics_sample) + ANSWER_REACTOR_BYTES) + sizeof(struct search_times) +
           needs_of_infos(reactors, collections);
}

uint64_t needs_of_metrics(unsigned reactors, uint64_t collections)
{
    const uint64_t collection = sizeof(struct metrics_collection) + sizeof(uint64_t) + TEXT_COLLECTION_BYTES;
    return reactors * (sizeof(struct metrics_sample) + TEXT_REACTOR_BYTES) + 2 * sizeof(struct search_times) +
           TEXT_BYTES + needs_of_infos(reactors, collections) + collections * collection;
}
