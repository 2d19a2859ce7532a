/* travel.c -- makes snapshots and restores them. After a restore every point is as in the snapshot.
 *
 * No player writes meanwhile, and no faults happen, but the power may be cut during a restore. Then
 * the points are all as before the restore or all as in the snapshot. */
#include "play.h"

#include <stdlib.h>
#include <string.h>

#define SNAPSHOT    "then"
#define PATIENCE_NS ((uint64_t)600000000000) /* 64 reactors take turns on a slow disk */

static struct book *book_at(struct world *w, unsigned i)
{
    return &w->players[i / 2].books[i % 2];
}

static bool all_open(struct world *w)
{
    for (unsigned i = 0; i < 2 * w->plan.players; i++)
        if (book_at(w, i)->state != BOOK_OPEN)
            return false;
    return true;
}

static void remember(struct world *w)
{
    if (!w->then)
        w->then = calloc(2 * PLAYERS_MAX, sizeof(*w->then));
    check(w->then);
    for (unsigned i = 0; i < 2 * w->plan.players; i++) {
        w->then[i] = book_at(w, i)->model;
        model_restart(&w->then[i], END_UNSURE); /* it may contain unanswered writes */
        w->fields_then[i] = book_at(w, i)->fields;
        fields_restart(&w->fields_then[i]);
    }
}

static void take(struct world *w, struct player *p)
{
    int rc = call_snapshot_delete(&p->client, SNAPSHOT);
    if (rc != CLIENT_REFUSED(ERROR_NOT_FOUND))
        tell(w, "world", "delete the snapshot: %s", outcome(p, rc));
    if (rc == 0 || rc == CLIENT_REFUSED(ERROR_NOT_FOUND)) {
        w->snapshot = false;
        remember(w);
        rc = call_snapshot_create(&p->client, SNAPSHOT);
        tell(w, "world", "take a snapshot: %s", outcome(p, rc));
    }
    w->snapshot = rc == 0;
    if (rc < 0)
        fail(w, "world", "no snapshot can be taken: %s", outcome(p, rc));
}

static void travel(struct world *w, struct player *p)
{
    for (unsigned i = 0; i < 2 * w->plan.players; i++)
        if (!model_can_be(&book_at(w, i)->model, &w->then[i]))
            return;
    for (unsigned i = 0; i < 2 * w->plan.players; i++) { /* the power may be cut in the call */
        model_or(&book_at(w, i)->model, &w->then[i]);
        fields_or(&book_at(w, i)->fields, &w->fields_then[i]);
    }
    int rc = call_snapshot_restore(&p->client, SNAPSHOT);
    tell(w, "world", "restore the snapshot: %s", outcome(p, rc));
    if (rc < 0) {
        fail(w, "world", "the snapshot cannot be restored: %s", outcome(p, rc));
        return;
    }
    w->result->restores++;
    for (unsigned i = 0; i < 2 * w->plan.players; i++) {
        model_replace(&book_at(w, i)->model, &w->then[i]);
        book_at(w, i)->fields = w->fields_then[i];
    }
    for (unsigned i = 0; i < 2 * w->plan.players && !failed(w); i++) {
        look_at_points(p, book_at(w, i), true);
        if (!failed(w) && w->plan.fields)
            look_at_fields(p, book_at(w, i));
        if (!failed(w) && w->plan.fields)
            look_by_filter(p, book_at(w, i), true);
    }
}

void travel_in_time(struct world *w)
{
    struct player *p = &w->players[0];
    bool back = w->snapshot && draw_one_in(&w->random, 2);
    if (!draw_one_in(&w->random, 2) || w->plan.wide || w->plan.many || damage_done(w) || !all_open(w) ||
        !player_connect(p))
        return;
    p->client.timeout_ns = PATIENCE_NS;
    for (unsigned i = 0; i < 2 * w->plan.players; i++)
        book_at(w, i)->refused.n = 0;
    if (back)
        travel(w, p);
    else
        take(w, p);
    client_close(&p->client);
}
