/* Tests settings that clients read and change. Every core uses a changed setting. It survives a
 * restart and a power cut. An option of the command line wins at a start. Restoring a snapshot
 * changes no setting. */
#include "base/log.h"
#include "client.h"
#include "gpu/gpu.h"
#include "harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int get(struct client *c, const char *name, Kith__Config **ret)
{
    Kith__GetConfig ask = KITH__GET_CONFIG__INIT;
    struct client_reply r;
    ask.name = (char *)(uintptr_t)name;
    int rc = client_call(c, KITH_OP_CONFIG_GET, &ask.base, NULL, 0, &r);
    if (rc < 0)
        return rc;
    *ret = kith__config__unpack(NULL, r.header.meta_bytes, r.meta);
    cr_assert(*ret);
    client_reply_fini(&r);
    return 0;
}

/* value NULL: resets the setting. */
static int set(struct client *c, const char *name, const char *value)
{
    Kith__SetConfig ask = KITH__SET_CONFIG__INIT;
    struct client_reply r;
    ask.name = (char *)(uintptr_t)name;
    ask.value = (char *)(uintptr_t)(value ? value : "");
    ask.reset = !value;
    int rc = client_call(c, KITH_OP_CONFIG_SET, &ask.base, NULL, 0, &r);
    if (rc < 0)
        return rc;
    Kith__Setting *s = kith__setting__unpack(NULL, r.header.meta_bytes, r.meta);
    cr_assert(s && strcmp(s->name, name) == 0 && (!value || strcmp(s->value, value) == 0));
    kith__setting__free_unpacked(s, NULL);
    client_reply_fini(&r);
    return 0;
}

static void expect(struct client *c, const char *name, const char *value, Kith__SettingSource source)
{
    Kith__Config *one;
    cr_assert_eq(get(c, name, &one), 0, "%s", c->error);
    cr_assert_eq(one->n_settings, 1);
    cr_assert_str_eq(one->settings[0]->value, value, "%s", name);
    cr_assert_eq(one->settings[0]->source, source, "%s", name);
    kith__config__free_unpacked(one, NULL);
}

static void change_and_refuse(struct server *s)
{
    struct client c;
    Kith__Config *all;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(get(&c, "", &all), 0, "%s", c.error);
    cr_assert_eq(all->n_settings, setting_count);
    for (size_t i = 0; i < all->n_settings; i++) {
        const Kith__Setting *x = all->settings[i];
        cr_assert(strcmp(x->value, x->standard) == 0 && x->what[0] && x->allowed[0], "%s", x->name);
    }
    kith__config__free_unpacked(all, NULL);
    cr_assert_eq(set(&c, "search.ef", "77"), 0, "%s", c.error);
    cr_assert_eq(set(&c, "slice_us", "200"), 0, "%s", c.error);
    /* after the answer all cores have the value; reading it is safe because no core writes it */
    for (unsigned r = 0; r < reactor_count(); r++)
        cr_assert(s->cores[r]->settings.search_ef == 77 && s->cores[r]->settings.slice_us == 200);
    expect(&c, "search.ef", "77", KITH__SETTING_SOURCE__SETTING_SOURCE_SET);
    cr_assert_eq(set(&c, "search.eff", "9"), CLIENT_REFUSED(ERROR_NOT_FOUND));
    cr_assert(strstr(c.error, "search.ef"), "%s", c.error);
    cr_assert_eq(set(&c, "search.ef", "many"), CLIENT_REFUSED(ERROR_INVALID_ARGUMENT));
    cr_assert(strstr(c.error, "auto, or 1 to 10000"), "%s", c.error);
    cr_assert_eq(set(&c, "background.share", "80"), CLIENT_REFUSED(ERROR_INVALID_ARGUMENT));
    cr_assert_eq(get(&c, "nothing", &all), CLIENT_REFUSED(ERROR_NOT_FOUND));
    expect(&c, "search.ef", "77", KITH__SETTING_SOURCE__SETTING_SOURCE_SET);
    expect(&c, "background.share", "10", KITH__SETTING_SOURCE__SETTING_SOURCE_DEFAULT);
    cr_assert_eq(set(&c, "search.ef", NULL), 0, "%s", c.error);
    expect(&c, "search.ef", "auto", KITH__SETTING_SOURCE__SETTING_SOURCE_DEFAULT);
    expect(&c, "slice_us", "200", KITH__SETTING_SOURCE__SETTING_SOURCE_SET);
    client_close(&c);
}

Test(config, is_told_changed_on_every_core_and_refused_with_a_sentence)
{
    harness_run(BACKEND_SIM, 1, change_and_refuse);
    harness_run(BACKEND_SIM, 3, change_and_refuse);
    harness_run(BACKEND_AUTO, 2, change_and_refuse);
}

static void snapshot_and_restore(struct server *s)
{
    struct client c;
    Kith__CreateSnapshot take = KITH__CREATE_SNAPSHOT__INIT;
    Kith__RestoreSnapshot bring = KITH__RESTORE_SNAPSHOT__INIT;
    take.name = bring.name = (char *)(uintptr_t) "x";
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_create(&c, "a", 4, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(set(&c, "search.ef", "50"), 0, "%s", c.error);
    cr_assert_eq(client_call(&c, KITH_OP_SNAPSHOT_CREATE, &take.base, NULL, 0, NULL), 0, "%s", c.error);
    cr_assert_eq(set(&c, "search.ef", "60"), 0, "%s", c.error);
    cr_assert_eq(client_call(&c, KITH_OP_SNAPSHOT_RESTORE, &bring.base, NULL, 0, NULL), 0, "%s", c.error);
    expect(&c, "search.ef", "60", KITH__SETTING_SOURCE__SETTING_SOURCE_SET);
    client_close(&c);
}

Test(config, a_restore_of_a_snapshot_leaves_settings_alone)
{
    harness_run(BACKEND_SIM, 2, snapshot_and_restore);
}

/* A sum over the hits of a search. A search without ef must find what a search with the ef of the
 * setting finds, in a graph in which another ef finds other hits. */
static uint64_t sum_of_hits(struct client *c, const float *query, uint32_t ef)
{
    uint64_t sum = 0;
    struct client_reply r;
    Kith__Search ask = KITH__SEARCH__INIT;
    ask.collection = (char *)(uintptr_t) "a";
    ask.k = 1;
    ask.ef = ef;
    cr_assert_eq(client_call(c, KITH_OP_SEARCH, &ask.base, query, 16 * sizeof(*query), &r), 0, "%s", c->error);
    Kith__Points *p = kith__points__unpack(NULL, r.header.meta_bytes, r.meta);
    cr_assert(p);
    for (size_t i = 0; i < p->n_id_lo; i++)
        sum += p->id_lo[i];
    kith__points__free_unpacked(p, NULL);
    client_reply_fini(&r);
    return sum;
}

#define ROWS    4000
#define QUERIES 60

static uint64_t answers(struct client *c, const float *queries, uint32_t ef)
{
    uint64_t all = 0;
    for (unsigned q = 0; q < QUERIES; q++)
        all = all * 31 + sum_of_hits(c, queries + q * 16, ef);
    return all;
}

static void search_default(struct server *s)
{
    static float v[ROWS * 16], queries[QUERIES * 16];
    static uint64_t ids[ROWS];
    struct client c;
    uint64_t state = 1;
    Kith__Seal seal = KITH__SEAL__INIT;
    seal.collection = (char *)(uintptr_t) "a";
    for (size_t i = 0; i < ROWS * 16 + QUERIES * 16; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        float x = (float)(state >> 40);
        *(i < ROWS * 16 ? &v[i] : &queries[i - ROWS * 16]) = x;
    }
    for (uint64_t i = 0; i < ROWS; i++)
        ids[i] = i;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(client_create(&c, "a", 16, KITH__METRIC__METRIC_L2), 0);
    cr_assert_eq(client_upsert(&c, "a", ids, ROWS, v, 16), 0, "%s", c.error);
    cr_assert_eq(client_call(&c, KITH_OP_SEAL, &seal.base, NULL, 0, NULL), 0, "%s", c.error);
    uint64_t narrow = answers(&c, queries, 1), wide = answers(&c, queries, 200);
    cr_assert_neq(narrow, wide, "both ef find the same hits: the test shows nothing");
    cr_assert_eq(set(&c, "search.ef", "1"), 0);
    cr_assert_eq(answers(&c, queries, 0), narrow);
    cr_assert_eq(answers(&c, queries, 200), wide, "the ef of a search must win over the setting");
    cr_assert_eq(set(&c, "search.ef", "200"), 0);
    cr_assert_eq(answers(&c, queries, 0), wide);
    client_close(&c);
}

Test(config, search_ef_is_that_of_searches_which_name_none)
{
    harness_run(BACKEND_AUTO, 1, search_default);
}

/* -- starts -- */

static struct sim *sim;

static int run(void (*on_ready)(struct server *s, void *arg), const struct settings *given)
{
    struct server_options options = {
        .data = "data",
        .listeners = {{PROTOCOL_NATIVE, "127.0.0.1", 0}},
        .listener_count = 1,
        .runtime = {.backend = BACKEND_SIM, .reactors = 2, .sim = sim},
        .front = &net_front,
        .gpu = &gpu_none,
        .on_ready = on_ready,
        .settings = *given,
    };
    struct server *s;
    struct error error = {0};
    cr_assert_eq(server_create(&options, &s), 0);
    int rc = server_run(s, &error);
    server_destroy(s);
    cr_assert(rc == 0 || rc == -EOWNERDEAD, "the server ended with: %s", error.text);
    return rc;
}

static void quiet(enum log_level level, const char *line, void *arg)
{
}

static unsigned begun, acknowledged; /* the newest values of search.ef, sent and acknowledged */

static void change_often(struct server *s, void *arg)
{
    struct client c;
    char value[16];
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    while (begun < 20) {
        snprintf(value, sizeof(value), "%u", ++begun);
        cr_assert_eq(set(&c, "search.ef", value), 0, "%s", c.error);
        acknowledged = begun;
    }
    client_close(&c);
    server_stop(s);
}

static void look(struct server *s, void *arg)
{
    uint64_t is = s->cores[0]->settings.search_ef;
    cr_assert(is == acknowledged || is == begun, "%u was acknowledged and %u was sent, but the setting is %u",
              acknowledged, begun, (unsigned)is);
    server_stop(s);
}

Test(config, what_was_acknowledged_survives_a_power_cut_wherever_it_comes)
{
    const struct settings none = {0};
    unsigned cuts = 0;
    log_set_sink(quiet, NULL);
    cr_assert_eq(sim_create(1, &sim), 0);
    cr_assert_eq(run(change_often, &none), 0);
    uint64_t all = sim_trace_events(sim);
    sim_destroy(sim);
    for (uint64_t i = 4; i < 20; i++) {
        cr_assert_eq(sim_create(i, &sim), 0);
        begun = acknowledged = 0;
        sim_crash_after(sim, all * i / 20);
        cuts += run(change_often, &none) < 0;
        sim_crash_after(sim, 0);
        cr_assert_eq(run(look, &none), 0);
        sim_destroy(sim);
    }
    cr_assert_gt(cuts, 8);
}

static void set_two(struct server *s, void *arg)
{
    struct client c;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    cr_assert_eq(set(&c, "search.ef", "90"), 0);
    cr_assert_eq(set(&c, "slice_us", "900"), 0);
    client_close(&c);
    server_stop(s);
}

static void with_option(struct server *s, void *arg)
{
    struct client c;
    cr_assert_eq(client_open(&c, server_port(s, PROTOCOL_NATIVE)), 0);
    expect(&c, "search.ef", "30", KITH__SETTING_SOURCE__SETTING_SOURCE_OPTION);
    expect(&c, "slice_us", "900", KITH__SETTING_SOURCE__SETTING_SOURCE_SET);
    cr_assert_eq(set(&c, "search.ef", "40"), 0);
    expect(&c, "search.ef", "40", KITH__SETTING_SOURCE__SETTING_SOURCE_SET);
    cr_assert_eq(set(&c, "search.ef", NULL), 0);
    expect(&c, "search.ef", "30", KITH__SETTING_SOURCE__SETTING_SOURCE_OPTION);
    cr_assert_eq(set(&c, "search.ef", "50"), 0);
    client_close(&c);
    server_stop(s);
}

static void without_option(struct server *s, void *arg)
{
    cr_assert_eq(s->cores[1]->settings.search_ef, 50);
    cr_assert_eq(s->cores[1]->settings.slice_us, 900);
    server_stop(s);
}

static void by_default(struct server *s, void *arg)
{
    cr_assert_eq(s->cores[0]->settings.search_ef, 0);
    server_stop(s);
}

Test(config, an_option_wins_at_a_start_and_a_damaged_file_does_not_count)
{
    const struct settings none = {0};
    struct settings given = {0};
    unsigned ef = 0;
    log_set_sink(quiet, NULL);
    cr_assert_eq(sim_create(3, &sim), 0);
    cr_assert_eq(setting_find("search.ef", &ef, NULL), 0);
    settings_write(&given, ef, 30, SETTING_OPTION);
    cr_assert_eq(run(set_two, &none), 0);
    cr_assert_eq(run(with_option, &given), 0);
    cr_assert_eq(run(without_option, &none), 0);
    cr_assert_eq(sim_rot(sim, "data/settings", 1), 1);
    cr_assert_eq(run(by_default, &none), 0);
    sim_destroy(sim);
}
