#include "disk.h"
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int write_text(const char *path, const char *format, unsigned id)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return -1;
    fprintf(f, format, id);
    return fclose(f);
}

/* Enters a new mount namespace. A process without the right to make one first enters a user
 * namespace, which gives that right. */
static int leave_namespace(void)
{
    unsigned user = getuid(), group = getgid();
    if (unshare(CLONE_NEWNS) == 0)
        return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 || write_text("/proc/self/setgroups", "deny", 0) < 0 ||
        write_text("/proc/self/uid_map", "0 %u 1\n", user) < 0 ||
        write_text("/proc/self/gid_map", "0 %u 1\n", group) < 0)
        return -1;
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/* Reserves no blocks for root, who may be running this. */
static int mount_ext4(const struct disk *d, const char *dir, unsigned mib)
{
    char command[1500];
    snprintf(command, sizeof(command),
             "exec >/dev/null 2>&1; PATH=$PATH:/usr/sbin:/sbin; truncate -s %uM '%s/disk.ext4' && "
             "mkfs.ext4 -q -F -m 0 '%s/disk.ext4' && mount -o loop '%s/disk.ext4' '%s'",
             mib, dir, dir, dir, d->path);
    return system(command) == 0 ? 0 : -1;
}

static int mount_tmpfs(const struct disk *d, unsigned mib)
{
    char size[32];
    snprintf(size, sizeof(size), "size=%um", mib);
    return mount("none", d->path, "tmpfs", 0, size);
}

int disk_open(struct disk *d, const char *dir, unsigned mib, const char *kind)
{
    snprintf(d->path, sizeof(d->path), "%s/disk", dir);
    snprintf(d->outside, sizeof(d->outside), "%s/outside", d->path);
    if (mkdir(d->path, 0755) < 0 || leave_namespace() < 0)
        return failed("a mount namespace of its own is not allowed here: %s", strerror(errno));
    d->kind = "ext4";
    if ((!kind || strcmp(kind, d->kind) == 0) && mount_ext4(d, dir, mib) == 0)
        return 0;
    d->kind = "tmpfs";
    if ((!kind || strcmp(kind, d->kind) == 0) && mount_tmpfs(d, mib) == 0)
        return 0;
    return failed("neither ext4 on a loop device nor a tmpfs can be mounted here: %s", strerror(errno));
}

uint64_t disk_room(const struct disk *d)
{
    struct statvfs st;
    return statvfs(d->path, &st) == 0 ? (uint64_t)st.f_bavail * st.f_frsize : 0;
}

/* Writes the last bytes in small pieces: a file system may refuse a large write though it has
 * room. */
int disk_fill(struct disk *d)
{
    static char bytes[1 << 20];
    int file = open(d->outside, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0)
        return errno == ENOSPC ? 0 : failed("%s: %s", d->outside, strerror(errno));
    for (size_t piece = sizeof(bytes); piece >= 512; piece /= 2)
        while (write(file, bytes, piece) == (ssize_t)piece)
            if (fsync(file) < 0) /* ext4 counts its room only when it flushes */
                break;
    close(file);
    return 0;
}

void disk_free(struct disk *d)
{
    unlink(d->outside);
}

void disk_close(struct disk *d)
{
    umount2(d->path, MNT_DETACH);
}
