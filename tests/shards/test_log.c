/* Tests appends to the log in the simulated world. Many writers share a flush, the log keeps no
 * borrowed bytes after an append, its memory stays bounded, and a log that failed recovers. */
#include "base/log.h"
#include "log_scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void write_across_files(void *arg)
{
    struct seen seen = {0};
    struct log *l = reopen(&seen);
    for (uint64_t i = 0; i < 40; i++)
        append(l, i, i % 7 * 2000, DURABILITY_FLUSH);
    append(l, 40, 2 << 20, DURABILITY_FLUSH); /* one group that spans many files */
    append(l, 41, 10, DURABILITY_FLUSH);
    want(log_durable(l) > 10 * FILE_BYTES);
    log_close(l);
    l = reopen(&seen);
    want_eq(seen.next, 42);
    append(l, 42, 0, DURABILITY_FLUSH);
    log_close(l);
    seen = (struct seen){0};
    log_close(reopen(&seen));
    want_eq(seen.next, 43);
}

Test(log, what_was_appended_comes_back_in_order_across_files)
{
    world_run_well(BACKEND_SIM, 1, write_across_files, NULL);
}

/* -- many writers -- */

static struct log *shared_log;
static unsigned appending;

static void appender(void *arg)
{
    uint64_t bytes[2] = {0, 0};
    for (int i = 0; i < 20; i++)
        want_eq(append_bytes(shared_log, bytes, sizeof(bytes), DURABILITY_FLUSH), 0);
    appending--;
}

static int count_bytes(const uint8_t *bytes, size_t size, uint64_t position, void *arg)
{
    *(size_t *)arg += size;
    return 0;
}

static void commit_in_groups(void *arg)
{
    struct seen seen = {0};
    struct log_end end;
    struct error e = {0};
    struct log_stats stats;
    shared_log = reopen(&seen);
    for (appending = 0; appending < 32; appending++)
        want_eq(fiber_start(CLASS_WRITE, appender, NULL, "appender"), 0);
    while (appending)
        fiber_sleep_ns(MILLIS(1));
    log_stats_read(shared_log, &stats);
    want_eq(stats.appends, 640);
    want(stats.flushes < 64); /* a group has all appends that arrive during a flush */
    log_close(shared_log);
    size_t bytes = 0;
    struct log_options o = options();
    want_eq(log_replay(&o, 0, count_bytes, &bytes, &end, &e), 0);
    want_eq(bytes, 640 * 16);
}

Test(log, many_writers_share_a_flush)
{
    world_run_well(BACKEND_SIM, 1, commit_in_groups, NULL);
}

/* -- slices -- */

#define WRITERS     6
#define SLICES_MOST 1500 /* more slices than fit into a block */

/* The n-th append of writer w has w, n, its size, and bytes that follow from these. */
static uint8_t filling_at(uint64_t w, uint64_t n, size_t i)
{
    return (uint8_t)(w * 31 + n * 7 + i);
}

/* Makes random slices of one append, each in its own allocation. Returns their number. */
static uint32_t make_slices(uint64_t w, uint64_t n, struct iovec slices[SLICES_MOST])
{
    const uint32_t count = 1 + (uint32_t)(random_u64() % (random_u64() % 8 ? 20 : SLICES_MOST));
    const uint64_t most = count > 20 ? 30 : random_u64() % 8 ? 3000 : 150000;
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        slices[i].iov_len = i == 0 ? 3 * sizeof(uint64_t) : random_u64() % most;
        slices[i].iov_base = malloc(slices[i].iov_len + 1);
        want(slices[i].iov_base != NULL);
        for (size_t k = 0; k < slices[i].iov_len; k++)
            ((uint8_t *)slices[i].iov_base)[k] = filling_at(w, n, size + k);
        size += slices[i].iov_len;
    }
    memcpy(slices[0].iov_base, (uint64_t[]){w, n, size}, slices[0].iov_len);
    return count;
}

static uint64_t acknowledged[WRITERS]; /* appends that returned 0 */

static void slices_writer(void *arg)
{
    const uint64_t w = (uint64_t)(uintptr_t)arg;
    struct iovec *slices = malloc(SLICES_MOST * sizeof(*slices));
    want(slices != NULL);
    for (uint64_t n = 0; n < 20; n++) {
        const uint32_t count = make_slices(w, n, slices);
        const enum durability durability = (enum durability[]){DURABILITY_FLUSH, DURABILITY_NONE, DURABILITY_FLUSH,
                                                               DURABILITY_INTERVAL}[random_u64() % 4];
        want_eq(log_append(shared_log, slices, count, durability), 0);
        for (uint32_t i = 0; i < count; i++) {
            memset(slices[i].iov_base, 0xee, slices[i].iov_len); /* the log may not read it now */
            free(slices[i].iov_base);
        }
        acknowledged[w]++;
        fiber_sleep_ns(random_u64() % MILLIS(2));
    }
    free(slices);
    appending--;
}

/* Asserts that the appends of each writer are there whole and in their order. */
static int take_slices(const uint8_t *bytes, size_t size, uint64_t position, void *arg)
{
    uint64_t *next = arg, head[3];
    for (size_t at = 0; at < size; at += head[2]) {
        want(size - at >= sizeof(head));
        memcpy(head, bytes + at, sizeof(head));
        want(head[0] < WRITERS && head[2] >= sizeof(head) && head[2] <= size - at);
        want_eq(head[1], next[head[0]]);
        next[head[0]]++;
        size_t i = sizeof(head);
        while (i < head[2] && bytes[at + i] == filling_at(head[0], head[1], i))
            i++;
        want_eq(i, head[2]);
    }
    return 0;
}

static void append_slices(void *arg)
{
    uint64_t next[WRITERS] = {0};
    struct log_options o = options();
    struct log_end end = {0};
    struct error e = {0};
    o.file_bytes = (uint64_t)(arg ? 512 : 16) * LOG_UNIT;
    o.pending_bytes = (uint64_t)2 << 20;
    want_eq(directory_create("log"), 0);
    want_eq(log_open(&o, end, &shared_log, &e), 0);
    memset(acknowledged, 0, sizeof(acknowledged));
    for (appending = 0; appending < WRITERS; appending++)
        want_eq(fiber_start(CLASS_WRITE, slices_writer, (void *)(uintptr_t)appending, "writer"), 0);
    while (appending)
        fiber_sleep_ns(MILLIS(1));
    log_close(shared_log);
    want_eq(log_replay(&o, 0, take_slices, next, &end, &e), 0);
    for (unsigned w = 0; w < WRITERS; w++)
        want_eq(next[w], acknowledged[w]);
}

Test(log, slices_of_many_writers_come_back_in_order)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct world w = {.backend = BACKEND_SIM, .reactors = 1};
        cr_assert_eq(sim_create(seed, &w.sim), 0);
        sim_fault_rate(w.sim, FAULT_SHORT_WRITE, seed % 2 ? 0 : 250000);
        cr_assert_eq(world_run(&w, append_slices, seed % 3 ? &w : NULL), 0);
        sim_destroy(w.sim);
    }
}

static unsigned refused;

static void lend_to_a_failing_log(void *arg)
{
    const size_t size = 5000 + (size_t)(uintptr_t)arg;
    uint8_t *bytes = malloc(size);
    want(bytes != NULL);
    memset(bytes, 1, size);
    struct iovec slices[2] = {{bytes, 100}, {bytes + 100, size - 100}};
    int rc = log_append(shared_log, slices, 2, DURABILITY_FLUSH);
    free(bytes); /* the sanitizer finds every later read of it */
    want(rc == 0 || rc == -EIO);
    refused += rc < 0;
    appending--;
}

static void fail_with_lent_slices(void *arg)
{
    struct sim *sim = arg;
    struct seen seen = {0};
    shared_log = reopen(&seen);
    refused = 0;
    for (unsigned round = 0; round < 3; round++) {
        sim_fault_rate(sim, FAULT_WRITE_ERROR, 1000000);
        for (appending = 0; appending < 10; appending++) {
            want_eq(fiber_start(CLASS_WRITE, lend_to_a_failing_log, (void *)(uintptr_t)appending, "writer"), 0);
            if (appending == 4)
                fiber_yield(); /* the other writers arrive while a group is being written */
        }
        while (appending)
            fiber_sleep_ns(MILLIS(1));
        want_eq(log_failed(shared_log), -EIO);
        sim_fault_rate(sim, FAULT_WRITE_ERROR, 0);
        want_eq(log_recover(shared_log), 0);
        append(shared_log, round, 3000, DURABILITY_FLUSH);
    }
    want_eq(refused, 30);
    log_close(shared_log);
    log_close(reopen(&seen));
    want_eq(seen.next, 3); /* no record that was given up */
}

Test(log, what_was_lent_is_not_read_after_a_failure)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct world w = {.backend = BACKEND_SIM, .reactors = 1};
        cr_assert_eq(sim_create(seed, &w.sim), 0);
        cr_assert_eq(world_run(&w, fail_with_lent_slices, w.sim), 0);
        sim_destroy(w.sim);
    }
}

/* -- memory -- */

#define PENDING ((uint64_t)64 << 10)

static void many_appender(void *arg)
{
    static uint8_t bytes[8 << 10];
    for (int i = 0; i < 20; i++) {
        want_eq(append_bytes(shared_log, bytes, sizeof(bytes), DURABILITY_NONE), 0);
        want(log_memory(shared_log) <= 8 * PENDING);
    }
    appending--;
}

static void keep_buffers_small(void *arg)
{
    struct seen seen = {0};
    shared_log = reopen(&seen);
    log_set_pending(shared_log, PENDING);
    const uint64_t empty = log_memory(shared_log);
    for (appending = 0; appending < 32; appending++)
        want_eq(fiber_start(CLASS_WRITE, many_appender, NULL, "appender"), 0);
    while (appending)
        fiber_sleep_ns(MILLIS(1));
    append(shared_log, 0, 2 << 20, DURABILITY_FLUSH); /* an append above the bound is taken */
    append(shared_log, 1, 0, DURABILITY_FLUSH);
    want(log_memory(shared_log) <= 8 * PENDING);
    log_trim(shared_log);
    want(log_memory(shared_log) > empty); /* buffers are kept, because they may be needed soon */
    log_trim(shared_log);
    want_eq(log_memory(shared_log), empty);
    append(shared_log, 2, 0, DURABILITY_FLUSH);
    log_close(shared_log);
}

Test(log, buffers_keep_to_what_may_be_pending_and_are_given_back_at_rest)
{
    world_run_well(BACKEND_SIM, 1, keep_buffers_small, NULL);
}

/* -- failure and recovery -- */

static unsigned failures;
static void count_failure(int rc, void *arg)
{
    want(rc < 0);
    failures++;
}

static void recover(void *arg)
{
    struct log_options o = options();
    struct log_end end = {0};
    struct error e = {0};
    struct log *l;
    struct seen seen = {0};
    o.on_failure = count_failure;
    want_eq(directory_create("log"), 0);
    want_eq(directory_flush("."), 0);
    want_eq(log_open(&o, end, &l, &e), 0);
    append(l, 0, 100, DURABILITY_FLUSH);
    append(l, 1, 100, DURABILITY_FLUSH);
    /* The next file cannot be made, because a folder has its name. */
    char next[PATH_TEXT_MAX], bytes[16] = {0};
    fiber_sleep_ns(SECONDS(1));
    struct log_file_list files = list();
    want_eq(files.count, 1); /* the next file is not made yet, so the folder can take its name */
    want_eq(log_file_path(&o, files.starts[0] + FILE_BYTES, next), 0);
    free(files.starts);
    want_eq(directory_create(next), 0);
    uint64_t i = 2;
    static uint8_t filled[16 + 9000];
    int rc = 0;
    for (; rc == 0 && i < 100; i++) {
        uint64_t head[2] = {i, 9000};
        memcpy(filled, head, sizeof(head));
        rc = append_bytes(l, filled, sizeof(filled), DURABILITY_FLUSH);
    }
    want(rc < 0 && log_failed(l) == rc && i > 3);
    i--; /* the append that failed */
    want(failures > 0);
    want_eq(append_bytes(l, bytes, sizeof(bytes), DURABILITY_NONE), rc);
    want_eq(log_flush(l), rc);
    uint64_t durable = log_durable(l);
    want(log_recover(l) < 0); /* a file behind the end cannot be removed, because it is a folder */
    want_eq(directory_remove(next), 0);
    want_eq(log_recover(l), 0);
    want_eq(log_failed(l), 0);
    want(log_durable(l) == durable && log_position(l) == durable);
    for (uint64_t n = i + 20; i < n; i++)
        append(l, i, 5000, DURABILITY_FLUSH);
    log_save_space(l, true);
    for (uint64_t n = i + 20; i < n; i++)
        append(l, i, 5000, DURABILITY_FLUSH);
    log_close(l);
    log_close(reopen(&seen));
    want_eq(seen.next, i);
}

Test(log, a_failed_log_recovers_and_keeps_what_was_acknowledged)
{
    world_run_well(BACKEND_SIM, 1, recover, NULL);
}

static struct sim *small_world; /* a world with a small disk */

static void open_on_a_full_disk(void *arg)
{
    struct log_options o = options();
    struct log_end end;
    struct error e = {0};
    struct log *l;
    struct seen seen = {0};
    l = reopen(&seen);
    append(l, 0, 5000, DURABILITY_FLUSH);
    append(l, 1, 5000, DURABILITY_FLUSH); /* no later block says that it was flushed */
    log_close(l);
    sim_disk_limit(small_world, 1);
    want_eq(replay(&seen, 0, &end, &e), 0);
    want_eq(seen.next, 2);
    want(end.durable < end.position);
    want_eq(log_open(&o, end, &l, &e), 0);
    want_eq(log_failed(l), -ENOSPC);
    want_eq(append_bytes(l, "12345678", 8, DURABILITY_FLUSH), -ENOSPC);
    want_eq(log_recover(l), -ENOSPC);
    sim_disk_limit(small_world, 0);
    want_eq(log_recover(l), 0);
    want_eq(log_durable(l), end.position);
    append(l, 2, 5000, DURABILITY_FLUSH);
    log_close(l);
    seen = (struct seen){0};
    log_close(reopen(&seen));
    want_eq(seen.next, 3);
}

Test(log, on_a_full_disk_it_opens_failed_and_recovers_with_all_that_was_read)
{
    cr_assert_eq(sim_create(1, &small_world), 0);
    struct world w = {.backend = BACKEND_SIM, .reactors = 1, .sim = small_world};
    cr_assert_eq(world_run(&w, open_on_a_full_disk, NULL), 0);
    sim_destroy(small_world);
}
