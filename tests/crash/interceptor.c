#include "interceptor.h"
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOST_MAX   256
#define SLICES_MAX 1024 /* the most that Linux takes */

/* Identifies a file, also if a new file gets the inode number of a removed one. */
struct identity {
    uint64_t inode, born_ns;
};

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#else
#define THIS_ARCH 0
#endif

struct interceptor {
    int ends[2]; /* the child sends the listener through it */
    int listener;
    pthread_t thread;
    _Atomic enum interception what;
    _Atomic uint64_t failures;
    /* files with a lost write that no flush has reported; only the thread uses it */
    struct identity lost[LOST_MAX];
    unsigned lost_count;
};

/* -- the filter -- */

#define ASK(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)

static int install(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ASK(__NR_pwrite64),
        ASK(__NR_pwritev),
        ASK(__NR_fdatasync),
        ASK(__NR_fsync),
        ASK(__NR_openat),
        ASK(__NR_ftruncate),
        ASK(__NR_renameat2),
        ASK(__NR_unlinkat),
        ASK(__NR_mkdirat),
        ASK(__NR_linkat),
#ifdef __NR_rename
        ASK(__NR_rename),
        ASK(__NR_unlink),
        ASK(__NR_mkdir),
        ASK(__NR_link),
#endif
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};
    if (THIS_ARCH == 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void send_handle(int socket, int handle)
{
    char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(c), &handle, sizeof(handle));
    if (sendmsg(socket, &m, 0) < 0)
        _exit(126);
}

static int receive_handle(int socket)
{
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {&byte, 1};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    int handle = -1;
    if (recvmsg(socket, &m, MSG_CMSG_CLOEXEC) <= 0 || !CMSG_FIRSTHDR(&m))
        return -1;
    memcpy(&handle, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(handle));
    return handle;
}

void interceptor_in_child(void *interceptor)
{
    struct interceptor *i = interceptor;
    int listener = install();
    if (listener < 0)
        _exit(126);
    send_handle(i->ends[1], listener);
    close(listener);
    close(i->ends[0]);
    close(i->ends[1]);
}

/* -- the decision about a call -- */

static struct identity identity_of(const struct seccomp_notif *n)
{
    char path[64];
    struct statx st;
    snprintf(path, sizeof(path), "/proc/%u/fd/%d", n->pid, (int)n->data.args[0]);
    if (statx(AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &st) < 0)
        return (struct identity){0};
    return (struct identity){st.stx_ino, (uint64_t)st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec};
}

static int find_lost(const struct interceptor *i, struct identity id)
{
    for (unsigned at = 0; at < i->lost_count; at++)
        if (i->lost[at].inode == id.inode && i->lost[at].born_ns == id.born_ns)
            return (int)at;
    return -1;
}

/* The bytes that a write asks for. The list of slices is read from the memory of the server. -1: it
 * cannot be read. */
static int64_t bytes_of(const struct seccomp_notif *n)
{
    static struct iovec slices[SLICES_MAX]; /* only one thread calls this */
    const uint64_t count = n->data.args[2];
    if (n->data.nr == __NR_pwrite64)
        return (int64_t)count;
    struct iovec here = {slices, count * sizeof(*slices)}, there = {(void *)(uintptr_t)n->data.args[1], here.iov_len};
    if (count > SLICES_MAX || process_vm_readv((pid_t)n->pid, &here, 1, &there, 1, 0) != (ssize_t)here.iov_len)
        return -1;
    int64_t bytes = 0;
    for (uint64_t i = 0; i < count; i++)
        bytes += (int64_t)slices[i].iov_len;
    return bytes;
}

/* True: the write is lost, and the next flush will report it. */
static bool lose(struct interceptor *i, const struct seccomp_notif *n, int64_t bytes)
{
    struct identity id = identity_of(n);
    if (id.inode == 0 || bytes < 0)
        return false;
    if (find_lost(i, id) >= 0)
        return true;
    if (i->lost_count == LOST_MAX)
        return false;
    i->lost[i->lost_count++] = id;
    return true;
}

static int flush_error(struct interceptor *i, const struct seccomp_notif *n, enum interception what)
{
    int at = i->lost_count ? find_lost(i, identity_of(n)) : -1;
    if (at >= 0) {
        i->lost[at] = i->lost[--i->lost_count];
        return EIO;
    }
    return what == INTERCEPT_FLUSHES ? EIO : what == INTERCEPT_READ_ONLY ? EROFS : 0;
}

static void answer(struct interceptor *i, const struct seccomp_notif *n, struct seccomp_notif_resp *r)
{
    enum interception what = atomic_load(&i->what);
    int error = 0;
    int64_t bytes;
    switch (n->data.nr) {
    case __NR_fdatasync:
    case __NR_fsync: error = flush_error(i, n, what); break;
    case __NR_pwrite64:
    case __NR_pwritev:
        bytes = bytes_of(n);
        error = what == INTERCEPT_WRITES ? EIO : what == INTERCEPT_READ_ONLY ? EROFS : 0;
        if (what == INTERCEPT_LOSES && lose(i, n, bytes)) {
            r->val = bytes;
            return;
        }
        break;
    case __NR_openat:
        error = what == INTERCEPT_READ_ONLY && n->data.args[2] & (O_CREAT | O_WRONLY | O_RDWR) ? EROFS : 0;
        break;
    default: error = what == INTERCEPT_READ_ONLY ? EROFS : 0; break;
    }
    r->error = -error;
    r->flags = error ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    if (error)
        atomic_fetch_add(&i->failures, 1);
}

static void *answer_calls(void *arg)
{
    struct interceptor *i = arg;
    for (;;) {
        struct pollfd p = {.fd = i->listener, .events = POLLIN};
        if (poll(&p, 1, -1) < 0 && errno != EINTR)
            break;
        if (p.revents & (POLLHUP | POLLERR | POLLNVAL)) /* no process with the filter is left */
            break;
        struct seccomp_notif n = {0};
        if (ioctl(i->listener, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0)
            continue; /* the thread of the call was killed meanwhile */
        struct seccomp_notif_resp r = {.id = n.id};
        answer(i, &n, &r);
        /* fails if the thread was killed, which does no harm */
        ioctl(i->listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
    }
    return NULL;
}

/* -- creating and destroying -- */

/* Tries the filter in a child process. */
static bool is_allowed(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(install() >= 0 ? 0 : 1);
    int status = 1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && status == 0;
}

struct interceptor *interceptor_create(void)
{
    struct interceptor *i = calloc(1, sizeof(*i));
    if (i && is_allowed() && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, i->ends) == 0) {
        struct timeval patience = {PATIENCE_US / 1000000, 0};
        setsockopt(i->ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        i->listener = -1;
        return i;
    }
    free(i);
    failed("this kernel or sandbox does not allow a seccomp filter with a listener");
    return NULL;
}

int interceptor_attach(void *interceptor)
{
    struct interceptor *i = interceptor;
    i->lost_count = 0;
    i->listener = receive_handle(i->ends[0]);
    if (i->listener < 0 || pthread_create(&i->thread, NULL, answer_calls, i) != 0)
        return failed("the server's filter has no listener");
    return 0;
}

void interceptor_set(struct interceptor *i, enum interception what)
{
    atomic_store(&i->what, what);
}

uint64_t interceptor_failures(const struct interceptor *i)
{
    return atomic_load(&i->failures);
}

void interceptor_detach(struct interceptor *i)
{
    if (i->listener < 0)
        return;
    pthread_join(i->thread, NULL);
    close(i->listener);
    i->listener = -1;
}

void interceptor_destroy(struct interceptor *i)
{
    close(i->ends[0]);
    close(i->ends[1]);
    free(i);
}
