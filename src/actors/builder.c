/* builder.c -- why a step that fails is repeated with growing pauses: the usual cause is a full disk, which passes when
 * somebody frees space, and until then searches and what is acknowledged are fine. */
#include "actors/builder.h"
#include "base/log.h"
#include "gpu/gpu.h"

#define RETRY_NS_MIN ((uint64_t)1000000000)
#define RETRY_NS_MAX ((uint64_t)30000000000)

static void on_work(void *arg)
{
    struct builder *b = arg;
    b->work = true;
    event_notify_all(&b->changed);
}

static void pause_after_error(struct builder *b, uint64_t pause_ns)
{
    uint64_t until_ns = clock_now_ns() + pause_ns;
    while (!b->stopping && store_work_failed(b->store) && event_wait_until(&b->changed, until_ns) == 0)
        ; /* new writes do not shorten the pause; stopping does, and a disk that works again */
}

static void builder_run(void *arg)
{
    struct builder *b = arg;
    uint64_t pause_ns = RETRY_NS_MIN;
    while (!b->stopping) {
        b->work = false;
        int rc = store_work(b->store);
        if (rc < 0) {
            pause_after_error(b, pause_ns);
            pause_ns = pause_ns * 2 > RETRY_NS_MAX ? RETRY_NS_MAX : pause_ns * 2;
            continue;
        }
        pause_ns = RETRY_NS_MIN;
        if (rc > 0) {
            fiber_checkpoint();
            continue;
        }
        while (!b->work && !b->stopping)
            event_wait(&b->changed);
    }
    b->running = false;
    event_notify_all(&b->changed);
}

int builder_start(struct builder *b, struct store *store, const struct gpu *gpu)
{
    struct error why = {0};
    if (gpu && gpu->probe(&why) < 0)
        log_info("graphs are built on the CPU: %s", why.text);
    b->store = store;
    b->work = b->stopping = false;
    b->running = true;
    store_on_work(store, on_work, b);
    int rc = fiber_start(CLASS_BACKGROUND, builder_run, b, "builder");
    if (rc < 0)
        b->running = false;
    return rc;
}

void builder_stop(struct builder *b)
{
    if (!b->store) /* a start that failed elsewhere ends before this one began to build */
        return;
    b->stopping = true;
    store_interrupt(b->store);
    event_notify_all(&b->changed);
    while (b->running)
        event_wait(&b->changed);
}
