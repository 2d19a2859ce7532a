/* The log in the simulated world: what was appended comes back in order, across files and power
 * cuts; a torn end is cut, damage in the middle is told. */
#include "../reactor/world.h"
#include "base/checksum.h"
#include "base/log.h"
#include "reactor/file.h"
#include "shards/log/log_block.h"
#include "shards/log/log_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES (16 * LOG_UNIT)

static struct log_options options(void)
{
    return (struct log_options){.dir = "log", .epoch = 1, .reactor = 0, .file_bytes = FILE_BYTES};
}

/* Records are numbers, 8 bytes each, and some filling behind the first. */
struct seen {
    uint64_t next; /* the number that must come */
    size_t groups;
};

static int take_group(const uint8_t *bytes, size_t size, uint64_t position, void *arg)
{
    struct seen *seen = arg;
    want_eq(position % LOG_UNIT, 0);
    seen->groups++;
    for (size_t at = 0; at < size;) {
        uint64_t head[2];
        want(size - at >= sizeof(head));
        memcpy(head, bytes + at, sizeof(head));
        want_eq(head[0], seen->next);
        seen->next++;
        at += sizeof(head) + head[1];
    }
    return 0;
}

static int append_bytes(struct log *l, const void *bytes, size_t size, enum durability durability)
{
    const struct iovec all = {(void *)(uintptr_t)bytes, size};
    return log_append(l, &all, 1, durability);
}

static void append(struct log *l, uint64_t number, size_t filling, enum durability durability)
{
    static uint8_t bytes[3 << 20];
    uint64_t head[2] = {number, filling};
    memcpy(bytes, head, sizeof(head));
    memset(bytes + sizeof(head), (int)number, filling);
    want_eq(append_bytes(l, bytes, sizeof(head) + filling, durability), 0);
}

static int replay(struct seen *seen, uint64_t start, struct log_end *end, struct error *e)
{
    struct log_options o = options();
    return log_replay(&o, start, take_group, seen, end, e);
}

static struct log *reopen(struct seen *seen)
{
    struct log_options o = options();
    struct log_end end;
    struct error e = {0};
    struct log *l;
    want_eq(directory_create("log"), 0);
    want_eq(directory_flush("."), 0);
    want_eq(replay(seen, 0, &end, &e), 0);
    want_eq(log_open(&o, end, &l, &e), 0);
    return l;
}

static void write_across_files(void *arg)
{
    struct seen seen = {0};
    struct log *l = reopen(&seen);
    for (uint64_t i = 0; i < 40; i++)
        append(l, i, i % 7 * 2000, DURABILITY_FLUSH);
    append(l, 40, 2 << 20, DURABILITY_FLUSH); /* one group over many files */
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
    want(stats.flushes < 64); /* the group is what arrived during the last flush */
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
#define SLICES_MOST 1500 /* more than a block takes */

/* What writer w appends as its n-th: its number, n, its size, and bytes that follow from these. */
static uint8_t filling_at(uint64_t w, uint64_t n, size_t i)
{
    return (uint8_t)(w * 31 + n * 7 + i);
}

/* Any slices of one append, each in memory of its own. Returns their number. */
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
            memset(slices[i].iov_base, 0xee, slices[i].iov_len); /* it is ours again */
            free(slices[i].iov_base);
        }
        acknowledged[w]++;
        fiber_sleep_ns(random_u64() % MILLIS(2));
    }
    free(slices);
    appending--;
}

/* Each writer's appends are there whole and in their order. */
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
    free(bytes); /* whatever reads it from here on is found by the sanitizer */
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
                fiber_yield(); /* the others come when a group is being written */
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
    want_eq(seen.next, 3); /* nothing of what was given up */
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
    append(shared_log, 0, 2 << 20, DURABILITY_FLUSH); /* one that is larger is taken all the same */
    append(shared_log, 1, 0, DURABILITY_FLUSH);
    want(log_memory(shared_log) <= 8 * PENDING);
    log_trim(shared_log);
    want(log_memory(shared_log) > empty); /* they may be wanted again soon */
    log_trim(shared_log);
    want_eq(log_memory(shared_log), empty);
    append(shared_log, 2, 0, DURABILITY_FLUSH);
    log_close(shared_log);
}

Test(log, buffers_keep_to_what_may_be_pending_and_are_given_back_at_rest)
{
    world_run_well(BACKEND_SIM, 1, keep_buffers_small, NULL);
}

/* -- power cuts -- */

struct cut {
    struct sim *sim;
    uint64_t acknowledged, appended;
};

static void bomb(void *arg)
{
    struct cut *c = arg;
    fiber_sleep_ns(random_u64() % MILLIS(60));
    sim_crash(c->sim);
}

static void append_until_cut(void *arg)
{
    struct cut *c = arg;
    struct seen seen = {0};
    struct log *l = reopen(&seen);
    want(seen.next >= c->acknowledged && seen.next <= c->appended);
    c->acknowledged = c->appended = seen.next;
    want_eq(fiber_start(CLASS_INTERACTIVE, bomb, c, "bomb"), 0);
    for (;;) {
        uint64_t n = c->appended++;
        append(l, n, random_u64() % 30000, DURABILITY_FLUSH);
        c->acknowledged = n + 1;
    }
}

static void count_what_is_left(void *arg)
{
    struct cut *c = arg;
    struct seen seen = {0};
    log_close(reopen(&seen));
    want(seen.next >= c->acknowledged && seen.next <= c->appended);
}

Test(log, power_cuts_lose_nothing_that_was_acknowledged)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct cut c = {0};
        cr_assert_eq(sim_create(seed, &c.sim), 0);
        struct world w = {.backend = BACKEND_SIM, .sim = c.sim};
        for (int i = 0; i < 4; i++)
            cr_assert_eq(world_run(&w, append_until_cut, &c), -EOWNERDEAD, "seed %d", (int)seed);
        cr_assert_eq(world_run(&w, count_what_is_left, &c), 0);
        sim_destroy(c.sim);
    }
}

/* -- damage -- */

static void spoil(uint64_t start, uint64_t offset)
{
    char path[PATH_TEXT_MAX];
    struct log_options o = options();
    struct file *f;
    uint8_t byte;
    want_eq(log_file_path(&o, start, path), 0);
    want_eq(file_open(path, FILE_WRITE, &f), 0);
    want_eq(file_read(f, &byte, 1, offset), 1);
    byte ^= 0x10;
    want_eq(file_write(f, &byte, 1, offset), 0);
    file_close(f);
}

/* Gives the block at that place another format, with a right checksum: as another
 * version would have left it. */
static void reformat(const char *path, uint64_t offset, uint16_t format)
{
    static uint8_t bytes[3 * LOG_UNIT];
    struct log_block b;
    struct file *f;
    want_eq(file_open(path, FILE_WRITE, &f), 0);
    want(file_read(f, bytes, sizeof(bytes), offset) > 0);
    want(log_block_read(bytes, sizeof(bytes), &b));
    memcpy(bytes + 42, &format, sizeof(format));
    const uint32_t crc = checksum_crc32c(0, bytes + 8, LOG_BLOCK_HEADER - 8 + b.size);
    memcpy(bytes + 4, &crc, sizeof(crc));
    want_eq(file_write(f, bytes, LOG_BLOCK_HEADER, offset), 0);
    file_close(f);
}

static void other_formats(void *arg)
{
    char path[PATH_TEXT_MAX];
    struct log_options o = options();
    struct seen seen = {0};
    struct log_end end;
    struct error e = {0};
    struct log *l = reopen(&seen);
    append(l, 0, 10, DURABILITY_FLUSH);
    append(l, 1, 10, DURABILITY_FLUSH);
    log_close(l);
    want_eq(log_file_path(&o, 0, path), 0);
    reformat(path, LOG_UNIT, LOG_FORMAT - 1);
    want_eq(replay(&seen, 0, &end, &e), -EPROTONOSUPPORT);
    want(e.code == ERROR_VERSION && strstr(e.text, "older Kith (log format 1"));
    reformat(path, LOG_UNIT, LOG_FORMAT + 1);
    seen = (struct seen){0};
    want_eq(replay(&seen, 0, &end, &e), -EPROTONOSUPPORT);
    want(e.code == ERROR_VERSION && strstr(e.text, "newer Kith (log format 3"));
}

Test(log, other_formats_are_refused_with_a_sentence)
{
    world_run_well(BACKEND_SIM, 1, other_formats, NULL);
}

static void forget_mark(void *arg)
{
    struct seen seen = {0};
    struct log_end end;
    struct error e = {0};
    struct file *f;
    struct log *l = reopen(&seen);
    append(l, 0, 10, DURABILITY_FLUSH);
    log_close(l);
    l = reopen(&seen); /* the mark of the last stop stays true while more is written */
    append(l, 1, 10, DURABILITY_FLUSH);
    seen = (struct seen){0};
    want_eq(replay(&seen, 0, &end, &e), 0);
    want_eq(seen.next, 2);
    want_eq(end.cut, 0);
    log_close(l);
    want_eq(file_open("log/0.end", FILE_WRITE, &f), 0);
    want_eq(file_write(f, "x", 1, 17), 0);
    file_close(f);
    want_eq(replay(&seen, 0, &end, &e), -EBADMSG);
    want(e.code == ERROR_CORRUPT && strstr(e.text, "log/0.end") && strstr(e.text, "offset 0"));
}

Test(log, the_mark_of_a_stop_stays_true_and_is_believed_only_whole)
{
    world_run_well(BACKEND_SIM, 1, forget_mark, NULL);
}

static void damage(void *arg)
{
    struct seen seen = {0};
    struct log *l = reopen(&seen);
    for (uint64_t i = 0; i < 30; i++)
        append(l, i, 100, DURABILITY_FLUSH);
    log_close(l);
    struct log_end end;
    struct error e = {0};
    spoil(FILE_BYTES, 13 * LOG_UNIT + 100); /* the last group: position 29 units */
    want_eq(replay(&seen, 0, &end, &e), -EBADMSG);
    spoil(FILE_BYTES, 14 * LOG_UNIT + 20); /* and what the stop wrote behind it */
    seen = (struct seen){0};
    want_eq(replay(&seen, 0, &end, &e), -EBADMSG);
    want(strstr(e.text, "log/0-0000000000010000.log") && strstr(e.text, "offset 53248"));
    want_eq(file_remove("log/0.end"), 0); /* as after a power cut */
    seen = (struct seen){0};
    want_eq(replay(&seen, 0, &end, &e), 0); /* looks like a torn end */
    want_eq(seen.next, 29);
    want_eq(end.position, 29 * LOG_UNIT);
    want_eq(end.cut, LOG_UNIT);
    spoil(0, 5 * LOG_UNIT + 60);
    seen = (struct seen){0};
    want_eq(replay(&seen, 0, &end, &e), -EBADMSG);
    want_eq(seen.next, 5);
    want(e.code == ERROR_CORRUPT && strstr(e.text, "log/0-0000000000000000.log") && strstr(e.text, "offset 20480"));
}

Test(log, a_damaged_end_is_cut_and_damage_in_the_middle_is_told)
{
    world_run_well(BACKEND_SIM, 1, damage, NULL);
}

/* -- files that are used again -- */

static void use_again(void *arg)
{
    struct seen seen = {0};
    struct log *l = reopen(&seen);
    struct log_file_list before, after;
    struct log_options o = options();
    for (uint64_t i = 0; i < 100; i++) {
        append(l, i, 9000, DURABILITY_FLUSH);
        log_free_before(l, log_durable(l));
    }
    want_eq(log_files_list(&o, &before), 0);
    want(before.count <= 4); /* of 19 that were written */
    uint64_t freed = log_durable(l);
    free(before.starts);
    append(l, 100, 0, DURABILITY_FLUSH);
    log_close(l);
    struct log_end end;
    struct error e = {0};
    seen = (struct seen){.next = 100};
    /* old blocks in files used again are not taken for new ones */
    want_eq(replay(&seen, freed, &end, &e), 0);
    want_eq(seen.next, 101);
    want_eq(log_files_list(&o, &after), 0);
    free(after.starts);
}

Test(log, freed_files_are_used_again_and_their_old_blocks_ignored)
{
    world_run_well(BACKEND_SIM, 1, use_again, NULL);
}

/* -- blocks that earlier runs left -- */

struct left_block {
    uint64_t run;
    bool is_continued;
};

/* A log of one file: a block of a record each, numbers from 0. Returns how many
 * records are read back. */
static uint64_t replay_blocks(const struct left_block *blocks, size_t n, struct log_end *end)
{
    static uint8_t bytes[4 * LOG_UNIT];
    struct log_options o = options();
    char path[PATH_TEXT_MAX];
    struct file *f;
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t record[2] = {i, 0};
        const struct log_block b = {.position = i * LOG_UNIT,
                                    .epoch = o.epoch,
                                    .run = blocks[i].run,
                                    .format = LOG_FORMAT,
                                    .size = sizeof(record),
                                    .flags = blocks[i].is_continued ? LOG_CONTINUED : 0,
                                    .payload = (const uint8_t *)record};
        log_block_write(&b, bytes + b.position);
    }
    ignore_result(directory_create("log")); /* the second time it is there */
    want_eq(log_file_path(&o, 0, path), 0);
    want_eq(file_open(path, FILE_WRITE | FILE_CREATE, &f), 0);
    want_eq(file_write(f, bytes, n * LOG_UNIT, 0), 0);
    file_close(f);
    struct error e = {0};
    struct seen seen = {0};
    want_eq(replay(&seen, 0, end, &e), 0);
    want_eq(end->position, seen.next * LOG_UNIT);
    want_eq(file_remove(path), 0);
    return seen.next;
}

static void mix_runs(void *arg)
{
    struct log_end end;
    const struct left_block later[] = {{7, false}, {7, true}, {7, false}, {8, false}};
    want_eq(replay_blocks(later, 4, &end), 4);
    const struct left_block whole[] = {{7, false}, {8, false}, {7, false}};
    want_eq(replay_blocks(whole, 3, &end), 2);
    const struct left_block older[] = {{7, false}, {8, true}, {7, false}};
    want_eq(replay_blocks(older, 3, &end), 1);
    want(end.cut > 0);
    const struct left_block newer[] = {{7, false}, {7, true}, {8, false}};
    want_eq(replay_blocks(newer, 3, &end), 1);
}

Test(log, what_earlier_runs_left_continues_nothing)
{
    world_run_well(BACKEND_SIM, 1, mix_runs, NULL);
}

/* -- what a run may write into -- */

static struct log_file_list list(void)
{
    struct log_options o = options();
    struct log_file_list files;
    want_eq(log_files_list(&o, &files), 0);
    return files;
}

/* A sum over all bytes of the log's files that begin before position. */
static uint64_t sum_of_files_before(uint64_t position)
{
    struct log_options o = options();
    struct log_file_list files = list();
    uint64_t sum = 0;
    for (size_t i = 0; i < files.count && files.starts[i] < position; i++) {
        char path[PATH_TEXT_MAX];
        struct mapping m;
        want_eq(log_file_path(&o, files.starts[i], path), 0);
        want_eq(mapping_open(path, &m), 0);
        for (size_t at = 0; at < m.size; at++)
            sum = sum * 31 + m.bytes[at];
        mapping_close(&m);
    }
    free(files.starts);
    return sum;
}

static void start_anew(void *arg)
{
    struct seen seen = {0};
    struct log *l = reopen(&seen);
    for (uint64_t i = 0; i < 30; i++)
        append(l, i, 5000, DURABILITY_FLUSH);
    log_close(l);
    struct log_file_list files = list();
    /* a file that a run made ready and did not use */
    uint64_t behind = files.starts[files.count - 1] + FILE_BYTES;
    free(files.starts);
    char path[PATH_TEXT_MAX];
    struct log_options o = options();
    struct file *f;
    want_eq(log_file_path(&o, behind, path), 0);
    want_eq(file_open(path, FILE_WRITE | FILE_CREATE, &f), 0);
    file_close(f);
    struct log_end end;
    struct error e = {0};
    seen = (struct seen){0};
    want_eq(replay(&seen, 0, &end, &e), 0);
    uint64_t before = sum_of_files_before(end.durable);
    l = reopen(&(struct seen){0});
    want_eq(file_open(path, FILE_READ, &f), -ENOENT);
    for (uint64_t i = 30; i < 60; i++)
        append(l, i, 5000, DURABILITY_FLUSH);
    want_eq(sum_of_files_before(end.durable), before);
    log_close(l);
    seen = (struct seen){0};
    log_close(reopen(&seen));
    want_eq(seen.next, 60);
}

Test(log, a_start_writes_into_no_file_that_was_there)
{
    world_run_well(BACKEND_SIM, 1, start_anew, NULL);
}

static void pin(void *arg)
{
    struct seen seen = {0};
    struct log_options o = options();
    struct log *l = reopen(&seen);
    char spare[PATH_TEXT_MAX];
    struct file *f;
    uint64_t i = 0;
    for (; i < 30; i++)
        append(l, i, 9000, DURABILITY_FLUSH);
    uint64_t pinned = log_durable(l);
    log_pin(l, pinned);
    log_free_before(l, pinned);
    want_eq(log_spare_path(&o, spare), 0);
    want_eq(file_open(spare, FILE_READ, &f), -ENOENT);
    struct log_file_list files = list();
    want(files.starts[0] > pinned - 2 * FILE_BYTES);
    free(files.starts);
    for (; i < 60; i++)
        append(l, i, 9000, DURABILITY_FLUSH);
    log_free_before(l, log_durable(l));
    want_eq(file_open(spare, FILE_READ, &f), 0); /* begun after the pin */
    file_close(f);
    log_close(l);
}

Test(log, pinned_files_are_never_used_again)
{
    world_run_well(BACKEND_SIM, 1, pin, NULL);
}

static void know_the_end(void *arg)
{
    struct seen seen = {0};
    struct log *l = reopen(&seen);
    for (uint64_t i = 0; i < 20; i++)
        append(l, i, 100, DURABILITY_FLUSH);
    struct log_options o = options();
    o.known_end = log_durable(l);
    for (uint64_t i = 20; i < 30; i++)
        append(l, i, 100, DURABILITY_FLUSH);
    log_close(l);
    struct log_end end;
    struct error e = {0};
    seen = (struct seen){0};
    want_eq(log_replay(&o, 0, take_group, &seen, &end, &e), 0);
    want_eq(seen.next, 20);
    want(end.position == o.known_end && end.durable <= end.position);
    struct log_file_list files;
    want_eq(log_files_between(&o, 17 * LOG_UNIT, o.known_end, &files), 0);
    want_eq(files.count, 1);
    want_eq(files.starts[0], FILE_BYTES);
    free(files.starts);
    spoil(FILE_BYTES, o.known_end - LOG_UNIT - FILE_BYTES + 70); /* the last block before the end */
    seen = (struct seen){0};
    want_eq(log_replay(&o, 0, take_group, &seen, &end, &e), -EBADMSG);
    want(strstr(e.text, "damaged at offset"));
    o.known_end = 1000 * LOG_UNIT;
    e = (struct error){0};
    /* nothing there at all */
    want_eq(log_replay(&o, 900 * LOG_UNIT, take_group, &seen, &end, &e), -EBADMSG);
}

Test(log, before_a_known_end_all_must_be_there)
{
    world_run_well(BACKEND_SIM, 1, know_the_end, NULL);
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
    /* The next file cannot be made: its name is taken by a folder. */
    char next[PATH_TEXT_MAX], bytes[16] = {0};
    fiber_sleep_ns(SECONDS(1));
    struct log_file_list files = list();
    want_eq(files.count, 1); /* the next is not yet made: it is in our hands */
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
    i--; /* the one that failed */
    want(failures > 0);
    want_eq(append_bytes(l, bytes, sizeof(bytes), DURABILITY_NONE), rc);
    want_eq(log_flush(l), rc);
    uint64_t durable = log_durable(l);
    want(log_recover(l) < 0); /* files behind the end cannot be removed: this one is a folder */
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

static struct sim *small_world; /* whose disk has an end */

static void open_on_a_full_disk(void *arg)
{
    struct log_options o = options();
    struct log_end end;
    struct error e = {0};
    struct log *l;
    struct seen seen = {0};
    l = reopen(&seen);
    append(l, 0, 5000, DURABILITY_FLUSH);
    append(l, 1, 5000, DURABILITY_FLUSH); /* nothing behind it says that it was flushed */
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
