/* log_roll.c -- the first file of a run is written and flushed under another name, then renamed. A
 * crash before the rename leaves the log as it was. */
#include "shards/log/log_roll.h"
#include "base/memory.h"
#include "reactor/file.h"
#include "shards/log/log_block.h"
#include "shards/log/log_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_BYTES_DEFAULT ((uint64_t)16 << 20)
/* a start waits until the first file is filled, so that file is short */
#define FIRST_BYTES_MAX ((uint64_t)4 << 20)
#define ZEROS           ((size_t)1 << 20)

/* -- one file -- */

static int fill_with_zeros(struct file *f, uint64_t from, uint64_t to)
{
    uint8_t *zeros = memory_aligned(ZEROS);
    if (!zeros)
        return -ENOMEM;
    int rc = 0;
    while (rc == 0 && from < to) {
        size_t n = to - from < ZEROS ? (size_t)(to - from) : ZEROS;
        rc = file_write(f, zeros, n, from);
        from += n;
        fiber_checkpoint();
    }
    free(zeros);
    return rc == 0 ? file_flush(f) : rc;
}

/* Makes the file that begins at position start, from the spare file if there is one. Fills it with
 * zeros up to `filled` bytes. */
static int make_file(struct log_roll *r, uint64_t start, uint64_t filled, struct file **ret)
{
    char path[PATH_TEXT_MAX], spare[PATH_TEXT_MAX];
    int rc = log_file_path(&r->options, start, path);
    if (rc == 0)
        rc = log_spare_path(&r->options, spare);
    if (rc == 0)
        rc = file_rename(spare, path);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    rc = file_open(path, FILE_WRITE | FILE_CREATE, ret);
    if (rc < 0)
        return rc;
    int64_t size = file_size(*ret);
    rc = size < 0 ? (int)size : 0;
    if (rc == 0 && (uint64_t)size < filled)
        rc = fill_with_zeros(*ret, (uint64_t)size, filled);
    if (rc == 0)
        rc = directory_flush(r->dir);
    if (rc < 0) {
        file_close(*ret);
        ignore_result(file_remove(path)); /* half a file takes space that is needed elsewhere */
    }
    return rc;
}

/* -- the first file of a run, or after a failure -- */

static int make_first(struct log_roll *r, const char *path, uint64_t from, uint64_t to, uint64_t size)
{
    struct file *f;
    int rc = file_open(path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &f);
    if (rc < 0)
        return rc;
    rc = log_copy(&r->options, from, to, f);
    if (rc == 0)
        rc = fill_with_zeros(f, to - from, r->options.save_space ? to - from + LOG_UNIT : size);
    if (rc < 0) {
        file_close(f);
        ignore_result(file_remove(path));
        return rc;
    }
    r->file = f;
    return 0;
}

/* Removes files that begin at or behind a position. This must be durable before anything is
 * written, because a file ends where the next one begins. */
static int remove_from(struct log_roll *r, uint64_t position)
{
    struct log_file_list files;
    char path[PATH_TEXT_MAX];
    int rc = log_files_list(&r->options, &files), removed = 0;
    for (size_t i = files.count; rc == 0 && i-- > 0 && files.starts[i] >= position; removed++) {
        rc = log_file_path(&r->options, files.starts[i], path);
        if (rc == 0)
            rc = file_remove(path);
    }
    free(files.starts);
    return rc == 0 && removed ? directory_flush(r->dir) : rc;
}

static int remove_spare(struct log_roll *r)
{
    char path[PATH_TEXT_MAX];
    int rc = log_spare_path(&r->options, path);
    if (rc == 0)
        rc = file_remove(path);
    return rc == -ENOENT ? 0 : rc;
}

static void close_files(struct log_roll *r)
{
    while (r->preparing)
        event_wait(&r->changed);
    if (r->next)
        file_close(r->next);
    if (r->file)
        file_close(r->file);
    r->next = r->file = NULL;
}

int log_roll_begin(struct log_roll *r, uint64_t from, uint64_t to)
{
    char path[PATH_TEXT_MAX], fresh[PATH_TEXT_MAX];
    uint64_t room = r->options.file_bytes < FIRST_BYTES_MAX ? r->options.file_bytes : FIRST_BYTES_MAX;
    log_roll_hold(r);
    close_files(r);
    r->file_start = r->reuse_from = from;
    r->file_end = to + room;
    r->written_to = to;
    /* these files hold nothing of the log, and on a full disk their space is needed now */
    int rc = remove_from(r, to);
    if (rc == 0)
        rc = remove_spare(r);
    if (rc == 0)
        rc = log_file_path(&r->options, from, path);
    if (rc == 0)
        rc = log_fresh_path(&r->options, fresh);
    if (rc == 0)
        rc = make_first(r, fresh, from, to, r->file_end - from);
    if (rc == 0)
        rc = file_rename(fresh, path);
    if (rc == 0)
        rc = directory_flush(r->dir);
    if (rc == 0)
        rc = remove_from(r, from + 1); /* the copy has their part of the log */
    if (rc < 0) {
        close_files(r);
        return rc;
    }
    r->held = false;
    event_notify_all(&r->wanted);
    return 0;
}

/* -- going on -- */

/* Makes r->next, the file after the current one, if it is not there. The preparer and the writer
 * both call this: one makes the file, the other waits. */
static int ensure_next(struct log_roll *r, uint64_t filled)
{
    while (r->preparing)
        event_wait(&r->changed);
    if (r->next)
        return 0;
    struct file *f;
    r->preparing = true;
    int rc = make_file(r, r->file_end, filled, &f);
    r->preparing = false;
    if (rc == 0)
        r->next = f;
    event_notify_all(&r->changed);
    return rc;
}

static bool is_half_full(const struct log_roll *r)
{
    return r->written_to >= r->file_start + (r->file_end - r->file_start) / 2;
}

void log_roll_written_to(struct log_roll *r, uint64_t position)
{
    r->written_to = position;
    if (!r->next && is_half_full(r))
        event_notify_all(&r->wanted);
}

/* A failure is reported, but the log does not fail yet: the current file has room, and the
 * writer tries once more. */
static void preparer(void *arg)
{
    struct log_roll *r = arg;
    while (!r->stopping) {
        int rc = 0;
        bool idle = r->next || r->held || r->options.save_space || !is_half_full(r);
        if (!idle)
            rc = ensure_next(r, r->options.file_bytes);
        if (rc < 0 && r->options.on_failure)
            r->options.on_failure(rc, r->options.arg);
        /* stopping may have been set while the file was made, and its event is past */
        if ((idle || rc < 0) && !r->stopping)
            event_wait(&r->wanted);
    }
    r->preparer_runs = false;
    event_notify_all(&r->changed);
}

int log_roll_on(struct log_roll *r)
{
    int rc = ensure_next(r, LOG_UNIT);
    if (rc < 0)
        return rc;
    file_close(r->file);
    r->file = r->next;
    r->next = NULL;
    r->file_start = r->file_end;
    r->file_end = r->file_start + r->options.file_bytes;
    return 0;
}

void log_roll_hold(struct log_roll *r)
{
    r->held = true;
}

void log_roll_settle(struct log_roll *r)
{
    while (r->preparing)
        event_wait(&r->changed);
}

void log_roll_save_space(struct log_roll *r, bool save)
{
    r->options.save_space = save;
    event_notify_all(&r->wanted);
}

int log_roll_start(struct log_roll *r, const struct log_options *options)
{
    *r = (struct log_roll){.options = *options, .held = true};
    if (r->options.file_bytes == 0)
        r->options.file_bytes = FILE_BYTES_DEFAULT;
    check(r->options.file_bytes % LOG_UNIT == 0);
    if (r->options.pending_bytes == 0)
        r->options.pending_bytes = LOG_PENDING_BYTES;
    int n = snprintf(r->dir, sizeof(r->dir), "%s", options->dir);
    if (n < 0 || (size_t)n >= sizeof(r->dir))
        return -ENAMETOOLONG;
    r->options.dir = r->dir;
    int rc = fiber_start(CLASS_BACKGROUND, preparer, r, "log preparer");
    r->preparer_runs = rc == 0;
    return rc;
}

void log_roll_stop(struct log_roll *r)
{
    r->stopping = true;
    event_notify_all(&r->wanted);
    while (r->preparer_runs)
        event_wait(&r->changed);
    close_files(r);
}

/* One file that is not needed becomes the spare one. A rename replaces the spare file, so
 * only the newest stays. */
void log_roll_free_before(struct log_roll *r, uint64_t position)
{
    struct log_file_list files;
    char path[PATH_TEXT_MAX], spare[PATH_TEXT_MAX];
    if (log_files_list(&r->options, &files) < 0)
        return;
    for (size_t i = 0; i + 1 < files.count && files.starts[i + 1] <= position && files.starts[i] < r->file_start; i++) {
        if (log_file_path(&r->options, files.starts[i], path) < 0 || log_spare_path(&r->options, spare) < 0)
            break;
        if (r->options.save_space || files.starts[i] < r->reuse_from || file_rename(path, spare) < 0)
            ignore_result(file_remove(path));
    }
    free(files.starts);
}
