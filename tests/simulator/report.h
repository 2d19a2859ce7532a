/* report.h -- what many seeds amounted to. */
#pragma once

#include "workers.h"

enum report_form { REPORT_TABLE, REPORT_TAP, REPORT_JSON };

struct report {
    uint64_t seeds, failed;
    double seconds;
    struct world_result sum; /* of the numbers */
};

void report_add(struct report *t, const struct world_result *r);
/* form: a table for people, the same as comments of TAP, or a line of JSON. */
void report_print(const struct report *t, const struct seed_run *runs, size_t count, enum report_form form);
