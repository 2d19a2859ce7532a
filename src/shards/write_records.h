/* write_records.h -- the points of one write as records, first for the log, then for memory. */
#pragma once

#include "shards/log/record.h"
#include "shards/shard.h"

/* Points to upsert, or ids to delete. Everything it points to stays until the write ends. */
struct write_records {
    const struct shard *shard;
    const struct point_batch *batch; /* NULL: a deletion */
    const struct point_id *ids;      /* of a deletion: [count] */
    /* with cosine: [count * dim], owned; else NULL: the vectors are those of the batch */
    float *normalised;
    uint32_t count;
    uint64_t version; /* version of record 0; record i has version + i */
};

/* The most parts that one of these records has. */
#define WRITE_PARTS 2

/* Takes versions for the batch, and normalises its vectors if the metric is cosine. The batch has
 * passed point_batch_check(). -ENOMEM. Pauses. */
MUST_USE int write_records_begin(struct write_records *w, struct shard *s, const struct point_batch *batch);
/* The same for deletions; count may be 0. */
void write_records_begin_deletes(struct write_records *w, struct shard *s, const struct point_id *ids, uint32_t count);
/* Makes record i. *r borrows from parts and from the batch. */
void write_records_at(const struct write_records *w, uint32_t i, struct record_part parts[WRITE_PARTS],
                      struct record *r);
/* Makes the list of all records for the log. Ends with record_list_fini(). -ENOMEM. Pauses. */
MUST_USE int write_records_list(const struct write_records *w, struct record_list *ret);
/* Frees the normalised vectors. Pauses. */
void write_records_end(struct write_records *w);
