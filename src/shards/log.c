/* log.c -- the writer is one fiber. Appenders copy into the open buffer and wait for its end to be durable; the writer takes the buffer
 * as it is, cuts it into blocks, writes, flushes, and wakes them. No timer decides how large a group is: it is what arrived meanwhile. */
#include "shards/log.h"
#include "base/log.h"
#include "base/memory.h"
#include "reactor/file.h"
#include "reactor/sync.h"
#include "reactor/timer.h"
#include "shards/log_block.h"
#include "shards/log_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_DEFAULT ((uint64_t)32 << 20)
#define PENDING_MAX        ((size_t)16 << 20) /* bytes appended and not yet written; beyond it appenders wait */
#define INTERVAL_NS        ((uint64_t)100000000)
#define ZEROS              ((size_t)1 << 20)

struct log {
    struct log_options options;
    char dir[PATH_TEXT_MAX];
    uint64_t run;
    struct buffer open, writing, blocks;
    uint64_t appended; /* groups: the number of the open one */
    uint64_t flushed;  /* groups up to this number are on stable storage */
    uint64_t position; /* where the next block goes */
    uint64_t durable;  /* position up to which all is on stable storage */
    bool flush_wanted; /* somebody waits for, or the interval asks for, the open group to be flushed */
    bool stopping, writer_runs, preparer_runs, preparing;
    int failed; /* errno of the write or flush that failed */
    struct event work, progress, room, prepare;
    struct timer interval;
    bool interval_runs;
    struct file *file; /* the one being written */
    uint64_t file_start, file_end;
    struct file *next; /* zero-filled, in its place; NULL: not ready */
    struct log_stats stats;
};

/* -- files -- */

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

/* The file that begins at start: a spare one if there is, else a new one; filled with zeros as far as asked for. */
static int make_file(struct log *l, uint64_t start, uint64_t filled, struct file **ret)
{
    char path[PATH_TEXT_MAX], spare[PATH_TEXT_MAX];
    int rc = log_file_path(&l->options, start, path);
    if (rc == 0)
        rc = log_spare_path(&l->options, spare);
    if (rc == 0)
        rc = file_rename(spare, path);
    bool is_new = rc == -ENOENT;
    if (rc < 0 && !is_new)
        return rc;
    rc = file_open(path, FILE_WRITE | FILE_CREATE, ret);
    if (rc < 0)
        return rc;
    int64_t size = file_size(*ret);
    rc = size < 0 ? (int)size : 0;
    if (rc == 0 && (uint64_t)size < filled)
        rc = fill_with_zeros(*ret, (uint64_t)size, filled);
    if (rc == 0)
        rc = directory_flush(l->dir);
    if (rc < 0)
        file_close(*ret);
    return rc;
}

/* Opens the file that holds l->position for writing: the newest there is, if the log ends within it. */
static int open_current(struct log *l, struct error *error)
{
    struct log_file_list files;
    char path[PATH_TEXT_MAX];
    int rc = log_files_list(&l->options, &files);
    if (rc < 0)
        return error_set_errno(error, rc, "listing %s", l->dir);
    l->file_start = l->position;
    size_t i = files.count;
    while (i-- > 0)
        if (files.starts[i] <= l->position) {
            uint64_t end = i + 1 < files.count ? files.starts[i + 1] : files.starts[i] + l->options.file_bytes;
            if (l->position < end) {
                l->file_start = files.starts[i];
                l->file_end = end;
            }
            break;
        }
    bool exists = l->file_end > l->file_start;
    if (!exists)
        l->file_end = l->file_start + l->options.file_bytes;
    free(files.starts);
    rc = log_file_path(&l->options, l->file_start, path);
    if (rc == 0)
        rc = exists ? file_open(path, FILE_WRITE, &l->file) : make_file(l, l->file_start, LOG_UNIT, &l->file);
    return rc < 0 ? error_set_errno(error, rc, "opening the log %s", path) : 0;
}

/* Sees to it that l->next is the file after the current one. The preparer and the writer both come here: one makes it, the other waits. */
static int ensure_next(struct log *l, uint64_t filled)
{
    while (l->preparing)
        event_wait(&l->progress);
    if (l->next)
        return 0;
    struct file *f;
    l->preparing = true;
    int rc = make_file(l, l->file_end, filled, &f);
    l->preparing = false;
    if (rc == 0)
        l->next = f;
    event_notify_all(&l->progress);
    return rc;
}

/* Makes the next file while the current one is being filled. A failure is the writer's to find and to tell. */
static void preparer(void *arg)
{
    struct log *l = arg;
    while (!l->stopping) {
        if (l->next || l->failed || ensure_next(l, l->options.file_bytes) < 0)
            event_wait(&l->prepare);
    }
    l->preparer_runs = false;
    event_notify_all(&l->progress);
}

static int switch_file(struct log *l)
{
    int rc = ensure_next(l, LOG_UNIT);
    if (rc < 0)
        return rc;
    file_close(l->file);
    l->file = l->next;
    l->next = NULL;
    l->file_start = l->file_end;
    l->file_end = l->file_start + l->options.file_bytes;
    event_notify_all(&l->prepare);
    return 0;
}

/* -- the writer -- */

/* Writes what l->blocks holds at l->position - its size. */
static int write_blocks(struct log *l)
{
    uint64_t at = l->position - l->blocks.size;
    int rc = file_write(l->file, l->blocks.bytes, l->blocks.size, at - l->file_start);
    l->blocks.size = 0;
    return rc;
}

/* Cuts the group into blocks and writes them: one write, unless it crosses into another file. */
static int write_group(struct log *l, const uint8_t *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        if (l->position == l->file_end) {
            int rc = l->blocks.size ? write_blocks(l) : 0;
            if (rc == 0) /* the part in the old file must be durable before anything in the new one can say so */
                rc = file_flush(l->file);
            if (rc == 0)
                rc = switch_file(l);
            if (rc < 0)
                return rc;
        }
        uint64_t room = l->file_end - l->position - LOG_BLOCK_HEADER;
        size_t n = size - done;
        n = n < LOG_BLOCK_PAYLOAD_MAX ? n : LOG_BLOCK_PAYLOAD_MAX;
        n = n < room ? n : (size_t)room;
        struct log_block b = {
            .position = l->position,
            .epoch = l->options.epoch,
            .run = l->run,
            .durable = l->durable,
            .reactor = (uint16_t)l->options.reactor,
            .size = (uint32_t)n,
            .flags = done + n < size ? LOG_CONTINUED : 0,
            .payload = bytes + done,
        };
        size_t extent = log_block_extent(b.size);
        int rc = buffer_reserve(&l->blocks, extent);
        if (rc < 0)
            return rc;
        log_block_write(&b, l->blocks.bytes + l->blocks.size);
        l->blocks.size += extent;
        l->position += extent;
        done += n;
    }
    return write_blocks(l);
}

static void fail(struct log *l, int rc)
{
    l->failed = rc;
    log_error("reactor %u: the log cannot be written (%s); writes are refused until the server is started again; "
              "searches go on; free space or mend the disk under %s",
              l->options.reactor, strerror(-rc), l->dir);
}

static int write_and_flush(struct log *l, bool flush)
{
    int rc = 0;
    if (l->writing.size)
        rc = write_group(l, l->writing.bytes, l->writing.size);
    l->stats.bytes += l->writing.size;
    if (rc == 0 && flush) {
        rc = file_flush(l->file);
        l->stats.flushes++;
    }
    if (rc == 0 && flush)
        l->durable = l->position;
    return rc;
}

static void writer(void *arg)
{
    struct log *l = arg;
    for (;;) {
        while (!l->stopping && (l->failed || (l->open.size == 0 && !l->flush_wanted)))
            event_wait(&l->work);
        if (l->failed || (l->open.size == 0 && !l->flush_wanted))
            break;
        struct buffer taken = l->open;
        l->open = l->writing;
        l->writing = taken;
        uint64_t group = l->appended++;
        bool flush = l->flush_wanted || l->stopping;
        l->flush_wanted = false;
        int rc = write_and_flush(l, flush);
        l->writing.size = 0;
        if (rc < 0)
            fail(l, rc);
        else if (flush)
            l->flushed = group;
        event_notify_all(&l->progress);
        event_notify_all(&l->room);
    }
    l->writer_runs = false;
    event_notify_all(&l->progress);
}

static void want_flush(struct log *l)
{
    l->flush_wanted = true;
    event_notify_one(&l->work);
}

static void interval_over(void *arg)
{
    struct log *l = arg;
    l->interval_runs = false;
    want_flush(l);
}

/* -- what others call -- */

int log_open(const struct log_options *options, struct log_end end, struct log **ret, struct error *error)
{
    struct log *l = calloc(1, sizeof(*l));
    if (!l)
        return error_set_errno(error, -ENOMEM, "opening the log");
    l->options = *options;
    if (l->options.file_bytes == 0)
        l->options.file_bytes = FILE_BYTES_DEFAULT;
    check(l->options.file_bytes % LOG_UNIT == 0);
    int n = snprintf(l->dir, sizeof(l->dir), "%s", options->dir);
    int rc = n < 0 || (size_t)n >= sizeof(l->dir) ? -ENAMETOOLONG : 0;
    l->options.dir = l->dir;
    l->position = l->durable = end.position;
    l->run = clock_wall_ns() > end.run ? clock_wall_ns() : end.run + 1;
    l->appended = 1;
    if (rc == 0)
        rc = open_current(l, error);
    if (rc < 0) {
        free(l);
        return rc;
    }
    l->writer_runs = fiber_start(CLASS_WRITE, writer, l, "log writer") == 0;
    l->preparer_runs = l->writer_runs && fiber_start(CLASS_BACKGROUND, preparer, l, "log preparer") == 0;
    if (!l->preparer_runs) {
        log_close(l);
        return error_set_errno(error, -ENOMEM, "starting the log");
    }
    *ret = l;
    return 0;
}

void log_close(struct log *l)
{
    if (!l->failed && l->writer_runs)
        ignore_result(log_flush(l)); /* a failure has been logged, and nobody waits for these bytes */
    l->stopping = true;
    timer_cancel(&l->interval);
    event_notify_all(&l->work);
    event_notify_all(&l->prepare);
    while (l->writer_runs || l->preparer_runs)
        event_wait(&l->progress);
    if (l->next)
        file_close(l->next);
    file_close(l->file);
    buffer_fini(&l->open);
    buffer_fini(&l->writing);
    buffer_fini(&l->blocks);
    free(l);
}

static int wait_flushed(struct log *l, uint64_t group)
{
    want_flush(l);
    while (l->flushed < group && !l->failed)
        event_wait(&l->progress);
    return l->flushed >= group ? 0 : l->failed;
}

int log_append(struct log *l, const void *bytes, size_t size, enum durability durability)
{
    while (!l->failed && l->open.size > 0 && l->open.size + size > PENDING_MAX)
        event_wait(&l->room);
    if (l->failed)
        return l->failed;
    int rc = buffer_append(&l->open, bytes, size);
    if (rc < 0)
        return rc;
    l->stats.appends++;
    if (durability == DURABILITY_FLUSH)
        return wait_flushed(l, l->appended);
    if (durability == DURABILITY_INTERVAL && !l->interval_runs) {
        l->interval_runs = true;
        timer_start(&l->interval, clock_now_ns() + INTERVAL_NS, interval_over, l);
    }
    event_notify_one(&l->work);
    return 0;
}

int log_flush(struct log *l)
{
    return l->failed ? l->failed : wait_flushed(l, l->appended);
}

uint64_t log_durable(const struct log *l)
{
    return l->durable;
}

uint64_t log_position(const struct log *l)
{
    return l->position;
}

/* The oldest file that nobody needs becomes the spare one; further ones are removed. A failure costs space only. */
void log_free_before(struct log *l, uint64_t position)
{
    struct log_file_list files;
    char path[PATH_TEXT_MAX], spare[PATH_TEXT_MAX];
    if (log_files_list(&l->options, &files) < 0)
        return;
    for (size_t i = 0; i + 1 < files.count && files.starts[i + 1] <= position && files.starts[i] < l->file_start; i++) {
        if (log_file_path(&l->options, files.starts[i], path) < 0 || log_spare_path(&l->options, spare) < 0)
            break;
        if (file_rename(path, spare) < 0)
            ignore_result(file_remove(path));
    }
    free(files.starts);
}

void log_stats_read(const struct log *l, struct log_stats *ret)
{
    *ret = l->stats;
}
