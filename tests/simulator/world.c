/* world.c -- what happens under one seed.
 *
 * Some rounds on one disk. In each a server starts with one to four reactors, or up to 64 in a
 * storm, and is used by its players. A round ends in order, or the power is cut at a random moment.
 * What was acknowledged must be there in the next round, what was deleted must not, and what was
 * under way may be either. Everything random comes from the seed. */
#include "actors/admission/budget.h"
#include "base/log.h"
#include "gpu/gpu.h"
#include "memory_faults.h"
#include "net/front.h"
#include "play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* bytes of vectors before a segment is sealed, at least: 64 of ours */
#define GROWING      (4u << 10)
#define GROWING_WIDE (64u << 10)
#define QUEUE_MS     5
#define FIBERS_TIGHT 400 /* of which clients get some 280 */
#define MANY_EVENTS  60000
#define METRICS      0x9e3779b97f4a7c15u /* makes another stream of one */
/* and up to so many times doubled: each start may have another setting */
#define GROWING_SHIFT 10

/* -- while a server serves -- */

static void start_players(struct world *w, fiber_fn play)
{
    w->players_left = w->plan.players;
    for (uint32_t i = 0; i < w->plan.players; i++)
        check(fiber_start(CLASS_INTERACTIVE, play, &w->players[i], "player") == 0);
    while (w->players_left > 0)
        event_wait(&w->done);
}

static void on_listening(struct server *s, void *arg)
{
    look_early(arg);
}

/* What the manifest called at rest was read before the logs were: they must have
 * had nothing new of it. */
static void check_rests(struct world *w, const struct server *s)
{
    for (unsigned r = 0; r < reactor_count(); r++) {
        struct store_stats stats;
        store_stats_read(s->cores[r]->store, &stats);
        if (stats.log_cut_bytes && w->orderly && !damage_done(w))
            fail(w, "server", "it stopped in order, but %" PRIu64 " bytes of the log of reactor %u are cut off",
                 stats.log_cut_bytes, r);
        if (stats.unexpected_records)
            fail(w, "server",
                 "the manifest calls a clean collection, but the log of reactor %u has %" PRIu64 " records", r,
                 stats.unexpected_records);
    }
}

static void on_ready(struct server *s, void *arg)
{
    struct world *w = arg;
    memory_faults_spare();
    w->started = true;
    look_early_end(w);
    check_rests(w, s);
    plan_faults_off(w->sim);
    take_census(w, CENSUS_AFTER_START);
    balance_begin(w);
    plan_faults_on(&w->plan, w->sim);
    start_players(w, player_run);
    plan_faults_off(w->sim);
    if (!failed(w) && w->plan.storm)
        storm(w);
    if (!failed(w))
        start_players(w, player_settle);
    if (!failed(w) && w->plan.wide)
        wide(w);
    if (!failed(w) && w->plan.many)
        many(w);
    if (!failed(w))
        settle_work(w);
    if (!failed(w))
        travel_in_time(w);
    if (!failed(w))
        take_census(w, CENSUS_BEFORE_END);
    if (!failed(w))
        balance_check(w);
    w->result->virtual_ns = clock_now_ns();
    server_stop(s);
}

/* -- a round -- */

/* A storm has other numbers of reactors, and mostly lives to its end. */
static void draw_storm(struct world *w)
{
    static const uint32_t reactors[] = {1, 2, 2, 3, 8, 64};
    w->reactors = reactors[draw(&w->plan.storm) % ARRAY_LEN(reactors)];
    if (!draw_one_in(&w->plan.storm, 4))
        w->crash_after = 0;
    w->tight = draw_one_in(&w->plan.storm, 2);
    /* each reactor has its fibers */
    w->memory = w->plan.storm & 128 ? BUDGET_BYTES_MIN * (1 + w->reactors / 2) : 0;
    w->queue_ms = w->plan.storm & 768 ? 0 : QUEUE_MS;
    for (unsigned order = 0; order < ORDERS; order++)
        w->credits[order] = order_credits[order] ? 1 + (uint16_t)(draw(&w->plan.storm) % 4) : 0;
}

/* Segments of up to 64 MiB, and mostly a life to the end. */
static void draw_wide(struct world *w)
{
    w->growing = (uint64_t)GROWING_WIDE << draw(&w->plan.wide) % (GROWING_SHIFT + 1);
    if (!draw_one_in(&w->plan.wide, 3))
        w->crash_after = 0;
}

/* Up to 64 reactors. Half of the power cuts come while the many collections are used. */
static void draw_many(struct world *w)
{
    static const uint32_t reactors[] = {1, 2, 3, 8, 64};
    w->reactors = reactors[draw(&w->plan.many) % ARRAY_LEN(reactors)];
    if (w->crash_after && !draw_one_in(&w->plan.many, 4))
        w->crash_after = draw_one_in(&w->plan.many, 3) ? 0 : w->crash_after + draw(&w->plan.many) % MANY_EVENTS;
}

static void draw_round(struct world *w)
{
    w->tight = false;
    w->memory = w->queue_ms = 0;
    w->reactors = 1 + (uint32_t)(draw(&w->random) % 4);
    w->operations = 10 + (uint32_t)(draw(&w->random) % 60);
    w->growing = (uint64_t)GROWING << draw(&w->random) % (GROWING_SHIFT + 1);
    w->faulty_start = draw_one_in(&w->random, 3);
    /* 10: who looks during the start */
    uint64_t events = 300 + (uint64_t)(w->operations + 10) * 20 * w->plan.players;
    w->crash_after = draw_one_in(&w->random, 3) ? 0 : 1 + draw(&w->random) % events;
    if (w->plan.storm)
        draw_storm(w);
    if (w->plan.wide)
        draw_wide(w);
    if (w->plan.many)
        draw_many(w);
}

static void set_option(struct settings *s, const char *name, uint64_t value)
{
    unsigned setting;
    check(setting_find(name, &setting, NULL) == 0);
    settings_write(s, setting, value, SETTING_OPTION);
}

/* The server runs once, to its end. */
static int serve(struct world *w, bool faulty_start, struct error *error)
{
    struct server_options options = {
        .data = "data",
        .listeners = {{PROTOCOL_NATIVE, "127.0.0.1", 0}},
        .listener_count = 1,
        .growing_bytes = w->growing,
        .index_bytes = w->plan.index_bytes,
        .memory_default = w->memory,
        .runtime = {.backend = BACKEND_SIM,
                    .reactors = w->reactors,
                    .sim = w->sim,
                    .credits = w->tight ? w->credits : NULL,
                    .fibers_max = w->tight ? FIBERS_TIGHT : 0},
        .front = &net_front,
        .gpu = &gpu_none,
        .on_ready = on_ready,
        .on_listening = on_listening,
        .arg = w,
    };
    /* else too few searches are repeated exactly */
    set_option(&options.settings, "search.recall_sample", 2);
    if (w->queue_ms)
        set_option(&options.settings, "admission.queue_ms", w->queue_ms);
    tell(w, "world", "round %" PRIu64 ": %u reactors, segments of %" PRIu64 " KiB", w->result->rounds, w->reactors,
         w->growing >> 10);
    w->started = false;
    memory_faults_of(w->sim);
    if (faulty_start) {
        plan_faults_on(&w->plan, w->sim);
        /* a server that has not begun has nothing to go on with */
        sim_fault_rate(w->sim, FAULT_NO_MEMORY, 0);
    }
    sim_crash_after(w->sim, w->crash_after);
    check(server_create(&options, &w->server) == 0);
    int rc = server_run(w->server, error);
    memory_faults_of(NULL);
    server_destroy(w->server);
    sim_crash_after(w->sim, 0);
    plan_faults_off(w->sim);
    w->result->rounds++;
    return rc;
}

/* What may have been lost to the disk, though the server ended in order. */
static uint64_t disk_faults(const struct world *w)
{
    return sim_faults_injected(w->sim, FAULT_WRITE_ERROR) + sim_faults_injected(w->sim, FAULT_FLUSH_ERROR) +
           sim_faults_injected(w->sim, FAULT_DISK_FULL);
}

/* What makes a log give up its end while the server goes on, so that later writes are kept and
 * earlier ones are not. */
static uint64_t log_faults(const struct world *w)
{
    return disk_faults(w) + sim_faults_injected(w->sim, FAULT_NO_MEMORY) +
           sim_faults_injected(w->sim, FAULT_MISDIRECTED_WRITE);
}

static void book_restart(const struct world *w, struct book *b, enum model_end end)
{
    bool ordered = end == END_POWER_CUT && log_faults(w) == w->log_faults && b->looked;
    b->ordered = ordered ? w->reactors : 0;
    if (b->state == BOOK_DAMAGED && log_faults(w) != w->log_faults && end == END_ORDERLY)
        /* what a log gave up is stored by sealing, which a damaged collection no longer does */
        end = END_UNSURE;
    if (end != END_ORDERLY)
        b->census = (struct census){0};
    model_restart(&b->model, end);
    fields_restart(&b->fields);
    b->refused.n = 0;
    b->looked = false;
    if (b->state == BOOK_DAMAGED && !damage_done(w)) /* it was only unreadable, and now it is not */
        b->state = BOOK_OPEN;
}

static void books_restart(struct world *w, enum model_end end)
{
    for (uint32_t i = 0; i < w->plan.players; i++)
        for (unsigned j = 0; j < 2; j++)
            book_restart(w, &w->players[i].books[j], end);
}

/* A start that was refused. True: worth another try. */
static bool start_refused(struct world *w, const struct error *error)
{
    w->result->refused_starts++;
    tell(w, "server", "it did not start, %s: %s", error_code_name(error->code), error->text);
    if (!explained_code(w, ACTION_START, error->code))
        fail(w, "server", "it did not start, %s: %s", error_code_name(error->code), error->text);
    else if (error->code == ERROR_CORRUPT && !(strstr(error->text, "data/") && strstr(error->text, "offset")))
        fail(w, "server", "it found damage, but does not say in which file at which offset: %s", error->text);
    if (error->code == ERROR_CORRUPT)
        w->over = true; /* damage was done and is reported: all that was asked for */
    return !w->over && !failed(w);
}

/* Between two starts bits flip in what lies on the disk. Of the manifest or a log only after an
 * orderly stop: after a power cut nobody can tell damage to the end of it from a torn write. */
static void rot(struct world *w, bool after_cut)
{
    static const char *const places[] = {"data/segments/", "data/manifest", "data/log/"};
    uint64_t place = draw(&w->random) % (after_cut ? 1 : 3), bits = 1 + draw(&w->random) % 4;
    if (!w->plan.rot || draw_one_in(&w->random, 2))
        return;
    if (place == 2 && draw_one_in(&w->random, 3))
        bits = 4000; /* enough to hit the last group and what a stop wrote behind it */
    uint64_t flipped = sim_rot(w->sim, places[place], (unsigned)bits);
    tell(w, "world", "%" PRIu64 " bits rot in %s", flipped, places[place]);
}

static void round_run(struct world *w)
{
    struct error error = {0};
    draw_round(w);
    w->log_faults = log_faults(w);
    uint64_t faults = disk_faults(w), misdirected = sim_faults_injected(w->sim, FAULT_MISDIRECTED_WRITE);
    int rc = serve(w, w->faulty_start, &error);
    if (rc < 0 && rc != -EOWNERDEAD && !w->started && start_refused(w, &error)) {
        w->crash_after = 0;
        error = (struct error){0};
        /* nothing goes wrong now: it must start, or tell the damage */
        rc = serve(w, false, &error);
        if (rc < 0 && rc != -EOWNERDEAD && !w->started && start_refused(w, &error))
            fail(w, "server", "nothing goes wrong any more, but it did not start: %.300s", error.text);
    }
    if (w->over)
        return;
    if (rc == -EOWNERDEAD) {
        tell(w, "world", "the power was cut");
        w->result->crashes++;
        w->over =
            /* the log may end anywhere now */
            sim_faults_injected(w->sim, FAULT_MISDIRECTED_WRITE) != misdirected;
    } else if (rc < 0) {
        fail(w, "server", "it did not %s: %.300s", w->started ? "stop" : "start", error.text);
    }
    bool unsure = disk_faults(w) != faults;
    w->orderly = rc == 0 && !unsure;
    books_restart(w, rc == -EOWNERDEAD ? END_POWER_CUT : unsure ? END_UNSURE : END_ORDERLY);
    if (!failed(w))
        rot(w, rc == -EOWNERDEAD);
}

/* -- a world -- */

static void print_line(const char *text, void *arg)
{
    puts(text);
}

static void tell_log(enum log_level level, const char *line, void *arg)
{
    tell(arg, "server", "%s", line);
}

static Kith__Durability draw_durability(struct world *w)
{
    uint64_t x = draw(&w->random) % 6;
    return x == 0   ? KITH__DURABILITY__DURABILITY_NONE
           : x == 1 ? KITH__DURABILITY__DURABILITY_INTERVAL
                    : KITH__DURABILITY__DURABILITY_FLUSH;
}

static void book_init(const struct world *w, struct book *b, const char *name, bool shared, uint64_t base,
                      Kith__Durability durability, struct index_recipe kind)
{
    b->name = name;
    b->shared = shared;
    b->durability = durability;
    b->kind = kind;
    b->weak = durability != KITH__DURABILITY__DURABILITY_FLUSH || w->plan.rates[FAULT_MISDIRECTED_WRITE];
    model_init(&b->model, base, kind.metric, b->weak);
    fields_init(&b->fields);
}

static void players_init(struct world *w)
{
    static const char *const names[PLAYERS_MAX] = {"points0", "points1", "points2", "points3"};
    Kith__Durability shared = draw_durability(w);
    /* a stream of its own: what else a seed draws does not depend on them */
    uint64_t kinds = ~w->random;
    uint64_t metrics = ~kinds * METRICS;
    struct index_recipe shared_kind = index_recipe_draw(&kinds, &metrics);
    for (uint32_t i = 0; i < w->plan.players; i++) {
        struct player *p = &w->players[i];
        p->world = w;
        p->number = i;
        p->random = draw(&w->random);
        p->fields_random = w->plan.fields + i;
        p->filters_random = ~p->fields_random;
        snprintf(p->name, sizeof(p->name), "player %u", i);
        book_init(w, &p->books[0], names[i], false, 0, draw_durability(w), index_recipe_draw(&kinds, &metrics));
        book_init(w, &p->books[1], "shared", true, (uint64_t)i * MODEL_IDS, shared, shared_kind);
        for (unsigned j = 0; j < 2; j++) {
            p->books[j].fields.owner = i;
            p->books[j].payloads = (struct payloads){.json = w->plan.fields, .owner = i};
        }
    }
}

void world_run(uint64_t seed, enum world_trace trace, struct world_result *ret)
{
    memset(ret, 0, sizeof(*ret));
    struct world *w = calloc(1, sizeof(*w));
    check(w && sim_create(seed, &w->sim) == 0);
    w->result = ret;
    w->random = seed;
    w->census_random = ~seed;
    w->trace = trace;
    log_set_sink(tell_log, w);
    if (trace == TRACE_ALL)
        sim_trace_to(w->sim, print_line, NULL);
    plan_draw(&w->plan, &w->random);
    sim_vary_schedules(w->sim, w->plan.varied);
    players_init(w);
    sim_disk_links(w->sim, !w->plan.copies);
    for (uint32_t i = 0; i < w->plan.rounds && !failed(w) && !w->over; i++)
        round_run(w);
    for (unsigned f = 0; f < FAULT_KINDS; f++)
        ret->faults[f] = sim_faults_injected(w->sim, f);
    ret->trace_hash = sim_trace_hash(w->sim);
    ret->trace_events = sim_trace_events(w->sim);
    sim_destroy(w->sim);
    free(w->then);
    wide_free(w->wide);
    many_free(w->many);
    free(w);
}
