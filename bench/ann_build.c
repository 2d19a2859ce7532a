/* Builds, and what they took. CPU time is that of all threads. */
#include "ann.h"
#include "clock.h"

#include <stdio.h>

static void on_progress(void *arg, uint32_t done)
{
    progress_at(arg, done);
}

static void *build_once(const struct ann_options *o, const struct dataset *d, const struct ann_engine *x,
                        const char *name, uint32_t threads, struct result_build *ret)
{
    char what[128];
    snprintf(what, sizeof(what), "%s: building, %u thread%s", name, threads, threads == 1 ? "" : "s");
    struct progress p;
    struct peer_times times = {0};
    progress_start(&p, what, d->count);
    struct peer_build b = {.metric = (enum peer_metric)d->metric,
                           .dim = d->dim,
                           .count = d->count,
                           .vectors = d->base,
                           .m = x->variant.m ? x->variant.m : o->m,
                           .ef_construct = x->variant.ef_construct ? x->variant.ef_construct : o->ef_construct,
                           .threads = threads,
                           .ret_times = &times,
                           .variant = x->variant,
                           .progress = on_progress,
                           .arg = &p};
    if (threads == 1)
        core_pin(o->core);
    else
        core_unpin();
    uint64_t cpu = clock_process_cpu_ns(), wall = clock_wall_ns();
    void *index = x->peer->build(&b);
    *ret = (struct result_build){.threads = threads,
                                 .cpu_s = (double)(clock_process_cpu_ns() - cpu + times.cpu_ns) / 1e9,
                                 .wall_s = (double)(clock_wall_ns() - wall + times.wall_ns) / 1e9};
    ret->chain_s = times.spared_ns || threads == 1 ? ret->cpu_s - (double)times.spared_ns / 1e9 : 0;
    core_unpin();
    progress_end(&p);
    return index;
}

int ann_build(const struct ann_options *o, const struct dataset *d, struct ann_engine *x, struct result_engine *ret)
{
    ret->m = x->variant.m ? x->variant.m : o->m;
    ret->ef_construct = x->variant.ef_construct ? x->variant.ef_construct : o->ef_construct;
    for (uint32_t i = 0; i < o->threads_count; i++) {
        struct result_build took;
        void *index = build_once(o, d, x, ret->name, o->threads[i], &took);
        if (!index && i == 0)
            return -1;
        if (!index)
            continue; /* the engine has said why; it can be searched all the same */
        ret->builds[ret->build_count++] = took;
        if (i == 0)
            x->index = index;
        else
            x->peer->destroy(index);
    }
    struct peer_memory memory = x->peer->memory(x->index);
    ret->held_bytes = (double)memory.held / d->count;
    ret->mapped_bytes = (double)memory.mapped / d->count;
    snprintf(ret->what, sizeof(ret->what), "%s", x->peer->describe(x->index));
    return 0;
}
