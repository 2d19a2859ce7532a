/* sim_tree.c -- the simulated disk's files and directories, and the operations on their names. */
#include "reactor/sim/sim_disk.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- nodes -- */

struct node *sim_node_create(struct sim_disk *d, bool directory)
{
    struct node *n = calloc(1, sizeof(*n));
    check(n);
    n->directory = directory;
    n->locked_by = -1;
    n->id = d->node_id++;
    n->next = d->nodes;
    d->nodes = n;
    return n;
}

void sim_node_destroy(struct node *n)
{
    free(n->now);
    free(n->durable);
    free(n->dirty);
    free(n->allocated);
    free(n->names.names);
    free(n->durable_names.names);
    free(n);
}

void sim_node_reserve(struct node *n, size_t size)
{
    if (size <= n->capacity)
        return;
    size_t capacity = n->capacity ? n->capacity : 16 * SECTOR;
    while (capacity < size)
        capacity *= 2;
    n->now = realloc(n->now, capacity);
    n->durable = realloc(n->durable, capacity);
    n->dirty = realloc(n->dirty, capacity / SECTOR * sizeof(*n->dirty));
    n->allocated = realloc(n->allocated, capacity / SECTOR);
    check(n->now && n->durable && n->dirty && n->allocated);
    memset(n->now + n->capacity, 0, capacity - n->capacity);
    memset(n->durable + n->capacity, 0, capacity - n->capacity);
    memset(n->dirty + n->capacity / SECTOR, 0, (capacity - n->capacity) / SECTOR * sizeof(*n->dirty));
    memset(n->allocated + n->capacity / SECTOR, 0, (capacity - n->capacity) / SECTOR);
    n->capacity = capacity;
}

/* -- names -- */

struct name *sim_table_find(const struct table *t, const char *text)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->names[i].text, text) == 0)
            return &t->names[i];
    return NULL;
}

void sim_table_put(struct table *t, const char *text, struct node *node)
{
    struct name *is = sim_table_find(t, text);
    if (!is) {
        t->names = realloc(t->names, (t->count + 1) * sizeof(*t->names));
        check(t->names);
        is = &t->names[t->count++];
        strcpy(is->text, text);
    }
    is->node = node;
}

static void table_remove(struct table *t, struct name *n)
{
    memmove(n, n + 1, (size_t)(t->names + t->count - (n + 1)) * sizeof(*n));
    t->count--;
}

void sim_table_copy(struct table *to, const struct table *from)
{
    to->names = realloc(to->names, (from->count + 1) * sizeof(*to->names));
    check(to->names);
    if (from->count)
        memcpy(to->names, from->names, from->count * sizeof(*to->names));
    to->count = from->count;
}

int sim_walk(struct sim_disk *d, const char *path, struct node **ret_dir, char *ret_last)
{
    struct node *dir = d->root;
    ret_last[0] = 0;
    for (;;) {
        while (*path == '/')
            path++;
        size_t n = strcspn(path, "/");
        if (n == 0)
            break;
        if (n >= NAME_BYTES)
            return -ENAMETOOLONG;
        if (n == 1 && path[0] == '.') {
            path++;
            continue;
        }
        if (ret_last[0]) { /* another component follows, so the previous one is a directory */
            struct name *step = sim_table_find(&dir->names, ret_last);
            if (!step)
                return -ENOENT;
            if (!step->node->directory)
                return -ENOTDIR;
            dir = step->node;
            ret_last[0] = 0;
        }
        if (n == 2 && path[0] == '.' && path[1] == '.') {
            dir = dir->parent ? dir->parent : dir;
            path += n;
            continue;
        }
        memcpy(ret_last, path, n);
        ret_last[n] = 0;
        path += n;
    }
    *ret_dir = dir;
    return 0;
}

struct node *sim_lookup(struct sim_disk *d, const char *path, int *ret_rc)
{
    struct node *dir;
    char last[NAME_BYTES];
    *ret_rc = sim_walk(d, path, &dir, last);
    if (*ret_rc < 0)
        return NULL;
    if (!last[0])
        return dir;
    struct name *n = sim_table_find(&dir->names, last);
    *ret_rc = n ? 0 : -ENOENT;
    return n ? n->node : NULL;
}

/* -- walks -- */

static void each_in(struct node *dir, const char *path, const char *prefix, void (*each)(struct node *n, void *arg),
                    void *arg)
{
    for (size_t i = 0; i < dir->names.count; i++) {
        const struct name *n = &dir->names.names[i];
        char full[2 * NAME_BYTES];
        snprintf(full, sizeof(full), "%s%s%s", path, path[0] ? "/" : "", n->text);
        if (n->node->directory)
            each_in(n->node, full, prefix, each, arg);
        else if (strncmp(full, prefix, strlen(prefix)) == 0)
            each(n->node, arg);
    }
}

void sim_each_file(struct sim_disk *d, const char *prefix, void (*each)(struct node *n, void *arg), void *arg)
{
    each_in(d->root, "", prefix, each, arg);
}

static void mark_from(struct sim_disk *d, struct node *n, bool durable_too)
{
    if (n->mark == d->mark)
        return;
    n->mark = d->mark;
    for (size_t i = 0; i < n->names.count; i++)
        mark_from(d, n->names.names[i].node, durable_too);
    for (size_t i = 0; durable_too && i < n->durable_names.count; i++)
        mark_from(d, n->durable_names.names[i].node, true);
}

void sim_mark(struct sim_disk *d, bool durable_too)
{
    d->mark++;
    mark_from(d, d->root, durable_too);
    for (size_t i = 0; i < d->open_count; i++)
        if (d->open[i].node)
            mark_from(d, d->open[i].node, durable_too);
}

/* -- operations on names -- */

int64_t sim_do_list(struct node *n, struct op *op)
{
    size_t bytes = 0;
    if (!n->directory)
        return -ENOTDIR;
    if (n->names.count == 0)
        return 0;
    for (size_t i = 0; i < n->names.count; i++)
        bytes += strlen(n->names.names[i].text) + 1;
    char *out = malloc(bytes + 1);
    check(out);
    op->bytes = out;
    op->size = bytes;
    for (size_t i = 0; i < n->names.count; i++) {
        strcpy(out, n->names.names[i].text);
        out += strlen(out) + 1;
    }
    return (int64_t)n->names.count;
}

int64_t sim_do_rename(struct sim_disk *d, struct op *op)
{
    struct node *from_dir, *to_dir;
    char from[NAME_BYTES], to[NAME_BYTES];
    int rc = sim_walk(d, op->path, &from_dir, from);
    if (rc == 0)
        rc = sim_walk(d, op->path2, &to_dir, to);
    if (rc < 0)
        return rc;
    struct name *is = sim_table_find(&from_dir->names, from);
    if (!is)
        return -ENOENT;
    struct node *n = is->node;
    struct name *over = sim_table_find(&to_dir->names, to);
    if (over && over->node->directory != n->directory)
        return n->directory ? -ENOTDIR : -EISDIR;
    if (over && over->node != n && over->node->directory && over->node->names.count)
        return -ENOTEMPTY;
    table_remove(&from_dir->names, is);
    sim_table_put(&to_dir->names, to, n);
    if (n->directory)
        n->parent = to_dir;
    return 0;
}

/* Both names refer to one node: a write through one name is read through the other, and a flush
 * makes it durable for both. */
int64_t sim_do_link(struct sim_disk *d, struct op *op)
{
    struct node *from_dir, *to_dir;
    char from[NAME_BYTES], to[NAME_BYTES];
    int rc = d->no_links ? -EPERM : sim_walk(d, op->path, &from_dir, from);
    if (rc == 0)
        rc = sim_walk(d, op->path2, &to_dir, to);
    if (rc < 0)
        return rc;
    struct name *is = sim_table_find(&from_dir->names, from);
    if (!is)
        return -ENOENT;
    if (is->node->directory)
        return -EPERM;
    if (!to[0] || sim_table_find(&to_dir->names, to))
        return -EEXIST;
    sim_table_put(&to_dir->names, to, is->node);
    return 0;
}

int64_t sim_do_remove(struct sim_disk *d, struct op *op, bool directory)
{
    struct node *dir;
    char last[NAME_BYTES];
    int rc = sim_walk(d, op->path, &dir, last);
    if (rc < 0)
        return rc;
    struct name *is = sim_table_find(&dir->names, last);
    if (!is)
        return -ENOENT;
    if (is->node->directory != directory)
        return directory ? -ENOTDIR : -EISDIR;
    if (directory && is->node->names.count)
        return -ENOTEMPTY;
    table_remove(&dir->names, is);
    return 0;
}

int64_t sim_do_mkdir(struct sim_disk *d, struct op *op)
{
    struct node *dir;
    char last[NAME_BYTES];
    int rc = sim_walk(d, op->path, &dir, last);
    if (rc < 0)
        return rc;
    if (!last[0] || sim_table_find(&dir->names, last))
        return -EEXIST;
    struct node *made = sim_node_create(d, true);
    made->parent = dir;
    sim_table_put(&dir->names, last, made);
    return 0;
}
