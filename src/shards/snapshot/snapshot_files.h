/* snapshot_files.h -- which files a manifest needs, and giving them second names. Waits. */
#pragma once

#include "shards/folder/whole_file.h"
#include "shards/snapshot/snapshot.h"

/* Gives every file of the folder or snapshot `from` that m needs (its segments, and of the logs
 * what lies between their starts and ends) a second name in `to`, or copies it, makes that durable,
 * and adds up the bytes of the files. The folders segments/ and log/N/ in `to` are made. ctx (may
 * be NULL): may be given up. */
MUST_USE int snapshot_files_link(const char *from, const char *to, const struct manifest *m, const struct context *ctx,
                                 uint64_t *ret_bytes, struct error *error);

/* 0, or the sentence for a wrong name (-EINVAL) or one that is not there (-ENOENT). */
MUST_USE int snapshot_find(const char *dir, const char *name, struct error *error);
/* DIR/snapshots/NAME into path[PATH_TEXT_MAX]. */
MUST_USE int snapshot_path(char *path, const char *dir, const char *name);
/* Removes a directory and what is in it; 0 when it is not there. */
MUST_USE int tree_remove(const char *path);
/* Removes what is in a directory. */
MUST_USE int tree_empty(const char *path);
/* The sentence for a disk that is full, or for any other errno. Returns the negative errno. */
int snapshot_error(struct error *error, int rc, const char *doing, const char *name);
