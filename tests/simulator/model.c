/* model.c -- the model is an array of points, each with an array of choices. It is as simple as
 * possible, because the server is compared with it. */
#include "model.h"
#include "base/check.h"
#include "base/point_id.h"
#include "scores.h"
#include "shards/collection.h"

#include <string.h>

void model_init(struct model *m, uint64_t base, Kith__Metric metric, bool weak)
{
    memset(m, 0, sizeof(*m));
    m->base = base;
    m->metric = metric;
    m->weak = weak;
    m->next_version = m->next_issue = 1;
    for (uint32_t i = 0; i < MODEL_IDS; i++) {
        m->points[i].count = 1;
        m->points[i].choices[0] = (struct model_choice){.state = MODEL_NOW | MODEL_LAST};
    }
}

/* -- writes -- */

bool model_can_write(const struct model *m, const uint32_t *ids, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (m->points[ids[i]].count == MODEL_CHOICES)
            return false;
    return m->batch_count < MODEL_BATCHES;
}

static void begin(struct model *m, const uint32_t *ids, uint32_t n, uint32_t version)
{
    for (uint32_t i = 0; i < n; i++) {
        struct model_point *p = &m->points[ids[i]];
        struct model_choice *last = &p->choices[p->count - 1];
        bool again =
            /* the write was refused, or the point was absent already */
            last->version == version && last->state == (MODEL_NOW | MODEL_LAST);
        check(again || p->count < MODEL_CHOICES);
        p->count += !again;
        p->choices[p->count - 1] = (struct model_choice){
            .version = version, .issue = m->next_issue, .state = MODEL_NOW | MODEL_LAST | MODEL_COME};
    }
    m->next_issue++;
}

uint32_t model_begin_upsert(struct model *m, const uint32_t *ids, uint32_t n, uint32_t reactors, uint32_t version)
{
    bool again = version && m->batch_count && m->batches[m->batch_count - 1].version == version;
    version = version ? version : m->next_version++;
    m->batch_count += !again;
    check(m->batch_count <= MODEL_BATCHES);
    struct model_batch *b = &m->batches[m->batch_count - 1];
    *b = (struct model_batch){.version = version, .issue = m->next_issue, .reactors = reactors, .count = n};
    memcpy(b->ids, ids, n * sizeof(*ids));
    begin(m, ids, n, version);
    return version;
}

void model_begin_delete(struct model *m, const uint32_t *ids, uint32_t n)
{
    begin(m, ids, n, MODEL_ABSENT);
}

void model_maybe_empty(struct model *m)
{
    for (uint32_t id = 0; id < MODEL_IDS; id++) {
        struct model_point *p = &m->points[id];
        uint32_t issue = p->choices[0].issue;
        if (p->count == MODEL_CHOICES)
            p->count--;
        memmove(p->choices + 1, p->choices, p->count++ * sizeof(*p->choices));
        p->choices[0] = (struct model_choice){.issue = issue, .state = MODEL_NOW | MODEL_LAST};
    }
    m->unordered = true;
}

bool model_can_be(const struct model *m, const struct model *then)
{
    for (uint32_t id = 0; id < MODEL_IDS; id++)
        if (m->points[id].count + then->points[id].count > MODEL_CHOICES)
            return false;
    return true;
}

void model_or(struct model *m, const struct model *then)
{
    m->batch_count = 0; /* an upsert that is there in part now may be whole in `then` */
    m->unordered = true;
    for (uint32_t id = 0; id < MODEL_IDS; id++) {
        struct model_point *p = &m->points[id];
        const struct model_point *t = &then->points[id];
        memmove(p->choices + t->count, p->choices, p->count * sizeof(*p->choices));
        memcpy(p->choices, t->choices, t->count * sizeof(*p->choices));
        p->count += t->count;
    }
}

void model_replace(struct model *m, const struct model *then)
{
    uint32_t version = m->next_version, issue = m->next_issue;
    *m = *then;
    m->next_version = version;
    m->next_issue = issue;
}

/* Removes the bits `state` from the choices issued before `issue`, except from those that an
 * unanswered request may still bring. Choices without a bit left are removed. */
static void outdate(struct model_point *p, uint32_t issue, unsigned state)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        struct model_choice c = p->choices[i];
        if (c.issue < issue && (c.over || !(c.state & MODEL_COME)))
            c.state &= ~(state | (unsigned)MODEL_COME);
        if (c.state)
            p->choices[kept++] = c;
    }
    p->count = kept;
}

/* The bits that an acknowledged write removes from earlier choices. In a weak collection a power
 * cut may bring earlier choices back. */
static unsigned outdated(const struct model *m)
{
    return m->weak ? MODEL_NOW : MODEL_NOW | MODEL_LAST;
}

void model_acknowledged(struct model *m, const uint32_t *ids, uint32_t n)
{
    uint32_t issue = m->next_issue - 1;
    for (uint32_t i = 0; i < n; i++) {
        struct model_point *p = &m->points[ids[i]];
        p->choices[p->count - 1].state &= ~(unsigned)MODEL_COME;
        p->choices[p->count - 1].acknowledged = true;
        outdate(p, issue, outdated(m));
    }
    if (m->batch_count && m->batches[m->batch_count - 1].issue == issue)
        m->batch_count--; /* it was acknowledged, so it is whole */
}

void model_refused(struct model *m, const uint32_t *ids, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct model_point *p = &m->points[ids[i]];
        p->choices[p->count - 1].state &= ~(unsigned)MODEL_COME;
    }
}

void model_over(struct model *m)
{
    for (uint32_t id = 0; id < MODEL_IDS; id++)
        for (uint32_t i = 0; i < m->points[id].count; i++)
            m->points[id].choices[i].over = true;
}

/* -- ends and looks -- */

void model_restart(struct model *m, enum model_end end)
{
    unsigned left = end == END_POWER_CUT ? MODEL_LAST : end == END_ORDERLY ? MODEL_NOW : MODEL_NOW | MODEL_LAST;
    for (uint32_t id = 0; id < MODEL_IDS; id++) {
        struct model_point *p = &m->points[id];
        uint32_t kept = 0;
        for (uint32_t i = 0; i < p->count; i++)
            if (p->choices[i].state & (left | MODEL_COME)) {
                p->choices[kept] = p->choices[i];
                p->choices[kept++].state = MODEL_NOW | MODEL_LAST;
            }
        p->count = kept;
    }
}

/* The newest choice with this version; NULL: none. */
static struct model_choice *find(struct model_point *p, uint32_t version)
{
    for (uint32_t i = p->count; i-- > 0;)
        if (p->choices[i].version == version && p->choices[i].state & (MODEL_NOW | MODEL_COME))
            return &p->choices[i];
    return NULL;
}

bool model_settle(struct model *m, uint32_t id, uint32_t version)
{
    struct model_point *p = &m->points[id];
    struct model_choice *c = find(p, version);
    if (!c)
        return false;
    /* the other choices are removed, but model_torn_batch() needs the newest issue */
    for (uint32_t i = 0; i < p->count; i++)
        p->choices[i].state = 0;
    c->state = MODEL_NOW | MODEL_LAST;
    return true;
}

static unsigned owner_of(const struct model *m, uint32_t id, uint32_t reactors)
{
    struct point_id name = {0, m->base + id};
    return (unsigned)(point_id_hash(name) >> 32) % SLOTS_DEFAULT % reactors;
}

static unsigned owner(const struct model *m, const struct model_batch *b, uint32_t id)
{
    return owner_of(m, id, b->reactors);
}

/* Returns 1 if the point has the version of the batch, 0 if not, and -1 if that is unknown because
 * of a later or an earlier write. */
static int has(const struct model *m, const struct model_batch *b, uint32_t id)
{
    const struct model_point *p = &m->points[id];
    if (p->choices[p->count - 1].issue != b->issue)
        return -1;
    return p->choices[p->count - 1].state != 0;
}

const struct model_batch *model_torn_batch(struct model *m)
{
    for (uint32_t i = 0; i < m->batch_count && !m->weak; i++) {
        const struct model_batch *b = &m->batches[i];
        for (uint32_t j = 0; j < b->count; j++)
            for (uint32_t k = 0; k < j; k++) {
                int one = has(m, b, b->ids[j]), other = has(m, b, b->ids[k]);
                if (one >= 0 && other >= 0 && one != other && owner(m, b, b->ids[j]) == owner(m, b, b->ids[k]))
                    return b;
            }
    }
    return NULL;
}

/* The choice that was found, if only one write can have brought it; else NULL. */
static const struct model_choice *found(const struct model_point *p)
{
    const struct model_choice *c = NULL;
    for (uint32_t i = 0; i < p->count; i++)
        c = p->choices[i].state ? &p->choices[i] : c;
    for (uint32_t i = 0; c && i < p->count; i++)
        if (&p->choices[i] != c && p->choices[i].version == c->version)
            return NULL;
    return c && c->version != MODEL_ABSENT ? c : NULL;
}

/* The issue of the newest write that reactor `of` kept for certain. */
static uint32_t newest_kept(const struct model *m, uint32_t reactors, unsigned of)
{
    uint32_t issue = 0;
    for (uint32_t id = 0; id < MODEL_IDS; id++) {
        const struct model_choice *c = found(&m->points[id]);
        if (c && c->acknowledged && c->issue > issue && owner_of(m, id, reactors) == of)
            issue = c->issue;
    }
    return issue;
}

uint32_t model_lost_too_much(const struct model *m, uint32_t reactors)
{
    for (unsigned r = 0; r < reactors && !m->unordered; r++) {
        uint32_t kept = newest_kept(m, reactors, r);
        for (uint32_t id = 0; id < MODEL_IDS; id++) {
            const struct model_point *p = &m->points[id];
            uint32_t is = 0, acknowledged = 0;
            for (uint32_t i = 0; i < p->count; i++) {
                const struct model_choice *c = &p->choices[i];
                is = c->state ? c->issue : is;
                acknowledged = c->acknowledged && c->issue <= kept ? c->issue : acknowledged;
            }
            if (acknowledged > is && owner_of(m, id, reactors) == r)
                return id;
        }
    }
    return MODEL_IDS;
}

void model_sealed(struct model *m)
{
    for (uint32_t id = 0; id < MODEL_IDS; id++) {
        struct model_point *p = &m->points[id];
        uint32_t first = 0;
        while (first < p->count && !(p->choices[first].state & (MODEL_NOW | MODEL_COME)))
            first++;
        if (first < p->count)
            outdate(p, p->choices[first].issue, MODEL_LAST);
    }
}

void model_all_settled(struct model *m)
{
    m->batch_count = 0;
    m->unordered = false;
    for (uint32_t id = 0; id < MODEL_IDS; id++)
        outdate(&m->points[id], 0, 0);
}

bool model_seen(struct model *m, uint32_t id, uint32_t version)
{
    struct model_point *p = &m->points[id];
    struct model_choice *oldest = NULL;
    for (uint32_t i = p->count; i-- > 0;)
        if (p->choices[i].version == version && p->choices[i].state & (MODEL_NOW | MODEL_COME))
            oldest = &p->choices[i];
    if (!oldest)
        return false;
    /* the write is perhaps not done yet: another reactor may still show the older version */
    if (oldest->state & MODEL_COME)
        return true;
    outdate(p, oldest->issue, outdated(m));
    return true;
}

bool model_certain(const struct model *m, uint32_t id, uint32_t *ret_version)
{
    const struct model_point *p = &m->points[id];
    uint32_t seen = 0;
    for (uint32_t i = 0; i < p->count; i++)
        if (p->choices[i].state & (MODEL_NOW | MODEL_COME)) {
            if (seen && p->choices[i].version != *ret_version)
                return false;
            *ret_version = p->choices[i].version;
            seen = 1;
        }
    return seen;
}

void model_count_of(const struct model *m, const uint32_t *ids, uint32_t n, uint64_t *ret_least, uint64_t *ret_most)
{
    *ret_least = *ret_most = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct model_point *p = &m->points[ids[i]];
        bool absent = false, there = false;
        for (uint32_t j = 0; j < p->count; j++)
            if (p->choices[j].state & (MODEL_NOW | MODEL_COME)) {
                absent |= p->choices[j].version == MODEL_ABSENT;
                there |= p->choices[j].version != MODEL_ABSENT;
            }
        *ret_least += there && !absent;
        *ret_most += there;
    }
}

void model_count(const struct model *m, uint64_t *ret_least, uint64_t *ret_most)
{
    uint32_t ids[MODEL_IDS];
    for (uint32_t i = 0; i < MODEL_IDS; i++)
        ids[i] = i;
    model_count_of(m, ids, MODEL_IDS, ret_least, ret_most);
}

/* -- what a version looks like -- */

void model_vector(uint64_t id, uint32_t version, float *ret)
{
    uint64_t x = id * 1000003 + version;
    for (int d = 0; d < MODEL_DIM; d++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        ret[d] = (float)((x >> 40) % 64);
    }
}

uint32_t model_version_of(const struct model *m, uint32_t id, const float *vector)
{
    float want[MODEL_DIM];
    const struct model_point *p = &m->points[id];
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->choices[i].version == MODEL_ABSENT)
            continue;
        model_vector(m->base + id, p->choices[i].version, want);
        if (is_stored_as(m->metric, MODEL_DIM, want, vector))
            return p->choices[i].version;
    }
    return UINT32_MAX;
}

bool model_hit_possible(const struct model *m, uint32_t id, const struct model_hit *h)
{
    float v[MODEL_DIM];
    const struct model_point *p = &m->points[id];
    for (uint32_t i = 0; i < p->count; i++) {
        const struct model_choice *c = &p->choices[i];
        if (c->version == MODEL_ABSENT || !(c->state & (MODEL_NOW | MODEL_COME)))
            continue;
        model_vector(m->base + id, c->version, v);
        const double score = score_of(m->metric, MODEL_DIM, h->query, v);
        if ((!h->is_scored || score_is_same(m->metric, score, (double)h->score)) &&
            (!h->passes || h->passes(h->arg, m->base + id, c->version)))
            return true;
    }
    return false;
}
