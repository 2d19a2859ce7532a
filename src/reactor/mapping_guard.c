/* mapping_guard.c -- the signal handler replaces an unreadable page by mmap(MAP_FIXED). The
 * alternative is a jump out of the reading code. It would need a guard around every loop over a
 * mapping, and would leak what that loop holds. */
#include "reactor/mapping_guard.h"
#include "base/check.h"
#include "reactor/file.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

/* Four times the default limit of Linux on the mappings of a process (vm.max_map_count). Untouched
 * pages of the table take no memory. */
#define GUARDS_MAX 262144

struct mapping_guard {
    _Atomic(uintptr_t) begin; /* 0: free */
    _Atomic(size_t) size;
    _Atomic(uint64_t) lost; /* offset of the first lost page, plus 1; 0: none was lost */
};

static struct mapping_guard guards[GUARDS_MAX];
static uint32_t free_next[GUARDS_MAX]; /* for a free guard: index of the next free one, plus 1 */
static uint32_t free_first;            /* index plus 1; 0: none */
static _Atomic(uint32_t) used;         /* guards that were ever taken */
static _Atomic(uint64_t) losses;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects the list of free guards */

struct mapping_guard *mapping_guard_take(const void *bytes, size_t size)
{
    uint32_t i = 0;
    pthread_mutex_lock(&lock);
    if (free_first) {
        i = free_first;
        free_first = free_next[i - 1];
    } else if (used < GUARDS_MAX) {
        i = atomic_fetch_add(&used, 1) + 1;
    }
    pthread_mutex_unlock(&lock);
    if (i == 0)
        return NULL;
    struct mapping_guard *g = &guards[i - 1];
    atomic_store(&g->lost, 0);
    atomic_store(&g->size, size);
    atomic_store(&g->begin, (uintptr_t)bytes);
    return g;
}

void mapping_guard_drop(struct mapping_guard *g)
{
    if (!g)
        return;
    atomic_store(&g->begin, 0);
    pthread_mutex_lock(&lock);
    free_next[g - guards] = free_first;
    free_first = (uint32_t)(g - guards) + 1;
    pthread_mutex_unlock(&lock);
}

bool mapping_guard_lose(const void *address)
{
    uintptr_t at = (uintptr_t)address, page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (uint32_t i = 0, n = atomic_load(&used); i < n; i++) {
        struct mapping_guard *g = &guards[i];
        uintptr_t begin = atomic_load(&g->begin);
        uint64_t none = 0;
        if (begin == 0 || at < begin || at - begin >= atomic_load(&g->size))
            continue;
        atomic_compare_exchange_strong(&g->lost, &none, ((at - begin) & ~(uint64_t)(page - 1)) + 1);
        atomic_fetch_add(&losses, 1);
        return true;
    }
    return false;
}

uint64_t mapping_losses(void)
{
    return atomic_load_explicit(&losses, memory_order_acquire);
}

bool mapping_lost(const struct mapping *m, uint64_t *ret_offset)
{
    uint64_t lost = m->guard ? atomic_load_explicit(&m->guard->lost, memory_order_acquire) : 0;
    if (lost)
        *ret_offset = lost - 1;
    return lost != 0;
}

/* -- the signal -- */

static struct sigaction before;

static void on_sigbus(int signal, siginfo_t *info, void *context)
{
    (void)context;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)info->si_addr & ~(page - 1);
    if ((info->si_code == BUS_ADRERR || info->si_code == BUS_MCEERR_AR) && mapping_guard_lose(info->si_addr) &&
        mmap((void *)at, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
        return;
    /* the access is repeated, and the original action ends the process at that place */
    sigaction(signal, &before, NULL);
}

void mapping_guard_install(void)
{
    static bool installed; /* read and written only by the thread that starts the reactors */
    struct sigaction act = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&act.sa_mask);
    if (!installed)
        check(sigaction(SIGBUS, &act, &before) == 0);
    installed = true;
}
