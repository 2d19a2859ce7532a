/* sim_disk.c -- a disk with a memory of its own that may be lost.
 *
 * A file has two images: what a reader sees now, and what a power cut would leave for certain. Between them lie dirty sectors of 512 bytes. A flush
 * makes durable what was written before it was asked for, when it completes. A directory has two tables of names likewise, and its
 * flush makes the present one the durable one. A power cut keeps or loses each dirty sector and each table by the seed, so a write may be
 * torn anywhere and a file may lose its name. */
#include "base/check.h"
#include "reactor/sim_world.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR     512
#define SPACE_FREE ((int64_t)1 << 40)
#define NAME_BYTES 256

struct node;

struct name {
    char text[NAME_BYTES];
    struct node *node;
};

struct table {
    struct name *names;
    size_t count;
};

struct node {
    struct node *parent; /* of a directory; NULL: the root */
    bool directory;
    int64_t locked_by; /* the handle that holds the lock; -1: none */
    unsigned id;
    uint8_t *now, *durable; /* files: both of the same capacity */
    size_t size, durable_size, capacity;
    uint64_t *dirty;                   /* per sector: the number of the write that made it so; 0: clean */
    uint64_t flushed;                  /* the newest flush that took effect */
    struct table names, durable_names; /* directories */
    struct node *next;                 /* of all there are */
};

struct open_file {
    struct node *node; /* NULL: free */
};

struct sim_disk {
    struct node *nodes, *root;
    struct open_file *open;
    size_t open_count;
    uint64_t writes, flushes;
    unsigned node_id;
};

/* -- nodes -- */

static struct node *node_create(struct sim_disk *d, bool directory)
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

static void node_destroy(struct node *n)
{
    free(n->now);
    free(n->durable);
    free(n->dirty);
    free(n->names.names);
    free(n->durable_names.names);
    free(n);
}

struct sim_disk *sim_disk_create(void)
{
    struct sim_disk *d = calloc(1, sizeof(*d));
    if (d)
        d->root = node_create(d, true);
    return d;
}

void sim_disk_destroy(struct sim_disk *d)
{
    while (d && d->nodes) {
        struct node *n = d->nodes;
        d->nodes = n->next;
        node_destroy(n);
    }
    if (d)
        free(d->open);
    free(d);
}

static void file_reserve(struct node *n, size_t size)
{
    if (size <= n->capacity)
        return;
    size_t capacity = n->capacity ? n->capacity : 16 * SECTOR;
    while (capacity < size)
        capacity *= 2;
    n->now = realloc(n->now, capacity);
    n->durable = realloc(n->durable, capacity);
    n->dirty = realloc(n->dirty, capacity / SECTOR * sizeof(*n->dirty));
    check(n->now && n->durable && n->dirty);
    memset(n->now + n->capacity, 0, capacity - n->capacity);
    memset(n->durable + n->capacity, 0, capacity - n->capacity);
    memset(n->dirty + n->capacity / SECTOR, 0, (capacity - n->capacity) / SECTOR * sizeof(*n->dirty));
    n->capacity = capacity;
}

/* -- names -- */

static struct name *table_find(const struct table *t, const char *text)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->names[i].text, text) == 0)
            return &t->names[i];
    return NULL;
}

static void table_put(struct table *t, const char *text, struct node *node)
{
    struct name *is = table_find(t, text);
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

static void table_copy(struct table *to, const struct table *from)
{
    to->names = realloc(to->names, (from->count + 1) * sizeof(*to->names));
    check(to->names);
    if (from->count)
        memcpy(to->names, from->names, from->count * sizeof(*to->names));
    to->count = from->count;
}

/* Finds the directory of path and its last component, "" for the root itself. */
static int walk(struct sim_disk *d, const char *path, struct node **ret_dir, char *ret_last)
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
        if (ret_last[0]) { /* there is more: what we had is a directory on the way */
            struct name *step = table_find(&dir->names, ret_last);
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

static struct node *lookup(struct sim_disk *d, const char *path, int *ret_rc)
{
    struct node *dir;
    char last[NAME_BYTES];
    *ret_rc = walk(d, path, &dir, last);
    if (*ret_rc < 0)
        return NULL;
    if (!last[0])
        return dir;
    struct name *n = table_find(&dir->names, last);
    *ret_rc = n ? 0 : -ENOENT;
    return n ? n->node : NULL;
}

/* -- operations -- */

static int64_t open_node(struct sim_disk *d, struct node *n)
{
    size_t i = 0;
    while (i < d->open_count && d->open[i].node)
        i++;
    if (i == d->open_count) {
        d->open = realloc(d->open, ++d->open_count * sizeof(*d->open));
        check(d->open);
    }
    d->open[i].node = n;
    return (int64_t)i;
}

/* What is cut off reads as zeros if the file grows again, after a flush and a power cut too: its sectors are written. */
static int64_t do_truncate(struct sim_disk *d, struct node *n, uint64_t size)
{
    file_reserve(n, (size_t)size);
    if (size < n->size) {
        uint64_t number = ++d->writes;
        memset(n->now + size, 0, n->size - (size_t)size);
        for (size_t sector = (size_t)size / SECTOR; sector <= (n->size - 1) / SECTOR; sector++)
            n->dirty[sector] = number;
    }
    n->size = (size_t)size;
    return 0;
}

static int64_t do_open(struct sim_disk *d, struct op *op)
{
    struct node *dir;
    char last[NAME_BYTES];
    int rc = walk(d, op->path, &dir, last);
    if (rc < 0)
        return rc;
    struct name *is = last[0] ? table_find(&dir->names, last) : NULL;
    struct node *n = last[0] ? (is ? is->node : NULL) : dir;
    if (op->flags & OPEN_DIRECTORY)
        return !n ? -ENOENT : !n->directory ? -ENOTDIR : open_node(d, n);
    if (n && n->directory)
        return -EISDIR;
    if (n && (op->flags & FILE_EXCLUSIVE))
        return -EEXIST;
    if (!n && !(op->flags & (FILE_CREATE | FILE_EXCLUSIVE)))
        return -ENOENT;
    if (!n) {
        n = node_create(d, false);
        table_put(&dir->names, last, n);
    } else if (op->flags & FILE_TRUNCATE) {
        do_truncate(d, n, 0);
    }
    return open_node(d, n);
}

static int64_t do_read(struct node *n, struct op *op)
{
    if (op->offset >= n->size)
        return 0;
    size_t left = n->size - (size_t)op->offset, size = op->size < left ? op->size : left;
    memcpy(op->bytes, n->now + op->offset, size);
    return (int64_t)size;
}

static int64_t do_write(struct sim_disk *d, struct node *n, struct op *op)
{
    size_t end = (size_t)op->offset + op->size;
    file_reserve(n, end);
    memcpy(n->now + op->offset, op->bytes, op->size);
    if (end > n->size)
        n->size = end;
    uint64_t number = ++d->writes;
    for (size_t sector = (size_t)op->offset / SECTOR; op->size && sector <= (end - 1) / SECTOR; sector++)
        n->dirty[sector] = number;
    return (int64_t)op->size;
}

static int64_t do_list(struct node *n, struct op *op)
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

static int64_t do_map(struct node *n, struct op *op)
{
    op->size = n->size;
    op->bytes = n->size ? aligned_alloc(4096, (n->size + 4095) & ~(size_t)4095) : NULL;
    check(op->bytes || !n->size);
    if (n->size)
        memcpy(op->bytes, n->now, n->size);
    return 0;
}

static int64_t do_rename(struct sim_disk *d, struct op *op)
{
    struct node *from_dir, *to_dir;
    char from[NAME_BYTES], to[NAME_BYTES];
    int rc = walk(d, op->path, &from_dir, from);
    if (rc == 0)
        rc = walk(d, op->path2, &to_dir, to);
    if (rc < 0)
        return rc;
    struct name *is = table_find(&from_dir->names, from);
    if (!is)
        return -ENOENT;
    struct node *n = is->node;
    struct name *over = table_find(&to_dir->names, to);
    if (over && over->node->directory != n->directory)
        return n->directory ? -ENOTDIR : -EISDIR;
    if (over && over->node != n && over->node->directory && over->node->names.count)
        return -ENOTEMPTY;
    table_remove(&from_dir->names, is);
    table_put(&to_dir->names, to, n);
    if (n->directory)
        n->parent = to_dir;
    return 0;
}

/* Both names lead to one node: what is written through one is read through the other, and a flush makes it durable for both. */
static int64_t do_link(struct sim_disk *d, struct op *op)
{
    struct node *from_dir, *to_dir;
    char from[NAME_BYTES], to[NAME_BYTES];
    int rc = walk(d, op->path, &from_dir, from);
    if (rc == 0)
        rc = walk(d, op->path2, &to_dir, to);
    if (rc < 0)
        return rc;
    struct name *is = table_find(&from_dir->names, from);
    if (!is)
        return -ENOENT;
    if (is->node->directory)
        return -EPERM;
    if (!to[0] || table_find(&to_dir->names, to))
        return -EEXIST;
    table_put(&to_dir->names, to, is->node);
    return 0;
}

static int64_t do_remove(struct sim_disk *d, struct op *op, bool directory)
{
    struct node *dir;
    char last[NAME_BYTES];
    int rc = walk(d, op->path, &dir, last);
    if (rc < 0)
        return rc;
    struct name *is = table_find(&dir->names, last);
    if (!is)
        return -ENOENT;
    if (is->node->directory != directory)
        return directory ? -ENOTDIR : -EISDIR;
    if (directory && is->node->names.count)
        return -ENOTEMPTY;
    table_remove(&dir->names, is);
    return 0;
}

static int64_t do_mkdir(struct sim_disk *d, struct op *op)
{
    struct node *dir;
    char last[NAME_BYTES];
    int rc = walk(d, op->path, &dir, last);
    if (rc < 0)
        return rc;
    if (!last[0] || table_find(&dir->names, last))
        return -EEXIST;
    struct node *made = node_create(d, true);
    made->parent = dir;
    table_put(&dir->names, last, made);
    return 0;
}

static int64_t do_lock(struct node *n, int64_t handle)
{
    if (n->locked_by >= 0 && n->locked_by != handle)
        return -EWOULDBLOCK;
    n->locked_by = handle;
    return 0;
}

static int64_t run(struct sim_disk *d, struct op *op)
{
    struct node *n = NULL;
    int rc = 0;
    switch (op->kind) {
    case OP_OPEN: return do_open(d, op);
    case OP_RENAME: return do_rename(d, op);
    case OP_LINK: return do_link(d, op);
    case OP_REMOVE: return do_remove(d, op, false);
    case OP_RMDIR: return do_remove(d, op, true);
    case OP_MKDIR: return do_mkdir(d, op);
    case OP_LIST: n = lookup(d, op->path, &rc); return n ? do_list(n, op) : rc;
    case OP_MAP: n = lookup(d, op->path, &rc); return n ? do_map(n, op) : rc;
    case OP_DROP_CACHE: return lookup(d, op->path, &rc) ? 0 : rc; /* there is no cache beside the disk itself */
    case OP_SPACE: n = lookup(d, op->path, &rc); return n ? SPACE_FREE : rc;
    default: break;
    }
    n = d->open[op->handle].node;
    check(n);
    switch (op->kind) {
    case OP_CLOSE:
        d->open[op->handle].node = NULL;
        if (n->locked_by == op->handle)
            n->locked_by = -1;
        return 0;
    case OP_READ: return do_read(n, op);
    case OP_WRITE: return do_write(d, n, op);
    case OP_SIZE: return (int64_t)n->size;
    case OP_TRUNCATE: return do_truncate(d, n, op->size);
    case OP_LOCK: return do_lock(n, op->handle);
    default: check(!"an operation on files"); return -ENOSYS;
    }
}

/* -- flush: what was written before it was asked for is durable when it is done -- */

struct flush {
    struct op *op;
    struct node *node;
    uint64_t number;
    size_t size;
    struct table names;
    size_t count;
    struct {
        size_t sector;
        uint64_t write;
        uint8_t bytes[SECTOR];
    } sectors[];
};

static struct flush *flush_begin(struct sim_disk *d, struct node *n, struct op *op)
{
    size_t count = 0, sectors = n->capacity / SECTOR;
    for (size_t i = 0; i < sectors; i++)
        count += n->dirty[i] != 0;
    struct flush *f = calloc(1, sizeof(*f) + count * sizeof(f->sectors[0]));
    check(f);
    f->op = op;
    f->node = n;
    f->number = ++d->flushes;
    f->size = n->size;
    if (n->directory)
        table_copy(&f->names, &n->names);
    for (size_t i = 0; i < sectors; i++)
        if (n->dirty[i]) {
            f->sectors[f->count].sector = i;
            f->sectors[f->count].write = n->dirty[i];
            memcpy(f->sectors[f->count++].bytes, n->now + i * SECTOR, SECTOR);
        }
    return f;
}

static void flush_take_effect(struct flush *f)
{
    struct node *n = f->node;
    if (f->number < n->flushed) /* one that was asked for later was faster, and covered all of this */
        return;
    n->flushed = f->number;
    for (size_t i = 0; i < f->count; i++) {
        size_t sector = f->sectors[i].sector;
        memcpy(n->durable + sector * SECTOR, f->sectors[i].bytes, SECTOR);
        if (n->dirty[sector] == f->sectors[i].write)
            n->dirty[sector] = 0;
    }
    n->durable_size = f->size;
    if (n->directory)
        table_copy(&n->durable_names, &f->names);
}

static void happen_flushed(struct sim *s, struct sim_event *e)
{
    struct flush *f = e->object;
    flush_take_effect(f);
    f->op->result = 0;
    sim_trace(s, e->backend->id, "flushed", f->node->id, f->count);
    op_list_push(&e->backend->due, f->op);
    free(f->names.names);
    free(f);
}

/* A flush under way when the process ends never takes effect; its memory is found here. */
void sim_disk_forget(struct sim_event *e)
{
    if (e->happen != happen_flushed)
        return;
    struct flush *f = e->object;
    free(f->names.names);
    free(f);
}

static uint64_t latency(struct sim *s, const struct op *op)
{
    uint64_t us = op->kind == OP_FLUSH ? 100 + sim_below(&s->disk_timing, 4000) : 1 + sim_below(&s->disk_timing, 100);
    return us * 1000 + op->size / 4;
}

void sim_disk_submit(struct sim_backend *b, struct op *op)
{
    struct sim *s = b->sim;
    uint64_t delay_ns = latency(s, op);
    if (op->kind == OP_FLUSH) {
        struct node *n = s->disk->open[op->handle].node;
        sim_schedule(s, delay_ns,
                     (struct sim_event){.happen = happen_flushed, .backend = b, .object = flush_begin(s->disk, n, op)});
        return;
    }
    int64_t rc = run(s->disk, op);
    sim_complete(b, op, rc, delay_ns);
}

/* -- ends -- */

void sim_disk_process_end(struct sim *s)
{
    for (struct node *n = s->disk->nodes; n; n = n->next)
        n->locked_by = -1;
    s->disk->open_count = 0;
}

static void cut_file(struct sim *s, struct node *n)
{
    size_t keep_size = sim_below(&s->crash, 2) ? n->size : n->durable_size;
    for (size_t sector = 0; sector < n->capacity / SECTOR; sector++) {
        if (n->dirty[sector] && sim_below(&s->crash, 2))
            memcpy(n->durable + sector * SECTOR, n->now + sector * SECTOR, SECTOR);
        n->dirty[sector] = 0;
    }
    n->size = n->durable_size = keep_size;
    if (n->capacity) {
        memset(n->durable + keep_size, 0, n->capacity - keep_size);
        memcpy(n->now, n->durable, n->capacity);
    }
}

void sim_disk_power_cut(struct sim *s)
{
    for (struct node *n = s->disk->nodes; n; n = n->next) {
        if (!n->directory) {
            cut_file(s, n);
        } else if (sim_below(&s->crash, 2)) {
            table_copy(&n->durable_names, &n->names);
        } else {
            table_copy(&n->names, &n->durable_names);
        }
    }
}
