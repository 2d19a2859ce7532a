/* log_block.h -- the layout of the log on the disk. Pure functions over bytes: no I/O.
 *
 * A reactor's log is one endless stream of bytes. A place in it is a *position*. The stream is cut
 * into files, each named by the position at which it begins. It is written in *groups*: a group is
 * everything that one flush makes durable. A group is one or more blocks. A block begins at a
 * multiple of 4 KiB, so that writing it never rewrites a sector of another block:
 *
 *   byte 0       4      8          16      24    32        40       42       44     48     52
 *        | magic | crc  | position | epoch | run | durable | reactor | format | size | flags |
 *        payload ... | zeros to 4 KiB
 *
 * crc is the CRC32C of everything from byte 8 to the end of the payload. `run` grows with every
 * start of the server, and never falls along the log: a torn group can leave a block of an older
 * run behind blocks of a newer one. `durable` is the position up to which the log was known to be
 * flushed when the block was written. A block with the flag LOG_CONTINUED and the next block belong
 * to one group: a reader takes all blocks of a group, or none.
 *
 * So the end of the log can be told from damage in its middle. Let P be the position of the first
 * block that is not valid. If a valid block behind it says durable > P, then the block at P had
 * been flushed, and was damaged later. Otherwise it was never acknowledged, and the log ends at
 * P. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define LOG_UNIT              4096
#define LOG_BLOCK_HEADER      52
#define LOG_BLOCK_PAYLOAD_MAX (1u << 20)
/* format 1 had records without parts, which this version does not read */
#define LOG_FORMAT    2
#define LOG_CONTINUED 1

struct log_block {
    uint64_t position, epoch, run, durable;
    uint16_t reactor, format;
    uint32_t size, flags;
    const uint8_t *payload;
};

/* Bytes that a block takes on the disk. */
static inline size_t log_block_extent(uint32_t payload_size)
{
    return (LOG_BLOCK_HEADER + (size_t)payload_size + LOG_UNIT - 1) & ~(size_t)(LOG_UNIT - 1);
}

/* Writes the header of a block to out. The slices are its payload, b->size bytes together. */
void log_block_head(const struct log_block *b, const struct iovec *slices, size_t count, uint8_t out[LOG_BLOCK_HEADER]);
/* Writes header, payload and zeros to out[log_block_extent(b->size)]. */
void log_block_write(const struct log_block *b, uint8_t *out);

/* Whether the bytes look like the beginning of the block at that position, though its checksum may
 * be wrong: two of three are right, the magic, the position, and epoch with reactor. So a block was
 * written there, and was torn or damaged. *ret_extent: the bytes that it takes, as far as its
 * header can be believed. */
bool log_block_begun(const uint8_t *bytes, size_t size, uint64_t position, uint64_t epoch, uint16_t reactor,
                     size_t *ret_extent);

/* Reads the block at the start of bytes. False when there is no block with a right
 * checksum. *b borrows. */
bool log_block_read(const uint8_t *bytes, size_t size, struct log_block *b);
