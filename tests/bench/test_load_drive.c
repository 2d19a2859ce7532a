/* The driver of the load against a client library of this file's own, whose server stalls, refuses and answers as told. */
#include "clock.h"
#include "load.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define IN_FLIGHT 4
#define MS        1000000ull

struct kith {
    int fd; /* always readable, so that the driver looks again at once */
    int64_t last;
    size_t count;
    struct {
        int64_t request;
        bool upsert;
    } waiting[IN_FLIGHT];
};

/* What the server does, and what was seen of the driver. */
static struct {
    uint64_t stall_from_ns, stall_until_ns;
    bool refuse;
    uint64_t answer_id;
    size_t in_flight_max;
    uint64_t searches, upserts, points, last_id;
} script;

int kith_open(const char *address, struct kith **ret, char *error, size_t error_size)
{
    *ret = calloc(1, sizeof(**ret));
    (*ret)->fd = eventfd(1, 0);
    return 0;
}

void kith_close(struct kith *k)
{
    close(k->fd);
    free(k);
}

const char *kith_error(const struct kith *k)
{
    return "refused by the script";
}

uint32_t kith_requests_max(const struct kith *k)
{
    return IN_FLIGHT;
}

int kith_fd(const struct kith *k)
{
    return k->fd;
}

int kith_flush(struct kith *k)
{
    return 0;
}

static int64_t start(struct kith *k, bool upsert)
{
    cr_assert_lt(k->count, IN_FLIGHT);
    k->waiting[k->count].request = ++k->last;
    k->waiting[k->count++].upsert = upsert;
    if (k->count > script.in_flight_max)
        script.in_flight_max = k->count;
    return k->last;
}

int64_t kith_start_search(struct kith *k, const struct kith_search *s)
{
    script.searches++;
    return start(k, false);
}

int64_t kith_start_upsert(struct kith *k, const char *collection, const struct kith_points *points)
{
    script.upserts++;
    script.points += points->count;
    script.last_id = points->ids[points->count - 1].lo;
    return start(k, true);
}

int kith_next(struct kith *k, int64_t timeout_us, struct kith_reply *ret)
{
    uint64_t now = clock_wall_ns();
    if (k->count == 0 || (now >= script.stall_from_ns && now < script.stall_until_ns))
        return 0;
    static struct kith_id id;
    static uint32_t one = 1;
    id.lo = script.answer_id;
    *ret = (struct kith_reply){.request = k->waiting[0].request, .code = script.refuse ? -KITH_RESOURCE_EXHAUSTED : 0};
    if (!k->waiting[0].upsert)
        ret->result = (struct kith_result){.queries = 1, .counts = &one, .count = 1, .ids = &id};
    memmove(k->waiting, k->waiting + 1, --k->count * sizeof(k->waiting[0]));
    return 1;
}

int load_client_error(struct error *e, const struct kith *k, int code, const char *doing)
{
    return error_set(e, ERROR_UNAVAILABLE, "%s", doing);
}

static float base[] = {0, 0, 1, 1}, queries[] = {0, 0.1f};
static uint32_t truth[] = {0};
static const struct dataset data = {.metric = METRIC_L2,
                                    .dim = 2,
                                    .count = 2,
                                    .query_count = 1,
                                    .truth_k = 1,
                                    .base = base,
                                    .queries = queries,
                                    .truth = truth};

static struct drive_plan plan_of(double rate, double seconds)
{
    return (struct drive_plan){.collection = "c",
                               .data = &data,
                               .rate = rate,
                               .seconds = seconds,
                               .in_flight = 100,
                               .k = 1,
                               .ef = 64,
                               .batch = 3,
                               .uniform = true,
                               .seed = 1};
}

static void run(struct drive_plan *plan, struct drive_result *ret)
{
    struct drive *d;
    struct error e;
    cr_assert_eq(drive_open("", 1, plan->in_flight, &d, &e), 0);
    cr_assert_eq(drive_run(d, plan, ret, &e), 0, "%s", e.text);
    drive_close(d);
}

/* Half a second at 1000 requests a second; from 100 ms on nothing is answered for 200 ms. The 200 requests of that time waited
 * 100 ms on average, although no more than four of them were on their way. */
Test(load_drive, a_stall_is_charged_to_every_request_that_was_due)
{
    static struct drive_result r;
    struct drive_plan plan = plan_of(1000, 0.5);
    script.stall_from_ns = clock_wall_ns() + 100 * MS;
    script.stall_until_ns = script.stall_from_ns + 200 * MS;
    run(&plan, &r);
    cr_assert_leq(script.in_flight_max, IN_FLIGHT);
    uint64_t slow = r.search.latency_ns.count - histogram_count_at_most(&r.search.latency_ns, 50 * MS);
    cr_assert(slow > 130, "only %lu requests were late by 50 ms", (unsigned long)slow);
    cr_assert_gt(r.search.latency_ns.max, 180 * MS);
    cr_assert_eq(r.search.errors, 0);
}

Test(load_drive, uniform_arrivals_are_as_many_as_offered)
{
    static struct drive_result r;
    struct drive_plan plan = plan_of(2000, 0.25);
    run(&plan, &r);
    cr_assert(r.search.offered >= 498 && r.search.offered <= 501, "%lu", (unsigned long)r.search.offered);
    cr_assert_eq(r.search.offered, r.search.served);
    cr_assert_eq(r.search.served, r.search.latency_ns.count);
}

static atomic_bool work_done;
static uint64_t work_done_ns;

static void *work_for_a_while(void *arg)
{
    usleep(400000);
    work_done_ns = clock_wall_ns();
    atomic_store(&work_done, true);
    return NULL;
}

/* However late either thread is: no moment of the work is without its requests, and they come at the rate that is told. */
Test(load_drive, a_phase_lasts_as_long_as_the_work_it_waits_for)
{
    static struct drive_result r;
    struct drive_plan plan = plan_of(1000, 0.05);
    pthread_t worker;
    plan.until = &work_done;
    uint64_t start_ns = clock_wall_ns();
    cr_assert_eq(pthread_create(&worker, NULL, work_for_a_while, NULL), 0);
    run(&plan, &r);
    pthread_join(worker, NULL);
    double worked_s = (double)(work_done_ns - start_ns) / 1e9;
    cr_assert_geq((double)r.search.offered, 1000 * worked_s - 5);
    cr_assert_eq(r.search.offered, r.search.served);
    cr_assert_geq(r.seconds, worked_s - 0.005);
    cr_assert(r.search.offered_qps > 980 && r.search.offered_qps < 1020, "%f", r.search.offered_qps);
}

Test(load_drive, poisson_arrivals_have_the_rate)
{
    static struct drive_result r;
    struct drive_plan plan = plan_of(10000, 0.3);
    plan.uniform = false;
    run(&plan, &r);
    cr_assert(r.search.offered > 2700 && r.search.offered < 3300, "%lu", (unsigned long)r.search.offered); /* 5 sigma */
}

Test(load_drive, a_closed_loop_keeps_every_place_full_and_sends_what_was_asked)
{
    static struct drive_result r;
    struct drive_plan plan = plan_of(0, 1);
    plan.requests = 500;
    run(&plan, &r);
    cr_assert_eq(script.searches, 500);
    cr_assert_eq(r.search.served, 500);
    cr_assert_eq(script.in_flight_max, IN_FLIGHT);
}

Test(load_drive, a_refusal_is_an_error_and_not_a_latency)
{
    static struct drive_result r;
    struct drive_plan plan = plan_of(0, 1);
    plan.requests = 50;
    script.refuse = true;
    run(&plan, &r);
    cr_assert_eq(r.search.errors, 50);
    cr_assert_eq(r.search.latency_ns.count, 0);
    cr_assert_str_eq(r.search.error, "refused by the script");
}

Test(load_drive, a_mix_has_its_share_of_writes)
{
    static struct drive_result r;
    struct drive_plan plan = plan_of(0, 1);
    plan.requests = 4000;
    plan.write_share = 0.25;
    run(&plan, &r);
    cr_assert(script.upserts > 860 && script.upserts < 1140, "%lu", (unsigned long)script.upserts); /* 5 sigma */
    cr_assert_eq(script.upserts + script.searches, 4000);
    cr_assert_eq(r.points, script.upserts * 3);
    cr_assert_lt(script.last_id, 2, "a mix writes points that are there");
}

Test(load_drive, new_points_get_new_ids)
{
    static struct drive_result r;
    struct drive_plan plan = plan_of(0, 1);
    plan.requests = 10;
    plan.write_share = 1;
    plan.new_points = true;
    plan.next_id = 100;
    run(&plan, &r);
    cr_assert_eq(script.last_id, 129);
    cr_assert_eq(plan.next_id, 130);
}

Test(load_drive, recall_is_told_from_the_answers)
{
    static struct drive_result r;
    struct recall recall;
    struct drive_plan plan = plan_of(0, 1);
    plan.requests = 20;
    plan.recall = &recall;
    cr_assert_eq(recall_init(&recall, &data, 1), 0);
    run(&plan, &r);
    cr_assert(r.recall_found == 20 && r.recall_wanted == 20);
    script.answer_id = 1;
    run(&plan, &r);
    cr_assert(r.recall_found == 0 && r.recall_wanted == 20);
    recall_fini(&recall);
}
