/* manifest_log.h -- makes changes of the manifest durable by appending them to its file.
 *
 * All changes that wait when a flush begins share that flush. When the changes have grown longer
 * than the state before them, the file is replaced by one with only a state. Belongs to the reactor
 * that owns the manifest. */
#pragma once

#include "shards/manifest/manifest.h"
#include "shards/manifest/manifest_parse.h"

struct file;

struct manifest_log {
    const char *dir;
    struct manifest *manifest; /* has the durable changes only */
    struct file *file;         /* NULL: the next write first replaces the whole file */
    struct manifest_extent extent;
    struct manifest_waiter *first, **last;
};

/* A change that waits to become durable. It lies in the caller's memory. */
struct manifest_waiter {
    const struct manifest_change *change;
    struct manifest_waiter *next;
    bool done;
    int rc;
};

/* dir and m are borrowed until manifest_log_close(). */
void manifest_log_open(struct manifest_log *l, const char *dir, struct manifest *m);
void manifest_log_close(struct manifest_log *l);

/* Adds a change, which waits for the next manifest_log_write(). Borrows w and change until
 * w->done. */
void manifest_log_add(struct manifest_log *l, struct manifest_waiter *w, const struct manifest_change *change);
/* Makes waiting changes durable, then makes them in memory, and marks them done: with 0, the errno
 * of manifest_check(), -ENOMEM, or the errno of the disk. It may leave changes for another call, if
 * they depend on one before. The caller holds a lock, so that there is one call at a time.
 * Waits. */
void manifest_log_write(struct manifest_log *l);
/* Notes that the manifest was changed in another way: the next write begins with the whole
 * state. */
void manifest_log_reset(struct manifest_log *l);

/* Replaces the file by one with the state m. *ret: the file, open for changes. Waits. */
MUST_USE int manifest_replace(const char *dir, const struct manifest *m, struct file **ret,
                              struct manifest_extent *ret_extent);
