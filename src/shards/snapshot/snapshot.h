/* snapshot.h -- snapshots: the data folder as it was at one moment, kept in a folder inside it.
 *
 *   DIR/snapshots/NAME/manifest                     like DIR/manifest, with the position at which
 *                                                   each log ends
 *   DIR/snapshots/NAME/segments/ID.seg              second names of files in DIR/segments
 *   DIR/snapshots/NAME/log/NUMBER/R-POSITION.log    second names of files in DIR/log/NUMBER
 *   DIR/snapshots/.NAME.new                         a snapshot that is being made or removed; a
 *                                                   start removes it
 *   DIR/restoring                                   the name of the snapshot that is being
 *                                                   restored; a start finishes the restore
 *
 * Bytes in a data folder are never changed once they are written. Segments are immutable. A log
 * is only appended to, and the manifest says where it ends. So a second name (a hard link) is
 * as good as a copy, and takes no space until the first name is removed. Where the file system
 * has no hard links, the files are copied. A snapshot is never changed. A restore gives its
 * files names in DIR again.
 *
 * The functions know no actors and take no lock. The caller calls one at a time, except
 * snapshots_list() and snapshot_verify_step(). All of them wait. Errors: ERROR_NOT_FOUND (it lists
 * the snapshots), ERROR_ALREADY_EXISTS, ERROR_INVALID_ARGUMENT (the name), ERROR_CORRUPT (file and
 * offset), ERROR_RESOURCE_EXHAUSTED (the disk is full), ERROR_IO. */
#pragma once

#include "shards/manifest/manifest.h"

#define SNAPSHOT_NAME_MAX 65 /* bytes with the ending 0 */

struct context;
struct store;

struct snapshot_info {
    char name[SNAPSHOT_NAME_MAX];
    bool damaged; /* its manifest cannot be read, and nothing below is known */
    uint64_t created_ns;
    uint64_t collections, segments;
    uint64_t segment_rows; /* with dead ones, without points that are only in the log */
    uint64_t log_bytes;    /* that a start would replay */
    uint64_t bytes;        /* of all files */
};

/* Checks a name: 1 to 64 letters, digits, '.', '_' or '-', and not '.' first. */
MUST_USE int snapshot_name_check(const char *name, struct error *error);
/* Makes a name from the time in UTC: "20261121-104500". others: how many snapshots of that second
 * exist; with others, "-2" and so on is added. */
void snapshot_name_default(uint64_t wall_ns, unsigned others, char name[SNAPSHOT_NAME_MAX]);

/* Begins a snapshot in this store. Makes its log durable up to *ret_log_end, and never writes into
 * a log file from before that position again. Until store_snapshot_end(), the store removes no
 * segment, and no log file that is needed from log_start on, the position in the manifest. One
 * snapshot at a time. After a failure there is nothing to end. Waits. */
MUST_USE int store_snapshot_begin(struct store *s, uint64_t log_start, uint64_t *ret_log_end);
/* Removes the files that would have been removed meanwhile. Does nothing when no
 * snapshot was begun. Waits. */
void store_snapshot_end(struct store *s);
/* Removes the file of a segment that the manifest does not name any more: now, or in
 * store_snapshot_end(). */
MUST_USE int store_remove_segment(struct store *s, uint64_t id);
/* Removes log files that neither a start nor a snapshot under way needs. */
void store_free_log(struct store *s);

/* Makes a snapshot of the files that m names. m->log_end[] must be set. No file of m may be removed
 * meanwhile: store_snapshot_begin() and store_snapshot_end() keep them. The name appears when the
 * snapshot is complete. ctx (may be NULL): can end it early. */
MUST_USE int snapshot_create(const char *dir, const char *name, const struct manifest *m, const struct context *ctx,
                             struct snapshot_info *ret, struct error *error);
/* Lists the snapshots. The caller calls free(*ret). */
MUST_USE int snapshots_list(const char *dir, struct snapshot_info **ret, size_t *ret_count, struct error *error);
MUST_USE int snapshot_delete(const char *dir, const char *name, struct error *error);

/* -- snapshot_verify.c -- */

/* The state of a check of all checksums of a snapshot. It is done file by file, so that the client
 * can be told its progress. */
struct snapshot_verify {
    uint64_t next;               /* 0 before the first step; the caller does not change it */
    bool columns_may_be_damaged; /* a damaged column is no error, because payloads replace it */
    bool finished;               /* all files are checked */
    uint64_t files, files_done, bytes_done;
};
/* Goes on with the check for about for_ns (0: to its end). -ECANCELED and -ETIME by
 * ctx, which may be NULL. */
MUST_USE int snapshot_verify_step(const char *dir, const char *name, uint64_t for_ns, const struct context *ctx,
                                  struct snapshot_verify *v, struct error *error);

/* -- snapshot_restore.c -- */

/* Writes DIR/restoring. From then on the folder counts as the snapshot, also after a crash. The
 * snapshot has been verified. No store is open. */
MUST_USE int snapshot_restore_begin(const char *dir, const char *name, struct error *error);
/* Whether a restore was begun and not finished. Then a later begin that failed must not be
 * cancelled, because the earlier restore has removed files. */
bool snapshot_restore_is_pending(const char *dir);
/* Whether a restore of this snapshot was begun and not finished. Then it must not be deleted. */
bool snapshot_is_restoring(const char *dir, const char *name);
/* After a failed snapshot_restore_begin(): makes sure that there is no DIR/restoring. While this
 * fails, too, the folder must not be written. */
MUST_USE int snapshot_restore_cancel(const char *dir);
/* If there is a DIR/restoring: makes the folder what the snapshot was, then removes DIR/restoring.
 * After a failure the next start tries again. Also removes snapshots that are not complete. The
 * caller has locked the folder, and loads the manifest afterwards. */
MUST_USE int snapshots_complete(const char *dir, struct error *error);
