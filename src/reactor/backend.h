/* backend.h -- the interface between a reactor and its back end: time, randomness, files, sockets,
 * and a way to wait for them.
 *
 * Three back ends implement it: io_uring (backend_uring.c), libuv (backend_uv.c) and the simulator
 * (backend_sim.c, sim_*.c). No code above this interface knows which one runs. Its unit is the
 * operation, a struct that its submitter owns, usually on a fiber's stack. submit() hands it over,
 * and done() hands it back once. done() is called only from poll(), never from submit() or
 * cancel(), so a submitter is never re-entered.
 *
 * The loop of each reactor (loop.c):
 *
 *     for (;;) {
 *         turn = reactor_turn(r, &when);     receive, complete, fire timers, run fibers, publish
 *         if (turn == TURN_OVER) break;      stopped and nothing left to do
 *         if (turn == TURN_AGAIN) continue;  ready fibers are left
 *         if (!reactor_sleep_begin(r))       says "asleep", then looks for new messages once more
 *             continue;
 *         poll(b, when);                     sleeps until a completion, a wake() or `when`
 *     }                                      (the next reactor_turn() ends the sleep)
 *
 * io_uring and libuv run this loop in one thread per reactor. sim_run() runs it for all reactors in
 * one thread. It picks a reactor that can run and calls reactor_turn(). Instead of sleeping it
 * moves its virtual clock. A reactor that sleeps (TURN_WAIT, and reactor_sleep_begin() returned
 * true) runs again when one of its operations is done, after its wake(), or at `when`.
 * reactor_current is the only thread-local variable of this folder, and reactor_turn() sets it.
 *
 * tests/reactor runs the same tests against all three. */
#pragma once

#include "base/error.h"
#include "reactor/file.h"
#include "reactor/runtime.h"
#include "reactor/sim/sim.h"
#include <sys/types.h>
#include <sys/uio.h>

struct reactor;

/* ---- operations ---- */

enum op_kind {
    /* Files. `path` and `path2` are borrowed until done(). result is 0 unless stated otherwise
     * here; a negative errno on failure. */
    OP_OPEN, /* path, flags (FILE_* of file.h or OPEN_DIRECTORY); result: the handle */
    /* handle of a file, directory, connection or listener that has no operation under way */
    OP_CLOSE,
    /* handle, bytes, size, offset; result: bytes read, possibly fewer than asked; 0 at the end */
    OP_READ,
    /* handle, bytes or iov and iov_count, size (of all), offset; result: bytes written, possibly
     * fewer */
    OP_WRITE,
    /* handle; fdatasync(). Of a directory handle: flushes its entries (renames, creations,
     * removals) */
    OP_FLUSH,
    /* handle, size, offset; starts writing dirty pages of that range to the disk; makes nothing
     * durable (OP_FLUSH does) */
    OP_WRITE_BACK,
    OP_SIZE,     /* handle; result: bytes */
    OP_TRUNCATE, /* handle, size */
    OP_LOCK,     /* handle; -EWOULDBLOCK when another process holds the lock */
    OP_RENAME,   /* path -> path2 */
    /* path of a file, which gets the second name path2; -EEXIST; -EPERM, -EXDEV, -EMLINK where the
     * file system does not support that */
    OP_LINK,
    OP_REMOVE, /* path, a file */
    OP_MKDIR,  /* path; -EEXIST is passed on */
    OP_RMDIR,  /* path */
    /* path; bytes := malloc()ed names, each ended by 0, in any order, without "." and ".."; size :=
     * their bytes; result: count */
    OP_LIST,
    OP_SPACE, /* path; result: bytes free for this process */
    /* path; bytes := a read-only view (NULL if the file is empty), size := its size */
    OP_MAP,
    OP_DROP_CACHE, /* path; its pages leave the page cache, after dirty pages were flushed */
    /* Sockets. */
    OP_ACCEPT,  /* handle of a listener; result: the connection's handle, endpoint := the peer */
    OP_CONNECT, /* endpoint; result: the handle */
    OP_RECEIVE, /* handle, bytes, size; result: 1..size, 0 at the end of the stream */
    OP_SEND,    /* handle, iov, iov_count; result: bytes sent, maybe fewer than all */
    OP_KINDS
};

#define OPEN_DIRECTORY (1u << 16) /* for an OP_FLUSH of the directory */

/* A file, directory, listener or connection. Its value is a descriptor, or an index in the
 * simulator; never negative. */
typedef int64_t handle_t;

struct endpoint {
    uint8_t version;     /* 4 or 6 */
    uint8_t address[16]; /* network byte order; version 4 uses the first 4 bytes */
    uint16_t port;       /* host byte order */
    uint32_t scope;      /* version 6, link-local addresses only */
};

#define OP_SCRATCH 192

struct op {
    enum op_kind kind;
    unsigned flags;
    handle_t handle;
    const char *path, *path2;
    void *bytes; /* OP_WRITE only reads it */
    size_t size;
    uint64_t offset;
    const struct iovec *iov; /* borrowed until done() */
    unsigned iov_count;
    struct endpoint endpoint;
    int64_t result; /* set before done() */
    /* runs in the loop, so it must not wait: it wakes a fiber or submits other operations */
    void (*done)(struct op *);
    void *arg; /* for the submitter's use */

    /* For the back end's use, from submit() to done(). */
    struct op *next;
    enum fiber_class cls; /* of the fiber that submitted it; operations on files only (disk.c) */
    _Alignas(16) unsigned char scratch[OP_SCRATCH];
};

/* A first-in, first-out list linked by op.next, for back ends. All zeros is an empty list. */
struct op_list {
    struct op *head, *last;
};
static inline void op_list_push(struct op_list *l, struct op *op)
{
    op->next = NULL;
    if (l->head)
        l->last->next = op;
    else
        l->head = op;
    l->last = op;
}
static inline struct op *op_list_pop(struct op_list *l)
{
    struct op *op = l->head;
    if (op)
        l->head = op->next;
    return op;
}

/* ---- a back end ---- */

#define POLL_NOW     0          /* do not wait */
#define POLL_FOREVER UINT64_MAX /* wait for a completion or a wake */

/* The first member of each back end's own struct. There is one for each reactor. Only wake() may be
 * called from other threads. */
struct backend {
    const struct backend_ops *ops;
    struct reactor *reactor;
    /* Set by the simulator when the power is cut. The turn ends when the running fiber leaves the
     * core, no other fiber runs, and reactor_turn() returns TURN_OVER. */
    bool halted;
};

struct backend_ops {
    const char *name; /* "uring", "uv", "sim" */

    /* Whether this process may use the back end: 0, or a negative errno with a sentence that names
     * the refusing part and the remedy. NULL: always. */
    int (*probe)(struct error *error);
    /* Makes the back end of reactor r, on r's thread. sim: the world of the simulator, NULL for the
     * others. */
    int (*open)(struct reactor *r, struct sim *sim, struct backend **ret, struct error *error);
    /* The caller makes sure that no submitter of an operation under way still lives. Operations
     * under way are dropped without done(). */
    void (*close)(struct backend *b);

    uint64_t (*now_ns)(struct backend *b);  /* monotonic */
    uint64_t (*wall_ns)(struct backend *b); /* since 1970 */
    uint64_t (*random)(struct backend *b);

    /* Takes op until done(). Never fails at once: done() delivers a refusal as a negative
     * result. */
    void (*submit)(struct backend *b, struct op *op);
    /* Asks to give up op, which is under way. done() is still called, with -ECANCELED or with the
     * result of an earlier completion. Only then is its buffer free. Used for OP_ACCEPT,
     * OP_CONNECT, OP_RECEIVE and OP_SEND. */
    void (*cancel)(struct backend *b, struct op *op);
    /* Starts submitted operations and calls done() for completed ones. If none is complete, waits
     * for one until the time until_ns (or POLL_NOW, POLL_FOREVER). Returns early after a wake(),
     * and may return early at any time. Returns the number of done() calls. */
    unsigned (*poll)(struct backend *b, uint64_t until_ns);
    /* Whether poll(b, POLL_NOW) may have something to do; cheap. NULL: always. */
    bool (*pending)(struct backend *b);
    /* Makes the current or the next poll() of b return. The only function that other threads
     * call. */
    void (*wake)(struct backend *b);

    /* Opens a listening socket on `at`, shared with other reactors that listen on the same address.
     * Port 0 picks any free port and stores it in at->port. */
    int (*listen)(struct backend *b, struct endpoint *at, handle_t *ret);
    /* Ends both directions of a connection without closing it. Operations under way on it complete
     * soon, with 0 or an error. */
    void (*shutdown)(struct backend *b, handle_t connection);

    /* For views made by OP_MAP. Callable from any reactor; b is that of the caller. */
    void (*unmap)(struct backend *b, const struct mapping *m);
    void (*advise)(struct backend *b, const struct mapping *m, size_t offset, size_t size, enum mapping_advice advice);

    /* Offers the core to other threads for a moment. NULL: there are no other threads. */
    void (*yield_core)(struct backend *b);

    /* For the simulator; NULL elsewhere. The loop is about to run the longest waiting fiber of
     * *cls, at position 0 of its queue. The simulator may choose another class and position. False
     * ends the turn. */
    bool (*pick)(struct backend *b, enum fiber_class *cls, uint32_t *ret_position);
    /* Whether a fiber at a checkpoint yields although its slice is not over. */
    bool (*should_yield)(struct backend *b);
    /* Whether messages from that reactor stay invisible for now. */
    bool (*late)(struct backend *b, unsigned from);
};

extern const struct backend_ops backend_uring, backend_uv, backend_sim;

/* Does any file operation at once, in the calling thread, which may be any thread (posix_file.c).
 * Used for operations that io_uring lacks, and in the thread pool of libuv. Sets op->result; does
 * not call done(). */
void posix_file_run(struct op *op);
unsigned posix_open_flags(unsigned flags); /* translates FILE_* and OPEN_DIRECTORY to O_* */
unsigned posix_write_back_flags(void);     /* flags for sync_file_range() */
void posix_unmap(struct backend *b, const struct mapping *m);
void posix_advise(struct backend *b, const struct mapping *m, size_t offset, size_t size, enum mapping_advice advice);
uint64_t posix_now_ns(struct backend *b); /* b is not used and may be NULL */
uint64_t posix_wall_ns(struct backend *b);
void posix_yield_core(struct backend *b); /* sched_yield() */
uint64_t posix_random(struct backend *b); /* from the kernel, fetched in bulk for each thread */

/* Sockets of the operating system, for io_uring and libuv (posix_socket.c). Errors are negative
 * errnos. */
struct sockaddr_storage;
int posix_listen(struct backend *b, struct endpoint *at, handle_t *ret);
void posix_shutdown(struct backend *b, handle_t connection);
/* A close-on-exec stream socket for `to` with TCP_NODELAY; flags: 0 or SOCK_NONBLOCK. */
int posix_socket(const struct endpoint *to, int flags);
void posix_no_delay(int fd);
/* returns the length of *ret */
unsigned endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *ret);
void endpoint_from_sockaddr(const struct sockaddr_storage *s, struct endpoint *ret);

/* ---- the turns of a loop, for the functions that run them ---- */

enum turn {
    TURN_AGAIN, /* there is more to do now */
    TURN_WAIT,  /* nothing to do before the time *ret_when, a completion or a wake */
    /* the power was cut, or the runtime stops and all fibers of all reactors have ended */
    TURN_OVER,
};

/* One bounded turn of r's loop, as drawn above. *ret_when: POLL_FOREVER when no timer runs. */
enum turn reactor_turn(struct reactor *r, uint64_t *ret_when);
/* Announces that r sleeps. From here on a peer that sends to r calls wake(). False: messages have
 * arrived, so the caller takes another turn. */
bool reactor_sleep_begin(struct reactor *r);

unsigned runtime_reactor_count(const struct runtime *rt);
struct reactor *runtime_reactor(struct runtime *rt, unsigned id);
struct backend *reactor_backend(struct reactor *r);
unsigned reactor_id_of(const struct reactor *r);

/* Runs all reactors of rt to their end, in this thread. Their back ends are open and their boot
 * fibers ready. Returns 0 when all turns were TURN_OVER, and -EDEADLK when all reactors sleep and
 * no event is left. Returns -EOWNERDEAD after sim_crash(), which sets `halted` in every back end
 * and suspends its caller for ever. Called by runtime_run() for BACKEND_SIM. */
MUST_USE int sim_run(struct sim *s, struct runtime *rt);
