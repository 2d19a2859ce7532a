#include "plan.h"
#include "play.h"

void plan_draw(struct plan *p, uint64_t *random)
{
    p->players = 1 + (uint32_t)(draw(random) % PLAYERS_MAX);
    p->rounds = 2 + (uint32_t)(draw(random) % 4);
}

const char *world_fault_name(unsigned kind)
{
    return 0;
}
