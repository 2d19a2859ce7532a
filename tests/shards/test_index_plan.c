/* Tests collections with every kind of index, from the first point through sealing, merging and
 * restarts. Also tests what AUTOINDEX chooses for options that are left open. */
#include "shards/segment/index_plan.h"
#include "shards/verify/verify.h"
#include "stores.h"

#include <string.h>

static void seal_all(struct server *s, const struct collection_config *c)
{
    struct error e = {0};
    for (unsigned r = 0; r < s->reactors; r++)
        if (shard_seal(store_shard(s->stores[r], c->id), NULL, &e) < 0)
            world_fail(__FILE__, __LINE__, e.text);
}

static void compact_all(struct server *s, const struct collection_config *c)
{
    struct error e = {0};
    for (unsigned r = 0; r < s->reactors; r++)
        if (shard_compact(store_shard(s->stores[r], c->id), NULL, &e) < 0)
            world_fail(__FILE__, __LINE__, e.text);
}

static uint32_t segments_of(struct server *s, const struct collection_config *c, struct segment_info ret[64])
{
    uint32_t n = 0;
    for (unsigned r = 0; r < s->reactors; r++)
        n += shard_segments(store_shard(s->stores[r], c->id), ret + n, 64 - n);
    want(n <= 64);
    return n;
}

/* Segments must have the options that were given, and no option may be open in them. */
static void check_kinds(struct server *s, const struct collection_config *c)
{
    static struct segment_info infos[64];
    const struct index_options *given = &collection_vector(c)->index;
    uint32_t n = segments_of(s, c, infos), sealed = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct index_options *o = &infos[i].index;
        if (infos[i].state != SEGMENT_SEALED || infos[i].rows == 0)
            continue;
        sealed++;
        want(o->m && o->ef_construct && o->code && o->refine && o->links);
        want(!given->m || o->m == given->m);
        want(!given->ef_construct || o->ef_construct == given->ef_construct);
        want(!given->code || o->code == given->code);
        want(!given->code_bits || o->code_bits == given->code_bits);
        want(!given->refine || o->refine == given->refine);
        want(!given->links || o->links == given->links);
        want(strstr(infos[i].why.text, "code ") && strstr(infos[i].why.text, index_code_name(o)));
    }
    want(sealed > 0);
}

static void on_damage(const struct verify_damage *damage, void *arg)
{
    world_fail(__FILE__, __LINE__, damage->what);
}

static void verify(void)
{
    const struct verify_options options = {.dir = "data", .on_damage = on_damage};
    struct verify_cursor at = {0};
    struct verify_progress progress = {0};
    struct error e = {0};
    while (at.kind != VERIFY_DONE)
        want_eq(verify_step(&options, &at, &progress, &e), 0);
}

static void change(struct server *s, const struct collection_config *c, struct truth *truth, uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++) {
        uint32_t n = (uint32_t)(random_u64() % IDS);
        if (random_u64() % 4)
            upsert(s, c, truth, n);
        else
            erase(s, c, truth, n);
    }
}

/* -- every kind -- */

struct kind {
    struct index_options index;
    float tolerance; /* the error of distances */
};

static const struct kind kinds[] = {
    {{0}, 0},
    {{.code = CODE_F32}, 0},
    {{.code = CODE_F16}, 0},
    {{.code = CODE_F16, .refine = REFINE_NONE}, 0.02f},
    {{.code = CODE_BF16}, 0},
    {{.code = CODE_BF16, .refine = REFINE_F16}, 0.02f},
    {{.code = CODE_SQ8, .refine = REFINE_NONE}, 0.2f},
    {{.code = CODE_SQ8, .refine = REFINE_BF16}, 0.1f},
    {{.code = CODE_SQ4, .refine = REFINE_F16, .refine_k = 8}, 0.02f},
    {{.code = CODE_SQ4, .refine = REFINE_F32, .refine_k = 8}, 0},
    {{.code = CODE_SQ4, .refine = REFINE_NONE}, 2},
    {{.code = CODE_RABITQ}, 0.02f},
    {{.code = CODE_RABITQ, .code_bits = 1, .refine = REFINE_F32, .refine_k = 100}, 0},
    {{.code = CODE_RABITQ, .code_bits = 2, .refine = REFINE_NONE}, 4},
    {{.code = CODE_RABITQ, .code_bits = 4, .refine = REFINE_F16, .refine_k = 20}, 0.02f},
    {{.code = CODE_RABITQ, .code_bits = 8, .refine = REFINE_BF16, .links = LINKS_PACKED}, 0.1f},
    {{.links = LINKS_PACKED, .m = 5, .ef_construct = 33}, 0},
};

static void live(void *arg)
{
    static struct truth truth[IDS];
    const struct kind *kind = arg;
    struct compaction compaction = {0};
    struct server s;
    memset(truth, 0, sizeof(truth));
    for (int life = 0; life < 2; life++) {
        server_open(&s, 1 + (unsigned)(random_u64() % STORES));
        s.tolerance = kind->tolerance;
        struct collection_config c = create_indexed(&s, &kind->index);
        compare(&s, &c, truth);
        compaction_start(&compaction, &s);
        change(&s, &c, truth, 150);
        compare(&s, &c, truth);
        seal_all(&s, &c);
        check_kinds(&s, &c);
        compare(&s, &c, truth);
        compact_all(&s, &c);
        check_kinds(&s, &c);
        compare(&s, &c, truth);
        compaction_stop(&compaction);
        server_close(&s);
        verify();
    }
}

Test(index_plan, every_kind_lives_through_sealing_merging_and_restarts)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct kind kind = kinds[i];
        int rc = world_run(&(struct world){.backend = BACKEND_SIM, .seed = i + 1}, live, &kind);
        cr_expect_eq(rc, 0, "kind %zu: %d", i, rc);
    }
}

/* -- what is left open -- */

static void choose_by_memory(void *arg)
{
    static struct truth truth[IDS];
    static struct segment_info infos[64];
    struct compaction compaction = {0};
    struct server s;
    memset(truth, 0, sizeof(truth));
    server_open(&s, 1);
    struct collection_config c = create(&s);
    compaction_start(&compaction, &s);
    change(&s, &c, truth, 100);
    compact_all(&s, &c);
    want_eq(segments_of(&s, &c, infos), 1);
    want(infos[0].index.code == CODE_F32 && infos[0].index.links == LINKS_PLAIN);
    s.stores[0]->options.index_bytes_max = 1;
    change(&s, &c, truth, 100);
    compact_all(&s, &c);
    for (int life = 0; life < 2; life++) {
        want_eq(segments_of(&s, &c, infos), 1);
        want_eq(infos[0].index.links, LINKS_PACKED);
        want(strstr(infos[0].why.text, "memory") != NULL);
        compare(&s, &c, truth);
        compaction_stop(&compaction);
        server_close(&s);
        server_open(&s, 1);
        compaction_start(&compaction, &s);
    }
    compaction_stop(&compaction);
    server_close(&s);
}

Test(index_plan, what_is_left_open_follows_the_memory_and_is_told_after_a_restart)
{
    cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .seed = 1}, choose_by_memory, NULL), 0);
}

/* If an index has no links, a rewrite saves nothing. So none is done. */
static void flat_is_not_rewritten(void *arg)
{
    static struct truth truth[IDS];
    struct compaction compaction = {0};
    struct server s;
    memset(truth, 0, sizeof(truth));
    server_open(&s, 1);
    const struct index_options flat = {.kind = index_kind_named("flat")->id};
    struct collection_config c = create_indexed(&s, &flat);
    compaction_start(&compaction, &s);
    change(&s, &c, truth, 100);
    compact_all(&s, &c);
    s.stores[0]->memory.pressure = MEMORY_REFINE_MAPPED;
    change(&s, &c, truth, 10);
    compact_all(&s, &c);
    const uint64_t merges = compaction.merges;
    shard_changed(store_shard(s.stores[0], c.id));
    fiber_sleep_ns(60000000000);
    want_eq(compaction.merges, merges);
    compare(&s, &c, truth);
    compaction_stop(&compaction);
    server_close(&s);
}

Test(index_plan, a_kind_without_links_is_not_rewritten_for_memory)
{
    world_run_well(BACKEND_SIM, 1, flat_is_not_rewritten, NULL);
}
