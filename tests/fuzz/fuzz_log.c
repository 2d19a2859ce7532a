/* fuzz_log.c -- any bytes as blocks of the log with records. The bytes are read as they are, and as
 * the payload of a block with a right checksum. */
#include "shards/log/log_block.h"
#include "shards/log/record.h"

#include <stdlib.h>
#include <string.h>

static volatile uint8_t seen; /* keeps the compiler from leaving out the reads */

static void read_records(const uint8_t *bytes, size_t size)
{
    struct record_part parts[RECORD_PARTS_MAX];
    struct record r;
    uint8_t sum = 0;
    for (size_t at = 0, n; (n = record_read(bytes + at, size - at, parts, &r)) > 0; at += n)
        for (uint32_t i = 0; i < r.part_count; i++) {
            const struct record_part *p = &r.parts[i];
            if (record_part(&r, (enum record_part_kind)p->kind, p->number) != p)
                abort(); /* no part may be there twice */
            for (uint32_t k = 0; k < p->size; k++)
                sum ^= ((const uint8_t *)p->bytes)[k];
        }
    seen = sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct log_block b;
    if (log_block_read(input, size, &b))
        read_records(b.payload, b.size);
    if (size > LOG_BLOCK_PAYLOAD_MAX)
        return 0;
    b = (struct log_block){.position = 4096, .size = (uint32_t)size, .payload = input};
    uint8_t *out = malloc(log_block_extent(b.size));
    if (!out)
        return 0;
    log_block_write(&b, out);
    if (!log_block_read(out, log_block_extent(b.size), &b))
        abort(); /* a record that was written must be readable */
    read_records(b.payload, b.size);
    free(out);
    return 0;
}
