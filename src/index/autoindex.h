/* autoindex.h -- AUTOINDEX: what a user left open about an index is chosen from the data, the
 * size and the machine.
 *
 * Three layers, as in Milvus: the data (metric, dimensions, what the values are like) chooses the
 * code; the index (rows, the code) chooses links, candidates and what scores again; the machine
 * (memory) then takes something cheaper where the choice would not fit. What was given is never
 * changed, and the metric never asked for. Pure: equal facts make an equal choice. */
#pragma once

#include "index/segment_index.h"

/* What is known of a segment when its index is made. */
struct index_facts {
    enum metric metric;
    uint32_t dim, rows;
    bool whole; /* all values are whole numbers 0..255 */
    /* how far the lengths of the middle four fifths of the rows are apart, over the median */
    float norm_spread;
    uint64_t memory_bytes; /* that the sealed index may hold; 0: no bound */
    unsigned
        /* memory is scarce, whatever this one needs: from 1 on links are packed, from 2 on nothing
         * is held to score again */
        pressure;
};

/* Reads rows for `whole` and `norm_spread`; the rest is the caller's. Negative:
 * what the pause returned. */
MUST_USE int index_facts_read(struct index_facts *f, const struct rows *vectors, const struct pause *pause);

/* One line for people: each choice with its reason, those that were given with "given". */
struct index_why {
    char text[384];
};

/* Adds a part, behind a comma. */
void index_why_add(struct index_why *why, const char *format, ...) PRINTF_LIKE(2, 3);

/* Fills what an index of so many rows needs from its first row, as its kind says, and
 * `open`; and says why. */
void index_options_begin(struct index_options *o, uint32_t rows, struct index_why *why);
/* With the dearest that may come of that, for who reckons memory. */
struct index_options index_options_most(const struct index_options *o, uint32_t dim);
/* Fills the rest, when all rows are there: what data of this kind mostly does best with. */
struct index_reasons {
    char code[64];
    const char *refine, *links;
    double recall; /* of the codes, measured (codes_check.h); negative: not, for they are exact */
};
void index_options_resolve_codes(struct index_options *o, const struct index_facts *f, struct index_reasons *ret);
/* What is taken instead of codes with a fault, such as "finds .950": finer ones, as far as o leaves
 * them open by `given` and memory allows. False: there is nothing finer. */
bool index_options_refine_codes(struct index_options *o, const struct index_options *given, const struct index_facts *f,
                                const char *fault, struct index_reasons *reasons);
/* Adds to why. */
void index_options_say_codes(const struct index_options *o, const struct index_reasons *reasons, struct index_why *why);
/* Both, without measuring. Afterwards nothing in o is open, and why is a whole line. */
void index_options_resolve(struct index_options *o, const struct index_facts *f, struct index_why *why);

/* Memory of a sealed index a row, predicted; o is resolved. What lies in a mapped
 * file is not counted. */
uint32_t index_row_bytes(const struct index_options *o, enum metric metric, uint32_t dim);
/* At most, whatever is chosen for what is open in o; m is given. */
uint32_t index_row_bytes_max(const struct index_options *o, enum metric metric, uint32_t dim);

/* "rabitq4" and so on, as users write it. */
const char *index_code_name(const struct index_options *o);
const char *index_refine_name(enum refine_kind kind);
const char *index_links_name(enum links_kind kind);
