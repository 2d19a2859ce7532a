/* runtime.c -- starts and stops all reactors; signals, clocks, figures of the process. */
#include "reactor/runtime.h"
#include "base/log.h"
#include "reactor/machine/descriptors.h"
#include "reactor/mapping_guard.h"
#include "reactor/reactor.h"
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ENDED_SIGNAL (SIGRTMIN + 2) /* sent by the last reactor to the waiting main thread */

/* ---- create ---- */

static int backend_choose(struct runtime *rt, struct error *error)
{
    struct error why = {0};
    int rc;
    switch (rt->options.backend) {
    case BACKEND_SIM: rt->ops = &backend_sim; return 0;
    case BACKEND_UV: rt->ops = &backend_uv; return rt->ops->probe ? rt->ops->probe(error) : 0;
    case BACKEND_URING:
        rt->ops = &backend_uring;
        rc = rt->ops->probe(error);
        return rc < 0 ? -ENOSYS : 0;
    case BACKEND_AUTO:
        rt->ops = &backend_uring;
        rc = rt->ops->probe(&why);
        if (rc == 0)
            return 0;
        log_info("using libuv for I/O: %s", why.text);
        rt->ops = &backend_uv;
        return rt->ops->probe ? rt->ops->probe(error) : 0;
    }
    return error_set(error, ERROR_INVALID_ARGUMENT, "there is no I/O back end of number %d", (int)rt->options.backend);
}

/* Does not pin where that would hurt. Two pinned reactors on one core would take turns. If the
 * process may use only part of the CPU time of its cores, other processes share them and may be
 * pinned to the first cores, too. */
static void leave_unbound(struct runtime *rt)
{
    if (!rt->options.pin || !rt->topology)
        return;
    const unsigned cores = topology_cores(rt->topology), busy = topology_busy(rt->topology);
    rt->options.pin = rt->count <= cores && busy == cores;
    if (rt->count > cores)
        log_info("%u reactors on %u core%s that this process may use: reactors are not bound to cores", rt->count,
                 cores, cores == 1 ? "" : "s");
    else if (!rt->options.pin)
        log_info("this process may use the time of %u of %u cores: reactors are not bound to cores", busy, cores);
}

int runtime_create(const struct runtime_options *options, struct runtime **ret, struct error *error)
{
    bool simulated = options->backend == BACKEND_SIM;
    if (options->reactors > REACTORS_MAX) {
        error_set(error, ERROR_INVALID_ARGUMENT,
                  "%u reactors are asked for, but at most %d are possible; ask for fewer", options->reactors,
                  REACTORS_MAX);
        return -EINVAL;
    }
    if (simulated && !options->sim) {
        error_set(error, ERROR_INVALID_ARGUMENT, "the simulator needs a world to simulate (options.sim)");
        return -EINVAL;
    }
    struct runtime *rt = calloc(1, sizeof(*rt));
    if (!rt)
        return error_set_errno(error, -ENOMEM, "cannot start the runtime");
    rt->options = *options;
    stall_configure(rt);
    int rc = backend_choose(rt, error);
    if (rc < 0)
        goto err_free;
    if (!simulated && (options->pin || options->reactors == 0))
        rt->topology = topology_open();
    rt->count = options->reactors;
    if (rt->count == 0)
        rt->count = rt->topology ? topology_busy(rt->topology) : 1;
    leave_unbound(rt);
    if (rt->count > REACTORS_MAX)
        rt->count = REACTORS_MAX;
    rt->reactors = calloc(rt->count, sizeof(struct reactor *));
    if (!rt->reactors) {
        rc = error_set_errno(error, -ENOMEM, "cannot start the runtime");
        goto err_close;
    }
    *ret = rt;
    return 0;
err_close:
    topology_close(rt->topology);
err_free:
    free(rt);
    return rc;
}

void runtime_destroy(struct runtime *rt)
{
    if (!rt)
        return;
    topology_close(rt->topology);
    free(rt->reactors);
    free(rt);
}

unsigned runtime_reactor_count(const struct runtime *rt)
{
    return rt->count;
}

struct reactor *runtime_reactor(struct runtime *rt, unsigned id)
{
    check(id < rt->count);
    return rt->reactors[id];
}

static struct reactor *reactor_make(struct runtime *rt, unsigned id)
{
    /* whole pages, so that they lie on this thread's NUMA node and no other data shares them */
    size_t bytes = (sizeof(struct reactor) + 4095) & ~(size_t)4095;
    struct reactor *r = aligned_alloc(4096, bytes);
    if (r)
        memset(r, 0, bytes);
    rt->reactors[id] = r;
    return r;
}

/* ---- threads ---- */

struct launch;

struct launch_thread {
    struct launch *launch;
    unsigned id;
    pthread_t thread;
};

/* The start of all threads. Each thread makes its reactor, waits for the others, connects its
 * rings, and runs. If one thread fails, all end. */
struct launch {
    struct runtime *rt;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned expected, ready, connected, finished, ended;
    int rc;
    struct error error;
    pthread_t waiter;
    bool waiter_sleeps;
};

/* Counts the calling thread and waits until all threads are counted. Returns the first failure of
 * any. */
static int launch_meet(struct launch *l, unsigned *count, int rc, const struct error *error)
{
    pthread_mutex_lock(&l->lock);
    if (rc < 0 && l->rc == 0) {
        l->rc = rc;
        l->error = *error;
    }
    ++*count;
    pthread_cond_broadcast(&l->changed);
    while (*count < l->expected)
        pthread_cond_wait(&l->changed, &l->lock);
    rc = l->rc;
    pthread_mutex_unlock(&l->lock);
    return rc;
}

static void launch_end(struct launch *l)
{
    pthread_mutex_lock(&l->lock);
    if (++l->ended == l->expected && l->waiter_sleeps)
        pthread_kill(l->waiter, ENDED_SIGNAL);
    pthread_mutex_unlock(&l->lock);
}

static void *reactor_thread(void *arg)
{
    struct launch_thread *t = arg;
    struct launch *l = t->launch;
    struct runtime *rt = l->rt;
    char name[16];
    snprintf(name, sizeof(name), "kith-%u", t->id);
    pthread_setname_np(pthread_self(), name);
    if (rt->options.pin && rt->topology && !topology_bind(rt->topology, t->id))
        log_warn("reactor %u cannot be bound to a core: the scheduler moves it between cores", t->id);

    struct error error = {0};
    struct reactor *r = reactor_make(rt, t->id);
    int rc = r ? reactor_init(r, rt, t->id, &error)
               : error_set_errno(&error, -ENOMEM, "reactor %u has no memory to start with", t->id);
    rc = launch_meet(l, &l->ready, rc, &error);
    if (rc == 0) {
        peers_connect(r);
        launch_meet(l, &l->connected, 0, NULL); /* no reactor sends before all can receive */
        stall_arm(r);
        reactor_run(r, rt->options.spin_us);
        stall_disarm(r);
        /* until here a peer may still read our pending flag, or wake us */
        launch_meet(l, &l->finished, 0, NULL);
    }
    /* by the thread that made the reactor: the kernel ties the io_uring to it, and sanitizers tie
     * the fibers to it */
    if (r)
        reactor_fini(r);
    launch_end(l);
    return NULL;
}

/* Passes signals to reactor 0 until all reactors have ended. */
static void wait_with_signals(struct launch *l, const sigset_t *set)
{
    for (;;) {
        pthread_mutex_lock(&l->lock);
        bool over = l->ended == l->expected;
        pthread_mutex_unlock(&l->lock);
        if (over)
            return;
        int signal = sigwaitinfo(set, NULL);
        if (signal == SIGHUP)
            log_info("SIGHUP: there is no file to read again; kith config changes settings");
        if (signal != SIGINT && signal != SIGTERM)
            continue;
        pthread_mutex_lock(&l->lock);
        bool running = l->ready == l->expected && l->rc == 0;
        pthread_mutex_unlock(&l->lock);
        if (running) {
            atomic_store_explicit(&l->rt->reactors[0]->shared.signalled, 1, memory_order_relaxed);
            fence_store_load(); /* pairs with the fence in reactor_sleep_begin() */
            reactor_wake(l->rt->reactors[0]);
            /* reactors are still starting, or failed: the signal is delivered again after 1 ms */
        } else {
            pthread_kill(pthread_self(), signal);
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
    }
}

static int run_threads(struct runtime *rt, struct error *error)
{
    mapping_guard_install();
    rt->connections_max = descriptors_for_connections(descriptors_raise(), rt->count);
    struct launch l = {
        .rt = rt, .expected = rt->count, .waiter = pthread_self(), .waiter_sleeps = rt->on_signal != NULL};
    struct launch_thread *threads = calloc(rt->count, sizeof(*threads));
    if (!threads)
        return error_set_errno(error, -ENOMEM, "cannot start the reactors' threads");
    pthread_mutex_init(&l.lock, NULL);
    pthread_cond_init(&l.changed, NULL);

    /* Reactor threads block all signals except that of their stall detector, faults, and the ticks
     * of profilers. */
    sigset_t blocked, before, waited, mine;
    sigfillset(&blocked);
    static const int deliverable[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPROF};
    for (unsigned i = 0; i < ARRAY_LEN(deliverable); i++)
        sigdelset(&blocked, deliverable[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);

    int rc = 0;
    unsigned started = 0;
    for (; started < rt->count; started++) {
        threads[started] = (struct launch_thread){.launch = &l, .id = started};
        rc = -pthread_create(&threads[started].thread, NULL, reactor_thread, &threads[started]);
        if (rc < 0)
            break;
    }
    if (rc < 0) { /* started threads must not wait for those that could not start */
        pthread_mutex_lock(&l.lock);
        l.expected = started;
        l.rc = rc;
        error_set_errno(&l.error, rc, "cannot start the thread of reactor %u", started);
        pthread_cond_broadcast(&l.changed);
        pthread_mutex_unlock(&l.lock);
    }
    /* The calling thread keeps the other signals (SIGTSTP, SIGQUIT, ...) as they were. */
    mine = before;
    if (rt->on_signal) {
        static const int taken[] = {SIGINT, SIGTERM, SIGHUP};
        sigemptyset(&waited);
        sigaddset(&waited, ENDED_SIGNAL);
        sigaddset(&mine, ENDED_SIGNAL);
        for (unsigned i = 0; i < ARRAY_LEN(taken); i++) {
            sigaddset(&waited, taken[i]);
            sigaddset(&mine, taken[i]);
        }
    }
    pthread_sigmask(SIG_SETMASK, &mine, NULL);
    if (rt->on_signal)
        wait_with_signals(&l, &waited);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i].thread, NULL);
    if (rt->on_signal) {
        /* ENDED_SIGNAL may still be pending; once unblocked it would kill the process */
        struct timespec none = {0};
        sigset_t ended;
        sigemptyset(&ended);
        sigaddset(&ended, ENDED_SIGNAL);
        while (sigtimedwait(&ended, NULL, &none) > 0) {
        }
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    *error = l.error;
    pthread_cond_destroy(&l.changed);
    pthread_mutex_destroy(&l.lock);
    free(threads);
    return l.rc;
}

static int run_simulated(struct runtime *rt, struct error *error)
{
    rt->connections_max = UINT_MAX;
    int rc = 0;
    for (unsigned i = 0; i < rt->count && rc == 0; i++) {
        struct reactor *r = reactor_make(rt, i);
        rc = r ? reactor_init(r, rt, i, error) : error_set_errno(error, -ENOMEM, "reactor %u has no memory", i);
    }
    for (unsigned i = 0; i < rt->count && rc == 0; i++)
        peers_connect(rt->reactors[i]);
    if (rc == 0)
        rc = sim_run(rt->options.sim, rt);
    for (unsigned i = 0; i < rt->count; i++)
        if (rt->reactors[i])
            reactor_fini(rt->reactors[i]);
    return rc;
}

static int run_once(struct runtime *rt, struct error *error)
{
    atomic_store(&rt->stopping, false);
    atomic_store(&rt->idle, 0);
    atomic_store(&rt->over, false);
    int rc = rt->options.backend == BACKEND_SIM ? run_simulated(rt, error) : run_threads(rt, error);
    for (unsigned i = 0; i < rt->count; i++) {
        free(rt->reactors[i]);
        rt->reactors[i] = NULL;
    }
    return rc;
}

int runtime_run(struct runtime *rt, runtime_boot_fn boot, runtime_boot_fn on_signal, void *arg)
{
    struct error error = {0};
    rt->boot = boot;
    rt->on_signal = on_signal;
    rt->arg = arg;
    if (rt->options.backend != BACKEND_SIM)
        /* a write to a closed connection gives -EPIPE instead of a signal */
        signal(SIGPIPE, SIG_IGN);
    int rc = run_once(rt, &error);
    bool refused = rc == -ENOMEM || rc == -EPERM || rc == -ENOSYS;
    if (refused && rt->options.backend == BACKEND_AUTO && rt->ops == &backend_uring) {
        /* The kernel granted the one ring of the probe, but not the rings of all reactors. The
         * limit on locked memory is the likely reason. */
        log_warn("using libuv for I/O: %s", error.text);
        rt->ops = &backend_uv;
        error = (struct error){0};
        rc = run_once(rt, &error);
    }
    if (rc < 0 && error.text[0])
        log_error("%s", error.text);
    return rc;
}

/* ---- of the calling fiber ---- */

unsigned reactor_id(void)
{
    return reactor_here()->id;
}

unsigned reactor_count(void)
{
    return reactor_here()->count;
}

/* Outside a reactor (in main(), before and after the run) the system's clocks answer. */
uint64_t clock_now_ns(void)
{
    struct reactor *r = reactor_current;
    return r && r->backend ? r->ops->now_ns(r->backend) : posix_now_ns(NULL);
}

uint64_t clock_wall_ns(void)
{
    struct reactor *r = reactor_current;
    return r && r->backend ? r->ops->wall_ns(r->backend) : posix_wall_ns(NULL);
}

uint64_t random_u64(void)
{
    struct reactor *r = reactor_current;
    return r && r->backend ? r->ops->random(r->backend) : posix_random(NULL);
}

void reactor_stats_read(struct reactor_stats *ret)
{
    struct reactor *r = reactor_here();
    *ret = r->stats;
    ret->fibers = r->pool.live;
    ret->stack_bytes = fiber_stack_bytes(r);
    ret->run_queue = 0;
    for (int c = 0; c < CLASS_COUNT; c++)
        ret->run_queue += r->ready[c].count;
    ret->backend = r->ops->name;
}

/* ---- of the process ---- */

/* A simulated run must not depend on the machine. */
static bool is_simulated(void)
{
    return reactor_current && reactor_current->ops == &backend_sim;
}

uint64_t process_cpu_ns(void)
{
    struct timespec ts;
    if (is_simulated())
        return clock_now_ns();
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) < 0)
        return 0;
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t process_rss_bytes(void)
{
    if (is_simulated())
        return 0;
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long long pages, resident = 0;
    if (!f)
        return 0;
    int n = fscanf(f, "%llu %llu", &pages, &resident);
    fclose(f);
    return n == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}
