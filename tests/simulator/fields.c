/* fields.c -- adds and drops fields beside all other operations. An acknowledged change is there on
 * every reactor and after every restart. Another change is there as a whole or not at all. A change
 * that names a wrong version of the schema is refused. */
#include "fields.h"
#include "play.h"

#include <string.h>

#define WRONG_VERSION 1000000
#define INTEGER       "integer"
#define NO_KIND       "colour"

/* -- the model -- */

void fields_init(struct fields *f)
{
    for (unsigned i = 0; i < FIELDS; i++)
        f->now[i] = f->last[i] = FIELD_ABSENT;
    f->version_least = f->version_most = 1;
}

void fields_maybe_empty(struct fields *f)
{
    for (unsigned i = 0; i < FIELDS; i++) {
        f->now[i] |= FIELD_ABSENT;
        f->last[i] |= FIELD_ABSENT;
    }
    f->version_least = 1;
}

void fields_restart(struct fields *f)
{
    for (unsigned i = 0; i < FIELDS; i++)
        f->now[i] = f->last[i] = f->now[i] | f->last[i];
}

void fields_or(struct fields *f, const struct fields *then)
{
    for (unsigned i = 0; i < FIELDS; i++) {
        f->now[i] |= then->now[i];
        f->last[i] |= then->last[i];
    }
    if (then->version_least < f->version_least)
        f->version_least = then->version_least;
    if (then->version_most > f->version_most)
        f->version_most = then->version_most;
}

/* -- a change -- */

struct change {
    unsigned field;
    bool add, wrong_version, no_kind;
    uint64_t version; /* the version that the request names */
    char path[PAYLOAD_PATH];
};

/* Draws a change. In the shared collection other players change the schema too, so a version that
 * was seen there may be outdated. */
static struct change choose(struct player *p, const struct book *b)
{
    const struct fields *f = &b->fields;
    const bool certain = !b->shared && f->version_least == f->version_most;
    struct change c = {.field = (unsigned)(draw(&p->fields_random) % FIELDS),
                       .add = draw_one_in(&p->fields_random, 2),
                       .wrong_version = draw_one_in(&p->fields_random, 8)};
    c.no_kind = c.add && draw_one_in(&p->fields_random, 10);
    const bool old = f->version_least > 1 && draw_one_in(&p->fields_random, 2);
    c.version = c.wrong_version ? (old ? f->version_least - 1 : f->version_least + WRONG_VERSION)
                : certain && draw_one_in(&p->fields_random, 2) ? f->version_least
                                                               : 0;
    payload_path(f->owner, c.field, c.path);
    return c;
}

static void acknowledged(struct player *p, struct book *b, const struct change *c, unsigned before, uint64_t version)
{
    struct fields *f = &b->fields;
    const unsigned from = c->add ? FIELD_ABSENT : FIELD_PRESENT, to = c->add ? FIELD_PRESENT : FIELD_ABSENT;
    if (c->wrong_version || c->no_kind)
        fail(p->world, p->name, "%s: the server took a change of the schema that it must refuse", b->name);
    else if (!(before & from))
        fail(p->world, p->name, "%s: field %s was %s, which it was already", b->name, c->path,
             c->add ? "added" : "dropped");
    else if (version <= f->version_least || (!b->shared && version > f->version_most))
        fail(p->world, p->name, "%s: a change made version %" PRIu64 " of the schema; it had %" PRIu64 " to %" PRIu64,
             b->name, version, f->version_least, f->version_most);
    f->now[c->field] = f->last[c->field] = to;
    f->version_least = version;
    if (!b->shared)
        f->version_most = version;
}

/* Whether the request deserved this refusal, which leaves the schema as it was. */
static bool is_refused_rightly(const struct book *b, const struct change *c, unsigned before, int rc)
{
    return rc == CLIENT_REFUSED(ERROR_CONFLICT)           ? c->wrong_version
           : rc == CLIENT_REFUSED(ERROR_INVALID_ARGUMENT) ? c->no_kind
           : rc == CLIENT_REFUSED(ERROR_ALREADY_EXISTS)   ? c->add && before & FIELD_PRESENT
           : rc == CLIENT_REFUSED(ERROR_NOT_FOUND)        ? !c->add && before & FIELD_ABSENT
                                                          : false;
}

void change_field(struct player *p, struct book *b)
{
    struct fields *f = &b->fields;
    const struct fields before = *f;
    const struct change c = choose(p, b);
    const unsigned to = c.add ? FIELD_PRESENT : FIELD_ABSENT;
    uint64_t version = 0;
    f->now[c.field] |= to;
    f->last[c.field] |= to;
    f->version_most += !b->shared;
    int rc = c.add ? client_add_field(&p->client, b->name, c.path, c.no_kind ? NO_KIND : INTEGER, c.version, &version)
                   : client_drop_field(&p->client, b->name, c.path, c.version, &version);
    tell(p->world, p->name, "%s field %s of %s, by version %" PRIu64 ": %s, version %" PRIu64, c.add ? "add" : "drop",
         c.path, b->name, c.version, outcome(p, rc), version);
    if (rc == 0) {
        acknowledged(p, b, &c, before.now[c.field], version);
    } else if (is_refused_rightly(b, &c, before.now[c.field], rc)) {
        *f = before;
        if (rc == CLIENT_REFUSED(ERROR_ALREADY_EXISTS) || rc == CLIENT_REFUSED(ERROR_NOT_FOUND))
            f->now[c.field] = to;
    } else {
        (void)done(p, b, ACTION_WRITE, "change of a field", rc);
    }
}

/* -- a look -- */

static bool is_there(const Kith__Collection *c, const char *path)
{
    for (size_t i = 0; i < c->n_fields; i++)
        if (strcmp(c->fields[i]->path, path) == 0)
            return true;
    return false;
}

static void compare(struct player *p, struct book *b, const Kith__Collection *c)
{
    struct fields *f = &b->fields;
    size_t mine = 0;
    if (c->schema_version < f->version_least || (!b->shared && c->schema_version > f->version_most))
        fail(p->world, p->name, "%s: the schema has version %" PRIu64 "; that can be %" PRIu64 " to %" PRIu64, b->name,
             c->schema_version, f->version_least, f->version_most);
    for (unsigned i = 0; i < FIELDS && !failed(p->world); i++) {
        char path[PAYLOAD_PATH];
        payload_path(f->owner, i, path);
        const unsigned seen = is_there(c, path) ? FIELD_PRESENT : FIELD_ABSENT;
        mine += seen == FIELD_PRESENT;
        if (!(f->now[i] & seen))
            fail(p->world, p->name, "%s: field %s is %s, which no change explains (schema version %" PRIu64 ")",
                 b->name, path, seen == FIELD_PRESENT ? "there" : "missing", c->schema_version);
        f->now[i] = seen;
        f->last[i] |= seen;
    }
    for (size_t i = 0; i < c->n_fields; i++)
        if (strcmp(c->fields[i]->kind, INTEGER) != 0)
            fail(p->world, p->name, "%s: field %s has a kind that was never given", b->name, c->fields[i]->path);
    if (!b->shared && mine != c->n_fields)
        fail(p->world, p->name, "%s: the schema has %zu fields, of which %zu are known", b->name, c->n_fields, mine);
    f->version_least = c->schema_version; /* no power cut takes back a version that was seen */
}

void look_at_fields(struct player *p, struct book *b)
{
    Kith__Info *info = NULL;
    int rc = client_info(&p->client, b->name, &info);
    tell(p->world, p->name, "fields of %s: %s", b->name, outcome(p, rc));
    if (done(p, b, ACTION_READ, "info", rc))
        compare(p, b, info->collection);
    if (info)
        kith__info__free_unpacked(info, NULL);
}
