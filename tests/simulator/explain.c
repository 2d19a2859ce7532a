/* explain.c -- which errors a client may meet. An error that no injected fault explains is a failure of the seed, and so is wrong data
 * whatever was injected. */
#include "play.h"

bool explained_code(const struct world *w, enum action action, enum error_code code)
{
    return false;
}

bool explained(const struct world *w, enum action action, int rc)
{
    if (rc <= -1000)
        return explained_code(w, action, (enum error_code)(-1000 - rc));
    return false;
}

bool player_connect(struct player *p)
{
    client_close(&p->client);
    int rc = client_open(&p->client, p->world->server->port);
    for (unsigned tries = 1; rc < 0 && tries < 100 && explained(p->world, ACTION_CONNECT, rc); tries++) {
        fiber_sleep_ns(20000000);
        rc = client_open(&p->client, p->world->server->port);
    }
    if (rc < 0)
        fail(p->world, p->name, "no connection can be had: %s", outcome(p, rc));
    return rc == 0;
}

bool done(struct player *p, struct book *b, enum action action, const char *what, int rc)
{
    struct world *w = p->world;
    if (rc == 0)
        return true;
    w->result->refused++;
    if (!explained(w, action, rc)) {
        fail(w, p->name, "%s on %s: %s", what, b->name, outcome(p, rc));
        return false;
    }
    if (rc > -1000)
        (void)player_connect(p);
    return false;
}
