/* test_sim.c -- promises of the simulator only: one seed is one run, and a power cut takes bytes
 * that were not flushed. */
#include "reactor/fibers/sync.h"
#include "reactor/file.h"
#include "reactor/message.h"
#include "reactor/sim/sim.h"
#include "reactor/socket.h"
#include "world.h"
#include <string.h>

TestSuite(sim, .timeout = 60);

static int run_in(struct sim *sim, unsigned reactors, runtime_boot_fn main, void *arg)
{
    return world_run(&(struct world){.backend = BACKEND_SIM, .reactors = reactors, .sim = sim}, main, arg);
}

/* -- one seed, one run: a program that uses all there is -- */

enum { ACTOR_SUM = 1 };

struct sum {
    struct message m;
    uint64_t of;
};

static struct {
    struct actor sum[2];
    unsigned port;
} busy;

static void add_up(struct actor *a, struct message *m)
{
    struct sum *s = (struct sum *)m;
    uint64_t sum = 0;
    for (uint64_t i = 0; i <= s->of; i++) {
        sum += i;
        fiber_checkpoint();
    }
    s->of = sum;
    message_reply(m, 0);
}

static void shout_back(struct connection *c, void *arg)
{
    char bytes[100];
    int64_t n;
    while ((n = connection_receive(c, bytes, sizeof(bytes), 0)) > 0)
        want_eq(connection_send(c, &(struct slice){bytes, (size_t)n}, 1, 0), 0);
    connection_close(c);
}

static void write_files(void *arg)
{
    const char *const path = reactor_id() ? "one" : "zero";
    struct file *f;
    want_eq(file_open(path, FILE_WRITE | FILE_CREATE, &f), 0);
    for (unsigned i = 0; i < 10; i++) {
        uint64_t word = random_u64();
        want_eq(file_write(f, &word, sizeof(word), 1000 * i), 0);
        if (i % 3 == 0)
            want_eq(file_flush(f), 0);
    }
    file_close(f);
    gate_leave(arg);
}

static void talk(unsigned port)
{
    struct connection *c;
    char bytes[500] = "over and over", back[500];
    want_eq(connection_open("10.0.0.1", (uint16_t)port, &c), 0);
    want_eq(connection_send(c, &(struct slice){bytes, sizeof(bytes)}, 1, 0), 0);
    for (size_t have = 0; have < sizeof(back);) {
        int64_t n = connection_receive(c, back + have, sizeof(back) - have, 0);
        want(n > 0);
        have += (size_t)n;
    }
    want(memcmp(bytes, back, sizeof(back)) == 0);
    connection_close(c);
}

static void use_everything(void *arg)
{
    unsigned id = reactor_id(), other = 1 - id;
    struct listener *l = NULL;
    struct gate files = {0};
    actor_start(&busy.sum[id], ACTOR_SUM, "sum", CLASS_BACKGROUND, 2, add_up);
    if (id == 0) {
        want_eq(listener_open("10.0.0.1", 0, shout_back, NULL, &l), 0);
        busy.port = listener_port(l);
    }
    want_eq(gate_enter(&files), 0);
    want_eq(fiber_start(CLASS_WRITE, write_files, &files, "files"), 0);
    struct sum s[5];
    for (unsigned i = 0; i < 5; i++) {
        s[i] = (struct sum){.of = 10 * i};
        message_send(&s[i].m, (struct address){(uint16_t)other, ACTOR_SUM, 0}, 1, NULL);
    }
    while (!busy.port)
        fiber_sleep_ns(1000);
    talk(busy.port);
    for (unsigned i = 0; i < 5; i++) {
        want_eq(message_await(&s[i].m), 0);
        want_eq(s[i].of, 5 * i * (10 * i + 1));
    }
    gate_close(&files);
    if (l) {
        fiber_sleep_ns(SECONDS(1)); /* the other one has dialled */
        listener_close(l);
    }
}

static uint64_t hash_of(uint64_t seed)
{
    struct sim *sim;
    memset(&busy, 0, sizeof(busy));
    cr_assert_eq(sim_create(seed, &sim), 0);
    cr_assert_eq(run_in(sim, 2, use_everything, NULL), 0);
    cr_assert_gt(sim_trace_events(sim), 100);
    uint64_t hash = sim_trace_hash(sim);
    sim_destroy(sim);
    return hash;
}

Test(sim, the_same_seed_is_the_same_run_and_another_is_another)
{
    uint64_t hashes[20];
    for (uint64_t seed = 0; seed < 20; seed++) {
        hashes[seed] = hash_of(seed);
        cr_assert_eq(hash_of(seed), hashes[seed], "seed %llu", (unsigned long long)seed);
        for (uint64_t before = 0; before < seed; before++)
            cr_assert_neq(hashes[before], hashes[seed]);
    }
}

static void count_line(const char *text, void *arg)
{
    cr_assert(text[0]);
    ++*(uint64_t *)arg;
}

Test(sim, the_trace_can_be_read_and_does_not_change_the_run)
{
    struct sim *sim;
    uint64_t lines = 0, hash = hash_of(3);
    memset(&busy, 0, sizeof(busy));
    cr_assert_eq(sim_create(3, &sim), 0);
    sim_trace_to(sim, count_line, &lines);
    cr_assert_eq(run_in(sim, 2, use_everything, NULL), 0);
    cr_assert_eq(lines, sim_trace_events(sim));
    cr_assert_eq(sim_trace_hash(sim), hash);
    sim_destroy(sim);
}

/* -- time -- */

static void sleep_a_year(void *arg)
{
    uint64_t began = clock_now_ns(), wall = clock_wall_ns();
    fiber_sleep_ns(SECONDS(365) * 86400);
    want(clock_now_ns() - began >= SECONDS(365) * 86400);
    want(clock_wall_ns() - wall >= SECONDS(365) * 86400);
}

Test(sim, a_year_costs_nothing)
{
    struct sim *sim;
    cr_assert_eq(sim_create(1, &sim), 0);
    cr_assert_eq(run_in(sim, 2, sleep_a_year, NULL), 0);
    sim_destroy(sim);
}

static void wait_for_nothing(void *arg)
{
    struct event never = {0};
    event_wait(&never);
}

Test(sim, waiting_for_what_never_comes_is_a_deadlock)
{
    struct sim *sim;
    cr_assert_eq(sim_create(1, &sim), 0);
    cr_assert_eq(run_in(sim, 3, wait_for_nothing, NULL), -EDEADLK);
    cr_assert_eq(run_in(sim, 3, sleep_a_year, NULL), 0); /* the world itself is still well */
    sim_destroy(sim);
}

/* -- a listener that closes while somebody dials -- */

static void swallow(struct connection *c, void *arg)
{
    char bytes[1000];
    while (connection_receive(c, bytes, sizeof(bytes), 0) > 0)
        ;
    connection_close(c);
}

static void close_the_listener(void *arg)
{
    listener_close(arg);
}

static void dial_in_vain(void *arg)
{
    static char bytes[1 << 20]; /* more than is buffered on the way */
    struct listener *l;
    struct connection *c;
    want_eq(listener_open("10.0.0.1", 0, swallow, NULL, &l), 0);
    want_eq(connection_open("10.0.0.1", listener_port(l), &c), 0);
    want_eq(fiber_start(CLASS_INTERACTIVE, close_the_listener, l, "close"), 0);
    int rc = connection_send(c, &(struct slice){bytes, sizeof(bytes)}, 1, 0);
    want(rc == 0 || rc == -EPIPE);
    *(unsigned *)arg += rc == -EPIPE;
    connection_close(c);
}

Test(sim, who_sends_to_a_listener_that_closes_is_turned_away)
{
    unsigned turned_away = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct sim *sim;
        cr_assert_eq(sim_create(seed, &sim), 0);
        cr_assert_eq(run_in(sim, 1, dial_in_vain, &turned_away), 0, "seed %llu", (unsigned long long)seed);
        sim_destroy(sim);
    }
    cr_assert_gt(turned_away, 0);
}

/* -- the power cut -- */

#define SECTOR  512
#define SECTORS 16
#define SEEDS   100

struct outcome {
    struct sim *sim;
    bool early_exit;                                 /* something ran on after the power cut */
    unsigned old_sectors, new_sectors, torn_sectors; /* of the unflushed half */
    bool flushed_kept, named, renamed;
};

static void fill(struct file *f, unsigned first, unsigned count, char with)
{
    char bytes[SECTOR];
    memset(bytes, with, sizeof(bytes));
    for (unsigned i = first; i < first + count; i++)
        want_eq(file_write(f, bytes, sizeof(bytes), (uint64_t)i * SECTOR), 0);
}

static void create(const char *path)
{
    struct file *f;
    want_eq(file_open(path, FILE_WRITE | FILE_CREATE, &f), 0);
    file_close(f);
}

static void write_and_crash(void *arg)
{
    struct outcome *o = arg;
    struct file *f;
    if (reactor_id() > 0) { /* the power goes for all */
        fiber_sleep_ns(SECONDS(3600));
        o->early_exit = true;
        return;
    }
    want_eq(directory_create("d"), 0);
    want_eq(directory_flush("."), 0);
    want_eq(file_open("d/data", FILE_WRITE | FILE_CREATE, &f), 0);
    create("d/before");
    fill(f, 0, SECTORS, 'o');
    want_eq(file_flush(f), 0);
    want_eq(directory_flush("d"), 0);
    fill(f, 0, SECTORS / 2, 'f');
    want_eq(file_flush(f), 0);
    fill(f, SECTORS / 2, SECTORS / 2, 'n'); /* not flushed, and neither are these: */
    create("d/unflushed");
    want_eq(file_rename("d/before", "d/after"), 0);
    file_close(f);
    sim_crash(o->sim);
    o->early_exit = true;
}

static bool exists(const char *path)
{
    struct file *f;
    int rc = file_open(path, FILE_READ, &f);
    want(rc == 0 || rc == -ENOENT);
    if (rc == 0)
        file_close(f);
    return rc == 0;
}

static void look_at_the_remains(void *arg)
{
    struct outcome *o = arg;
    char bytes[SECTOR];
    struct file *f;
    want_eq(file_open("d/data", FILE_WRITE, &f), 0);
    want_eq(file_lock(f), 0);
    want_eq(file_size(f), SECTORS * SECTOR);
    o->flushed_kept = true;
    for (unsigned i = 0; i < SECTORS; i++) {
        want_eq(file_read(f, bytes, sizeof(bytes), (uint64_t)i * SECTOR), SECTOR);
        for (unsigned b = 0; b < SECTOR; b++)
            o->torn_sectors += bytes[b] != bytes[0];
        if (i < SECTORS / 2)
            o->flushed_kept &= bytes[0] == 'f';
        else if (bytes[0] == 'o')
            o->old_sectors++;
        else if (bytes[0] == 'n')
            o->new_sectors++;
    }
    file_close(f);
    o->named = exists("d/unflushed");
    o->renamed = exists("d/after");
    want(o->renamed != exists("d/before")); /* it has one name or the other */
}

Test(sim, a_power_cut_keeps_what_was_flushed_and_may_take_the_rest)
{
    unsigned kept = 0, lost = 0, torn = 0, named = 0, renamed = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct outcome o = {0};
        cr_assert_eq(sim_create(seed, &o.sim), 0);
        cr_assert_eq(run_in(o.sim, 2, write_and_crash, &o), -EOWNERDEAD);
        cr_assert(!o.early_exit);
        cr_assert_eq(run_in(o.sim, 1, look_at_the_remains, &o), 0);
        sim_destroy(o.sim);
        cr_assert(o.flushed_kept, "seed %llu lost what was flushed", (unsigned long long)seed);
        cr_assert_eq(o.torn_sectors, 0, "a sector is written whole or not at all");
        cr_assert_eq(o.old_sectors + o.new_sectors, SECTORS / 2);
        kept += o.new_sectors;
        lost += o.old_sectors;
        torn += o.new_sectors && o.old_sectors;
        named += o.named;
        renamed += o.renamed;
    }
    cr_assert(kept && lost && torn, "kept %u, lost %u sectors, torn %u times", kept, lost, torn);
    cr_assert(named > 0 && named < SEEDS, "a name that was not flushed was kept %u times", named);
    cr_assert(renamed > 0 && renamed < SEEDS);
}

static void link_and_crash(void *arg)
{
    struct outcome *o = arg;
    struct file *f;
    want_eq(directory_create("d"), 0);
    want_eq(directory_flush("."), 0);
    want_eq(file_open("data", FILE_WRITE | FILE_CREATE, &f), 0);
    fill(f, 0, 1, 'f');
    want_eq(file_link("data", "d/flushed"), 0);
    want_eq(file_flush(f), 0); /* through one name, for both */
    file_close(f);
    want_eq(directory_flush("d"), 0);
    want_eq(file_link("d/flushed", "d/unflushed"), 0);
    sim_crash(o->sim);
}

static void look_at_the_links(void *arg)
{
    struct outcome *o = arg;
    char bytes[SECTOR];
    struct file *f;
    want_eq(file_open("d/flushed", FILE_READ, &f), 0);
    want_eq(file_read(f, bytes, sizeof(bytes), 0), SECTOR);
    want(bytes[0] == 'f' && bytes[SECTOR - 1] == 'f');
    file_close(f);
    o->named = exists("d/unflushed");
}

Test(sim, a_link_is_kept_once_its_directory_is_flushed)
{
    unsigned named = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct outcome o = {0};
        cr_assert_eq(sim_create(seed, &o.sim), 0);
        cr_assert_eq(run_in(o.sim, 1, link_and_crash, &o), -EOWNERDEAD);
        cr_assert_eq(run_in(o.sim, 1, look_at_the_links, &o), 0);
        sim_destroy(o.sim);
        named += o.named;
    }
    cr_assert(named > 0 && named < SEEDS, "a link that was not flushed was kept %u times", named);
}

static void truncate_and_crash(void *arg)
{
    struct outcome *o = arg;
    struct file *f;
    want_eq(file_open("data", FILE_WRITE | FILE_CREATE, &f), 0);
    want_eq(directory_flush("."), 0);
    fill(f, 0, SECTORS, 'o');
    want_eq(file_flush(f), 0);
    want_eq(file_truncate(f, SECTOR), 0);
    want_eq(file_truncate(f, SECTORS * SECTOR), 0);
    want_eq(file_flush(f), 0);
    file_close(f);
    sim_crash(o->sim);
}

static void want_zeros(void *arg)
{
    char bytes[SECTOR];
    struct file *f;
    want_eq(file_open("data", FILE_READ, &f), 0);
    want_eq(file_size(f), SECTORS * SECTOR);
    for (unsigned i = 0; i < SECTORS; i++) {
        want_eq(file_read(f, bytes, sizeof(bytes), (uint64_t)i * SECTOR), SECTOR);
        for (unsigned b = 0; b < SECTOR; b++)
            want_eq(bytes[b], i == 0 ? 'o' : 0);
    }
    file_close(f);
}

Test(sim, what_was_cut_off_does_not_come_back_after_a_power_cut)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct outcome o = {0};
        cr_assert_eq(sim_create(seed, &o.sim), 0);
        cr_assert_eq(run_in(o.sim, 1, truncate_and_crash, &o), -EOWNERDEAD);
        cr_assert_eq(run_in(o.sim, 1, want_zeros, NULL), 0);
        sim_destroy(o.sim);
    }
}

/* Power fails again and again while a counter is written the careful way: a new file, flushed,
 * renamed over the old one, the directory flushed. What was promised is never lost. */
struct careful {
    struct sim *sim;
    uint64_t promised;
};

static void count_carefully(void *arg)
{
    struct careful *c = arg;
    uint64_t value = 0, give_up = random_u64() % 5;
    struct file *f;
    if (file_open("counter", FILE_READ, &f) == 0) {
        want_eq(file_read(f, &value, sizeof(value), 0), sizeof(value));
        file_close(f);
    }
    /* the last one may have made it unseen */
    want(value == c->promised || value == c->promised + 1);
    c->promised = value;
    for (uint64_t i = 0;; i++) {
        value++;
        want_eq(file_open("counter.new", FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &f), 0);
        want_eq(file_write(f, &value, sizeof(value), 0), 0);
        want_eq(file_flush(f), 0);
        file_close(f);
        want_eq(file_rename("counter.new", "counter"), 0);
        if (i == give_up)
            sim_crash(c->sim);
        want_eq(directory_flush("."), 0);
        c->promised = value;
    }
}

Test(sim, a_careful_counter_survives_any_number_of_power_cuts)
{
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct careful c = {0};
        cr_assert_eq(sim_create(seed, &c.sim), 0);
        for (unsigned cut = 0; cut < 20; cut++)
            cr_assert_eq(run_in(c.sim, 1, count_carefully, &c), -EOWNERDEAD);
        cr_assert_gt(c.promised, 10);
        sim_destroy(c.sim);
    }
}
