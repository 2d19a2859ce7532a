/* budget.c -- grants memory to stores. The sum of all grants never exceeds the budget, so two
 * reactors cannot take the same memory. A grant is larger than what was asked for. What is not
 * used of it comes back with the next report, some times a second. */
#include "actors/admission/budget.h"
#include "base/log.h"
#include "base/text/size.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define INDEX_PERCENT 75
/* A growing segment may take 1/16 of a reactor's part. So a few of them, with the memory that
 * sealing takes, fit beside sealed segments. */
#define GROWING_SHARE   16
#define GROWING_MIN     ((uint64_t)1 << 20)
#define GROWING_DEFAULT ((uint64_t)122 << 20)
#define REQUESTS_MIN    ((uint64_t)4 << 20)
#define MANY_SHARE      16
#define PROGRAM_BYTES   ((uint64_t)8 << 20) /* of the program itself */
/* of each reactor: stacks, small requests, and structures of fixed size */
#define FIBERS_BYTES ((uint64_t)3 << 19)
/* the program itself, and what its heap keeps after a start */
#define PROCESS_BYTES ((uint64_t)20 << 20)
/* 1/8 of the stores' memory is for work that frees memory, which must not wait for memory */
#define FREEING_SHARE 8
/* when memory is scarce, unused heap of 1/16 of the budget is worth a trim */
#define SCARCE_SHARE 16
#define MIB          ((uint64_t)1 << 20)
/* at any time, so much unused heap is worth a trim; or 1/16 of a smaller budget */
#define TRIM_BYTES     (16 * MIB)
#define TRIM_MIB_NS    200000              /* for which a MiB is given back, in ns */
#define TRIM_SHORT_NS  ((uint64_t)5000000) /* how long a trim may hold a core that has work */
#define TRIM_REST      20                  /* the pause after a trim, in durations of that trim */
#define TRIM_INSIST_NS ((uint64_t)10000000000)
#define AHEAD_SHARE    32 /* 1/32 of the memory is granted ahead to all reactors together */
#define AHEAD_MAX      ((uint64_t)64 << 20)

/* Each level of pressure begins when stores need so many percent of the writers' memory. All
 * levels end below the last figure. */
static const unsigned pressure_percent[PRESSURE_LEVELS] = {0, 80, 85, 90};
#define PRESSURE_END_PERCENT 70

static const char *const pressure_means[PRESSURE_LEVELS] = {
    "indexes are made as they are fastest",
    "links of new segments are packed, and sealed ones are rewritten so",
    "what scores again stays in mapped files, too",
    "pools are small, too",
};

uint64_t budget_of_indexes(uint64_t memory_bytes)
{
    return memory_bytes / 100 * INDEX_PERCENT;
}

uint64_t budget_of_growing(uint64_t memory_bytes, unsigned reactors, uint64_t asked)
{
    const uint64_t bytes = asked ? asked : GROWING_DEFAULT, most = memory_bytes / reactors / GROWING_SHARE;
    if (memory_bytes == 0)
        return asked;
    return bytes < most ? bytes : most > GROWING_MIN ? most : GROWING_MIN;
}

uint64_t budget_of_requests(uint64_t memory_bytes, unsigned reactors)
{
    /* where a third is too little, all of the part */
    const uint64_t part = memory_bytes / BUDGET_KEPT_SHARE / reactors;
    const uint64_t share = part / 3, least = part < REQUESTS_MIN ? part : REQUESTS_MIN;
    /* a third each for frames, for what requests need beside them, and for copies of the log */
    return share > least ? share : least;
}

uint64_t budget_of_many(uint64_t memory_bytes, unsigned reactors, uint64_t bytes_each, uint64_t least, uint64_t most)
{
    const uint64_t many = memory_bytes / reactors / MANY_SHARE / bytes_each;
    return memory_bytes == 0 || many > most ? most : many < least ? least : many;
}

uint64_t budget_kept(uint64_t memory_bytes, unsigned reactors)
{
    const uint64_t share = memory_bytes / BUDGET_KEPT_SHARE;
    const uint64_t each = 2 * budget_of_requests(memory_bytes, reactors) + FIBERS_BYTES;
    const uint64_t fixed = PROGRAM_BYTES + reactors * each, most = memory_bytes / 8 * 5;
    const uint64_t least = fixed < most ? fixed : most;
    return share > least ? share : least;
}

uint64_t budget_least(unsigned reactors)
{
    const uint64_t bytes = reactors * BUDGET_OF_REACTOR;
    return bytes > BUDGET_BYTES_MIN ? bytes : BUDGET_BYTES_MIN;
}

unsigned budget_reactors_most(uint64_t memory_bytes)
{
    const uint64_t most = memory_bytes / BUDGET_OF_REACTOR;
    return memory_bytes == 0 || most > REACTORS_MAX ? REACTORS_MAX : most ? (unsigned)most : 1;
}

int budget_check(uint64_t memory_bytes, unsigned reactors, struct error *error)
{
    char least[SIZE_TEXT_MAX], each[SIZE_TEXT_MAX], given[SIZE_TEXT_MAX];
    if (memory_bytes == 0 || memory_bytes >= budget_least(reactors))
        return 0;
    return error_set(error, ERROR_INVALID_ARGUMENT,
                     "%u reactors need at least %s of memory, %s each, and the server is to keep to %s: give it more "
                     "memory, or start kithd with --reactors %u or fewer",
                     reactors, size_format(budget_least(reactors), least), size_format(BUDGET_OF_REACTOR, each),
                     size_format(memory_bytes, given), budget_reactors_most(memory_bytes));
}

uint64_t budget_of_connections(uint64_t memory_bytes, uint64_t bytes_each)
{
    return memory_bytes / BUDGET_KEPT_SHARE / bytes_each;
}

uint64_t budget_of_start(uint64_t memory_bytes, unsigned reactors)
{
    const uint64_t share = budget_kept(memory_bytes, reactors), kept = share > PROCESS_BYTES ? share : PROCESS_BYTES;
    const uint64_t stores = memory_bytes > kept ? memory_bytes - kept : 0;
    return (stores - stores / FREEING_SHARE) / 100 * pressure_percent[PRESSURE_LEVELS - 1] / reactors;
}

uint64_t budget_ahead(uint64_t memory_bytes, unsigned reactors)
{
    const uint64_t share = memory_bytes / AHEAD_SHARE / reactors;
    return share < AHEAD_MAX ? share : AHEAD_MAX;
}

/* -- sums -- */

static uint64_t kept(const struct budget *b)
{
    static const enum memory_kind kinds[] = {MEMORY_REQUESTS, MEMORY_FIBERS};
    const uint64_t least = budget_kept(b->bytes, b->reactors);
    uint64_t others = b->lost;
    for (unsigned r = 0; r < REACTORS_MAX; r++)
        for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
            others += b->parts[r].use.bytes[kinds[i]];
    return others > least ? others : least;
}

/* What all stores together may use. */
static uint64_t for_stores(const struct budget *b)
{
    const uint64_t others = kept(b);
    return others < b->bytes ? b->bytes - others : 0;
}

/* The same without the part for work that frees memory. */
static uint64_t for_writers(const struct budget *b)
{
    const uint64_t all = for_stores(b);
    return all - all / FREEING_SHARE;
}

static uint64_t granted_but(const struct budget *b, unsigned reactor)
{
    uint64_t sum = 0;
    for (unsigned r = 0; r < REACTORS_MAX; r++)
        sum += r != reactor ? b->parts[r].granted : 0;
    return sum;
}

uint64_t budget_used(const struct budget *b)
{
    uint64_t sum = b->lost;
    for (unsigned r = 0; r < REACTORS_MAX; r++)
        sum += memory_use_sum(&b->parts[r].use);
    return sum;
}

void budget_see_process(struct budget *b, uint64_t anonymous_bytes)
{
    b->lost = 0;
    const uint64_t known = budget_used(b);
    b->lost = anonymous_bytes > known ? anonymous_bytes - known : 0;
}

/* -- memory that the heap keeps -- */

/* A trim looks at all pieces of the heap, and gives pages back. Both take time. */
static uint64_t trim_takes_ns(const struct budget *b)
{
    return b->pieces_ns + (b->lost - b->kept) / MIB * TRIM_MIB_NS;
}

static uint64_t worth_a_trim(const struct budget *b)
{
    const uint64_t share = b->bytes / SCARCE_SHARE;
    return b->bytes && share < TRIM_BYTES ? share : TRIM_BYTES;
}

bool budget_trim_is_due(struct budget *b, uint64_t now_ns, bool quiet)
{
    b->grows = b->lost > b->seen + worth_a_trim(b) / 16;
    b->seen = b->lost;
    b->kept = b->lost < b->kept ? b->lost : b->kept;
    if (now_ns < b->trim_ns)
        return false;
    if (b->pressure && b->lost >= b->bytes / SCARCE_SHARE && now_ns >= b->insist_ns)
        return true;
    return b->lost >= b->kept + worth_a_trim(b) && (quiet || trim_takes_ns(b) <= TRIM_SHORT_NS);
}

void budget_trimmed(struct budget *b, uint64_t lost_before, uint64_t began_ns, uint64_t ended_ns)
{
    const uint64_t took_ns = ended_ns - began_ns;
    const uint64_t given_ns = (lost_before > b->lost ? lost_before - b->lost : 0) / MIB * TRIM_MIB_NS;
    b->pieces_ns = took_ns > given_ns ? took_ns - given_ns : 0;
    b->seen = b->kept = b->lost;
    b->trim_ns = ended_ns + took_ns * TRIM_REST;
    b->insist_ns = ended_ns + TRIM_INSIST_NS;
}

/* -- memory pressure -- */

static void choose_pressure(struct budget *b)
{
    const uint64_t most = for_writers(b);
    uint64_t all = 0;
    for (unsigned r = 0; r < REACTORS_MAX; r++)
        all += b->parts[r].needed;
    const double percent = most ? 100 * (double)all / (double)most : 100;
    unsigned pressure = percent < PRESSURE_END_PERCENT ? 0 : b->pressure;
    while (pressure + 1 < PRESSURE_LEVELS && percent >= pressure_percent[pressure + 1])
        pressure++;
    if (pressure == b->pressure)
        return;
    char of[SIZE_TEXT_MAX];
    log_info("memory: pressure %u, at %.0f %% of %s for data: %s", pressure, percent, size_format(most, of),
             pressure_means[pressure]);
    b->pressure = pressure;
}

/* -- questions -- */

/* "rows 120 MiB, links 80 MiB, ...": the three largest kinds. */
static void describe(const struct budget *b, char *text, size_t size)
{
    struct memory_use all = {0};
    char bytes[SIZE_TEXT_MAX];
    size_t n = 0;
    for (unsigned r = 0; r < REACTORS_MAX; r++)
        memory_use_add(&all, &b->parts[r].use);
    text[0] = 0;
    for (unsigned place = 0; place < 3; place++) {
        unsigned largest = 0;
        for (unsigned i = 1; i < MEMORY_KINDS; i++)
            largest = all.bytes[i] > all.bytes[largest] ? i : largest;
        int more = snprintf(text + n, size - n, "%s%s %s", n ? ", " : "", memory_kind_name((enum memory_kind)largest),
                            size_format(all.bytes[largest], bytes));
        n += more > 0 && (size_t)more < size - n ? (size_t)more : 0;
        all.bytes[largest] = 0;
    }
}

static int refuse(const struct budget *b, struct error *error)
{
    char used[SIZE_TEXT_MAX], most[SIZE_TEXT_MAX], most_for_reads[SIZE_TEXT_MAX], by[120];
    describe(b, by, sizeof(by));
    error_set(
        error, ERROR_RESOURCE_EXHAUSTED,
        "memory is full: %s of %s are used (%s), and %s are kept for reading; nothing new is stored, searches and "
        "deletions go on; delete points or drop collections, or give kithd more --memory",
        size_format(budget_used(b), used), size_format(b->bytes, most), by, size_format(kept(b), most_for_reads));
    return -ENOMEM;
}

/* Refuses a demand that could not be met even if the stores held nothing. */
static int refuse_for_ever(const struct budget *b, const struct budget_question *q, struct error *error)
{
    const uint64_t bytes = q->wanted > q->needed ? q->wanted - q->needed : 0;
    const uint64_t stores = b->bytes - budget_kept(b->bytes, b->reactors), most = stores - stores / FREEING_SHARE;
    char needed[SIZE_TEXT_MAX], allowed[SIZE_TEXT_MAX];
    if (bytes <= most)
        return 0;
    error_set(
        error, ERROR_TOO_LARGE,
        "this needs %s of memory with its index, and --memory has %s for all data: send less at once, or give kithd "
        "more --memory",
        size_format(bytes, needed), size_format(most, allowed));
    return -ENOMEM;
}

int budget_take_room(struct budget *b, uint64_t bytes, struct error *error)
{
    uint64_t needed = bytes + b->taken[0] + b->taken[1];
    for (unsigned r = 0; r < REACTORS_MAX; r++)
        needed += b->parts[r].needed;
    if (b->bytes && needed > for_writers(b))
        return refuse(b, error);
    b->taken[0] += bytes;
    return 0;
}

void budget_forget_taken(struct budget *b)
{
    b->taken[1] = b->taken[0];
    b->taken[0] = 0;
}

int budget_ask(struct budget *b, const struct budget_question *q, struct budget_answer *ret)
{
    struct budget_part *part = &b->parts[q->reactor];
    int rc = 0;
    part->use = q->use;
    part->needed = q->needed;
    choose_pressure(b);
    const uint64_t most = q->frees ? for_stores(b) : for_writers(b);
    const uint64_t others = granted_but(b, q->reactor), room = most > others ? most - others : 0;
    const uint64_t ahead = budget_ahead(b->bytes, b->reactors);
    if (q->wanted <= part->granted)
        part->granted = q->wanted;
    else if (q->wanted <= room)
        part->granted = room - q->wanted < ahead ? room : q->wanted + ahead;
    else if ((rc = refuse_for_ever(b, q, &ret->error)) == 0)
        rc = refuse(b, &ret->error);
    /* A store holds what it needs, whatever is refused: after a start with a smaller --memory,
     * or when connections took more. That counts as granted, so other stores get less. All of it
     * is in use, so this store gets no room by it. What the store frees comes back with the next
     * report, but for what is granted ahead. So the sum only falls. */
    if (part->granted < q->needed)
        part->granted = q->needed;
    ret->turn = ++part->turns;
    ret->granted = part->granted;
    ret->pressure = b->pressure;
    return rc;
}
