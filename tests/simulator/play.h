/* play.h -- the inside of a world: its structures, and the functions that the files of this folder
 * call in each other.
 *
 * A player is a client. It writes to a collection of its own, and to its share of the ids of a
 * collection that all players use. A book records what one of these two collections must hold of
 * the player's points. Only one player writes to the ids of a book, one request at a time. */
#pragma once

#include "actors/server.h"
#include "calls.h"
#include "fields.h"
#include "model.h"
#include "payloads.h"
#include "plan.h"
#include "world.h"

#include <errno.h>
#include <inttypes.h>

enum operation {
    OPERATION_UPSERT,
    OPERATION_DELETE,
    OPERATION_GET,
    OPERATION_SEARCH,
    OPERATION_EXACT,
    OPERATION_CROWD, /* many searches at once */
    OPERATION_COUNT,
    OPERATION_INFO,
    OPERATION_SEAL,
    OPERATION_COMPACT,
    OPERATION_VERIFY,
    OPERATION_DROP,
    OPERATION_RECONNECT,
    OPERATION_FIELD,  /* adds or drops a field */
    OPERATION_FILTER, /* searches with a filter */
    OPERATION_LOOK,   /* reads everything, after a start and before an end */
    OPERATION_KINDS
};

enum book_state {
    BOOK_OPEN,
    BOOK_DOUBTFUL, /* a creation or a drop was perhaps done: the next start shows */
    BOOK_DAMAGED,  /* the server reports a damaged file, and the world did damage files */
};

/* The sealed segments of a collection as the server reported them (census.c). */
struct census {
    uint64_t taken; /* 1: taken before an orderly end */
    uint64_t segments, ids_sum, rows, deleted, disk_bytes;
};

struct book {
    const char *name;
    bool shared, created;
    bool created_again; /* the collection was perhaps dropped and created again */
    enum book_state state;
    Kith__Durability durability;
    struct index_recipe kind;
    /* a power cut may take acknowledged writes: they are not flushed, or perhaps misdirected */
    bool weak;
    bool looked; /* all its points were read since the last start */
    /* reactors of the last round, if a power cut ended it and nothing else went wrong; else 0 */
    uint32_t ordered;
    struct census census;
    struct model model;
    struct payloads payloads;
    struct fields fields;
    /* a refused upsert that can be tried again: no other write of its points was begun since */
    struct {
        uint32_t ids[MODEL_BATCH_MAX], n, version;
    } refused;
};

struct player {
    struct world *world;
    uint32_t number;
    char name[24];
    struct book books[2]; /* its own collection, its share of the common one */
    uint64_t random, fields_random, filters_random;
    uint32_t identity;    /* with which it names itself to the server; 0: none yet */
    uint32_t connections; /* how many it has had: each new one sends this number */
    /* the server is still starting: it may refuse, or close the connection if the start fails */
    bool early;
    struct client client;
};

struct world {
    struct sim *sim;
    struct server *server;
    struct seed_plan plan;
    /* two streams: what the census draws changes nothing else that the seed draws */
    uint64_t random, census_random;
    struct player players[PLAYERS_MAX];
    uint32_t players_left;
    uint32_t identities; /* how many were given to players */
    bool shared_created;
    /* drawn for each round */
    uint32_t reactors, operations;
    uint64_t growing, crash_after;
    bool tight; /* few credits and fibers */
    uint16_t credits[ORDERS];
    uint64_t memory, queue_ms; /* 0: the server's default */
    bool faulty_start, started;
    uint64_t log_faults; /* how many there were when the round began */
    bool orderly;        /* the last round ended in order */
    bool over;           /* the seed ends here: nothing after this can be judged */
    bool snapshot;       /* the server has one */
    struct model *then;  /* what the snapshot holds, for each book */
    struct fields fields_then[2 * PLAYERS_MAX];
    struct wide *wide;             /* the points of wide.c; NULL: none yet */
    struct many *many;             /* the collections of many.c; NULL: none yet */
    uint32_t fibers[REACTORS_MAX]; /* how many each reactor had when it began to serve */
    struct event done;
    struct world_result *result;
    enum world_trace trace;
};

uint64_t draw(uint64_t *state);
static inline bool draw_one_in(uint64_t *state, uint64_t n)
{
    return draw(state) % n == 0;
}

/* -- the trace and the failure (tell.c) -- */

/* The seed has failed. Only the first failure is kept. */
void fail(struct world *w, const char *who, const char *format, ...) PRINTF_LIKE(3, 4);
static inline bool failed(const struct world *w)
{
    return w->result->failure[0] != 0;
}
/* A line of the trace. */
void tell(struct world *w, const char *who, const char *format, ...) PRINTF_LIKE(3, 4);
/* How a request ended, in a few words: "done", "refused: ...". */
const char *outcome(const struct player *p, int rc);

/* -- which errors are allowed (explain.c) -- */

enum action { ACTION_READ, ACTION_WRITE, ACTION_MAINTAIN, ACTION_VERIFY, ACTION_START, ACTION_FETCH };
enum action action_of_search(const struct book *b);
/* Whether the faults injected so far explain this error of a request or a start. rc is that of
 * client.h. */
bool explained(const struct world *w, enum action action, int rc);
bool explained_code(const struct world *w, enum action action, enum error_code code);
bool damage_done(const struct world *w); /* faults changed bytes on the disk */
bool unreadable(const struct world *w);  /* faults let reads of the disk fail */
/* Judges the end of a request. True: it succeeded. False: faults explain the error, or the seed has
 * failed. A lost connection is replaced by a new one. */
bool done(struct player *p, struct book *b, enum action action, const char *what, int rc);
bool player_connect(struct player *p);

/* -- comparing the server with the model (look.c) -- */

void look_at_points(struct player *p, struct book *b, bool first);
void look_at_count(struct player *p, struct book *b);
/* A search. Its query and its effort are drawn. */
struct search_draw {
    uint64_t *random; /* the stream that both are drawn from */
    bool exact;
    uint32_t k;
    const struct drawn_filter *filter; /* NULL: every point may be a hit */
};
void look_by_draw(struct player *p, struct book *b, const struct search_draw *d);
/* Searches without a filter. */
void look_by_search(struct player *p, struct book *b, bool exact, uint32_t k);

/* -- the schema of a collection (fields.c) -- */

void change_field(struct player *p, struct book *b);
void look_at_fields(struct player *p, struct book *b);

/* -- searches with filters (filters.c) -- */

/* Searches with a filter that is drawn. Does nothing if the collection may have no fields. */
void look_by_filter(struct player *p, struct book *b, bool exact);

/* -- more searches than can run at once (crowd.c) -- */

void crowd(struct player *p, struct book *b);

/* -- more requests of all kinds than there is room for (storm.c) -- */

void storm(struct world *w);

/* -- searches that pause (wide.c) -- */

void wide(struct world *w);
void wide_free(struct wide *wide); /* wide may be NULL */

/* -- hundreds of small collections (many.c) -- */

void many(struct world *w);
void many_free(struct many *many); /* many may be NULL */

/* -- during a start (early.c) -- */

void look_early(struct world *w);     /* starts the clients that read */
void look_early_end(struct world *w); /* waits for them to end, once the server has started */

/* -- snapshots (travel.c) -- */

void travel_in_time(struct world *w); /* now and then takes a snapshot or restores it */

/* -- what the server reports of its collections (census.c) -- */

enum census_moment { CENSUS_AFTER_START, CENSUS_BEFORE_END };
void take_census(struct world *w, enum census_moment moment); /* no client may write meanwhile */

/* -- playing (player.c): fibers -- */

void player_run(void *player);
/* After the faults: the server must take writes again, and every read must be right. */
void player_settle(void *player);

/* -- what must end once the faults have ended (settle.c) -- */

/* A server that could not write tries again every 30 s. */
#define SETTLE_NS ((uint64_t)120000000000)

void balance_begin(struct world *w); /* balance.c: notes what there is before the first request */
void balance_check(struct world *w); /* balance.c: everything that was taken is given back */
/* Waits until all rows are in graphs and all full segments are sealed. */
void settle_work(struct world *w);
