#include "harness.h"
#include "base/log.h"
#include "gpu/gpu.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

struct sim *harness_sim;

static void on_ready(struct server *s, void *arg)
{
    scenario_fn scenario = *(scenario_fn *)arg;
    scenario(s);
    server_stop(s);
}

static void quiet(enum log_level level, const char *line, void *arg)
{
}

void harness_run(enum backend_kind backend, unsigned reactors, scenario_fn scenario)
{
    log_set_sink(quiet, NULL);
    struct sim *sim = NULL;
    char folder[] = "/tmp/kith-test-XXXXXX";
    if (backend == BACKEND_SIM)
        cr_assert_eq(sim_create(7, &sim), 0);
    else
        cr_assert(mkdtemp(folder));
    struct server_options options = {
        .data = backend == BACKEND_SIM ? "data" : folder,
        .listeners = {{PROTOCOL_NATIVE, "127.0.0.1", 0},
                      {PROTOCOL_HTTP, "127.0.0.1", 0},
                      {PROTOCOL_NATIVE, "127.0.0.1", 0}},
        .listener_count = 3,
        .runtime = {.backend = backend, .reactors = reactors, .sim = sim},
        .front = &net_front,
        .gpu = &gpu_none,
        .on_ready = on_ready,
        .arg = &scenario,
    };
    harness_sim = sim;
    struct server *s;
    struct error error = {0};
    cr_assert_eq(server_create(&options, &s), 0);
    int rc = server_run(s, &error);
    cr_assert_eq(rc, 0, "the server ended with: %s", error.text);
    server_destroy(s);
    if (sim) {
        sim_destroy(sim);
        return;
    }
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}
