/* log_block.h -- how the log lies on the disk. Pure functions over bytes: no I/O.
 *
 * A reactor's log is one endless stream of bytes; a place in it is a *position*. The stream is cut
 * into files, each named by the position it begins at. It is written in *groups*: everything that
 * one flush makes durable. A group is one or more blocks; a block begins at a multiple of 4 KiB, so
 * that writing one never rewrites a sector of another:
 *
 *   byte 0       4      8          16      24    32        40       42       44     48     52
 *        | magic | crc  | position | epoch | run | durable | reactor | format | size | flags |
 *        payload ... | zeros to 4 KiB
 *
 * crc is the CRC32C of everything from byte 8 to the end of the payload. `run` grows with every
 * start of the server and never falls along the log: a block of an older run behind one of a
 * newer is what a torn group left there. `durable` is the position up to which the log was known
 * to be flushed when the block was written. A flagged block is continued by the next one: they
 * are taken together or not.
 *
 * So the end of the log can be told from damage in its middle. The first block that is not valid is
 * at P. If some valid block behind it says durable > P, then what was at P had been flushed: it was
 * damaged later. Otherwise it was never acknowledged: the log ends at P. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define LOG_UNIT              4096
#define LOG_BLOCK_HEADER      52
#define LOG_BLOCK_PAYLOAD_MAX (1u << 20)
#define LOG_FORMAT            2 /* 1: records without parts, which no version reads any more */
#define LOG_CONTINUED         1

struct log_block {
    uint64_t position, epoch, run, durable;
    uint16_t reactor, format;
    uint32_t size, flags;
    const uint8_t *payload;
};

/* Bytes a block takes on the disk. */
static inline size_t log_block_extent(uint32_t payload_size)
{
    return (LOG_BLOCK_HEADER + (size_t)payload_size + LOG_UNIT - 1) & ~(size_t)(LOG_UNIT - 1);
}

/* Writes the header of a block to out; its payload is what these slices hold,
 * b->size bytes together. */
void log_block_head(const struct log_block *b, const struct iovec *slices, size_t count, uint8_t out[LOG_BLOCK_HEADER]);
/* Writes header, payload and zeros to out[log_block_extent(b->size)]. */
void log_block_write(const struct log_block *b, uint8_t *out);

/* Whether the bytes at this place look like the beginning of that block: two of three parts of its
 * header are as they must be. Its checksum need not hold: it was torn, or damaged. *ret_extent:
 * what it takes, as far as the header can be believed. */
bool log_block_begun(const uint8_t *bytes, size_t size, uint64_t position, uint64_t epoch, uint16_t reactor,
                     size_t *ret_extent);

/* Reads the block at the start of bytes; false when there is none whose checksum holds. *b
 * borrows. */
bool log_block_read(const uint8_t *bytes, size_t size, struct log_block *b);
