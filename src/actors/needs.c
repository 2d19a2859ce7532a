#include "actors/needs.h"
#include "shards/store.h"

/* router_split_ids(): home, order. */
#define SPLIT_BYTES  (sizeof(uint16_t) + sizeof(uint32_t))
#define DELETE_BYTES 16 /* of the ids that were met already, at most */
/* meta_points(), and its packed form: the two halves of an id. */
#define ANSWER_ID_BYTES (4 * sizeof(uint64_t))

uint64_t needs_of_fetch(uint64_t points, uint32_t dim, bool vectors, bool payloads)
{
    uint64_t point = SPLIT_BYTES + sizeof(struct point_id) + sizeof(bool) + ANSWER_ID_BYTES;
    point += sizeof(uint32_t) * 2 + sizeof(uint64_t); /* where it is: a part, a row, a payload */
    if (vectors)
        point += 2 * (uint64_t)dim * sizeof(float);
    if (payloads)
        point += 2 * (NEEDS_PAYLOAD_GUESS + sizeof(uint32_t));
    return points * point;
}

uint64_t needs_of_search(unsigned reactors, uint64_t queries, uint32_t k, uint32_t dim, bool vectors, bool payloads)
{
    uint64_t hits = queries * k;
    uint64_t hit = reactors * sizeof(struct point_hit) + sizeof(struct point_id) + 2 * sizeof(float) + ANSWER_ID_BYTES;
    uint64_t bytes = hits * hit + queries * (reactors + 2) * sizeof(uint32_t);
    return vectors || payloads ? bytes + needs_of_fetch(hits, dim, vectors, payloads) : bytes;
}

uint64_t needs_of_upsert(unsigned reactors, uint64_t rows, uint32_t dim, bool payloads)
{
    uint64_t row = payloads ? sizeof(void *) : 0;
    if (reactors > 1)
        row += SPLIT_BYTES + sizeof(struct point_id) + dim * sizeof(float) +
               (payloads ? sizeof(void *) + sizeof(uint32_t) : 0);
    return rows * row;
}

uint64_t needs_of_delete(uint64_t ids)
{
    return ids * (SPLIT_BYTES + sizeof(struct point_id) + DELETE_BYTES);
}
