/* payloads.h -- what the payload of a version of a point is: bytes of any kind, or, in seeds with
 * fields, mostly a JSON object with values for the fields of the client that writes it.
 *
 * Everything follows from id and version. payload_field() says what a field holds without reading
 * the text, so a filter of the server is compared with something that reads no JSON. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PAYLOAD_MAX    30000 /* bytes */
#define PAYLOAD_VALUES 4     /* whole numbers of one field */
#define PAYLOAD_PATH   32    /* bytes of a field's path */

struct payloads {
    bool json;
    uint32_t owner; /* the client, by its number */
};

uint32_t payload_size(const struct payloads *p, uint64_t id, uint32_t version);
/* payload_size() bytes */
void payload_write(const struct payloads *p, uint64_t id, uint32_t version, uint8_t *ret);

/* "player0.field3" */
void payload_path(uint32_t owner, unsigned field, char path[PAYLOAD_PATH]);

/* What one field of a point holds, for a filter of whole numbers. */
struct payload_field {
    int64_t values[PAYLOAD_VALUES];
    unsigned count;
    bool has_null, is_empty;
};
struct payload_field payload_field(const struct payloads *p, uint64_t id, uint32_t version, unsigned field);
/* That of a payload without the field. */
struct payload_field payload_field_missing(void);
