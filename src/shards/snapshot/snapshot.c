/* snapshot.c -- a snapshot is made under a hidden name, and gets its own by one rename when all of
 * it is durable. To remove it, it is renamed to the hidden name first. So a name never stands for
 * a part of a snapshot. */
#include "shards/snapshot/snapshot.h"
#include "base/log.h"
#include "reactor/file.h"
#include "shards/shard.h"
#include "shards/snapshot/snapshot_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAMES_SHOWN 8

/* -- names -- */

int snapshot_name_check(const char *name, struct error *error)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t n = strlen(name);
    if (n > 0 && n < SNAPSHOT_NAME_MAX && name[0] != '.' && strspn(name, allowed) == n)
        return 0;
    if (n >= SNAPSHOT_NAME_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "the snapshot's name has %zu characters; at most %d are allowed", n, SNAPSHOT_NAME_MAX - 1);
    return error_set(error, ERROR_INVALID_ARGUMENT,
                     "'%.64s' cannot name a snapshot; take 1 to %d letters, digits, '.', '_' or '-', and no '.' first",
                     name, SNAPSHOT_NAME_MAX - 1);
}

void snapshot_name_default(uint64_t wall_ns, unsigned others, char name[SNAPSHOT_NAME_MAX])
{
    time_t seconds = (time_t)(wall_ns / 1000000000);
    struct tm tm;
    if (strftime(name, SNAPSHOT_NAME_MAX, "%Y%m%d-%H%M%S", gmtime_r(&seconds, &tm)) == 0)
        strcpy(name, "snapshot");
    size_t n = strlen(name);
    if (others)
        snprintf(name + n, SNAPSHOT_NAME_MAX - n, "-%u", others + 1);
}

/* The hidden name of a snapshot that is being made or removed. */
static int unfinished_path(char *path, const char *dir, const char *name)
{
    return path_join(path, dir, "snapshots/.%s.new", name);
}

static int stop_walk(const char *name, void *arg)
{
    return 1;
}

static int snapshot_exists(const char *dir, const char *name) /* 1, 0, or a negative errno */
{
    char path[PATH_TEXT_MAX];
    int rc = snapshot_path(path, dir, name);
    if (rc == 0)
        rc = directory_list(path, stop_walk, NULL);
    return rc == -ENOENT ? 0 : rc < 0 ? rc : 1;
}

static int not_found(const char *dir, const char *name, struct error *error)
{
    struct snapshot_info *all;
    size_t count = 0;
    char names[200] = "";
    int used = 0;
    if (snapshots_list(dir, &all, &count, NULL) < 0)
        return error_set(error, ERROR_NOT_FOUND, "there is no snapshot '%s'", name);
    for (size_t i = 0; i < count && i <= NAMES_SHOWN && used >= 0 && (size_t)used < sizeof(names); i++)
        used += snprintf(names + used, sizeof(names) - (size_t)used, i == NAMES_SHOWN ? "%s..." : "%s%s", i ? ", " : "",
                         all[i].name);
    free(all);
    return count ? error_set(error, ERROR_NOT_FOUND, "there is no snapshot '%s'; there are: %s", name, names)
                 : error_set(error, ERROR_NOT_FOUND, "there is no snapshot '%s'; there are none yet", name);
}

int snapshot_find(const char *dir, const char *name, struct error *error)
{
    int rc = snapshot_name_check(name, error);
    if (rc < 0)
        return rc;
    rc = snapshot_exists(dir, name);
    if (rc < 0)
        return snapshot_error(error, rc, "looking for the snapshot", name);
    return rc ? 0 : not_found(dir, name, error);
}

/* -- making -- */

int store_snapshot_begin(struct store *s, uint64_t log_start, uint64_t *ret_log_end)
{
    check(!s->keep.on);
    int rc = log_flush(s->log);
    if (rc < 0)
        return rc;
    *ret_log_end = log_durable(s->log);
    log_pin(s->log, *ret_log_end);
    s->keep.on = true;
    s->keep.log_start = log_start;
    return 0;
}

static int remove_segment(const struct store *s, uint64_t id)
{
    char path[PATH_TEXT_MAX];
    int rc = store_segment_path(s, id, path);
    return rc < 0 ? rc : file_remove(path);
}

int store_remove_segment(struct store *s, uint64_t id)
{
    if (!s->keep.on)
        return remove_segment(s, id);
    if (s->keep.segment_count == s->keep.segment_capacity) {
        size_t capacity = s->keep.segment_capacity ? 2 * s->keep.segment_capacity : 16;
        uint64_t *grown = realloc(s->keep.segments, capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        s->keep.segments = grown;
        s->keep.segment_capacity = capacity;
    }
    s->keep.segments[s->keep.segment_count++] = id;
    return 0;
}

void store_free_log(struct store *s)
{
    bool kept = s->keep.on && s->keep.log_start < s->log_start;
    log_free_before(s->log, kept ? s->keep.log_start : s->log_start);
}

void store_snapshot_end(struct store *s)
{
    if (!s->keep.on)
        return;
    s->keep.on = false;
    uint64_t *segments = s->keep.segments;
    size_t count = s->keep.segment_count;
    s->keep.segments = NULL;
    s->keep.segment_count = s->keep.segment_capacity = 0;
    for (size_t i = 0; i < count; i++) {
        int rc = remove_segment(s, segments[i]);
        if (rc < 0 && rc != -ENOENT)
            log_warn("a segment that a snapshot kept could not be removed (%s); the next start removes it",
                     strerror(-rc));
    }
    free(segments);
    store_free_log(s);
}

static void info_fill(struct snapshot_info *ret, const char *name, const struct manifest *m)
{
    *ret = (struct snapshot_info){
        .created_ns = m->snapshot.created_ns,
        .bytes = m->snapshot.bytes,
        .collections = m->collection_count,
        .segments = m->segment_count,
    };
    snprintf(ret->name, sizeof(ret->name), "%s", name);
    for (size_t i = 0; i < m->segment_count; i++)
        ret->segment_rows += m->segments[i].rows;
    for (unsigned r = 0; r < m->reactors; r++)
        ret->log_bytes += manifest_log_end(m, r) - m->log_start[r];
}

/* Makes the whole snapshot under its hidden name. */
static int make_unfinished(const char *dir, const char *fresh, struct manifest *m, const struct context *ctx,
                           struct error *error)
{
    int rc = tree_remove(fresh);
    if (rc == 0)
        rc = directory_create(fresh);
    if (rc < 0)
        return rc;
    rc = snapshot_files_link(dir, fresh, m, ctx, &m->snapshot.bytes, error);
    return rc < 0 ? rc : manifest_store(fresh, m, error);
}

static int make_parent(const char *dir, char *parent)
{
    int rc = path_join(parent, dir, "snapshots");
    if (rc == 0)
        rc = directory_create(parent);
    return rc < 0 ? rc : directory_flush(dir);
}

int snapshot_create(const char *dir, const char *name, const struct manifest *m, const struct context *ctx,
                    struct snapshot_info *ret, struct error *error)
{
    char parent[PATH_TEXT_MAX], path[PATH_TEXT_MAX], fresh[PATH_TEXT_MAX];
    struct manifest own = *m; /* borrows the arrays of m */
    own.snapshot.created_ns = clock_wall_ns();
    int rc = snapshot_name_check(name, error);
    if (rc < 0)
        return rc;
    rc = snapshot_exists(dir, name);
    if (rc > 0)
        return error_set(error, ERROR_ALREADY_EXISTS,
                         "a snapshot '%s' exists already; choose another name or delete it first", name);
    if (rc == 0)
        rc = make_parent(dir, parent);
    if (rc == 0)
        rc = snapshot_path(path, dir, name);
    if (rc == 0)
        rc = unfinished_path(fresh, dir, name);
    if (rc == 0)
        rc = make_unfinished(dir, fresh, &own, ctx, error);
    if (rc == 0)
        rc = file_rename(fresh, path);
    if (rc == 0)
        rc = directory_flush(parent);
    if (rc < 0) {
        ignore_result(tree_remove(fresh)); /* if this fails, the next start removes it */
        if (rc == -ECANCELED || rc == -ETIME)
            return rc;
        bool said = error && error->code != ERROR_OK && rc != -ENOSPC;
        return said ? rc : snapshot_error(error, rc, "the snapshot", name);
    }
    info_fill(ret, name, &own);
    return 0;
}

/* -- listing and removing -- */

struct listing {
    const char *dir;
    struct snapshot_info *infos;
    size_t count;
};

static int list_one(const char *name, void *arg)
{
    struct listing *l = arg;
    char path[PATH_TEXT_MAX];
    struct manifest m;
    if (snapshot_name_check(name, NULL) < 0)
        return 0;
    struct snapshot_info *grown = realloc(l->infos, (l->count + 1) * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    l->infos = grown;
    struct snapshot_info *to = &grown[l->count];
    int rc = snapshot_path(path, l->dir, name);
    if (rc == 0)
        rc = manifest_load(path, &m, NULL, NULL);
    if (rc == 0 && m.snapshot.created_ns) {
        info_fill(to, name, &m);
    } else {
        *to = (struct snapshot_info){.damaged = true};
        snprintf(to->name, sizeof(to->name), "%s", name);
    }
    if (rc == 0)
        manifest_fini(&m);
    if (!to->damaged || snapshot_exists(l->dir, name) != 0) /* else it was removed a moment ago */
        l->count++;
    return 0;
}

int snapshots_list(const char *dir, struct snapshot_info **ret, size_t *ret_count, struct error *error)
{
    char path[PATH_TEXT_MAX];
    struct listing l = {.dir = dir};
    int rc = path_join(path, dir, "snapshots");
    if (rc == 0)
        rc = directory_list(path, list_one, &l);
    if (rc < 0 && rc != -ENOENT) {
        free(l.infos);
        return error_set_errno(error, rc, "the snapshots in %s cannot be listed", path);
    }
    *ret = l.infos;
    *ret_count = l.count;
    return 0;
}

int snapshot_delete(const char *dir, const char *name, struct error *error)
{
    char parent[PATH_TEXT_MAX], path[PATH_TEXT_MAX], old[PATH_TEXT_MAX];
    int rc = snapshot_find(dir, name, error);
    if (rc < 0)
        return rc;
    if (snapshot_is_restoring(dir, name))
        return error_set(error, ERROR_UNAVAILABLE,
                         "the snapshot '%s' is being restored and cannot be deleted before that is done", name);
    rc = path_join(parent, dir, "snapshots");
    if (rc == 0)
        rc = snapshot_path(path, dir, name);
    if (rc == 0)
        rc = unfinished_path(old, dir, name);
    if (rc == 0)
        rc = tree_remove(old); /* left by an earlier attempt */
    if (rc == 0)
        rc = file_rename(path, old);
    if (rc == 0)
        rc = directory_flush(parent);
    if (rc == 0)
        rc = tree_remove(old);
    return rc < 0 ? snapshot_error(error, rc, "removing the snapshot", name) : 0;
}
