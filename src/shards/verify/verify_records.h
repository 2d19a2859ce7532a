/* verify_records.h -- the records in the blocks of a log: a block with a right checksum may still
 * hold bytes that a start cannot read, as when they were wrong before they were written. */
#pragma once

#include "base/memory.h"
#include "shards/log/log_block.h"
#include "shards/manifest/manifest.h"

/* Zero-initialised: the next block begins a group. */
struct verify_records {
    struct buffer left; /* the beginning of a record that goes on in the next block */
    uint64_t began;     /* position of the block in which that record, or the last one, begins */
    bool in_group;      /* the last block is continued by the next one */
    bool skips;         /* until the group ends: its beginning is not known, or it was reported */
};

/* Takes the next block. -EBADMSG with a sentence: a record, which began in the block at r->began,
 * cannot be read, or its collection cannot take it. -ENOMEM. */
MUST_USE int verify_records_take(struct verify_records *r, const struct log_block *b, const struct manifest *m,
                                 struct error *error);
/* A block is missing: what comes next may be in the middle of a group. */
void verify_records_lose(struct verify_records *r);
void verify_records_fini(struct verify_records *r);
