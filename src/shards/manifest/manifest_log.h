/* manifest_log.h -- changes of the manifest, made durable by appending them to its file.
 *
 * All changes that wait when a flush begins ride that flush. When the changes have grown longer
 * than the state before them, the file is replaced by one that has only the state. Belongs to the
 * reactor that owns the manifest. */
#pragma once

#include "shards/manifest/manifest.h"
#include "shards/manifest/manifest_parse.h"

struct file;

struct manifest_log {
    const char *dir;
    struct manifest *manifest; /* what is durable */
    struct file *file;         /* NULL: the next write replaces the whole file */
    struct manifest_extent extent;
    struct manifest_waiter *first, **last;
};

/* A change that waits, in its maker's memory. */
struct manifest_waiter {
    const struct manifest_change *change;
    struct manifest_waiter *next;
    bool done;
    int rc;
};

/* dir and m are borrowed until manifest_log_close(). */
void manifest_log_open(struct manifest_log *l, const char *dir, struct manifest *m);
void manifest_log_close(struct manifest_log *l);

/* The change waits for the next manifest_log_write(). */
void manifest_log_add(struct manifest_log *l, struct manifest_waiter *w, const struct manifest_change *change);
/* Makes waiting changes durable, then in memory, and marks them done, each with 0, -ENOENT or
 * -EEXIST (manifest_check()), -ENOMEM, or the disk's error. It may leave some for another
 * call: those that concern the same collection as one before. One call at a time: the caller
 * holds a lock. Waits. */
void manifest_log_write(struct manifest_log *l);
/* The manifest was changed in another way: the next write begins with its whole state. */
void manifest_log_reset(struct manifest_log *l);

/* The file of a state, open for changes behind it. */
MUST_USE int manifest_replace(const char *dir, const struct manifest *m, struct file **ret,
                              struct manifest_extent *ret_extent);
