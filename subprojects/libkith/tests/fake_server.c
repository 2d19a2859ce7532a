#include "fake_server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAKE_HITS_MAX 64

static struct {
    int listener;
    pthread_t thread;
    fake_script script;
    bool greet;
    char address[32];
} server;

static bool read_all(int fd, void *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = recv(fd, (char *)bytes + done, n - done, 0);
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

bool fake_read(int fd, struct fake_frame *ret)
{
    if (!read_all(fd, &ret->header, sizeof(ret->header)))
        return false;
    cr_assert_eq(ret->header.magic, KITH_MAGIC);
    cr_assert_eq(ret->header.flags, 0);
    cr_assert_leq(ret->header.meta_bytes, sizeof(ret->meta));
    cr_assert_leq(ret->header.block_bytes, sizeof(ret->block));
    if (!read_all(fd, ret->meta, ret->header.meta_bytes))
        return false;
    uint8_t zeros[KITH_BLOCK_ALIGN];
    size_t pad =
        ret->header.block_bytes ? (0 - (KITH_HEADER_BYTES + (size_t)ret->header.meta_bytes)) % KITH_BLOCK_ALIGN : 0;
    if (!read_all(fd, zeros, pad))
        return false;
    for (size_t i = 0; i < pad; i++)
        cr_assert_eq(zeros[i], 0);
    return read_all(fd, ret->block, ret->header.block_bytes);
}

void fake_send(int fd, const void *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t sent = send(fd, (const char *)bytes + done, n - done, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the client has closed; the test checks what it saw */
        done += (size_t)sent;
    }
}

size_t fake_frame_make(uint8_t *out, const struct kith_frame_header *request, uint16_t flags, uint32_t word,
                       const ProtobufCMessage *meta, const void *block, size_t block_bytes)
{
    struct kith_frame_header h = *request;
    h.flags = KITH_FLAG_REPLY | flags;
    h.word = word;
    h.meta_bytes = (uint32_t)protobuf_c_message_pack(meta, out + KITH_HEADER_BYTES);
    h.block_bytes = block_bytes;
    memcpy(out, &h, sizeof(h));
    size_t n = KITH_HEADER_BYTES + h.meta_bytes;
    if (block_bytes == 0)
        return n;
    while (n % KITH_BLOCK_ALIGN != 0)
        out[n++] = 0;
    memcpy(out + n, block, block_bytes);
    return n + block_bytes;
}

void fake_reply(int fd, const struct kith_frame_header *request, const ProtobufCMessage *meta)
{
    uint8_t out[4096];
    fake_send(fd, out, fake_frame_make(out, request, 0, 0, meta, NULL, 0));
}

void fake_reply_error(int fd, const struct kith_frame_header *request, uint32_t code, const char *text)
{
    uint8_t out[4096];
    Kith__Error m = KITH__ERROR__INIT;
    m.text = (char *)text;
    fake_send(fd, out, fake_frame_make(out, request, KITH_FLAG_ERROR, code, &m.base, NULL, 0));
}

size_t fake_points_make(uint8_t *out, const struct kith_frame_header *request, size_t queries, uint64_t first_id,
                        bool with_vectors, bool with_payloads)
{
    uint32_t counts[FAKE_HITS_MAX], sizes[FAKE_HITS_MAX];
    uint64_t ids[FAKE_HITS_MAX];
    float scores[FAKE_HITS_MAX], block[2 * FAKE_HITS_MAX];
    char text[FAKE_HITS_MAX * 16];
    size_t text_bytes = 0;
    for (size_t i = 0; i < queries; i++) {
        counts[i] = 1;
        ids[i] = first_id + i;
        scores[i] = block[2 * i] = (float)i;
        block[2 * i + 1] = (float)i + 1;
        sizes[i] = (uint32_t)sprintf(text + text_bytes, "{\"i\":%zu}", i);
        text_bytes += sizes[i];
    }
    Kith__Points m = KITH__POINTS__INIT;
    m.n_counts = m.n_id_lo = m.n_scores = queries;
    m.counts = counts;
    m.id_lo = ids;
    m.scores = scores;
    if (with_payloads) {
        m.payloads = (ProtobufCBinaryData){text_bytes, (uint8_t *)text};
        m.payload_sizes = sizes;
        m.n_payload_sizes = queries;
    }
    return fake_frame_make(out, request, 0, 0, &m.base, block, with_vectors ? queries * 2 * sizeof(float) : 0);
}

static void greet(int fd)
{
    static struct fake_frame f;
    cr_assert(fake_read(fd, &f));
    cr_assert_eq(f.header.op, KITH_OP_HELLO);
    Kith__Hello *hello = kith__hello__unpack(NULL, f.header.meta_bytes, f.meta);
    cr_assert(hello && hello->version_min <= KITH_PROTOCOL_VERSION && hello->version_max >= KITH_PROTOCOL_VERSION);
    kith__hello__free_unpacked(hello, NULL);
    Kith__HelloReply m = KITH__HELLO_REPLY__INIT;
    m.version = KITH_PROTOCOL_VERSION;
    m.server = (char *)"kithd 9.9";
    m.frame_bytes_max = FAKE_FRAME_BYTES_MAX;
    m.requests_max = 128;
    m.reactors = 3;
    fake_reply(fd, &f.header, &m.base);
}

static void *serve(void *arg)
{
    int fd = accept(server.listener, NULL, NULL);
    cr_assert_geq(fd, 0);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (server.greet)
        greet(fd);
    server.script(fd);
    close(fd);
    return arg;
}

const char *fake_start(fake_script script, bool greets)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    server.listener = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(server.listener, (struct sockaddr *)&at, size), 0);
    cr_assert_eq(listen(server.listener, 1), 0);
    cr_assert_eq(getsockname(server.listener, (struct sockaddr *)&at, &size), 0);
    snprintf(server.address, sizeof(server.address), "127.0.0.1:%d", ntohs(at.sin_port));
    server.script = script;
    server.greet = greets;
    sigset_t all, before; /* only the client's thread shall get signals */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    cr_assert_eq(pthread_create(&server.thread, NULL, serve, NULL), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return server.address;
}

void fake_join(void)
{
    pthread_join(server.thread, NULL);
    close(server.listener);
}
