/* Tests snapshots of a whole server, which clients make and restore: on the simulator with one and
 * with three reactors, and on this machine. */
#include "client.h"
#include "harness.h"
#include "scenario.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIM    4
#define POINTS 100

#define SNAPSHOT_TEST(name) NATIVE_TEST(net_snapshot, name)

static int create(struct client *c, const char *name, char *ret_name)
{
    Kith__CreateSnapshot ask = KITH__CREATE_SNAPSHOT__INIT;
    struct client_reply r;
    ask.name = (char *)name;
    int rc = client_call(c, KITH_OP_SNAPSHOT_CREATE, &ask.base, NULL, 0, &r);
    if (rc < 0)
        return rc;
    Kith__Snapshot *made = kith__snapshot__unpack(NULL, r.header.meta_bytes, r.meta);
    cr_assert(made && made->created_ns > 0 && made->collections > 0 && !made->damaged);
    if (ret_name)
        strcpy(ret_name, made->name);
    kith__snapshot__free_unpacked(made, NULL);
    client_reply_fini(&r);
    return 0;
}

static int restore(struct client *c, const char *name)
{
    Kith__RestoreSnapshot ask = KITH__RESTORE_SNAPSHOT__INIT;
    ask.name = (char *)name;
    return client_call(c, KITH_OP_SNAPSHOT_RESTORE, &ask.base, NULL, 0, NULL);
}

static int delete (struct client *c, const char *name)
{
    Kith__DeleteSnapshot ask = KITH__DELETE_SNAPSHOT__INIT;
    ask.name = (char *)name;
    return client_call(c, KITH_OP_SNAPSHOT_DELETE, &ask.base, NULL, 0, NULL);
}

static size_t list(struct client *c, char first[64])
{
    Kith__ListSnapshots ask = KITH__LIST_SNAPSHOTS__INIT;
    struct client_reply r;
    cr_assert_eq(client_call(c, KITH_OP_SNAPSHOT_LIST, &ask.base, NULL, 0, &r), 0);
    Kith__SnapshotList *all = kith__snapshot_list__unpack(NULL, r.header.meta_bytes, r.meta);
    cr_assert(all);
    size_t n = all->n_snapshots;
    if (n)
        strcpy(first, all->snapshots[0]->name);
    kith__snapshot_list__free_unpacked(all, NULL);
    client_reply_fini(&r);
    return n;
}

static int verify(struct client *c, const char *name)
{
    Kith__VerifySnapshot ask = KITH__VERIFY_SNAPSHOT__INIT;
    struct client_reply r;
    ask.name = (char *)name;
    for (;;) {
        int rc = client_call(c, KITH_OP_SNAPSHOT_VERIFY, &ask.base, NULL, 0, &r);
        if (rc < 0)
            return rc;
        Kith__SnapshotVerified *v = kith__snapshot_verified__unpack(NULL, r.header.meta_bytes, r.meta);
        cr_assert(v && v->files_done <= v->files_total && (v->finished || v->next > ask.next));
        bool finished = v->finished;
        ask.next = v->next;
        kith__snapshot_verified__free_unpacked(v, NULL);
        client_reply_fini(&r);
        if (finished)
            return 0;
    }
}

/* Writes points first to first + n - 1. Every component is the number of the round. */
static int write_points(struct client *c, uint64_t first, uint32_t n, float round)
{
    uint64_t *ids = malloc(n * sizeof(*ids));
    float *v = malloc(n * DIM * sizeof(*v));
    for (uint32_t i = 0; i < n; i++)
        ids[i] = first + i;
    for (uint32_t i = 0; i < n * DIM; i++)
        v[i] = round;
    int rc = client_upsert(c, "a", ids, n, v, DIM);
    free(ids);
    free(v);
    return rc;
}

static void want_points(struct client *c, uint64_t count, float round)
{
    uint64_t is = 0, ids[POINTS], found[POINTS];
    float v[POINTS * DIM];
    uint32_t n = 0;
    cr_assert_eq(client_count(c, "a", &is), 0, "%s", c->error);
    cr_assert_eq(is, count);
    for (uint64_t i = 0; i < POINTS; i++)
        ids[i] = i;
    cr_assert_eq(client_get(c, "a", ids, POINTS, DIM, found, v, &n), 0, "%s", c->error);
    cr_assert_eq(n, count < POINTS ? count : POINTS);
    for (uint32_t i = 0; i < n; i++)
        cr_assert_eq(v[i * DIM], round);
}

SNAPSHOT_TEST(a_restore_brings_back_points_and_collections_and_the_connections_live_on)
{
    struct client c, other;
    char name[64];
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_open(&other, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_create(&c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(write_points(&c, 0, POINTS, 1), 0);
    cr_assert_eq(create(&c, "first", NULL), 0, "%s", c.error);
    cr_assert_eq(write_points(&c, 0, POINTS, 2), 0);
    cr_assert_eq(write_points(&c, POINTS, POINTS, 2), 0);
    cr_assert_eq(client_create(&c, "b", DIM, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(create(&c, "", name), 0, "%s", c.error);
    cr_assert(strlen(name) == 15 && name[8] == '-', "%s", name);
    cr_assert_eq(verify(&c, "first"), 0, "%s", c.error);
    cr_assert_eq(restore(&c, "first"), 0, "%s", c.error);
    want_points(&c, POINTS, 1);
    want_points(&other, POINTS, 1);
    uint64_t count;
    cr_assert_eq(client_count(&other, "b", &count), CLIENT_REFUSED(ERROR_NOT_FOUND));
    cr_assert_eq(write_points(&other, 0, POINTS, 3), 0);
    want_points(&c, POINTS, 3);
    cr_assert_eq(restore(&other, name), 0, "%s", other.error);
    want_points(&c, 2 * POINTS, 2);
    cr_assert_eq(client_count(&other, "b", &count), 0);
    cr_assert_eq(restore(&other, "first"), 0, "%s", other.error);
    want_points(&c, POINTS, 1);
    client_close(&c);
    client_close(&other);
}

SNAPSHOT_TEST(wrong_names_are_refused_with_a_sentence)
{
    struct client c;
    char first[64];
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_create(&c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(list(&c, first), 0);
    cr_assert_eq(create(&c, "x", NULL), 0);
    cr_assert_eq(create(&c, "x", NULL), CLIENT_REFUSED(ERROR_ALREADY_EXISTS));
    cr_assert(strstr(c.error, "'x'"));
    cr_assert_eq(create(&c, "../x", NULL), CLIENT_REFUSED(ERROR_INVALID_ARGUMENT));
    cr_assert_eq(verify(&c, ".."), CLIENT_REFUSED(ERROR_INVALID_ARGUMENT));
    cr_assert_eq(restore(&c, "y"), CLIENT_REFUSED(ERROR_NOT_FOUND));
    cr_assert(strstr(c.error, "there are: x"), "%s", c.error);
    cr_assert_eq(delete (&c, "y"), CLIENT_REFUSED(ERROR_NOT_FOUND));
    cr_assert_eq(list(&c, first), 1);
    cr_assert_str_eq(first, "x");
    cr_assert_eq(delete (&c, "x"), 0);
    cr_assert_eq(list(&c, first), 0);
    client_close(&c);
}

/* -- beside writers -- */

struct writers {
    struct server *s;
    unsigned running;
    bool stop;
    uint64_t acknowledged[4], refused; /* the last acknowledged round of each writer */
    struct event ended;
};

struct writer {
    struct writers *all;
    unsigned number;
};

/* Writes points of its own, in rounds. Only a restore may refuse a write. */
static void writer_run(void *arg)
{
    struct writer *w = arg;
    struct writers *all = w->all;
    struct client c;
    cr_assert_eq(client_open(&c, server_port(all->s, PROTOCOL_NATIVE)), 0);
    for (uint64_t round = 1; !all->stop; round++) {
        int rc = write_points(&c, w->number * 20, 20, (float)round);
        if (rc == 0) {
            all->acknowledged[w->number] = round;
            continue;
        }
        cr_assert_eq(rc, CLIENT_REFUSED(ERROR_UNAVAILABLE), "rc %d: %s", rc, c.error);
        all->refused++;
        fiber_sleep_ns(1000000);
    }
    client_close(&c);
    all->running--;
    event_notify_all(&all->ended);
}

static uint64_t round_of(struct client *c, unsigned number, bool *ret_whole)
{
    uint64_t ids[20], found[20];
    float v[20 * DIM];
    uint32_t n = 0;
    for (uint64_t i = 0; i < 20; i++)
        ids[i] = number * 20 + i;
    cr_assert_eq(client_get(c, "a", ids, 20, DIM, found, v, &n), 0, "%s", c->error);
    *ret_whole = n == 20;
    uint64_t least = n ? (uint64_t)v[0] : 0;
    for (uint32_t i = 0; i < n; i++)
        least = (uint64_t)v[i * DIM] < least ? (uint64_t)v[i * DIM] : least;
    return least;
}

SNAPSHOT_TEST(one_is_taken_and_restored_while_writers_go_on)
{
    struct writers all = {.s = s};
    struct writer writers[4];
    struct client c;
    uint64_t before[4], after[4];
    bool whole;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_create(&c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    for (unsigned i = 0; i < 4; i++) {
        writers[i] = (struct writer){&all, i};
        all.running++;
        cr_assert_eq(fiber_start(CLASS_WRITE, writer_run, &writers[i], "writer"), 0);
    }
    while (all.acknowledged[0] < 3 || all.acknowledged[3] < 3)
        fiber_sleep_ns(1000000);
    memcpy(before, all.acknowledged, sizeof(before));
    cr_assert_eq(create(&c, "live", NULL), 0, "%s", c.error);
    memcpy(after, all.acknowledged, sizeof(after));
    while (all.acknowledged[1] < after[1] + 3)
        fiber_sleep_ns(1000000);
    /* the writers go on; their writes are refused during the restore only */
    cr_assert_eq(restore(&c, "live"), 0, "%s", c.error);
    uint64_t restored = all.acknowledged[2];
    while (all.acknowledged[2] < restored + 3)
        fiber_sleep_ns(1000000);
    all.stop = true;
    while (all.running)
        event_wait(&all.ended);
    cr_assert_eq(restore(&c, "live"), 0, "%s", c.error);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t is = round_of(&c, i, &whole);
        cr_assert(whole && is >= before[i] && is <= after[i] + 1,
                  "writer %u: round %llu, acknowledged %llu before, %llu after", i, (unsigned long long)is,
                  (unsigned long long)before[i], (unsigned long long)after[i]);
    }
    client_close(&c);
}

/* -- a disk that fails -- */

static uint32_t fault_rate;

static void fail_and_repeat(struct server *s)
{
    struct sim *sim = s->options.runtime.sim;
    struct client c, other;
    uint64_t count;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_open(&other, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_create(&c, "a", DIM, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(write_points(&c, 0, POINTS, 1), 0);
    cr_assert_eq(create(&c, "first", NULL), 0, "%s", c.error);
    cr_assert_eq(write_points(&c, 0, POINTS, 2), 0);
    for (int i = 0; i < 5; i++) {
        sim_fault_rate(sim, FAULT_WRITE_ERROR, fault_rate);
        int rc = restore(&c, "first");
        sim_fault_rate(sim, FAULT_WRITE_ERROR, 0);
        cr_assert(rc == 0 || rc == CLIENT_REFUSED(ERROR_IO), "rc %d: %s", rc, c.error);
        rc = client_count(&other, "a", &count); /* must be all of one state, or refused */
        cr_assert((rc == 0 && count == POINTS) || rc == CLIENT_REFUSED(ERROR_UNAVAILABLE), "rc %d: %s", rc,
                  other.error);
    }
    cr_assert_eq(restore(&c, "first"), 0, "%s", c.error);
    want_points(&other, POINTS, 1);
    int rc;
    for (int i = 0; (rc = write_points(&other, 0, POINTS, 3)) != 0 && i < 60; i++)
        /* the fault may have made the server read-only; it tries the disk again by itself */
        fiber_sleep_ns(1000000000);
    cr_assert_eq(rc, 0, "%s", other.error);
    want_points(&c, POINTS, 3);
    client_close(&c);
    client_close(&other);
}

Test(net_snapshot, a_restore_that_a_failing_disk_interrupts_is_finished_by_the_next)
{
    static const uint32_t rates[] = {20000, 100000, 1000000};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        fault_rate = rates[i];
        harness_run(BACKEND_SIM, 1, fail_and_repeat);
        harness_run(BACKEND_SIM, 3, fail_and_repeat);
    }
}

/* -- creating a snapshot blocks other changes only for a short time -- */

struct copying {
    struct client client;
    bool done;
    struct event ended;
};

static void take_snapshot(void *arg)
{
    struct copying *p = arg;
    cr_assert_eq(create(&p->client, "copied", NULL), 0, "%s", p->client.error);
    p->done = true;
    event_notify_all(&p->ended);
}

/* Makes several segments in each of many collections, so that copying takes long. */
static void fill_many(struct client *c)
{
    char name[16];
    float v[POINTS * DIM];
    uint64_t ids[POINTS];
    for (unsigned i = 0; i < POINTS; i++)
        ids[i] = i;
    for (unsigned i = 0; i < POINTS * DIM; i++)
        v[i] = (float)i;
    for (unsigned i = 0; i < 20; i++) {
        Kith__Seal seal = KITH__SEAL__INIT;
        snprintf(name, sizeof(name), "many%u", i);
        seal.collection = name;
        cr_assert_eq(client_create(c, name, DIM, KITH__METRIC__METRIC_L2), 0);
        cr_assert_eq(client_upsert(c, name, ids, POINTS, v, DIM), 0);
        cr_assert_eq(client_call(c, KITH_OP_SEAL, &seal.base, NULL, 0, NULL), 0, "%s", c->error);
    }
}

static void create_while_copying(struct server *s)
{
    struct client c;
    static struct copying copying;
    char name[16];
    unsigned made = 0;
    copying = (struct copying){.done = false};
    sim_disk_links(s->options.runtime.sim, false);
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_open(&copying.client, server_port(s, PROTOCOL_NATIVE)), 0);
    fill_many(&c);
    cr_assert_eq(fiber_start(CLASS_INTERACTIVE, take_snapshot, &copying, "snapshot"), 0);
    while (!copying.done) {
        snprintf(name, sizeof(name), "new%u", made++);
        cr_assert_eq(client_create(&c, name, DIM, KITH__METRIC__METRIC_L2), 0, "%s", c.error);
        snprintf(name, sizeof(name), "many%u", made % 20);
        if (made < 20)
            /* the files of a dropped collection stay until they are copied */
            cr_assert_eq(client_drop(&c, name), 0, "%s", c.error);
    }
    cr_assert_gt(made, 5); /* if creations waited for the copy, at most one would be done */
    cr_assert_eq(verify(&c, "copied"), 0, "%s", c.error);
    client_close(&c);
    client_close(&copying.client);
}

Test(net_snapshot, collections_come_and_go_while_a_snapshot_is_copied)
{
    harness_run(BACKEND_SIM, 1, create_while_copying);
    harness_run(BACKEND_SIM, 3, create_while_copying);
}
