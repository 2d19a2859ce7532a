/* snapshot.h -- the whole data folder as it was at one moment, kept beside it.
 *
 *   DIR/snapshots/NAME/manifest                     as DIR/manifest, and the position at which each
 *                                                   log ends
 *   DIR/snapshots/NAME/segments/ID.seg              second names of the files in DIR/segments
 *   DIR/snapshots/NAME/log/NUMBER/R-POSITION.log    second names of those in DIR/log/NUMBER
 *   DIR/snapshots/.NAME.new                         one that is being made or removed; a start
 *                                                   removes it
 *   DIR/restoring                                   the name of the snapshot that is being
 *                                                   restored; a start goes on with it
 *
 * All that a folder holds is written once and then left alone: segments are immutable, a log is
 * only appended to, and the manifest says where it ends. So a second name is as good as a copy, and
 * costs no space until the first name goes. Where the file system knows no second names the files
 * are copied. A snapshot is never changed; restoring one gives its files names in DIR again.
 *
 * The functions know no actor and take no lock: one of them at a time, but for snapshots_list() and
 * snapshot_verify_step(). All of them wait. Errors: ERROR_NOT_FOUND (names what is there),
 * ERROR_ALREADY_EXISTS, ERROR_INVALID_ARGUMENT (the name), ERROR_CORRUPT (file and offset),
 * ERROR_RESOURCE_EXHAUSTED (the disk is full), ERROR_IO. */
#pragma once

#include "shards/manifest/manifest.h"

#define SNAPSHOT_NAME_MAX 65 /* with the 0 */

struct context;
struct store;

struct snapshot_info {
    char name[SNAPSHOT_NAME_MAX];
    bool damaged; /* its manifest cannot be read: nothing below is known */
    uint64_t created_ns;
    uint64_t collections, segments;
    uint64_t segment_rows; /* dead ones too; what is only in the log is not counted */
    uint64_t log_bytes;    /* to be replayed */
    uint64_t bytes;        /* of all its files */
};

/* Letters, digits, '.', '_', '-'; not a '.' first; 1 to 64 of them. */
MUST_USE int snapshot_name_check(const char *name, struct error *error);
/* "20261121-104500", the time in UTC; with "-2" and so on behind it for the next
 * ones of the same second. */
void snapshot_name_default(uint64_t wall_ns, unsigned others, char name[SNAPSHOT_NAME_MAX]);

/* The cut: makes the log of this store durable up to *ret_log_end, keeps every file before it
 * from being written again, and until store_snapshot_end() removes neither a segment nor a log
 * file that ends behind log_start, which is the manifest's. Only one at a time. After a failure
 * there is nothing to end. */
MUST_USE int store_snapshot_begin(struct store *s, uint64_t log_start, uint64_t *ret_log_end);
/* What was not removed meanwhile is removed now. Does nothing when none was begun. Waits. */
void store_snapshot_end(struct store *s);
/* Removes the file of a segment of which the manifest knows nothing any more, now or when a
 * snapshot does not need it. */
MUST_USE int store_remove_segment(struct store *s, uint64_t id);
/* Removes log files that a start does not need, nor a snapshot. */
void store_free_log(struct store *s);

/* Makes the snapshot of what m names; m->log_end[] must be set, and no file of m may be removed
 * meanwhile: the stores see to that between their begin and end. Until it is complete there is
 * nothing of that name. ctx (may be NULL): may be given up. */
MUST_USE int snapshot_create(const char *dir, const char *name, const struct manifest *m, const struct context *ctx,
                             struct snapshot_info *ret, struct error *error);
/* By name; free(*ret). */
MUST_USE int snapshots_list(const char *dir, struct snapshot_info **ret, size_t *ret_count, struct error *error);
MUST_USE int snapshot_delete(const char *dir, const char *name, struct error *error);

/* -- snapshot_verify.c -- */

/* Compares all checksums of a snapshot, file by file, so that whoever waits for it can
 * be told how far it is. */
struct snapshot_verify {
    uint64_t next; /* in: 0 to begin with, then as it came out */
    bool finished; /* out */
    uint64_t files, files_done, bytes_done;
};
/* Goes on until done or for about for_ns (0: until done). -ECANCELED and -ETIME by
 * ctx, which may be NULL. */
MUST_USE int snapshot_verify_step(const char *dir, const char *name, uint64_t for_ns, const struct context *ctx,
                                  struct snapshot_verify *v, struct error *error);

/* -- snapshot_restore.c -- */

/* Writes DIR/restoring: from here on the folder is the snapshot, whatever happens. The snapshot has
 * been verified. No store is open. */
MUST_USE int snapshot_restore_begin(const char *dir, const char *name, struct error *error);
/* Is one begun and not finished? Then a failed begin must not be cancelled: what the earlier
 * one removed is gone. */
bool snapshot_restore_is_pending(const char *dir);
/* Is it begun and not finished? Then the snapshot is needed. */
bool snapshot_is_restoring(const char *dir, const char *name);
/* After a failure of it: sees to it that there is no marker. As long as this fails too the folder
 * must not be written. */
MUST_USE int snapshot_restore_cancel(const char *dir);
/* If there is a DIR/restoring: makes the folder what the snapshot says and removes it; after a
 * failure the next start tries again. Also removes what is left of interrupted work on snapshots.
 * Whoever calls has locked the folder and loads the manifest afterwards. */
MUST_USE int snapshots_complete(const char *dir, struct error *error);
