/* router_verify.c -- checks a piece of the files on the disk, on the core of the
 * connection: it reads and sums in the background. Other reactors are only asked how far
 * their logs are durable. */
#include "actors/control_messages.h"
#include "actors/router/router_internal.h"
#include "actors/server.h"

#include <errno.h>
#include <stdlib.h>

#define STRETCH_BYTES ((uint64_t)256 << 20)
#define STRETCH_NS    ((uint64_t)500000000)
/* pause between two looks whether another request still checks files */
#define LOOK_NS ((uint64_t)5000000)

struct stretch {
    struct request *rq;
    struct router_verify *v;
    size_t capacity;
    uint64_t end_ns;
    int rc;
};

static int log_durable_of(unsigned reactor, uint64_t *ret, void *arg)
{
    struct control_log_durable_message m = {.position = 0};
    /* the manifest belongs to a snapshot that is just being restored */
    if (reactor >= reactor_count())
        return -ESHUTDOWN;
    int rc = message_call(&m.base, address_of(reactor, ACTOR_ASK), MSG_CONTROL_LOG_DURABLE, NULL);
    *ret = m.position;
    return rc;
}

static void on_damage(const struct verify_damage *damage, void *arg)
{
    struct stretch *s = arg;
    struct router_verify *v = s->v;
    if (v->damage_count == s->capacity) {
        size_t capacity = s->capacity ? s->capacity * 2 : 8;
        struct verify_damage **grown = arena_alloc(&s->rq->bulk, capacity * sizeof(*grown));
        if (!grown) {
            s->rc = -ENOMEM;
            return;
        }
        for (size_t i = 0; i < v->damage_count; i++)
            grown[i] = v->damages[i];
        v->damages = grown;
        s->capacity = capacity;
    }
    struct verify_damage *copy = arena_alloc(&s->rq->bulk, sizeof(*copy));
    if (!copy) {
        s->rc = -ENOMEM;
        return;
    }
    *copy = *damage;
    v->damages[v->damage_count++] = copy;
}

static int on_progress(uint64_t bytes, void *arg)
{
    struct stretch *s = arg;
    int rc = s->rc < 0 ? s->rc : context_check(&s->rq->ctx);
    if (rc < 0)
        return rc;
    if (s->rq->core->state != CORE_SERVING)
        return -ESHUTDOWN;
    return clock_now_ns() >= s->end_ns;
}

int router_verify_begin(struct request *rq, const char *what)
{
    struct core *c = rq->core;
    while (c->verifying) {
        const int rc = context_check(&rq->ctx);
        if (rc < 0)
            return request_error(rq, rc, what);
        fiber_sleep_ns(LOOK_NS);
    }
    c->verifying = true;
    return 0;
}

void router_verify_end(struct request *rq)
{
    rq->core->verifying = false;
}

/* Checks a piece when no other request of this core checks files. */
static int verify_admitted(struct request *rq, const struct verify_options *options, struct stretch *s)
{
    int rc = router_verify_begin(rq, "check");
    if (rc < 0)
        return rc;
    s->end_ns = clock_now_ns() + STRETCH_NS;
    rc = verify_step(options, &s->v->at, &s->v->progress, &rq->error);
    router_verify_end(rq);
    return rc == 0 ? s->rc : rc;
}

int router_verify(struct request *rq, struct router_verify *v)
{
    struct core *c = rq->core;
    struct stretch s = {.rq = rq, .v = v};
    struct verify_options options = {
        .dir = c->server->options.data,
        .bytes_max = STRETCH_BYTES,
        .log_durable = log_durable_of,
        .on_damage = on_damage,
        .on_progress = on_progress,
        .arg = &s,
    };
    int rc = router_check_serving(rq, "check");
    if (rc < 0)
        return rc;
    if (v->collection[0]) {
        const struct collection_entry *e = replica_find(&c->collections, v->collection);
        if (!e)
            return replica_error_unknown(&c->collections, v->collection, &rq->error);
        options.collection = e->config.id;
    }
    rc = admission_enter(rq, ADMIT_BACKGROUND, STRETCH_NS, 0, "check");
    if (rc < 0)
        return rc;
    rc = verify_admitted(rq, &options, &s);
    admission_leave(rq);
    if (c->state == CORE_RESTORING) /* the files may have been replaced meanwhile */
        return router_check_serving(rq, "check");
    if (rc < 0 && rq->error.code != ERROR_OK)
        return rc;
    if (rc == -ETIME || rc == -ECANCELED || rc == -ENOMEM || rc == -ESHUTDOWN)
        return request_error(rq, rc, "check");
    return rc;
}
