/* Sends and receives frames. A synchronous request is sent at once, its block from the caller's
 * memory. Small pipelined requests are queued until there are KITH_GATHER_BYTES of them, or until
 * the caller waits for an answer. So many small searches share a system call. */
#include "connection.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#define KITH_GATHER_BYTES (64 * 1024)
/* a block up to this size is copied behind its frame, which costs less than a second iovec */
#define KITH_COPY_BYTES     (16 * 1024)
#define KITH_RECEIVE_BYTES  (256 * 1024)
#define KITH_ROOM_BYTES_MIN 4096

int kith_fail(struct kith *k, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(k->error, sizeof(k->error), format, args);
    va_end(args);
    k->retry_after_ms = 0;
    return -code;
}

int kith_break(struct kith *k, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(k->error, sizeof(k->error), format, args);
    va_end(args);
    k->broken = -code;
    return -code;
}

/* Makes room for n more bytes behind q->end. May move the queued bytes, so none may be lent. -1: no
 * memory. */
static int queue_reserve(struct byte_queue *q, size_t n)
{
    if (q->capacity - q->end >= n)
        return 0;
    size_t used = q->end - q->start;
    /* moves no more bytes than were taken out before */
    if (q->start >= used && q->capacity - used >= n) {
        memcpy(q->bytes, q->bytes + q->start, used);
    } else {
        size_t capacity = q->capacity * 2 > used + n ? q->capacity * 2 : used + n;
        capacity = (capacity + 4095) / 4096 * 4096;
        uint8_t *bytes = aligned_alloc(KITH_BLOCK_ALIGN, capacity);
        if (!bytes)
            return -1;
        if (used > 0)
            memcpy(bytes, q->bytes + q->start, used);
        free(q->bytes);
        q->bytes = bytes;
        q->capacity = capacity;
    }
    q->start = 0;
    q->end = used;
    return 0;
}

static void queue_append(struct byte_queue *q, const void *bytes, size_t n)
{
    if (n > 0)
        memcpy(q->bytes + q->end, bytes, n);
    q->end += n;
}

static void queue_take(struct byte_queue *q, size_t n)
{
    q->start += n;
    if (q->start == q->end)
        q->start = q->end = 0;
}

/* -- receiving -- */

void connection_begin(struct kith *k)
{
    if (k->lent > 0)
        queue_take(&k->in, k->lent);
    k->lent = 0;
    free(k->retired);
    k->retired = NULL;
    reply_arena_reset(&k->arena);
    if (!k->broken)
        k->error[0] = 0;
}

/* The size of the whole frame; UINT64_MAX if its block is too long. */
static uint64_t frame_bytes(const struct kith_frame_header *h)
{
    uint64_t head = KITH_HEADER_BYTES + (uint64_t)h->meta_bytes;
    if (h->block_bytes == 0)
        return head;
    if (h->block_bytes > KITH_REPLY_BYTES_MAX)
        return UINT64_MAX;
    return (head + KITH_BLOCK_ALIGN - 1) / KITH_BLOCK_ALIGN * KITH_BLOCK_ALIGN + h->block_bytes;
}

/* Returns 1 if a whole frame has arrived; 0 if at least *ret_missing more bytes are needed; or a
 * negative code. */
static int frame_next(struct kith *k, struct frame *ret, size_t *ret_missing)
{
    size_t have = k->in.end - k->in.start;
    const uint8_t *at = k->in.bytes + k->in.start;
    if (have < KITH_HEADER_BYTES) {
        *ret_missing = KITH_HEADER_BYTES - have;
        return 0;
    }
    static_assert(sizeof(ret->header) == KITH_HEADER_BYTES, "the header is laid out as on the wire");
    memcpy(&ret->header, at, KITH_HEADER_BYTES);
    uint64_t bytes = frame_bytes(&ret->header);
    if (ret->header.magic != KITH_MAGIC || !(ret->header.flags & KITH_FLAG_REPLY))
        return kith_break(k, KITH_PROTOCOL,
                          "what answers there does not speak Kith's protocol; give the port of kithd --listen (7700), "
                          "not that of --http (7701)");
    if (bytes > KITH_REPLY_BYTES_MAX)
        return kith_break(k, KITH_PROTOCOL, "the server announced a reply of more than %llu MiB",
                          (unsigned long long)KITH_REPLY_BYTES_MAX >> 20);
    if (have < bytes) {
        *ret_missing = (size_t)bytes - have;
        return 0;
    }
    ret->meta = at + KITH_HEADER_BYTES;
    ret->block = ret->header.block_bytes ? at + bytes - ret->header.block_bytes : NULL;
    k->lent = (size_t)bytes;
    return 1;
}

/* Makes room for `missing` bytes, and for more than that if memory is allocated. Lent bytes do not
 * move. -1: no memory. */
static int receive_reserve(struct kith *k, size_t missing)
{
    struct byte_queue *q = &k->in;
    if (q->capacity - q->end >= (missing > KITH_ROOM_BYTES_MIN ? missing : KITH_ROOM_BYTES_MIN))
        return 0;
    size_t room = missing > KITH_RECEIVE_BYTES ? missing : KITH_RECEIVE_BYTES;
    if (k->lent == 0 || k->retired) /* no bytes are lent, or those that are lie in `retired` */
        return queue_reserve(q, room);
    struct byte_queue old = *q;
    *q = (struct byte_queue){0};
    if (queue_reserve(q, old.end - old.start + room) < 0) {
        *q = old;
        return -1;
    }
    queue_append(q, old.bytes + old.start, old.end - old.start);
    k->retired = old.bytes;
    return 0;
}

/* When the kernel received the last of the bytes; 0: the socket has no SO_TIMESTAMPNS. */
static uint64_t received_ns(struct msghdr *m)
{
    struct timespec t;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS && c->cmsg_len >= CMSG_LEN(sizeof(t))) {
            memcpy(&t, CMSG_DATA(c), sizeof(t));
            return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
        }
    return 0;
}

/* Reads once. Returns 1 if bytes arrived; 0 if there are none now; or a negative code. */
static int read_once(struct kith *k, size_t missing, bool wait)
{
    if (receive_reserve(k, missing) < 0)
        return kith_break(k, KITH_NO_MEMORY, "no memory for a reply of %zu bytes", missing);
    alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec part = {k->in.bytes + k->in.end, k->in.capacity - k->in.end};
    struct msghdr m;
    ssize_t n;
    do {
        m = (struct msghdr){
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
        n = recvmsg(k->fd, &m, wait ? 0 : MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        k->in.end += (size_t)n;
        k->received_ns = received_ns(&m);
        return 1;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (n < 0)
        return kith_break(k, KITH_DISCONNECTED, "the connection to the server broke: %s", strerror(errno));
    return kith_break(k, KITH_DISCONNECTED, "the server closed the connection");
}

int64_t kith_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

/* Waits until the socket can be read, or written if bytes are queued. Returns 1; 0 at the timeout;
 * or a negative code. */
static int wait_ready(struct kith *k, int64_t timeout_us)
{
    struct pollfd p = {.fd = k->fd, .events = POLLIN};
    if (k->out.end > k->out.start)
        p.events |= POLLOUT;
    struct timespec t = {timeout_us / 1000000, timeout_us % 1000000 * 1000};
    int n = ppoll(&p, 1, timeout_us < 0 ? NULL : &t, NULL);
    if (n < 0 && errno != EINTR)
        return kith_break(k, KITH_DISCONNECTED, "cannot wait for the server: %s", strerror(errno));
    return n != 0;
}

int connection_receive(struct kith *k, int64_t timeout_us, struct frame *ret)
{
    int64_t until = timeout_us > 0 ? kith_now_us() + timeout_us : 0;
    for (;;) {
        size_t missing = 0;
        int rc = frame_next(k, ret, &missing);
        if (rc != 0)
            return rc;
        if (k->broken)
            return k->broken;
        rc = connection_flush(k, false);
        if (rc < 0)
            continue; /* the server may have sent a reason before it closed: read that first */
        bool sent = k->out.start == k->out.end;
        rc = read_once(k, missing, timeout_us < 0 && sent);
        if (rc < 0)
            return rc;
        if (rc > 0)
            continue;
        int64_t left = timeout_us > 0 ? until - kith_now_us() : timeout_us;
        if (timeout_us >= 0 && left <= 0)
            return 0;
        rc = wait_ready(k, left);
        if (rc <= 0)
            return rc;
    }
}

void connection_last_words(struct kith *k)
{
    struct frame f;
    size_t missing;
    char text[KITH_ERROR_BYTES - 64];
    int broken = k->broken;
    if (frame_next(k, &f, &missing) != 1 || reply_code(k, &f) == 0)
        return;
    snprintf(text, sizeof(text), "%.*s", (int)sizeof(text) - 1, k->error);
    kith_break(k, -broken, "the server closed the connection: %s", text);
}

/* -- sending -- */

/* Sends once, from the queue and then from the block. Returns how many bytes of the block were
 * sent, or a negative code. */
static ssize_t send_once(struct kith *k, const void *block, size_t block_bytes)
{
    size_t queued = k->out.end - k->out.start;
    struct iovec parts[2] = {{k->out.bytes + k->out.start, queued}, {(void *)block, block_bytes}};
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = block_bytes > 0 ? 2 : 1};
    ssize_t n;
    do
        n = sendmsg(k->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (n < 0) {
        int problem = errno;
        while (read_once(k, 1, false) > 0) /* the reason, if the server has sent one */
            ;
        return kith_break(k, KITH_DISCONNECTED, "the connection to the server broke: %s", strerror(problem));
    }
    size_t from_queue = (size_t)n < queued ? (size_t)n : queued;
    queue_take(&k->out, from_queue);
    return n - (ssize_t)from_queue;
}

/* Sends the queue and the block, and reads what arrives meanwhile. */
static int send_all(struct kith *k, const uint8_t *block, size_t block_bytes)
{
    for (;;) {
        ssize_t n = send_once(k, block, block_bytes);
        if (n < 0)
            return (int)n;
        if (n > 0) {
            block += n;
            block_bytes -= (size_t)n;
        }
        if (k->out.start == k->out.end && block_bytes == 0)
            return 0;
        struct pollfd p = {.fd = k->fd, .events = POLLIN | POLLOUT};
        if (poll(&p, 1, -1) < 0 && errno != EINTR)
            return kith_break(k, KITH_DISCONNECTED, "cannot wait for the server: %s", strerror(errno));
        if (p.revents & POLLIN) {
            int rc = read_once(k, 1, false);
            if (rc < 0)
                return rc;
        }
    }
}

int connection_flush(struct kith *k, bool wait)
{
    if (k->broken)
        return k->broken;
    if (k->out.start == k->out.end)
        return 0;
    if (wait)
        return send_all(k, NULL, 0);
    ssize_t n = send_once(k, NULL, 0);
    return n < 0 ? (int)n : 0;
}

static int send_block(struct kith *k, const void *block, size_t block_bytes, bool wait)
{
    if (wait)
        return send_all(k, block, block_bytes);
    ssize_t n = send_once(k, block, block_bytes);
    if (n < 0)
        return (int)n;
    size_t left = block_bytes - (size_t)n;
    if (queue_reserve(&k->out, left) < 0)
        return kith_break(k, KITH_NO_MEMORY, "no memory to queue %zu bytes", left);
    queue_append(&k->out, (const uint8_t *)block + n, left);
    return 0;
}

int connection_send(struct kith *k, uint16_t op, uint64_t request_id, uint32_t word, const ProtobufCMessage *meta,
                    const void *block, size_t block_bytes, bool wait)
{
    static const uint8_t zeros[KITH_BLOCK_ALIGN];
    if (k->broken)
        return k->broken;
    size_t meta_bytes = meta ? protobuf_c_message_get_packed_size(meta) : 0;
    size_t head_bytes = KITH_HEADER_BYTES + meta_bytes;
    size_t zero_bytes = block_bytes > 0 ? (0 - head_bytes) % KITH_BLOCK_ALIGN : 0;
    uint64_t all = head_bytes + zero_bytes + (uint64_t)block_bytes;
    if (meta_bytes > KITH_META_BYTES_MAX)
        return kith_fail(
            k, KITH_INVALID_ARGUMENT,
            "ids and payloads of the request have %zu bytes; the server takes %u: send fewer points at once",
            meta_bytes, KITH_META_BYTES_MAX);
    if (all > k->frame_bytes_max)
        return kith_fail(k, KITH_INVALID_ARGUMENT,
                         "the request has %llu bytes; the server takes %llu: send fewer points at once",
                         (unsigned long long)all, (unsigned long long)k->frame_bytes_max);
    bool copies = block_bytes <= KITH_COPY_BYTES;
    if (queue_reserve(&k->out, head_bytes + zero_bytes + (copies ? block_bytes : 0)) < 0)
        return kith_fail(k, KITH_NO_MEMORY, "no memory for a request of %llu bytes", (unsigned long long)all);
    struct kith_frame_header h = {KITH_MAGIC, op, 0, request_id, (uint32_t)meta_bytes, word, block_bytes};
    queue_append(&k->out, &h, sizeof(h));
    if (meta)
        k->out.end += protobuf_c_message_pack(meta, k->out.bytes + k->out.end);
    queue_append(&k->out, zeros, zero_bytes);
    if (copies)
        queue_append(&k->out, block, block_bytes);
    else
        return send_block(k, block, block_bytes, wait);
    if (wait)
        return send_all(k, NULL, 0);
    return k->out.end - k->out.start >= KITH_GATHER_BYTES ? connection_flush(k, false) : 0;
}
