/* log_roll.h -- the files a log is written into, one after the other: the one being written, and
 * the next one, made ready by a fiber of its own while the second half of the first is written: a
 * log at rest takes no more space than it must.
 *
 * Always true: a run writes only into files that it has begun itself, each from its beginning to
 * its end. What an earlier run left, and what a failed write left, lies in files that are only read
 * and removed: where the new file begins, the older one ends, whatever it holds behind that. Files
 * that are not needed any more are used again, but only those begun by this run, after its last
 * failure, and not pinned. */
#pragma once

#include "reactor/fibers/sync.h"
#include "shards/folder/whole_file.h"
#include "shards/log/log.h"

struct file;

struct log_roll {
    struct log_options options;
    char dir[PATH_TEXT_MAX];
    /* the one being written; NULL before the first log_roll_begin() and after one that failed */
    struct file *file;
    uint64_t file_start, file_end; /* positions */
    struct file *next;             /* in its place, begins at file_end; NULL: not ready */
    uint64_t written_to;           /* position */
    uint64_t reuse_from;           /* files that begin before this position are not used again */
    bool preparer_runs, preparing, held, stopping;
    struct event wanted, changed;
};

/* Starts the fiber that makes files. options: dir is copied. */
MUST_USE int log_roll_start(struct log_roll *r, const struct log_options *options);
/* Ends it and closes the files. Waits. */
void log_roll_stop(struct log_roll *r);

/* Begins a new file at position `from`, whatever is there, with a copy of the blocks of [from, to);
 * makes that durable; removes all later files. Waits. */
MUST_USE int log_roll_begin(struct log_roll *r, uint64_t from, uint64_t to);
/* The current file is full and flushed: goes on to the next. Waits. */
MUST_USE int log_roll_on(struct log_roll *r);
/* The log is written up to here: the next file may be wanted. */
void log_roll_written_to(struct log_roll *r, uint64_t position);
/* Makes no more files ahead until the next log_roll_begin(). */
void log_roll_hold(struct log_roll *r);
void log_roll_settle(struct log_roll *r);                /* log_settle() */
void log_roll_save_space(struct log_roll *r, bool save); /* log_save_space() */

/* Files that end before position are used again or removed. A failure costs space only. Waits. */
void log_roll_free_before(struct log_roll *r, uint64_t position);
