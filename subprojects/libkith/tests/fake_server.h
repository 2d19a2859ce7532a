/* fake_server.h -- a server that runs a script, for tests of the client. A thread accepts one
 * connection, answers the hello, and then calls the script with the socket. */
#pragma once

#include "kith.pb-c.h"

#include <kith/protocol.h>
#include <stdbool.h>
#include <stddef.h>

#define FAKE_FRAME_BYTES_MAX (1 << 20)

struct fake_frame { /* a request, as the script reads it */
    struct kith_frame_header header;
    uint8_t meta[8192];
    float block[65536];
};

typedef void (*fake_script)(int fd);

/* Starts the server; returns "127.0.0.1:port", which lives until the test ends. greet: the server
 * answers the first frame with a valid HelloReply before the script begins. */
const char *fake_start(fake_script script, bool greet);
void fake_join(void); /* waits until the script has ended and its socket is closed */

bool fake_read(int fd, struct fake_frame *ret); /* false: the client has closed */

/* Writes the bytes of a reply into `out`; returns how many there are. */
size_t fake_frame_make(uint8_t *out, const struct kith_frame_header *request, uint16_t flags, uint32_t word,
                       const ProtobufCMessage *meta, const void *block, size_t block_bytes);
void fake_send(int fd, const void *bytes, size_t n);
void fake_reply(int fd, const struct kith_frame_header *request, const ProtobufCMessage *meta);
void fake_reply_error(int fd, const struct kith_frame_header *request, uint32_t code, const char *text);
/* Writes an answer into `out`, with one hit for each of `queries`: hit i has id first_id + i, score
 * i, payload {"i":i} and vector {i, i+1}. Returns its bytes. */
size_t fake_points_make(uint8_t *out, const struct kith_frame_header *request, size_t queries, uint64_t first_id,
                        bool with_vectors, bool with_payloads);
