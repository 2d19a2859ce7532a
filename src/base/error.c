/* error.c -- error codes, their names, and the errno of each inside the server. */
#include "base/error.h"
#include "base/text/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One row for each code: its name, and its errno inside the server. */
static const struct {
    const char *name;
    int rc;
} codes[] = {
    [ERROR_OK] = {"ok", 0},
    [ERROR_INVALID_ARGUMENT] = {"invalid_argument", -EINVAL},
    [ERROR_NOT_FOUND] = {"not_found", -ENOENT},
    [ERROR_ALREADY_EXISTS] = {"already_exists", -EEXIST},
    [ERROR_DEADLINE_EXCEEDED] = {"deadline_exceeded", -ETIME},
    [ERROR_CANCELLED] = {"cancelled", -ECANCELED},
    [ERROR_RESOURCE_EXHAUSTED] = {"resource_exhausted", -ENOBUFS},
    [ERROR_UNAVAILABLE] = {"unavailable", -ESHUTDOWN},
    [ERROR_PROTOCOL] = {"protocol", -EPROTO},
    [ERROR_VERSION] = {"version", -EPROTONOSUPPORT},
    [ERROR_CORRUPT] = {"corrupt", -EBADMSG},
    [ERROR_IO] = {"io", -EIO},
    [ERROR_INTERNAL] = {"internal", -ENOTRECOVERABLE},
    [ERROR_TOO_LARGE] = {"too_large", -EMSGSIZE},
    [ERROR_UNIMPLEMENTED] = {"unimplemented", -EOPNOTSUPP},
    [ERROR_CONFLICT] = {"conflict", -ESTALE},
    /* an errno that no file operation returns */
    [ERROR_PERMISSION_DENIED] = {"permission_denied", -EKEYREJECTED},
};

/* Makes the text well-formed. A name may have been cut within a character, or be no UTF-8, as a
 * file name may. Clients that read the text as a protobuf string would refuse the whole message. */
static void make_well_formed(struct error *e)
{
    const size_t size = strlen(e->text);
    for (size_t at = 0, n; at < size; at += n) {
        n = utf8_character(e->text + at, size - at);
        if (n == 0) {
            e->text[at] = '?';
            n = 1;
        }
    }
}

int error_set(struct error *e, enum error_code code, const char *format, ...)
{
    if (e) {
        va_list args;
        va_start(args, format);
        e->code = code;
        e->retry_after_ms = 0;
        vsnprintf(e->text, sizeof(e->text), format, args);
        va_end(args);
        make_well_formed(e);
    }
    return codes[code].rc;
}

int error_set_errno(struct error *e, int rc, const char *format, ...)
{
    if (e) {
        va_list args;
        va_start(args, format);
        e->code = error_code_of(rc);
        e->retry_after_ms = 0;
        int n = vsnprintf(e->text, sizeof(e->text), format, args);
        va_end(args);
        if (n >= 0 && (size_t)n < sizeof(e->text))
            snprintf(e->text + n, sizeof(e->text) - (size_t)n, ": %s", strerror(-rc));
        make_well_formed(e);
    }
    return rc;
}

enum error_code error_code_of(int rc)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].rc == rc)
            return (enum error_code)i;
    switch (rc) {
    case -ENOMEM:
    case -ENOSPC:
    case -EDQUOT:
    case -EAGAIN: return ERROR_RESOURCE_EXHAUSTED;
    default: return ERROR_IO;
    }
}

const char *error_code_name(enum error_code code)
{
    return (size_t)code < ARRAY_LEN(codes) ? codes[code].name : "unknown";
}
