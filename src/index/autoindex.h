/* autoindex.h -- AUTOINDEX: chooses what a user left open about an index, by the data, the
 * size and the machine.
 *
 * There are three layers, as in Milvus. The data (metric, dimensions, kind of values)
 * chooses the code. The index (rows, the code) chooses links, candidates and what scores
 * again. The machine (memory) then takes something cheaper where the choice would not fit.
 * An option that the user gave is never changed, and the metric is never chosen. Pure: equal
 * facts make an equal choice. */
#pragma once

#include "index/segment_index.h"
#include "vectors/codes/code_ops.h"

/* The facts about a segment that the choice goes by. */
struct index_facts {
    enum metric metric;
    uint32_t dim, rows;
    bool whole; /* all values are whole numbers, 0 to 255 */
    /* standard deviation of the rows' lengths over their median, estimated from quantiles */
    float norm_spread;
    uint64_t memory_bytes; /* that the sealed index may take; 0: no bound */
    unsigned
        /* how scarce memory is (store_memory_grant()): from 1 on links are packed; from 2 on no
         * extra rows are held in memory for scoring again */
        pressure;
};

/* Reads rows to fill `whole` and `norm_spread`; the caller fills the rest. Returns 0 or
 * what the pause returned. */
MUST_USE int index_facts_read(struct index_facts *f, const struct rows *vectors, const struct pause *pause);

/* One line for users: each choice with its reason, or "given". */
struct index_why {
    char text[384];
};

/* Appends to the line, after a comma. */
void index_why_add(struct index_why *why, const char *format, ...) PRINTF_LIKE(2, 3);

/* Fills the options that an index of so many rows needs before its first row, and `open`, as the
 * index kind demands. Says why. */
void index_options_begin(struct index_options *o, uint32_t rows, struct index_why *why);
/* The same options with the largest values that a build may choose, for estimates of memory. */
struct index_options index_options_most(const struct index_options *o, uint32_t dim);
/* Fills the options of codes when all rows are known, by what mostly serves such data best. */
struct index_reasons {
    char code[64];
    const char *refine, *links;
    /* measured recall of the codes (codes_check.h); negative: not measured,
     * because they are exact */
    double recall;
};
void index_options_resolve_codes(struct index_options *o, const struct index_facts *f, struct index_reasons *ret);
/* Replaces codes that have a fault, such as "finds .950", by finer ones, as far as `given`
 * leaves that open and memory allows. False: there are none. */
bool index_options_refine_codes(struct index_options *o, const struct index_options *given, const struct index_facts *f,
                                const char *fault, struct index_reasons *reasons);
/* Appends the choice and its reasons to why. */
void index_options_say_codes(const struct index_options *o, const struct index_reasons *reasons, struct index_why *why);
/* Fills all options without measuring. Afterwards nothing in o is open, and why is a whole line. */
void index_options_resolve(struct index_options *o, const struct index_facts *f, struct index_why *why);

/* Predicts the memory of a sealed index for each row, in bytes. o has nothing open.
 * Mapped files do not count. */
uint32_t index_row_bytes(const struct index_options *o, enum metric metric, uint32_t dim);
/* An upper bound of the same, whatever is chosen for the open options. m is given. */
uint32_t index_row_bytes_max(const struct index_options *o, enum metric metric, uint32_t dim);

static inline struct code_type index_code_type(const struct index_options *o)
{
    return (struct code_type){o->code, o->code_bits};
}
/* Are rows of their own held to score again? */
static inline bool index_refine_is_held(enum refine_kind kind)
{
    return refine_code(kind) != CODE_AUTO && refine_code(kind) != CODE_F32;
}

/* "rabitq4" and so on, as users write it. */
static inline const char *index_code_name(const struct index_options *o)
{
    return code_name(o->code, o->code_bits);
}
const char *index_links_name(enum links_kind kind);
