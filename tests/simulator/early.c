/* early.c -- clients that read while the server starts. It serves clean collections before it has
 * read its logs. These must be complete, and reading the logs must not change them. */
#include "memory_faults.h"
#include "play.h"

#define PAUSE_NS 400000 /* the longest pause between two reads */

static bool is_there(const struct world *w, const struct book *b)
{
    return b->state == BOOK_OPEN && (b->shared ? w->shared_created : b->created);
}

static void look(struct player *p, struct book *b)
{
    look_at_points(p, b, !b->looked);
    if (!b->looked || !p->early || failed(p->world))
        return;
    p->world->result->early++;
    look_at_count(p, b);
    if (p->early && !failed(p->world))
        look_by_search(p, b, true, MODEL_IDS * PLAYERS_MAX);
    if (p->early && !failed(p->world) && p->world->plan.fields)
        look_by_filter(p, b, true);
}

static void run(void *arg)
{
    struct player *p = arg;
    struct world *w = p->world;
    memory_faults_spare();
    p->early = client_open(&p->client, server_port(w->server, PROTOCOL_NATIVE)) == 0;
    while (p->early && !w->started && !failed(w)) {
        for (unsigned i = 0; i < 2 && p->early && !failed(w); i++)
            if (is_there(w, &p->books[i]))
                look(p, &p->books[i]);
        fiber_sleep_ns(1 + draw(&p->random) % PAUSE_NS);
        /* the server closes connections when it cannot start */
        p->early &= client_ping(&p->client) == 0;
    }
    p->early = false;
    client_close(&p->client);
    w->players_left--;
    event_notify_all(&w->done);
}

void look_early(struct world *w)
{
    w->done = (struct event){0};
    w->players_left = w->plan.players;
    for (uint32_t i = 0; i < w->plan.players; i++) {
        /* the connection of the last round ended with that round */
        w->players[i].client = (struct client){0};
        check(fiber_start(CLASS_INTERACTIVE, run, &w->players[i], "early player") == 0);
    }
}

void look_early_end(struct world *w)
{
    while (w->players_left > 0)
        event_wait(&w->done);
}
