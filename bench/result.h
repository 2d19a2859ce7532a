/* result.h -- the measurements of `ann`, stored as JSON lines, one for each engine, and read again
 * for tables, pictures and `compare`.
 *
 * A result belongs to one set of data and holds the engines that were measured on it in the same
 * run. */
#pragma once

#include "base/check.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define RESULT_ENGINES_MAX 24
#define RESULT_BUILDS_MAX  4

/* A way of searching and its measurements. Rates are medians over the rounds. The latency of a
 * query is that of its fastest round, to leave out disturbances by other programs; p99 is the time
 * of the hard queries. */
struct result_point {
    uint32_t ef;
    double refine_k;          /* 0: the engine's default */
    uint32_t interleave;      /* queries in flight on the one core */
    uint32_t rounds;          /* rounds of measurement; fewer for points of the curve only */
    double recall;            /* @k */
    double qps;               /* per second of CPU time */
    double qps_low, qps_high; /* the middle half of the rounds */
    double p50_us, p99_us;    /* wall time; 0 with interleaved queries */
};

struct result_build {
    uint32_t threads;
    double cpu_s, wall_s;
    /* CPU time of the longest chain: the build time when each thread has a core; 0: unknown */
    double chain_s;
};

struct result_engine {
    char name[64];  /* like kith:sq4+f16 */
    char what[160]; /* version, instruction set */
    uint32_t m, ef_construct;
    double held_bytes, mapped_bytes; /* per vector */
    struct result_build builds[RESULT_BUILDS_MAX];
    unsigned build_count;
    struct result_point *points; /* owned */
    unsigned point_count;
};

struct result {
    char data[64], metric[8];
    uint32_t rows, dim, queries, k, rounds;
    char machine[160], commit[64];
    struct result_engine engines[RESULT_ENGINES_MAX];
    unsigned engine_count;
};

struct results {
    struct result *list; /* owned */
    unsigned count;
};

void result_fini(struct result *r);
void results_fini(struct results *all);

/* Appends the lines of r, one for each engine. */
void result_write(const struct result *r, FILE *to);
/* Reads the lines of a file. A later line about the same data and engine replaces an earlier one.
 * The caller calls results_fini(), on failure too. */
MUST_USE int results_read(const char *path, struct results *ret, struct error *e);

/* NULL when there is none. */
const struct result *results_find(const struct results *all, const char *data);
const struct result_engine *result_engine(const struct result *r, const char *name);
/* The fastest point with at least this recall and so many queries in flight, of those measured in
 * all rounds; NULL if there is none. */
const struct result_point *result_best(const struct result_engine *x, double recall, uint32_t interleave);
/* Whether no other point with as many queries in flight has more recall and more speed. */
bool result_on_front(const struct result_engine *x, const struct result_point *p);

/* The recalls of the tables. */
#define RESULT_TARGETS 5
extern const double result_targets[RESULT_TARGETS];
