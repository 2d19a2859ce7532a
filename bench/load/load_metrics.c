/* load_metrics.c -- reads the server's /metrics with a minimal HTTP client for one answer. */
#include "load/load.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_BYTES 262144

static int socket_connect(const char *address)
{
    char host[64];
    snprintf(host, sizeof(host), "%s", address);
    char *colon = strrchr(host, ':');
    if (!colon)
        return -EINVAL;
    *colon = 0;
    struct addrinfo wanted = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, colon + 1, &wanted, &found) != 0)
        return -EINVAL;
    int fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
    int rc = fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) < 0 ? -errno : fd;
    if (rc < 0 && fd >= 0)
        close(fd);
    freeaddrinfo(found);
    return rc;
}

/* The whole answer as text; the caller frees it. */
static char *metrics_get(const char *address)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: kith\r\nConnection: close\r\n\r\n";
    int fd = socket_connect(address);
    char *text = fd < 0 ? NULL : calloc(1, ANSWER_BYTES);
    size_t got = 0;
    ssize_t n = text && send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request) ? 1 : 0;
    while (n > 0 && got < ANSWER_BYTES - 1) {
        n = recv(fd, text + got, ANSWER_BYTES - 1 - got, 0);
        got += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        close(fd);
    return text;
}

int server_metric(const struct server *s, const char *name, double *ret, struct error *e)
{
    char line[128];
    if (!s->metrics[0])
        return error_set(e, ERROR_UNAVAILABLE, "kithd has no metrics: it was built without HTTP, or --http is off");
    char *text = metrics_get(s->metrics);
    snprintf(line, sizeof(line), "\n%s ", name);
    const char *at = text ? strstr(text, line) : NULL;
    if (at)
        *ret = strtod(at + strlen(line), NULL);
    free(text);
    return at ? 0 : error_set(e, ERROR_UNAVAILABLE, "the metrics of %s have no %s", s->metrics, name);
}
