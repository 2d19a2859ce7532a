#include "clock.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000ull

static uint64_t clock_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

uint64_t clock_wall_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t clock_thread_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t clock_process_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* The cores allowed at the start. */
static const cpu_set_t *cores_allowed(void)
{
    static cpu_set_t set;
    static bool known;
    if (!known && sched_getaffinity(0, sizeof(set), &set) == 0)
        known = true;
    return known ? &set : NULL;
}

int core_pin(int core)
{
    const cpu_set_t *allowed = cores_allowed();
    for (int i = 0; allowed && core < 0 && i < CPU_SETSIZE; i++)
        if (CPU_ISSET(CPU_SETSIZE - 1 - i, allowed))
            core = CPU_SETSIZE - 1 - i;
    if (core < 0)
        return -1;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    return sched_setaffinity(0, sizeof(set), &set) < 0 ? -1 : core;
}

void core_unpin(void)
{
    if (cores_allowed())
        sched_setaffinity(0, sizeof(cpu_set_t), cores_allowed());
}

unsigned core_count(void)
{
    return cores_allowed() ? (unsigned)CPU_COUNT(cores_allowed()) : 1;
}

/* The value behind "key : " in /proc/cpuinfo, of its first core. */
static void cpuinfo_read(const char *key, char *ret, size_t room)
{
    char line[512];
    FILE *f = fopen("/proc/cpuinfo", "r");
    ret[0] = 0;
    while (f && !ret[0] && fgets(line, sizeof(line), f)) {
        const char *value = strchr(line, ':');
        size_t length = strlen(key);
        if (value && strncmp(line, key, length) == 0 && (line[length] == '\t' || line[length] == ':'))
            snprintf(ret, room, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
    }
    if (f)
        fclose(f);
}

/* The L3 cache that one core can use, which is less than the whole on chips with several L3
 * caches. */
static long l3_kib(void)
{
    long kib = 0;
    FILE *f = fopen("/sys/devices/system/cpu/cpu0/cache/index3/size", "r");
    if (f && fscanf(f, "%ldK", &kib) != 1)
        kib = 0;
    if (f)
        fclose(f);
    return kib;
}

void machine_describe(char *ret, size_t room)
{
    char name[64], family[8], model[8];
    cpuinfo_read("model name", name, sizeof(name));
    cpuinfo_read("cpu family", family, sizeof(family));
    cpuinfo_read("model", model, sizeof(model));
    snprintf(ret, room, "%s (family %s, model %s), %u cores, %ld MiB L3", name[0] ? name : "unknown", family, model,
             core_count(), l3_kib() >> 10);
}

void progress_start(struct progress *p, const char *what, uint64_t total)
{
    *p = (struct progress){.what = what, .total = total, .terminal = isatty(STDERR_FILENO)};
    p->start_ns = p->last_ns = clock_wall_ns();
}

static void write_line(struct progress *p, uint64_t done)
{
    double seconds = (double)(p->last_ns - p->start_ns) / (double)SECOND_NS;
    fprintf(stderr, "%s%s: %llu of %llu (%.0f %%), %.0f s%s", p->terminal ? "\r" : "", p->what,
            (unsigned long long)done, (unsigned long long)p->total,
            p->total ? 100.0 * (double)done / (double)p->total : 100.0, seconds, p->terminal ? "  " : "\n");
    p->written = true;
    p->last_done = done;
}

void progress_at(struct progress *p, uint64_t done)
{
    uint64_t now = clock_wall_ns();
    if (now - p->last_ns < (p->terminal || !p->written ? SECOND_NS : 5 * SECOND_NS))
        return;
    p->last_ns = now;
    write_line(p, done);
}

void progress_end(struct progress *p)
{
    if (!p->written || (p->last_done == p->total && !p->terminal))
        return;
    p->last_ns = clock_wall_ns();
    write_line(p, p->total);
    if (p->terminal)
        fputc('\n', stderr);
}
