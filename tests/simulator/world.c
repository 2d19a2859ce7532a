/* world.c -- what happens under one seed: several rounds on one disk.
 *
 * In each round a server starts and is used by the players. It has one to four reactors, and up to
 * 64 in seeds with storms or many collections. A round ends in order, or by a power cut at a random
 * moment. In the next round acknowledged writes must be there and deleted points must not. A write
 * that was under way may have happened or not. Everything random comes from the seed. */
#include "actors/admission/budget.h"
#include "base/log.h"
#include "gpu/gpu.h"
#include "memory_faults.h"
#include "net/front.h"
#include "play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* the least bytes of vectors before a segment is sealed: 64 vectors of the model */
#define GROWING      (4u << 10)
#define GROWING_WIDE (64u << 10)
#define QUEUE_MS     5
#define FIBERS_TIGHT 400 /* fibers of a reactor; requests of clients get about 280 of them */
#define MANY_EVENTS  60000
#define METRICS      0x9e3779b97f4a7c15u /* turns one stream into another */
/* each start doubles the size of a segment 0 to 10 times */
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

/* A collection that the manifest calls clean is served before the logs are read. So the logs must
 * hold no record of it. After an orderly end nothing may be cut off a log. */
static void check_logs(struct world *w, const struct server *s)
{
    for (unsigned r = 0; r < reactor_count(); r++) {
        struct store_stats stats;
        store_stats_read(s->cores[r]->store, &stats);
        if (stats.log_cut_bytes && w->orderly && !damage_done(w))
            fail(w, "server", "it stopped in order, but the start cut %" PRIu64 " bytes off the log of reactor %u",
                 stats.log_cut_bytes, r);
        if (stats.unexpected_records)
            fail(w, "server",
                 "the log of reactor %u has %" PRIu64 " records of collections that the manifest calls clean", r,
                 stats.unexpected_records);
    }
}

static void on_ready(struct server *s, void *arg)
{
    struct world *w = arg;
    memory_faults_spare();
    w->started = true;
    look_early_end(w);
    check_logs(w, s);
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

/* A storm has other numbers of reactors. Three of four power cuts are left out. */
static void draw_storm(struct world *w)
{
    static const uint32_t reactors[] = {1, 2, 2, 3, 8, 64};
    w->reactors = reactors[draw(&w->plan.storm) % ARRAY_LEN(reactors)];
    if (!draw_one_in(&w->plan.storm, 4))
        w->crash_after = 0;
    w->tight = draw_one_in(&w->plan.storm, 2);
    /* a server with more reactors needs more memory for their fibers */
    w->memory = w->plan.storm & 128 ? BUDGET_BYTES_MIN * (1 + w->reactors / 2) : 0;
    w->queue_ms = w->plan.storm & 768 ? 0 : QUEUE_MS;
    for (unsigned order = 0; order < ORDERS; order++)
        w->credits[order] = order_credits[order] ? 1 + (uint16_t)(draw(&w->plan.storm) % 4) : 0;
}

/* Segments of up to 64 MiB. Two of three power cuts are left out. */
static void draw_wide(struct world *w)
{
    w->growing = (uint64_t)GROWING_WIDE << draw(&w->plan.wide) % (GROWING_SHIFT + 1);
    if (!draw_one_in(&w->plan.wide, 3))
        w->crash_after = 0;
}

/* Up to 64 reactors. Half of the power cuts come late, while many.c uses its collections. */
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
    /* 10 operations more, for the clients that read during the start */
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

/* Runs the server once, to its end. Returns what server_run() does. */
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
    /* with the default too few searches are repeated exactly to measure recall */
    set_option(&options.settings, "search.recall_sample", 2);
    if (w->queue_ms)
        set_option(&options.settings, "admission.queue_ms", w->queue_ms);
    tell(w, "world", "round %" PRIu64 ": %u reactors, segments of %" PRIu64 " KiB", w->result->rounds, w->reactors,
         w->growing >> 10);
    w->started = false;
    memory_faults_of(w->sim);
    if (faulty_start) {
        plan_faults_on(&w->plan, w->sim);
        /* without memory a start only fails: no acknowledged state could be lost */
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

/* Faults by which the disk may lack writes although the server ended in order. */
static uint64_t disk_faults(const struct world *w)
{
    return sim_faults_injected(w->sim, FAULT_WRITE_ERROR) + sim_faults_injected(w->sim, FAULT_FLUSH_ERROR) +
           sim_faults_injected(w->sim, FAULT_DISK_FULL);
}

/* Faults by which a log gives up its end while the server goes on. Then later writes may be kept
 * while earlier ones are lost. */
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
        /* sealing stores what a log gave up, but a damaged collection is not sealed */
        end = END_UNSURE;
    if (end != END_ORDERLY)
        b->census = (struct census){0};
    model_restart(&b->model, end);
    fields_restart(&b->fields);
    b->refused.n = 0;
    b->looked = false;
    if (b->state == BOOK_DAMAGED && !damage_done(w)) /* reads failed, but no byte was changed */
        b->state = BOOK_OPEN;
}

static void books_restart(struct world *w, enum model_end end)
{
    for (uint32_t i = 0; i < w->plan.players; i++)
        for (unsigned j = 0; j < 2; j++)
            book_restart(w, &w->players[i].books[j], end);
}

/* Judges a start that failed. True: another start shall be tried. */
static bool start_refused(struct world *w, const struct error *error)
{
    w->result->refused_starts++;
    tell(w, "server", "it did not start, %s: %s", error_code_name(error->code), error->text);
    if (!explained_code(w, ACTION_START, error->code))
        fail(w, "server", "it did not start, %s: %s", error_code_name(error->code), error->text);
    else if (error->code == ERROR_CORRUPT && !(strstr(error->text, "data/") && strstr(error->text, "offset")))
        fail(w, "server", "it found damage, but does not name file and offset: %s", error->text);
    if (error->code == ERROR_CORRUPT)
        w->over = true; /* damage was done and is reported: the server need do no more */
    return !w->over && !failed(w);
}

/* Flips bits of files between two starts. Bits of the manifest and of logs flip only after an
 * orderly stop: after a power cut, damage at the end of a log looks like a torn write. */
static void rot(struct world *w, bool after_cut)
{
    static const char *const places[] = {"data/segments/", "data/manifest", "data/log/"};
    uint64_t place = draw(&w->random) % (after_cut ? 1 : 3), bits = 1 + draw(&w->random) % 4;
    if (!w->plan.rot || draw_one_in(&w->random, 2))
        return;
    if (place == 2 && draw_one_in(&w->random, 3))
        bits = 4000; /* enough to hit the last group and the record of the stop behind it */
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
        /* without faults the server must start, or report damage */
        rc = serve(w, false, &error);
        if (rc < 0 && rc != -EOWNERDEAD && !w->started && start_refused(w, &error))
            fail(w, "server", "no more faults happen, but it did not start: %.300s", error.text);
    }
    if (w->over)
        return;
    if (rc == -EOWNERDEAD) {
        tell(w, "world", "the power was cut");
        w->result->crashes++;
        /* after a misdirected write the log may end anywhere */
        w->over = sim_faults_injected(w->sim, FAULT_MISDIRECTED_WRITE) != misdirected;
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
    /* a separate stream, so that it changes nothing else that the seed draws */
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
