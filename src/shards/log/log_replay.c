/* log_replay.c -- reads a log back. One file at a time is mapped. The payloads of the blocks of a
 * group are put together in a buffer. */
#include "base/log.h"
#include "base/memory.h"
#include "reactor/file.h"
#include "shards/log/log_block.h"
#include "shards/log/log_files.h"
#include "shards/log/log_mark.h"

#include <errno.h>
#include <stdlib.h>

#define COPY_BYTES ((uint64_t)1 << 20)

struct replay {
    const struct log_options *options;
    struct log_file_list files;
    size_t file; /* index of the mapped file; files.count: none */
    struct mapping mapping;
    struct buffer group;
    /* a mark says that the log was flushed up to here (log_mark.h); 0: no mark */
    uint64_t flushed;
    /* where the last block behind the end of the log ends; 0: no block is behind it */
    uint64_t cut_to;
    struct error *error;
};

/* A file may be larger than its part of the log, which ends where the next file begins. */
static uint64_t file_end(const struct replay *r)
{
    uint64_t end = r->files.starts[r->file] + r->mapping.size;
    bool is_last = r->file + 1 == r->files.count;
    return is_last || end < r->files.starts[r->file + 1] ? end : r->files.starts[r->file + 1];
}

static int map_file(struct replay *r, size_t i)
{
    char path[PATH_TEXT_MAX];
    mapping_close(&r->mapping);
    r->mapping = (struct mapping){0};
    r->file = i;
    int rc = log_file_path(r->options, r->files.starts[i], path);
    if (rc == 0)
        rc = mapping_open(path, &r->mapping);
    return rc < 0 ? error_set_errno(r->error, rc, "opening %s", path) : 0;
}

/* Maps the file that holds the position. 1: it is mapped; 0: no file holds the position. */
static int seek(struct replay *r, uint64_t position)
{
    size_t i = r->file;
    if (i < r->files.count && position >= r->files.starts[i] && position < file_end(r))
        return 1;
    for (i = r->files.count; i-- > 0;)
        if (r->files.starts[i] <= position)
            break;
    if (i >= r->files.count)
        return 0;
    int rc = i == r->file ? 0 : map_file(r, i);
    return rc < 0 ? rc : position < file_end(r);
}

/* A page that the disk did not give back reads as zeros, which look like the end of the log. */
static int check_read(struct replay *r)
{
    char path[PATH_TEXT_MAX];
    uint64_t offset;
    if (!mapping_lost(&r->mapping, &offset))
        return 0;
    if (log_file_path(r->options, r->files.starts[r->file], path) < 0)
        path[0] = 0;
    return error_set(r->error, ERROR_IO,
                     "%s cannot be read at offset %llu: the disk does not give these bytes back; mend the disk and "
                     "start again, or restore the data folder from a snapshot",
                     path, (unsigned long long)offset);
}

/* Reads the block at position. 1: it is a block of this log. 0: it is not, or is left over from an
 * older use of the file. */
static int block_at(struct replay *r, uint64_t position, struct log_block *b)
{
    int rc = seek(r, position);
    if (rc <= 0)
        return rc;
    size_t offset = (size_t)(position - r->files.starts[r->file]);
    bool is_block = log_block_read(r->mapping.bytes + offset, r->mapping.size - offset, b) && b->position == position &&
                    b->epoch == r->options->epoch && b->reactor == r->options->reactor;
    rc = check_read(r);
    return rc < 0 ? rc : is_block;
}

static int damaged(struct replay *r, uint64_t position)
{
    char path[PATH_TEXT_MAX];
    size_t i = r->files.count;
    while (i > 0 && r->files.starts[i - 1] > position)
        i--;
    uint64_t start = i > 0 ? r->files.starts[i - 1] : position;
    if (log_file_path(r->options, start, path) < 0)
        path[0] = 0;
    if (i == 0)
        return error_set(
            r->error, ERROR_CORRUPT,
            "%s is missing, or one before it that held this part of the log; restore the data folder from a snapshot",
            path);
    return error_set(r->error, ERROR_CORRUPT,
                     "%s is damaged at offset %llu: what was written there had been acknowledged; restore the data "
                     "folder from a snapshot",
                     path, (unsigned long long)(position - start));
}

/* No valid block is at `position`. If a block was begun there all the same, sets r->cut_to. */
static int find_begun(struct replay *r, uint64_t position)
{
    size_t extent;
    int rc = seek(r, position);
    if (rc <= 0)
        return rc;
    size_t offset = (size_t)(position - r->files.starts[r->file]), left = r->mapping.size - offset;
    const uint8_t *bytes = r->mapping.bytes + offset;
    struct log_block whole; /* a valid one is left over from an older use of the file */
    if (!log_block_read(bytes, left, &whole) &&
        log_block_begun(bytes, left, position, r->options->epoch, (uint16_t)r->options->reactor, &extent))
        r->cut_to = position + extent;
    return check_read(r);
}

/* A torn write cannot be told from damage to the last writes. So the operator gets a
 * warning with the place. */
static void warn_cut(const struct replay *r, uint64_t position, uint64_t bytes)
{
    char path[PATH_TEXT_MAX];
    size_t i = r->files.count;
    while (i > 1 && r->files.starts[i - 1] > position)
        i--;
    uint64_t start = i > 0 ? r->files.starts[i - 1] : position;
    if (log_file_path(r->options, start, path) < 0)
        path[0] = 0;
    log_warn(
        "%s: %llu bytes at offset %llu, behind the last whole write, are not whole and are cut off. After a power "
        "failure that is normal: they were never acknowledged. Otherwise the disk has damaged them, and writes that "
        "were acknowledged may be gone: check the disk",
        path, (unsigned long long)bytes, (unsigned long long)(position - start));
}

/* The block at `position` is not valid. Looks at everything behind it, to find out whether it was
 * ever acknowledged: then the log is damaged. */
static int judge_end(struct replay *r, uint64_t position, uint64_t run)
{
    struct log_block b;
    uint64_t at = position + LOG_UNIT;
    if (r->options->known_end || position < r->flushed)
        return damaged(r, position);
    int rc = find_begun(r, position);
    if (rc < 0)
        return rc;
    for (;; at += LOG_UNIT) {
        rc = seek(r, at);
        if (rc < 0)
            return rc;
        if (rc == 0) { /* go on in the next file, if there is one */
            size_t i = 0;
            while (i < r->files.count && r->files.starts[i] <= at)
                i++;
            if (i == r->files.count)
                return 0;
            at = r->files.starts[i];
        }
        rc = block_at(r, at, &b);
        if (rc < 0)
            return rc;
        if (rc && b.run >= run && b.durable > position)
            break;
        if (rc && b.run >= run)
            r->cut_to = at + log_block_extent(b.size);
        fiber_checkpoint();
    }
    return damaged(r, position);
}

/* Reads blocks from end->position on until a group is complete. 1: r->group has it.
 * 0: the log ends here. */
static int next_group(struct replay *r, struct log_end *end)
{
    struct log_block b;
    uint64_t position = end->position, run = end->run, durable = end->durable;
    r->group.size = 0;
    if (position == r->options->known_end && position)
        return 0;
    for (;;) {
        int rc = block_at(r, position, &b);
        if (rc < 0)
            return rc;
        bool is_first = position == end->position;
        /* all blocks of a group have one run */
        if (!rc || b.run < run || (!is_first && b.run != run)) {
            r->cut_to = is_first ? 0 : position;
            return judge_end(r, position, run);
        }
        if (b.format > LOG_FORMAT)
            return error_set(
                r->error, ERROR_VERSION,
                "the log was written by a newer Kith (log format %u, this one reads up to %d); use that version",
                b.format, LOG_FORMAT);
        if (b.format < LOG_FORMAT)
            return error_set(r->error, ERROR_VERSION,
                             "the log was written by an older Kith (log format %u, this one reads format %d only); use "
                             "that version, or import the points into a new data folder",
                             b.format, LOG_FORMAT);
        rc = buffer_append(&r->group, b.payload, b.size);
        if (rc == 0)
            rc = check_read(r);
        if (rc < 0)
            return rc;
        run = b.run;
        if (b.durable > durable && b.durable <= position)
            durable = b.durable;
        position += log_block_extent(b.size);
        fiber_checkpoint();
        if (!(b.flags & LOG_CONTINUED))
            break;
    }
    if (r->options->known_end && position > r->options->known_end)
        return damaged(r, end->position);
    *end = (struct log_end){.position = position, .durable = durable, .run = run};
    return 1;
}

int log_replay(const struct log_options *options, uint64_t start, log_group_fn fn, void *arg, struct log_end *ret_end,
               struct error *error)
{
    struct replay r = {.options = options, .error = error};
    struct log_end end = {.position = start, .durable = start};
    int rc = log_files_list(options, &r.files);
    if (rc < 0)
        return error_set_errno(error, rc, "listing %s", options->dir);
    r.file = r.files.count;
    rc = log_mark_read(options, &r.flushed, error);
    while (rc >= 0) {
        uint64_t position = end.position;
        rc = next_group(&r, &end);
        if (rc <= 0)
            break;
        rc = fn(r.group.bytes, r.group.size, position, arg);
        if (rc < 0) {
            if (error && error->code == ERROR_OK)
                error_set_errno(error, rc, "replaying the log in %s", options->dir);
            break;
        }
    }
    if (rc == 0 && r.cut_to > end.position) {
        end.cut = r.cut_to - end.position;
        warn_cut(&r, end.position, end.cut);
    }
    mapping_close(&r.mapping);
    buffer_fini(&r.group);
    free(r.files.starts);
    *ret_end = end;
    return rc;
}

int log_copy(const struct log_options *options, uint64_t from, uint64_t to, struct file *into)
{
    struct replay r = {.options = options};
    int rc = log_files_list(options, &r.files);
    if (rc < 0)
        return rc;
    r.file = r.files.count;
    for (uint64_t at = from, n; rc == 0 && at < to; at += n) {
        rc = seek(&r, at);
        if (rc <= 0) {
            rc = rc < 0 ? rc : -EIO;
            break;
        }
        n = file_end(&r) - at;
        n = n < to - at ? n : to - at;
        n = n < COPY_BYTES ? n : COPY_BYTES;
        rc = file_write(into, r.mapping.bytes + (at - r.files.starts[r.file]), n, at - from);
        if (rc == 0)
            rc = check_read(&r);
        fiber_checkpoint();
    }
    mapping_close(&r.mapping);
    free(r.files.starts);
    return rc;
}

/* A file that was made in advance has no block at its beginning, and does not count. */
uint64_t log_extent(const struct log_options *options, uint64_t start)
{
    struct replay r = {.options = options};
    struct log_block b;
    uint64_t end = 0;
    if (log_files_list(options, &r.files) < 0)
        return 0;
    r.file = r.files.count;
    for (size_t i = r.files.count; i-- > 0 && !end;) {
        uint64_t at = r.files.starts[i] > start ? r.files.starts[i] : start;
        if (block_at(&r, at, &b) > 0)
            end = r.files.starts[i] + r.mapping.size;
    }
    mapping_close(&r.mapping);
    free(r.files.starts);
    if (options->known_end && end > options->known_end)
        end = options->known_end;
    return end > start ? end - start : 0;
}
