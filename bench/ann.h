/* ann.h -- recall against time on one core: Kith's index beside others, measured in turns. */
#pragma once

#include "dataset.h"
#include "peers/peer.h"

#define ANN_ENGINES_MAX 4
#define ANN_EFS_MAX     64

struct ann_options {
    struct dataset_options data;
    const char *engines;                /* names with commas; NULL: all there are */
    uint32_t ef[ANN_EFS_MAX], ef_count; /* rising */
    uint32_t m, ef_construct, k, rounds;
    double recall_enough; /* an engine's larger efs are left out once it is reached */
    int core;             /* negative: the last one allowed */
    bool json;
};

struct ann_point {
    bool measured;
    double recall, qps_cpu, qps_wall, p50_us, p99_us; /* medians over the rounds */
};

struct ann_engine {
    const struct peer *peer;
    void *index;
    double build_cpu_s, build_wall_s, bytes_per_vector;
    struct ann_point points[ANN_EFS_MAX];
};

/* 0: help was asked for and given; 1: go on; negative: wrong, said on stderr. */
int ann_options_read(int argc, char **argv, struct ann_options *ret);

/* Builds every index, one after the other, and measures the searches in rounds: each round takes the efs in order, and at each
 * ef every engine in turn, beginning with another one each time, so that what the machine does beside hits all alike. */
MUST_USE int ann_measure(const struct ann_options *o, const struct dataset *d, struct ann_engine *engines,
                         unsigned count);

void ann_report_text(const struct ann_options *o, const struct dataset *d, const struct ann_engine *engines,
                     unsigned count);
void ann_report_json(const struct ann_options *o, const struct dataset *d, const struct ann_engine *engines,
                     unsigned count);
