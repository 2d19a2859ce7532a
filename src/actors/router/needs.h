/* needs.h -- the memory that a request will need beside its frame: what the router allocates for
 * it, and the answer, to the byte where that is known before. Only payloads are not: a guess stands
 * for them, and admission_grow() is asked when they turn out to be more. */
#pragma once

#include "query/query.h"

#define NEEDS_PAYLOAD_GUESS 256 /* bytes a point */

/* Points that are fetched from their owners: vectors and payloads are there twice, as they
 * came and put together. */
uint64_t needs_of_fetch(uint64_t points, size_t row_bytes, struct selection select);
/* queries x k hits from each of so many reactors, and one list of them, which is the answer. */
uint64_t needs_of_search(unsigned reactors, uint64_t queries, uint32_t k, size_t row_bytes, struct selection select);
/* Which rows go to which owner, when there is more than one; vectors and
 * payloads stay in the frame. */
uint64_t needs_of_upsert(unsigned reactors, uint64_t rows, bool payloads);
uint64_t needs_of_delete(uint64_t ids);
/* Answers about so many collections, segments or snapshots: what they are made of, and packed. */
uint64_t needs_of_list(uint64_t collections);
uint64_t needs_of_segments(uint64_t segments);
uint64_t needs_of_snapshots(uint64_t snapshots);
uint64_t needs_of_stats(unsigned reactors, uint64_t collections);
uint64_t needs_of_metrics(unsigned reactors, uint64_t collections);
