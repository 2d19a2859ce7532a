/* fake_server.h -- a server made of a script, for tests of the client: a thread that accepts one
 * connection, answers the greeting and then runs the script with the socket. */
#pragma once

#include "kith.pb-c.h"

#include <kith/protocol.h>
#include <stdbool.h>
#include <stddef.h>

#define FAKE_FRAME_BYTES_MAX (1 << 20)

struct fake_frame { /* a request as the script sees it */
    struct kith_frame_header header;
    uint8_t meta[8192];
    float block[65536];
};

typedef void (*fake_script)(int fd);

/* Starts the server; returns "127.0.0.1:port", which lives until the test ends. greet: answer the
 * first frame with a good HelloReply before the script begins. */
const char *fake_start(fake_script script, bool greet);
void fake_join(void); /* waits until the script has ended and its socket is closed */

bool fake_read(int fd, struct fake_frame *ret); /* false: the client is gone */

/* Bytes of a reply into `out`; returns how many. */
size_t fake_frame_make(uint8_t *out, const struct kith_frame_header *request, uint16_t flags, uint32_t word,
                       const ProtobufCMessage *meta, const void *block, size_t block_bytes);
void fake_send(int fd, const void *bytes, size_t n);
void fake_reply(int fd, const struct kith_frame_header *request, const ProtobufCMessage *meta);
void fake_reply_error(int fd, const struct kith_frame_header *request, uint32_t code, const char *text);
/* An answer with one hit for each of `queries`: id = first_id + i, score i, payload {"i":i},
 * vector {i, i+1}. Into out. */
size_t fake_points_make(uint8_t *out, const struct kith_frame_header *request, size_t queries, uint64_t first_id,
                        bool with_vectors, bool with_payloads);
