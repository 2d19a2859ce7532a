/* log_mark.h -- what an orderly stop leaves beside a log: DIR/R.end says up to which position the
 * log of reactor R was flushed. A start that cannot read so far has found damage, and no write
 * that a power cut tore.
 *
 * The mark is never taken back: what was flushed once stays before every later end of the same log,
 * so an old mark is true, too.
 *
 *   byte 0       8       16         24        28    32
 *        | magic | epoch | position | reactor | crc |       crc: CRC32C of what is before it;
 *        little-endian */
#pragma once

#include "shards/log/log.h"

/* Replaces the mark; durable when it returns. Waits. */
MUST_USE int log_mark_write(const struct log_options *o, uint64_t position);
/* 0 without one, or with one of another epoch. A damaged mark is ERROR_CORRUPT with
 * file and offset. Waits. */
MUST_USE int log_mark_read(const struct log_options *o, uint64_t *ret_position, struct error *error);
