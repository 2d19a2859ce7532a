/* sim_disk.h -- the simulated disk from inside. sim_tree.c holds files and their names, sim_disk.c
 * does the operations, sim_space.c counts space, sim_flush.c decides which data lasts.
 *
 * A file has two images: the content that a reader sees now, and the content that surely survives a
 * power cut. They differ in dirty sectors of 512 bytes. A flush, when it completes, makes durable
 * what was written before it was submitted. A directory likewise has two tables of names, and its
 * flush makes the current one durable. At a power cut the seed keeps or drops each dirty sector and
 * each table. So a write may be torn anywhere, and a file may lose its name. */
#pragma once

#include "base/check.h"
#include "reactor/sim/sim_world.h"

#define SECTOR     512
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
    uint8_t *now, *durable; /* of files: the current and the durable image, of the same capacity */
    size_t size, durable_size, capacity;
    /* per sector: number of the write that made it dirty; 0: clean */
    uint64_t *dirty;
    bool *allocated;                   /* per sector: written, so it takes space */
    size_t sectors;                    /* number of allocated sectors */
    uint64_t flushed;                  /* number of the newest flush that took effect */
    struct table names, durable_names; /* of directories */
    unsigned mark;                     /* sim_disk.mark of the last sim_mark() that reached it */
    struct node *next;                 /* in the list of all nodes */
};

struct open_file {
    struct node *node; /* NULL: free */
    char path[120];    /* for the trace, cut if longer; stays after the close */
};

struct sim_view {
    uint8_t *bytes;
    size_t size;
};

struct sim_disk {
    struct node *nodes, *root;
    struct sim_view *views; /* current mappings, in the order of creation */
    size_t view_count;
    struct open_file *open;
    size_t open_count;
    uint64_t writes, flushes;
    unsigned node_id, mark;
    /* space, in bytes */
    uint64_t limit; /* 0: unlimited */
    bool no_links;  /* second names are refused, as some file systems do */
    uint64_t used;
    bool used_known;                /* false: files may have gone since the last count */
    uint64_t taken, taken_until_ns; /* space taken by another program, and until when */
    /* until then all operations take slow_factor times as long */
    uint64_t slow_until_ns, slow_factor;
};

/* -- sim_tree.c -- */

struct node *sim_node_create(struct sim_disk *d, bool directory);
void sim_node_destroy(struct node *n);
/* Grows both images to at least so many bytes. */
void sim_node_reserve(struct node *n, size_t size);
struct name *sim_table_find(const struct table *t, const char *text);
void sim_table_put(struct table *t, const char *text, struct node *node);
void sim_table_copy(struct table *to, const struct table *from);
/* Finds the directory of path, and the last component of path (NAME_BYTES), which is "" for the
 * root itself. */
int sim_walk(struct sim_disk *d, const char *path, struct node **ret_dir, char *ret_last);
/* NULL with *ret_rc = -ENOENT, -ENOTDIR, -ENAMETOOLONG. */
struct node *sim_lookup(struct sim_disk *d, const char *path, int *ret_rc);
/* Calls each() for every file whose path begins with prefix. */
void sim_each_file(struct sim_disk *d, const char *prefix, void (*each)(struct node *n, void *arg), void *arg);
/* Sets mark = ++d->mark in all nodes that have a name, are open or, with durable_too, have a
 * durable name. */
void sim_mark(struct sim_disk *d, bool durable_too);
int64_t sim_do_list(struct node *n, struct op *op);
int64_t sim_do_rename(struct sim_disk *d, struct op *op);
int64_t sim_do_link(struct sim_disk *d, struct op *op);
int64_t sim_do_remove(struct sim_disk *d, struct op *op, bool directory);
int64_t sim_do_mkdir(struct sim_disk *d, struct op *op);

/* -- sim_space.c -- */

uint64_t sim_free_bytes(struct sim *s);
/* How many of the bytes of op fit on the disk. An occasion for FAULT_DISK_FULL if n grows. */
size_t sim_room_for(struct sim_backend *b, const struct node *n, const struct op *op);

/* -- sim_flush.c -- */

/* Starts a flush of n, which completes after delay_ns. */
void sim_flush_submit(struct sim_backend *b, struct node *n, struct op *op, uint64_t delay_ns);
