/* write_records.h -- the points of one write as records: for the log, and then for memory. */
#pragma once

#include "shards/log/record.h"
#include "shards/shard.h"

/* Upserted points, or ids that are deleted. What it points to lives as long as the write. */
struct write_records {
    const struct shard *shard;
    const struct point_batch *batch; /* NULL: ids */
    const struct point_id *ids;      /* [count] */
    /* [count * dim] under cosine; NULL: the vectors are the batch's */
    float *normalised;
    uint32_t count;
    uint64_t version; /* of the first; the next one's is one more */
};

/* The parts that one record of these can have. */
#define WRITE_PARTS 2

/* Takes versions for the batch, and normalises its vectors if the metric asks for that. The batch
 * has been checked. Pauses. */
MUST_USE int write_records_begin(struct write_records *w, struct shard *s, const struct point_batch *batch);
/* The same for deletions; count may be 0. */
void write_records_begin_deletes(struct write_records *w, struct shard *s, const struct point_id *ids, uint32_t count);
/* Record i. *r borrows from parts and from what the write lends. */
void write_records_at(const struct write_records *w, uint32_t i, struct record_part parts[WRITE_PARTS],
                      struct record *r);
/* All of them for the log; record_list_fini(). Pauses. */
MUST_USE int write_records_list(const struct write_records *w, struct record_list *ret);
/* Pauses. */
void write_records_end(struct write_records *w);
