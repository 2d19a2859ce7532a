/* snapshot_verify.c -- checks that a snapshot would open. Every segment is opened as a start would
 * do it, and every block of the logs is read up to the end of each log. */
#include "reactor/timer.h"
#include "shards/log/log.h"
#include "shards/segment/segment.h"
#include "shards/snapshot/snapshot_files.h"

#include <errno.h>
#include <inttypes.h>

struct verifying {
    const char *dir; /* the folder of the snapshot */
    const struct manifest *manifest;
    const struct context *ctx;
    uint64_t until_ns; /* when the step ends; 0: at the end of the check */
    struct snapshot_verify *state;
    struct error *error;
};

static const struct collection_config *collection_of(const struct manifest *m, uint64_t id)
{
    for (size_t i = 0; i < m->collection_count; i++)
        if (m->collections[i].id == id)
            return &m->collections[i];
    return NULL;
}

/* Opens the segment as a start would: checks every checksum, its identity and its index. Unless
 * the caller allows it, a damaged column is an error, too. */
static int check_segment(const struct verifying *v, const struct manifest_segment *s, const char *path)
{
    const struct collection_config *c = collection_of(v->manifest, s->collection);
    uint64_t bytes = 0;
    if (!c)
        return error_set(v->error, ERROR_CORRUPT, "%s/manifest names a segment of a collection that it does not name",
                         v->dir);
    int rc = segment_try(path, c, s, !v->state->columns_may_be_damaged, &bytes, v->error);
    v->state->bytes_done += bytes;
    return rc;
}

static int count_group(const uint8_t *bytes, size_t size, uint64_t position, void *arg)
{
    const struct verifying *v = arg;
    v->state->bytes_done += size;
    return context_check(v->ctx);
}

static int check_log(struct verifying *v, unsigned reactor)
{
    const struct manifest *m = v->manifest;
    char path[PATH_TEXT_MAX];
    struct log_end end;
    struct log_options o = {
        .dir = path, .epoch = m->epoch, .reactor = reactor, .known_end = manifest_log_end(m, reactor)};
    int rc = path_join(path, v->dir, "log/%" PRIu64, m->log_dir);
    return rc < 0 ? rc : log_replay(&o, m->log_start[reactor], count_group, v, &end, v->error);
}

/* Checks file number i: first come the segments, then one log for each reactor. */
static int check_file(struct verifying *v, uint64_t i)
{
    const struct manifest *m = v->manifest;
    char path[PATH_TEXT_MAX];
    if (i >= m->segment_count)
        return check_log(v, (unsigned)(i - m->segment_count));
    int rc = path_join(path, v->dir, "segments/%016" PRIx64 ".seg", m->segments[i].id);
    return rc < 0 ? rc : check_segment(v, &m->segments[i], path);
}

static int check_files(struct verifying *v)
{
    struct snapshot_verify *s = v->state;
    s->files = v->manifest->segment_count + v->manifest->reactors;
    while (s->next < s->files) {
        int rc = context_check(v->ctx);
        if (rc == 0)
            rc = check_file(v, s->next);
        if (rc < 0)
            return rc;
        s->next++;
        if (v->until_ns && clock_now_ns() >= v->until_ns)
            break;
    }
    s->files_done = s->next;
    s->finished = s->next >= s->files;
    return 0;
}

int snapshot_verify_step(const char *dir, const char *name, uint64_t for_ns, const struct context *ctx,
                         struct snapshot_verify *state, struct error *error)
{
    char path[PATH_TEXT_MAX];
    struct manifest m;
    int rc = snapshot_find(dir, name, error);
    if (rc == 0)
        rc = snapshot_path(path, dir, name);
    if (rc == 0)
        rc = manifest_load(path, &m, NULL, error);
    if (rc < 0)
        return rc;
    struct verifying v = {path, &m, ctx, for_ns ? clock_now_ns() + for_ns : 0, state, error};
    rc = m.snapshot.created_ns
             ? check_files(&v)
             : error_set(error, ERROR_CORRUPT, "%s/manifest is missing or not that of a snapshot", path);
    manifest_fini(&m);
    if (rc < 0 && rc != -ETIME && rc != -ECANCELED && snapshot_find(dir, name, NULL) == -ENOENT)
        return error_set(error, ERROR_NOT_FOUND, "the snapshot '%s' was deleted meanwhile", name);
    return rc;
}
