/* ann_lanes.c -- several queries in flight on one core. Each has a stack of its own; while one
 * waits for memory, the next runs. They switch stacks like the server's fibers
 * (reactor/fibers/stack.h). */
#include "ann/ann.h"
#include "clock.h"
#include "reactor/fibers/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define STACK_BYTES (256 * 1024)

struct lane {
    struct lanes *all;
    struct stack_context context;
    void *stack;
    uint32_t number;
    bool done;
};

struct lanes {
    struct ann_pass *pass;
    const struct ann_engine *engine;
    const struct dataset *data;
    const struct result_point *how;
    uint32_t k;
    uint32_t next; /* number of the next query */
    int rc;
    struct stack_context main;
    struct lane lane[PEER_LANES_MAX];
};

/* The next lane that has work; l itself comes last. */
static struct lane *lane_after(struct lane *l)
{
    struct lanes *all = l->all;
    for (uint32_t i = 1; i <= all->how->interleave; i++) {
        struct lane *other = &all->lane[(l->number + i) % all->how->interleave];
        if (!other->done)
            return other;
    }
    return NULL;
}

static void overlap(void *arg)
{
    struct lane *l = arg, *other = lane_after(l);
    if (other != l)
        stack_switch(&l->context, &other->context);
}

static void lane_main(void *arg)
{
    struct lane *l = arg;
    struct lanes *all = l->all;
    struct peer_search s = {.k = all->k,
                            .ef = all->how->ef,
                            .refine_k = all->how->refine_k,
                            .lane = l->number,
                            .overlap = overlap,
                            .arg = l};
    while (all->next < all->pass->queries && all->rc == 0) {
        uint32_t q = all->next++;
        int count = all->engine->peer->search(all->engine->index, all->data->queries + (size_t)q * all->data->dim, &s,
                                              all->pass->rows + (size_t)q * all->k);
        all->pass->counts[q] = count < 0 ? 0 : (uint32_t)count;
        if (count < 0)
            all->rc = -EIO;
    }
    l->done = true;
    struct lane *other = lane_after(l);
    stack_switch(&l->context, other ? &other->context : &all->main);
}

static int lanes_start(struct lanes *all)
{
    for (uint32_t i = 0; i < all->how->interleave; i++) {
        struct lane *l = &all->lane[i];
        *l = (struct lane){.all = all, .number = i};
        l->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (l->stack == MAP_FAILED) {
            l->stack = NULL;
            return -ENOMEM;
        }
        stack_init(&l->context, l->stack, STACK_BYTES, lane_main, l);
    }
    return 0;
}

int ann_lanes_run(struct ann_pass *p, const struct ann_engine *x, const struct dataset *d,
                  const struct result_point *how, uint32_t k, double *ret_qps)
{
    struct lanes *all = calloc(1, sizeof(*all));
    if (!all)
        return -ENOMEM;
    *all = (struct lanes){.pass = p, .engine = x, .data = d, .how = how, .k = k};
    int rc = lanes_start(all);
    if (rc == 0) {
        uint64_t cpu = clock_thread_cpu_ns();
        stack_switch(&all->main, &all->lane[0].context);
        *ret_qps = p->queries * 1e9 / (double)(clock_thread_cpu_ns() - cpu);
        rc = all->rc;
    }
    for (uint32_t i = 0; i < how->interleave; i++)
        if (all->lane[i].stack) {
            stack_fini(&all->lane[i].context);
            munmap(all->lane[i].stack, STACK_BYTES);
        }
    free(all);
    return rc;
}
