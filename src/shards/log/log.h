/* log.h -- a reactor's write-ahead log, with group commit: all appends that arrive while a
 * group is written and flushed are the next group. At most one group is in flight, however
 * many writers there are.
 *
 * A file is filled with zeros before it is used. It is used again when its content is not needed
 * any more. On ext4 a flush into space that was only allocated takes 1.5 to 3 times as long as a
 * flush into space that was written before. log_roll.h says which files may be written. */
#pragma once

#include "base/error.h"
#include "reactor/fibers/fiber.h"
#include "shards/collection.h"
#include <sys/uio.h>

struct log;

#define LOG_PENDING_BYTES ((uint64_t)16 << 20)

struct log_options {
    const char *dir; /* DIR/log/NUMBER; must exist */
    uint64_t epoch;
    unsigned reactor;
    uint64_t file_bytes; /* a multiple of LOG_UNIT; 0: 16 MiB */
    /* of a replay: the log ends exactly here, and whatever cannot be read before it is damage;
     * 0: the end is not known */
    uint64_t known_end;
    /* appenders wait while so many bytes are appended and not written; 0: 16 MiB */
    uint64_t pending_bytes;
    bool save_space; /* files are not filled with zeros in advance: log_save_space() */
    /* Called once when a write or flush failed. Called as a warning when the next file cannot be
     * made in advance. Must not wait. May be NULL. */
    void (*on_failure)(int rc, void *arg);
    void *arg;
};

/* -- replay -- */

/* Called for each group in order. position: where the group begins. Borrows bytes. A negative
 * return ends the replay. */
typedef int (*log_group_fn)(const uint8_t *bytes, size_t size, uint64_t position, void *arg);

struct log_end {
    uint64_t position; /* where the next block goes */
    uint64_t durable;  /* everything below is known to be flushed; lies between two groups */
    uint64_t run;      /* the newest that was read; 0: none */
    /* bytes behind `position` that make no whole group: a torn write, or damage to the last
     * writes */
    uint64_t cut;
};

/* Reads the log of options->reactor from position `start` on. A torn end is cut off: *ret_end says
 * where, and the server logs it. Damage before the end is ERROR_CORRUPT with file and offset; after
 * an orderly stop, damage to the end is too. Waits. */
MUST_USE int log_replay(const struct log_options *options, uint64_t start, log_group_fn fn, void *arg,
                        struct log_end *ret_end, struct error *error);

/* An upper bound for the bytes of log from position start on: the newest file may not be full. 0
 * when the files cannot be read. Waits. */
uint64_t log_extent(const struct log_options *options, uint64_t start);

/* -- writing -- */

/* Always begins a new file. What lies between end.durable and end.position may have been read from
 * the page cache only. If a flush of it has failed, a later flush does not report that again. So it
 * is copied into the new file. All later files are removed. If the disk is full or fails, the log
 * is opened as failed (log_recover()), so that what was read can be served. Waits. */
MUST_USE int log_open(const struct log_options *options, struct log_end end, struct log **ret, struct error *error);
/* Writes and flushes what is pending, leaves a mark of the end (log_mark.h), then frees. Waits. */
void log_close(struct log *l);

/* Appends the bytes of the slices, one slice behind the other, and waits until they are as durable
 * as asked for. DURABILITY_FLUSH copies nothing: slices and bytes must stay until the call returns,
 * which is after their write has succeeded or failed. The other durabilities copy the bytes.
 *
 * After a failed write or flush the log is failed: this append and every later one return that
 * errno until log_recover(). The next start may find the records of a failed append, or not. After
 * a recovery it does not find them. Waits. */
MUST_USE int log_append(struct log *l, const struct iovec *slices, uint32_t count, enum durability durability);
MUST_USE int log_flush(struct log *l); /* waits until everything appended is on stable storage */

int log_failed(const struct log *l); /* the errno, 0: it works */
/* Waits until no write, flush or file of the log is under way. So an operation that fails later
 * began after this call. */
void log_settle(struct log *l);
/* Makes a failed log work again: begins a new file where the log is known to be flushed, and
 * gives up what was written behind that. So appends that asked for less than a flush may be lost
 * though they returned 0. Tries the disk by writing and flushing. -ENOSPC, -EIO and so on: the
 * disk still fails. Waits. */
MUST_USE int log_recover(struct log *l);
/* While the disk is full: files grow as they are written instead of being filled in advance, and no
 * file is kept to be used again. */
void log_save_space(struct log *l, bool save);

/* Everything below this position is on stable storage. A record that is appended later
 * lies at or behind it. */
uint64_t log_durable(const struct log *l);
uint64_t log_position(const struct log *l); /* the end of what is written or being written */
/* Nothing before position is needed any more: files that end before it are used again. Waits. */
void log_free_before(struct log *l, uint64_t position);
/* Files that begin before position also have names in a snapshot: they may be removed,
 * but not be used again. */
void log_pin(struct log *l, uint64_t position);

uint64_t log_memory(const struct log *l);            /* bytes of its buffers */
void log_set_pending(struct log *l, uint64_t bytes); /* sets log_options.pending_bytes */
/* Frees the buffers when nothing was appended since the last call. */
void log_trim(struct log *l);

struct log_stats {
    uint64_t bytes, flushes, appends;
};
void log_stats_read(const struct log *l, struct log_stats *ret);
