/* load_draining.h -- what the scenario `draining` has measured, and what is said about it. */
#pragma once

#include "load/load.h"

enum draining_phase { DRAINING, QUIET, WRITING, DELETING, SNAPSHOT, DRAINING_PHASES };
extern const char *const draining_names[DRAINING_PHASES];

struct draining_phase_result {
    struct drive_result drive;
    double began_s, ended_s; /* of the trace; 0, 0: it was not run */
};

struct draining {
    const struct load_options *options;
    const struct target *target;
    const char *address;
    const struct dataset *data;
    struct drive *drive;
    struct link *control;
    struct live live;
    struct drive_trace trace;
    struct fill_watch filled_alone, filled;
    int64_t backlog;         /* rows without a graph when the searches began */
    double alone_s, drain_s; /* from the last row's acknowledgement to the last graph */
    double capacity_qps, rate;
    uint64_t snapshots, deleted;
    struct draining_phase_result *phases; /* DRAINING_PHASES */
    struct error *error;
};

/* Tables, what was aimed at and whether it was met. */
void draining_report(const struct draining *d);
MUST_USE int draining_picture(struct draining *d, const char *path);

/* One aim: the worst phase of those that were run. */
struct draining_aim {
    const char *what;  /* "p50 at most 1.3 times quiet" */
    const char *phase; /* where it was worst; "": of the whole run */
    double worst, limit;
    bool met;
};
#define DRAINING_AIMS 5
void draining_judge(const struct draining *d, struct draining_aim aims[DRAINING_AIMS]);
