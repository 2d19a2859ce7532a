/* Tests replaying the log in the simulated world. Power cuts lose nothing acknowledged, a torn end
 * is cut off, damage in the middle is reported, and blocks of earlier runs are not taken for
 * new. */
#include "base/checksum.h"
#include "log_scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

Test(log_replay, power_cuts_lose_nothing_that_was_acknowledged)
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

/* Gives the block at `offset` another format and a right checksum, as another version would. */
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

Test(log_replay, other_formats_are_refused_with_a_sentence)
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
    l = reopen(&seen); /* the mark of the last stop stays valid while more is written */
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

Test(log_replay, the_mark_of_a_stop_stays_true_and_is_believed_only_whole)
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
    spoil(FILE_BYTES, 14 * LOG_UNIT + 20); /* and the block of the stop behind it */
    seen = (struct seen){0};
    want_eq(replay(&seen, 0, &end, &e), -EBADMSG);
    want(strstr(e.text, "log/0-0000000000010000.log") && strstr(e.text, "offset 53248"));
    want_eq(file_remove("log/0.end"), 0); /* so that this looks like a power cut */
    seen = (struct seen){0};
    want_eq(replay(&seen, 0, &end, &e), 0); /* and the damage like a torn end */
    want_eq(seen.next, 29);
    want_eq(end.position, 29 * LOG_UNIT);
    want_eq(end.cut, LOG_UNIT);
    spoil(0, 5 * LOG_UNIT + 60);
    seen = (struct seen){0};
    want_eq(replay(&seen, 0, &end, &e), -EBADMSG);
    want_eq(seen.next, 5);
    want(e.code == ERROR_CORRUPT && strstr(e.text, "log/0-0000000000000000.log") && strstr(e.text, "offset 20480"));
}

Test(log_replay, a_damaged_end_is_cut_and_damage_in_the_middle_is_told)
{
    world_run_well(BACKEND_SIM, 1, damage, NULL);
}

/* -- files that are reused -- */

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
    want(before.count <= 4); /* 19 were written */
    uint64_t freed = log_durable(l);
    free(before.starts);
    append(l, 100, 0, DURABILITY_FLUSH);
    log_close(l);
    struct log_end end;
    struct error e = {0};
    seen = (struct seen){.next = 100};
    /* old blocks in reused files must not be taken for new ones */
    want_eq(replay(&seen, freed, &end, &e), 0);
    want_eq(seen.next, 101);
    want_eq(log_files_list(&o, &after), 0);
    free(after.starts);
}

Test(log_replay, freed_files_are_used_again_and_their_old_blocks_ignored)
{
    world_run_well(BACKEND_SIM, 1, use_again, NULL);
}

/* -- blocks that earlier runs left -- */

struct left_block {
    uint64_t run;
    bool is_continued;
};

/* Writes a log of one file, with one record in each block, numbered from 0. Returns how many
 * records are replayed. */
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
    ignore_result(directory_create("log")); /* from the second call on it exists */
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

Test(log_replay, what_earlier_runs_left_continues_nothing)
{
    world_run_well(BACKEND_SIM, 1, mix_runs, NULL);
}

/* -- files that a run may write to -- */

/* A hash of all bytes of those files of the log that begin before position. */
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
    /* a file that a run prepared and did not use */
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

Test(log_replay, a_start_writes_into_no_file_that_was_there)
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
    want_eq(file_open(spare, FILE_READ, &f), 0); /* the file was begun after the pin */
    file_close(f);
    log_close(l);
}

Test(log_replay, pinned_files_are_never_used_again)
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
    /* no log is there at all */
    want_eq(log_replay(&o, 900 * LOG_UNIT, take_group, &seen, &end, &e), -EBADMSG);
}

Test(log_replay, before_a_known_end_all_must_be_there)
{
    world_run_well(BACKEND_SIM, 1, know_the_end, NULL);
}
