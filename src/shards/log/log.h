/* log.h -- a reactor's write-ahead log, with group commit: all that arrives while one write
 * and its flush are in flight is the next group. One write and one flush in flight, whatever
 * the number of writers.
 *
 * Files are filled with zeros before they are used and are used again when their content is no
 * longer needed: on ext4 a flush into space that was only allocated costs 1.5 to 3 times as much as
 * into space that was written before. Which files may be written at all: log_roll.h. */
#pragma once

#include "base/error.h"
#include "reactor/fibers/fiber.h"
#include "shards/collection.h"
#include <sys/uio.h>

struct log;

#define LOG_PENDING_BYTES ((uint64_t)16 << 20)

struct log_options {
    const char *dir; /* DIR/log/EPOCH; must be there */
    uint64_t epoch;
    unsigned reactor;
    uint64_t file_bytes; /* a multiple of LOG_UNIT; 0: 16 MiB */
    uint64_t
        /* replay: the log ends exactly here, and anything that cannot be read before is damage;
         * 0: it has an open end */
        known_end;
    /* appended and not yet written, beyond which appenders wait; 0: 16 MiB */
    uint64_t pending_bytes;
    bool save_space; /* files are not filled in advance: log_save_space() */
    /* Called once when a write or flush failed, and when the next file cannot be made ready, which
     * is a warning. Must not wait. May be NULL. */
    void (*on_failure)(int rc, void *arg);
    void *arg;
};

/* -- replay -- */

/* Called for each group in order; position is where it begins. Borrows bytes. A negative
 * return ends the replay. */
typedef int (*log_group_fn)(const uint8_t *bytes, size_t size, uint64_t position, void *arg);

struct log_end {
    uint64_t position; /* where the next block goes */
    uint64_t durable;  /* what is before is known to have been flushed; between two groups */
    uint64_t run;      /* the newest seen; 0: none */
    /* bytes behind it that make no whole group: a torn write, or damage to the last ones; 0:
     * none */
    uint64_t cut;
};

/* Reads the log of options->reactor from position `start` on. A torn end is cut: *ret_end says
 * where, the server's log tells it. Damage before the end, and any after an orderly stop, is
 * ERROR_CORRUPT with file and offset. Waits. */
MUST_USE int log_replay(const struct log_options *options, uint64_t start, log_group_fn fn, void *arg,
                        struct log_end *ret_end, struct error *error);

/* Bytes of log from position start on, at most: the newest file may not be full. 0 when the files
 * cannot be read. Waits. */
uint64_t log_extent(const struct log_options *options, uint64_t start);

/* -- writing -- */

/* Always begins a new file. What lies between end.durable and end.position was read, but perhaps
 * only from the page cache, and if a flush failed on it no later one will say so: it is written
 * again into the new file. All files behind are removed. On a disk that is full or fails the log is
 * opened all the same, but failed (log_recover()): what was read can be served. Waits. */
MUST_USE int log_open(const struct log_options *options, struct log_end end, struct log **ret, struct error *error);
/* Writes and flushes what is pending, leaves a mark of that (log_mark.h), then frees. Waits. */
void log_close(struct log *l);

/* Appends what the slices hold, one behind the other, and waits until it is as durable as asked
 * for. For DURABILITY_FLUSH nothing is copied: slices and bytes are lent until the call returns,
 * which is not before their write has ended, done or failed; the other durabilities copy them.
 * After a failed write or flush the log is failed: this and every later append returns that errno
 * until log_recover(). What an append that failed wrote may be found by the next start or not;
 * after a recovery it will not. Waits. */
MUST_USE int log_append(struct log *l, const struct iovec *slices, uint32_t count, enum durability durability);
MUST_USE int log_flush(struct log *l); /* waits until all that was appended is on stable storage */

int log_failed(const struct log *l); /* the errno, 0: it works */
/* Waits until nothing of the log is under way: what fails from now on began after this. */
void log_settle(struct log *l);
/* Makes a failed log work again: a new file begins where the log is known to be flushed; what was
 * written behind that is given up, of appends that returned 0 too if they asked for less than a
 * flush. Tries the disk by writing and flushing; -ENOSPC, -EIO ...: it still does not work.
 * Waits. */
MUST_USE int log_recover(struct log *l);
/* While the disk is full: files grow as they are written instead of being filled in advance, and
 * none is kept to be used again. */
void log_save_space(struct log *l, bool save);

/* Everything below this position is on stable storage; a record that is appended now
 * will be at or behind it. */
uint64_t log_durable(const struct log *l);
uint64_t log_position(const struct log *l); /* end of what has been written or is being written */
/* Nothing before position will be asked for again: files that end before it are used again.
 * Waits. */
void log_free_before(struct log *l, uint64_t position);
/* Files that begin before position have other names elsewhere: they will be removed,
 * never be used again. */
void log_pin(struct log *l, uint64_t position);

uint64_t log_memory(const struct log *l);            /* bytes of its buffers */
void log_set_pending(struct log *l, uint64_t bytes); /* as in the options */
/* Frees the buffers when nothing was appended since the last call. */
void log_trim(struct log *l);

struct log_stats {
    uint64_t bytes, flushes, appends;
};
void log_stats_read(const struct log *l, struct log_stats *ret);
