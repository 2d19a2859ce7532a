/* log_block.c -- writes the header of a block, and reads a block back. The reader must
 * cope with any bytes. */
#include "shards/log/log_block.h"
#include "base/checksum.h"

#include <assert.h>
#include <string.h>

#define MAGIC 0x474f4c4bu /* the bytes K L O G */

struct header {
    uint32_t magic, crc;
    uint64_t position, epoch, run, durable;
    uint16_t reactor, format;
    uint32_t size, flags;
} __attribute__((packed));
static_assert(sizeof(struct header) == LOG_BLOCK_HEADER, "the layout on disk");

static uint32_t sum(const struct header *h, const struct iovec *slices, size_t count)
{
    uint32_t crc = checksum_crc32c(0, (const uint8_t *)h + 8, sizeof(*h) - 8);
    for (size_t i = 0; i < count; i++)
        crc = checksum_crc32c(crc, slices[i].iov_base, slices[i].iov_len);
    return crc;
}

void log_block_head(const struct log_block *b, const struct iovec *slices, size_t count, uint8_t out[LOG_BLOCK_HEADER])
{
    struct header h = {
        .magic = MAGIC,
        .position = b->position,
        .epoch = b->epoch,
        .run = b->run,
        .durable = b->durable,
        .reactor = b->reactor,
        .format = LOG_FORMAT,
        .size = b->size,
        .flags = b->flags,
    };
    h.crc = sum(&h, slices, count);
    memcpy(out, &h, sizeof(h));
}

void log_block_write(const struct log_block *b, uint8_t *out)
{
    const struct iovec payload = {(void *)(uintptr_t)b->payload, b->size};
    const size_t used = LOG_BLOCK_HEADER + (size_t)b->size;
    log_block_head(b, &payload, 1, out);
    memcpy(out + LOG_BLOCK_HEADER, b->payload, b->size);
    memset(out + used, 0, log_block_extent(b->size) - used);
}

bool log_block_read(const uint8_t *bytes, size_t size, struct log_block *b)
{
    struct header h;
    if (size < sizeof(h))
        return false;
    memcpy(&h, bytes, sizeof(h));
    if (h.magic != MAGIC || h.size > LOG_BLOCK_PAYLOAD_MAX || h.size > size - sizeof(h))
        return false;
    const struct iovec payload = {(void *)(uintptr_t)(bytes + sizeof(h)), h.size};
    if (h.crc != sum(&h, &payload, 1))
        return false;
    *b = (struct log_block){h.position, h.epoch, h.run,   h.durable,        h.reactor,
                            h.format,   h.size,  h.flags, bytes + sizeof(h)};
    return true;
}

bool log_block_begun(const uint8_t *bytes, size_t size, uint64_t position, uint64_t epoch, uint16_t reactor,
                     size_t *ret_extent)
{
    struct header h;
    if (size < sizeof(h))
        return false;
    memcpy(&h, bytes, sizeof(h));
    unsigned right = (h.magic == MAGIC) + (h.position == position) + (h.epoch == epoch && h.reactor == reactor);
    size_t extent = h.size <= LOG_BLOCK_PAYLOAD_MAX ? log_block_extent(h.size) : LOG_UNIT;
    *ret_extent = extent < size ? extent : size;
    return right >= 2;
}
