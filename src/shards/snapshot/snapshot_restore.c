/* snapshot_restore.c -- a restore changes many names, and a crash may come between any two.
 * So first a marker, DIR/restoring, is made durable. From then on the old content of DIR
 * does not count. The restore does not change the snapshot, so after a crash it starts
 * again from the beginning.
 *
 * The old files are removed first. So where files have to be copied, the restore needs no more
 * space than one folder takes. */
#include "base/log.h"
#include "base/memory.h"
#include "reactor/file.h"
#include "shards/snapshot/snapshot_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MARKER "restoring"

int snapshot_restore_begin(const char *dir, const char *name, struct error *error)
{
    int rc = snapshot_find(dir, name, error);
    if (rc < 0)
        return rc;
    rc = whole_file_replace(dir, MARKER, name, strlen(name));
    return rc < 0 ? snapshot_error(error, rc, "restoring the snapshot", name) : 0;
}

/* 1: name[] has the name of the snapshot; 0: there is no marker. */
static int marker_read(const char *dir, char name[SNAPSHOT_NAME_MAX], struct error *error)
{
    char path[PATH_TEXT_MAX];
    struct file *f;
    int rc = path_join(path, dir, MARKER);
    if (rc == 0)
        rc = file_open(path, FILE_READ, &f);
    if (rc == -ENOENT)
        return 0;
    if (rc < 0)
        return error_set_errno(error, rc, "opening %s", path);
    int64_t n = file_read(f, name, SNAPSHOT_NAME_MAX - 1, 0);
    file_close(f);
    if (n < 0)
        return error_set_errno(error, (int)n, "reading %s", path);
    name[n] = 0;
    if (snapshot_name_check(name, NULL) == 0)
        return 1;
    return error_set(
        error, ERROR_CORRUPT,
        "%s is damaged at offset 0: it does not name a snapshot; write the name of the one to restore into it", path);
}

static int marker_remove(const char *dir)
{
    char path[PATH_TEXT_MAX];
    int rc = path_join(path, dir, MARKER);
    if (rc == 0)
        rc = file_remove(path);
    return rc < 0 ? rc : directory_flush(dir);
}

bool snapshot_is_restoring(const char *dir, const char *name)
{
    char marked[SNAPSHOT_NAME_MAX];
    return marker_read(dir, marked, NULL) == 1 && strcmp(marked, name) == 0;
}

bool snapshot_restore_is_pending(const char *dir)
{
    char marked[SNAPSHOT_NAME_MAX];
    return marker_read(dir, marked, NULL) != 0; /* a marker that cannot be read counts, too */
}

int snapshot_restore_cancel(const char *dir)
{
    int rc = marker_remove(dir);
    return rc == -ENOENT ? directory_flush(dir) : rc;
}

static int make_empty(const char *dir)
{
    static const char *const names[] = {"segments", "log"};
    char path[PATH_TEXT_MAX];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(names); i++) {
        rc = path_join(path, dir, "%s", names[i]);
        if (rc == 0)
            rc = tree_empty(path);
    }
    return rc;
}

static int replace_all(const char *dir, const char *from, struct manifest *m, struct error *error)
{
    uint64_t bytes;
    int rc = make_empty(dir);
    if (rc == 0)
        rc = snapshot_files_link(from, dir, m, NULL, &bytes, error);
    m->snapshot.created_ns = m->snapshot.bytes = 0;
    if (rc == 0)
        rc = manifest_store(dir, m, error);
    return rc < 0 ? rc : marker_remove(dir);
}

static int finish(const char *dir, const char *name, struct error *error)
{
    char from[PATH_TEXT_MAX];
    struct manifest m;
    int rc = snapshot_find(dir, name, error);
    if (rc == 0)
        rc = snapshot_path(from, dir, name);
    if (rc == 0)
        rc = manifest_load(from, &m, NULL, error);
    if (rc < 0)
        return rc;
    rc = m.snapshot.created_ns
             ? replace_all(dir, from, &m, error)
             : error_set(error, ERROR_CORRUPT, "%s/manifest is missing or not that of a snapshot", from);
    manifest_fini(&m);
    if (rc == 0)
        log_info("the snapshot '%s' is restored", name);
    else if (error && error->code == ERROR_OK)
        return snapshot_error(error, rc, "restoring the snapshot", name);
    return rc;
}

static int sweep_one(const char *name, void *arg)
{
    char path[PATH_TEXT_MAX];
    if (name[0] != '.')
        return 0;
    int rc = snapshot_path(path, arg, name);
    if (rc == 0) {
        log_info("removing %s, which an interrupted step left behind", path);
        rc = tree_remove(path);
    }
    return rc;
}

static void sweep(const char *dir)
{
    char path[PATH_TEXT_MAX];
    int rc = path_join(path, dir, "snapshots");
    if (rc == 0)
        rc = directory_list(path, sweep_one, (void *)(uintptr_t)dir);
    if (rc < 0 && rc != -ENOENT)
        log_warn("what an interrupted step left in %s could not be removed (%s); the next start tries again", path,
                 strerror(-rc));
}

int snapshots_complete(const char *dir, struct error *error)
{
    char name[SNAPSHOT_NAME_MAX];
    int rc = marker_read(dir, name, error);
    if (rc == 1)
        rc = finish(dir, name, error);
    if (rc == 0)
        sweep(dir);
    return rc;
}
