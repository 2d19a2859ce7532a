/* backend.h -- what a reactor needs from the world: time, randomness, files, sockets, and a
 * way to wait for them.
 *
 * Three worlds implement it: io_uring (backend_uring.c), libuv (backend_uv.c) and the simulator
 * (backend_sim.c, sim_*.c). Above it nothing knows which one runs. The unit is the operation: a
 * struct its submitter owns, usually on a fiber's stack, handed over with submit() and handed back,
 * once, with done(). done() is only ever called from poll(), never from submit() or cancel(), so a
 * submitter need not fear to be re-entered.
 *
 * The loop's shape, per reactor (loop.c):
 *
 *     for (;;) {
 *         turn = reactor_turn(r, &when);      inbox rings, poll(b, POLL_NOW), timers, ready fibers
 *         for at most
 *                                             one slice, publish outboxes
 *         if (turn == TURN_OVER) break;       stopped and nothing left to do
 *         if (turn == TURN_AGAIN) continue;   ready fibers are left
 *         if (!reactor_sleep_begin(r))        announces "asleep", then looks once more: mail came
 *         meanwhile
 *             continue;
 *         poll(b, when);                      TURN_WAIT: sleep until a completion, a wake() or the
 *         time `when`
 *     }                                       (the next reactor_turn() ends the sleep)
 *
 * io_uring and libuv run that loop in one thread per reactor. sim_run() runs it for all reactors in
 * one thread: it picks a reactor that can run, calls reactor_turn(), and instead of sleeping moves
 * its virtual clock; a reactor whose turn said TURN_WAIT and whose reactor_sleep_begin() said true
 * is run again when one of its operations is done, when its wake() was called, or at `when`. The
 * one thread-local of this folder is reactor_current, and reactor_turn() sets it.
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
    /* Files. `path` and `path2` are borrowed until done(). result: 0 or what is said here; a
     * negative errno on failure. */
    OP_OPEN, /* path, flags (FILE_* of file.h or OPEN_DIRECTORY); result: the handle */
    /* handle of a file, a directory, a connection or a listener that has no operation under way */
    OP_CLOSE,
    /* handle, bytes, size, offset; result: bytes read, maybe fewer than asked; 0 at the end */
    OP_READ,
    /* handle, bytes or iov and iov_count, size of all, offset; result: bytes written, maybe
     * fewer */
    OP_WRITE,
    /* handle; fdatasync; of a directory handle: its entries (renames, creations, removals) */
    OP_FLUSH,
    /* handle, size, offset; what was written there goes to the disk now; promises
     * nothing (that is OP_FLUSH) */
    OP_WRITE_BACK,
    OP_SIZE,     /* handle; result: bytes */
    OP_TRUNCATE, /* handle, size */
    OP_LOCK,     /* handle; -EWOULDBLOCK */
    OP_RENAME,   /* path -> path2 */
    /* path, a file, has the name path2 too; -EEXIST; -EPERM, -EXDEV, -EMLINK where
     * the file system cannot */
    OP_LINK,
    OP_REMOVE, /* path, a file */
    OP_MKDIR,  /* path; -EEXIST is passed on */
    OP_RMDIR,  /* path */
    OP_LIST, /* path; bytes := malloc()ed names, each with its 0, any order, no "." and ".."; size := bytes; result: count */
    OP_SPACE, /* path; result: bytes free to us */
    /* path; bytes := read-only view (NULL when the file is empty), size := its size */
    OP_MAP,
    OP_DROP_CACHE, /* path; its pages leave the system's cache, after what is dirty was flushed */
    /* Sockets. */
    OP_ACCEPT,  /* handle of a listener; result: the connection's handle, endpoint := the peer */
    OP_CONNECT, /* endpoint; result: the handle */
    OP_RECEIVE, /* handle, bytes, size; result: 1..size, 0 at the end of the stream */
    OP_SEND,    /* handle, iov, iov_count; result: bytes sent, maybe fewer than all */
    OP_KINDS
};

#define OPEN_DIRECTORY (1u << 16) /* for OP_FLUSH of a directory */

/* A file, directory, listener or connection, in the back end's own numbering (a descriptor, or an
 * index in the simulator); never negative. */
typedef int64_t handle_t;

struct endpoint {
    uint8_t version;     /* 4 or 6 */
    uint8_t address[16]; /* network order; 4 bytes used by version 4 */
    uint16_t port;       /* host order */
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
    const struct iovec *iov; /* lent until done() */
    unsigned iov_count;
    struct endpoint endpoint;
    int64_t result; /* set before done() */
    /* runs in the loop: wake somebody and return; may submit other operations */
    void (*done)(struct op *);
    void *arg; /* the submitter's */

    /* The back end's, from submit() to done(). */
    struct op *next;
    enum fiber_class cls; /* of the fiber that asked; operations on files only (disk.c) */
    _Alignas(16) unsigned char scratch[OP_SCRATCH];
};

/* A first-in first-out list through op.next, for back ends. Zero-initialised is empty. */
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

/* The first member of every back end's own struct. One for each reactor, touched by that reactor's
 * thread only, but for wake(). */
struct backend {
    const struct backend_ops *ops;
    struct reactor *reactor;
    /* Set by the simulator when the power is cut: the turn ends after the fiber that runs now has
     * left the core, no other runs, and reactor_turn() says TURN_OVER. */
    bool halted;
};

struct backend_ops {
    const char *name; /* "uring", "uv", "sim" */

    /* May this process use it? 0, or a negative errno and a sentence that says who
     * refuses and what to do. */
    int (*probe)(struct error *error);
    /* Makes the back end of reactor r, on r's thread. sim: the world, NULL for the others. */
    int (*open)(struct reactor *r, struct sim *sim, struct backend **ret, struct error *error);
    /* No operation is under way whose submitter still lives; whatever is under way is
     * given up without done(). */
    void (*close)(struct backend *b);

    uint64_t (*now_ns)(struct backend *b);  /* monotonic */
    uint64_t (*wall_ns)(struct backend *b); /* since 1970 */
    uint64_t (*random)(struct backend *b);

    /* Takes op until done(). Never fails at once: a refusal arrives through done()
     * with a negative result. */
    void (*submit)(struct backend *b, struct op *op);
    /* Asks to give up op, which is under way. done() is still called, with -ECANCELED or with
     * whatever happened first; only then is its buffer free. Used for OP_ACCEPT, OP_CONNECT,
     * OP_RECEIVE and OP_SEND. */
    void (*cancel)(struct backend *b, struct op *op);
    /* Starts what was submitted, calls done() for what is done; waits until the time until_ns for
     * that when nothing is (or POLL_NOW, POLL_FOREVER). Returns early when wake() was called, and
     * may at any time. Returns the done() calls made. */
    unsigned (*poll)(struct backend *b, uint64_t until_ns);
    /* Cheap: may poll(b, POLL_NOW) have something to do? NULL: always. */
    bool (*pending)(struct backend *b);
    /* Makes the poll() that b is in, or enters next, return. The one function
     * that other threads call. */
    void (*wake)(struct backend *b);

    /* A listening socket on `at` (port 0: any; at->port := the port), shared with other reactors
     * that listen on the same. */
    int (*listen)(struct backend *b, struct endpoint *at, handle_t *ret);
    /* Ends both directions of a connection; operations under way on it complete soon, with 0 or an
     * error. Does not close it. */
    void (*shutdown)(struct backend *b, handle_t connection);

    /* Views made by OP_MAP. Callable from any reactor; b is the caller's. */
    void (*unmap)(struct backend *b, const struct mapping *m);
    void (*advise)(struct backend *b, const struct mapping *m, size_t offset, size_t size, enum mapping_advice advice);

    /* Lets whoever else waits for the core have it for a moment. NULL: nobody else is there. */
    void (*give_way)(struct backend *b);

    /* For the simulator; NULL elsewhere. The loop would run the longest waiting fiber of *cls,
     * which is position 0 of that queue: which shall it be instead? False: the turn ends here. */
    bool (*pick)(struct backend *b, enum fiber_class *cls, uint32_t *ret_position);
    /* Shall a fiber that asks yield, though its slice is not over? */
    bool (*should_yield)(struct backend *b);
    /* Shall mail from that reactor not be seen yet? */
    bool (*late)(struct backend *b, unsigned from);
};

extern const struct backend_ops backend_uring, backend_uv, backend_sim;

/* Does any file operation at once in the calling thread, which may be any (posix_file.c): what
 * io_uring lacks, and the thread pool of libuv. Sets op->result; does not call done(). */
void posix_file_run(struct op *op);
unsigned posix_open_flags(unsigned flags); /* FILE_* and OPEN_DIRECTORY as O_* */
unsigned posix_write_back_flags(void);     /* of sync_file_range() */
void posix_unmap(struct backend *b, const struct mapping *m);
void posix_advise(struct backend *b, const struct mapping *m, size_t offset, size_t size, enum mapping_advice advice);
uint64_t posix_now_ns(struct backend *b); /* b is not used and may be NULL */
uint64_t posix_wall_ns(struct backend *b);
void posix_give_way(struct backend *b);   /* sched_yield() */
uint64_t posix_random(struct backend *b); /* from the kernel, bought in bulk per thread */

/* Sockets of the operating system, for io_uring and libuv (posix_socket.c): non-blocking where
 * flags says so. Negative errno. */
struct sockaddr_storage;
int posix_listen(struct backend *b, struct endpoint *at, handle_t *ret);
void posix_shutdown(struct backend *b, handle_t connection);
/* A stream socket for `to`, TCP_NODELAY set, close-on-exec; flags: 0 or SOCK_NONBLOCK. */
int posix_socket(const struct endpoint *to, int flags);
void posix_no_delay(int fd);
/* its length */
unsigned endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *ret);
void endpoint_from_sockaddr(const struct sockaddr_storage *s, struct endpoint *ret);

/* ---- what the loop lends to those who run it ---- */

enum turn {
    TURN_AGAIN, /* there is more to do now */
    TURN_WAIT,  /* nothing to do before the time *ret_when, a completion or a wake */
    TURN_OVER,  /* stopped, all fibers of all reactors have ended: or halted */
};

/* One bounded turn of r's loop; see the top. *ret_when: POLL_FOREVER when no timer runs. */
enum turn reactor_turn(struct reactor *r, uint64_t *ret_when);
/* Announces that r sleeps: from here on a peer that sends to r calls wake(). False: mail is
 * there, take another turn. */
bool reactor_sleep_begin(struct reactor *r);

unsigned runtime_reactor_count(const struct runtime *rt);
struct reactor *runtime_reactor(struct runtime *rt, unsigned id);
struct backend *reactor_backend(struct reactor *r);
unsigned reactor_id_of(const struct reactor *r);

/* Runs all reactors of rt, whose back ends are open and whose boot fibers are ready, to their end,
 * in this thread. 0 when all turns said TURN_OVER, -EOWNERDEAD after sim_crash() (which sets halted
 * in every back end and suspends its caller for ever), -EDEADLK when all sleep and nothing will
 * ever happen. Called by runtime_run() for BACKEND_SIM. */
MUST_USE int sim_run(struct sim *s, struct runtime *rt);
