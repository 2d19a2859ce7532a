/* snapshot_files.h -- finds the files that a manifest needs, and gives them second names. All
 * functions with I/O wait. */
#pragma once

#include "shards/folder/whole_file.h"
#include "shards/snapshot/snapshot.h"

/* Gives every file that m needs a second name in `to`, or copies it, and makes that durable. The
 * files are in `from`, a data folder or a snapshot: the segments, and the log files between the
 * start and end of each log. Makes the folders segments/ and log/N/ in `to`. *ret_bytes: the bytes
 * of all files. ctx (may be NULL): can end it early. */
MUST_USE int snapshot_files_link(const char *from, const char *to, const struct manifest *m, const struct context *ctx,
                                 uint64_t *ret_bytes, struct error *error);

/* Whether there is such a snapshot: 0, or an error for a wrong name (-EINVAL) or a
 * missing snapshot (-ENOENT). */
MUST_USE int snapshot_find(const char *dir, const char *name, struct error *error);
/* Writes DIR/snapshots/NAME into path[PATH_TEXT_MAX]. */
MUST_USE int snapshot_path(char *path, const char *dir, const char *name);
/* Removes a directory with everything in it. 0 when it is not there. */
MUST_USE int tree_remove(const char *path);
/* Removes everything in a directory. */
MUST_USE int tree_empty(const char *path);
/* Sets the error for an errno, with advice if the disk is full. Returns the negative errno. */
int snapshot_error(struct error *error, int rc, const char *doing, const char *name);
