/* fan_out.c -- the loads of other cores are read at most once a millisecond, which is how often
 * they are written. So most searches only compare two numbers. Each direction has its own bounds
 * (hysteresis), because fan-out itself changes the load: with one client, the other cores are
 * half busy while they help, and idle when they do not. */
#include "actors/router/fan_out.h"

#include "actors/core.h"

#define LOOK_NS 1000000u

/* Per mille of a core's time. The mean says whether the cores have time left. The busiest core
 * says whether a part of the search would wait there, and the whole search with it. */
#define IDLE_MEAN    400
#define IDLE_BUSIEST 700
#define BUSY_MEAN    600
#define BUSY_BUSIEST 900

/* A message to a sleeping core and back takes 35 us (bench/runtime). */
#define MESSAGE_NS 40000u

bool fan_out_look(struct fan_out_view *v, uint64_t now_ns, unsigned self, unsigned reactors, unsigned (*load)(unsigned))
{
    if (v->looked_ns && now_ns - v->looked_ns < LOOK_NS)
        return v->idle;
    unsigned sum = 0, busiest = 0;
    for (unsigned r = 0; r < reactors; r++) {
        unsigned one = r == self ? 0 : load(r);
        sum += one;
        busiest = one > busiest ? one : busiest;
    }
    unsigned mean = reactors > 1 ? sum / (reactors - 1) : 0;
    v->looked_ns = now_ns;
    v->idle = v->idle ? mean <= BUSY_MEAN && busiest <= BUSY_BUSIEST : mean < IDLE_MEAN && busiest < IDLE_BUSIEST;
    return v->idle;
}

bool fan_out_wide(struct core *c, uint64_t work_ns, unsigned parts)
{
    if (c->reactors == 1 || parts < 2)
        return false;
    /* because parts are about equal and run at the same time */
    uint64_t sooner_ns = work_ns / parts * (parts - 1);
    return sooner_ns > MESSAGE_NS && fan_out_look(&c->others, clock_now_ns(), c->reactor, c->reactors, runtime_load);
}

bool fan_out_choose(struct core *c, enum fan_out asked, uint64_t work_ns, unsigned parts)
{
    if (c->reactors == 1)
        return false;
    if (asked == FAN_OUT_UNSAID)
        asked = (enum fan_out)c->settings.search_fan_out;
    bool wide = asked == FAN_OUT_ALL || (asked != FAN_OUT_ONE && fan_out_wide(c, work_ns, parts));
    c->metrics.searches_wide += wide;
    c->metrics.searches_narrow += !wide;
    return wide;
}
