/* folder.c -- the data folder as a whole: opening and locking it, and removing what an
 * interrupted step left behind. */
#include "base/log.h"
#include "base/text/size.h"
#include "reactor/file.h"
#include "shards/folder/whole_file.h"
#include "shards/snapshot/snapshot.h"
#include "shards/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The name of the folder is an entry of its parent, which must survive a power cut, too. */
static int flush_parent(const char *dir)
{
    char parent[PATH_TEXT_MAX];
    int rc = path_join(parent, dir, "..");
    return rc < 0 ? rc : directory_flush(parent);
}

static int make_directories(const char *dir, struct error *error)
{
    static const char *const inside[] = {"log", "segments"};
    char path[PATH_TEXT_MAX];
    int rc = directory_create(dir);
    if (rc < 0)
        return error_set_errno(error, rc, "the data folder %s cannot be made; create it, or choose another with --data",
                               dir);
    for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
        rc = path_join(path, dir, "%s", inside[i]);
        if (rc == 0)
            rc = directory_create(path);
        if (rc < 0)
            return error_set_errno(error, rc, "the data folder %s cannot be written", dir);
    }
    rc = directory_flush(dir);
    if (rc == 0)
        rc = flush_parent(dir);
    return rc < 0 ? error_set_errno(error, rc, "the data folder %s cannot be flushed", dir) : 0;
}

int folder_lock(const char *dir, struct file **ret, struct error *error)
{
    char path[PATH_TEXT_MAX];
    int rc = path_join(path, dir, "lock");
    if (rc == 0)
        rc = file_open(path, FILE_WRITE | FILE_CREATE, ret);
    if (rc < 0)
        return error_set_errno(error, rc, "the data folder %s cannot be written", dir);
    rc = file_lock(*ret);
    if (rc == 0)
        return 0;
    file_close(*ret);
    *ret = NULL;
    if (rc == -EWOULDBLOCK)
        return error_set(
            error, ERROR_UNAVAILABLE,
            "the data folder %s is in use by another kithd; stop that one, or choose another folder with --data", dir);
    return error_set_errno(error, rc, "the data folder %s cannot be locked", dir);
}

int folder_check_space(const char *dir, uint64_t needed, struct error *error)
{
    char space_text[SIZE_TEXT_MAX], needed_text[SIZE_TEXT_MAX];
    int64_t space = directory_space(dir);
    if (space < 0 || (uint64_t)space >= needed)
        return 0;
    return error_set(error, ERROR_IO,
                     "the disk under %s has %s left and a new data folder needs %s; free some, choose another folder "
                     "with --data, or start with fewer --reactors or a smaller --growing-mib",
                     dir, size_format((uint64_t)space, space_text), size_format(needed, needed_text));
}

/* A crash may leave a torn last change. If there was no crash, the change was acknowledged and is
 * damaged, so the operator gets a warning. */
static int load(const char *dir, struct manifest *ret, struct error *error)
{
    struct manifest_tail tail;
    int rc = manifest_load(dir, ret, &tail, error);
    if (rc == 0 && tail.bytes)
        log_warn("%s/manifest: the last %" PRIu64 " bytes, at offset %" PRIu64
                 ", are no whole change and are left out. After a power failure or a kill that is normal; otherwise an "
                 "acknowledged change of a collection is lost",
                 dir, tail.bytes, tail.offset);
    return rc;
}

int folder_open(const char *dir, struct file **ret_lock, struct manifest *ret_manifest, struct error *error)
{
    *ret_lock = NULL;
    int rc = make_directories(dir, error);
    if (rc < 0)
        return rc;
    rc = folder_lock(dir, ret_lock, error);
    if (rc < 0)
        return rc;
    rc = snapshots_complete(dir, error);
    if (rc == 0)
        rc = load(dir, ret_manifest, error);
    if (rc < 0) {
        file_close(*ret_lock);
        *ret_lock = NULL;
    }
    return rc;
}

int folder_restore(const char *dir, const char *name, struct error *error)
{
    struct file *lock;
    /* a start serves such a segment, too */
    struct snapshot_verify v = {.columns_may_be_damaged = true};
    int rc = folder_lock(dir, &lock, error);
    if (rc < 0)
        return rc;
    log_info("checking the snapshot '%s'", name);
    rc = snapshot_verify_step(dir, name, 0, NULL, &v, error);
    if (rc == 0)
        rc = snapshot_restore_begin(dir, name, error);
    file_close(lock);
    return rc;
}

/* -- removing what an interrupted step left behind -- */

struct sweep {
    const char *dir;
    const struct manifest *manifest;
    uint64_t keep_log_dir;
    struct error *error;
};

static int remove_entry(const char *name, void *arg)
{
    const char *dir = arg;
    char path[PATH_TEXT_MAX];
    int rc = path_join(path, dir, "%s", name);
    return rc < 0 ? rc : file_remove(path);
}

static int sweep_log_dir(const char *name, void *arg)
{
    struct sweep *s = arg;
    char path[PATH_TEXT_MAX], keep[32];
    snprintf(keep, sizeof(keep), "%" PRIu64, s->keep_log_dir);
    if (strcmp(name, keep) == 0)
        return 0;
    int rc = path_join(path, s->dir, "log/%s", name);
    if (rc == 0)
        rc = directory_list(path, remove_entry, path);
    return rc < 0 ? rc : directory_remove(path);
}

static int sweep_segment(const char *name, void *arg)
{
    const struct sweep *s = arg;
    uint64_t id;
    int end = 0;
    if (sscanf(name, "%16" SCNx64 ".seg%n", &id, &end) == 1 && end && !name[end])
        for (size_t i = 0; i < s->manifest->segment_count; i++)
            if (s->manifest->segments[i].id == id)
                return 0;
    char path[PATH_TEXT_MAX];
    int rc = path_join(path, s->dir, "segments/%s", name);
    if (rc == 0) {
        log_info("removing %s, which an interrupted step left behind", path);
        rc = file_remove(path);
    }
    return rc;
}

static int sweep_logs(const char *dir, uint64_t keep_log_dir)
{
    char path[PATH_TEXT_MAX];
    struct sweep s = {.dir = dir, .keep_log_dir = keep_log_dir};
    int rc = path_join(path, dir, "log");
    if (rc == 0)
        rc = directory_list(path, sweep_log_dir, &s);
    return rc < 0 ? rc : directory_flush(path);
}

int folder_prepare(const char *dir, const struct manifest *m, unsigned reactors, struct error *error)
{
    char path[PATH_TEXT_MAX];
    struct sweep s = {.dir = dir, .manifest = m};
    int rc = sweep_logs(dir, m->log_dir);
    if (rc == 0)
        rc = path_join(path, dir, "segments");
    if (rc == 0)
        rc = directory_list(path, sweep_segment, &s);
    if (rc == 0 && m->reactors != reactors) {
        rc = path_join(path, dir, "log/%" PRIu64, m->log_dir + 1);
        if (rc == 0)
            rc = directory_create(path);
        if (rc == 0)
            rc = path_join(path, dir, "log");
        if (rc == 0)
            rc = directory_flush(path);
    }
    return rc < 0 ? error_set_errno(error, rc, "preparing the data folder %s", dir) : 0;
}

int folder_complete(const char *dir, struct manifest *m, unsigned reactors, struct error *error)
{
    bool rewritten = m->reactors != reactors;
    if (!rewritten && !m->log_end)
        return 0;
    free(m->log_end);
    m->log_end = NULL;
    if (rewritten) {
        m->epoch++;
        m->log_dir++;
        manifest_clean_extend(m, reactors);
        m->reactors = reactors;
        memset(m->log_start, 0, sizeof(m->log_start));
    }
    int rc = manifest_store(dir, m, error);
    if (rc < 0 || !rewritten)
        return rc;
    rc = sweep_logs(dir, m->log_dir);
    if (rc < 0)
        log_warn("old logs in %s could not be removed (%s); the next start tries again", dir, strerror(-rc));
    return 0;
}
