/* kind.h -- what an index kind is: a table of functions, and one folder with what they do.
 *
 * A segment has one index of one kind. What every segment needs whatever its kind is in
 * segment_index.h: codes and what scores again, copies, rows that the index does not hold yet, the
 * recall curve. A kind adds the structure that makes a search look at few rows. Callers ask for
 * features and call the table; they never ask for a name.
 *
 * Pure computation, as all of src/index: no I/O, no threads, no clock. A kind whose rows lie on a
 * disk asks the caller for pages (index_query.fetch).
 *
 * Who may call what, and when:
 *  1. check_options() and the functions of options: at any time, before there is an index.
 *  2. create(), then append() and build() in any order, then finish() with reach() and join()
 *     behind it, then save().
 *  3. open() of what save() gave: then only search() and the functions that ask.
 *  4. search() may run at every pause of the others, and of itself with another scratch. */
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

/* of an index: searches keep a bit of a row's number for their own use */
#define INDEX_ROWS_MAX ((uint32_t)1 << 30)

enum index_feature {
    INDEX_NO_TRAIN = 1 << 0, /* takes its first row without having seen others */
    INDEX_EXACT = 1 << 1,    /* every answer is exact: recall is neither measured nor chosen */
    INDEX_APPENDS = 1 << 2,  /* takes a row when it is appended: there is no backlog */
    INDEX_RANGE = 1 << 3,    /* finds all rows within a radius */
    INDEX_MMAP = 1 << 4,     /* may stay in a mapped file, whose pages the kernel drops */
    /* reads pages of its regions by fetch(); these are never copied to memory */
    INDEX_DISK = 1 << 5,
    INDEX_GPU = 1 << 6, /* can be built on a GPU */
    /* meets few rows that are not allowed, or knows when scanning is cheaper */
    INDEX_FILTERED = 1 << 7,
    INDEX_ITERATES = 1 << 8, /* a search can go on where the last one ended */
    /* works on the segment's codes and finds leaders of copies; else on rows of its own */
    INDEX_CODES = 1 << 9,
};

/* What the segment lends its index for as long as it lives. What is pointed to
 * changes at pauses only. */
struct index_host {
    enum metric metric;
    uint32_t dim;
    const struct codes *codes;    /* INDEX_CODES: those that searches use */
    struct copies *copies;        /* equal rows (copies.h) */
    const uint64_t *const *alive; /* a bit a row, or NULL: all are. It may move at a pause */
    /* resolve() has filled them; a build may choose anew what is open */
    struct index_options *options;
};

/* What the state of every kind begins with. */
struct index {
    const struct index_kind *kind;
    const struct index_host *host;
    /* rows that it holds, all below it: their turn has come. Changes at pauses of build() */
    const uint32_t *count;
};

static inline uint32_t index_count(const struct index *x)
{
    return *x->count;
}

/* -- building -- */

struct index_job {
    const struct rows *vectors;
    uint32_t count;                /* build(): rows that the index shall hold, */
    uint32_t total;                /* and after further calls */
    bool is_fed;                   /* rows are appended, and searched before the index holds them */
    const struct workers *workers; /* NULL: this fiber alone; the result is the same */
    const struct pause *pause;     /* what it returns ends the job; the next call goes on */
};

/* What a search for every row by its own vector came to, which reach() makes. */
struct index_reach {
    uint32_t rows;   /* that there were; 0: it is to be done, or to be done again */
    uint32_t effort; /* that every row is found with; less than RECALL_K_MIN: that */
    /* Rows that the least effort did not find, as their codes are like those of others. */
    struct index_confused {
        /* ascending; first those that no effort finds, then the others; OUTLIERS_MAX at most;
         * owned */
        uint32_t *row;
        uint32_t count;  /* of these */
        uint32_t lost;   /* the first so many are found with no effort */
        double all_lost; /* of all rows, estimated where a sample was searched for */
        bool is_whole;   /* the list has them all */
    } confused;
};

/* -- searching -- */

/* Bytes of a region that lies in a file and is not in memory. */
struct page_read {
    const void *from; /* within a region that open() was given, whose bytes are not to be touched */
    void *to;
    uint32_t size;
};

struct index_query {
    const float *vector;             /* dim f32, normalised for cosine */
    const struct codes_query *codes; /* INDEX_CODES: the same, folded */
    uint32_t k;
    /* the k that is scored again: k, or the least that a recall curve speaks of */
    uint32_t refined_k;
    /* How hard to look: candidates kept. Each kind has its own word: ef, nprobe, search_list. */
    uint32_t effort;
    bool ends_early;      /* it may end before all candidates were looked at, */
    uint32_t early_least; /* by no fewer candidates than this */
    uint32_t rows;        /* rows of the segment that are searched, by this index or otherwise */
    /* rows that the index held when the search began: only these are found */
    uint32_t limit;
    uint32_t visible;        /* copies below it count as hits */
    const uint64_t *allowed; /* bit per row; NULL: all */
    uint32_t allowed_count;  /* of rows */
    const uint32_t *hidden;  /* a row to be passed over as if it were not there; NULL: none */
    const uint32_t *epoch;   /* INDEX_CODES: the codes are others when it changes: -EAGAIN */
    const struct pause *pause;
    /* another search may go on while memory is on its way; NULL: there is none */
    void (*overlap)(void *arg);
    void *overlap_arg;
    struct search_scratch *scratch;
    /* INDEX_DISK: reads all n and suspends the caller meanwhile. Negative: none of
     * them can be trusted. */
    int (*fetch)(void *arg, const struct page_read *reads, unsigned n);
    void *fetch_arg;
    struct topk *top; /* hits are added here: by codes, or by exact distances without INDEX_CODES */
};

/* Rows scanned by their codes in the time that a search takes for each candidate it keeps,
 * about. */
#define SCANNED_PER_CANDIDATE 24

/* Are enough rows allowed that a search may end early? */
static inline bool index_may_end_early(uint32_t allowed, uint32_t rows)
{
    return allowed >= 0.75 * rows;
}

/* -- regions of bytes: how an index is written and opened in place -- */

struct index_region {
    const char *name;  /* "codes", "links", ... : at most 15 characters, stable on disk */
    const void *bytes; /* one piece; 64-byte aligned when written */
    uint64_t size;
};

#define SEGMENT_INDEX_REGIONS 20 /* of one index, those that every kind has with them */

struct index_regions {
    struct index_region *region; /* [SEGMENT_INDEX_REGIONS] */
    unsigned count;
};

/* There is room for it: a kind adds at most 12. */
void index_regions_add(struct index_regions *to, const char *name, const void *bytes, uint64_t size);

struct index_opening {
    const struct index_region *regions;
    unsigned region_count;
    uint32_t count;   /* rows */
    unsigned version; /* of the kind that wrote them: at most kind->version */
    bool copy_hot;    /* what searches touch is copied to huge pages */
    const struct pause *pause;
    const char *why; /* what is wrong, when -EINVAL is returned; a literal */
};

/* The region of that name, or NULL. */
const struct index_region *index_region_find(const struct index_opening *o, const char *name);
/* The same, if it has exactly that size. */
const struct index_region *index_region_of_size(const struct index_opening *o, const char *name, uint64_t size);
/* Opens a region of `count` rows. -EINVAL, -ENOMEM, or what the pause returned. */
MUST_USE int index_region_open(struct index_opening *o, struct row_array *c, const char *name, uint32_t stride,
                               uint32_t count);
/* -EINVAL, and why. */
int index_region_wrong(struct index_opening *o, const char *why);

/* -- the table -- */

/* Functions that may be NULL say what that means. All that return int return 0, -ENOMEM, or what a
 * pause returned, if nothing else is said. */
struct index_kind {
    const char *name;  /* as users write it */
    uint16_t id;       /* on disk, never renumbered; 0 is "not given" */
    uint16_t version;  /* of what save() writes; open() reads this and older ones */
    uint32_t features; /* enum index_feature */

    /* Checks what a user gave. -EINVAL with a sentence. */
    int (*check_options)(const struct index_options *o, uint32_t dim, struct error *error);
    /* Fills what an index of so many rows needs before its first; o->open: what a
     * build may choose anew. */
    void (*resolve)(struct index_options *o, uint32_t rows);
    /* The dearest that may come of that, for those who reckon memory. NULL: as it is. */
    void (*most)(struct index_options *o, uint32_t dim);
    /* Adds to why what was chosen, for an index of so many rows; x NULL: before there is one. */
    void (*say)(const struct index_options *o, const struct index *x, uint32_t rows, struct index_why *why);
    /* Memory of a sealed index a row, codes not counted. */
    uint32_t (*row_bytes)(const struct index_options *o);
    /* Memory of one that is built in `shares`, codes not counted. */
    uint64_t (*memory)(const struct index_host *host, uint32_t rows, unsigned shares);

    int (*create)(const struct index_host *host, struct index **ret);
    void (*destroy)(struct index *x);
    /* What of it is large goes back to the system, with pauses. NULL: nothing is. Only
     * destroy() may follow. */
    void (*give_back)(struct index *x, void (*pause)(void));
    void (*count_memory)(const struct index *x, struct memory_use *use);

    /* A row was appended. Takes microseconds. NULL: rows wait for build(). */
    void (*append)(struct index *x, const struct rows *vectors, uint32_t row);
    /* Takes rows up to job->count. It may be searched at every pause. */
    int (*build)(struct index *x, const struct index_job *job);
    /* The segment's codes are others now. NULL: it has none. */
    void (*codes_changed)(struct index *x);
    /* All rows are in, and no more will come: the structure gets its last form. NULL: it has it. */
    int (*finish)(struct index *x, const struct index_job *job);
    /* Then every row is searched for with the codes that will be searched, and *ret says what
     * that came to. *ret is NULL where there was nothing to search; lives as long as x. NULL:
     * no row can be missed. */
    int (*reach)(struct index *x, const struct index_job *job, const struct codes *codes, struct index_reach **ret);
    /* Lays out in one piece what grew in chunks; it can still grow. made: the last form of
     * its storage, too, as these options say; NULL: as it grew, and what made it is dropped.
     * NULL: it is in one piece. */
    int (*join)(struct index *x, const struct index_options *made, const struct pause *pause);

    /* The effort that this search takes; 0: its rows are better scanned. NULL: they always are. */
    uint32_t (*effort)(const struct index *x, const struct index_query *q);
    /* Adds the nearest allowed rows below q->limit to q->top. q->effort becomes 0, and q->top is
     * empty, when the rows are to be scanned after all. -EAGAIN: q->epoch changed. Negative also:
     * what q->fetch returned; -EBADMSG: what it read is not what save() gave. */
    int (*search)(const struct index *x, struct index_query *q);
    /* What such a search costs, in nanoseconds on no particular machine: index_cost.h learns
     * how that one differs. */
    double (*cost_ns)(const struct index *x, const struct index_query *q);

    /* For measuring recall by rows of its own: may the row be a query? (q->hidden)
     * NULL: every row may. */
    bool (*may_hide)(const struct index *x, uint32_t row);
    /* A row near that one, the i-th that the index knows of; the row itself: it knows none.
     * NULL: it never does. */
    uint32_t (*near)(const struct index *x, uint32_t row, uint32_t i);

    /* Adds regions, which borrow from x until its next change. NULL: there are none. */
    int (*save)(struct index *x, struct index_regions *ret);
    /* Opens what save() gave; borrows it until destroy(). Fills what it knows of host->options.
     * Bytes from a disk are data: -EINVAL with o->why when they make no index. */
    int (*open)(const struct index_host *host, struct index_opening *o, struct index **ret);
};

/* The kind of that number, or name; NULL: there is none. 0, and "auto", are what AUTOINDEX
 * takes. */
const struct index_kind *index_kind_of(unsigned id);
const struct index_kind *index_kind_named(const char *name);
/* "auto, flat, ...": for sentences. */
const char *index_kind_names(void);
/* A program brings a kind of its own: before its first index, on one thread. Tests do. */
void index_kind_add(const struct index_kind *kind);
