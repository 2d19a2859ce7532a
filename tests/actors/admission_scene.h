/* admission_scene.h -- one core whose requests are fibers. Each holds what it was admitted with
 * until the test lets it end. */
#pragma once

#include "../reactor/world.h"
#include "actors/admission/admission_lane.h"
#include "actors/core.h"

#define LONG_NS  MILLIS(10) /* more work than a short search may have */
#define SHORT_NS 100000

#define SESSIONS 64
#define KIB      ((uint64_t)1 << 10)
#define MIB      ((uint64_t)1 << 20)

struct scene {
    struct core *core;
    struct session sessions[SESSIONS];
    unsigned begun; /* how many were admitted so far */
    unsigned over;
};

struct visitor {
    struct scene *scene;
    struct session *session;
    enum admission_class cls;
    uint64_t work_ns, bytes;
    uint32_t deadline_ms;
    struct request *rq;
    bool leave;
    struct event changed;
    /* how its request ended */
    bool over;
    unsigned place; /* 1: it was admitted first */
    int rc;
    struct error error;
    uint64_t waited_ns;
};

/* Begins v's request in a fiber of its own, and waits until no fiber can go on. */
void enter(struct scene *s, struct visitor *v);
/* Lets v's request end, and waits in the same way. */
void let_go(struct visitor *v);
void settle(void);

/* Runs the scene on the simulator, and checks that no request holds anything afterwards. */
void scene_run(void (*act)(struct scene *s));

#define ADMISSION_TEST(suite, name)                                                                                    \
    static void name(struct scene *s);                                                                                 \
    Test(suite, name, .timeout = 60)                                                                                   \
    {                                                                                                                  \
        scene_run(name);                                                                                               \
    }                                                                                                                  \
    static void name(struct scene *s)
