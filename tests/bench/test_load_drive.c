/* Tests the driver of the load with a target of this file, which stalls, refuses and answers as a
 * script says. */
#include "clock.h"
#include "load/load.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define IN_FLIGHT 4
#define MS        1000000ull

struct scripted {
    struct link base;
    int fd; /* always readable, so that the driver polls again at once */
    int64_t last;
    size_t count;
    struct {
        int64_t request;
        bool upsert;
        uint32_t queries;
    } waiting[IN_FLIGHT];
};

/* What the target does, and what it saw of the driver. */
static struct {
    uint64_t stall_from_ns, stall_until_ns;
    bool refuse;
    uint64_t answer_id;
    size_t in_flight_max;
    uint64_t searches, queries, upserts, points, last_id;
} script;

static const struct target scripted_target;

static int scripted_open(const char *address, struct link **ret, char *error, size_t error_size)
{
    struct scripted *s = calloc(1, sizeof(*s));
    s->base.target = &scripted_target;
    s->fd = eventfd(1, 0);
    *ret = &s->base;
    return 0;
}

static void scripted_close(struct link *l)
{
    close(((struct scripted *)l)->fd);
    free(l);
}

static const char *scripted_error(const struct link *l)
{
    return "lost by the script";
}

static uint32_t scripted_in_flight_max(const struct link *l)
{
    return IN_FLIGHT;
}

static int scripted_fd(const struct link *l)
{
    return ((const struct scripted *)l)->fd;
}

static int scripted_flush(struct link *l)
{
    return 0;
}

static int64_t start(struct link *l, bool upsert, uint32_t queries)
{
    struct scripted *s = (struct scripted *)l;
    cr_assert_lt(s->count, IN_FLIGHT);
    s->waiting[s->count].request = ++s->last;
    s->waiting[s->count].queries = queries;
    s->waiting[s->count++].upsert = upsert;
    if (s->count > script.in_flight_max)
        script.in_flight_max = s->count;
    return s->last;
}

static int64_t scripted_search(struct link *l, const struct target_search *s)
{
    script.searches++;
    script.queries += s->count;
    return start(l, false, s->count);
}

static int64_t scripted_upsert(struct link *l, const struct target_points *points)
{
    script.upserts++;
    script.points += points->count;
    script.last_id = points->ids[points->count - 1];
    return start(l, true, 0);
}

/* Answers a query with one hit. */
static int scripted_next(struct link *l, struct target_reply *ret)
{
    static uint64_t ids[100];
    static uint32_t ones[100];
    struct scripted *s = (struct scripted *)l;
    uint64_t now = clock_wall_ns();
    if (s->count == 0 || (now >= script.stall_from_ns && now < script.stall_until_ns))
        return 0;
    *ret = (struct target_reply){.request = s->waiting[0].request,
                                 .failure = script.refuse ? "refused by the script" : NULL,
                                 .queries = s->waiting[0].queries,
                                 .counts = ones,
                                 .ids = ids};
    for (uint32_t i = 0; i < s->waiting[0].queries; i++) {
        ids[i] = script.answer_id;
        ones[i] = 1;
    }
    memmove(s->waiting, s->waiting + 1, --s->count * sizeof(s->waiting[0]));
    return 1;
}

static const struct target scripted_target = {.name = "script",
                                              .open = scripted_open,
                                              .close = scripted_close,
                                              .error = scripted_error,
                                              .in_flight_max = scripted_in_flight_max,
                                              .search = scripted_search,
                                              .upsert = scripted_upsert,
                                              .flush = scripted_flush,
                                              .next = scripted_next,
                                              .fd = scripted_fd};

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
    cr_assert_eq(drive_open(&scripted_target, "", 1, plan->in_flight, &d, &e), 0);
    cr_assert_eq(drive_run(d, plan, ret, &e), 0, "%s", e.text);
    drive_close(d);
}

/* 0.5 s at 1 000 requests a second; from 100 ms on, the target answers nothing for 200 ms. The 200
 * requests of that time waited 100 ms on average, although at most four of them were sent. */
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

/* However late either thread is, requests are sent during the whole work, at the reported rate. */
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
    /* 5 sigma */
    cr_assert(r.search.offered > 2700 && r.search.offered < 3300, "%lu", (unsigned long)r.search.offered);
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
    /* 5 sigma */
    cr_assert(script.upserts > 860 && script.upserts < 1140, "%lu", (unsigned long)script.upserts);
    cr_assert_eq(script.upserts + script.searches, 4000);
    cr_assert_eq(r.points, script.upserts * 3);
    cr_assert_lt(script.last_id, 2, "a mix must write points that exist");
}

Test(load_drive, new_points_get_new_ids)
{
    static struct drive_result r;
    struct drive_plan plan = plan_of(0, 1);
    plan.requests = 10;
    plan.write_share = 1;
    plan.writes = WRITE_NEW;
    plan.next_id = 100;
    run(&plan, &r);
    cr_assert_eq(script.last_id, 129);
    cr_assert_eq(plan.next_id, 130);
}

Test(load_drive, recall_is_told_from_the_answers)
{
    static struct drive_result r;
    struct live live;
    struct drive_plan plan = plan_of(0, 1);
    plan.requests = 20;
    plan.live = &live;
    cr_assert_eq(live_init(&live, &data, 1), 0);
    run(&plan, &r);
    cr_assert(r.recall_found == 20 && r.recall_wanted == 20);
    script.answer_id = 1;
    run(&plan, &r);
    cr_assert(r.recall_found == 0 && r.recall_wanted == 20);
    live_fini(&live);
}

Test(load_drive, many_queries_a_search_are_judged_each)
{
    static struct drive_result r;
    struct live live;
    struct drive_plan plan = plan_of(0, 1);
    plan.requests = 10;
    plan.queries = 64; /* of a data set that has one: every list begins anew */
    plan.live = &live;
    cr_assert_eq(live_init(&live, &data, 1), 0);
    run(&plan, &r);
    cr_assert_eq(script.queries, 640);
    cr_assert(r.recall_found == 640 && r.recall_wanted == 640);
    live_fini(&live);
}

/* Half of the written points are new. Once acknowledged, a point must be found. A hit that was
 * deleted before the search is a ghost. */
Test(load_drive, what_is_written_and_deleted_is_followed)
{
    static struct drive_result r;
    struct live live;
    struct drive_plan plan = plan_of(0, 1);
    plan.requests = 40;
    plan.write_share = 1;
    plan.batch = 1;
    plan.writes = WRITE_HALF_NEW;
    plan.live = &live;
    cr_assert_eq(live_init(&live, &data, 1), 0);
    run(&plan, &r);
    cr_assert_eq(r.points, 40);
    cr_assert_eq(live.there, 4, "two rows and their twins must be there");
    plan.write_share = 0;
    live_deleting(&live, 0);
    live_deleted(&live, 0, clock_wall_ns());
    run(&plan, &r);
    cr_assert_eq(r.ghosts, 40);
    cr_assert(r.recall_found == 0 && r.recall_wanted == 40);
    script.answer_id = 2; /* its twin */
    run(&plan, &r);
    cr_assert(r.ghosts == 0 && r.recall_found == 40);
    live_fini(&live);
}

/* The target answers nothing for longer than a phase may be behind. The phase ends soon, and counts
 * all requests that were due by then. Later answers are ignored. */
Test(load_drive, a_hopeless_phase_is_given_up)
{
    static struct drive_result r;
    struct drive *d;
    struct error e;
    struct drive_plan plan = plan_of(1000, 3600);
    plan.behind_max_s = 0.2;
    script.stall_until_ns = UINT64_MAX;
    cr_assert_eq(drive_open(&scripted_target, "", 1, plan.in_flight, &d, &e), 0);
    cr_assert_eq(drive_run(d, &plan, &r, &e), 0, "%s", e.text);
    cr_assert(r.gave_up_s >= 0.2 && r.gave_up_s < 60, "%f", r.gave_up_s);
    cr_assert_geq(r.search.errors, 190);
    cr_assert_eq(r.search.offered, r.search.errors);
    cr_assert_eq(r.search.latency_ns.count, r.search.errors);
    script.stall_until_ns = 0;
    plan = plan_of(0, 1);
    plan.requests = 100;
    cr_assert_eq(drive_run(d, &plan, &r, &e), 0, "%s", e.text);
    cr_assert(r.search.served == 100 && r.search.errors == 0 && r.gave_up_s == 0);
    drive_close(d);
}
