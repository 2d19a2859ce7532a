/* runtime.c -- measures a switch, a message, a timer, a checksum and a group commit.
 *
 * All measurements use the server's own functions. Each figure is the median of several repeats.
 * Beside it is a figure from another machine for comparison (a virtual machine with 2 cores of a
 * Zen 5 EPYC, virtio disk): compare ratios, not digits. */
#include "base/checksum.h"
#include "base/histogram.h"
#include "base/log.h"
#include "reactor/fibers/sync.h"
#include "reactor/file.h"
#include "reactor/message.h"
#include "reactor/timer.h"
#include "shards/log/log.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPEATS      5
#define LOG_NS       ((uint64_t)600000000) /* for each number of writers */
#define WRITERS_MAX  64
#define RECORD_BYTES 568 /* a point of 128 dimensions in the log */
#define ECHO_ACTOR   1

static struct {
    enum backend_kind backend;
    const char *dir;
    bool json;
} options = {.dir = "."};

/* -- figures -- */

static void report(const char *what, double value, const char *unit, const char *reference)
{
    if (options.json)
        printf("{\"bench\":\"runtime\",\"what\":\"%s\",\"value\":%.4g,\"unit\":\"%s\",\"reference\":\"%s\"}\n", what,
               value, unit, reference);
    else
        printf("%-44s %12.4g %-10s %s\n", what, value, unit, reference);
    fflush(stdout);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The median over repeats of the time of fn(n) divided by n, in nanoseconds. */
static double median_ns(void (*fn)(unsigned n), unsigned n)
{
    double values[REPEATS];
    for (int i = 0; i < REPEATS; i++) {
        uint64_t start_ns = clock_now_ns();
        fn(n);
        values[i] = (double)(clock_now_ns() - start_ns) / n;
    }
    qsort(values, REPEATS, sizeof(values[0]), by_value);
    return values[REPEATS / 2];
}

/* -- one core -- */

static unsigned left;

static void yielder(void *arg)
{
    for (unsigned n = *(unsigned *)arg; n > 0; n--)
        fiber_yield();
    left--;
}

static void switch_fibers(unsigned n)
{
    unsigned each = n / 2;
    left = 2;
    for (int i = 0; i < 2; i++)
        check(fiber_start(CLASS_INTERACTIVE, yielder, &each, "yielder") == 0);
    while (left)
        fiber_yield();
}

static void nothing(void *arg)
{
    left--;
}

static void start_fibers(unsigned n)
{
    for (left = 0; n > 0; n--) {
        left++;
        check(fiber_start(CLASS_INTERACTIVE, nothing, NULL, "nothing") == 0);
        while (left)
            fiber_yield();
    }
}

static void pass_checkpoints(unsigned n)
{
    while (n-- > 0)
        fiber_checkpoint();
}

static void never(void *arg)
{
}

static void start_timers(unsigned n)
{
    struct timer t = {0};
    uint64_t at_ns = clock_now_ns() + 1000000000;
    for (unsigned i = 0; i < n; i++) {
        timer_start(&t, at_ns + i * 1000, never, NULL);
        timer_cancel(&t);
    }
}

/* -- checksums: a start computes them over all data -- */

static uint8_t *summed;
static volatile uint64_t sink;

static void checksum_cached(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        sink += checksum_crc32c(0, summed, 1u << 20);
}

static void checksum_memory(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        sink += checksum_crc32c(0, summed + ((size_t)i << 20), 1u << 20);
}

/* A lower bound for reading: a sum of words. */
static void read_memory(unsigned n)
{
    const uint64_t *words = (const uint64_t *)(const void *)summed;
    uint64_t sum = 0;
    for (size_t i = 0; i < ((size_t)n << 20) / sizeof(*words); i++)
        sum += words[i];
    sink += sum;
}

static void checksums(void)
{
    const unsigned mib = 256; /* much more than a cache */
    summed = malloc((size_t)mib << 20);
    check(summed);
    memset(summed, 1, (size_t)mib << 20);
    report("checksum of a MiB in the cache", (1 << 20) / median_ns(checksum_cached, 1000), "GB/s", "");
    report("checksum of 256 MiB of memory", (1 << 20) / median_ns(checksum_memory, mib), "GB/s", "");
    report("  a sum of its words", (1 << 20) / median_ns(read_memory, mib), "GB/s", "");
    free(summed);
}

static void one_core(void *arg)
{
    report("fiber switch through the run queue", median_ns(switch_fibers, 400000), "ns", "45 to 54; bare 10 to 15");
    report("fiber start and end", median_ns(start_fibers, 100000), "ns", "");
    report("fiber_checkpoint", median_ns(pass_checkpoints, 4000000), "ns", "10 with a clock");
    report("timer start and cancel", median_ns(start_timers, 1000000), "ns", "");
    checksums();
    runtime_stop();
}

/* -- two cores -- */

static struct actor echo;
static double wake_ns;

static void echo_receive(struct actor *a, struct message *m)
{
    message_reply(m, 0);
}

static void round_trips(unsigned n)
{
    while (n-- > 0) {
        struct message m = {0};
        check(message_call(&m, (struct address){1, ECHO_ACTOR, 0}, 0, NULL) == 0);
    }
}

/* Measures the cost for the sender of waking a sleeping core. */
static void measure_wake(void)
{
    double values[200];
    for (unsigned i = 0; i < ARRAY_LEN(values); i++) {
        struct message m = {0};
        fiber_sleep_ns(300000); /* so that the other core sleeps, too */
        uint64_t start_ns = clock_now_ns();
        message_send(&m, (struct address){1, ECHO_ACTOR, 0}, 0, NULL);
        message_publish();
        values[i] = (double)(clock_now_ns() - start_ns);
        check(message_await(&m) == 0);
    }
    qsort(values, ARRAY_LEN(values), sizeof(values[0]), by_value);
    wake_ns = values[ARRAY_LEN(values) / 2];
}

static void two_cores(void *polling)
{
    if (reactor_id() == 1) {
        actor_start(&echo, ECHO_ACTOR, "echo", CLASS_INTERACTIVE, 1, echo_receive);
        return;
    }
    round_trips(1000);
    if (polling) {
        report("message round trip, both polling", median_ns(round_trips, 100000), "ns", "752");
    } else {
        report("message round trip, both sleeping", median_ns(round_trips, 4000) / 1000, "us", "35");
        measure_wake();
        report("waking a sleeping core, for the sender", wake_ns / 1000, "us", "9.2");
    }
    runtime_stop();
}

/* -- the log -- */

static struct log *shared_log;
static uint64_t until_ns, records;
static struct histogram latency;

static void writer(void *arg)
{
    uint8_t record[RECORD_BYTES] = {1};
    const struct iovec slice = {record, sizeof(record)};
    for (uint64_t now_ns; (now_ns = clock_now_ns()) < until_ns;) {
        check(log_append(shared_log, &slice, 1, DURABILITY_FLUSH) == 0);
        histogram_add(&latency, clock_now_ns() - now_ns);
        records++;
    }
    left--;
}

static double group_commit(unsigned writers)
{
    uint64_t start_ns = clock_now_ns();
    histogram_init(&latency);
    records = 0;
    until_ns = start_ns + LOG_NS;
    for (left = 0; left < writers; left++)
        check(fiber_start(CLASS_WRITE, writer, NULL, "writer") == 0);
    while (left)
        fiber_sleep_ns(1000000);
    return (double)records * 1e9 / (double)(clock_now_ns() - start_ns);
}

/* The same bytes without a log: one write and one flush for each group, into a file that was filled
 * before. */
static double plain_commit(const char *path, unsigned group)
{
    size_t bytes = (group * RECORD_BYTES + 4095) & ~(size_t)4095, file_bytes = (size_t)4 << 20;
    uint8_t *zeros = calloc(1, file_bytes);
    struct file *f;
    check(zeros && file_open(path, FILE_WRITE | FILE_CREATE, &f) == 0);
    check(file_write(f, zeros, file_bytes, 0) == 0 && file_flush(f) == 0);
    uint64_t start_ns = clock_now_ns(), groups = 0, at = 0;
    for (; clock_now_ns() - start_ns < LOG_NS; groups++, at += bytes) {
        at = at + bytes > file_bytes ? 0 : at;
        check(file_write(f, zeros, bytes, at) == 0 && file_flush(f) == 0);
    }
    double rate = (double)(groups * group) * 1e9 / (double)(clock_now_ns() - start_ns);
    file_close(f);
    free(zeros);
    return rate;
}

static int remove_file(const char *name, void *dir)
{
    char path[1200];
    snprintf(path, sizeof(path), "%s/%s", (const char *)dir, name);
    return file_remove(path);
}

static void commit_to_log(void *arg)
{
    static const unsigned counts[] = {1, 8, WRITERS_MAX};
    static const char *const references[] = {"195", "1 253", "13 973"};
    char dir[1024], path[1100], what[80];
    struct error error = {0};
    snprintf(dir, sizeof(dir), "%s/kith-bench-log", options.dir);
    snprintf(path, sizeof(path), "%s/plain", dir);
    struct log_options o = {.dir = dir, .epoch = 1, .file_bytes = 8u << 20};
    if (directory_create(dir) < 0 || log_open(&o, (struct log_end){0}, &shared_log, &error) < 0) {
        fprintf(stderr, "runtime: no log can be written in %s: %s\n", dir, error.text);
        exit(1);
    }
    fiber_sleep_ns(500000000); /* the log fills its files first */
    for (unsigned i = 0; i < ARRAY_LEN(counts); i++) {
        double rate = group_commit(counts[i]);
        snprintf(what, sizeof(what), "group commit, %u writers", counts[i]);
        report(what, rate, "records/s", references[i]);
        snprintf(what, sizeof(what), "  latency p50, %u writers", counts[i]);
        report(what, (double)histogram_percentile(&latency, 50) / 1000, "us", "4 100");
        snprintf(what, sizeof(what), "  one write + one flush for %u records", counts[i]);
        report(what, plain_commit(path, counts[i]), "records/s", "");
    }
    log_close(shared_log);
    if (directory_list(dir, remove_file, dir) == 0 && directory_remove(dir) == 0)
        runtime_stop();
    else
        fprintf(stderr, "runtime: %s could not be removed\n", dir), runtime_stop();
}

/* -- the program -- */

static void run(unsigned reactors, unsigned spin_us, runtime_boot_fn boot, void *arg)
{
    struct runtime_options o = {.reactors = reactors, .backend = options.backend, .pin = true, .spin_us = spin_us};
    struct runtime *rt;
    struct error error = {0};
    int rc = runtime_create(&o, &rt, &error);
    if (rc == 0) {
        rc = runtime_run(rt, boot, NULL, arg);
        runtime_destroy(rt);
    }
    if (rc < 0) {
        fprintf(stderr, "runtime: %s\n", error.text[0] ? error.text : strerror(-rc));
        exit(1);
    }
}

static const char usage[] = "usage: runtime [--io auto|uring|uv] [--dir DIR] [--json]\n"
                            "\n"
                            "  --io    how the kernel is asked (auto)\n"
                            "  --dir   where the log is written, for a moment (the current folder)\n"
                            "  --json  one JSON object a line\n";

static void parse(int argc, char **argv)
{
    static const struct option table[] = {{"io", required_argument, NULL, 'i'},
                                          {"dir", required_argument, NULL, 'd'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    static const char *const kinds[] = {[BACKEND_AUTO] = "auto", [BACKEND_URING] = "uring", [BACKEND_UV] = "uv"};
    for (int c; (c = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        unsigned kind = 0;
        switch (c) {
        case 'd': options.dir = optarg; break;
        case 'j': options.json = true; break;
        case 'h': fputs(usage, stdout); exit(0);
        case 'i':
            while (kind < ARRAY_LEN(kinds) && strcmp(kinds[kind], optarg) != 0)
                kind++;
            options.backend = (enum backend_kind)kind;
            if (kind < ARRAY_LEN(kinds))
                break;
            /* fallthrough */
        default: fputs(usage, stderr); exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    /* some figures measure a tight loop without a checkpoint, which would be logged as a stall */
    log_set_level(LOG_ERROR);
    if (!options.json)
        printf("%-44s %12s %-10s %s\n", "what (median)", "here", "", "for comparison: Zen 5 VM, 2 cores, virtio disk");
    run(1, 0, one_core, NULL);
    run(2, 1000, two_cores, &options);
    run(2, 0, two_cores, NULL);
    run(1, 0, commit_to_log, NULL);
    return 0;
}
