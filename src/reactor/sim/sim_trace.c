/* sim_trace.c -- records events, as a hash that distinguishes runs and as readable lines. */
#include "base/memory.h"
#include "reactor/sim/sim_world.h"
#include <stdio.h>
#include <string.h>

#define LINE_MAX 400

static const char *const kinds[OP_KINDS] = {
    [OP_OPEN] = "open",       [OP_CLOSE] = "close",     [OP_READ] = "read",       [OP_WRITE] = "write",
    [OP_FLUSH] = "flush",     [OP_SIZE] = "size",       [OP_TRUNCATE] = "resize", [OP_LOCK] = "lock",
    [OP_RENAME] = "rename",   [OP_LINK] = "link",       [OP_REMOVE] = "remove",   [OP_MKDIR] = "mkdir",
    [OP_RMDIR] = "rmdir",     [OP_LIST] = "list",       [OP_SPACE] = "space",     [OP_MAP] = "map",
    [OP_DROP_CACHE] = "drop", [OP_ACCEPT] = "accept",   [OP_CONNECT] = "connect", [OP_RECEIVE] = "receive",
    [OP_SEND] = "send",       [OP_WRITE_BACK] = "back",
};

static void mix(struct sim *s, unsigned reactor, const char *what, uint64_t a, uint64_t b)
{
    const uint64_t parts[] = {s->now_ns, reactor, (uint64_t)(unsigned char)what[0] << 8 | (unsigned char)what[1], a, b};
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++) { /* FNV-1a over words, with a final mix */
        s->trace_hash = (s->trace_hash ^ parts[i]) * 0x100000001b3u;
        s->trace_hash ^= s->trace_hash >> 29;
    }
    s->trace_events++;
}

static void tell(struct sim *s, unsigned reactor, const char *text)
{
    char line[LINE_MAX + 64];
    snprintf(line, sizeof(line), "%9llu.%03u us  r%u  %s", (unsigned long long)(s->now_ns / 1000),
             (unsigned)(s->now_ns % 1000), reactor, text);
    s->trace_line(line, s->trace_arg);
}

void sim_trace(struct sim *s, unsigned reactor, const char *what, uint64_t a, uint64_t b)
{
    mix(s, reactor, what, a, b);
    if (s->trace_line) {
        char text[LINE_MAX];
        snprintf(text, sizeof(text), "*** %s %lld %lld", what, (long long)a, (long long)b);
        tell(s, reactor, text);
    }
}

/* Examples: "write log/1/0-0000.log 4096@8192", "rename a -> b", "send to 3". */
static int describe(const struct sim *s, const struct op *op, char *text, size_t size)
{
    const char *kind = kinds[op->kind];
    if (op->path2)
        return snprintf(text, size, "%-7s %.150s -> %.150s", kind, op->path, op->path2);
    if (op->path)
        return snprintf(text, size, "%-7s %.300s", kind, op->path);
    if (op->kind >= OP_ACCEPT || sim_net_owns(op->handle))
        return snprintf(text, size, "%-7s connection %u", kind, (unsigned)op->handle);
    const char *path = sim_disk_path(s, op->handle);
    if (op->kind == OP_READ || op->kind == OP_WRITE)
        return snprintf(text, size, "%-7s %s %zu@%llu", kind, path, op->size, (unsigned long long)op->offset);
    return snprintf(text, size, "%-7s %s", kind, path);
}

void sim_trace_op(struct sim *s, unsigned reactor, const char *what, const struct op *op, uint64_t value)
{
    mix(s, reactor, what, op->kind, value);
    if (!s->trace_line)
        return;
    char text[LINE_MAX];
    bool done = strcmp(what, "done") == 0, submit = strcmp(what, "submit") == 0;
    int n = done || submit ? 0 : snprintf(text, sizeof(text), "*** %s: ", what);
    n += describe(s, op, text + n, sizeof(text) - (size_t)n);
    if (done && (int64_t)value < 0)
        snprintf(text + n, sizeof(text) - (size_t)n, " -> %s", strerror((int)-(int64_t)value));
    else if (done)
        snprintf(text + n, sizeof(text) - (size_t)n, " -> %lld", (long long)value);
    tell(s, reactor, text);
}

uint64_t sim_trace_hash(const struct sim *s)
{
    return s->trace_hash;
}

uint64_t sim_trace_events(const struct sim *s)
{
    return s->trace_events;
}

void sim_trace_to(struct sim *s, void (*line)(const char *text, void *arg), void *arg)
{
    s->trace_line = line;
    s->trace_arg = arg;
}
