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

static uint32_t sum(const struct header *h, const uint8_t *payload)
{
    uint32_t crc = checksum_crc32c(0, (const uint8_t *)h + 8, sizeof(*h) - 8);
    return checksum_crc32c(crc, payload, h->size);
}

void log_block_write(const struct log_block *b, uint8_t *out)
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
    h.crc = sum(&h, b->payload);
    memcpy(out, &h, sizeof(h));
    memcpy(out + sizeof(h), b->payload, b->size);
    size_t used = sizeof(h) + b->size;
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
    if (h.crc != sum(&h, bytes + sizeof(h)))
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
