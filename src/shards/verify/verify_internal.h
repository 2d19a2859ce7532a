/* verify_internal.h -- the struct and functions that the files of the check share. */
#pragma once

#include "reactor/file.h"
#include "shards/manifest/manifest.h"
#include "shards/verify/verify.h"

/* bytes that are read at once: more than the largest block of a log takes */
#define VERIFY_WINDOW ((size_t)17 << 16)

/* A file that is read past the page cache, where the file system allows that. */
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
    struct error *error; /* of the step; only verify_reload() sets its text */
};

/* Adds up the bytes that were checked, and pauses. 1: the step ends here; negative:
 * the check was ended. */
MUST_USE int verify_count(struct verify *v, uint64_t bytes);
void verify_report(struct verify *v, const char *file, const char *region, uint64_t offset, const char *format, ...)
    PRINTF_LIKE(5, 6);

/* Opens a file by its path in the folder. -ENOENT and so on. */
MUST_USE int verify_file_open(struct verify *v, const char *name, struct verify_file *ret);
void verify_file_close(struct verify_file *f);
/* Reads n bytes from offset into the window. n is a multiple of 4096 and at most VERIFY_WINDOW;
 * offset is a multiple of 4096. Returns how many bytes it has read, fewer than n only at the end of
 * the file, or the errno of the disk. */
MUST_USE int64_t verify_file_read(struct verify *v, struct verify_file *f, size_t n, uint64_t offset);

/* Check the log or segment at *v->at, and move its offset on. 0: call again; 1: the step ends here.
 * At the end of the log or segment they set the offset to VERIFY_FINISHED. */
#define VERIFY_FINISHED UINT64_MAX
MUST_USE int verify_log(struct verify *v);
MUST_USE int verify_segment(struct verify *v);

/* How many bytes of a reactor's log have to be checked. */
MUST_USE int verify_log_bytes(struct verify *v, unsigned reactor, uint64_t *ret);
void verify_segment_name(uint64_t id, char name[VERIFY_FILE_MAX]);

/* Reads the manifest again, to see whether a missing file is still needed. A failure ends
 * the step with v->error. */
MUST_USE int verify_reload(struct verify *v);
