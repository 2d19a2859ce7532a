/* router_ask.c -- decides which reactor searches which segments, and asks them. A reactor gets
 * at most one message a round, for all queries. The own core searches while the others do.
 *
 * Every core can search all sealed segments, because they are shared. This core leaves sealed
 * segments to their owners when that is worth a message. Rows that are not sealed are searched
 * by their owner only; an owner without such rows is not asked.
 *
 * A point that is written again during a search leaves its old row for a new one. The new row is
 * there before the old one dies. But this core may look at its own rows after the owner was
 * asked for its new ones. So if any row has died since the search began, the owners are asked
 * once more. Then every row that was dead when it was looked at has its new row in an answer. */
#include "actors/router/router_internal.h"

#include "base/bits.h"
#include <errno.h>

struct asking {
    struct request *rq;
    struct collection_entry *entry;
    const struct query *q;
    uint32_t count; /* number of queries */
    uint64_t said_ns;
    struct router_parts *parts;
    struct shard_cover *covers; /* one for each reactor, as it was when the search began */
    uint64_t began_ns;
    /* sealed segments of other owners are searched by these */
    bool wide;
    uint64_t delegated[REACTORS_MAX / 64]; /* the owners that search their own sealed segments */
};

static struct shard_search_message *add_part(struct asking *a, const struct search_part *part)
{
    const struct query *q = a->q;
    uint64_t hits = (uint64_t)a->count * query_depth(q);
    struct shard_search_message *m = &a->parts->items[a->parts->count];
    *m = (struct shard_search_message){
        .base.ctx = &a->rq->ctx,
        .collection = a->entry->config.id,
        .schema_version = a->entry->config.schema->version,
        .queries = q->targets.vectors,
        .count = a->count,
        .k = query_depth(q),
        .ef = q->effort.ef,
        .recall = q->effort.recall,
        .refine_k = q->effort.refine_k,
        .exact = q->effort.exact,
        .filter = q->filter,
        .part = *part,
        .hits = arena_alloc(hits > 4096 ? &a->rq->bulk : &a->rq->arena, hits * sizeof(struct point_hit)),
        .counts = arena_alloc(&a->rq->arena, a->count * sizeof(uint32_t)),
        .error = arena_alloc(&a->rq->arena, sizeof(struct error)),
    };
    if (!m->hits || !m->counts || !m->error)
        return NULL;
    m->error->code = ERROR_OK;
    a->parts->count++;
    return m;
}

/* Reads which rows the other reactors have that this core lacks. Decides whether they search
 * their own sealed segments for this search. */
static void look_around(struct asking *a)
{
    struct core *c = a->rq->core;
    unsigned elsewhere = 0; /* other reactors that own sealed segments */
    for (unsigned r = 0; r < c->reactors; r++) {
        shard_cover_read(a->entry->shard, r, &a->covers[r]);
        elsewhere += a->covers[r].sealed;
    }
    const uint64_t query_ns = a->said_ns ? a->said_ns : shard_search_ns(a->entry->shard);
    const uint64_t work_ns = query_ns * a->count;
    a->wide = elsewhere > 0 && fan_out_choose(c, a->q->fan_out, work_ns, elsewhere + shard_has_sealed(a->entry->shard));
    for (unsigned r = 0; a->wide && r < c->reactors; r++)
        if (a->covers[r].sealed)
            bits_set(a->delegated, r);
}

static int send_parts(struct asking *a, bool with_sealed)
{
    struct core *c = a->rq->core;
    unsigned first = a->parts->count;
    for (unsigned r = 0; r < c->reactors; r++) {
        const struct shard_cover *cover = &a->covers[r];
        const struct search_part part = {.asked = true,
                                         .share_seq = cover->share_seq,
                                         .sealed = with_sealed && bits_test(a->delegated, r),
                                         .merges = cover->merges};
        if (r == c->reactor || !(cover->unsealed || part.sealed))
            continue;
        struct shard_search_message *m = add_part(a, &part);
        if (!m)
            return -ENOMEM;
        message_send(&m->base, address_of(r, ACTOR_SEARCH), MSG_SHARD_SEARCH, &a->rq->ctx);
    }
    if (a->parts->count > first)
        message_publish(); /* so that the others begin now, while this core searches its own part */
    return 0;
}

/* Asks this core (`here`; NULL: nothing here) and, if `others`, the other reactors. All messages
 * are awaited, also after a failure, because they lie in memory of this request. */
static int ask_round(struct asking *a, const struct search_part *here, bool others, bool with_sealed)
{
    struct shard_search_message *own = here ? add_part(a, here) : NULL;
    unsigned first = a->parts->count;
    int rc = here && !own ? -ENOMEM : 0;
    if (rc == 0 && others)
        rc = send_parts(a, with_sealed);
    if (rc == 0 && own)
        rc = shard_on_search(a->rq->core, own);
    for (unsigned i = first; i < a->parts->count; i++) {
        int one = message_await(&a->parts->items[i].base);
        rc = rc < 0 ? rc : one;
    }
    return rc;
}

/* Asks the owners again that may have the new rows of points whose old rows died. */
static int ask_again(struct asking *a)
{
    struct core *c = a->rq->core;
    const struct search_part rows_here = {.asked = true, .share_seq = a->covers[c->reactor].share_seq};
    for (unsigned r = 0; r < c->reactors; r++) {
        struct shard_cover now;
        shard_cover_read(a->entry->shard, r, &now);
        a->covers[r].unsealed |= now.unsealed;
    }
    return ask_round(a, a->wide ? &rows_here : NULL, true, false);
}

/* The sentence of the first part that has one. */
static void take_error(const struct asking *a)
{
    for (unsigned i = 0; i < a->parts->count && a->rq->error.code == ERROR_OK; i++)
        if (a->parts->items[i].error->code != ERROR_OK)
            a->rq->error = *a->parts->items[i].error;
}

int router_ask(struct request *rq, struct collection_entry *e, const struct query *q, uint32_t count, uint64_t said_ns,
               struct router_parts *ret)
{
    unsigned reactors = rq->core->reactors;
    struct asking a = {
        .rq = rq, .entry = e, .q = q, .count = count, .said_ns = said_ns, .parts = ret, .began_ns = clock_now_ns()};
    const struct search_part everything = {.asked = false};
    struct search_part here = everything;
    bool stale = false, again = false;
    *ret = (struct router_parts){.items = arena_alloc(&rq->arena, (2 * reactors + 1) * sizeof(*ret->items))};
    a.covers = arena_alloc(&rq->arena, reactors * sizeof(*a.covers));
    if (!ret->items || !a.covers)
        return -ENOMEM;
    look_around(&a);
    here.delegated = a.wide ? a.delegated : NULL;
    int rc = ask_round(&a, &here, true, true);
    for (unsigned i = 0; i < ret->count; i++) {
        stale |= ret->items[i].stale;
        again |= ret->items[i].died_ns >= a.began_ns;
    }
    if (rc == 0 && stale)
        rc = ask_round(&a, &everything, false, false);
    if (rc == 0 && again)
        rc = ask_again(&a);
    if (rc < 0)
        take_error(&a);
    return rc;
}
