/* stall.c -- the stall detector: reports a fiber that holds the core for too long.
 *
 * A timer on the thread's own CPU time sends the thread a signal twice in each stall_ms. The
 * handler compares: has the loop switched fibers since the last signal? If not for two whole
 * periods, it stores a backtrace in preallocated memory. The loop logs it when the fiber has
 * switched back. It measures CPU time, because a thread that the kernel does not schedule is no
 * stall of the server. (After Seastar's cpu_stall_detector.)
 *
 * Tests run with KITH_STALL_FATAL_MS in the environment: a stall of that many milliseconds ends the
 * process. A busy machine does not matter, because the thread's CPU time counts. But cold caches,
 * page faults and pauses of a virtual machine count as CPU time, so the limit has to be many
 * slices. The kernel checks such timers at its own tick, every 1 to 10 ms. A fiber is reported only
 * after three signals of the timer. Builds with sanitizers or without optimization get a multiple
 * of the limit. */
#include "base/log.h"
#include "reactor/reactor.h"
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define STALL_SIGNAL    (SIGRTMIN + 1)
#define STALL_LOG_EVERY 1000000000u
#define ALT_STACK_BYTES ((size_t)64 << 10)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWER 10
#elif !defined(__OPTIMIZE__)
#define SLOWER 4
#else
#define SLOWER 1
#endif

void stall_configure(struct runtime *rt)
{
    const char *text = getenv("KITH_STALL_FATAL_MS");
    unsigned long ms = text ? strtoul(text, NULL, 10) : 0;
    if (ms == 0 || ms > 60000)
        return;
    rt->options.stall_ms = (unsigned)ms * SLOWER;
    rt->stall_is_fatal = true;
}

/* Runs on the alternate stack, because the stack of a fiber may be nearly full. */
static void stall_tick(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    (void)context;
    struct reactor *r = reactor_current;
    if (!r)
        return;
    struct stall *s = &r->stall;
    if (!r->fiber || r->stats.switches != s->seen_switches) {
        s->seen_switches = r->stats.switches;
        s->seen_ticks = 0;
        return;
    }
    if (++s->seen_ticks < 2 || s->reported_switches == s->seen_switches)
        return;
    s->reported_switches = s->seen_switches;
    s->frame_count = backtrace(s->frames, STALL_FRAMES);
    atomic_store_explicit(&s->caught, true, memory_order_relaxed);
}

void stall_arm(struct reactor *r)
{
    struct stall *s = &r->stall;
    unsigned stall_ms = r->rt->options.stall_ms ? r->rt->options.stall_ms : 25;
    /* the first call loads the unwinder, which a signal handler must not do */
    backtrace(s->frames, STALL_FRAMES);
    s->alt_stack = malloc(ALT_STACK_BYTES);
    if (!s->alt_stack)
        return;
    stack_t stack = {.ss_sp = s->alt_stack, .ss_size = ALT_STACK_BYTES};
    struct sigaction act = {.sa_sigaction = stall_tick, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigfillset(&act.sa_mask);
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = STALL_SIGNAL};
    event.sigev_notify_thread_id = (int)syscall(SYS_gettid);
    timer_t timer;
    if (sigaltstack(&stack, &s->old_stack) < 0 || sigaction(STALL_SIGNAL, &act, NULL) < 0 ||
        timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) < 0) {
        log_warn("reactor %u runs without a stall detector, so slow fibers are not reported: %s", r->id,
                 strerror(errno));
        return;
    }
    sigset_t unblock;
    sigemptyset(&unblock);
    sigaddset(&unblock, STALL_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &unblock, NULL);
    uint64_t period_ns = (uint64_t)stall_ms * 500000;
    struct timespec period = {.tv_sec = (time_t)(period_ns / 1000000000u), .tv_nsec = (long)(period_ns % 1000000000u)};
    struct itimerspec every = {.it_interval = period, .it_value = period};
    timer_settime(timer, 0, &every, NULL);
    s->timer = timer;
    s->armed = true;
}

void stall_disarm(struct reactor *r)
{
    struct stall *s = &r->stall;
    if (s->armed)
        timer_delete(s->timer);
    s->armed = false;
    if (s->alt_stack) {
        sigset_t block;
        sigemptyset(&block);
        sigaddset(&block, STALL_SIGNAL);
        pthread_sigmask(SIG_BLOCK, &block, NULL); /* a signal may be under way */
        s->old_stack.ss_flags = s->old_stack.ss_sp ? 0 : SS_DISABLE;
        sigaltstack(&s->old_stack, NULL);
        free(s->alt_stack);
        s->alt_stack = NULL;
    }
}

void stall_report(struct reactor *r, const char *fiber_name, uint64_t ran_ns)
{
    struct stall *s = &r->stall;
    atomic_store_explicit(&s->caught, false, memory_order_relaxed);
    r->stats.stalls++;
    if (ran_ns > r->stats.stall_max_ns)
        r->stats.stall_max_ns = ran_ns;
    uint64_t now = reactor_now(r);
    if (!r->rt->stall_is_fatal && s->logged_ns && now - s->logged_ns < STALL_LOG_EVERY)
        return;
    s->logged_ns = now;
    if (r->rt->stall_is_fatal)
        log_set_sink(NULL, NULL); /* print the last message even if a test captures the log */
    struct buffer text = {0};
    char **names = backtrace_symbols(s->frames, s->frame_count);
    /* skip the frames of the handler and of the kernel's signal delivery */
    for (int i = 2; names && i < s->frame_count; i++)
        if (buffer_printf(&text, "%s%s", i > 2 ? " < " : "", names[i]) < 0)
            break;
    log_warn("reactor %u: fiber '%s' held the core for %.1f ms (it lacks a fiber_checkpoint()): %.*s", r->id,
             fiber_name, (double)ran_ns / 1e6, (int)text.size, text.size ? (const char *)text.bytes : "");
    free(names);
    buffer_fini(&text);
    check(!r->rt->stall_is_fatal);
}
