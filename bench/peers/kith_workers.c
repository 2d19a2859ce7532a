#include "peers/kith_workers.h"

#include "clock.h"

#include <pthread.h>
#include <stdlib.h>

struct thread_workers {
    struct workers workers;
    pthread_mutex_t lock;
    pthread_cond_t called, finished;
    pthread_t thread[WORKERS_SHARES_MAX];
    unsigned started; /* threads besides the calling one */
    bool stop;
    uint64_t calls;   /* number of run() calls; each thread does one share of each call */
    unsigned working; /* threads that have not finished the last call */
    unsigned joined;  /* threads that have started; numbers their shares */
    int rc;
    uint64_t cpu_ns, longest_ns; /* of the shares of this call */
    uint64_t spared_ns;
    workers_share_fn fn;
    void *job;
};

/* Waits for the call after number `seen`; false: the workers stop. */
static bool wait_for_call(struct thread_workers *c, uint64_t seen)
{
    while (c->calls == seen && !c->stop)
        pthread_cond_wait(&c->called, &c->lock);
    return !c->stop;
}

/* Does a share. The lock is held before and after it, but not meanwhile. */
static void do_share(struct thread_workers *c, unsigned share, const struct pause *pause)
{
    pthread_mutex_unlock(&c->lock);
    uint64_t cpu = clock_thread_cpu_ns();
    int rc = c->fn(c->job, share, pause);
    cpu = clock_thread_cpu_ns() - cpu;
    pthread_mutex_lock(&c->lock);
    c->rc = rc ? rc : c->rc;
    c->cpu_ns += cpu;
    c->longest_ns = cpu > c->longest_ns ? cpu : c->longest_ns;
}

static void *thread_main(void *arg)
{
    struct thread_workers *c = arg;
    pthread_mutex_lock(&c->lock);
    unsigned share = ++c->joined;
    for (uint64_t seen = 0; wait_for_call(c, seen); seen++) {
        do_share(c, share, NULL);
        if (--c->working == 0)
            pthread_cond_signal(&c->finished);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

static int run(workers_share_fn fn, void *job, unsigned shares, const struct pause *pause, void *arg)
{
    struct thread_workers *c = arg;
    pthread_mutex_lock(&c->lock);
    c->fn = fn;
    c->job = job;
    c->rc = 0;
    c->cpu_ns = c->longest_ns = 0;
    c->working = shares - 1;
    c->calls++;
    pthread_cond_broadcast(&c->called);
    do_share(c, 0, pause);
    while (c->working > 0)
        pthread_cond_wait(&c->finished, &c->lock);
    c->spared_ns += c->cpu_ns - c->longest_ns;
    int rc = c->rc;
    pthread_mutex_unlock(&c->lock);
    return rc;
}

uint64_t thread_workers_spared_ns(const struct thread_workers *c)
{
    return c->spared_ns;
}

struct thread_workers *thread_workers_create(unsigned threads)
{
    struct thread_workers *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->workers = (struct workers){threads < WORKERS_SHARES_MAX ? threads : WORKERS_SHARES_MAX, run, c};
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->called, NULL);
    pthread_cond_init(&c->finished, NULL);
    while (c->started + 1 < c->workers.shares) {
        if (pthread_create(&c->thread[c->started], NULL, thread_main, c) != 0) {
            thread_workers_destroy(c);
            return NULL;
        }
        c->started++;
    }
    return c;
}

void thread_workers_destroy(struct thread_workers *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_broadcast(&c->called);
    pthread_mutex_unlock(&c->lock);
    for (unsigned i = 0; i < c->started; i++)
        pthread_join(c->thread[i], NULL);
    pthread_cond_destroy(&c->finished);
    pthread_cond_destroy(&c->called);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

const struct workers *thread_workers_lend(const struct thread_workers *c)
{
    return c ? &c->workers : NULL;
}
