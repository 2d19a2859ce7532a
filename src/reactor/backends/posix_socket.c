/* posix_socket.c -- TCP sockets of the operating system, for io_uring and libuv. */
#include "reactor/backend.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_BACKLOG 1024

unsigned endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (e->version == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)ret;
        in->sin_family = AF_INET;
        in->sin_port = htons(e->port);
        memcpy(&in->sin_addr, e->address, 4);
        return sizeof(*in);
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(e->port);
    in6->sin6_scope_id = e->scope;
    memcpy(&in6->sin6_addr, e->address, 16);
    return sizeof(*in6);
}

void endpoint_from_sockaddr(const struct sockaddr_storage *s, struct endpoint *ret)
{
    *ret = (struct endpoint){0};
    if (s->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)s;
        ret->version = 4;
        ret->port = ntohs(in->sin_port);
        memcpy(ret->address, &in->sin_addr, 4);
    } else {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)s;
        ret->version = 6;
        ret->port = ntohs(in6->sin6_port);
        ret->scope = in6->sin6_scope_id;
        memcpy(ret->address, &in6->sin6_addr, 16);
    }
}

void posix_no_delay(int fd)
{
    int on = 1;
    /* without it the socket still works, but slower */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int posix_socket(const struct endpoint *to, int flags)
{
    int fd = socket(to->version == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | flags, IPPROTO_TCP);
    if (fd < 0)
        return -errno;
    posix_no_delay(fd);
    return fd;
}

int posix_listen(struct backend *b, struct endpoint *at, handle_t *ret)
{
    (void)b;
    struct sockaddr_storage address;
    socklen_t length = endpoint_to_sockaddr(at, &address);
    int fd = posix_socket(at, SOCK_NONBLOCK), on = 1;
    if (fd < 0)
        return fd;
    /* REUSEADDR: a restart need not wait for connections of the last run. REUSEPORT: each reactor
     * has a queue of its own. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
        goto err_close;
    if (at->version == 6) /* "::" also takes version 4, whatever the system's default is */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int));
    if (bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
        goto err_close;
    length = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        goto err_close;
    endpoint_from_sockaddr(&address, at);
    *ret = fd;
    return 0;
err_close:;
    int rc = -errno;
    close(fd);
    return rc;
}

void posix_shutdown(struct backend *b, handle_t connection)
{
    (void)b;
    (void)shutdown((int)connection, SHUT_RDWR); /* ENOTCONN: the peer has closed already */
}
