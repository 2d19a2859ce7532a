/* play.h -- the inside of a world: who is in it, and what the files of this
 * folder know of each other.
 *
 * A player is a client. It writes to a collection of its own and to its share of the ids of a
 * collection that all use; a book says what must be there of one of these. Only one player writes
 * to the ids of a book, one request at a time. */
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
    OPERATION_CROWD, /* of searches at once */
    OPERATION_COUNT,
    OPERATION_INFO,
    OPERATION_SEAL,
    OPERATION_COMPACT,
    OPERATION_VERIFY,
    OPERATION_DROP,
    OPERATION_RECONNECT,
    OPERATION_FIELD,  /* is added or dropped */
    OPERATION_FILTER, /* a search with one */
    OPERATION_LOOK,   /* at everything, after a start and before an end */
    OPERATION_KINDS
};

enum book_state {
    BOOK_OPEN,
    BOOK_DOUBTFUL, /* created or dropped, or perhaps not: the next start shows */
    BOOK_DAMAGED,  /* the server says that its file is damaged, and damage was done */
};

/* The sealed segments of a collection as the server told them (census.c). */
struct census {
    uint64_t taken; /* 1: before an end that was in order */
    uint64_t segments, ids_sum, rows, deleted, disk_bytes;
};

struct book {
    const char *name;
    bool shared, created;
    bool created_again; /* perhaps, after a drop that perhaps was one */
    enum book_state state;
    Kith__Durability durability;
    struct index_recipe kind;
    /* a power cut may take what was acknowledged: not flushed, or perhaps written elsewhere */
    bool weak;
    bool looked; /* at all points of it, since the last start */
    uint32_t
        /* reactors of the last round, if a power cut ended it and nothing else
         * went wrong; 0: otherwise */
        ordered;
    struct census census;
    struct model model;
    struct payloads payloads;
    struct fields fields;
    /* an upsert that was refused, and can be tried again: no other write of its
     * points was begun since */
    struct {
        uint32_t ids[MODEL_BATCH_MAX], n, version;
    } refused;
};

struct player {
    struct world *world;
    uint32_t number;
    char name[24];
    struct book books[2]; /* its own, its share */
    uint64_t random, fields_random, filters_random;
    uint32_t identity;    /* as a client; 0: it has none yet */
    uint32_t connections; /* that it had: each says how many came before it */
    /* the server is still starting: it may refuse, or end the connection because it cannot start */
    bool early;
    struct client client;
};

struct world {
    struct sim *sim;
    struct server *server;
    struct seed_plan plan;
    /* a stream of its own: what else a seed draws does not depend on it */
    uint64_t random, census_random;
    struct player players[PLAYERS_MAX];
    uint32_t players_left;
    uint32_t identities; /* given out */
    bool shared_created;
    /* of the round */
    uint32_t reactors, operations;
    uint64_t growing, crash_after;
    bool tight; /* few credits and fibers */
    uint16_t credits[ORDERS];
    uint64_t memory, queue_ms; /* 0: as the server is without */
    bool faulty_start, started;
    uint64_t log_faults; /* when the round began */
    bool orderly;        /* the last end */
    bool over;           /* nothing is left to see */
    bool snapshot;       /* there is one */
    struct model *then;  /* what it holds, for each book */
    struct fields fields_then[2 * PLAYERS_MAX];
    struct wide *wide;             /* its points; NULL: there are none yet */
    struct many *many;             /* its collections; NULL: likewise */
    uint32_t fibers[REACTORS_MAX]; /* that lived on each reactor when it began to serve */
    struct event done;
    struct world_result *result;
    enum world_trace trace;
};

uint64_t draw(uint64_t *state);
static inline bool draw_one_in(uint64_t *state, uint64_t n)
{
    return draw(state) % n == 0;
}

/* -- telling (tell.c) -- */

/* The first one counts. */
void fail(struct world *w, const char *who, const char *format, ...) PRINTF_LIKE(3, 4);
static inline bool failed(const struct world *w)
{
    return w->result->failure[0] != 0;
}
void tell(struct world *w, const char *who, const char *format, ...) PRINTF_LIKE(3, 4);
/* How a request ended, in a few words: "done", "refused: ...". */
const char *outcome(const struct player *p, int rc);

/* -- what an error may be (explain.c) -- */

enum action { ACTION_READ, ACTION_WRITE, ACTION_MAINTAIN, ACTION_VERIFY, ACTION_START, ACTION_FETCH };
enum action action_of_search(const struct book *b);
/* Whether the faults injected so far explain that a request (rc as of client.h)
 * or a start ended so. */
bool explained(const struct world *w, enum action action, int rc);
bool explained_code(const struct world *w, enum action action, enum error_code code);
bool damage_done(const struct world *w); /* to what is on the disk */
bool unreadable(const struct world *w);  /* what is on the disk, now and then */
/* The request is over. True: done. Otherwise it failed: for a reason that faults explain, or the
 * seed has failed. After a lost connection there is a new one. */
bool done(struct player *p, struct book *b, enum action action, const char *what, int rc);
bool player_connect(struct player *p);

/* -- looking (look.c) -- */

void look_at_points(struct player *p, struct book *b, bool first);
void look_at_count(struct player *p, struct book *b);
/* A search, of which the rest is drawn. */
struct search_draw {
    uint64_t *random; /* what its query and its effort are drawn from */
    bool exact;
    uint32_t k;
    const struct drawn_filter *filter; /* NULL: every point may be a hit */
};
void look_by_draw(struct player *p, struct book *b, const struct search_draw *d);
/* without a filter */
void look_by_search(struct player *p, struct book *b, bool exact, uint32_t k);

/* -- the schema of a collection (fields.c) -- */

void change_field(struct player *p, struct book *b);
void look_at_fields(struct player *p, struct book *b);

/* -- searches with filters (filters.c) -- */

/* With a filter that is drawn, or not, if the collection has none of its fields. */
void look_by_filter(struct player *p, struct book *b, bool exact);

/* -- more than can be done at once (crowd.c) -- */

void crowd(struct player *p, struct book *b);

/* -- more requests of all kinds than there is room for (storm.c) -- */

void storm(struct world *w);

/* -- searches that pause (wide.c) -- */

void wide(struct world *w);
void wide_free(struct wide *wide); /* NULL is fine */

/* -- hundreds of small collections (many.c) -- */

void many(struct world *w);
void many_free(struct many *many); /* NULL is fine */

/* -- during a start (early.c) -- */

void look_early(struct world *w);     /* begins */
void look_early_end(struct world *w); /* waits, when the server has started */

/* -- snapshots (travel.c) -- */

void travel_in_time(struct world *w); /* takes a snapshot, or goes back to one, now and then */

/* -- what the server says of its collections (census.c) -- */

enum census_moment { CENSUS_AFTER_START, CENSUS_BEFORE_END };
void take_census(struct world *w, enum census_moment moment); /* nobody writes meanwhile */

/* -- playing (player.c): fibers -- */

void player_run(void *player);
/* no more faults: writes must be taken again, and everything be right */
void player_settle(void *player);

/* -- what must come to an end when the faults did (settle.c) -- */

/* a server that could not write looks every 30 s whether it can */
#define SETTLE_NS ((uint64_t)120000000000)

void balance_begin(struct world *w); /* (balance.c): what is there before anything is asked */
void balance_check(struct world *w); /* all that was counted out is back */
/* waits until all that was written is in graphs, and all that is full is sealed */
void settle_work(struct world *w);
