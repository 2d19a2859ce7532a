/* verify.h -- checks every checksum of what a data folder holds: the manifest, the logs as
 * far as they are needed and durable, the sealed segments. Finds all damage, not only the
 * first; changes nothing.
 *
 * Works on a folder that is being served, on one at rest, and on whatever else has the same layout.
 * Files are read past the page cache where the system allows it, so that it is the disk that is
 * checked; a file that goes away meanwhile because nobody needs it any more is no damage. Done in
 * steps, because a client that asks wants to see progress and to stop. Waits. */
#pragma once

#include "reactor/fibers/fiber.h"
#include "shards/folder/whole_file.h"
#include "shards/segment/container.h"

#define VERIFY_FILE_MAX 80

struct verify_damage {
    char file[VERIFY_FILE_MAX];      /* in the folder: "segments/000000000000000c.seg" */
    char region[CONTAINER_NAME_MAX]; /* of a segment; may be empty */
    uint64_t offset;                 /* in the file */
    char what[160];                  /* "the checksum of 4096 bytes does not match" */
};

struct verify_options {
    const char *dir;
    uint64_t collection; /* only its segments, and the manifest; 0: everything */
    uint64_t bytes_max;  /* a step ends when it has read about so many; 0: only at the end */
    /* Up to which position the log of a reactor is on stable storage now; waits. NULL: nobody
     * writes, the log itself says it. */
    int (*log_durable)(unsigned reactor, uint64_t *ret, void *arg);
    void (*on_damage)(const struct verify_damage *damage, void *arg);
    /* May be NULL. How far the check has come; 1: this step has done enough; a
     * negative return ends it. */
    int (*on_progress)(uint64_t bytes, void *arg);
    void *arg;
};

enum verify_kind { VERIFY_MANIFEST, VERIFY_LOG, VERIFY_SEGMENT, VERIFY_DONE };

/* Where the check stands. Zero-initialised is the beginning; plain numbers that may travel. */
struct verify_cursor {
    uint32_t kind;   /* enum verify_kind */
    uint64_t item;   /* the reactor of a log, the id of a segment */
    uint64_t offset; /* a position in the log, or in the segment's file */
};

struct verify_progress {
    uint64_t bytes_total;           /* of everything; set by the step that begins */
    uint64_t bytes, files, damages; /* added up over the steps */
};

/* Goes on from *at. Returns 0 (*at is then further on; VERIFY_DONE: finished), or a negative
 * errno when the check itself could not go on: no memory, no permission, ended by
 * on_progress or log_durable. */
MUST_USE int verify_step(const struct verify_options *options, struct verify_cursor *at,
                         struct verify_progress *progress, struct error *error);
