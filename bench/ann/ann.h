/* ann.h -- recall against speed on one core: Kith's index beside others, measured in turns.
 *
 * Engines are built one after the other. Then each way of searching (ef, refine_k) is tried once. A
 * way is left out if another way of the same engine is better in both recall and speed. The others
 * are measured in rounds. */
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
    const char *engines;                /* names with commas; NULL: all of this build */
    uint32_t ef[ANN_EFS_MAX], ef_count; /* ascending */
    double refine_k[ANN_REFINE_MAX];    /* ascending */
    uint32_t refine_count;              /* 0: the values that the engine suggests */
    /* one build with each number of threads; searches use the first build */
    uint32_t threads[RESULT_BUILDS_MAX];
    uint32_t threads_count;
    uint32_t interleave[ANN_INTERLEAVES_MAX]; /* numbers of queries in flight, besides 1 */
    uint32_t interleave_count;
    uint32_t m, ef_construct, k, rounds;
    double recall_enough; /* larger efs are left out once an engine has reached this recall */
    int core;             /* negative: the last core allowed */
    const char *commit;   /* NULL: the commit of this build */
    bool json;            /* JSON lines instead of tables */
    bool paced;           /* each round waits for a line on standard input */
    const char *output;   /* a file to which JSON lines are appended */
    const char *keep;     /* a folder for indexes of peers, which later runs read; NULL: none */
    const char *from;     /* a file of JSON lines to show instead of measuring */
    bool markdown;
    const char *svg;         /* file name of a picture to write */
    bool zoo;                /* measures the zoo of many kinds of data (zoo.h) instead of one set */
    const char *zoo_kinds;   /* names separated by commas; NULL: all */
    uint32_t queries_before; /* number of earlier queries that an index measures its recall with */
};

struct ann_engine {
    const struct peer *peer;
    struct peer_variant variant;
    void *index; /* owned */
};

/* 0: help was printed; 1: go on; negative: an error, printed on stderr. */
int ann_options_read(int argc, char **argv, struct ann_options *ret);

/* Parses the options behind the colon. -1 after printing the unknown one. */
MUST_USE int ann_variant_read(const char *text, struct peer_variant *ret);
/* Fills engines and the names in r. -1 after printing the unknown engine. */
MUST_USE int ann_engines_choose(const char *names, struct ann_engine engines[RESULT_ENGINES_MAX], struct result *r);

/* Builds engine i of r with each number of threads and records times and memory. -1 after printing
 * an error. */
MUST_USE int ann_build(const struct ann_options *o, const struct dataset *d, struct ann_engine *x,
                       struct result_engine *ret);
/* Tries every way of searching once and stores in *ret those worth measuring. */
MUST_USE int ann_survey(const struct ann_options *o, const struct dataset *d, struct ann_engine *x,
                        struct result_engine *ret);
/* Measures the ways that the survey kept, in rounds. All engines take turns, from low recall to
 * high, with another engine first in each round, so that other load on the machine affects all
 * alike. */
MUST_USE int ann_measure(const struct ann_options *o, const struct dataset *d, struct ann_engine *engines,
                         struct result *r);

/* One pass over the queries, one after the other. latency_ns: of each query. */
struct ann_pass {
    struct recall recall;
    uint32_t queries; /* only the first so many queries; default: all */
    uint32_t *rows, *counts, *latency_ns;
};
MUST_USE int ann_pass_init(struct ann_pass *p, const struct ann_options *o, const struct dataset *d);
void ann_pass_fini(struct ann_pass *p);
MUST_USE int ann_pass_run(struct ann_pass *p, const struct ann_engine *x, const struct dataset *d,
                          const struct result_point *how, uint32_t k, double *ret_qps);
/* The same with how->interleave queries in flight; latencies are not measured. */
MUST_USE int ann_lanes_run(struct ann_pass *p, const struct ann_engine *x, const struct dataset *d,
                           const struct result_point *how, uint32_t k, double *ret_qps);
double ann_pass_recall(const struct ann_pass *p, const struct dataset *d, uint32_t k);

/* Measures Kith with default options on each kind of the zoo, in every state of a segment, beside
 * hnswlib. 0; 1: a limit was missed; negative errno. */
MUST_USE int ann_zoo(const struct ann_options *o);

void ann_markdown_write(const struct result *r, FILE *to);
void ann_table_write(const struct result *r, FILE *to);
/* One panel for each set of data, with recall stretched towards 1 and queries per second on a
 * logarithmic scale. */
void ann_svg_write(const struct results *all, FILE *to);
