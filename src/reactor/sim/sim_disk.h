/* sim_disk.h -- the simulated disk from inside: sim_tree.c keeps the files and their names,
 * sim_disk.c does the operations, sim_space.c counts, sim_flush.c decides what lasts.
 *
 * A file has two images: what a reader sees now, and what a power cut would leave for certain.
 * Between them lie dirty sectors of 512 bytes. A flush makes durable what was written before it was
 * asked for, when it completes. A directory has two tables of names likewise, and its flush makes
 * the present one the durable one. A power cut keeps or loses each dirty sector and each table by
 * the seed, so a write may be torn anywhere and a file may lose its name. */
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
    uint8_t *now, *durable; /* files: both of the same capacity */
    size_t size, durable_size, capacity;
    /* per sector: the number of the write that made it so; 0: clean */
    uint64_t *dirty;
    bool *allocated;                   /* per sector: it was written, so it takes space */
    size_t sectors;                    /* allocated */
    uint64_t flushed;                  /* the newest flush that took effect */
    struct table names, durable_names; /* directories */
    unsigned mark;                     /* of the last walk that came by */
    struct node *next;                 /* of all there are */
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
    struct sim_view *views; /* what is mapped, in the order in which it was */
    size_t view_count;
    struct open_file *open;
    size_t open_count;
    uint64_t writes, flushes;
    unsigned node_id, mark;
    /* space, in bytes */
    uint64_t limit; /* 0: endless */
    bool no_links;  /* second names are refused, as some file systems do */
    uint64_t used;
    bool used_known;                /* false: files may have gone since it was counted */
    uint64_t taken, taken_until_ns; /* by somebody else, for a while */
    /* all operations are slow until then */
    uint64_t slow_until_ns, slow_factor;
};

/* -- sim_tree.c -- */

struct node *sim_node_create(struct sim_disk *d, bool directory);
void sim_node_destroy(struct node *n);
/* Room for so many bytes in both images. */
void sim_node_reserve(struct node *n, size_t size);
struct name *sim_table_find(const struct table *t, const char *text);
void sim_table_put(struct table *t, const char *text, struct node *node);
void sim_table_copy(struct table *to, const struct table *from);
/* Finds the directory of path and its last component (NAME_BYTES), "" for the root itself. */
int sim_walk(struct sim_disk *d, const char *path, struct node **ret_dir, char *ret_last);
/* NULL with *ret_rc = -ENOENT, -ENOTDIR, -ENAMETOOLONG. */
struct node *sim_lookup(struct sim_disk *d, const char *path, int *ret_rc);
/* Calls each for every file whose path begins so. */
void sim_each_file(struct sim_disk *d, const char *prefix, void (*each)(struct node *n, void *arg), void *arg);
/* Marks with ++d->mark what has a name now, is open or, if asked for, has a durable name. */
void sim_mark(struct sim_disk *d, bool durable_too);
int64_t sim_do_list(struct node *n, struct op *op);
int64_t sim_do_rename(struct sim_disk *d, struct op *op);
int64_t sim_do_link(struct sim_disk *d, struct op *op);
int64_t sim_do_remove(struct sim_disk *d, struct op *op, bool directory);
int64_t sim_do_mkdir(struct sim_disk *d, struct op *op);

/* -- sim_space.c -- */

uint64_t sim_free_bytes(struct sim *s);
/* How many of the bytes that op writes to n there is space for. An occasion for
 * FAULT_DISK_FULL if n grows. */
size_t sim_room_for(struct sim_backend *b, const struct node *n, const struct op *op);

/* -- sim_flush.c -- */

/* A flush of n that is asked for now and done after delay_ns. */
void sim_flush_submit(struct sim_backend *b, struct node *n, struct op *op, uint64_t delay_ns);
