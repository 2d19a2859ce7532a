/* verify_log.c -- checks every block between the position from which the log is needed and the
 * position up to which it is durable. Blocks behind that may be half written. If the log is not
 * being written, its blocks say how far it was durable.
 *
 * While the server runs, log files come and go. So a block that is wrong is read again, with a
 * fresh manifest, before it is reported as damage. */
#include "shards/log/log_block.h"
#include "shards/log/log_files.h"
#include "shards/log/log_mark.h"
#include "shards/verify/verify_internal.h"
#include "shards/verify/verify_records.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MAX log_block_extent(LOG_BLOCK_PAYLOAD_MAX)
static_assert(VERIFY_WINDOW >= LOG_BLOCK_PAYLOAD_MAX + 2 * LOG_UNIT, "the largest block fits");

struct walk {
    struct verify *v;
    char dir[PATH_TEXT_MAX];
    struct log_options log;
    struct log_file_list files;
    size_t current; /* index of the open file; files.count: none is open */
    struct verify_file file;
    uint64_t window_at; /* position in the log of the window's first byte */
    size_t window_size; /* 0: the window is empty */
    uint64_t run;       /* run of the last right block; runs never fall */
    struct verify_records records;
    /* a block with a format that this version does not read was reported */
    bool reported_format;
};

static void close_current(struct walk *w)
{
    if (w->current < w->files.count)
        verify_file_close(&w->file);
    w->current = w->files.count;
    w->window_size = 0;
}

static void walk_fini(struct walk *w)
{
    close_current(w);
    verify_records_fini(&w->records);
    free(w->files.starts);
    w->files = (struct log_file_list){0};
    w->current = 0;
}

static int walk_init(struct walk *w, struct verify *v, unsigned reactor)
{
    *w = (struct walk){.v = v};
    w->log = (struct log_options){.dir = w->dir, .epoch = v->manifest.epoch, .reactor = reactor};
    int rc = path_join(w->dir, v->options->dir, "log/%" PRIu64, v->manifest.log_dir);
    if (rc == 0)
        rc = log_files_list(&w->log, &w->files);
    w->current = w->files.count;
    /* without the directory, every block is reported as missing */
    return rc == -ENOENT ? 0 : rc;
}

static void file_name(const struct walk *w, uint64_t start, char name[VERIFY_FILE_MAX])
{
    snprintf(name, VERIFY_FILE_MAX, "log/%" PRIu64 "/%u-%016" PRIx64 ".log", w->v->manifest.log_dir, w->log.reactor,
             start);
}

/* The index of the file whose piece of the log holds the position; files.count: none does. */
static size_t file_of(const struct walk *w, uint64_t position)
{
    size_t i = w->files.count;
    while (i > 0 && w->files.starts[i - 1] > position)
        i--;
    return i == 0 ? w->files.count : i - 1;
}

/* The position at which the piece of file i ends: the end of the file, or the
 * start of the next one. */
static uint64_t piece_end(const struct walk *w, size_t i)
{
    uint64_t end = w->files.starts[i] + w->file.size;
    return i + 1 < w->files.count && w->files.starts[i + 1] < end ? w->files.starts[i + 1] : end;
}

/* Reads the bytes from position on into the window, and sets *ret to them. Returns how many there
 * are; 0: no file has them. */
static int64_t look_at(struct walk *w, uint64_t position, const uint8_t **ret)
{
    size_t i = file_of(w, position);
    if (i == w->files.count)
        return 0;
    if (i != w->current) {
        char name[VERIFY_FILE_MAX];
        close_current(w);
        file_name(w, w->files.starts[i], name);
        int rc = verify_file_open(w->v, name, &w->file);
        if (rc < 0)
            return rc == -ENOENT ? 0 : rc;
        w->current = i;
    }
    uint64_t end = piece_end(w, i);
    if (position >= end)
        return 0;
    uint64_t want = end - position < BLOCK_MAX ? end - position : BLOCK_MAX;
    if (w->window_size == 0 || position < w->window_at || position + want > w->window_at + w->window_size) {
        int64_t got = verify_file_read(w->v, &w->file, VERIFY_WINDOW, position - w->files.starts[i]);
        if (got < 0)
            return got;
        w->window_at = position;
        w->window_size = (size_t)got;
    }
    *ret = w->v->window + (position - w->window_at);
    uint64_t there = w->window_at + w->window_size - position;
    return (int64_t)(there < end - position ? there : end - position);
}

/* 1: the block at position is right; 0: it is not; negative: the disk cannot read it. */
static int block_at(struct walk *w, uint64_t position, struct log_block *b)
{
    const uint8_t *bytes;
    int64_t n = look_at(w, position, &bytes);
    if (n <= 0)
        return (int)n;
    return log_block_read(bytes, (size_t)n, b) && b->position == position && b->epoch == w->log.epoch &&
           b->reactor == w->log.reactor;
}

/* Reads the mark of the last orderly stop (log_mark.h). *ret 0: there is none. -EBADMSG:
 * the mark is damaged. */
static int find_mark(const struct walk *w, uint64_t *ret)
{
    struct error error = {0};
    return log_mark_read(&w->log, ret, &error);
}

static void check_mark(const struct walk *w)
{
    uint64_t marked;
    char name[VERIFY_FILE_MAX];
    int rc = find_mark(w, &marked);
    snprintf(name, sizeof(name), "log/%" PRIu64 "/%u.end", w->v->manifest.log_dir, w->log.reactor);
    if (rc == -EBADMSG)
        verify_report(w->v, name, "", 0, "the mark that the last orderly stop left is damaged");
    else if (rc == -EIO)
        verify_report(w->v, name, "", 0, "the disk cannot read it: %s", strerror(-rc));
}

/* Finds how far the log was durable, by its blocks and its mark. */
static int find_durable(struct verify *v, unsigned reactor, uint64_t *ret)
{
    struct walk w;
    int rc = walk_init(&w, v, reactor);
    uint64_t durable = v->manifest.log_start[reactor], marked = 0;
    if (rc == 0)
        ignore_result(find_mark(&w, &marked)); /* check_mark() reports it */
    durable = marked > durable ? marked : durable;
    const size_t first = file_of(&w, v->manifest.log_start[reactor]);
    for (size_t i = first; rc == 0 && i < w.files.count; i++) {
        uint64_t at = i == first ? v->manifest.log_start[reactor] : w.files.starts[i];
        struct log_block b;
        const uint8_t *bytes;
        while (rc == 0 && look_at(&w, at, &bytes) > 0) {
            bool right = block_at(&w, at, &b) > 0;
            if (right && b.durable > durable)
                durable = b.durable;
            at += right ? log_block_extent(b.size) : LOG_UNIT;
            fiber_checkpoint();
        }
    }
    walk_fini(&w);
    *ret = durable;
    return rc;
}

/* The part of the log that has to be checked. */
static int log_range(struct verify *v, unsigned reactor, uint64_t *ret_start, uint64_t *ret_end)
{
    const struct verify_options *o = v->options;
    *ret_start = v->manifest.log_start[reactor];
    *ret_end = manifest_log_end(&v->manifest, reactor);
    if (*ret_end)
        return 0;
    return o->log_durable ? o->log_durable(reactor, ret_end, o->arg) : find_durable(v, reactor, ret_end);
}

int verify_log_bytes(struct verify *v, unsigned reactor, uint64_t *ret)
{
    uint64_t start, end;
    int rc = log_range(v, reactor, &start, &end);
    *ret = rc == 0 && end > start ? end - start : 0;
    return rc;
}

/* Reports that the block at `position` is wrong. Returns the position of the next right block, of
 * `end`, or of the place where memory was short. */
static uint64_t report_gap(struct walk *w, uint64_t position, uint64_t end, int why)
{
    uint64_t at = position + LOG_UNIT;
    struct log_block b;
    for (int right; at < end && (right = block_at(w, at, &b)) <= 0 && right != -ENOMEM;) {
        at += LOG_UNIT;
        fiber_checkpoint();
    }
    at = at < end ? at : end;
    char name[VERIFY_FILE_MAX];
    size_t i = file_of(w, position);
    uint64_t start = i < w->files.count ? w->files.starts[i] : position;
    file_name(w, start, name);
    if (why < 0)
        verify_report(w->v, name, "", position - start, "the disk cannot read %" PRIu64 " bytes: %s", at - position,
                      strerror(-why));
    else
        verify_report(w->v, name, "", position - start, "%" PRIu64 " bytes of acknowledged writes are damaged",
                      at - position);
    return at;
}

/* Reports a format that a start does not read, once for each log. */
static void check_format(struct walk *w, const struct log_block *b)
{
    char name[VERIFY_FILE_MAX];
    const uint64_t start = w->files.starts[w->current];
    if (b->format == LOG_FORMAT || w->reported_format)
        return;
    w->reported_format = true;
    file_name(w, start, name);
    verify_report(w->v, name, "", b->position - start, "log format %u, of which this Kith reads %d only", b->format,
                  LOG_FORMAT);
}

/* Checks the records of the block, and reports a wrong one. -ENOMEM. */
static int check_records(struct walk *w, const struct log_block *b)
{
    char name[VERIFY_FILE_MAX];
    struct error error = {0};
    int rc = verify_records_take(&w->records, b, &w->v->manifest, &error);
    if (rc != -EBADMSG)
        return rc;
    const size_t i = file_of(w, w->records.began);
    const uint64_t start = i < w->files.count ? w->files.starts[i] : w->records.began;
    file_name(w, start, name);
    verify_report(w->v, name, "", w->records.began - start, "%s", error.text);
    return 0;
}

/* Notes that the next block begins a group. */
static void forget_records(struct walk *w)
{
    verify_records_fini(&w->records);
    w->records = (struct verify_records){0};
}

/* Reads the manifest and the list of files again: the log may begin later now, and files
 * may have come or gone. */
static int look_again(struct walk *w, unsigned reactor)
{
    struct verify *v = w->v;
    const uint64_t run = w->run;
    const bool reported_format = w->reported_format;
    const struct verify_records records = w->records;
    w->records = (struct verify_records){0};
    walk_fini(w);
    int rc = verify_reload(v);
    if (rc == 0)
        rc = walk_init(w, v, reactor);
    w->run = run;
    w->reported_format = reported_format;
    w->records = records;
    return rc;
}

/* Sets *ret to the position from which the log is needed now, but not below `position`. A wrong
 * block may belong to a file that was freed while it was read. */
static int needed_from(struct verify *v, unsigned reactor, uint64_t position, uint64_t *ret)
{
    int rc = verify_reload(v);
    *ret = rc == 0 && v->manifest.log_start[reactor] > position ? v->manifest.log_start[reactor] : position;
    return rc;
}

/* The block at the cursor is wrong. The first time, reads manifest and files again and sets
 * *fresh. The second time, reports damage, unless the log begins later now. *ret: the
 * position at which to go on. */
static int meet_wrong(struct walk *w, unsigned reactor, uint64_t end, int why, bool *fresh, uint64_t *ret)
{
    const struct verify *v = w->v;
    const uint64_t position = v->at->offset;
    if (!*fresh) {
        int rc = look_again(w, reactor);
        *fresh = true;
        *ret = v->manifest.log_start[reactor] > position ? v->manifest.log_start[reactor] : position;
        return rc;
    }
    int rc = needed_from(w->v, reactor, position, ret);
    if (rc == 0 && *ret == position) {
        *ret = report_gap(w, position, end, why);
        verify_records_lose(&w->records);
    }
    return rc;
}

static int check_range(struct walk *w, unsigned reactor, uint64_t end)
{
    struct verify *v = w->v;
    bool fresh = false;
    int rc = 0;
    /* a step ends only at the end of a group, so that the next step begins with a whole record */
    while ((rc == 0 || (rc > 0 && w->records.in_group)) && v->at->offset < end) {
        uint64_t position = v->at->offset, next;
        struct log_block b;
        int right = block_at(w, position, &b);
        if (right == -ENOMEM) /* no fault of the disk */
            return right;
        if (right > 0 && b.run >= w->run) {
            w->run = b.run;
            check_format(w, &b);
            rc = check_records(w, &b);
            next = position + log_block_extent(b.size);
            fresh = false;
        } else {
            rc = meet_wrong(w, reactor, end, right, &fresh, &next);
        }
        if (next == v->manifest.log_start[reactor])
            forget_records(w);
        v->at->offset = next;
        if (rc == 0)
            rc = verify_count(v, next - position);
    }
    return rc;
}

int verify_log(struct verify *v)
{
    unsigned reactor = (unsigned)v->at->item;
    uint64_t start, end;
    struct walk w;
    int rc = log_range(v, reactor, &start, &end);
    if (rc < 0)
        return rc;
    bool begins = v->at->offset == 0;
    v->at->offset = v->at->offset > start ? v->at->offset & ~(uint64_t)(LOG_UNIT - 1) : start;
    rc = walk_init(&w, v, reactor);
    if (rc == 0 && begins)
        check_mark(&w);
    if (rc == 0)
        rc = check_range(&w, reactor, end);
    v->progress->files += rc == 0 ? w.files.count : 0;
    walk_fini(&w);
    if (rc == 0)
        v->at->offset = VERIFY_FINISHED;
    return rc;
}
