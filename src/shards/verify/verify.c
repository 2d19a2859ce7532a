/* verify.c -- checks a folder in a fixed order: manifest, logs by reactor, segments by id. A cursor
 * of three numbers is all that is kept between two steps. So a check can be left at any time. The
 * folder may change in between, because each step reads the manifest first. */
#include "base/memory.h"
#include "shards/verify/verify_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- helpers of all parts -- */

int verify_count(struct verify *v, uint64_t bytes)
{
    const struct verify_options *o = v->options;
    v->progress->bytes += bytes;
    fiber_checkpoint();
    int rc = o->on_progress ? o->on_progress(v->progress->bytes, o->arg) : 0;
    if (rc != 0)
        return rc;
    return o->bytes_max && v->progress->bytes - v->began_bytes >= o->bytes_max;
}

void verify_report(struct verify *v, const char *file, const char *region, uint64_t offset, const char *format, ...)
{
    struct verify_damage d = {.offset = offset};
    snprintf(d.file, sizeof(d.file), "%s", file);
    snprintf(d.region, sizeof(d.region), "%s", region);
    va_list args;
    va_start(args, format);
    vsnprintf(d.what, sizeof(d.what), format, args);
    va_end(args);
    v->progress->damages++;
    v->options->on_damage(&d, v->options->arg);
}

int verify_file_open(struct verify *v, const char *name, struct verify_file *ret)
{
    char path[PATH_TEXT_MAX];
    *ret = (struct verify_file){.direct = true};
    int rc = path_join(path, v->options->dir, "%s", name);
    if (rc == 0)
        rc = file_open(path, FILE_READ | FILE_DIRECT, &ret->file);
    if (rc < 0)
        return rc;
    int64_t size = file_size(ret->file);
    if (size < 0) {
        file_close(ret->file);
        return (int)size;
    }
    snprintf(ret->path, sizeof(ret->path), "%s", path);
    ret->size = (uint64_t)size;
    return 0;
}

void verify_file_close(struct verify_file *f)
{
    file_close(f->file);
}

/* Some file systems open a file for direct reads, and then refuse to read its last piece. */
static int read_through_cache(struct verify_file *f)
{
    struct file *file;
    int rc = file_open(f->path, FILE_READ, &file);
    if (rc < 0)
        return rc;
    file_close(f->file);
    f->file = file;
    f->direct = false;
    return 0;
}

int64_t verify_file_read(struct verify *v, struct verify_file *f, size_t n, uint64_t offset)
{
    int64_t got = file_read(f->file, v->window, n, offset);
    if (got == -EINVAL && f->direct) {
        int rc = read_through_cache(f);
        got = rc < 0 ? rc : file_read(f->file, v->window, n, offset);
    }
    return got;
}

int verify_reload(struct verify *v)
{
    struct manifest fresh;
    int rc = manifest_load(v->options->dir, &fresh, NULL, v->error);
    if (rc < 0)
        return rc;
    manifest_fini(&v->manifest);
    v->manifest = fresh;
    return 0;
}

/* -- the whole check -- */

static bool is_wanted(const struct verify *v, const struct manifest_segment *s)
{
    return v->options->collection == 0 || v->options->collection == s->collection;
}

static uint64_t size_of(struct verify *v, const char *name)
{
    struct verify_file f;
    if (verify_file_open(v, name, &f) < 0)
        return 0; /* a file that cannot be opened is reported when it is checked */
    verify_file_close(&f);
    return f.size;
}

static int add_up(struct verify *v)
{
    const struct manifest *m = &v->manifest;
    uint64_t total = size_of(v, "manifest");
    for (unsigned r = 0; v->options->collection == 0 && r < m->reactors; r++) {
        uint64_t bytes;
        int rc = verify_log_bytes(v, r, &bytes);
        if (rc < 0)
            return rc;
        total += bytes;
    }
    for (size_t i = 0; i < m->segment_count; i++) {
        char name[VERIFY_FILE_MAX];
        verify_segment_name(m->segments[i].id, name);
        total += is_wanted(v, &m->segments[i]) ? size_of(v, name) : 0;
        fiber_checkpoint();
    }
    v->progress->bytes_total = total;
    return 0;
}

/* Sets the cursor to the segment with the lowest id from `from` on, or to the end. */
static void next_segment(struct verify *v, uint64_t from)
{
    const struct manifest *m = &v->manifest;
    uint64_t id = UINT64_MAX;
    for (size_t i = 0; i < m->segment_count; i++)
        if (is_wanted(v, &m->segments[i]) && m->segments[i].id >= from && m->segments[i].id < id)
            id = m->segments[i].id;
    *v->at = id == UINT64_MAX ? (struct verify_cursor){.kind = VERIFY_DONE}
                              : (struct verify_cursor){.kind = VERIFY_SEGMENT, .item = id};
}

static void next_log(struct verify *v, uint64_t reactor)
{
    if (v->options->collection == 0 && reactor < v->manifest.reactors)
        *v->at = (struct verify_cursor){.kind = VERIFY_LOG, .item = reactor};
    else
        next_segment(v, 0);
}

/* The file of the settings is small, and is checked as a whole. */
static void check_settings(struct verify *v)
{
    struct verify_file f;
    int rc = verify_file_open(v, "settings", &f);
    if (rc < 0)
        return; /* most folders have none */
    int64_t got = verify_file_read(v, &f, VERIFY_WINDOW, 0);
    verify_file_close(&f);
    v->progress->files++;
    if (got < 0)
        verify_report(v, "settings", "", 0, "the disk cannot read it: %s", strerror((int)-got));
    else if (whole_text_size((const char *)v->window, (size_t)got) == 0)
        verify_report(v, "settings", "", 0,
                      "the checksum of %" PRId64 " bytes does not match: change the settings again (kith config)", got);
}

static int check_manifest(struct verify *v)
{
    int rc = add_up(v); /* the step has checked the manifest when it read it */
    v->progress->files++;
    check_settings(v);
    v->at->offset = VERIFY_FINISHED;
    return rc < 0 ? rc : verify_count(v, size_of(v, "manifest"));
}

static int check_item(struct verify *v)
{
    bool finished = v->at->offset == VERIFY_FINISHED;
    switch (v->at->kind) {
    case VERIFY_MANIFEST:
        if (!finished)
            return check_manifest(v);
        next_log(v, 0);
        return 0;
    case VERIFY_LOG:
        if (!finished && v->at->item < v->manifest.reactors)
            return verify_log(v);
        next_log(v, v->at->item + 1);
        return 0;
    case VERIFY_SEGMENT:
        if (!finished)
            return verify_segment(v);
        next_segment(v, v->at->item + 1);
        return 0;
    }
    return -EINVAL; /* this cursor is not from a check */
}

/* Without the manifest nothing else can be checked, so its damage is reported and the check ends.
 * This may happen in the middle of a step, where the manifest is read again. */
static int report_manifest(struct verify *v, int rc)
{
    if (v->error->code != ERROR_CORRUPT && v->error->code != ERROR_IO)
        return rc;
    verify_report(v, "manifest", "", 0, "%s", v->error->text);
    v->progress->files++;
    *v->at = (struct verify_cursor){.kind = VERIFY_DONE};
    return 0;
}

int verify_step(const struct verify_options *options, struct verify_cursor *at, struct verify_progress *progress,
                struct error *error)
{
    struct verify v = {
        .options = options, .at = at, .progress = progress, .began_bytes = progress->bytes, .error = error};
    v.window = memory_aligned(VERIFY_WINDOW);
    int rc = v.window ? verify_reload(&v) : -ENOMEM;
    while (rc == 0 && at->kind != VERIFY_DONE)
        rc = check_item(&v);
    if (rc < 0)
        rc = report_manifest(&v, rc);
    manifest_fini(&v.manifest);
    free(v.window);
    if (rc < 0 && error->code == ERROR_OK)
        return error_set_errno(error, rc, "checking %s", options->dir);
    return rc < 0 ? rc : 0;
}
