/* payloads.h -- the payload of each version of a point. It is any bytes, or, in seeds with fields,
 * mostly a JSON object with values for the fields of the client that writes it.
 *
 * Everything follows from id and version. payload_field() gives the value of a field without
 * reading the text. So the server's filters are compared with code that reads no JSON. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PAYLOAD_MAX    140000 /* bytes; a column lags behind so long a payload */
#define PAYLOAD_VALUES 4      /* whole numbers of one field */
#define PAYLOAD_PATH   32     /* bytes of a field's path */

struct payloads {
    bool json;
    uint32_t owner; /* the number of the client */
};

uint32_t payload_size(const struct payloads *p, uint64_t id, uint32_t version);
/* Writes payload_size() bytes. */
void payload_write(const struct payloads *p, uint64_t id, uint32_t version, uint8_t *ret);

/* Writes the path of a field, such as "player0.field3". */
void payload_path(uint32_t owner, unsigned field, char path[PAYLOAD_PATH]);

/* What one field of a point holds, as a filter of whole numbers sees it. */
struct payload_field {
    int64_t values[PAYLOAD_VALUES];
    unsigned count;
    bool has_null, is_empty;
};
struct payload_field payload_field(const struct payloads *p, uint64_t id, uint32_t version, unsigned field);
/* The field of a payload that lacks it. */
struct payload_field payload_field_missing(void);
