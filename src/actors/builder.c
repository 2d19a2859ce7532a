/* builder.c -- runs steps of background work, and repeats a step that failed after a growing
 * pause. The usual cause is a full disk, which ends when space is freed. Until then searches
 * work, and acknowledged data are safe. */
#include "actors/builder.h"
#include "actors/order.h"
#include "base/log.h"
#include "gpu/gpu.h"
#include "shards/folder/read_only.h"

#define RETRY_NS_MIN ((uint64_t)1000000000)
#define RETRY_NS_MAX ((uint64_t)30000000000)

static void on_work(void *arg)
{
    struct builder *b = arg;
    b->prepare.work = b->build.work = b->compaction.work = true;
    event_notify_all(&b->changed);
}

static void pause_after_error(struct builder *b, uint64_t pause_ns)
{
    uint64_t until_ns = clock_now_ns() + pause_ns, round = store_round(b->store);
    while (!b->stopping && store_round(b->store) == round && event_wait_until(&b->changed, until_ns) == 0)
        /* new writes do not shorten the pause; a stop does, and so does a disk that works again */
        ;
}

static void hand_run(void *arg)
{
    struct builder_hand *h = arg;
    struct builder *b = h->builder;
    uint64_t pause_ns = RETRY_NS_MIN;
    order_hold(ORDER_BACKGROUND); /* writes wait for the work of this fiber */
    while (!b->stopping) {
        h->work = false;
        int rc = h->step(b->store);
        if (rc < 0) {
            pause_after_error(b, pause_ns);
            pause_ns = pause_ns * 2 > RETRY_NS_MAX ? RETRY_NS_MAX : pause_ns * 2;
            continue;
        }
        pause_ns = RETRY_NS_MIN;
        /* a step may make work for another fiber: a segment that was sealed can be merged */
        if (rc > 0) {
            on_work(b);
            fiber_checkpoint();
            continue;
        }
        while (!h->work && !b->stopping)
            event_wait(&b->changed);
    }
    h->running = false;
    event_notify_all(&b->changed);
}

static int hand_start(struct builder_hand *h, struct builder *b, enum fiber_class cls, int (*step)(struct store *store),
                      const char *name)
{
    *h = (struct builder_hand){.builder = b, .step = step, .running = true};
    int rc = fiber_start(cls, hand_run, h, name);
    if (rc < 0)
        h->running = false;
    return rc;
}

int builder_start(struct builder *b, struct store *store, const struct gpu *gpu)
{
    struct error why = {0};
    if (gpu && gpu->probe(&why) < 0)
        log_info("graphs are built on the CPU: %s", why.text);
    b->store = store;
    b->stopping = false;
    store_on_work(store, on_work, b);
    int rc = hand_start(&b->prepare, b, CLASS_WRITE, store_prepare, "preparer");
    if (rc == 0)
        rc = hand_start(&b->build, b, CLASS_BACKGROUND, store_work, "builder");
    return rc < 0 ? rc : hand_start(&b->compaction, b, CLASS_BACKGROUND, store_maintain, "compaction");
}

void builder_stop(struct builder *b)
{
    if (!b->prepare.running && !b->build.running &&
        /* a start or a restore that failed elsewhere ends before the builder began */
        !b->compaction.running)
        return;
    b->stopping = true;
    store_interrupt(b->store);
    event_notify_all(&b->changed);
    while (b->prepare.running || b->build.running || b->compaction.running)
        event_wait(&b->changed);
}
