/* world.c -- what happens under one seed.
 *
 * Some rounds on one disk. In each a server starts with one to four reactors and is used by its players. A round ends in order, or the
 * power is cut at a random moment. What was acknowledged must be there in the next round, what was deleted must not, and what was under
 * way may be either. Everything random comes from the seed. */
#include "base/log.h"
#include "gpu/gpu.h"
#include "net/front.h"
#include "play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROWING       (4u << 10) /* bytes of vectors before a segment is sealed, at least: 64 of ours */
#define GROWING_SHIFT 10         /* and up to so many times doubled: each start may have another setting */

/* -- a round -- */

static void bomb(void *arg)
{
    struct world *w = arg;
    fiber_sleep_ns(draw(&w->random) % 400000000);
    if (w->players_left == 0)
        return;
    w->result->virtual_ns = clock_now_ns();
    tell(w, "world", "the power is cut");
    sim_crash(w->sim);
}

static void on_ready(struct server *s, void *arg)
{
    struct world *w = arg;
    w->players_left = w->plan.players;
    w->done = (struct event){0};
    for (uint32_t i = 0; i < w->plan.players; i++)
        w->players[i].client = (struct client){0}; /* a connection of the last round ended with it */
    for (uint32_t i = 0; i < w->plan.players; i++)
        check(fiber_start(CLASS_INTERACTIVE, player_run, &w->players[i], "player") == 0);
    if (w->crash)
        check(fiber_start(CLASS_INTERACTIVE, bomb, w, "bomb") == 0);
    while (w->players_left > 0)
        event_wait(&w->done);
    w->result->virtual_ns = clock_now_ns();
    server_stop(s);
}

static void books_restart(struct world *w, enum model_end end)
{
    for (uint32_t i = 0; i < w->plan.players; i++)
        for (unsigned j = 0; j < 2; j++)
            model_restart(&w->players[i].books[j].model, end);
}

static void round_run(struct world *w)
{
    struct world_result *r = w->result;
    w->reactors = 1 + (uint32_t)(draw(&w->random) % 4);
    w->crash = draw(&w->random) % 3 != 0;
    w->operations = 10 + (uint32_t)(draw(&w->random) % 60);
    uint64_t growing = (uint64_t)GROWING << draw(&w->random) % (GROWING_SHIFT + 1);
    struct server_options options = {
        .data = "data",
        .host = "127.0.0.1",
        .http_host = "127.0.0.1",
        .growing_bytes = growing,
        .runtime = {.backend = BACKEND_SIM, .reactors = w->reactors, .sim = w->sim},
        .front = &net_front,
        .gpu = &gpu_none,
        .on_ready = on_ready,
        .arg = w,
    };
    struct error error = {0};
    tell(w, "world", "round %" PRIu64 ": %u reactors, segments of %" PRIu64 " KiB%s", r->rounds, w->reactors,
         growing >> 10, w->crash ? ", may end by a power cut" : "");
    check(server_create(&options, &w->server) == 0);
    int rc = server_run(w->server, &error);
    if (rc == -EOWNERDEAD)
        r->crashes++;
    else if (rc < 0)
        fail(w, "server", "it did not start or stop: %.300s", error.text);
    books_restart(w, rc == -EOWNERDEAD ? END_POWER_CUT : END_ORDERLY);
    server_destroy(w->server);
    r->rounds++;
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

static void book_init(struct book *b, const char *name, bool shared, uint64_t base, Kith__Durability durability)
{
    b->name = name;
    b->shared = shared;
    b->durability = durability;
    model_init(&b->model, base, durability != KITH__DURABILITY__DURABILITY_FLUSH);
}

static void players_init(struct world *w)
{
    static const char *const names[PLAYERS_MAX] = {"points0", "points1", "points2", "points3"};
    Kith__Durability shared = draw_durability(w);
    for (uint32_t i = 0; i < w->plan.players; i++) {
        struct player *p = &w->players[i];
        p->world = w;
        p->number = i;
        p->random = draw(&w->random);
        snprintf(p->name, sizeof p->name, "player %u", i);
        book_init(&p->books[0], names[i], false, 0, draw_durability(w));
        book_init(&p->books[1], "shared", true, (uint64_t)i * MODEL_IDS, shared);
    }
}

void world_run(uint64_t seed, enum world_trace trace, struct world_result *ret)
{
    memset(ret, 0, sizeof *ret);
    struct world *w = calloc(1, sizeof *w);
    check(w && sim_create(seed, &w->sim) == 0);
    w->result = ret;
    w->random = seed;
    w->trace = trace;
    log_set_sink(tell_log, w);
    if (trace == TRACE_ALL)
        sim_trace_to(w->sim, print_line, NULL);
    plan_draw(&w->plan, &w->random);
    players_init(w);
    for (uint32_t i = 0; i < w->plan.rounds && !failed(w); i++)
        round_run(w);
    ret->trace_hash = sim_trace_hash(w->sim);
    ret->trace_events = sim_trace_events(w->sim);
    sim_destroy(w->sim);
    free(w);
}
