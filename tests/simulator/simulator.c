/* simulator.c -- the command line: tests the whole server in a simulated world, seed after seed.
 *
 *     simulator --seeds A..B [--jobs N] [--json]     runs these seeds; --first: until one fails
 *     simulator --regressions FILE                   runs the seeds of a file: a line has a seed,
 *                                                    the commit at which it failed, why
 *     simulator --seed S [--events]                  replays a seed and prints its trace; --events:
 *                                                    with every event
 *
 * Prints TAP, or a line of progress on a terminal, and a table at the end. A failure is reported as
 * a seed: `--seed S` shows it again. */
#include "../paged/paged.h"
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct seed_run *runs;
static size_t count, capacity, printed;
static struct report report;
static enum report_form form;
static bool first_only;

static void add_seed(uint64_t seed)
{
    if (count == capacity) {
        capacity = capacity ? capacity * 2 : 64;
        runs = realloc(runs, capacity * sizeof(*runs));
        if (!runs)
            exit(3);
    }
    memset(&runs[count], 0, sizeof(*runs));
    runs[count++].seed = seed;
}

static int add_regressions(const char *path)
{
    char line[400];
    uint64_t seed;
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        return -1;
    }
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "%" SCNu64, &seed) == 1)
            add_seed(seed);
    fclose(f);
    return 0;
}

/* -- progress -- */

static void print_test(size_t i)
{
    const struct world_result *r = &runs[i].result;
    printf("%s %zu - seed %" PRIu64 ": %" PRIu64 " starts, %" PRIu64 " crashes, %" PRIu64
           " writes acknowledged, trace %016" PRIx64 "\n",
           r->failure[0] ? "not ok" : "ok", i + 1, runs[i].seed, r->rounds, r->crashes, r->acknowledged, r->trace_hash);
    if (r->failure[0])
        printf("# %s\n", r->failure);
}

static bool finished(const struct seed_run *run)
{
    report_add(&report, &run->result);
    if (form == REPORT_TAP)
        while (printed < count && runs[printed].done) /* in the order of the seeds */
            print_test(printed++);
    if (isatty(STDERR_FILENO) && form != REPORT_TAP)
        fprintf(stderr, "\r%" PRIu64 " of %zu seeds, %" PRIu64 " failed, %" PRIu64 " crashes survived ", report.seeds,
                count, report.failed, report.sum.crashes);
    fflush(stdout);
    return !first_only || report.failed == 0;
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run_all(unsigned jobs)
{
    double start = seconds_now();
    if (form == REPORT_TAP)
        printf("1..%zu\n", count);
    if (workers_run(runs, count, jobs, finished) < 0) {
        fprintf(stderr, "the system refuses to start another process: use fewer --jobs\n");
        return 3;
    }
    report.seconds = seconds_now() - start;
    if (isatty(STDERR_FILENO) && form != REPORT_TAP)
        fprintf(stderr, "\r%60s\r", "");
    report_print(&report, runs, count, form);
    return report.failed != 0;
}

static int replay(uint64_t seed, enum world_trace trace)
{
    struct world_result r;
    world_run(seed, trace, &r);
    printf("%s\n", r.failure[0] ? r.failure : "the seed passed");
    return r.failure[0] != 0;
}

static int usage(void)
{
    fprintf(
        stderr,
        "usage: simulator [--seeds A..B] [--regressions FILE] [--jobs N] [--json] [--first] | --seed S [--events]\n");
    return 2;
}

int main(int argc, char **argv)
{
    uint64_t from, to, one = 0;
    unsigned jobs = 1;
    bool single = false;
    enum world_trace trace = TRACE_TOLD;
    form = isatty(STDOUT_FILENO) ? REPORT_TABLE : REPORT_TAP;
    index_kind_add(&index_paged);
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--json") == 0) {
            form = REPORT_JSON;
        } else if (strcmp(argv[i], "--first") == 0) {
            first_only = true;
        } else if (strcmp(argv[i], "--events") == 0) {
            trace = TRACE_ALL;
        } else if (strcmp(argv[i], "--seed") == 0 && (single = sscanf(value, "%" SCNu64, &one) == 1)) {
            i++;
        } else if (strcmp(argv[i], "--jobs") == 0 && sscanf(value, "%u", &jobs) == 1) {
            i++;
        } else if (strcmp(argv[i], "--regressions") == 0 && add_regressions(value) == 0) {
            i++;
        } else if (strcmp(argv[i], "--seeds") == 0 && sscanf(value, "%" SCNu64 "..%" SCNu64, &from, &to) == 2) {
            for (uint64_t seed = from; seed <= to; seed++)
                add_seed(seed);
            i++;
        } else {
            return usage();
        }
    }
    if (single)
        return replay(one, trace);
    return count ? run_all(jobs) : usage();
}
