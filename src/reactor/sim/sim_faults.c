/* sim_faults.c -- the kinds of faults, their rates, and their counts.
 *
 * The code that a fault disturbs decides what the fault does; this file only draws whether it
 * happens. Each kind has a random stream of its own. A kind with rate 0 draws nothing, so its code
 * cannot change a run. */
#include "base/check.h"
#include "reactor/sim/sim_world.h"

#define MILLION 1000000u

static const char *const names[FAULT_KINDS] = {
    [FAULT_SHORT_WRITE] = "short write",   [FAULT_MISDIRECTED_WRITE] = "misdirected write",
    [FAULT_BIT_ROT] = "bit rot",           [FAULT_READ_ERROR] = "read error",
    [FAULT_WRITE_ERROR] = "write error",   [FAULT_FLUSH_ERROR] = "flush error",
    [FAULT_DISK_FULL] = "disk full",       [FAULT_SLOW_DISK] = "slow disk",
    [FAULT_RESET] = "connection reset",    [FAULT_CUT] = "stream cut",
    [FAULT_LATE_MESSAGE] = "late message", [FAULT_STALL] = "stalled reactor",
    [FAULT_NO_MEMORY] = "no memory",       [FAULT_PREEMPT] = "preemption",
    [FAULT_LOST_PAGE] = "lost page",       [FAULT_SHUFFLE] = "shuffle",
};

const char *sim_fault_name(enum sim_fault f)
{
    check(f < FAULT_KINDS);
    return names[f];
}

void sim_faults_init(struct sim *s, struct sim_random *root)
{
    for (unsigned f = 0; f < FAULT_KINDS; f++)
        s->faults[f].random.state = sim_draw(root);
    s->faults[FAULT_PREEMPT].per_million = MILLION / 64;
    s->faults[FAULT_SHUFFLE].per_million = MILLION;
}

void sim_fault_rate(struct sim *s, enum sim_fault f, uint32_t per_million)
{
    check(f < FAULT_KINDS);
    s->faults[f].per_million = per_million;
}

void sim_faults_pass(struct sim *s)
{
    sim_disk_calm(s->disk);
}

uint64_t sim_faults_injected(const struct sim *s, enum sim_fault f)
{
    check(f < FAULT_KINDS);
    return s->faults[f].injected;
}

bool sim_fault_draw(struct sim *s, enum sim_fault f)
{
    struct sim_fault_state *k = &s->faults[f];
    return k->per_million > 0 && sim_below(&k->random, MILLION) < k->per_million;
}

void sim_fault_count(struct sim *s, enum sim_fault f)
{
    s->faults[f].injected++;
}

bool sim_fault(struct sim *s, enum sim_fault f)
{
    bool happens = sim_fault_draw(s, f);
    s->faults[f].injected += happens;
    return happens;
}

bool sim_fault_at(struct sim_backend *b, enum sim_fault f, const struct op *op)
{
    if (!sim_fault(b->sim, f))
        return false;
    sim_trace_op(b->sim, b->id, names[f], op, f);
    return true;
}

uint64_t sim_fault_below(struct sim *s, enum sim_fault f, uint64_t n)
{
    return sim_below(&s->faults[f].random, n);
}

bool sim_allocation_fails(struct sim *s)
{
    if (!s->in_turn || !sim_fault(s, FAULT_NO_MEMORY))
        return false;
    bool was = sim_enter(s);
    sim_trace(s, reactor_id(), names[FAULT_NO_MEMORY], s->faults[FAULT_NO_MEMORY].injected, 0);
    sim_leave(s, was);
    return true;
}
