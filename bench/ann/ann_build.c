/* ann_build.c -- builds indexes and records the times. CPU time is that of all threads. */
#include "ann/ann.h"
#include "clock.h"

#include <stdio.h>

static void on_progress(void *arg, uint32_t done)
{
    progress_at(arg, done);
}

/* for engines that do not choose these themselves */
#define PEER_M            16
#define PEER_EF_CONSTRUCT 200

struct building {
    const struct ann_options *o;
    const struct ann_engine *engine;
    struct peer_build build;
    struct peer_times times;
    struct progress progress;
    char kept[512]; /* file name of the index; empty: not kept */
};

static void building_init(struct building *g, const struct ann_options *o, const struct dataset *d,
                          const struct ann_engine *x, uint32_t threads)
{
    const struct peer_variant *v = &x->variant;
    *g = (struct building){.o = o,
                           .engine = x,
                           .build = {.metric = (enum peer_metric)d->metric,
                                     .dim = d->dim,
                                     .count = d->count,
                                     .vectors = d->base,
                                     .m = v->m ? v->m : o->m,
                                     .ef_construct = v->ef_construct ? v->ef_construct : o->ef_construct,
                                     .threads = threads,
                                     .variant = *v,
                                     .progress = on_progress}};
    if (!x->peer->links) {
        g->build.m = g->build.m ? g->build.m : PEER_M;
        g->build.ef_construct = g->build.ef_construct ? g->build.ef_construct : PEER_EF_CONSTRUCT;
    }
    g->build.ret_times = &g->times;
    g->build.arg = &g->progress;
    if (o->keep && x->peer->save)
        snprintf(g->kept, sizeof(g->kept), "%s/%s-%d-%u-%s-m%u-efc%u-%ut", o->keep, d->name, (int)d->metric, d->count,
                 x->peer->name, g->build.m, g->build.ef_construct, threads);
}

/* Reads an index that an earlier run has built, and its times from a file beside it. */
static void *kept_read(struct building *g, struct result_build *ret)
{
    char path[sizeof(g->kept) + 8];
    snprintf(path, sizeof(path), "%s.times", g->kept);
    FILE *f = g->kept[0] ? fopen(path, "r") : NULL;
    void *index = NULL;
    if (f && fscanf(f, "%lf %lf", &ret->cpu_s, &ret->wall_s) == 2)
        index = g->engine->peer->load(g->kept, &g->build);
    ret->chain_s = g->build.threads == 1 ? ret->cpu_s : 0;
    if (f)
        fclose(f);
    return index;
}

static void kept_write(const struct building *g, const void *index, const struct result_build *took)
{
    char path[sizeof(g->kept) + 8];
    snprintf(path, sizeof(path), "%s.times", g->kept);
    if (!g->kept[0] || g->engine->peer->save(index, g->kept) < 0)
        return; /* a later run builds it again */
    FILE *f = fopen(path, "w");
    if (f)
        fprintf(f, "%f %f\n", took->cpu_s, took->wall_s);
    if (f)
        fclose(f);
}

static void *build_now(struct building *g, struct result_build *ret)
{
    if (g->build.threads == 1)
        core_pin(g->o->core);
    else
        core_unpin();
    uint64_t cpu = clock_process_cpu_ns(), wall = clock_wall_ns();
    void *index = g->engine->peer->build(&g->build);
    ret->cpu_s = (double)(clock_process_cpu_ns() - cpu + g->times.cpu_ns) / 1e9;
    ret->wall_s = (double)(clock_wall_ns() - wall + g->times.wall_ns) / 1e9;
    ret->chain_s = g->times.spared_ns || g->build.threads == 1 ? ret->cpu_s - (double)g->times.spared_ns / 1e9 : 0;
    core_unpin();
    if (index)
        kept_write(g, index, ret);
    return index;
}

static void *build_once(const struct ann_options *o, const struct dataset *d, const struct ann_engine *x,
                        const char *name, uint32_t threads, struct result_build *ret)
{
    struct building g;
    char what[128];
    building_init(&g, o, d, x, threads);
    snprintf(what, sizeof(what), "%s: building, %u thread%s", name, threads, threads == 1 ? "" : "s");
    progress_start(&g.progress, what, d->count);
    *ret = (struct result_build){.threads = threads};
    void *index = kept_read(&g, ret);
    if (!index)
        index = build_now(&g, ret);
    progress_end(&g.progress);
    return index;
}

int ann_build(const struct ann_options *o, const struct dataset *d, struct ann_engine *x, struct result_engine *ret)
{
    for (uint32_t i = 0; i < o->threads_count; i++) {
        struct result_build took;
        void *index = build_once(o, d, x, ret->name, o->threads[i], &took);
        if (!index && i == 0)
            return -1;
        if (!index)
            /* the engine has printed the reason; the first build can be searched all the same */
            continue;
        ret->builds[ret->build_count++] = took;
        if (i == 0)
            x->index = index;
        else
            x->peer->destroy(index);
    }
    struct peer_memory memory = x->peer->memory(x->index);
    ret->held_bytes = (double)memory.held / d->count;
    ret->mapped_bytes = (double)memory.mapped / d->count;
    ret->m = x->variant.m ? x->variant.m : o->m ? o->m : PEER_M;
    ret->ef_construct = x->variant.ef_construct ? x->variant.ef_construct
                        : o->ef_construct       ? o->ef_construct
                                                : PEER_EF_CONSTRUCT;
    if (x->peer->links)
        x->peer->links(x->index, &ret->m, &ret->ef_construct);
    snprintf(ret->what, sizeof(ret->what), "%s", x->peer->describe(x->index));
    return 0;
}
