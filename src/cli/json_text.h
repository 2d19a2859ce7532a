/* json_text.h -- the values of JSON that a tree of Jansson's cannot hold exactly, written
 * straight to a stream: payloads as they are stored, ids beyond 2^63, floats in the nine digits
 * that bring them back. */
#pragma once

#include <kith/kith.h>
#include <stdio.h>

/* A number as a number, a UUID as text. */
void json_text_id(FILE *to, struct kith_id id);
/* Valid JSON as it is stored, on one line (line breaks between its tokens become spaces); null
 * for an empty one; any other bytes as a string, in which a byte that is not UTF-8 is the
 * escape of its number. */
void json_text_payload(FILE *to, const char *payload, size_t size);
void json_text_float(FILE *to, float x);
void json_text_vector(FILE *to, const float *vector, uint32_t dim);
