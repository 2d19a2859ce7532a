/* Shows that addresses and ids are read in every form, and what the client does where no server
 * listens. */
#include "fake_server.h"

#include <kith/kith.h>

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void script_idle(int fd)
{
    static struct fake_frame f;
    while (fake_read(fd, &f))
        ;
}

Test(address, host_names_and_mapped_addresses_reach_the_server)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        const char *port = strrchr(fake_start(script_idle, true), ':');
        char address[64], error[320] = "";
        struct kith *k;
        snprintf(address, sizeof(address), "%s%s", hosts[i], port);
        cr_assert_eq(kith_open(address, &k, error, sizeof(error)), 0, "%s: %s", address, error);
        kith_close(k);
        fake_join();
    }
}

Test(address, what_is_no_address_is_refused_with_a_sentence)
{
    static const char *const bad[] = {":7700", "host:", "host:0", "host:65536", "host:77x", "[::1", "[::1]7700"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char error[320] = "";
        struct kith *k;
        cr_assert_eq(kith_open(bad[i], &k, error, sizeof(error)), -KITH_INVALID_ARGUMENT, "%s", bad[i]);
        cr_assert_not_null(strstr(error, "is not an address"), "%s", error);
        cr_assert_null(k);
    }
}

Test(address, a_server_that_is_not_there_is_named)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    /* bound but not listening, so a connection is refused */
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, size), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    char address[64], error[320] = "", want[64];
    struct kith *k;
    snprintf(address, sizeof(address), "127.0.0.1:%d", ntohs(at.sin_port));
    snprintf(want, sizeof(want), "127.0.0.1 port %d", ntohs(at.sin_port));
    cr_assert_eq(kith_open(address, &k, error, sizeof(error)), -KITH_REFUSED);
    cr_assert_not_null(strstr(error, want), "%s", error);
    cr_assert_eq(kith_open(address, &k, NULL, 0), -KITH_REFUSED);
    cr_assert_eq(kith_open("no-such-host.invalid:1", &k, error, sizeof(error)), -KITH_REFUSED);
    cr_assert_not_null(strstr(error, "no-such-host.invalid"), "%s", error);
    close(fd);
}

Test(address, ids_survive_the_way_through_text)
{
    const struct kith_id ids[] = {
        {0, 0}, {0, UINT64_MAX}, {0x550e8400e29b41d4, 0xa716446655440000}, {1, 0}, {KITH_ID_PREFIX, 7}};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        char text[40];
        struct kith_id back;
        cr_assert_eq(kith_id_parse(kith_id_format(ids[i], text), &back), 0, "%s", text);
        cr_assert(back.hi == ids[i].hi && back.lo == ids[i].lo, "%s", text);
    }
    static const char *const bad[] = {"",
                                      "-1",
                                      "1.5",
                                      " 1",
                                      "18446744073709551616",
                                      "550e8400e29b41d4a716446655440000",
                                      "4b495448-5555-0000-0000-000000000007",
                                      "550e8400-e29b-41d4-a716-44665544000g"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct kith_id id;
        cr_assert_eq(kith_id_parse(bad[i], &id), -KITH_INVALID_ARGUMENT, "%s", bad[i]);
    }
}
