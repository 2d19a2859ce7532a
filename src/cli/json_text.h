/* json_text.h -- writes JSON values that a tree of Jansson's cannot hold exactly directly to a
 * stream: payloads as they are stored, ids beyond 2^63, floats with the nine digits that identify
 * them. */
#pragma once

#include <kith/kith.h>
#include <stdio.h>

/* Writes a number as a number, a UUID as text. */
void json_text_id(FILE *to, struct kith_id id);
/* Writes valid JSON as it is stored, on one line (line breaks between tokens become spaces). Empty
 * becomes null. Other bytes become a string, in which each byte that is not UTF-8 is an escape of
 * its number. */
void json_text_payload(FILE *to, const char *payload, size_t size);
void json_text_float(FILE *to, float x);
void json_text_vector(FILE *to, const float *vector, uint32_t dim);
