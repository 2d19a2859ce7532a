/* Shows what the client passes on of segments, seals and checks of the disk, and that it sends a
 * cursor back unchanged. */
#include "fake_server.h"

#include <kith/kith.h>

#include <criterion/criterion.h>
#include <string.h>

static struct kith *open_good(const char *address)
{
    char error[320] = "";
    struct kith *k;
    cr_assert_eq(kith_open(address, &k, error, sizeof(error)), 0, "%s", error);
    return k;
}

static void script_segments(int fd)
{
    static struct fake_frame f;
    Kith__Collection collection = KITH__COLLECTION__INIT;
    Kith__Segment segments[2] = {KITH__SEGMENT__INIT, KITH__SEGMENT__INIT}, *list[2] = {&segments[0], &segments[1]};
    Kith__Info info = KITH__INFO__INIT;
    collection.name = (char *)"c";
    segments[0].id = 12;
    segments[0].state = KITH__SEGMENT_STATE__SEGMENT_STATE_SEALED;
    segments[0].rows = 100;
    segments[0].deleted_rows = 7;
    segments[0].disk_bytes = 5000;
    segments[1].reactor = 3;
    segments[1].tombstones = 9;
    info.collection = &collection;
    info.points = 93;
    info.read_only = (char *)"the disk is full";
    while (fake_read(fd, &f)) {
        Kith__GetInfo *ask = kith__get_info__unpack(NULL, f.header.meta_bytes, f.meta);
        info.n_segments = ask && ask->with_segments ? 2 : 0;
        info.segments = list;
        kith__get_info__free_unpacked(ask, NULL);
        fake_reply(fd, &f.header, &info.base);
    }
}

Test(storage, segments_come_when_they_are_asked_for)
{
    struct kith *k = open_good(fake_start(script_segments, true));
    struct kith_info info;
    const struct kith_segment *segments;
    size_t count;
    cr_assert_eq(kith_segments_read(k, "c", &info, &segments, &count), 0, "%s", kith_error(k));
    cr_assert_eq(count, 2);
    cr_assert(segments[0].id == 12 && segments[0].state == KITH_SEALED && segments[0].deleted_rows == 7);
    cr_assert(segments[0].rows == 100 && segments[0].disk_bytes == 5000);
    cr_assert(segments[1].id == 0 && segments[1].state == KITH_GROWING && segments[1].reactor == 3 &&
              segments[1].tombstones == 9);
    cr_assert_eq(kith_info_read(k, "c", &info), 0);
    cr_assert_str_eq(info.read_only, "the disk is full");
    cr_assert_str_eq(info.collection.damage, "");
    kith_close(k);
    fake_join();
}

/* Answers two requests; the second must have the cursor of the first answer. */
static void script_verify(int fd)
{
    static struct fake_frame f;
    uint8_t cursor[24] = "where it was, exactly";
    Kith__Damage damage = KITH__DAMAGE__INIT, *list[1] = {&damage};
    damage.file = (char *)"segments/0c.seg";
    damage.region = (char *)"codes";
    damage.offset = 4096;
    damage.text = (char *)"it is not right";
    while (fake_read(fd, &f)) {
        Kith__Verified v = KITH__VERIFIED__INIT;
        Kith__Verify *ask = kith__verify__unpack(NULL, f.header.meta_bytes, f.meta);
        if (ask->cursor.len == 0) {
            v.bytes_total = 300;
            v.bytes = 100;
            v.cursor = (ProtobufCBinaryData){sizeof(cursor), cursor};
        } else if (ask->cursor.len == sizeof(cursor) && memcmp(ask->cursor.data, cursor, sizeof(cursor)) == 0) {
            v.bytes = 200;
            v.files = 2;
            v.damages = list;
            v.n_damages = 1;
        }
        kith__verify__free_unpacked(ask, NULL);
        fake_reply(fd, &f.header, &v.base);
    }
}

Test(storage, a_check_goes_on_where_it_was)
{
    struct kith *k = open_good(fake_start(script_verify, true));
    struct kith_cursor at = {.size = 0};
    struct kith_verified v;
    cr_assert_eq(kith_verify(k, NULL, &at, &v), 0, "%s", kith_error(k));
    cr_assert(!v.finished && v.bytes_total == 300 && v.bytes == 100 && v.damage_count == 0);
    cr_assert_eq(kith_verify(k, NULL, &at, &v), 0, "%s", kith_error(k));
    cr_assert(v.finished && v.bytes == 200 && v.files == 2 && v.damage_count == 1);
    cr_assert_str_eq(v.damages[0].file, "segments/0c.seg");
    cr_assert_str_eq(v.damages[0].region, "codes");
    cr_assert_str_eq(v.damages[0].what, "it is not right");
    cr_assert_eq(v.damages[0].offset, 4096);
    kith_close(k);
    fake_join();
}

static void script_long_cursor(int fd)
{
    static struct fake_frame f;
    static uint8_t bytes[65];
    Kith__Verified v = KITH__VERIFIED__INIT;
    v.cursor = (ProtobufCBinaryData){sizeof(bytes), bytes};
    while (fake_read(fd, &f))
        fake_reply(fd, &f.header, &v.base);
}

Test(storage, a_cursor_that_is_too_long_is_refused)
{
    struct kith *k = open_good(fake_start(script_long_cursor, true));
    struct kith_cursor at = {.size = 0};
    struct kith_verified v;
    cr_assert_eq(kith_verify(k, "c", &at, &v), -KITH_PROTOCOL);
    kith_close(k);
    fake_join();
}

static void script_maintain(int fd)
{
    static struct fake_frame f;
    Kith__Sealed done = KITH__SEALED__INIT;
    while (fake_read(fd, &f))
        if (f.header.op == KITH_OP_SEAL)
            fake_reply(fd, &f.header, &done.base);
        else
            fake_reply_error(fd, &f.header, KITH_CORRUPT, "a file is damaged");
}

Test(storage, sealing_and_compacting_wait_or_are_collected_later)
{
    struct kith *k = open_good(fake_start(script_maintain, true));
    struct kith_reply reply;
    cr_assert_eq(kith_seal(k, "c"), 0);
    cr_assert_eq(kith_compact(k, "c"), -KITH_CORRUPT);
    cr_assert_str_eq(kith_error(k), "a file is damaged");
    int64_t seal = kith_start_seal(k, "c"), compact = kith_start_compact(k, "c");
    cr_assert(seal > 0 && compact > seal);
    cr_assert_eq(kith_next(k, -1, &reply), 1);
    cr_assert(reply.request == seal && reply.code == 0);
    cr_assert_eq(kith_next(k, -1, &reply), 1);
    cr_assert(reply.request == compact && reply.code == -KITH_CORRUPT);
    kith_close(k);
    fake_join();
}

static void script_stats(int fd)
{
    static struct fake_frame f;
    uint64_t at_most[2] = {100, 200}, counts[3] = {7, 1, 5};
    Kith__Stats stats = KITH__STATS__INIT;
    Kith__SearchTimes times = KITH__SEARCH_TIMES__INIT, *searches[1] = {&times};
    Kith__ReactorStats reactors[2] = {KITH__REACTOR_STATS__INIT, KITH__REACTOR_STATS__INIT},
                       *list[2] = {&reactors[0], &reactors[1]};
    times.at_most_ns = at_most, times.n_at_most_ns = 2;
    times.counts = counts, times.n_counts = 3;
    reactors[1].busy_ns = 5, reactors[1].stalls = 2, reactors[1].backlog_rows = 9;
    reactors[1].searches = searches, reactors[1].n_searches = 1;
    stats.uptime_ns = 77, stats.reactors = list, stats.n_reactors = 2;
    while (fake_read(fd, &f))
        fake_reply(fd, &f.header, &stats.base);
}

Test(storage, figures_come_core_by_core)
{
    struct kith *k = open_good(fake_start(script_stats, true));
    struct kith_stats s;
    cr_assert_eq(kith_stats_read(k, &s), 0, "%s", kith_error(k));
    cr_assert(s.reactor_count == 2 && s.uptime_ns == 77 && s.read_only[0] == 0);
    cr_assert(s.reactors[0].search_count == 0 && s.reactors[1].search_count == 1);
    cr_assert(s.reactors[1].busy_ns == 5 && s.reactors[1].stalls == 2 && s.reactors[1].backlog_rows == 9);
    const struct kith_search_times *t = s.reactors[1].searches;
    cr_assert(t->count == 2 && t->counts[1] == 1 && t->at_most_ns[1] == 200 &&
              !t->exact); /* a count without its bound is dropped */
    kith_close(k);
    fake_join();
}
