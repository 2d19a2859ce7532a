/* Tests a store whose disk fails while it seals. */
#include "shards/folder/read_only.h"
#include "stores.h"

#include <errno.h>
#include <string.h>

struct failing {
    struct store *store;
    bool mended_meanwhile;
    unsigned commits, told;
    uint64_t told_round;
};

/* A commit that fails. The disk may be mended while it is under way. */
static int commit_fails(const struct manifest_edit *edit, void *arg)
{
    struct failing *f = arg;
    (void)edit;
    f->commits++;
    if (f->mended_meanwhile)
        want_eq(store_turn_writable(f->store, f->store->round + 1), 0);
    return -EIO;
}

static void on_failed(int rc, uint64_t round, void *arg)
{
    struct failing *f = arg;
    want_eq(rc, -EIO);
    f->told++;
    f->told_round = round;
}

static void fail_and_go_on(void *arg)
{
    static struct truth truth[IDS];
    struct server s;
    memset(truth, 0, sizeof(truth));
    server_open(&s, 1);
    struct store *store = s.stores[0];
    struct collection_config c = create(&s);
    struct failing f = {.store = store, .mended_meanwhile = *(bool *)arg};
    for (uint32_t n = 0; n < 70; n++) /* more points than a growing segment holds */
        upsert(&s, &c, truth, n);
    store->options.hooks = (struct store_hooks){.commit = commit_fails, .failed = on_failed, .arg = &f};
    int rc;
    while ((rc = store_work(store)) == 1 && f.commits == 0)
        ;
    want_eq(rc, f.mended_meanwhile ? 1 : -EIO);
    want_eq(store_read_only(store), f.mended_meanwhile ? 0 : -EIO);
    want_eq(f.told, !f.mended_meanwhile);
    want_eq(f.told_round, 0);
    store->options.hooks = hooks_of(&s, 0);
    if (!f.mended_meanwhile)
        want_eq(store_turn_writable(store, 1), 0);
    want_eq(store_round(store), 1);
    work(&s);
    want(s.manifest.segment_count > 0);
    for (uint32_t n = 70; n < 80; n++)
        upsert(&s, &c, truth, n);
    compare(&s, &c, truth);
    server_close(&s);
}

Test(read_only, a_step_that_fails_is_told_and_repeated_when_the_disk_is_mended)
{
    bool mended_meanwhile = false;
    world_run_well(BACKEND_SIM, 1, fail_and_go_on, &mended_meanwhile);
}

Test(read_only, a_step_that_began_before_the_disk_was_mended_is_old_news)
{
    bool mended_meanwhile = true;
    world_run_well(BACKEND_SIM, 1, fail_and_go_on, &mended_meanwhile);
}
