/* Shows that each wrong answer becomes an error with a sentence, and that the client never reads
 * beyond the bytes that arrived. */
#include "fake_server.h"

#include <kith/kith.h>

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

static const float query[] = {1, 2};
static const struct kith_search search_one = {
    .collection = "c", .queries = query, .count = 1, .dim = 2, .k = 1, .with_vectors = true, .with_payloads = true};

static void (*lie)(uint8_t *out, size_t *n); /* set before the server starts */

/* Sends one correct answer, changed by lie(). */
static void script_lie(int fd)
{
    static struct fake_frame f;
    uint8_t out[4096];
    cr_assert(fake_read(fd, &f));
    size_t n = fake_points_make(out, &f.header, 1, 70, true, true);
    lie(out, &n);
    fake_send(fd, out, n);
    while (fake_read(fd, &f))
        ;
}

static void expect_lie_found(void (*how)(uint8_t *, size_t *), const char *says)
{
    char error[320];
    struct kith *k;
    struct kith_result r;
    lie = how;
    cr_assert_eq(kith_open(fake_start(script_lie, true), &k, error, sizeof(error)), 0, "%s", error);
    cr_assert_eq(kith_search(k, &search_one, &r), -KITH_PROTOCOL, "%s", kith_error(k));
    cr_assert_not_null(strstr(kith_error(k), says), "%s", kith_error(k));
    cr_assert_eq(kith_search(k, &search_one, &r), -KITH_PROTOCOL);
    kith_close(k);
    fake_join();
}

static struct kith_frame_header *header_of(uint8_t *out)
{
    return (struct kith_frame_header *)out;
}

static void lie_magic(uint8_t *out, size_t *n)
{
    memcpy(out, "HTTP/1.1 400 Bad Request", 24);
}

static void lie_no_reply(uint8_t *out, size_t *n)
{
    header_of(out)->flags = 0;
}

static void lie_meta_huge(uint8_t *out, size_t *n)
{
    header_of(out)->meta_bytes = UINT32_MAX;
}

static void lie_block_huge(uint8_t *out, size_t *n)
{
    header_of(out)->block_bytes = UINT64_MAX - 10;
}

static void lie_request(uint8_t *out, size_t *n)
{
    header_of(out)->request_id += 1000;
}

static void lie_op(uint8_t *out, size_t *n)
{
    header_of(out)->op = KITH_OP_PING;
}

static void lie_meta(uint8_t *out, size_t *n)
{
    memset(out + KITH_HEADER_BYTES, 0xff, header_of(out)->meta_bytes);
}

static void lie_no_vectors(uint8_t *out, size_t *n)
{
    header_of(out)->block_bytes = 0;
    *n = KITH_HEADER_BYTES + header_of(out)->meta_bytes;
}

/* Puts another message in place of the correct one. */
static void points_replace(uint8_t *out, size_t *n, const Kith__Points *p)
{
    struct kith_frame_header h = *header_of(out);
    h.flags = 0;
    *n = fake_frame_make(out, &h, 0, 0, &p->base, query, sizeof(query));
}

static uint32_t numbers[4] = {1, 1, UINT32_MAX, UINT32_MAX};
static uint64_t ids[4] = {1, 2, 3, 4};
static float scores[4];

static Kith__Points honest(void)
{
    Kith__Points p = KITH__POINTS__INIT;
    p.n_counts = p.n_id_lo = p.n_scores = 1;
    p.counts = numbers;
    p.id_lo = ids;
    p.scores = scores;
    return p;
}

static void lie_counts(uint8_t *out, size_t *n)
{
    Kith__Points p = honest();
    p.n_counts = 2;
    points_replace(out, n, &p);
}

static void lie_counts_sum(uint8_t *out, size_t *n)
{
    Kith__Points p = honest();
    p.n_id_lo = p.n_scores = 2;
    points_replace(out, n, &p);
}

static void lie_scores(uint8_t *out, size_t *n)
{
    Kith__Points p = honest();
    p.n_scores = 0;
    points_replace(out, n, &p);
}

static void lie_id_halves(uint8_t *out, size_t *n)
{
    Kith__Points p = honest();
    p.n_id_hi = 3;
    p.id_hi = ids;
    points_replace(out, n, &p);
}

static void lie_payload_sizes(uint8_t *out, size_t *n)
{
    Kith__Points p = honest();
    p.n_payload_sizes = 1;
    p.payload_sizes = numbers + 2;
    p.payloads = (ProtobufCBinaryData){2, (uint8_t *)"{}"};
    points_replace(out, n, &p);
}

static void lie_payload_count(uint8_t *out, size_t *n)
{
    Kith__Points p = honest();
    p.n_payload_sizes = 4;
    p.payload_sizes = numbers;
    points_replace(out, n, &p);
}

Test(hostile, an_answer_that_makes_no_sense_is_a_protocol_error)
{
    expect_lie_found(lie_magic, "does not speak Kith's protocol");
    expect_lie_found(lie_no_reply, "does not speak Kith's protocol");
    expect_lie_found(lie_meta_huge, "more than 1024 MiB");
    expect_lie_found(lie_block_huge, "more than 1024 MiB");
    expect_lie_found(lie_request, "was not asked");
    expect_lie_found(lie_op, "was not asked");
    expect_lie_found(lie_meta, "cannot be read");
}

Test(hostile, an_answer_whose_parts_disagree_is_a_protocol_error)
{
    expect_lie_found(lie_no_vectors, "the vectors and the ids");
    expect_lie_found(lie_counts, "not one count a query");
    expect_lie_found(lie_counts_sum, "the counts and the ids");
    expect_lie_found(lie_scores, "the scores and the ids");
    expect_lie_found(lie_id_halves, "the halves of the ids");
    expect_lie_found(lie_payload_sizes, "the sizes of the payloads");
    expect_lie_found(lie_payload_count, "the payloads and the ids");
}

/* -- wrong answers to the hello -- */

static struct fake_frame first;

static void script_other_version(int fd)
{
    cr_assert(fake_read(fd, &first));
    Kith__HelloReply m = KITH__HELLO_REPLY__INIT;
    m.version = KITH_PROTOCOL_VERSION + 1;
    fake_reply(fd, &first.header, &m.base);
}

static void script_refuses_version(int fd)
{
    cr_assert(fake_read(fd, &first));
    fake_reply_error(fd, &first.header, KITH_VERSION, "this server speaks versions 4 to 6");
}

static void script_hangs_up(int fd)
{
    cr_assert(fake_read(fd, &first));
}

static void script_http(int fd)
{
    cr_assert(fake_read(fd, &first));
    fake_send(fd, "HTTP/1.1 400 Bad Request\r\n\r\n0123456789", 38);
}

static void expect_refused(fake_script script, int code, const char *says)
{
    char error[320] = "";
    struct kith *k;
    cr_assert_eq(kith_open(fake_start(script, false), &k, error, sizeof(error)), -code, "%s", error);
    cr_assert_not_null(strstr(error, says), "%s", error);
    cr_assert_null(k);
    fake_join();
}

Test(hostile, a_greeting_that_fails_says_why)
{
    expect_refused(script_other_version, KITH_VERSION, "version 2");
    expect_refused(script_refuses_version, KITH_VERSION, "versions 4 to 6");
    expect_refused(script_hangs_up, KITH_DISCONNECTED, "closed the connection");
    expect_refused(script_http, KITH_PROTOCOL, "does not speak Kith's protocol");
}
