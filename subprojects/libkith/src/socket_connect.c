/* Finds the addresses of a host, and connects to the first of them that accepts. */
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS 10000 /* for each address of the host */

struct endpoint {
    char host[256], port[8];
};

/* Reads "host", "host:port", "[IPv6]:port", "[IPv6]" or an IPv6 address without brackets. */
static bool endpoint_parse(const char *text, struct endpoint *ret)
{
    const char *host = text, *port = NULL;
    size_t host_bytes = strlen(text);
    const char *colon = strrchr(text, ':');
    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        if (!end || (end[1] != 0 && end[1] != ':'))
            return false;
        host = text + 1;
        host_bytes = (size_t)(end - host);
        port = end[1] ? end + 2 : NULL;
    } else if (colon && strchr(text, ':') == colon) {
        host_bytes = (size_t)(colon - text);
        port = colon + 1;
    }
    if (host_bytes == 0 || host_bytes >= sizeof(ret->host))
        return false;
    memcpy(ret->host, host, host_bytes);
    ret->host[host_bytes] = 0;
    if (!port) {
        snprintf(ret->port, sizeof(ret->port), "%d", KITH_PORT);
        return true;
    }
    size_t digits = strspn(port, "0123456789");
    if (digits == 0 || digits > 5 || port[digits] != 0 || atoi(port) == 0 || atoi(port) > 65535)
        return false;
    memcpy(ret->port, port, digits + 1);
    return true;
}

/* Waits for a connect() that has begun; returns 0 or an errno. */
static int connect_await(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int n;
    do
        n = poll(&p, 1, CONNECT_TIMEOUT_MS);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno;
    if (n == 0)
        return ETIMEDOUT;
    int problem = 0;
    socklen_t size = sizeof(problem);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size);
    return problem;
}

/* Returns a connected, blocking socket, or a negative errno. */
static int connect_one(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (fd < 0)
        return -errno;
    int problem = connect(fd, a->ai_addr, a->ai_addrlen) == 0 ? 0 : errno;
    if (problem == EINPROGRESS || problem == EINTR)
        problem = connect_await(fd);
    if (problem) {
        close(fd);
        return -problem;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    return fd;
}

int socket_connect(struct kith *k, const char *address, bool *ret_refused)
{
    struct endpoint at;
    *ret_refused = false;
    if (!endpoint_parse(address, &at))
        return kith_fail(k, KITH_INVALID_ARGUMENT, "'%s' is not an address: host:port, host, or [IPv6]:port", address);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list;
    int rc = getaddrinfo(at.host, at.port, &hints, &list);
    if (rc != 0)
        return kith_fail(k, KITH_REFUSED, "cannot find the host '%s': %s", at.host,
                         rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
    int fd = -ECONNREFUSED;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = connect_one(a);
    freeaddrinfo(list);
    *ret_refused = fd == -ECONNREFUSED;
    if (*ret_refused)
        return kith_fail(k, KITH_REFUSED, "no server listens at %s port %s: is kithd running?", at.host, at.port);
    if (fd < 0)
        return kith_fail(k, KITH_REFUSED, "cannot connect to %s port %s: %s", at.host, at.port, strerror(-fd));
    k->fd = fd;
    return 0;
}
