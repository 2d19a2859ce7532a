/* explain.c -- which errors a client may get. An error that no injected fault explains fails the
 * seed. Wrong data always fails it. */
#include "play.h"

#include <string.h>

/* How long a client waits for an answer. A write may wait until segments are sealed. If a flush
 * takes 0.3 s and a hundred segments lacked memory to be sealed, that takes more than a minute of
 * virtual time. */
#define PATIENCE_NS ((uint64_t)300000000000)

#define READS    (1u << ACTION_READ | 1u << ACTION_FETCH)
#define FETCHES  (1u << ACTION_FETCH) /* searches of an index that reads pages from the disk */
#define WRITES   (1u << ACTION_WRITE | 1u << ACTION_MAINTAIN)
#define VERIFIES (1u << ACTION_VERIFY) /* reads the disk, which few searches do */
#define STARTS   (1u << ACTION_START)
#define ANYTHING (READS | WRITES | VERIFIES | STARTS)

static const struct {
    enum error_code code;
    unsigned actions;
    enum sim_fault fault;
} reasons[] = {
    {ERROR_IO, WRITES | STARTS, FAULT_WRITE_ERROR},
    {ERROR_IO, WRITES | STARTS, FAULT_FLUSH_ERROR},
    {ERROR_IO, WRITES | STARTS | VERIFIES | FETCHES, FAULT_READ_ERROR},
    {ERROR_RESOURCE_EXHAUSTED, WRITES | STARTS, FAULT_DISK_FULL},
    {ERROR_RESOURCE_EXHAUSTED, ANYTHING, FAULT_NO_MEMORY},
    {ERROR_CORRUPT, ANYTHING, FAULT_BIT_ROT},
    {ERROR_IO, WRITES | STARTS, FAULT_MISDIRECTED_WRITE},
    {ERROR_CORRUPT, ANYTHING, FAULT_MISDIRECTED_WRITE},
    /* of a segment that could not be read at the start */
    {ERROR_CORRUPT, READS | WRITES, FAULT_READ_ERROR},
    {ERROR_CORRUPT, READS | WRITES, FAULT_LOST_PAGE},
    /* of the log, or of a file that was just written */
    {ERROR_IO, WRITES | STARTS | VERIFIES, FAULT_LOST_PAGE},
};

static bool injected(const struct world *w, enum sim_fault f)
{
    return sim_faults_injected(w->sim, f) > 0;
}

bool explained_code(const struct world *w, enum action action, enum error_code code)
{
    if (code == ERROR_TOO_LARGE && w->memory)
        return true;
    /* the limits of the round are small */
    if (code == ERROR_RESOURCE_EXHAUSTED && (w->memory || w->queue_ms))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].code == code && reasons[i].actions & 1u << action && injected(w, reasons[i].fault))
            return true;
    return false;
}

enum action action_of_search(const struct book *b)
{
    return strcmp(b->kind.index, "paged") == 0 ? ACTION_FETCH : ACTION_READ;
}

bool damage_done(const struct world *w)
{
    return injected(w, FAULT_BIT_ROT) || injected(w, FAULT_MISDIRECTED_WRITE);
}

bool unreadable(const struct world *w)
{
    return injected(w, FAULT_READ_ERROR);
}

/* Whether faults explain that a connection failed or ended with rc. */
static bool lost(const struct world *w, int rc)
{
    if (rc == -ENOMEM)
        return injected(w, FAULT_NO_MEMORY);
    bool broken = rc == -ECONNRESET || rc == -EPIPE || rc == -ENOTCONN || rc == -ECONNREFUSED || rc == -ECONNABORTED;
    return broken && (injected(w, FAULT_RESET) || injected(w, FAULT_CUT) || injected(w, FAULT_NO_MEMORY));
}

bool explained(const struct world *w, enum action action, int rc)
{
    if (rc == -ETIME && action == ACTION_MAINTAIN) /* it waits for a slow disk, and others write */
        return w->plan.varied || injected(w, FAULT_SLOW_DISK);
    if (rc > -1000)
        return lost(w, rc);
    return explained_code(w, action, (enum error_code)(-1000 - rc));
}

/* Connects with the identity of the player. Once the hello is answered, no request of its earlier
 * connections is under way. */
static int connect_once(struct player *p)
{
    if (p->identity == 0)
        p->identity = ++p->world->identities;
    uint8_t client_id[16] = {1};
    memcpy(client_id + 1, &p->identity, sizeof(p->identity));
    const int rc =
        client_open_as(&p->client, server_port(p->world->server, PROTOCOL_NATIVE), client_id, p->connections++);
    p->client.timeout_ns = PATIENCE_NS;
    return rc;
}

/* Whether the hello was refused because requests of the earlier connection are still under way.
 * They may wait longer for a slow disk than a hello does. */
static bool is_early(const struct player *p, int rc)
{
    return rc == CLIENT_REFUSED(ERROR_RESOURCE_EXHAUSTED) && strstr(p->client.error, "earlier connection");
}

bool player_connect(struct player *p)
{
    client_close(&p->client);
    int rc = connect_once(p);
    for (unsigned tries = 1; rc < 0 && tries < 100 && (is_early(p, rc) || explained(p->world, ACTION_READ, rc));
         tries++) {
        fiber_sleep_ns(20000000);
        rc = connect_once(p);
    }
    if (rc < 0)
        fail(p->world, p->name, "the server takes no connection: %s", outcome(p, rc));
    for (unsigned i = 0; rc == 0 && i < 2; i++)
        model_over(&p->books[i].model);
    return rc == 0;
}

bool done(struct player *p, struct book *b, enum action action, const char *what, int rc)
{
    struct world *w = p->world;
    if (rc == 0)
        return true;
    if (p->early && (rc > -1000 || rc == CLIENT_REFUSED(ERROR_UNAVAILABLE))) {
        p->early = rc < -1000;
        return false;
    }
    w->result->refused++;
    if (!explained(w, action, rc))
        fail(w, p->name, "%s on %s: %s", what, b->name, outcome(p, rc));
    else if (rc == CLIENT_REFUSED(ERROR_CORRUPT) &&
             action != ACTION_MAINTAIN && /* a seal may read back what it wrote */
             !(strstr(p->client.error, "data/") && strstr(p->client.error, "offset")))
        fail(w, p->name, "the error of %s on %s does not name file and offset: %s", what, b->name, outcome(p, rc));
    else if (rc == CLIENT_REFUSED(ERROR_CORRUPT))
        b->state = BOOK_DAMAGED;
    else if (rc > -1000)
        (void)player_connect(p);
    return false;
}
