/* simulator.c -- the whole server in a simulated world, seed after seed.
 *
 *     simulator --seeds A..B      runs them; every eighth twice, to see that a seed always gives the same run
 *     simulator --seed S          replays one with a trace of all that happens
 *
 * Prints TAP. A failure is a seed: `simulator --seed S` shows it again. */
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPEAT_EVERY 8

static int failures;

/* Runs the seed in a process of its own: a power cut leaves memory behind, and a crash of ours is a failure of that seed. */
static void run_apart(uint64_t seed, struct world_result *r)
{
    int ends[2], status = 0;
    memset(r, 0, sizeof *r);
    snprintf(r->failure, sizeof r->failure, "the process died");
    fflush(stdout);
    if (pipe(ends) < 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        world_run(seed, 0, r);
        _exit(write(ends[1], r, sizeof *r) != sizeof *r);
    }
    close(ends[1]);
    if (child > 0 && read(ends[0], r, sizeof *r) != sizeof *r)
        snprintf(r->failure, sizeof r->failure, "the process died");
    close(ends[0]);
    if (child > 0)
        waitpid(child, &status, 0);
}

static void run_seed(uint64_t seed, unsigned number)
{
    struct world_result r, again;
    run_apart(seed, &r);
    if (!r.failure[0] && seed % REPEAT_EVERY == 0) {
        run_apart(seed, &again);
        if (again.trace_hash != r.trace_hash || again.trace_events != r.trace_events)
            snprintf(r.failure, sizeof r.failure, "the second run differs: %" PRIu64 " events instead of %" PRIu64,
                     again.trace_events, r.trace_events);
    }
    failures += r.failure[0] != 0;
    printf("%s %u - seed %" PRIu64 ": %u rounds, %u crashes, %u writes acknowledged, %u searches, trace %016" PRIx64
           "\n",
           r.failure[0] ? "not ok" : "ok", number, seed, r.rounds, r.crashes, r.acknowledged, r.searches, r.trace_hash);
    if (r.failure[0])
        printf("# %s\n# see it again: simulator --seed %" PRIu64 "\n", r.failure, seed);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    uint64_t from = 1, to = 24;
    if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
        struct world_result r;
        world_run(strtoull(argv[2], NULL, 10), 1, &r);
        printf("%s\n", r.failure[0] ? r.failure : "all was well");
        return r.failure[0] != 0;
    }
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0 && sscanf(argv[2], "%" SCNu64 "..%" SCNu64, &from, &to) == 2 &&
        from <= to) {
        argc = 1;
    }
    if (argc != 1) {
        fprintf(stderr, "usage: simulator [--seeds A..B | --seed S]\n");
        return 2;
    }
    printf("1..%" PRIu64 "\n", to - from + 1);
    for (uint64_t seed = from; seed <= to; seed++)
        run_seed(seed, (unsigned)(seed - from + 1));
    return failures != 0;
}
