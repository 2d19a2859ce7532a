/* waits.c -- describes what the fibers of a reactor wait for: a line for each group that waits for
 * the same thing.
 *
 * For tests and the simulator, when all fibers hang. It reads the stacks of suspended fibers, so
 * only the reactor's own thread may call it. */
#include "reactor/reactor.h"
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 48
#define FRAMES     5 /* callers to print, beginning with the innermost */
#define SKIPPED    1 /* the frame of stack_swap() itself */
#define TEXT_MAX   400

struct group {
    unsigned count;
    char text[TEXT_MAX];
};

/* Stores the return addresses on the stack of a suspended fiber; returns their number. */
#if defined(__x86_64__) && !defined(KITH_UCONTEXT)
__attribute__((no_sanitize("address", "undefined"))) static int callers(const struct fiber *f, void *ret[FRAMES])
{
    /* the layout of stack_init(): five registers, the frame pointer, the return address */
    void *const *sp = f->context.sp;
    void *const *frame = sp[5];
    int n = 0;
    for (int depth = 0; n < FRAMES; depth++) {
        uintptr_t at = (uintptr_t)frame, stack = (uintptr_t)f->stack;
        if (at < stack || at + 2 * sizeof(void *) > stack + f->stack_size || at % sizeof(void *))
            break;
        if (depth >= SKIPPED)
            ret[n++] = frame[1];
        frame = frame[0];
    }
    return n;
}
#else
static int callers(const struct fiber *f, void *ret[FRAMES])
{
    return 0;
}
#endif

static void describe_fiber(const struct fiber *f, char *text)
{
    void *addresses[FRAMES];
    if (f->waits.what) {
        snprintf(text, TEXT_MAX, "'%s' wait for %s %x of order %u, reactor %u", f->name, f->waits.what, f->waits.type,
                 f->waits.to.order, f->waits.to.reactor);
        return;
    }
    int n = callers(f, addresses), used = snprintf(text, TEXT_MAX, "'%s' wait", f->name);
    char **names = n > 0 ? backtrace_symbols(addresses, n) : NULL;
    for (int i = 0; names && i < n && used < TEXT_MAX; i++) {
        const char *name = strrchr(names[i], '/');
        used += snprintf(text + used, (size_t)(TEXT_MAX - used), "%s %s", i ? " <" : ":", name ? name + 1 : names[i]);
    }
    free(names);
}

static void add(struct group *groups, unsigned *count, const struct fiber *f)
{
    char text[TEXT_MAX];
    describe_fiber(f, text);
    for (unsigned i = 0; i < *count; i++)
        if (strcmp(groups[i].text, text) == 0) {
            groups[i].count++;
            return;
        }
    if (*count == GROUPS_MAX)
        return;
    groups[*count].count = 1;
    memcpy(groups[(*count)++].text, text, sizeof(text));
}

uint32_t reactor_own_fibers(const struct reactor *r)
{
    uint32_t serving = 0;
    for (unsigned i = 0; i < ACTORS_MAX; i++)
        serving += r->actors[i] ? r->actors[i]->active : 0;
    return r->pool.live - serving;
}

static bool peer_owes(const struct reactor *r, unsigned to, char *text, size_t size)
{
    const struct peer *p = &r->peers[to];
    for (unsigned order = 0; order < ORDERS; order++) {
        if (p->credits[order] == credits_of(r, order) && !p->credited[order].head)
            continue;
        snprintf(text, size, "%u of %u credits of order %u to reactor %u", p->credits[order], credits_of(r, order),
                 order, to);
        return true;
    }
    return false;
}

bool reactor_owes(const struct reactor *r, char *text, size_t size)
{
    for (unsigned i = 0; i < r->count; i++)
        if (peer_owes(r, i, text, size))
            return true;
    for (unsigned i = 0; i < ACTORS_MAX; i++) {
        const struct actor *a = r->actors[i];
        unsigned count = a ? a->queued + a->active : r->early[i].count;
        if (count == 0)
            continue;
        snprintf(text, size, "%u messages for the actor %s", count, a ? a->name : "that never started");
        return true;
    }
    if (r->disk.urgent == 0 && r->disk.background == 0 && !r->disk.waiting.head)
        return false;
    snprintf(text, size, "operations on files");
    return true;
}

static void tell_actors(const struct reactor *r, waits_line_fn line, void *arg)
{
    char text[TEXT_MAX];
    for (unsigned i = 0; i < ACTORS_MAX; i++) {
        const struct actor *a = r->actors[i];
        if (!a || (a->queued == 0 && a->active == 0))
            continue;
        snprintf(text, sizeof(text), "reactor %u: actor '%s' has %u messages queued, %u of %u fibers at work", r->id,
                 a->name, a->queued, a->active, a->width);
        line(text, arg);
    }
}

void reactor_describe_waits(const struct reactor *r, waits_line_fn line, void *arg)
{
    struct group *groups = calloc(GROUPS_MAX, sizeof(*groups));
    unsigned count = 0;
    if (!groups)
        return;
    for (uint32_t i = 0; i < r->pool.made; i++)
        if (r->pool.all[i]->state == FIBER_SUSPENDED)
            add(groups, &count, r->pool.all[i]);
    for (unsigned i = 0; i < count; i++) {
        char text[TEXT_MAX + 40];
        snprintf(text, sizeof(text), "reactor %u: %u x %s", r->id, groups[i].count, groups[i].text);
        line(text, arg);
    }
    free(groups);
    tell_actors(r, line, arg);
}
