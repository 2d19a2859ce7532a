/* Tests the operations on stored data with a whole server, on the simulator and on this machine:
 * lists of segments, sealing, compaction, and the verification of checksums. Tests of damaged files
 * are in tests/shards/test_verify.c and, with a real server, in tests/clients. */
#include "client.h"
#include "harness.h"
#include "scenario.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define STORAGE_TEST(name) NATIVE_TEST(storage, name)

#define POINTS 300

static int named(struct client *c, uint16_t op, const char *name)
{
    Kith__Seal m = KITH__SEAL__INIT; /* Kith__Compact has the same fields */
    m.collection = (char *)name;
    return client_call(c, op, &m.base, NULL, 0, NULL);
}

struct sums {
    uint64_t points, segments, sealed, rows, deleted, tombstones, disk_bytes;
};

static struct sums info_of(struct client *c, const char *name)
{
    Kith__GetInfo m = KITH__GET_INFO__INIT;
    struct client_reply r;
    m.name = (char *)name;
    m.with_segments = true;
    cr_assert_eq(client_call(c, KITH_OP_INFO, &m.base, NULL, 0, &r), 0, "%s", c->error);
    Kith__Info *info = kith__info__unpack(NULL, r.header.meta_bytes, r.meta);
    cr_assert(info);
    struct sums sums = {.points = info->points, .segments = info->n_segments};
    for (size_t i = 0; i < info->n_segments; i++) {
        const Kith__Segment *s = info->segments[i];
        sums.sealed += s->state == KITH__SEGMENT_STATE__SEGMENT_STATE_SEALED;
        sums.rows += s->rows;
        sums.deleted += s->deleted_rows;
        sums.tombstones += s->tombstones;
        sums.disk_bytes += s->disk_bytes;
        cr_assert_eq(s->vector_bytes, s->rows * 16);
        cr_assert_eq(s->id != 0, s->state == KITH__SEGMENT_STATE__SEGMENT_STATE_SEALED);
    }
    cr_assert_eq(sums.disk_bytes, info->disk_bytes);
    kith__info__free_unpacked(info, NULL);
    client_reply_fini(&r);
    return sums;
}

STORAGE_TEST(segments_are_sealed_and_compacted_by_request)
{
    struct client c = opened(s);
    uint64_t deleted, ids[60];
    fill_collection(&c, "a", POINTS);
    struct sums before = info_of(&c, "a");
    cr_assert(before.points == POINTS && before.rows == POINTS && before.sealed == 0 && before.segments > 0);
    cr_assert_eq(named(&c, KITH_OP_SEAL, "a"), 0, "%s", c.error);
    struct sums sealed = info_of(&c, "a");
    cr_assert(sealed.sealed == sealed.segments && sealed.rows == POINTS && sealed.disk_bytes > POINTS * 16);
    for (uint32_t i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = i * 3;
    cr_assert_eq(client_delete(&c, "a", ids, ARRAY_LEN(ids), &deleted), 0);
    cr_assert_eq(named(&c, KITH_OP_COMPACT, "a"), 0, "%s", c.error);
    struct sums after = info_of(&c, "a");
    cr_assert_eq(after.points, POINTS - ARRAY_LEN(ids));
    cr_assert(after.rows == after.points && after.deleted == 0, "%llu rows, %llu deleted",
              (unsigned long long)after.rows, (unsigned long long)after.deleted);
    for (int op = KITH_OP_SEAL; op <= KITH_OP_COMPACT; op++)
        cr_assert_eq(named(&c, (uint16_t)op, "b"), CLIENT_REFUSED(ERROR_NOT_FOUND));
    client_close(&c);
}

/* Returns what client_call() does. Moves *cursor on. */
static int verify(struct client *c, const char *name, ProtobufCBinaryData *cursor, uint64_t *total, uint64_t *bytes)
{
    static uint8_t kept[64];
    struct client_reply r;
    Kith__Verify m = KITH__VERIFY__INIT;
    m.collection = (char *)name;
    m.cursor = *cursor;
    int rc = client_call(c, KITH_OP_VERIFY, &m.base, NULL, 0, &r);
    if (rc < 0)
        return rc;
    Kith__Verified *v = kith__verified__unpack(NULL, r.header.meta_bytes, r.meta);
    cr_assert(v);
    cr_assert_eq(v->n_damages, 0, "%s at %llu: %s", v->damages[0]->file, (unsigned long long)v->damages[0]->offset,
                 v->damages[0]->text);
    *total += v->bytes_total;
    *bytes += v->bytes;
    cr_assert_leq(v->cursor.len, sizeof(kept));
    if (v->cursor.len)
        memcpy(kept, v->cursor.data, v->cursor.len);
    *cursor = (ProtobufCBinaryData){v->cursor.len, kept};
    kith__verified__free_unpacked(v, NULL);
    client_reply_fini(&r);
    return 0;
}

static void verify_all(struct client *c, const char *name)
{
    ProtobufCBinaryData cursor = {0};
    uint64_t total = 0, bytes = 0;
    do
        cr_assert_eq(verify(c, name, &cursor, &total, &bytes), 0, "%s", c->error);
    while (cursor.len > 0);
    cr_assert(bytes > 0 && bytes == total, "%llu of %llu bytes", (unsigned long long)bytes, (unsigned long long)total);
}

STORAGE_TEST(what_a_server_wrote_has_the_right_checksums)
{
    struct client c = opened(s);
    verify_all(&c, ""); /* the server has only an empty log */
    fill_collection(&c, "a", POINTS);
    verify_all(&c, "");
    cr_assert_eq(named(&c, KITH_OP_SEAL, "a"), 0, "%s", c.error);
    fill_collection(&c, "b", POINTS);
    verify_all(&c, "");
    verify_all(&c, "a");
    cr_assert_eq(named(&c, KITH_OP_COMPACT, "a"), 0, "%s", c.error);
    verify_all(&c, "a");
    client_close(&c);
}

STORAGE_TEST(a_verification_refuses_wrong_requests)
{
    struct client c = opened(s);
    uint8_t odd[24];
    memset(odd, 0xff, sizeof(odd));
    uint64_t n = 0;
    ProtobufCBinaryData none = {0}, strange = {sizeof(odd), odd}, small = {7, odd};
    cr_assert_eq(verify(&c, "nothing", &none, &n, &n), CLIENT_REFUSED(ERROR_NOT_FOUND));
    cr_assert_eq(verify(&c, "", &strange, &n, &n), CLIENT_REFUSED(ERROR_INVALID_ARGUMENT));
    cr_assert_eq(verify(&c, "", &small, &n, &n), CLIENT_REFUSED(ERROR_INVALID_ARGUMENT));
    cr_assert_eq(client_ping(&c), 0);
    client_close(&c);
}
