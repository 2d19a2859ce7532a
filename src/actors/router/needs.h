/* needs.h -- the memory that a request will need beside its frame: what the router allocates for
 * it, and the answer. It is exact but for payloads, whose size is not known before. A guess
 * stands for them. When they turn out larger, the request calls admission_grow(). */
#pragma once

#include "query/query.h"

#define NEEDS_PAYLOAD_GUESS 256 /* bytes for each point */

/* Fetching points from their owners. Vectors and payloads are in memory twice: as they
 * arrived, and put together. */
uint64_t needs_of_fetch(uint64_t points, size_t row_bytes, struct selection select);
/* queries x k hits from each reactor, and one merged list, which is the answer. */
uint64_t needs_of_search(unsigned reactors, uint64_t queries, uint32_t k, size_t row_bytes, struct selection select);
/* With several reactors, the list that says which rows go to which owner. Vectors and
 * payloads stay in the frame. */
uint64_t needs_of_upsert(unsigned reactors, uint64_t rows, bool payloads);
uint64_t needs_of_delete(uint64_t ids);
/* Answers about so many collections, segments or snapshots: the structs, and their packed form. */
uint64_t needs_of_list(uint64_t collections);
uint64_t needs_of_segments(uint64_t segments);
uint64_t needs_of_snapshots(uint64_t snapshots);
uint64_t needs_of_stats(unsigned reactors, uint64_t collections);
uint64_t needs_of_metrics(unsigned reactors, uint64_t collections);
