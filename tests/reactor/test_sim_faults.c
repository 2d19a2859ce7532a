/* test_sim_faults.c -- each fault of connections, messages, turns and memory; with all of them a
 * seed is still one run. */
#include "reactor/fibers/sync.h"
#include "reactor/file.h"
#include "reactor/message.h"
#include "reactor/socket.h"
#include "world.h"
#include <string.h>

TestSuite(sim_faults, .timeout = 60);

#define SEEDS  40
#define ALWAYS 1000000

static struct sim *sim;

static void run_seed(uint64_t seed, unsigned reactors, runtime_boot_fn main)
{
    cr_assert_eq(sim_create(seed, &sim), 0);
    cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .reactors = reactors, .sim = sim}, main, NULL), 0);
}

static void run_seeds(unsigned reactors, runtime_boot_fn main)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        run_seed(seed, reactors, main);
        sim_destroy(sim);
    }
}

/* -- connections that break -- */

#define STREAM_BYTES 20000

static struct {
    enum sim_fault fault;
    int64_t server_end, client_end; /* what their last receive said */
    uint32_t received;
    struct event ended;
    unsigned inside, resets;
} stream;

static void take_all(struct connection *c, void *arg)
{
    uint8_t bytes[700];
    while ((stream.server_end = connection_receive(c, bytes, sizeof(bytes), 0)) > 0)
        for (int64_t i = 0; i < stream.server_end; i++)
            want_eq(bytes[i], (uint8_t)(stream.received++ % 251));
    connection_close(c);
    event_notify_all(&stream.ended);
}

static void send_until_it_breaks(void *arg)
{
    struct listener *l;
    struct connection *c;
    static uint8_t bytes[STREAM_BYTES];
    char byte;
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i % 251);
    stream.received = 0;
    stream.server_end = 1;
    want_eq(listener_open("10.0.0.1", 0, take_all, NULL, &l), 0);
    want_eq(connection_open("10.0.0.1", listener_port(l), &c), 0);
    sim_fault_rate(sim, stream.fault, ALWAYS);
    want_eq(connection_send(c, &(struct slice){bytes, sizeof(bytes)}, 1, 0), 0);
    /* nobody answers: it waits until the break */
    stream.client_end = connection_receive(c, &byte, 1, 0);
    want_eq(sim_faults_injected(sim, stream.fault), 1);
    int rc = connection_send(c, &(struct slice){bytes, 1}, 1, 0);
    want_eq(rc, -EPIPE);
    while (stream.server_end > 0)
        event_wait(&stream.ended);
    want(stream.received <= sizeof(bytes));
    stream.inside += stream.received > 0 && stream.received < sizeof(bytes);
    connection_close(c);
    sim_fault_rate(sim, stream.fault, 0);
    listener_close(l);
}

static void reset_main(void *arg)
{
    send_until_it_breaks(arg);
    want_eq(stream.client_end, -ECONNRESET);
    want_eq(stream.server_end, -ECONNRESET);
}

Test(sim_faults, a_reset_is_an_error_at_both_ends_after_any_byte)
{
    stream.fault = FAULT_RESET;
    run_seeds(1, reset_main);
    cr_assert_gt(stream.inside, 0);
}

static void cut_main(void *arg)
{
    send_until_it_breaks(arg);
    want_eq(stream.client_end, 0);
    want_eq(stream.server_end, 0);
}

Test(sim_faults, a_cut_is_the_end_at_both_ends_after_any_byte)
{
    stream.fault = FAULT_CUT;
    run_seeds(1, cut_main);
    cr_assert_gt(stream.inside, 0);
}

/* -- late messages -- */

enum { ACTOR_COUNT = 1, MESSAGES = 50 };

static struct {
    struct actor actor[2];
    unsigned next[2];
    uint64_t took_ns, slowest_ns;
} late;

struct numbered {
    struct message m;
    unsigned number;
};

static void take_in_order(struct actor *a, struct message *m)
{
    want_eq(((struct numbered *)m)->number, late.next[reactor_id()]++);
    message_reply(m, 0);
}

static void send_numbers(void *arg)
{
    unsigned id = reactor_id();
    static struct numbered all[2][MESSAGES];
    late.next[id] = 0;
    actor_start(&late.actor[id], ACTOR_COUNT, "count", CLASS_INTERACTIVE, 1, take_in_order);
    uint64_t began = clock_now_ns();
    for (unsigned i = 0; i < MESSAGES; i++) {
        all[id][i] = (struct numbered){.number = i};
        message_send(&all[id][i].m, (struct address){(uint16_t)(1 - id), ACTOR_COUNT, 0}, 1, NULL);
        if (i % 7 == 0)
            fiber_sleep_ns(10000);
    }
    for (unsigned i = 0; i < MESSAGES; i++)
        want_eq(message_await(&all[id][i].m), 0);
    late.took_ns = clock_now_ns() - began;
    late.slowest_ns = late.took_ns > late.slowest_ns ? late.took_ns : late.slowest_ns;
}

static void send_numbers_late(void *arg)
{
    sim_fault_rate(sim, FAULT_LATE_MESSAGE, ALWAYS / 2);
    send_numbers(arg);
    want(sim_faults_injected(sim, FAULT_LATE_MESSAGE) > 0);
}

Test(sim_faults, messages_are_late_but_stay_in_order)
{
    run_seeds(2, send_numbers);
    uint64_t on_time_ns = late.slowest_ns;
    run_seeds(2, send_numbers_late);
    cr_assert_gt(late.slowest_ns, 10 * on_time_ns);
    cr_assert_lt(late.slowest_ns, SECONDS(1));
}

/* -- stalls, allocations -- */

static void look_for_stalls(void *arg)
{
    uint64_t longest_ns = 0, shortest_ns = SECONDS(1);
    sim_fault_rate(sim, FAULT_STALL, ALWAYS / 10);
    for (unsigned i = 0; i < 100; i++) {
        uint64_t before = clock_now_ns();
        fiber_sleep_ns(1000);
        uint64_t ns = clock_now_ns() - before;
        longest_ns = ns > longest_ns ? ns : longest_ns;
        shortest_ns = ns < shortest_ns ? ns : shortest_ns;
    }
    want(longest_ns >= MILLIS(10));
    want(longest_ns <= MILLIS(800)); /* a few in a row */
    want(shortest_ns < MILLIS(1));
    want(sim_faults_injected(sim, FAULT_STALL) > 0);
}

Test(sim_faults, a_reactor_stalls_and_goes_on)
{
    run_seeds(1, look_for_stalls);
    run_seeds(3, look_for_stalls);
}

static void allocate(void *arg)
{
    unsigned failed = 0;
    want(!sim_allocation_fails(sim));
    sim_fault_rate(sim, FAULT_NO_MEMORY, ALWAYS / 4);
    for (unsigned i = 0; i < 1000; i++)
        failed += sim_allocation_fails(sim);
    want(failed > 150 && failed < 350);
    want_eq(sim_faults_injected(sim, FAULT_NO_MEMORY), failed);
}

Test(sim_faults, allocations_fail_in_a_reactors_turn_only)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        run_seed(seed, 1, allocate);
        sim_fault_rate(sim, FAULT_NO_MEMORY, ALWAYS);
        cr_assert(!sim_allocation_fails(sim));
        sim_destroy(sim);
    }
}

/* -- who runs -- */

#define FIBERS 8

static struct {
    unsigned order[FIBERS], count, out_of_order, early, steps;
    bool flag;
} turns;

static void note_turn(void *arg)
{
    turns.order[turns.count++] = (unsigned)(uintptr_t)arg;
}

static void start_fibers(void *arg)
{
    turns.count = 0;
    for (uintptr_t i = 0; i < FIBERS; i++)
        want_eq(fiber_start(CLASS_WRITE, note_turn, (void *)i, "one of many"), 0);
    while (turns.count < FIBERS)
        fiber_sleep_ns(1000);
    for (unsigned i = 0; i < FIBERS; i++)
        if (turns.order[i] != i) {
            turns.out_of_order++;
            break;
        }
}

static void start_fibers_in_order(void *arg)
{
    sim_fault_rate(sim, FAULT_SHUFFLE, 0);
    start_fibers(arg);
}

Test(sim_faults, fibers_run_in_order_or_shuffled)
{
    run_seeds(1, start_fibers_in_order);
    cr_assert_eq(turns.out_of_order, 0);
    run_seeds(1, start_fibers);
    cr_assert_gt(turns.out_of_order, SEEDS / 2);
}

static void step(void *arg)
{
    while (!turns.flag) {
        turns.steps++;
        fiber_yield();
    }
}

static unsigned steps_during_checkpoints(uint32_t per_million)
{
    sim_fault_rate(sim, FAULT_PREEMPT, per_million);
    turns.flag = false;
    turns.steps = 0;
    want_eq(fiber_start(CLASS_INTERACTIVE, step, NULL, "step"), 0);
    for (unsigned i = 0; i < 100; i++)
        fiber_checkpoint();
    turns.flag = true;
    fiber_sleep_ns(100000);
    return turns.steps;
}

static void be_preempted(void *arg)
{
    want_eq(steps_during_checkpoints(0), 0);
    want(steps_during_checkpoints(ALWAYS) > 20);
}

Test(sim_faults, checkpoints_yield_as_often_as_they_are_told_to)
{
    run_seeds(1, be_preempted);
}

static void note_background(void *arg)
{
    turns.early += !turns.flag;
}

/* A background fiber runs while interactive ones have something to do: only where
 * classes are not respected. */
static void race_classes(void *arg)
{
    turns.flag = false;
    want_eq(fiber_start(CLASS_BACKGROUND, note_background, NULL, "background"), 0);
    for (unsigned i = 0; i < 20; i++)
        fiber_yield();
    turns.flag = true;
    fiber_sleep_ns(MILLIS(10));
}

Test(sim_faults, a_varied_schedule_may_not_respect_classes)
{
    run_seeds(1, race_classes);
    cr_assert_eq(turns.early, 0);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        cr_assert_eq(sim_create(seed, &sim), 0);
        sim_vary_schedules(sim, true);
        cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .sim = sim}, race_classes, NULL), 0);
        sim_destroy(sim);
    }
    cr_assert(turns.early > 0 && turns.early < SEEDS);
}

static void write_a_little(void *arg)
{
    struct file *f;
    want_eq(file_open("little", FILE_WRITE | FILE_CREATE, &f), 0);
    for (unsigned i = 0; i < 20; i++)
        want_eq(file_write(f, "x", 1, i), 0);
    file_close(f);
    turns.flag = true;
}

/* Twenty writes in the background against twenty flushes, each of which takes forty times as
 * long. */
static void overtake(void *arg)
{
    struct file *f;
    turns.flag = false;
    want_eq(file_open("much", FILE_WRITE | FILE_CREATE, &f), 0);
    want_eq(fiber_start(CLASS_BACKGROUND, write_a_little, NULL, "little"), 0);
    for (unsigned i = 0; i < 20; i++)
        want_eq(file_flush(f), 0);
    turns.early += !turns.flag;
    file_close(f);
}

Test(sim_faults, a_varied_schedule_lets_a_fiber_be_overtaken_by_one_with_much_more_to_do)
{
    for (uint64_t seed = 0; seed < 4 * SEEDS; seed++) {
        run_seed(seed, 1, overtake);
        sim_destroy(sim);
    }
    cr_assert_eq(turns.early, 0);
    for (uint64_t seed = 0; seed < 4 * SEEDS; seed++) {
        cr_assert_eq(sim_create(seed, &sim), 0);
        sim_vary_schedules(sim, true);
        cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .sim = sim}, overtake, NULL), 0);
        sim_destroy(sim);
    }
    cr_assert(turns.early > 0 && turns.early < 2 * SEEDS, "%u", turns.early);
}

/* -- one seed, one run: everything goes wrong, and whoever meets an error goes on -- */

static void shout_back(struct connection *c, void *arg)
{
    char bytes[100];
    int64_t n;
    while ((n = connection_receive(c, bytes, sizeof(bytes), 0)) > 0)
        if (connection_send(c, &(struct slice){bytes, (size_t)n}, 1, 0) < 0)
            break;
    connection_close(c);
}

static unsigned port;

static void talk(void)
{
    struct connection *c;
    char bytes[300] = "over and over";
    if (connection_open("10.0.0.1", (uint16_t)port, &c) < 0)
        return;
    size_t have = 0;
    int64_t n = connection_send(c, &(struct slice){bytes, sizeof(bytes)}, 1, 0);
    while (n >= 0 && have < sizeof(bytes) &&
           (n = connection_receive(c, bytes, sizeof(bytes), clock_now_ns() + SECONDS(1))) > 0)
        have += (size_t)n;
    connection_close(c);
}

static void use_files(void)
{
    char path[16] = "file0", bytes[1000] = "text";
    struct file *f;
    path[4] = (char)('0' + reactor_id());
    if (file_open(path, FILE_WRITE | FILE_CREATE, &f) < 0)
        return;
    for (unsigned i = 0; i < 30; i++) {
        (void)!file_write(f, bytes, sizeof(bytes), random_u64() % 20000);
        (void)!file_read(f, bytes, sizeof(bytes), random_u64() % 20000);
        (void)!file_flush(f);
        (void)sim_allocation_fails(sim);
    }
    file_close(f);
}

static void use_everything(void *arg)
{
    struct listener *l = NULL;
    if (reactor_id() == 0) {
        want_eq(listener_open("10.0.0.1", 0, shout_back, NULL, &l), 0);
        port = listener_port(l);
    }
    while (!port)
        fiber_sleep_ns(1000);
    send_numbers(arg);
    for (unsigned i = 0; i < 5; i++)
        talk();
    use_files();
    if (l) {
        fiber_sleep_ns(SECONDS(100));
        listener_close(l);
    }
}

static uint64_t hash_of(uint64_t seed)
{
    cr_assert_eq(sim_create(seed, &sim), 0);
    sim_vary_schedules(sim, true);
    sim_disk_limit(sim, 15000);
    for (enum sim_fault f = 0; f < FAULT_KINDS; f++)
        sim_fault_rate(sim, f, f == FAULT_STALL ? ALWAYS / 1000 : ALWAYS / 20);
    port = 0;
    cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .reactors = 2, .sim = sim}, use_everything, NULL),
                 0);
    for (enum sim_fault f = 0; f < FAULT_KINDS; f++)
        stream.resets += f == FAULT_RESET && sim_faults_injected(sim, f) > 0;
    uint64_t hash = sim_trace_hash(sim);
    sim_destroy(sim);
    return hash;
}

Test(sim_faults, the_same_seed_is_the_same_run_whatever_goes_wrong)
{
    uint64_t hashes[SEEDS];
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        hashes[seed] = hash_of(seed);
        cr_assert_eq(hash_of(seed), hashes[seed], "seed %llu", (unsigned long long)seed);
        for (uint64_t before = 0; before < seed; before++)
            cr_assert_neq(hashes[before], hashes[seed]);
    }
    cr_assert_gt(stream.resets, 0);
}
