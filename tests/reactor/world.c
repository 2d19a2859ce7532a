/* world.c -- the helper of all tests of this folder. One world at a time in a process. */
#include "world.h"
#include "base/log.h"
#include "reactor/file.h"
#include <stdio.h>
#include <stdlib.h>

void world_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    abort();
}

void world_fail_eq(const char *file, int line, const char *what, long long is, long long wanted)
{
    fprintf(stderr, "%s:%d: %s is %lld, not %lld (\"%s\")\n", file, line, what, is, wanted,
            is < 0 ? strerror((int)-is) : "");
    abort();
}

static struct {
    runtime_boot_fn main;
    void *arg;
    bool never_stops;
    char folder[64];
} here;

static void boot(void *arg)
{
    here.main(here.arg);
    if (reactor_id() == 0 && !here.never_stops)
        runtime_stop();
}

static void quiet(enum log_level level, const char *line, void *arg)
{
}

static int create(const struct world *w, struct sim *sim, struct runtime **ret, struct error *error)
{
    struct runtime_options options = {
        .reactors = w->reactors ? w->reactors : 1,
        .backend = w->backend,
        .fibers_max = w->fibers_max ? w->fibers_max : 64,
        .sim = sim,
        .stall_ms = 10000, /* a debugger, valgrind or a busy machine is no stall */
    };
    return runtime_create(&options, ret, error);
}

void world_require(enum backend_kind backend)
{
    struct error error = {0};
    struct runtime *rt = NULL;
    if (create(&(struct world){.backend = backend}, NULL, &rt, &error) < 0)
        cr_skip_test("%s", error.text);
    runtime_destroy(rt);
}

const char *world_folder(void)
{
    return here.folder;
}

int world_run(const struct world *w, runtime_boot_fn main, void *arg)
{
    struct sim *own = NULL;
    struct runtime *rt;
    struct error error = {0};
    bool simulated = w->backend == BACKEND_SIM;
    log_set_sink(quiet, NULL);
    here.main = main;
    here.arg = arg;
    here.never_stops = w->never_stops;
    strcpy(here.folder, simulated ? "" : "/tmp/kith-reactor-XXXXXX");
    if (!simulated)
        cr_assert(mkdtemp(here.folder));
    if (simulated && !w->sim)
        cr_assert_eq(sim_create(w->seed, &own), 0);
    cr_assert_eq(create(w, w->sim ? w->sim : own, &rt, &error), 0, "%s", error.text);
    int rc = runtime_run(rt, boot, NULL, arg);
    runtime_destroy(rt);
    sim_destroy(own);
    if (!simulated) {
        char command[80];
        snprintf(command, sizeof(command), "rm -rf %s", here.folder);
        cr_assert_eq(system(command), 0);
    }
    return rc;
}
