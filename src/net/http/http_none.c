/* http_none.c -- a build without the HTTP parser does not have the protocol. */
#include "net/protocol.h"

const struct protocol protocol_http = {.option = "--http"};
