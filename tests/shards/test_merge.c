/* Compares stores with a model during merges and compactions, while points are written, deleted and
 * searched. */
#include "../columns/one_vector.h"
#include "reactor/file.h"
#include "shards/background/due.h"
#include "shards/merge/merge.h"
#include "shards/merge/replace.h"
#include "stores.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void live(void *arg)
{
    static struct truth truth[IDS];
    struct compaction compaction = {0};
    struct server s;
    memset(truth, 0, sizeof(truth));
    for (int life = 0; life < 5; life++) {
        server_open(&s, 1 + (unsigned)(random_u64() % STORES));
        struct collection_config c = create(&s);
        compare(&s, &c, truth);
        compaction_start(&compaction, &s);
        for (int step = 0; step < 600; step++) {
            uint32_t n = (uint32_t)(random_u64() % IDS);
            if (random_u64() % 3)
                upsert(&s, &c, truth, n);
            else
                erase(&s, &c, truth, n);
            if (step % 100 == 99)
                compare(&s, &c, truth);
        }
        compaction_stop(&compaction);
        compare(&s, &c, truth);
        server_close(&s);
    }
    want(compaction.merges > 10);
}

Test(merge, agrees_with_a_model_while_everything_goes_on)
{
    for (uint64_t seed = 1; seed <= 6; seed++)
        cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .seed = seed}, live, NULL), 0);
}

/* -- freeing the inputs -- */

struct unread {
    const struct segment *segment;
    uint32_t holders;
    bool over;
};

static void wait_unread(void *arg)
{
    struct unread *u = arg;
    replace_wait_unread(u->segment, u->holders);
    u->over = true;
}

/* Two searches read a merged segment, then one, then none. */
static void read_last(void *arg)
{
    for (uint32_t holders = 0; holders < 3; holders++) {
        struct segment g = {.users = holders + 2};
        struct unread u = {.segment = &g, .holders = holders};
        want_eq(fiber_start(CLASS_WRITE, wait_unread, &u, "wait"), 0);
        for (; g.users > holders; g.users--) {
            fiber_sleep_ns(1000000000);
            want(!u.over);
        }
        fiber_sleep_ns(1000000000);
        want(u.over);
    }
}

Test(merge, an_old_segment_stays_while_one_search_reads_it)
{
    world_run_well(BACKEND_SIM, 1, read_last, NULL);
}

/* -- compaction by request -- */

static void add_up(struct server *s, const struct collection_config *c, struct segment_info *ret, uint32_t *ret_count)
{
    static struct segment_info infos[64];
    *ret = (struct segment_info){0};
    *ret_count = 0;
    for (unsigned r = 0; r < s->reactors; r++) {
        uint32_t n = shard_segments(store_shard(s->stores[r], c->id), infos, 64);
        want(n <= 64);
        *ret_count += n;
        for (uint32_t i = 0; i < n; i++) {
            ret->rows += infos[i].rows;
            ret->deleted_rows += infos[i].deleted_rows;
            ret->tombstones += infos[i].tombstones;
            ret->payload_bytes += infos[i].payload_bytes;
        }
    }
}

static void compact(struct server *s, const struct collection_config *c)
{
    struct error e = {0};
    for (unsigned r = 0; r < s->reactors; r++)
        if (shard_compact(store_shard(s->stores[r], c->id), NULL, &e) < 0)
            world_fail(__FILE__, __LINE__, e.text);
}

static void by_request(void *arg)
{
    static struct truth truth[IDS];
    struct compaction compaction = {0};
    struct server s;
    struct segment_info sum;
    uint32_t count, there = 0;
    uint64_t payload_bytes = 0;
    memset(truth, 0, sizeof(truth));
    server_open(&s, 2);
    struct collection_config c = create(&s);
    compaction_start(&compaction, &s);
    for (uint32_t n = 0; n < IDS; n++)
        upsert(&s, &c, truth, n);
    for (uint32_t n = 0; n < IDS; n += 3)
        erase(&s, &c, truth, n);
    compact(&s, &c);
    compare(&s, &c, truth);
    for (uint32_t n = 0; n < IDS; n++) {
        there += truth[n].there;
        payload_bytes += truth[n].there ? strlen(truth[n].payload) : 0;
    }
    add_up(&s, &c, &sum, &count);
    want_eq(sum.rows, there); /* no dead row is left, and no point is there twice */
    want_eq(sum.deleted_rows, 0);
    want_eq(sum.payload_bytes, payload_bytes);
    want_eq(count, 1);          /* both stores */
    want_eq(sum.tombstones, 0); /* no row is left that a tombstone could delete */
    compaction_stop(&compaction);
    server_close(&s);
    server_open(&s, 3); /* segments now hold rows that are owned by other reactors */
    compare(&s, &c, truth);
    compaction_start(&compaction, &s);
    for (uint32_t n = 0; n < IDS; n++)
        if (truth[n].there)
            erase(&s, &c, truth, n);
    compact(&s, &c);
    add_up(&s, &c, &sum, &count);
    want_eq(sum.rows, 0);
    compaction_stop(&compaction);
    server_close(&s);
    server_open(&s, 1);
    compare(&s, &c, truth);
    server_close(&s);
}

Test(merge, compaction_by_request_leaves_what_lives)
{
    world_run_well(BACKEND_SIM, 1, by_request, NULL);
}

/* -- on a disk with little room -- */

#define STEPS_MAX 100 /* a test that never ends says so */

/* Merges until nothing is left to do, or until a merge fails. Returns what the last step
 * returned. */
static int maintain(struct server *s, uint32_t *ret_steps)
{
    int rc;
    *ret_steps = 0;
    while ((rc = store_maintain(s->stores[0])) == 1)
        want(++*ret_steps <= STEPS_MAX);
    return rc;
}

/* Makes several sealed segments, of which each second one has many dead rows. Seals on the way: a
 * write waits while too many segments are frozen. */
static void make_segments(struct server *s, const struct collection_config *c, struct truth *truth)
{
    for (uint32_t n = 0; n < IDS; n++) {
        upsert(s, c, truth, n);
        if (n % 60 == 59)
            work(s);
    }
    shard_freeze(store_shard(s->stores[0], c->id));
    work(s);
    for (uint32_t n = 0; n < IDS; n++)
        if (n / 60 % 2 == 0 && n % 3 > 0)
            erase(s, c, truth, n);
    shard_freeze(store_shard(s->stores[0], c->id));
    work(s);
}

static void leave_space(struct sim *sim, uint64_t bytes)
{
    const uint64_t much = (uint64_t)1 << 40;
    sim_disk_limit(sim, much);
    sim_disk_limit(sim, much - (uint64_t)directory_space("data") + bytes);
}

/* Lets the shard look again for something to merge. */
static int maintain_again(struct server *s, struct shard *shard, uint32_t *ret_steps)
{
    shard_changed(shard);
    return maintain(s, ret_steps);
}

static void in_little_room(void *arg)
{
    static struct truth truth[IDS];
    struct sim *sim = arg;
    struct server s;
    struct segment_info before, after;
    struct merge_choice all, one;
    uint32_t count_before, count, steps;
    memset(truth, 0, sizeof(truth));
    server_open(&s, 1);
    struct collection_config c = create(&s);
    struct shard *shard = store_shard(s.stores[0], c.id);
    const uint64_t log_bytes = s.stores[0]->options.log_file_bytes;
    make_segments(&s, &c, truth);
    merge_choose(shard, true, MERGE_ROOM_ANY, &all);
    merge_choose_rewrite(shard, 0, MERGE_ROOM_ANY, &one);
    add_up(&s, &c, &before, &count_before);
    want(before.deleted_rows >= IDS / 4 && all.count == count_before && one.count == 1);
    const uint64_t all_bytes = merge_bytes(&all), one_bytes = merge_bytes(&one);

    shard->compacts_wanted++;
    leave_space(sim, log_bytes);
    want_eq(maintain_again(&s, shard, &steps), -ENOSPC);
    want_eq(steps, 0);

    const uint64_t space = log_bytes + one_bytes;
    want(one_bytes < all_bytes / 4);
    leave_space(sim, space);
    want_eq(maintain_again(&s, shard, &steps), -ENOSPC); /* all of them never fit */
    add_up(&s, &c, &after, &count);
    want_eq(after.deleted_rows, 0);
    want(steps >= 4 && count > 1);
    want((uint64_t)directory_space("data") > space + all_bytes / 4);
    want_eq(maintain_again(&s, shard, &steps), -ENOSPC);
    want_eq(steps, 0); /* nothing is rewritten again and again */
    compare(&s, &c, truth);

    sim_disk_limit(sim, 0);
    want_eq(maintain_again(&s, shard, &steps), 0);
    add_up(&s, &c, &after, &count);
    want_eq(count, 1);
    compare(&s, &c, truth);
    server_close(&s);
}

Test(merge, deletions_free_space_on_a_disk_without_room_for_a_merge, .timeout = 60)
{
    struct sim *sim;
    cr_assert_eq(sim_create(1, &sim), 0);
    cr_assert_eq(world_run(&(struct world){.backend = BACKEND_SIM, .sim = sim}, in_little_room, sim), 0);
    sim_destroy(sim);
}

/* -- which segments are merged -- */

static struct segment *fake(struct shard *s, uint32_t rows, uint32_t dead)
{
    static uint8_t byte;
    struct segment *g = calloc(1, sizeof(*g));
    *g = (struct segment){.state = SEGMENT_SEALED,
                          .searched = true,
                          .sharing.everywhere = true,
                          .id = s->births + 1,
                          .rows.count = rows,
                          .rows.dead = dead,
                          .mapping = {&byte, 1}};
    cr_assert_eq(shard_add_segment(s, g), 0);
    return g;
}

static void forget(struct shard *s)
{
    for (uint32_t i = 0; i < s->segment_count; i++)
        free(s->segments[i]);
    free(s->segments);
}

/* A live row takes 100 bytes here. */
Test(merge, chooses_what_fits_into_the_room)
{
    struct store store = {
        .options = {.reactors = 1, .merge_bytes_max = 10000 * DIM * sizeof(float), .compact_percent = 20}};
    struct shard s = {.store = &store, .config = {.schema = one_vector(DIM, METRIC_L2)}};
    struct segment *large = fake(&s, 2000, 1000), *small = fake(&s, 200, 60), *even = fake(&s, 1000, 9);
    struct segment *pair[2] = {fake(&s, 300, 0), fake(&s, 300, 0)};
    for (uint32_t i = 0; i < s.segment_count; i++)
        s.segments[i]->disk_bytes = s.segments[i]->rows.count * 100;
    struct merge_choice choice;
    merge_choose(&s, true, MERGE_ROOM_ANY, &choice);
    cr_assert_eq(choice.count, 5);
    merge_choose(&s, true, 100000, &choice);
    cr_assert(choice.count == 1 && choice.inputs[0] == large, "the segment with most dead rows must come first");
    merge_choose(&s, true, 99999, &choice);
    cr_assert(choice.count == 1 && choice.inputs[0] == small, "a segment that does not fit must be passed over");
    large->rows.dead = small->rows.dead = 0;
    merge_choose(&s, true, 99999, &choice);
    cr_assert_eq(choice.count, 2, "few dead rows must cause no rewrite");
    cr_assert(choice.inputs[0] == pair[0] && choice.inputs[1] == pair[1], "segments of one size must be merged");
    merge_choose(&s, true, 59999, &choice);
    cr_assert_eq(choice.count, 0);
    even->rows.dead = 10;
    merge_choose(&s, true, 99000, &choice);
    cr_assert(choice.count == 1 && choice.inputs[0] == even, "a hundredth of dead rows must be enough on request");
    merge_choose(&s, false, 99000, &choice);
    cr_assert_eq(choice.count, 0, "without a request a fifth must be dead");
    forget(&s);
}

Test(merge, chooses_worn_segments_and_groups_that_keep_sizes_geometric)
{
    struct store store = {
        .options = {.reactors = 1, .merge_bytes_max = 1000 * DIM * sizeof(float), .compact_percent = 20}};
    struct shard s = {.store = &store, .config = {.schema = one_vector(DIM, METRIC_L2)}};
    struct merge_choice choice;
    merge_choose(&s, false, MERGE_ROOM_ANY, &choice);
    cr_assert_eq(choice.count, 0);
    struct segment *large = fake(&s, 900, 100);
    fake(&s, 100, 0);
    fake(&s, 100, 0);
    fake(&s, 100, 0);
    merge_choose(&s, false, MERGE_ROOM_ANY, &choice);
    cr_assert_eq(choice.count, 0, "three small segments wait for a fourth, and the large one has few dead rows");
    fake(&s, 100, 0);
    merge_choose(&s, false, MERGE_ROOM_ANY, &choice);
    cr_assert_eq(choice.count, 4);
    for (uint32_t i = 0; i < 4; i++)
        choice.inputs[i]->succession.merging = true;
    merge_choose(&s, false, MERGE_ROOM_ANY, &choice);
    cr_assert_eq(choice.count, 0, "segments that are being merged must not be chosen");
    large->rows.dead = 180;
    merge_choose(&s, false, MERGE_ROOM_ANY, &choice);
    cr_assert(choice.count == 1 && choice.inputs[0] == large, "a segment with a fifth of its rows dead must be chosen");
    large->rows.dead = 1;
    merge_choose(&s, true, MERGE_ROOM_ANY, &choice);
    cr_assert(choice.count == 1 && choice.inputs[0] == large, "on request one dead row must be enough");
    forget(&s);
}
