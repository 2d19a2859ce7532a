/* Tests the header of a frame as pure bytes: which headers are taken and which refused. A refusal
 * does not wait for more bytes than it needs. */
#include "net/native/frame.h"

#include <criterion/criterion.h>
#include <string.h>

static struct kith_frame_header ping(void)
{
    return (struct kith_frame_header){.magic = KITH_MAGIC, .op = KITH_OP_PING, .request_id = 7};
}

static int parse(const struct kith_frame_header *h, size_t n, struct error *error)
{
    uint8_t bytes[KITH_HEADER_BYTES];
    struct kith_frame_header ret;
    memcpy(bytes, h, sizeof(bytes));
    memset(error, 0, sizeof(*error));
    return frame_parse(bytes, n, &ret, error);
}

Test(frame, a_whole_header_is_taken_as_it_is)
{
    struct kith_frame_header h = ping(), ret;
    struct error error;
    h.meta_bytes = 5;
    h.block_bytes = 12;
    h.word = 30;
    cr_assert_eq(frame_parse(&h, sizeof(h), &ret, &error), 1);
    cr_assert_eq(memcmp(&h, &ret, sizeof(h)), 0);
}

Test(frame, the_layout_is_the_documented_one)
{
    static const uint8_t bytes[KITH_HEADER_BYTES] = {'K', 'I', 'T', 'H', 11, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8,
                                                     9,   1,   0,   0,   2,  1, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0};
    struct kith_frame_header h;
    struct error error;
    cr_assert_eq(frame_parse(bytes, sizeof(bytes), &h, &error), 1);
    cr_assert_eq(h.op, KITH_OP_SEARCH);
    cr_assert_eq(h.request_id, 0x0807060504030201ull);
    cr_assert_eq(h.meta_bytes, 0x109);
    cr_assert_eq(h.word, 0x102);
    cr_assert_eq(h.block_bytes, 0x103);
}

Test(frame, every_true_beginning_asks_for_more)
{
    struct kith_frame_header h = ping();
    struct error error;
    for (size_t n = 0; n < KITH_HEADER_BYTES; n++)
        cr_assert_eq(parse(&h, n, &error), 0, "at %zu bytes", n);
}

Test(frame, a_wrong_magic_is_refused_at_its_first_byte)
{
    struct error error;
    struct kith_frame_header ret;
    cr_assert_lt(frame_parse("X", 1, &ret, &error), 0);
    cr_assert_eq(error.code, ERROR_PROTOCOL);
    cr_assert_lt(frame_parse("KITX", 4, &ret, &error), 0);
}

Test(frame, http_on_the_native_port_is_recognised)
{
    struct error error;
    struct kith_frame_header ret;
    cr_assert_lt(frame_parse("GET /metrics HTTP/1.1", 21, &ret, &error), 0);
    cr_assert(strstr(error.text, "HTTP"));
}

Test(frame, sizes_beyond_the_limits_are_refused_without_overflow)
{
    struct error error;
    struct kith_frame_header h = ping();
    h.meta_bytes = FRAME_META_MAX + 1;
    cr_assert_lt(parse(&h, sizeof(h), &error), 0);
    h = ping();
    h.meta_bytes = UINT32_MAX;
    h.block_bytes = UINT64_MAX;
    cr_assert_lt(parse(&h, sizeof(h), &error), 0);
    h = ping();
    h.block_bytes = UINT64_MAX - 31;
    cr_assert_lt(parse(&h, sizeof(h), &error), 0);
    h.block_bytes = FRAME_BYTES_MAX - 63;
    cr_assert_lt(parse(&h, sizeof(h), &error), 0);
    h.block_bytes = FRAME_BYTES_MAX - 64;
    cr_assert_eq(parse(&h, sizeof(h), &error), 1);
}

Test(frame, flags_are_the_servers)
{
    struct error error;
    struct kith_frame_header h = ping();
    h.flags = KITH_FLAG_REPLY;
    cr_assert_lt(parse(&h, sizeof(h), &error), 0);
    cr_assert_eq(error.code, ERROR_PROTOCOL);
}

Test(frame, an_unknown_op_can_be_skipped)
{
    struct error error;
    struct kith_frame_header h = ping();
    h.op = 999;
    cr_assert_eq(parse(&h, sizeof(h), &error), 1);
    cr_assert_not(frame_op_known(999));
}

Test(frame, the_block_begins_at_a_multiple_of_64)
{
    for (uint32_t meta = 0; meta < 200; meta++) {
        cr_assert_eq(frame_padding(meta, 0), 0);
        cr_assert_eq((KITH_HEADER_BYTES + meta + frame_padding(meta, 4)) % 64, 0);
        cr_assert_lt(frame_padding(meta, 4), 64);
    }
}
