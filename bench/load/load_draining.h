/* load_draining.h -- the measurements of the scenario `draining`, and its verdict. */
#pragma once

#include "load/load.h"

enum draining_phase { DRAINING, QUIET, WRITING, DELETING, SNAPSHOT, DRAINING_PHASES };
extern const char *const draining_names[DRAINING_PHASES];

struct draining_phase_result {
    struct drive_result drive;
    double began_s, ended_s; /* in time of the trace; 0, 0: the phase did not run */
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
    double alone_s, drain_s; /* from the acknowledgement of the last row to the last graph */
    double capacity_qps, rate;
    uint64_t snapshots, deleted;
    struct draining_phase_result *phases; /* DRAINING_PHASES */
    struct error *error;
};

/* Prints tables, the aims, and whether they were met. */
void draining_report(const struct draining *d);
MUST_USE int draining_picture(struct draining *d, const char *path);

/* One aim, with the worst of the phases that ran. */
struct draining_aim {
    const char *what;  /* like "p50 at most 1.3 times quiet" */
    const char *phase; /* the worst phase; "": the whole run */
    double worst, limit;
    bool met;
};
#define DRAINING_AIMS 5
void draining_judge(const struct draining *d, struct draining_aim aims[DRAINING_AIMS]);
