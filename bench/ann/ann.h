/* ann.h -- recall against time on one core: Kith's index beside others, measured in turns.
 *
 * Engines are built one after the other, then each way of searching (ef, how much is scored again)
 * is tried once: those that another way of the same engine beats in both recall and speed are left
 * out. What remains is measured in rounds. */
#pragma once

#include "dataset.h"
#include "peers/peer.h"
#include "result.h"

#define ANN_EFS_MAX         64
#define ANN_REFINE_MAX      8
#define ANN_ROUNDS_MAX      99
#define ANN_THREADS_MAX     64
#define ANN_INTERLEAVES_MAX 4

struct ann_options {
    struct dataset_options data;
    const char *engines;                 /* names with commas; NULL: all there are, as they come */
    uint32_t ef[ANN_EFS_MAX], ef_count;  /* rising */
    double refine_k[ANN_REFINE_MAX];     /* rising */
    uint32_t refine_count;               /* 0: those that the engine finds worth trying */
    uint32_t threads[RESULT_BUILDS_MAX]; /* builds, each with so many; the first is searched in */
    uint32_t threads_count;
    uint32_t interleave[ANN_INTERLEAVES_MAX]; /* queries under way at once, besides one */
    uint32_t interleave_count;
    uint32_t m, ef_construct, k, rounds;
    double recall_enough; /* an engine's larger efs are left out once it is reached */
    int core;             /* negative: the last one allowed */
    const char *commit;   /* NULL: that of the build */
    bool json;            /* lines instead of tables */
    bool paced;           /* each round waits for a line on standard input */
    const char *output;   /* a file to add these lines to */
    const char *keep;     /* a folder for what peers have built, to be read again; NULL: none */
    const char *from;     /* a file of such lines: nothing is measured */
    bool markdown;
    const char *svg;         /* a picture to write */
    bool zoo;                /* many kinds of data (zoo.h) in place of one set */
    const char *zoo_kinds;   /* names with commas; NULL: all */
    uint32_t queries_before; /* queries that have come before those that are tried */
};

struct ann_engine {
    const struct peer *peer;
    struct peer_variant variant;
    void *index; /* owned */
};

/* 0: help was asked for and given; 1: go on; negative: wrong, said on stderr. */
int ann_options_read(int argc, char **argv, struct ann_options *ret);

/* The words after the colon. -1 after saying on stderr which word means nothing. */
MUST_USE int ann_variant_read(const char *text, struct peer_variant *ret);
/* Fills engines and the names in r. -1 after saying on stderr which engine there is none of. */
MUST_USE int ann_engines_choose(const char *names, struct ann_engine engines[RESULT_ENGINES_MAX], struct result *r);

/* Builds engine i of r with each number of threads and notes what it took. -1 after saying why. */
MUST_USE int ann_build(const struct ann_options *o, const struct dataset *d, struct ann_engine *x,
                       struct result_engine *ret);
/* Tries every way of searching once and leaves in *ret those worth measuring. */
MUST_USE int ann_survey(const struct ann_options *o, const struct dataset *d, struct ann_engine *x,
                        struct result_engine *ret);
/* Measures what the survey left, in rounds: the points of all engines in turns, from small
 * recall to large, beginning with another engine each time, so that what the machine does
 * beside hits all alike. */
MUST_USE int ann_measure(const struct ann_options *o, const struct dataset *d, struct ann_engine *engines,
                         struct result *r);

/* Queries once, one after the other. latency_ns: of each query. */
struct ann_pass {
    struct recall recall;
    uint32_t queries; /* the first so many; all, unless set to fewer */
    uint32_t *rows, *counts, *latency_ns;
};
MUST_USE int ann_pass_init(struct ann_pass *p, const struct ann_options *o, const struct dataset *d);
void ann_pass_fini(struct ann_pass *p);
MUST_USE int ann_pass_run(struct ann_pass *p, const struct ann_engine *x, const struct dataset *d,
                          const struct result_point *how, uint32_t k, double *ret_qps);
/* The same with how->interleave queries under way at once; latencies are not taken. */
MUST_USE int ann_lanes_run(struct ann_pass *p, const struct ann_engine *x, const struct dataset *d,
                           const struct result_point *how, uint32_t k, double *ret_qps);
double ann_pass_recall(const struct ann_pass *p, const struct dataset *d, uint32_t k);

/* Kith at its defaults on each kind of the zoo, in every state that a segment has, beside hnswlib.
 * 0; 1: a bar was missed; negative errno. */
MUST_USE int ann_zoo(const struct ann_options *o);

void ann_markdown_write(const struct result *r, FILE *to);
void ann_table_write(const struct result *r, FILE *to);
/* One panel a set of data; recall stretched towards 1, queries a second on a logarithmic scale. */
void ann_svg_write(const struct results *all, FILE *to);
