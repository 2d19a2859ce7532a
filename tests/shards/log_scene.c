#include "log_scene.h"

#include <string.h>

struct log_options options(void)
{
    return (struct log_options){.dir = "log", .epoch = 1, .reactor = 0, .file_bytes = FILE_BYTES};
}

int take_group(const uint8_t *bytes, size_t size, uint64_t position, void *arg)
{
    struct seen *seen = arg;
    want_eq(position % LOG_UNIT, 0);
    seen->groups++;
    for (size_t at = 0; at < size;) {
        uint64_t head[2];
        want(size - at >= sizeof(head));
        memcpy(head, bytes + at, sizeof(head));
        want_eq(head[0], seen->next);
        seen->next++;
        at += sizeof(head) + head[1];
    }
    return 0;
}

int append_bytes(struct log *l, const void *bytes, size_t size, enum durability durability)
{
    const struct iovec all = {(void *)(uintptr_t)bytes, size};
    return log_append(l, &all, 1, durability);
}

void append(struct log *l, uint64_t number, size_t filling, enum durability durability)
{
    static uint8_t bytes[3 << 20];
    uint64_t head[2] = {number, filling};
    memcpy(bytes, head, sizeof(head));
    memset(bytes + sizeof(head), (int)number, filling);
    want_eq(append_bytes(l, bytes, sizeof(head) + filling, durability), 0);
}

int replay(struct seen *seen, uint64_t start, struct log_end *end, struct error *e)
{
    struct log_options o = options();
    return log_replay(&o, start, take_group, seen, end, e);
}

struct log *reopen(struct seen *seen)
{
    struct log_options o = options();
    struct log_end end;
    struct error e = {0};
    struct log *l;
    want_eq(directory_create("log"), 0);
    want_eq(directory_flush("."), 0);
    want_eq(replay(seen, 0, &end, &e), 0);
    want_eq(log_open(&o, end, &l, &e), 0);
    return l;
}

struct log_file_list list(void)
{
    struct log_options o = options();
    struct log_file_list files;
    want_eq(log_files_list(&o, &files), 0);
    return files;
}
