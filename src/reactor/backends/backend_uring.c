/* backend_uring.c -- io_uring: one ring for files, sockets, waking and waiting.
 *
 * The ring belongs to its thread (SINGLE_ISSUER). Completions are made when that thread asks for
 * them (DEFER_TASKRUN), so nothing interrupts a fiber. All operations that are submitted in a turn
 * go to the kernel in one system call. Operations that the kernel lacks (truncate before 6.9, lock,
 * list, statvfs, mmap) run synchronously in the calling thread; they are rare and short. Received
 * bytes go straight into the caller's buffer. Provided buffers would save memory for idle
 * connections, but cost a copy for the large frames that clients send. */
#include "base/log.h"
#include "reactor/reactor.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SQ_ENTRIES       512
#define SQ_ENTRIES_SMALL 64
#define CQ_FACTOR        8
#define REAP_MAX         256
/* Newer than the headers of liburing 2.3; cleared when the kernel does not know it. */
#define FEATURE_NO_IOWAIT (1u << 17)
#define ENTER_NO_IOWAIT   (1u << 7)

struct uring {
    struct backend base;
    struct io_uring ring;
    int wake_fd;
    uint64_t wake_count; /* target of the read of wake_fd */
    bool wake_armed;
    unsigned wait_flags;
    struct op_list finished; /* results are set; done() is due */
    struct op_list waiting;  /* operations that found no room in the submission queue */
    /* operations that the kernel has and that are to be cancelled when the queue has room */
    struct op_list cancels;
};

/* What the kernel reads and writes during a socket operation, in op->scratch. */
struct socket_scratch {
    struct sockaddr_storage address;
    socklen_t length;
    int fd;
};
struct send_scratch {
    struct msghdr header;
};
static_assert(sizeof(struct socket_scratch) <= OP_SCRATCH && sizeof(struct send_scratch) <= OP_SCRATCH, "op.scratch");

static struct uring *uring_of(struct backend *b)
{
    return CONTAINER_OF(b, struct uring, base);
}

/* ---- set-up ---- */

/* Opens the ring with the best flags that the kernel accepts; each attempt omits newer ones. The
 * comments give kernel versions. */
static int ring_open(struct io_uring *ring, unsigned entries)
{
    static const unsigned attempts[] = {
        IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
            IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, /* 6.1 */
        IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN |
            IORING_SETUP_TASKRUN_FLAG, /* 5.19 */
        IORING_SETUP_CQSIZE,           /* 5.5 */
    };
    int rc = -EINVAL;
    for (unsigned i = 0; i < ARRAY_LEN(attempts) && rc == -EINVAL; i++) {
        struct io_uring_params params = {.flags = attempts[i], .cq_entries = entries * CQ_FACTOR};
        rc = io_uring_queue_init_params(entries, ring, &params);
    }
    return rc;
}

static int ring_open_any_size(struct io_uring *ring)
{
    int rc = ring_open(ring, SQ_ENTRIES);
    /* rings count as locked memory, so a smaller one may fit */
    return rc == -ENOMEM ? ring_open(ring, SQ_ENTRIES_SMALL) : rc;
}

/* The sentence and the remedy for an errno of the set-up. liburing 2.3 returns -1 when a seccomp
 * filter answers EPERM; -1 is -EPERM on Linux. */
static int refusal(struct error *error, int rc)
{
    switch (rc) {
    case -EPERM:
        return error_set_errno(error, rc,
                               "io_uring is forbidden here, by a container's seccomp profile or by the sysctl "
                               "kernel.io_uring_disabled; allow it, or choose the libuv back end");
    case -ENOSYS:
        return error_set_errno(error, rc,
                               "this kernel has no io_uring, or a seccomp filter hides it; choose the libuv back end");
    case -ENOMEM:
        return error_set_errno(
            error, rc,
            "io_uring finds too little lockable memory; raise the limit (ulimit -l, LimitMEMLOCK=) or "
            "choose the libuv back end");
    default: return error_set_errno(error, rc, "io_uring cannot be set up; choose the libuv back end");
    }
}

/* Checks that the kernel supports every operation that this file uses: 0 or -ENOSYS. */
static int operations_missing(struct io_uring *ring, struct error *error)
{
    static const uint8_t needed[] = {
        IORING_OP_OPENAT,      IORING_OP_CLOSE,           IORING_OP_READ,     IORING_OP_WRITE,    IORING_OP_WRITEV,
        IORING_OP_FSYNC,       IORING_OP_SYNC_FILE_RANGE, IORING_OP_RENAMEAT, IORING_OP_UNLINKAT, IORING_OP_MKDIRAT,
        IORING_OP_LINKAT,      IORING_OP_ACCEPT,          IORING_OP_CONNECT,  IORING_OP_RECV,     IORING_OP_SENDMSG,
        IORING_OP_ASYNC_CANCEL};
    if (!(ring->features & IORING_FEAT_EXT_ARG) || !(ring->features & IORING_FEAT_NODROP))
        goto too_old;
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    bool all = probe != NULL;
    for (unsigned i = 0; all && i < ARRAY_LEN(needed); i++)
        all = io_uring_opcode_supported(probe, needed[i]);
    io_uring_free_probe(probe);
    if (all)
        return 0;
too_old:
    return error_set_errno(error, -ENOSYS,
                           "this kernel's io_uring is too old (5.15 or newer is needed); choose the libuv back end");
}

static int uring_probe(struct error *error)
{
    struct io_uring ring;
    int rc = ring_open_any_size(&ring);
    if (rc < 0)
        return refusal(error, rc);
    rc = operations_missing(&ring, error);
    io_uring_queue_exit(&ring);
    return rc;
}

static int uring_open(struct reactor *r, struct sim *sim, struct backend **ret, struct error *error)
{
    (void)sim;
    struct uring *u = calloc(1, sizeof(*u));
    if (!u)
        return error_set_errno(error, -ENOMEM, "no memory for an I/O ring");
    u->base = (struct backend){.ops = &backend_uring, .reactor = r};
    int rc = ring_open_any_size(&u->ring);
    if (rc < 0) {
        free(u);
        return refusal(error, rc);
    }
    u->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (u->wake_fd < 0) {
        rc = error_set_errno(error, -errno, "no descriptor to wake a reactor with");
        io_uring_queue_exit(&u->ring);
        free(u);
        return rc;
    }
    /* saves a descriptor look-up per call where the kernel supports it */
    (void)io_uring_register_ring_fd(&u->ring);
    /* keep the wait of an idle ring out of the "iowait" statistic, which counts waits for disks */
    u->wait_flags = u->ring.features & FEATURE_NO_IOWAIT ? ENTER_NO_IOWAIT : 0;
    *ret = &u->base;
    return 0;
}

static void uring_close(struct backend *b)
{
    struct uring *u = uring_of(b);
    io_uring_queue_exit(&u->ring);
    close(u->wake_fd);
    free(u);
}

/* ---- submission ---- */

static struct io_uring_sqe *sqe_get(struct uring *u)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
    if (UNLIKELY(!sqe)) {
        io_uring_submit(&u->ring);
        sqe = io_uring_get_sqe(&u->ring);
    }
    return sqe;
}

static void finish(struct uring *u, struct op *op, int64_t result)
{
    op->result = result;
    op_list_push(&u->finished, op);
}

static unsigned piece(size_t size)
{
    return size < (1u << 30) ? (unsigned)size : 1u << 30;
}

static void prepare_accept(struct io_uring_sqe *sqe, struct op *op)
{
    struct socket_scratch *s = (struct socket_scratch *)op->scratch;
    s->length = sizeof(s->address);
    io_uring_prep_accept(sqe, (int)op->handle, (struct sockaddr *)&s->address, &s->length, SOCK_CLOEXEC);
}

static void prepare_send(struct io_uring_sqe *sqe, struct op *op)
{
    struct send_scratch *s = (struct send_scratch *)op->scratch;
    s->header = (struct msghdr){.msg_iov = (struct iovec *)(uintptr_t)op->iov, .msg_iovlen = op->iov_count};
    io_uring_prep_sendmsg(sqe, (int)op->handle, &s->header, MSG_NOSIGNAL);
}

static void prepare_connect(struct io_uring_sqe *sqe, struct op *op)
{
    struct socket_scratch *s = (struct socket_scratch *)op->scratch;
    s->length = endpoint_to_sockaddr(&op->endpoint, &s->address);
    io_uring_prep_connect(sqe, s->fd, (struct sockaddr *)&s->address, s->length);
}

static void prepare(struct io_uring_sqe *sqe, struct op *op)
{
    int fd = (int)op->handle;
    switch (op->kind) {
    case OP_OPEN: io_uring_prep_openat(sqe, AT_FDCWD, op->path, (int)posix_open_flags(op->flags), 0644); break;
    case OP_CLOSE: io_uring_prep_close(sqe, fd); break;
    case OP_READ: io_uring_prep_read(sqe, fd, op->bytes, piece(op->size), op->offset); break;
    case OP_WRITE:
        if (op->iov_count)
            io_uring_prep_writev(sqe, fd, op->iov, op->iov_count, op->offset);
        else
            io_uring_prep_write(sqe, fd, op->bytes, piece(op->size), op->offset);
        break;
    case OP_FLUSH: io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC); break;
    case OP_WRITE_BACK:
        io_uring_prep_sync_file_range(sqe, fd, piece(op->size), op->offset, (int)posix_write_back_flags());
        break;
    case OP_RENAME: io_uring_prep_renameat(sqe, AT_FDCWD, op->path, AT_FDCWD, op->path2, 0); break;
    case OP_LINK: io_uring_prep_linkat(sqe, AT_FDCWD, op->path, AT_FDCWD, op->path2, 0); break;
    case OP_REMOVE: io_uring_prep_unlinkat(sqe, AT_FDCWD, op->path, 0); break;
    case OP_RMDIR: io_uring_prep_unlinkat(sqe, AT_FDCWD, op->path, AT_REMOVEDIR); break;
    case OP_MKDIR: io_uring_prep_mkdirat(sqe, AT_FDCWD, op->path, 0755); break;
    case OP_ACCEPT: prepare_accept(sqe, op); break;
    case OP_CONNECT: prepare_connect(sqe, op); break;
    case OP_RECEIVE: io_uring_prep_recv(sqe, fd, op->bytes, piece(op->size), 0); break;
    case OP_SEND: prepare_send(sqe, op); break;
    default: check(!"done in place");
    }
    io_uring_sqe_set_data(sqe, op);
}

static bool is_done_in_place(enum op_kind kind)
{
    return kind == OP_SIZE || kind == OP_TRUNCATE || kind == OP_LOCK || kind == OP_LIST || kind == OP_SPACE ||
           kind == OP_MAP || kind == OP_DROP_CACHE;
}

static bool enqueue(struct uring *u, struct op *op)
{
    struct io_uring_sqe *sqe = sqe_get(u);
    if (UNLIKELY(!sqe))
        return false;
    prepare(sqe, op);
    return true;
}

static void uring_submit(struct backend *b, struct op *op)
{
    struct uring *u = uring_of(b);
    if (is_done_in_place(op->kind)) {
        posix_file_run(op);
        op_list_push(&u->finished, op);
        return;
    }
    if (op->kind == OP_CONNECT) {
        struct socket_scratch *s = (struct socket_scratch *)op->scratch;
        s->fd = posix_socket(&op->endpoint, 0);
        if (s->fd < 0) {
            finish(u, op, s->fd);
            return;
        }
    }
    if (u->waiting.head || !enqueue(u, op))
        op_list_push(&u->waiting, op);
}

static bool list_remove(struct op_list *list, const struct op *op)
{
    struct op_list rest = {0};
    struct op *o;
    bool found = false;
    while ((o = op_list_pop(list))) {
        if (o == op)
            found = true;
        else
            op_list_push(&rest, o);
    }
    *list = rest;
    return found;
}

static bool enqueue_cancel(struct uring *u, struct op *op)
{
    struct io_uring_sqe *sqe = sqe_get(u);
    if (UNLIKELY(!sqe))
        return false;
    io_uring_prep_cancel(sqe, op, 0);
    io_uring_sqe_set_data(sqe, NULL); /* its own completion is ignored */
    return true;
}

/* A cancellation never meets a later operation at the same address: the queue keeps the order, and
 * complete() takes op off the list. */
static void uring_cancel(struct backend *b, struct op *op)
{
    struct uring *u = uring_of(b);
    if (UNLIKELY(u->waiting.head) && list_remove(&u->waiting, op)) {
        if (op->kind == OP_CONNECT)
            close(((struct socket_scratch *)op->scratch)->fd);
        finish(u, op, -ECANCELED);
        return;
    }
    if (UNLIKELY(u->cancels.head) || !enqueue_cancel(u, op))
        op_list_push(&u->cancels, op);
}

static void arm_wake(struct uring *u)
{
    struct io_uring_sqe *sqe = u->wake_armed ? NULL : sqe_get(u);
    if (!sqe)
        return;
    io_uring_prep_read(sqe, u->wake_fd, &u->wake_count, sizeof(u->wake_count), 0);
    io_uring_sqe_set_data(sqe, u);
    u->wake_armed = true;
}

/* ---- completion ---- */

static void complete(struct uring *u, struct op *op, int rc)
{
    struct socket_scratch *s = (struct socket_scratch *)op->scratch;
    if (UNLIKELY(u->cancels.head))
        list_remove(&u->cancels, op);
    op->result = rc;
    switch (op->kind) {
    case OP_OPEN:
        /* FILE_DIRECT is optional; open without it where the file system refuses it */
        if (rc == -EINVAL && (op->flags & FILE_DIRECT))
            posix_file_run(op);
        break;
    case OP_WRITE_BACK:
        if (rc == -ESPIPE || rc == -EINVAL)
            op->result = 0; /* not supported here; the later flush writes everything */
        break;
    case OP_RMDIR:
        if (rc == -EEXIST)
            op->result = -ENOTEMPTY;
        break;
    case OP_ACCEPT:
        if (rc >= 0) {
            endpoint_from_sockaddr(&s->address, &op->endpoint);
            posix_no_delay(rc);
        }
        break;
    case OP_CONNECT:
        if (rc < 0)
            close(s->fd);
        else
            op->result = s->fd;
        break;
    default: break;
    }
    op->done(op);
}

static unsigned reap(struct uring *u)
{
    unsigned calls = 0;
    struct io_uring_cqe *cqe;
    unsigned head;
    io_uring_for_each_cqe(&u->ring, head, cqe)
    {
        void *data = io_uring_cqe_get_data(cqe);
        int rc = cqe->res;
        /* before done(), which may submit, and the kernel may need the room */
        io_uring_cq_advance(&u->ring, 1);
        if (data == u) {
            u->wake_armed = false;
        } else if (data) {
            complete(u, data, rc);
            if (++calls == REAP_MAX)
                break;
        }
    }
    return calls;
}

static unsigned run_finished(struct uring *u)
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

static bool kernel_wants_us(struct uring *u)
{
    return io_uring_sq_ready(&u->ring) > 0 ||
           (__atomic_load_n(u->ring.sq.kflags, __ATOMIC_RELAXED) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

/* True while some operation found no room in the submission queue. The reactor must not sleep then,
 * because that operation may be what ends the sleep. */
static bool is_clogged(const struct uring *u)
{
    return u->waiting.head || u->cancels.head;
}

/* Without TASKRUN_FLAG (before 5.19) completions appear in memory without a system call. */
static bool uring_pending(struct backend *b)
{
    struct uring *u = uring_of(b);
    return io_uring_cq_ready(&u->ring) > 0 || u->finished.head || is_clogged(u) || kernel_wants_us(u);
}

/* Submits, and waits for one completion until until_ns. Calls io_uring_enter2() directly, because
 * liburing has no call with NO_IOWAIT. */
static void enter_and_wait(struct uring *u, uint64_t until_ns)
{
    struct __kernel_timespec ts;
    struct io_uring_getevents_arg arg = {.sigmask_sz = _NSIG / 8};
    if (until_ns != POLL_FOREVER) {
        uint64_t now = posix_now_ns(NULL), left = until_ns > now ? until_ns - now : 0;
        ts.tv_sec = (long long)(left / 1000000000u);
        ts.tv_nsec = (long long)(left % 1000000000u);
        arg.ts = (uint64_t)(uintptr_t)&ts;
    }
    int rc = io_uring_submit(&u->ring);
    if (rc < 0 && rc != -EBUSY && rc != -EAGAIN && rc != -EINTR)
        check(!"io_uring does not take submissions");
    if (UNLIKELY(io_uring_sq_ready(&u->ring) > 0))
        return; /* the kernel may not have seen the read of wake_fd, which has to end the sleep */
    bool registered = u->ring.enter_ring_fd != u->ring.ring_fd;
    unsigned flags =
        IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | u->wait_flags | (registered ? IORING_ENTER_REGISTERED_RING : 0);
    rc = io_uring_enter2((unsigned)u->ring.enter_ring_fd, 0, 1, flags, (sigset_t *)&arg, sizeof(arg));
    if (rc == -EINVAL && u->wait_flags)
        /* the kernel does not know NO_IOWAIT. Other errors need no handling, because the caller
         * looks for completions in any case. */
        u->wait_flags = 0;
}

static unsigned uring_poll(struct backend *b, uint64_t until_ns)
{
    struct uring *u = uring_of(b);
    unsigned calls = run_finished(u);
    arm_wake(u);
    while (UNLIKELY(u->cancels.head) && enqueue_cancel(u, u->cancels.head))
        (void)op_list_pop(&u->cancels);
    while (UNLIKELY(u->waiting.head) && enqueue(u, u->waiting.head))
        (void)op_list_pop(&u->waiting);
    bool wait = until_ns != POLL_NOW && calls == 0 && !u->finished.head && io_uring_cq_ready(&u->ring) == 0 &&
                u->wake_armed && !is_clogged(u);
    if (wait)
        enter_and_wait(u, until_ns);
    else if (kernel_wants_us(u))
        io_uring_submit_and_get_events(&u->ring);
    return calls + reap(u);
}

static void uring_wake(struct backend *b)
{
    uint64_t one = 1;
    ssize_t n;
    do
        n = write(uring_of(b)->wake_fd, &one, sizeof(one));
    while (n < 0 && errno == EINTR);
    check(n == (ssize_t)sizeof(one)); /* a write blocks only at 2^64 - 1 unread wake-ups */
}

const struct backend_ops backend_uring = {
    .name = "uring",
    .probe = uring_probe,
    .open = uring_open,
    .close = uring_close,
    .now_ns = posix_now_ns,
    .wall_ns = posix_wall_ns,
    .random = posix_random,
    .submit = uring_submit,
    .cancel = uring_cancel,
    .poll = uring_poll,
    .pending = uring_pending,
    .wake = uring_wake,
    .listen = posix_listen,
    .shutdown = posix_shutdown,
    .yield_core = posix_yield_core,
    .unmap = posix_unmap,
    .advise = posix_advise,
};
