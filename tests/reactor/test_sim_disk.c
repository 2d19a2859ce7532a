/* test_sim_disk.c -- each fault of the simulated disk does what it says, and only
 * while it is asked for. */
#include "reactor/file.h"
#include "reactor/reactor.h"
#include "world.h"
#include <string.h>

TestSuite(sim_disk, .timeout = 60);

#define SECTOR  512
#define SECTORS 16
#define SEEDS   40
#define ALWAYS  1000000

static struct sim *sim;
/* What the fibers of one test found out, over all seeds. */
static struct {
    unsigned old_sectors, new_sectors, elsewhere, here, kept, lost;
    uint64_t ns;
} found;

static void run_seed(uint64_t seed, runtime_boot_fn main, int wanted)
{
    cr_assert_eq(sim_create(seed, &sim), 0);
    cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .sim = sim}, main, NULL), wanted);
}

static void run_seeds(runtime_boot_fn main)
{
    memset(&found, 0, sizeof(found));
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        run_seed(seed, main, 0);
        sim_destroy(sim);
    }
}

static struct file *open_file(const char *path)
{
    struct file *f;
    want_eq(file_open(path, FILE_WRITE | FILE_CREATE, &f), 0);
    return f;
}

static int fill(struct file *f, unsigned first, unsigned count, char with)
{
    static char bytes[SECTORS * SECTOR];
    memset(bytes, with, sizeof(bytes));
    return file_write(f, bytes, (size_t)count * SECTOR, (uint64_t)first * SECTOR);
}

/* How many of the first `sectors` sectors are full of `of`; none is mixed. */
static unsigned count_sectors(struct file *f, unsigned sectors, char of)
{
    unsigned count = 0;
    for (unsigned i = 0; i < sectors; i++) {
        char bytes[SECTOR];
        want_eq(file_read(f, bytes, SECTOR, (uint64_t)i * SECTOR), SECTOR);
        for (unsigned b = 1; b < SECTOR; b++)
            want_eq(bytes[b], bytes[0]);
        count += bytes[0] == of;
    }
    return count;
}

Test(sim_disk, every_fault_has_a_name)
{
    for (enum sim_fault f = 0; f < FAULT_KINDS; f++) {
        cr_assert(sim_fault_name(f)[0]);
        for (enum sim_fault g = 0; g < f; g++)
            cr_assert_str_neq(sim_fault_name(f), sim_fault_name(g));
    }
}

/* -- short writes, errors -- */

static void write_shortly(void *arg)
{
    struct file *f = open_file("data");
    static char bytes[SECTORS * SECTOR], back[sizeof(bytes)];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i % 251);
    sim_fault_rate(sim, FAULT_SHORT_WRITE, ALWAYS / 2);
    want_eq(file_write(f, bytes, sizeof(bytes), 100), 0);
    want_eq(file_read(f, back, sizeof(back), 100), sizeof(back));
    want(memcmp(bytes, back, sizeof(back)) == 0);
    struct iovec slices[] = {{bytes + 5, 700}, {bytes + 705, 0}, {bytes + 705, 1}, {bytes + 706, sizeof(bytes) - 706}};
    want_eq(file_writev(f, slices, 4, 3), 0);
    want_eq(file_read(f, back, sizeof(back) - 5, 3), sizeof(back) - 5);
    want(memcmp(bytes + 5, back, sizeof(back) - 5) == 0);
    found.here += sim_faults_injected(sim, FAULT_SHORT_WRITE) > 0;

    struct op open = {.kind = OP_OPEN, .path = "data", .flags = FILE_WRITE};
    want(op_run(&open) >= 0);
    struct op op = {.kind = OP_WRITE, .handle = open.result, .bytes = bytes, .size = sizeof(bytes)};
    sim_fault_rate(sim, FAULT_SHORT_WRITE, ALWAYS);
    want(op_run(&op) > 0);
    want(op.result < (int64_t)sizeof(bytes));
    op = (struct op){.kind = OP_CLOSE, .handle = open.result};
    want_eq(op_run(&op), 0);
    file_close(f);
}

Test(sim_disk, a_short_write_says_how_short_and_is_continued)
{
    run_seeds(write_shortly);
    cr_assert(found.here > SEEDS / 4 && found.here < SEEDS);
}

static void fail_a_write(void *arg)
{
    struct file *f = open_file("data");
    want_eq(fill(f, 0, SECTORS, 'o'), 0);
    sim_fault_rate(sim, FAULT_WRITE_ERROR, ALWAYS);
    want_eq(fill(f, 0, SECTORS, 'n'), -EIO);
    want_eq(file_rename("data", "other"), -EIO);
    want_eq(directory_create("d"), -EIO);
    want_eq(file_truncate(f, 0), -EIO);
    want_eq(sim_faults_injected(sim, FAULT_WRITE_ERROR), 4);
    sim_fault_rate(sim, FAULT_WRITE_ERROR, 0);
    unsigned n = count_sectors(f, SECTORS, 'n');
    want_eq(n + count_sectors(f, SECTORS, 'o'), SECTORS);
    found.new_sectors += n;
    found.old_sectors += SECTORS - n;
    want_eq(file_rename("data", "other"), 0);
    file_close(f);
}

Test(sim_disk, a_failed_write_may_have_written_any_of_its_sectors)
{
    run_seeds(fail_a_write);
    cr_assert(found.new_sectors > SEEDS && found.old_sectors > SEEDS);
}

static void fail_a_read(void *arg)
{
    struct file *f = open_file("data");
    struct mapping m;
    char byte;
    want_eq(fill(f, 0, 1, 'x'), 0);
    sim_fault_rate(sim, FAULT_READ_ERROR, ALWAYS);
    want_eq(file_read(f, &byte, 1, 0), -EIO);
    want_eq(mapping_open("data", &m), -EIO);
    sim_fault_rate(sim, FAULT_READ_ERROR, 0);
    want_eq(file_read(f, &byte, 1, 0), 1);
    want_eq(byte, 'x');
    want_eq(sim_faults_injected(sim, FAULT_READ_ERROR), 2);
    file_close(f);
}

Test(sim_disk, a_read_fails_and_the_next_one_does_not)
{
    run_seeds(fail_a_read);
}

/* -- flushes that fail -- */

static void fail_a_flush(void *arg)
{
    struct file *f = open_file("data");
    want_eq(fill(f, 0, SECTORS, 'o'), 0);
    want_eq(file_flush(f), 0);
    want_eq(directory_flush("."), 0);
    want_eq(fill(f, 0, SECTORS, 'n'), 0);
    sim_fault_rate(sim, FAULT_FLUSH_ERROR, ALWAYS);
    want_eq(file_flush(f), -EIO);
    sim_fault_rate(sim, FAULT_FLUSH_ERROR, 0);
    want_eq(fill(f, 0, 1, 'N'), 0);
    want_eq(file_flush(f), 0);
    want_eq(count_sectors(f, SECTORS, 'n'), SECTORS - 1); /* all still looks well */
    file_close(f);
    sim_crash(sim);
}

static void look_after_the_crash(void *arg)
{
    struct file *f = open_file("data");
    unsigned kept = count_sectors(f, SECTORS, 'n'), lost = count_sectors(f, SECTORS, 'o');
    want_eq(count_sectors(f, SECTORS, 'N'), 1); /* it was written again, after the failure */
    want_eq(kept + lost, SECTORS - 1);
    found.kept += kept;
    found.lost += lost;
    file_close(f);
}

Test(sim_disk, what_a_failed_flush_lost_no_later_flush_brings_back)
{
    memset(&found, 0, sizeof(found));
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        run_seed(seed, fail_a_flush, -EOWNERDEAD);
        cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .sim = sim}, look_after_the_crash, NULL), 0);
        sim_destroy(sim);
    }
    cr_assert(found.kept > SEEDS && found.lost > SEEDS);
}

static void fail_a_flush_and_read_again(void *arg)
{
    struct file *f = open_file("data");
    want_eq(fill(f, 0, SECTORS, 'o'), 0);
    want_eq(file_flush(f), 0);
    want_eq(fill(f, 0, SECTORS, 'n'), 0);
    sim_fault_rate(sim, FAULT_FLUSH_ERROR, ALWAYS);
    want_eq(file_flush(f), -EIO);
    want_eq(fill(f, 0, 1, 'N'), 0);
    want_eq(file_drop_cache("data"), 0);
    want_eq(count_sectors(f, SECTORS, 'N'), 1); /* not flushed yet, not lost either */
    found.kept += count_sectors(f, SECTORS, 'n');
    found.lost += count_sectors(f, SECTORS, 'o');
    file_close(f);
}

Test(sim_disk, what_a_failed_flush_lost_is_read_until_the_cache_is_dropped)
{
    run_seeds(fail_a_flush_and_read_again);
    cr_assert_eq(found.kept + found.lost, SEEDS * (SECTORS - 1));
    cr_assert(found.kept > SEEDS && found.lost > SEEDS);
}

/* -- space -- */

static void fill_the_disk(void *arg)
{
    sim_disk_limit(sim, SECTORS * SECTOR);
    struct file *f = open_file("data"), *g = open_file("more");
    want_eq(directory_space("."), SECTORS * SECTOR);
    want_eq(fill(f, 0, SECTORS - 2, 'a'), 0);
    want_eq(directory_space("."), 2 * SECTOR);
    want_eq(file_link("data", "twin"), 0); /* takes no space */
    want_eq(fill(g, 0, 3, 'b'), -ENOSPC);
    want_eq(directory_space("."), 0);
    want_eq(file_size(g), 2 * SECTOR); /* what found room was written */
    want_eq(fill(f, 0, SECTORS - 2, 'A'), 0);
    want_eq(file_remove("data"), 0);
    want_eq(directory_space("."), 0); /* it has another name, */
    want_eq(file_remove("twin"), 0);
    want_eq(directory_space("."), 0); /* and it is open */
    file_close(f);
    want_eq(directory_space("."), (SECTORS - 2) * SECTOR);
    want_eq(fill(g, 0, 3, 'b'), 0);
    want_eq(file_truncate(g, SECTOR), 0);
    want_eq(directory_space("."), (SECTORS - 1) * SECTOR);
    file_close(g);
    want_eq(sim_faults_injected(sim, FAULT_DISK_FULL), 0);
}

Test(sim_disk, a_full_disk_refuses_what_grows_until_something_is_removed)
{
    run_seeds(fill_the_disk);
}

static void lose_the_space(void *arg)
{
    struct file *f = open_file("data"), *ballast = open_file("ballast");
    want_eq(fill(f, 0, 2, 'a'), 0);
    want_eq(fill(ballast, 0, 4, 'x'), 0);
    file_close(ballast);
    sim_fault_rate(sim, FAULT_DISK_FULL, ALWAYS);
    want_eq(fill(f, 2, 1, 'b'), -ENOSPC);
    sim_fault_rate(sim, FAULT_DISK_FULL, 0);
    want_eq(fill(f, 0, 2, 'A'), 0); /* in place */
    uint64_t began = clock_now_ns();
    while (directory_space(".") == 0)
        fiber_sleep_ns(MILLIS(1));
    found.ns = clock_now_ns() - began > found.ns ? clock_now_ns() - began : found.ns;
    want(clock_now_ns() - began < SECONDS(8));
    want_eq(fill(f, 2, 1, 'b'), 0);
    file_close(f);
}

Test(sim_disk, space_vanishes_for_a_while)
{
    run_seeds(lose_the_space);
    cr_assert_gt(found.ns, SECONDS(1));
}

static void make_room_meanwhile(void *arg)
{
    struct file *f = open_file("data"), *ballast = open_file("ballast");
    want_eq(fill(ballast, 0, 4, 'x'), 0);
    file_close(ballast);
    sim_fault_rate(sim, FAULT_DISK_FULL, ALWAYS);
    want_eq(fill(f, 0, 1, 'b'), -ENOSPC);
    sim_fault_rate(sim, FAULT_DISK_FULL, 0);
    want_eq(file_remove("ballast"), 0);
    want_eq(fill(f, 0, 4, 'b'), 0);
    file_close(f);
}

Test(sim_disk, what_is_removed_while_the_space_is_gone_can_be_used)
{
    run_seeds(make_room_meanwhile);
}

/* -- writes that go astray -- */

static void misdirect(void *arg)
{
    struct file *f = open_file("data"), *g = open_file("other");
    want_eq(fill(f, 0, SECTORS, 'f'), 0);
    want_eq(fill(g, 0, SECTORS, 'g'), 0);
    sim_fault_rate(sim, FAULT_MISDIRECTED_WRITE, ALWAYS);
    want_eq(fill(f, 3, 1, 'X'), 0);
    sim_fault_rate(sim, FAULT_MISDIRECTED_WRITE, 0);
    want_eq(sim_faults_injected(sim, FAULT_MISDIRECTED_WRITE), 1);
    char byte;
    want_eq(file_read(f, &byte, 1, 3 * SECTOR), 1);
    want_eq(byte, 'f');
    unsigned in_f = count_sectors(f, (unsigned)file_size(f) / SECTOR, 'X');
    unsigned in_g = count_sectors(g, (unsigned)file_size(g) / SECTOR, 'X');
    want_eq(in_f + in_g, 1);
    found.here += in_f;
    found.elsewhere += in_g;
    file_close(f);
    file_close(g);
}

Test(sim_disk, a_misdirected_write_lands_in_one_other_place)
{
    run_seeds(misdirect);
    cr_assert(found.here && found.elsewhere);
}

/* -- rot -- */

static unsigned bits_flipped(const char *path, char was)
{
    struct file *f = open_file(path);
    unsigned bits = 0;
    static char bytes[SECTORS * SECTOR];
    int64_t n = file_read(f, bytes, sizeof(bytes), 0);
    for (int64_t i = 0; i < n; i++)
        bits += (unsigned)__builtin_popcount((unsigned char)(bytes[i] ^ was));
    file_close(f);
    return bits;
}

static void write_flushed(const char *path, char with)
{
    struct file *f = open_file(path);
    want_eq(fill(f, 0, SECTORS, with), 0);
    want_eq(file_flush(f), 0);
    file_close(f);
}

static void rot(void *arg)
{
    want_eq(directory_create("d"), 0);
    write_flushed("d/data", 'd');
    write_flushed("d/other", 'o');
    struct file *f = open_file("d/unflushed");
    want_eq(fill(f, 0, SECTORS, 'u'), 0);
    file_close(f);
    want_eq(sim_rot(sim, "nothing", 5), 0);
    want_eq(sim_rot(sim, "d/unflushed", 5), 0);
    want_eq(sim_rot(sim, "d/da", 5), 5);
    want(bits_flipped("d/data", 'd') <= 5);
    want(bits_flipped("d/data", 'd') % 2 == 1); /* one bit may flip twice */
    want_eq(bits_flipped("d/other", 'o'), 0);
    want_eq(sim_faults_injected(sim, FAULT_BIT_ROT), 5);
}

Test(sim_disk, bits_rot_where_they_are_told_to)
{
    run_seeds(rot);
}

static void write_and_crash(void *arg)
{
    write_flushed("data", 'd');
    want_eq(directory_flush("."), 0);
    sim_fault_rate(sim, FAULT_BIT_ROT, ALWAYS);
    sim_crash(sim);
}

static void want_one_bit(void *arg)
{
    want_eq(bits_flipped("data", 'd'), 1);
    want_eq(sim_faults_injected(sim, FAULT_BIT_ROT), 1);
}

Test(sim_disk, a_power_cut_may_flip_a_bit)
{
    run_seed(1, write_and_crash, -EOWNERDEAD);
    cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .sim = sim}, want_one_bit, NULL), 0);
    sim_destroy(sim);
}

/* -- a slow disk -- */

static uint64_t time_of_writes(struct file *f)
{
    uint64_t began = clock_now_ns();
    for (unsigned i = 0; i < 20; i++)
        want_eq(fill(f, 0, 1, 'x'), 0);
    return clock_now_ns() - began;
}

static void be_slow(void *arg)
{
    struct file *f = open_file("data");
    uint64_t fast_ns = time_of_writes(f);
    sim_fault_rate(sim, FAULT_SLOW_DISK, ALWAYS);
    uint64_t slow_ns = time_of_writes(f);
    want(slow_ns > 5 * fast_ns);
    want(sim_faults_injected(sim, FAULT_SLOW_DISK) > 0);
    file_close(f);
}

Test(sim_disk, a_slow_disk_takes_many_times_as_long)
{
    run_seeds(be_slow);
}

static void flush_slowly(void *arg)
{
    struct file *f = open_file("data");
    sim_fault_rate(sim, FAULT_SLOW_DISK, ALWAYS);
    for (unsigned i = 0; i < 10; i++) {
        uint64_t began = clock_now_ns();
        want_eq(file_flush(f), 0);
        want(clock_now_ns() - began < SECONDS(5)); /* a thousand times what a slow one takes */
    }
    file_close(f);
}

Test(sim_disk, slow_fibers_on_a_slow_disk_are_no_slower_than_the_slower_of_the_two)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        cr_assert_eq(sim_create(seed, &sim), 0);
        sim_vary_schedules(sim, true);
        cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .sim = sim}, flush_slowly, NULL), 0);
        sim_destroy(sim);
    }
}
