#include "half_frames.h"
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <kith/protocol.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_BYTES  61000
#define UNSENT_BYTES 1000
#define SPARE_FILES  64 /* descriptors that the test itself needs */

static unsigned as_many_as_files(unsigned wanted)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return 0;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    return files.rlim_cur > wanted + SPARE_FILES ? wanted : (unsigned)files.rlim_cur - SPARE_FILES;
}

static int address_of(const char *text, struct sockaddr_in *ret)
{
    char host[64];
    unsigned port;
    *ret = (struct sockaddr_in){.sin_family = AF_INET};
    if (sscanf(text, "%63[^:]:%u", host, &port) != 2 || inet_pton(AF_INET, host, &ret->sin_addr) != 1)
        return failed("'%s' is no address", text);
    ret->sin_port = htons((uint16_t)port);
    return 0;
}

/* Writes a hello of version 1 and the beginning of the frame behind it. */
static size_t bytes_make(uint8_t *to)
{
    static const uint8_t hello[] = {1 << 3, 1, 2 << 3, 1};
    const struct kith_frame_header first = {.magic = KITH_MAGIC, .op = KITH_OP_HELLO, .meta_bytes = sizeof(hello)};
    const struct kith_frame_header second = {.magic = KITH_MAGIC, .op = KITH_OP_UPSERT, .meta_bytes = FRAME_BYTES};
    memcpy(to, &first, sizeof(first));
    memcpy(to + sizeof(first), hello, sizeof(hello));
    memcpy(to + sizeof(first) + sizeof(hello), &second, sizeof(second));
    memset(to + sizeof(first) + sizeof(hello) + sizeof(second), 0x12, FRAME_BYTES - UNSENT_BYTES);
    return sizeof(first) + sizeof(hello) + sizeof(second) + FRAME_BYTES - UNSENT_BYTES;
}

/* Bytes that the server does not read stay in the socket. */
static int begin_one(const struct sockaddr_in *to, const uint8_t *bytes, size_t n)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0) {
        (void)!send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        return fd;
    }
    close(fd);
    return -1;
}

int half_frames_begin(struct half_frames *h, const char *address, unsigned count)
{
    static uint8_t bytes[FRAME_BYTES + 256];
    struct sockaddr_in to;
    if (address_of(address, &to) < 0)
        return -1;
    *h = (struct half_frames){.count = as_many_as_files(count)};
    h->sockets = malloc(h->count * sizeof(*h->sockets));
    if (!h->sockets)
        return failed("no memory for %u sockets", h->count);
    const size_t n = bytes_make(bytes);
    for (unsigned i = 0; i < h->count; i++)
        h->sockets[i] = begin_one(&to, bytes, n);
    return 0;
}

void half_frames_end(struct half_frames *h)
{
    for (unsigned i = 0; i < h->count; i++)
        if (h->sockets[i] >= 0)
            close(h->sockets[i]);
    free(h->sockets);
    *h = (struct half_frames){0};
}
