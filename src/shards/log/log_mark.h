/* log_mark.h -- the mark that an orderly stop leaves beside a log: DIR/R.end says up to which
 * position the log of reactor R was flushed. If a start cannot read up to there, the log is
 * damaged: a torn write is ruled out.
 *
 * The mark is never removed. What was flushed once stays before every later end of the same log. So
 * an old mark is true, too.
 *
 *   byte 0       8       16         24        28    32
 *        | magic | epoch | position | reactor | crc |       crc: CRC32C of the bytes before it;
 *        little-endian */
#pragma once

#include "shards/log/log.h"

/* Replaces the mark. The new one is durable when the call returns. Waits. */
MUST_USE int log_mark_write(const struct log_options *o, uint64_t position);
/* *ret_position is 0 when there is no mark, or a mark of another epoch. A damaged mark is
 * ERROR_CORRUPT with file and offset. Waits. */
MUST_USE int log_mark_read(const struct log_options *o, uint64_t *ret_position, struct error *error);
