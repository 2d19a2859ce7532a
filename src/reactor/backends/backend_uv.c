/* backend_uv.c -- libuv, for systems that refuse io_uring: epoll for sockets, a thread pool for
 * files.
 *
 * This file makes the system calls of sockets itself; libuv only reports when sockets are ready
 * (uv_poll_t). An operation is tried at once, and waits only if the kernel would block. So buffers
 * are used as with io_uring, and no bytes are copied. A socket has one uv_poll_t for its life, in a
 * table indexed by descriptor. At most one operation waits for reading and one for writing. File
 * operations go to libuv's threads, which run posix_file.c. libuv's clock has milliseconds: a timer
 * may be up to 1 ms late, never early. */
#include "reactor/reactor.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

struct uv_socket {
    uv_poll_t poll;
    struct uv_backend *owner;
    int fd;
    struct op *reader, *writer; /* reader: accept or receive; writer: connect or send */
    /* The OP_CLOSE that ends when libuv has released the socket. NULL if no operation waits for
     * that. */
    struct op *closer;
};

struct uv_backend {
    struct backend base;
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t timer;
    struct op_list finished;    /* done() is due */
    struct uv_socket **sockets; /* indexed by descriptor */
    size_t socket_capacity;
};

struct work {
    uv_work_t request;
    struct uv_backend *owner;
    struct op *op;
};
static_assert(sizeof(struct work) <= OP_SCRATCH, "op.scratch");

static struct uv_backend *uv_of(struct backend *b)
{
    return CONTAINER_OF(b, struct uv_backend, base);
}

static void finish(struct uv_backend *u, struct op *op, int64_t result)
{
    op->result = result;
    op_list_push(&u->finished, op);
}

/* ---- sockets ---- */

static struct uv_socket *socket_find(struct uv_backend *u, handle_t handle)
{
    return (size_t)handle < u->socket_capacity ? u->sockets[handle] : NULL;
}

static int table_grow(struct uv_backend *u, size_t fd)
{
    size_t capacity = u->socket_capacity ? u->socket_capacity : 64;
    while (capacity <= fd)
        capacity *= 2;
    struct uv_socket **grown = realloc(u->sockets, capacity * sizeof(struct uv_socket *));
    if (!grown)
        return -ENOMEM;
    for (size_t i = u->socket_capacity; i < capacity; i++)
        grown[i] = NULL;
    u->sockets = grown;
    u->socket_capacity = capacity;
    return 0;
}

/* Adds fd, which is non-blocking, to the table; on failure closes it. */
static int socket_adopt(struct uv_backend *u, int fd)
{
    struct uv_socket *s = NULL;
    int rc = (size_t)fd < u->socket_capacity ? 0 : table_grow(u, (size_t)fd);
    if (rc == 0)
        s = calloc(1, sizeof(*s));
    if (rc == 0)
        rc = s ? uv_poll_init(&u->loop, &s->poll, fd) : -ENOMEM;
    if (rc < 0) {
        free(s);
        close(fd);
        return rc;
    }
    s->owner = u;
    s->fd = fd;
    u->sockets[fd] = s;
    return fd;
}

static void socket_gone(uv_handle_t *handle)
{
    struct uv_socket *s = CONTAINER_OF((uv_poll_t *)handle, struct uv_socket, poll);
    int rc = close(s->fd) < 0 ? -errno : 0;
    if (s->closer)
        finish(s->owner, s->closer, rc);
    free(s);
}

/* Takes the socket out of the table. libuv must release a descriptor before it is closed. */
static void socket_release(struct uv_socket *s, struct op *closer)
{
    s->owner->sockets[s->fd] = NULL;
    s->closer = closer;
    uv_close((uv_handle_t *)&s->poll, socket_gone);
}

static int64_t try_accept(struct uv_backend *u, struct op *op)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    int fd = accept4((int)op->handle, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    endpoint_from_sockaddr(&address, &op->endpoint);
    posix_no_delay(fd);
    return socket_adopt(u, fd);
}

static int64_t try_send(struct op *op)
{
    struct msghdr header = {.msg_iov = (struct iovec *)(uintptr_t)op->iov, .msg_iovlen = op->iov_count};
    ssize_t n = sendmsg((int)op->handle, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

static int64_t try_receive(struct op *op)
{
    ssize_t n = recv((int)op->handle, op->bytes, op->size, MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

/* Until the connect is done, its descriptor is in op->handle and the submitter does not know it. */
static int64_t try_connect(struct op *op)
{
    int refused = 0;
    socklen_t length = sizeof(refused);
    if (getsockopt((int)op->handle, SOL_SOCKET, SO_ERROR, &refused, &length) < 0)
        return -errno;
    return refused ? -refused : op->handle;
}

/* Tries op; false when it would block. */
static bool attempt(struct uv_backend *u, struct op *op)
{
    int64_t rc;
    do {
        switch (op->kind) {
        case OP_ACCEPT: rc = try_accept(u, op); break;
        case OP_RECEIVE: rc = try_receive(op); break;
        case OP_SEND: rc = try_send(op); break;
        default: rc = try_connect(op); break;
        }
    } while (rc == -EINTR);
    if (rc == -EAGAIN || rc == -EWOULDBLOCK)
        return false;
    if (op->kind == OP_CONNECT && rc < 0)
        socket_release(socket_find(u, op->handle), NULL);
    finish(u, op, rc);
    return true;
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void socket_watch(struct uv_socket *s)
{
    int events = (s->reader ? UV_READABLE : 0) | (s->writer ? UV_WRITABLE : 0);
    if (events)
        uv_poll_start(&s->poll, events, on_ready);
    else
        uv_poll_stop(&s->poll);
}

/* A socket in error counts as ready for both; the attempt returns the error. */
static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct uv_socket *s = CONTAINER_OF(poll, struct uv_socket, poll);
    struct uv_backend *u = s->owner;
    struct op *reader = s->reader, *writer = s->writer;
    int fd = s->fd;
    if (reader && (status < 0 || (events & UV_READABLE)) && attempt(u, reader))
        s->reader = NULL;
    if (writer && (status < 0 || (events & UV_WRITABLE)) && attempt(u, writer)) {
        if (u->sockets[fd] != s) /* a refused connect has released the socket */
            return;
        s->writer = NULL;
    }
    socket_watch(s);
}

static void socket_wait(struct uv_backend *u, struct op *op)
{
    struct uv_socket *s = socket_find(u, op->handle);
    struct op **slot = op->kind == OP_ACCEPT || op->kind == OP_RECEIVE ? &s->reader : &s->writer;
    check(!*slot);
    *slot = op;
    socket_watch(s);
}

static void connect_begin(struct uv_backend *u, struct op *op)
{
    struct sockaddr_storage address;
    socklen_t length = endpoint_to_sockaddr(&op->endpoint, &address);
    int fd = posix_socket(&op->endpoint, SOCK_NONBLOCK);
    if (fd >= 0)
        fd = socket_adopt(u, fd);
    if (fd < 0) {
        finish(u, op, fd);
        return;
    }
    op->handle = fd;
    if (connect(fd, (struct sockaddr *)&address, length) == 0) {
        finish(u, op, fd);
    } else if (errno == EINPROGRESS) {
        socket_wait(u, op);
    } else {
        int rc = -errno;
        socket_release(socket_find(u, fd), NULL);
        finish(u, op, rc);
    }
}

/* ---- files ---- */

static void work_run(uv_work_t *request)
{
    posix_file_run(((struct work *)request)->op);
}

static void work_done(uv_work_t *request, int status)
{
    struct work *w = (struct work *)request;
    op_list_push(&w->owner->finished, w->op);
}

static void file_submit(struct uv_backend *u, struct op *op)
{
    struct work *w = (struct work *)op->scratch;
    w->owner = u;
    w->op = op;
    int rc = uv_queue_work(&u->loop, &w->request, work_run, work_done);
    if (rc < 0)
        finish(u, op, rc);
}

/* ---- the interface ---- */

static int uv_probe(struct error *error)
{
    return 0; /* libuv needs nothing that a container forbids */
}

static void on_wake(uv_async_t *handle)
{
    /* nothing to do: the wake-up only makes poll() return */
}

/* Needed before libuv 1.45: there uv_run() runs timers first and then waits. A timer that was
 * already due would leave it waiting for ever. */
static void on_time(uv_timer_t *handle)
{
    uv_stop(handle->loop);
}

static int uv_open(struct reactor *r, struct sim *sim, struct backend **ret, struct error *error)
{
    struct uv_backend *u = calloc(1, sizeof(*u));
    int rc = u ? uv_loop_init(&u->loop) : -ENOMEM;
    if (rc < 0) {
        free(u);
        return error_set_errno(error, rc, "libuv cannot be set up");
    }
    u->base = (struct backend){.ops = &backend_uv, .reactor = r};
    rc = uv_async_init(&u->loop, &u->wake, on_wake);
    if (rc < 0) {
        uv_loop_close(&u->loop);
        free(u);
        return error_set_errno(error, rc, "no descriptor to wake a reactor with");
    }
    uv_timer_init(&u->loop, &u->timer);
    *ret = &u->base;
    return 0;
}

static void uv_close_backend(struct backend *b)
{
    struct uv_backend *u = uv_of(b);
    for (size_t fd = 0; fd < u->socket_capacity; fd++)
        if (u->sockets[fd])
            socket_release(u->sockets[fd], NULL);
    uv_close((uv_handle_t *)&u->wake, NULL);
    uv_close((uv_handle_t *)&u->timer, NULL);
    uv_run(&u->loop, UV_RUN_DEFAULT); /* until all handles are closed and all work is done */
    check(uv_loop_close(&u->loop) == 0);
    free(u->sockets);
    free(u);
}

static void uv_submit(struct backend *b, struct op *op)
{
    struct uv_backend *u = uv_of(b);
    struct uv_socket *s;
    switch (op->kind) {
    case OP_CONNECT: connect_begin(u, op); break;
    case OP_ACCEPT:
    case OP_RECEIVE:
    case OP_SEND:
        if (!attempt(u, op))
            socket_wait(u, op);
        break;
    case OP_CLOSE:
        s = socket_find(u, op->handle);
        if (s)
            socket_release(s, op);
        else
            file_submit(u, op);
        break;
    default: file_submit(u, op); break;
    }
}

/* An operation that does not wait has already succeeded, and its done() is due. */
static void uv_cancel_op(struct backend *b, struct op *op)
{
    struct uv_backend *u = uv_of(b);
    struct uv_socket *s = socket_find(u, op->handle);
    if (!s || (s->reader != op && s->writer != op))
        return;
    if (s->reader == op)
        s->reader = NULL;
    else
        s->writer = NULL;
    if (op->kind == OP_CONNECT)
        socket_release(s, NULL);
    else
        socket_watch(s);
    finish(u, op, -ECANCELED);
}

static unsigned run_finished(struct uv_backend *u)
{
    struct op_list list = u->finished; /* what done() adds is handled by the next poll */
    struct op *op;
    unsigned calls = 0;
    u->finished = (struct op_list){0};
    while ((op = op_list_pop(&list))) {
        op->done(op);
        calls++;
    }
    return calls;
}

static unsigned uv_poll_backend(struct backend *b, uint64_t until_ns)
{
    struct uv_backend *u = uv_of(b);
    unsigned calls = run_finished(u);
    bool wait = until_ns != POLL_NOW && calls == 0 && !u->finished.head;
    if (wait && until_ns != POLL_FOREVER) {
        uint64_t now = posix_now_ns(NULL), left = until_ns > now ? until_ns - now : 0;
        uv_update_time(&u->loop);
        uv_timer_start(&u->timer, on_time, (left + 999999) / 1000000, 0);
    }
    uv_run(&u->loop, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    uv_timer_stop(&u->timer);
    return calls + run_finished(u);
}

static void uv_wake(struct backend *b)
{
    uv_async_send(&uv_of(b)->wake);
}

static int uv_listen_at(struct backend *b, struct endpoint *at, handle_t *ret)
{
    int rc = posix_listen(b, at, ret);
    if (rc == 0)
        rc = socket_adopt(uv_of(b), (int)*ret);
    return rc < 0 ? rc : 0;
}

const struct backend_ops backend_uv = {
    .name = "uv",
    .probe = uv_probe,
    .open = uv_open,
    .close = uv_close_backend,
    .now_ns = posix_now_ns,
    .wall_ns = posix_wall_ns,
    .random = posix_random,
    .submit = uv_submit,
    .cancel = uv_cancel_op,
    .poll = uv_poll_backend,
    .wake = uv_wake,
    .listen = uv_listen_at,
    .shutdown = posix_shutdown,
    .yield_core = posix_yield_core,
    .unmap = posix_unmap,
    .advise = posix_advise,
};
