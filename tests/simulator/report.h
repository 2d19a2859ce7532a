/* report.h -- sums up the results of many seeds and prints them. */
#pragma once

#include "workers.h"

enum report_form { REPORT_TABLE, REPORT_TAP, REPORT_JSON };

struct report {
    uint64_t seeds, failed;
    double seconds;
    struct world_result sum; /* the sums of all numbers */
};

void report_add(struct report *t, const struct world_result *r);
/* form: a table for people, the same table as comments of TAP, or a line of JSON. */
void report_print(const struct report *t, const struct seed_run *runs, size_t count, enum report_form form);
