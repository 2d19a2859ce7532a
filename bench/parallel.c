#include "parallel.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS_MAX 64

struct work {
    _Atomic uint64_t next;
    uint32_t count, piece;
    void (*fn)(void *arg, uint32_t from, uint32_t to);
    void *arg;
};

/* progress: only the calling thread has it. */
static void take_pieces(struct work *w, struct progress *progress)
{
    for (uint64_t from; (from = atomic_fetch_add(&w->next, w->piece)) < w->count;) {
        uint64_t to = from + w->piece < w->count ? from + w->piece : w->count;
        w->fn(w->arg, (uint32_t)from, (uint32_t)to);
        if (progress)
            progress_at(progress, to);
    }
}

static void *thread_main(void *arg)
{
    take_pieces(arg, NULL);
    return NULL;
}

void parallel_run(uint32_t count, uint32_t piece, void (*fn)(void *arg, uint32_t from, uint32_t to), void *arg,
                  struct progress *p)
{
    struct work w = {.count = count, .piece = piece, .fn = fn, .arg = arg};
    pthread_t threads[THREADS_MAX];
    unsigned started = 0, wanted = core_count() < THREADS_MAX ? core_count() : THREADS_MAX;
    while (started + 1 < wanted && pthread_create(&threads[started], NULL, thread_main, &w) == 0)
        started++; /* with fewer threads it only takes longer */
    take_pieces(&w, p);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}
