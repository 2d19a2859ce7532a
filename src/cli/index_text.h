/* index_text.h -- index options as text: --code rabitq4 --refine f16 --links packed. */
#pragma once

#include <jansson.h>
#include <kith/kith.h>

/* False: no such name. "rabitq" leaves the bits open; "rabitq1" to "rabitq8" set them. */
bool index_code_parse(const char *text, struct kith_index *ret);
bool index_refine_parse(const char *text, enum kith_refine *ret);
bool index_links_parse(const char *text, enum kith_links *ret);

const char *index_code_text(const struct kith_index *x);
/* "f16 x2": the type of row and the multiple of k; or "auto". Valid until the next call. */
const char *index_refine_text(const struct kith_index *x);
const char *index_links_text(const struct kith_index *x);
/* "16", or "auto" for 0. The last two results are valid. */
const char *index_number_text(uint32_t n);

/* "hnsw" and so on, or "auto". */
const char *index_kind_text(const struct kith_index *x);

/* Adds index, m, ef_construct (0: auto), code, refine, refine_k (0: auto), links. */
void index_json_add(json_t *object, const struct kith_index *x);
