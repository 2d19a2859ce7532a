/* Tests reading a counter, from a server that answers once, in two pieces. */
#include "load/load.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener;

static void *answer_once(void *arg)
{
    static const char *const pieces[] = {"HTTP/1.1 200 OK\r\n\r\n# HELP kith_a b\nkith_log_bytes",
                                         "_total 4096\nkith_log_bytes_total_2 7\nkith_rate 0.5\n"};
    char request[1024];
    int fd = accept(listener, NULL, NULL);
    if (fd >= 0 && recv(fd, request, sizeof(request), 0) > 0)
        for (int i = 0; i < 2; i++)
            if (send(fd, pieces[i], strlen(pieces[i]), MSG_NOSIGNAL) < 0)
                break;
    close(fd);
    return NULL;
}

static struct server server_fake(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(at);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(bind(listener, (struct sockaddr *)&at, length) == 0 && listen(listener, 4) == 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&at, &length), 0);
    struct server s = {0};
    snprintf(s.metrics, sizeof(s.metrics), "127.0.0.1:%u", ntohs(at.sin_port));
    return s;
}

static int ask(const struct server *s, const char *name, double *ret, struct error *e)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, answer_once, NULL), 0);
    int rc = server_metric(s, name, ret, e);
    pthread_join(thread, NULL);
    return rc;
}

Test(load_metrics, a_counter_is_found_by_its_whole_name)
{
    struct server s = server_fake();
    struct error e = {0};
    double value = 0;
    cr_assert_eq(ask(&s, "kith_log_bytes_total", &value, &e), 0, "%s", e.text);
    cr_assert_eq(value, 4096);
    cr_assert_eq(ask(&s, "kith_rate", &value, &e), 0, "%s", e.text);
    cr_assert_eq(value, 0.5);
    cr_assert_lt(ask(&s, "kith_log_bytes", &value, &e), 0);
    cr_assert(strstr(e.text, "kith_log_bytes"));
    close(listener);
}

Test(load_metrics, a_server_without_http_is_told)
{
    struct server s = {0};
    struct error e = {0};
    double value = 0;
    cr_assert_lt(server_metric(&s, "kith_rate", &value, &e), 0);
    cr_assert(strstr(e.text, "HTTP"));
}
