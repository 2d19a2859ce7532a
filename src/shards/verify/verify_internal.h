/* verify_internal.h -- what the files of the check share. */
#pragma once

#include "reactor/file.h"
#include "shards/manifest/manifest.h"
#include "shards/verify/verify.h"

/* what is read at once: more than the largest block of a log takes */
#define VERIFY_WINDOW ((size_t)17 << 16)

/* A file that is read past the cache where that works. */
struct verify_file {
    struct file *file;
    uint64_t size;
    bool direct;
    char path[PATH_TEXT_MAX];
};

struct verify {
    const struct verify_options *options;
    struct verify_cursor *at;
    struct verify_progress *progress;
    struct manifest manifest;
    uint8_t *window; /* VERIFY_WINDOW bytes, aligned for direct reads */
    uint64_t began_bytes;
    struct error *error; /* of the step; only verify_reload() puts a sentence into it */
};

/* Counts what was checked, and pauses. 1: the step has done enough; negative: it was ended. */
MUST_USE int verify_count(struct verify *v, uint64_t bytes);
void verify_report(struct verify *v, const char *file, const char *region, uint64_t offset, const char *format, ...)
    PRINTF_LIKE(5, 6);

/* `name` is in the folder. -ENOENT and so on. */
MUST_USE int verify_file_open(struct verify *v, const char *name, struct verify_file *ret);
void verify_file_close(struct verify_file *f);
/* Reads up to n bytes (a multiple of 4096, at most VERIFY_WINDOW) from offset, a multiple of
 * 4096, into the window. Returns how many there are, less only at the end of the file; or a
 * negative errno of the disk. */
MUST_USE int64_t verify_file_read(struct verify *v, struct verify_file *f, size_t n, uint64_t offset);

/* Go on at *v->at. 0: go on; 1: the step is full; what has been looked at to its end has its offset
 * set to VERIFY_FINISHED. */
#define VERIFY_FINISHED UINT64_MAX
MUST_USE int verify_log(struct verify *v);
MUST_USE int verify_segment(struct verify *v);

/* How much of a reactor's log there is to check. */
MUST_USE int verify_log_bytes(struct verify *v, unsigned reactor, uint64_t *ret);
void verify_segment_name(uint64_t id, char name[VERIFY_FILE_MAX]);

/* Reads the manifest again: is what is missing still needed? A failure ends the step,
 * which tells v->error. */
MUST_USE int verify_reload(struct verify *v);
