/* read_only.h -- a store while the disk is full or fails: it refuses what needs space, and
 * everything else goes on.
 *
 * Reactor 0 decides for the whole folder. A store that meets a failure reports it through its hook
 * and refuses writes. It takes writes again when reactor 0 says so.
 *
 * Time is counted in rounds. A new round begins when the disk is trusted again. An operation
 * that began in an earlier round and fails now says nothing about the disk of today, so it
 * is only tried again. */
#pragma once

#include "shards/store.h"

/* Whether the errno says that the disk is full or fails. */
bool disk_failed(int rc);
/* Whether the errno says that the disk is full, so that removing files helps. */
bool disk_is_full(int rc);
/* "disk_full", "disk_error", "disk_read_only": for metrics and /readyz. */
const char *disk_failure_name(int rc);

/* Sets the error for a write that is refused because of rc. Returns its errno. */
int read_only_refuse(int rc, const char *dir, struct error *error);
/* Refuses upserts from now on, because of rc. If the disk is full and the log has failed, recovers
 * the log in the space that is left, so that points can be deleted. Waits. */
void store_turn_read_only(struct store *s, int rc);
/* Begins a round: recovers the log if it has failed, and takes writes again. An errno: the log
 * still fails, and writes are still refused. Waits. */
MUST_USE int store_turn_writable(struct store *s, uint64_t round);
/* The errno because of which the store refuses upserts; 0: it takes them. */
int store_read_only(const struct store *s);
/* The round at hand. */
uint64_t store_round(const struct store *s);
/* Bytes of disk space that the store needs to go on: for frozen segments, and for a log file. */
uint64_t store_space_wanted(const struct store *s);

/* -- inside src/shards -- */

/* A step that began in that round has failed with rc. If the disk or the log has failed, makes the
 * store read-only, and reports it through the hook. True: the step began in an earlier round, and
 * may be tried again at once. Does not wait. */
bool store_met_failure(struct store *s, int rc, uint64_t round);
/* About how many bytes frozen segments will take on the disk. */
uint64_t store_bytes_to_seal(const struct store *s);
/* Bytes of disk that a step may take. It must leave room for a log file. On a full disk it must
 * leave as much as it takes, because deletions need space. UINT64_MAX: the space is not known.
 * Waits. */
uint64_t store_room(const struct store *s);
