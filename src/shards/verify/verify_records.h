/* verify_records.h -- checks the records in the blocks of a log. A block with a right checksum may
 * hold bytes that a start cannot read, if they were wrong before they were written. */
#pragma once

#include "base/memory.h"
#include "shards/log/log_block.h"
#include "shards/manifest/manifest.h"

/* Zero-initialised: the next block begins a group. */
struct verify_records {
    struct buffer left; /* the first bytes of a record that ends in a later block */
    /* position of the block in which that record begins, or the last record began */
    uint64_t began;
    bool in_group; /* the next block belongs to the same group */
    /* until the group ends, blocks are skipped: its beginning is not known, or it was reported */
    bool skips;
};

/* Checks the records of the next block. -EBADMSG, with an error text: a record that began in the
 * block at r->began cannot be read, or its collection cannot take it. -ENOMEM. */
MUST_USE int verify_records_take(struct verify_records *r, const struct log_block *b, const struct manifest *m,
                                 struct error *error);
/* Notes that a block is missing, so that the next one may be in the middle of a group. */
void verify_records_lose(struct verify_records *r);
void verify_records_fini(struct verify_records *r);
