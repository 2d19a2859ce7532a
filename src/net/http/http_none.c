/* http_none.c -- a build without the HTTP parser listens for the native protocol only. */
#include "net/http/http.h"

const char http_crowded[] = "";

void http_serve(struct connection *c, void *arg)
{
    connection_close(c);
}

void http_end_all(struct front *f)
{
}

uint64_t http_memory(const struct front *f)
{
    return 0;
}

bool net_has_http(void)
{
    return false;
}
