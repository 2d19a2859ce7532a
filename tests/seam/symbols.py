#!/usr/bin/env python3
"""Checks that only src/reactor asks the kernel for time, randomness, files, sockets or threads, by the
symbols that the built libraries call.

usage: symbols.py NM REACTOR-LIBRARY LIBRARY...

This rule lets the simulator run the whole server. Such calls must be found in the library of the
reactor: a test that finds nothing would always pass. Prints TAP, a case for each library."""
import os
import re
import subprocess
import sys

FORBIDDEN = set("""
    open open64 openat openat64 creat close read write pread pread64 pwrite pwrite64 readv writev preadv pwritev lseek lseek64
    fsync fdatasync sync sync_file_range ftruncate ftruncate64 truncate rename renameat unlink unlinkat remove mkdir rmdir opendir readdir
    stat fstat lstat access link linkat symlink flock fcntl fcntl64 ioctl fopen fopen64 fdopen freopen fread fwrite fclose fgets tmpfile mkstemp mkdtemp
    socket connect bind listen accept accept4 send sendto sendmsg recv recvfrom recvmsg shutdown getsockopt setsockopt poll ppoll select epoll_create
    epoll_create1 epoll_ctl epoll_wait eventfd pipe pipe2 getaddrinfo
    clock_gettime clock_nanosleep gettimeofday time times clock nanosleep usleep sleep timer_create timerfd_create alarm
    rand rand_r srand random srandom drand48 lrand48 getrandom getentropy arc4random
    fork vfork execve system popen signal sigaction raise kill
    mmap mmap64 munmap madvise mprotect
""".split())
FORBIDDEN_BY_PREFIX = ("pthread_", "thrd_", "mtx_", "cnd_", "io_uring_", "uv_", "sem_")

# What a library may call all the same, and why.
ALLOWED = {
    "libbase.a": {"mmap", "mmap64", "munmap", "madvise"},  # memory on huge pages; no file is involved
}


def undefined(nm, library):
    text = subprocess.run([nm, "-u", library], capture_output=True, text=True, check=True).stdout
    return {re.sub(r"@.*", "", line.split()[-1]) for line in text.splitlines() if line.strip() and not line.endswith(":")}


def forbidden(nm, library):
    found = undefined(nm, library) - ALLOWED.get(os.path.basename(library), set())
    return sorted(s for s in found
                  if s in FORBIDDEN or s.removeprefix("__").split("_chk")[0] in FORBIDDEN or s.startswith(FORBIDDEN_BY_PREFIX))


def main():
    nm, reactor, libraries = sys.argv[1], sys.argv[2], sys.argv[3:]
    print(f"1..{len(libraries) + 1}")
    seen = len(forbidden(nm, reactor))
    failed = seen < 20
    print(f"{'not ok' if failed else 'ok'} 1 - {seen} calls of the kernel are seen in the reactor's library, where they belong")
    for number, library in enumerate(libraries, 2):
        bad = forbidden(nm, library)
        failed |= bool(bad)
        print(f"{'not ok' if bad else 'ok'} {number} - {os.path.basename(library)} asks the kernel for nothing")
        if bad:
            print(f"# it calls {', '.join(bad)}: that belongs into src/reactor")
    sys.exit(failed)


main()
