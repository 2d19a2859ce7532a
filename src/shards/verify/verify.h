/* verify.h -- checks every checksum of a data folder: of the manifest, of the logs as far as they
 * are needed and durable, and of the sealed segments. It also reads the records of the logs, as a
 * start would. It finds all damage, not only the first, and changes nothing.
 *
 * It works on a folder that is being served, on one that is not, and on any other with the same
 * layout. Files are read past the page cache where the system allows it, so that the disk is
 * checked. A file that is removed meanwhile, because it is not needed any more, is no damage. The
 * check has steps, so that a client sees its progress and can stop it. */
#pragma once

#include "reactor/fibers/fiber.h"
#include "shards/folder/whole_file.h"
#include "shards/segment/container.h"

#define VERIFY_FILE_MAX 80

struct verify_damage {
    char file[VERIFY_FILE_MAX];      /* path in the folder: "segments/000000000000000c.seg" */
    char region[CONTAINER_NAME_MAX]; /* of a segment's file; may be empty */
    uint64_t offset;                 /* in the file */
    char what[160];                  /* "the checksum of 4096 bytes does not match" */
};

struct verify_options {
    const char *dir;
    uint64_t collection; /* checks only its segments, and the manifest; 0: everything */
    /* a step ends when it has read about so many bytes; 0: at the end of the check */
    uint64_t bytes_max;
    /* Returns up to which position the log of a reactor is on stable storage now. Waits. NULL: the
     * log is not being written, and its blocks say how far it is durable. */
    int (*log_durable)(unsigned reactor, uint64_t *ret, void *arg);
    void (*on_damage)(const struct verify_damage *damage, void *arg);
    /* Called with the bytes checked so far. May be NULL. Returns 1 to end this step, or a negative
     * errno to end the check. */
    int (*on_progress)(uint64_t bytes, void *arg);
    void *arg;
};

enum verify_kind { VERIFY_MANIFEST, VERIFY_LOG, VERIFY_SEGMENT, VERIFY_DONE };

/* The place at which the check goes on. Zero-initialised: the beginning. It has plain numbers only,
 * so it can be sent to a client and back. */
struct verify_cursor {
    uint32_t kind;   /* enum verify_kind */
    uint64_t item;   /* the reactor of a log, the id of a segment */
    uint64_t offset; /* a position in the log, or in the segment's file */
};

struct verify_progress {
    uint64_t bytes_total;           /* of everything; set by the first step */
    uint64_t bytes, files, damages; /* sums over all steps */
};

/* Does a step from *at on. Returns 0 and moves *at on (VERIFY_DONE: the check is finished). A
 * negative errno: the check cannot go on, because of memory or permission, or because on_progress
 * or log_durable has ended it. Waits. */
MUST_USE int verify_step(const struct verify_options *options, struct verify_cursor *at,
                         struct verify_progress *progress, struct error *error);
