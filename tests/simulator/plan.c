/* plan.c -- which faults a seed has. A quarter of the seeds has none, three eighths have one kind,
 * the rest have several. One kind alone shows what it breaks. Several kinds show what the handling
 * of one breaks under another. */
#include "plan.h"
#include "play.h"

#define STORMY        6 /* one of 6 seeds has storms */
#define WIDE          5 /* one of 5 of the others has wide vectors */
#define MANY          8 /* one of 8 of the rest has many collections */
#define FIELDS_STREAM 0x9e3779b97f4a7c15u
#define PAUSING       500000 /* of a million checkpoints yield, in half of the wide seeds */
#define STRONGER      3      /* the rate of a kind is doubled or halved up to 3 times */

/* Faults per million occasions. */
static const uint32_t usual[FAULT_KINDS] = {
    [FAULT_SHORT_WRITE] = 40000, [FAULT_SLOW_DISK] = 2000,         [FAULT_STALL] = 1000,
    [FAULT_PREEMPT] = 100000,    [FAULT_SHUFFLE] = 300000,         [FAULT_CUT] = 3000,
    [FAULT_LATE_MESSAGE] = 5000, [FAULT_FLUSH_ERROR] = 5000,       [FAULT_READ_ERROR] = 5000,
    [FAULT_DISK_FULL] = 2000,    [FAULT_WRITE_ERROR] = 2000,       [FAULT_NO_MEMORY] = 3000,
    [FAULT_RESET] = 3000,        [FAULT_MISDIRECTED_WRITE] = 2000, [FAULT_LOST_PAGE] = 300,
};

static void add_fault(struct seed_plan *p, enum sim_fault f, uint64_t *random)
{
    uint64_t doubled = draw(random) % (2 * STRONGER + 1);
    uint64_t rate = ((uint64_t)usual[f] << doubled) >> STRONGER;
    p->rates[f] = rate > 1000000 ? 1000000 : (uint32_t)rate;
}

void plan_draw(struct seed_plan *p, uint64_t *random)
{
    *p = (struct seed_plan){.players = 1 + (uint32_t)(draw(random) % PLAYERS_MAX),
                            .rounds = 2 + (uint32_t)(draw(random) % 4)};
    uint64_t kind = draw(random) % 8, one = draw(random) % FAULT_KINDS;
    for (unsigned f = 0; f < FAULT_KINDS; f++)
        if (kind >= 5 ? draw_one_in(random, 3) : kind >= 2 && f == one)
            add_fault(p, f, random);
    if (!draw_one_in(random, 4)) /* few: with them the model is less strict about power cuts */
        p->rates[FAULT_MISDIRECTED_WRITE] = 0;
    p->varied = draw_one_in(random, 2);
    p->index_bytes = p->players % 2 ? 4096 : 0;
    p->rot = draw_one_in(random, 8);
    uint64_t fields = *random * FIELDS_STREAM;
    p->fields = draw_one_in(&fields, 2) ? draw(&fields) | 1 : 0;
    /* a separate stream, so that it changes nothing else that the seed draws */
    uint64_t storms = ~*random;
    p->storm = draw_one_in(&storms, STORMY) ? draw(&storms) | 1 : 0;
    p->copies = draw_one_in(&storms, 3);
    p->wide = !p->storm && draw_one_in(&storms, WIDE) ? draw(&storms) | 1 : 0;
    p->many = !p->storm && !p->wide && draw_one_in(&storms, MANY) ? draw(&storms) | 1 : 0;
    if (p->wide && draw_one_in(&storms, 2))
        p->rates[FAULT_PREEMPT] = PAUSING;
    /* otherwise a turn lasts until no fiber is ready, and no request arrives during a search */
    p->varied |= p->wide;
}

void plan_faults_on(const struct seed_plan *p, struct sim *sim)
{
    for (unsigned f = 0; f < FAULT_KINDS; f++)
        if (p->rates[f])
            sim_fault_rate(sim, f, p->rates[f]);
}

void plan_faults_off(struct sim *sim)
{
    for (unsigned f = 0; f < FAULT_KINDS; f++)
        if (f != FAULT_PREEMPT && f != FAULT_SHUFFLE)
            sim_fault_rate(sim, f, 0);
    sim_faults_pass(sim);
}

const char *world_fault_name(unsigned kind)
{
    return kind < FAULT_KINDS ? sim_fault_name(kind) : NULL;
}
