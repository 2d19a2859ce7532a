/* http_none.c -- the table of the protocol in a build without the HTTP parser: it has no
 * functions. */
#include "net/protocol.h"

const struct protocol protocol_http = {.option = "--http"};
