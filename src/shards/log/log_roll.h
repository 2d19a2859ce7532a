/* log_roll.h -- the files into which a log is written, one after the other. A fiber of its own
 * makes the next file while the second half of the current one is written. It does not make it
 * earlier, so that a log without writes takes little space.
 *
 * Always true: a run writes only into files that it has begun itself, each from its beginning to
 * its end. Files of an earlier run, and files with a failed write, are only read and removed. An
 * older file ends where the next file begins, whatever bytes it holds behind that. A file that is
 * not needed any more is used again only if this run has begun it, after the last failure, and if
 * it is not pinned (log_pin()). */
#pragma once

#include "reactor/fibers/sync.h"
#include "shards/folder/whole_file.h"
#include "shards/log/log.h"

struct file;

struct log_roll {
    struct log_options options;
    char dir[PATH_TEXT_MAX];
    /* the current file; NULL before the first log_roll_begin() and after one that failed */
    struct file *file;
    uint64_t file_start, file_end; /* positions */
    /* ready under its own name, begins at file_end; NULL: not ready */
    struct file *next;
    uint64_t written_to; /* position */
    uint64_t reuse_from; /* a position: files that begin before it are not used again */
    bool preparer_runs, preparing, held, stopping;
    struct event wanted, changed;
};

/* Starts the fiber that makes files. Copies options, also the string dir. */
MUST_USE int log_roll_start(struct log_roll *r, const struct log_options *options);
/* Ends the fiber and closes the files. Waits. */
void log_roll_stop(struct log_roll *r);

/* Begins a new file at position `from`, in place of a file that begins there. Copies the blocks of
 * [from, to) into it, makes that durable, and removes all later files. Waits. */
MUST_USE int log_roll_begin(struct log_roll *r, uint64_t from, uint64_t to);
/* Goes on to the next file. The current one must be full and flushed. Waits. */
MUST_USE int log_roll_on(struct log_roll *r);
/* Notes that the log is written up to position. The fiber then may make the next file. */
void log_roll_written_to(struct log_roll *r, uint64_t position);
/* Makes no files in advance until the next log_roll_begin(). */
void log_roll_hold(struct log_roll *r);
void log_roll_settle(struct log_roll *r);                /* log_settle() */
void log_roll_save_space(struct log_roll *r, bool save); /* log_save_space() */

/* Keeps one file that ends before position to be used again, and removes the others. A failure
 * costs only space. Waits. */
void log_roll_free_before(struct log_roll *r, uint64_t position);
