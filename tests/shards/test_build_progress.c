/* Tests that the progress of each seal and merge can be read: it begins, goes on and ends. */
#include "index/segment_index.h"
#include "shards/background/build_progress.h"
#include "stores.h"

#include <string.h>

struct watch {
    struct server *server;
    uint64_t collection;
    bool stop, ended;
    unsigned seen[BUILD_KINDS][BUILD_PHASES];
};

static void look_on(void *arg)
{
    struct watch *w = arg;
    struct build_info before[STORES][BUILD_KINDS] = {0}, now[STORE_BUILDS_MAX];
    while (!w->stop) {
        for (unsigned r = 0; r < w->server->reactors; r++) {
            unsigned n = store_builds_read(w->server->stores[r], now);
            for (unsigned i = 0; i < n; i++) {
                struct build_info *last = &before[r][now[i].kind];
                bool same = now[i].elapsed_ns >= last->elapsed_ns && now[i].rows == last->rows;
                want_eq(now[i].collection, w->collection);
                want(now[i].rows_done <= now[i].rows);
                want(!same || now[i].phase != BUILD_GRAPH || last->phase != BUILD_GRAPH ||
                     now[i].rows_done >= last->rows_done);
                want(now[i].left_ns == 0 || now[i].phase == BUILD_GRAPH);
                w->seen[now[i].kind][now[i].phase]++;
                *last = now[i];
            }
        }
        fiber_sleep_ns(2000);
    }
    w->ended = true;
}

static void write_and_look(void *arg)
{
    static struct truth truth[IDS];
    struct server s;
    struct error e = {0};
    struct compaction compaction = {0};
    struct build_info none[STORE_BUILDS_MAX];
    memset(truth, 0, sizeof(truth));
    server_open(&s, 2);
    struct collection_config c = create(&s);
    struct watch w = {.server = &s, .collection = c.id};
    want_eq(fiber_start(CLASS_INTERACTIVE, look_on, &w, "watch"), 0);
    compaction_start(&compaction, &s);
    for (int step = 0; step < 1500; step++)
        upsert(&s, &c, truth, (uint32_t)(random_u64() % IDS));
    for (unsigned r = 0; r < s.reactors; r++)
        want_eq(shard_compact(store_shard(s.stores[r], c.id), NULL, &e), 0);
    compaction_stop(&compaction);
    for (unsigned r = 0; r < s.reactors; r++)
        want_eq(store_builds_read(s.stores[r], none), 0);
    w.stop = true;
    while (!w.ended)
        fiber_sleep_ns(2000);
    want(w.seen[BUILD_SEAL][BUILD_WRITING] > 0);
    want(w.seen[BUILD_MERGE][BUILD_COLUMNS] + w.seen[BUILD_COMPACT][BUILD_COLUMNS] > 0);
    want(w.seen[BUILD_MERGE][BUILD_READING] + w.seen[BUILD_COMPACT][BUILD_READING] > 0);
    server_close(&s);
}

Test(build_progress, is_seen_from_beginning_to_end)
{
    cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .seed = 3}, write_and_look, NULL), 0);
}

/* The estimate of a build at half of its rows: the other half will take as long. */
static void half_way(void *arg)
{
    static float row[4];
    uint8_t *chunk = (uint8_t *)row;
    const struct rows rows = {&chunk, 0, 31}; /* all rows share one vector */
    struct build_progress p = {0};
    struct build_info is;
    struct segment_index *index;
    const struct index_options options = {0};
    want(!build_read(&p, &is));
    want_eq(segment_index_create(METRIC_L2, 4, &options, &index), 0);
    build_begin(&p, BUILD_MERGE, 7, 200);
    want(build_read(&p, &is) && is.phase == BUILD_READING && is.rows == 200 && is.rows_done == 0 && is.left_ns == 0);
    fiber_sleep_ns(1000);
    build_enter_graph(&p, index, 200);
    want_eq(segment_index_build(index, &rows, 100, NULL, NULL), 0);
    fiber_sleep_ns(1000000);
    want(build_read(&p, &is) && is.collection == 7 && is.kind == BUILD_MERGE && is.phase == BUILD_GRAPH);
    want_eq(is.rows_done, 100);
    want(is.elapsed_ns > is.left_ns && is.left_ns >= 1000000 && is.left_ns < 2000000);
    build_enter(&p, BUILD_WRITING);
    want(build_read(&p, &is) && is.rows_done == 200 && is.left_ns == 0);
    build_end(&p);
    want(!build_read(&p, &is));
    segment_index_destroy(index);
}

Test(build_progress, says_how_long_a_graph_will_take)
{
    cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .seed = 3}, half_way, NULL), 0);
}

Test(build_progress, has_a_name_for_everything)
{
    for (enum build_kind k = 0; k < BUILD_KINDS; k++)
        cr_assert(build_kind_name(k)[0]);
    for (enum build_phase p = 0; p < BUILD_PHASES; p++)
        cr_assert(build_phase_name(p)[0]);
}
