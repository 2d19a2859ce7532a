/* kind.h -- an index kind: a table of functions, implemented in one folder.
 *
 * A segment has one index of one kind. segment_index.h has what every segment needs, whatever
 * its kind: codes and what scores again, copies, unindexed rows, the recall curve. A kind adds
 * the structure by which a search looks at few rows. Callers ask for features and call the
 * table; they never ask for a name.
 *
 * All of it is pure computation, as in all of src/index: no I/O, no threads, no clock. A kind
 * whose rows lie on a disk asks the caller for pages (index_query.fetch).
 *
 * The order of calls:
 * 1. check_options() and the other functions of options: at any time, before there is an index.
 * 2. create(), then append() and build() in any order, then finish(), reach() and join() in this
 *    order, then save().
 * 3. open() of the regions of save(): then only search(), and functions that read.
 * 4. search() may run at every pause of the others, and of another search with another scratch. */
#pragma once

#include "base/error.h"
#include "base/pause.h"
#include "vectors/index_options.h"
#include "vectors/metric.h"
#include "vectors/rows.h"
#include <stdbool.h>

struct codes;
struct codes_query;
struct copies;
struct index_why;
struct memory_use;
struct row_array;
struct search_scratch;
struct topk;
struct workers;

/* in one index: searches use a bit of a row's number for themselves */
#define INDEX_ROWS_MAX ((uint32_t)1 << 30)

enum index_feature {
    INDEX_NO_TRAIN = 1 << 0, /* takes its first row without training on others */
    INDEX_EXACT = 1 << 1,    /* every answer is exact; recall is neither measured nor chosen */
    INDEX_APPENDS = 1 << 2,  /* takes a row when it is appended, so there is no backlog */
    INDEX_RANGE = 1 << 3,    /* finds all rows within a radius */
    INDEX_MMAP = 1 << 4,     /* may stay in a mapped file, whose pages the kernel drops */
    /* reads pages of its regions by fetch(); they are never copied to memory */
    INDEX_DISK = 1 << 5,
    INDEX_GPU = 1 << 6, /* can be built on a GPU */
    /* walks past rows that are not allowed, or chooses to scan when few rows are allowed */
    INDEX_FILTERED = 1 << 7,
    INDEX_ITERATES = 1 << 8, /* a search can go on where an earlier one ended */
    /* works on the segment's codes and finds leaders of copies; without it, on rows of its own */
    INDEX_CODES = 1 << 9,
};

/* What the segment lends its index for the index's life. The memory behind the pointers
 * changes only at pauses. */
struct index_host {
    enum metric metric;
    uint32_t dim;
    const struct codes *codes; /* INDEX_CODES: the codes that searches use */
    struct copies *copies;     /* equal rows (copies.h) */
    /* a bit for each row; NULL: all are alive. The array may move at a pause */
    const uint64_t *const *alive;
    /* filled by resolve(); a build may choose the open ones anew */
    struct index_options *options;
};

/* The first member of the state of every kind. */
struct index {
    const struct index_kind *kind;
    const struct index_host *host;
    /* all rows below it are held or were left out; changes at pauses of build() */
    const uint32_t *count;
};

static inline uint32_t index_count(const struct index *x)
{
    return *x->count;
}

/* -- building -- */

struct index_job {
    const struct rows *vectors;
    uint32_t count; /* build(): the index shall hold the rows below it, */
    uint32_t total; /* and after later calls the rows below this */
    /* rows are appended, and are searched before the index holds them */
    bool is_fed;
    const struct workers *workers; /* NULL: this fiber does all work; the result is the same */
    const struct pause *pause;     /* a result other than 0 ends the job; the next call goes on */
};

/* The result of reach(), which searches for every row by its own vector. */
struct index_reach {
    uint32_t rows;   /* the rows there were; 0: reach() has to be called, or called again */
    uint32_t effort; /* effort that finds every row; below RECALL_K_MIN: RECALL_K_MIN */
    /* Rows that the least effort does not find, because their codes are like
     * those of other rows. */
    struct index_confused {
        /* owned; at most OUTLIERS_MAX. First rows that no effort finds, then
         * the others; both ascend */
        uint32_t *row;
        uint32_t count; /* of these */
        uint32_t lost;  /* how many of them no effort finds */
        /* how many of all rows no effort finds; an estimate where only a sample was searched for */
        double all_lost;
        bool is_whole; /* `row` lists all such rows */
    } confused;
};

/* -- searching -- */

/* A read of bytes of a region that lies in a file and not in memory. */
struct page_read {
    /* an address in a region that open() was given; its bytes must not be touched */
    const void *from;
    void *to;
    uint32_t size;
};

struct index_query {
    const float *vector;             /* dim f32, normalised for cosine */
    const struct codes_query *codes; /* INDEX_CODES: the query prepared for scoring codes */
    uint32_t k;
    /* the k that refine_k multiplies: k, or the least k that a recall curve has */
    uint32_t refined_k;
    /* How many candidates to keep. Each kind has its own word for it: ef, nprobe, search_list. */
    uint32_t effort;
    bool ends_early;      /* the search may end before it has expanded all candidates, */
    uint32_t early_least; /* but keeps at least so many */
    /* rows of the segment that are searched, by this index or in another way */
    uint32_t rows;
    /* the rows that the index held when the search began; only these are found */
    uint32_t limit;
    uint32_t visible;        /* a copy below it counts as a hit */
    const uint64_t *allowed; /* a bit for each row; NULL: all are allowed */
    uint32_t allowed_count;  /* number of allowed rows */
    bool walks;              /* chosen by the caller: effort() does not compare it with a scan */
    const uint32_t *hidden;  /* a row that the search ignores; NULL: none */
    /* INDEX_CODES: changes when the codes are replaced; then the search returns -EAGAIN */
    const uint32_t *epoch;
    const struct pause *pause;
    /* lets another search go on while this one waits for memory; NULL: none */
    void (*overlap)(void *arg);
    void *overlap_arg;
    struct search_scratch *scratch;
    /* INDEX_DISK: reads all n and suspends the caller meanwhile. Negative: none of
     * the pages may be used. */
    int (*fetch)(void *arg, const struct page_read *reads, unsigned n);
    void *fetch_arg;
    /* receives the hits: with distances by codes, or exact ones without INDEX_CODES */
    struct topk *top;
};

/* About how many rows are scanned by their codes in the time that a walk takes for each
 * candidate that it keeps. */
#define SCANNED_PER_CANDIDATE 24

/* Whether enough rows are allowed for a search to end early. */
static inline bool index_may_end_early(uint32_t allowed, uint32_t rows)
{
    return allowed >= 0.75 * rows;
}

/* -- regions of bytes: how an index is written and opened in place -- */

struct index_region {
    /* "codes", "links", ...: at most 15 characters; never renamed, because it is on the disk */
    const char *name;
    const void *bytes; /* in one piece, aligned to 64 bytes when written */
    uint64_t size;
};

#define SEGMENT_INDEX_REGIONS 20 /* of one index at most, with those that every kind has */

struct index_regions {
    struct index_region *region; /* [SEGMENT_INDEX_REGIONS] */
    unsigned count;
};

/* Adds a region. A kind may add at most 12. */
void index_regions_add(struct index_regions *to, const char *name, const void *bytes, uint64_t size);

struct index_opening {
    const struct index_region *regions;
    unsigned region_count;
    uint32_t count;   /* rows */
    unsigned version; /* of the kind that wrote the regions; at most kind->version */
    bool copy_hot;    /* copy the regions that searches touch to huge pages */
    const struct pause *pause;
    const char *why; /* set with -EINVAL: what is wrong; a string literal */
};

/* The region of that name, or NULL. */
const struct index_region *index_region_find(const struct index_opening *o, const char *name);
/* The same, if the region has exactly that size; otherwise NULL. */
const struct index_region *index_region_of_size(const struct index_opening *o, const char *name, uint64_t size);
/* Opens a region as an array of `count` rows. -EINVAL, -ENOMEM, or what the pause returned. */
MUST_USE int index_region_open(struct index_opening *o, struct row_array *c, const char *name, uint32_t stride,
                               uint32_t count);
/* Sets o->why and returns -EINVAL. */
int index_region_wrong(struct index_opening *o, const char *why);

/* -- the table -- */

/* The functions of a kind. Where NULL is allowed, the comment says what it means. Functions that
 * return int return 0, -ENOMEM, or what a pause returned, unless the comment says more. */
struct index_kind {
    const char *name;  /* as users write it */
    uint16_t id;       /* on the disk, never renumbered; 0 means "not given" */
    uint16_t version;  /* of the format of save(); open() reads this and earlier versions */
    uint32_t features; /* enum index_feature */

    /* Checks the options that a user gave. -EINVAL with a sentence. */
    int (*check_options)(const struct index_options *o, uint32_t dim, struct error *error);
    /* Fills the options that an index of so many rows needs before its first row. o->open says
     * which of them a build may choose anew. */
    void (*resolve)(struct index_options *o, uint32_t rows);
    /* Sets the largest values that a build may choose, for estimates of memory. NULL: a
     * build changes nothing. */
    void (*most)(struct index_options *o, uint32_t dim);
    /* Appends the chosen options to why, for an index of so many rows. x is NULL
     * before there is one. */
    void (*say)(const struct index_options *o, const struct index *x, uint32_t rows, struct index_why *why);
    /* Memory of a sealed index for each row, in bytes, without codes. */
    uint32_t (*row_bytes)(const struct index_options *o);
    /* Memory of a build with `shares` workers, in bytes, without codes. */
    uint64_t (*memory)(const struct index_host *host, uint32_t rows, unsigned shares);

    int (*create)(const struct index_host *host, struct index **ret);
    void (*destroy)(struct index *x);
    /* Gives large pieces of memory back to the system, with pauses. Only destroy() may follow.
     * NULL: there are none. */
    void (*give_back)(struct index *x, void (*pause)(void));
    void (*count_memory)(const struct index *x, struct memory_use *use);

    /* Called when a row was appended. Takes microseconds. NULL: rows wait for build(). */
    void (*append)(struct index *x, const struct rows *vectors, uint32_t row);
    /* Takes rows up to job->count. Searches may run at every pause. */
    int (*build)(struct index *x, const struct index_job *job);
    /* Called when the segment's codes were replaced. NULL: nothing depends on them. */
    void (*codes_changed)(struct index *x);
    /* Brings the structure into its last form, when all rows are in and no more will come.
     * NULL: it has that form. */
    int (*finish)(struct index *x, const struct index_job *job);
    /* Called after finish(). Searches for every row by its own vector, with the codes that
     * searches will use. *ret is the result and lives as long as x; NULL where there was nothing
     * to search for. NULL as function: no row can be missed. */
    int (*reach)(struct index *x, const struct index_job *job, const struct codes *codes, struct index_reach **ret);
    /* Lays out in one piece what grew in chunks; the index can still grow. With `made`, brings
     * the storage into the form that these options say, and drops what only building needs; made
     * NULL: keeps the form in which it grew. NULL as function: everything is in one piece. */
    int (*join)(struct index *x, const struct index_options *made, const struct pause *pause);

    /* Returns the effort for this search; 0: scanning its rows is better. NULL: it always is. */
    uint32_t (*effort)(const struct index *x, const struct index_query *q);
    /* Adds the nearest allowed rows below q->limit to q->top. If the rows should be
     * scanned after all, sets q->effort to 0 and leaves q->top empty. -EAGAIN: q->epoch
     * changed. -EBADMSG: the pages that were read are not those of save(). Also returns
     * what q->fetch returned. */
    int (*search)(const struct index *x, struct index_query *q);
    /* Estimates the time of search() for a query whose effort() is not 0, in nanoseconds on no
     * particular machine. index_cost.h learns the factor of this one. NULL: without effort(). */
    double (*cost_ns)(const struct index *x, const struct index_query *q);

    /* Whether the row may be hidden (q->hidden), to serve as a query when recall is measured.
     * NULL: every row may. */
    bool (*may_hide)(const struct index *x, uint32_t row);
    /* The i-th row near `row` that the index knows of; `row` itself: there is none. NULL: it
     * knows none of any row. */
    uint32_t (*near)(const struct index *x, uint32_t row, uint32_t i);

    /* Adds regions that borrow from x until its next change. NULL: there are none. */
    int (*save)(struct index *x, struct index_regions *ret);
    /* Opens the regions of save(), and borrows them until destroy(). Fills the options
     * that it knows in host->options. Bytes from a disk are data: -EINVAL with o->why
     * when they make no index. */
    int (*open)(const struct index_host *host, struct index_opening *o, struct index **ret);
};

/* The kind of that number or name; NULL: there is none. 0 and "auto" give the kind
 * that AUTOINDEX takes. */
const struct index_kind *index_kind_of(unsigned id);
const struct index_kind *index_kind_named(const char *name);
/* "auto, flat, ...", for sentences. */
const char *index_kind_names(void);
/* Adds a kind that the program brings, as tests do. Call it before the first
 * index, on one thread. */
void index_kind_add(const struct index_kind *kind);
