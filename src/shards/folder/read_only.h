/* read_only.h -- what a store does while the disk is full or fails: it refuses what needs
 * space, and goes on with everything else. The decision is the folder's, not the store's: a
 * store that meets a failure says so through its hook, refuses writes itself from then on,
 * and waits to be told.
 *
 * Time is counted in rounds: a new one begins whenever the disk is trusted again. What fails
 * because of a write that was lost in an earlier round is old news, and no reason to trust the disk
 * less now; it is only tried again. */
#pragma once

#include "shards/store.h"

/* Is this errno the disk's way of saying no? */
bool disk_failed(int rc);
/* Is it that there is no room? Then removing something helps. */
bool disk_is_full(int rc);
/* "disk_full", "disk_error", "disk_read_only": for metrics and /readyz. */
const char *disk_failure_name(int rc);

/* The sentence for a write that is refused because of rc; returns the errno that stands for it. */
int read_only_refuse(int rc, const char *dir, struct error *error);
/* Stops taking upserts. rc: why. If the disk is full, and the log failed, makes the log work again
 * with what space there is, so that points can be deleted. Waits. */
void store_turn_read_only(struct store *s, int rc);
/* A round begins: takes writes again, after making the log work if it failed. An errno: it still
 * does not, and no writes are taken. Waits. */
MUST_USE int store_turn_writable(struct store *s, uint64_t round);
/* Why the store takes no upserts; 0: it does. */
int store_read_only(const struct store *s);
/* What failed in an earlier round may be tried again at once. */
uint64_t store_round(const struct store *s);
/* Bytes of disk space it takes to go on: for what waits to be sealed, and a log file. */
uint64_t store_space_wanted(const struct store *s);

/* -- inside src/shards -- */

/* A step that began in that round met rc; if that is the disk's failure, the store is read-only
 * from now on, and the folder hears of it. True: it is old news. Does not wait. */
bool store_met_failure(struct store *s, int rc, uint64_t round);
/* Bytes that frozen segments will take on the disk, about. */
uint64_t store_bytes_to_seal(const struct store *s);
/* May a step that needs so many bytes begin? Only if it leaves room for a log file; on a full disk,
 * for as much again, because deletions need it. 0 or -ENOSPC. Waits. */
MUST_USE int store_room_for(const struct store *s, uint64_t bytes);
