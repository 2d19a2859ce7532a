/* test_kind.c -- index kinds behind their table: FLAT is exact in every state; a kind that a
 * program brings reads its rows by fetch() and never answers wrongly; bytes of an unknown kind
 * or version are refused with its name. */
#include "../paged/paged.h"
#include "index/kind.h"
#include "index/sealed_format.h"
#include "sealed.h"

#include "base/bits.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define K 10

static uint16_t id_of(const char *name)
{
    return index_kind_named(name)->id;
}

static void assert_exact(const struct dataset *d, const struct segment_index *x, uint32_t count,
                         const struct search_params *params)
{
    struct search_scratch *scratch = search_scratch_create();
    struct hit truth[K], hits[K];
    for (uint32_t i = 0; i < 20; i++) {
        const float *query = dataset_row(d, i * 7 % count);
        const uint32_t n = dataset_nearest(d, count, query, K, params->allowed, truth);
        cr_assert_eq(segment_index_search(x, &d->rows, count, query, params, scratch, hits), (int)n);
        for (uint32_t j = 0; j < n; j++)
            cr_assert(hits[j].row == truth[j].row || hits[j].distance == truth[j].distance, "%u of %u", j, i);
    }
    search_scratch_destroy(scratch);
}

/* Whatever effort was asked for. */
static void assert_exact_however(const struct dataset *d, const struct segment_index *x, uint32_t count)
{
    uint64_t allowed[64];
    for (unsigned i = 0; i < 64; i++)
        allowed[i] = 0x0180030f00000001u << (i % 8);
    assert_exact(d, x, count, &(struct search_params){.k = K, .ef = 1});
    assert_exact(d, x, count, &(struct search_params){.k = K, .recall = 0.5f});
    assert_exact(d, x, count, &(struct search_params){.k = K, .exact = true});
    assert_exact(d, x, count, &(struct search_params){.k = K, .allowed = allowed});
}

Test(kind, flat_is_exact_while_it_grows_and_when_it_is_sealed)
{
    const struct index_options flat = {.kind = id_of("flat")};
    for (enum metric metric = METRIC_L2; metric <= METRIC_COSINE; metric++) {
        struct sealed s;
        struct segment_index *x;
        sealed_init(&s, DATASET_LATENT, metric, 40, 3000, &flat);
        cr_assert_eq(s.count, 1, "it has no structure to be written");
        assert_exact_however(&s.d, s.x, s.d.count);
        cr_assert_eq(sealed_open(&s, true, &x), 0);
        assert_exact_however(&s.d, x, s.d.count);
        cr_assert_eq(segment_index_options(x)->kind, flat.kind);
        cr_assert_null(segment_index_curve(x), "there is nothing to measure");
        cr_assert_lt(segment_index_bytes(x), 4096);
        segment_index_destroy(x);
        sealed_fini(&s);
    }
}

Test(kind, flat_holds_a_row_when_it_is_appended)
{
    struct dataset d;
    struct segment_index *x;
    dataset_init(&d, DATASET_LATENT, METRIC_L2, 16, 2000, 3);
    cr_assert_eq(segment_index_create(METRIC_L2, 16, &(struct index_options){.kind = id_of("flat")}, &x), 0);
    for (uint32_t row = 0; row < d.count; row++) {
        segment_index_append(x, &d.rows, row);
        cr_assert_eq(segment_index_waiting(x, row + 1), 0);
        cr_assert_eq(segment_index_scanned_bytes(x), 0, "writers wait for nothing");
        if (row % 500 == 400)
            assert_exact(&d, x, row + 1, &(struct search_params){.k = K});
    }
    segment_index_destroy(x);
    dataset_fini(&d);
}

Test(kind, options_that_flat_cannot_keep_are_refused_by_name)
{
    const struct index_kind *flat = index_kind_named("flat");
    const struct {
        struct index_options options;
        const char *names;
    } of[] = {{{.m = 16}, " m;"},
              {{.ef_construct = 100}, "ef_construct"},
              {{.code = CODE_SQ8}, "code"},
              {{.refine = REFINE_F16}, "refine"},
              {{.links = LINKS_PACKED}, "links"}};
    struct error error = {0};
    cr_assert_eq(flat->check_options(&(struct index_options){0}, 8, &error), 0);
    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        cr_assert_eq(flat->check_options(&of[i].options, 8, &error), -EINVAL);
        cr_assert_not_null(strstr(error.text, of[i].names), "%s", error.text);
    }
}

/* Opens an index whose header was changed at `at`; returns the result. */
static int open_changed(struct sealed *s, size_t at, uint16_t value, const char **why)
{
    struct segment_index *x;
    uint16_t *place = (uint16_t *)((uint8_t *)s->copy[0] + at), kept = *place;
    *place = value;
    int rc = segment_index_open(s->d.metric, s->d.dim, s->d.count, s->regions, s->count, false, NULL, &x, why);
    *place = kept;
    if (rc == 0)
        segment_index_destroy(x);
    return rc;
}

Test(kind, an_unknown_kind_or_a_newer_version_is_refused_and_named)
{
    struct sealed s;
    const char *why = NULL;
    sealed_init(&s, DATASET_LATENT, METRIC_L2, 8, 300, &(struct index_options){.kind = id_of("flat")});
    cr_assert_eq(open_changed(&s, offsetof(struct sealed_header, kind), 4711, &why), -ENOTSUP);
    cr_assert_not_null(strstr(why, "4711"), "%s", why);
    cr_assert_eq(open_changed(&s, offsetof(struct sealed_header, kind), 0, &why), -ENOTSUP);
    cr_assert_eq(open_changed(&s, offsetof(struct sealed_header, kind_version), 7, &why), -ENOTSUP);
    cr_assert_not_null(strstr(why, "flat in version 7"), "%s", why);
    cr_assert_eq(open_changed(&s, offsetof(struct sealed_header, kind_version), 0, &why), -EINVAL);
    for (size_t at = offsetof(struct sealed_header, reserved); at < sizeof(struct sealed_header); at += 2)
        cr_assert_eq(open_changed(&s, at, 1, &why), -EINVAL, "reserved bytes are zero, at %zu", at);
    cr_assert_eq(open_changed(&s, offsetof(struct sealed_header, count), (uint16_t)s.d.count, &why), 0);
    sealed_fini(&s);
}

/* What such a search is said to do, in nanoseconds, beside what it then says that it did. */
static struct search_work said(const struct sealed *s, struct segment_index *x, struct search_params p)
{
    struct search_work expected = {0}, done = {0};
    struct search_scratch *scratch = search_scratch_create();
    struct hit hits[K];
    uint64_t passing[4000 / 64 + 1] = {0};
    segment_index_work(x, s->d.count, &p, &expected);
    for (uint32_t row = 0; p.allowed_count && row < p.allowed_count; row++)
        bits_set(passing, row * (s->d.count / p.allowed_count));
    p.allowed = p.allowed_count ? passing : NULL;
    p.work = &done;
    cr_assert_eq(segment_index_search(x, &s->d.rows, s->d.count, dataset_row(&s->d, 1), &p, scratch, hits), K);
    for (enum index_way way = 0; way < INDEX_WAYS; way++)
        cr_assert_float_eq(done.ns[way], expected.ns[way], 1e-6 * (expected.ns[way] + 1), "way %d: %f, %f", way,
                           done.ns[way], expected.ns[way]);
    search_scratch_destroy(scratch);
    return expected;
}

static bool is_only(struct search_work w, enum index_way way)
{
    for (enum index_way other = 0; other < INDEX_WAYS; other++)
        if ((w.ns[other] > 0) != (other == way))
            return false;
    return true;
}

Test(kind, a_search_does_what_was_said_and_more_work_costs_more)
{
    struct sealed flat, graph;
    struct segment_index *f, *g;
    sealed_init(&flat, DATASET_LATENT, METRIC_L2, 64, 4000, &(struct index_options){.kind = id_of("flat")});
    sealed_init(&graph, DATASET_LATENT, METRIC_L2, 64, 4000, &(struct index_options){0});
    cr_assert_eq(sealed_open(&flat, false, &f), 0);
    cr_assert_eq(sealed_open(&graph, false, &g), 0);
    const struct search_work all = said(&flat, f, (struct search_params){.k = K, .ef = 16}),
                             half = said(&flat, f, (struct search_params){.k = K, .ef = 64, .allowed_count = 2000}),
                             narrow = said(&graph, g, (struct search_params){.k = K, .ef = 16}),
                             wide = said(&graph, g, (struct search_params){.k = K, .ef = 64}),
                             exact = said(&graph, g, (struct search_params){.k = K, .exact = true});
    cr_assert(is_only(all, INDEX_SCAN) && is_only(half, INDEX_SCAN) && is_only(exact, INDEX_SCAN));
    cr_assert(is_only(narrow, INDEX_WALK) && is_only(wide, INDEX_WALK));
    cr_assert_float_eq(half.ns[INDEX_SCAN], all.ns[INDEX_SCAN] / 2, all.ns[INDEX_SCAN] / 100,
                       "flat compares all rows, whatever the effort");
    cr_assert_lt(narrow.ns[INDEX_WALK], wide.ns[INDEX_WALK]);
    cr_assert_lt(wide.ns[INDEX_WALK], exact.ns[INDEX_SCAN]);
    segment_index_destroy(f);
    segment_index_destroy(g);
    sealed_fini(&flat);
    sealed_fini(&graph);
}

/* 1000 of 4000 rows are scanned sooner than walked to with an ef of 64, but a caller may choose. */
Test(kind, a_caller_chooses_between_a_scan_and_a_walk)
{
    struct sealed s;
    struct segment_index *x;
    sealed_init(&s, DATASET_LATENT, METRIC_L2, 64, 4000, &(struct index_options){0});
    cr_assert_eq(sealed_open(&s, false, &x), 0);
    struct search_params p = {.k = K, .ef = 64, .allowed_count = 1000};
    cr_assert(is_only(said(&s, x, p), INDEX_SCAN));
    p.way = SEARCH_WALKS;
    cr_assert(is_only(said(&s, x, p), INDEX_FILTERED_WALK));
    p.way = SEARCH_SCANS;
    p.allowed_count = 0;
    cr_assert(is_only(said(&s, x, p), INDEX_SCAN));
    segment_index_destroy(x);
    sealed_fini(&s);
}

static struct search_work work_of(double scan, double walk, double filtered)
{
    return (struct search_work){.ns = {scan, walk, filtered}};
}

Test(kind, what_a_machine_takes_is_learnt_for_each_way)
{
    struct index_cost c = {0};
    const struct search_work scan = work_of(1000, 0, 0), walk = work_of(0, 1000, 0), filtered = work_of(0, 0, 1000);
    cr_assert_eq(index_cost_ns(&c, &walk), 1000, "nothing is known");
    for (unsigned i = 0; i < 100; i++)
        index_cost_note(&c, &walk, 3000);
    cr_assert_float_eq(index_cost_ns(&c, &walk), 3000, 1);
    cr_assert_float_eq(index_cost_ns(&c, &scan), 3000, 1, "what was not measured is taken from what was");
    index_cost_note(&c, &filtered, 6000);
    cr_assert_float_eq(index_cost_ns(&c, &filtered), 6000, 1);
    for (unsigned i = 0; i < 2000; i++)
        index_cost_note(&c, &walk, 3000);
    cr_assert_lt(index_cost_ns(&c, &filtered), 3100, "what was learnt long ago is forgotten");
    index_cost_note(&c, &walk, 1000000000);
    cr_assert_lt(index_cost_ns(&c, &walk), 6000, "one that stands out moves the mean little");
}

Test(kind, a_search_that_is_divided_says_little)
{
    struct index_cost c = {0};
    const struct search_work even = work_of(500, 500, 0), mostly = work_of(0, 900, 0);
    struct search_work other = work_of(0, 100, 0);
    other.other_ns = 10000;
    index_cost_note(&c, &even, 5000);
    index_cost_note(&c, &other, 50000);
    index_cost_note(&c, &mostly, 0);
    cr_assert_eq(index_cost_ns(&c, &mostly), 900, "as nothing was noted");
}

/* -- a kind that reads pages -- */

/* A disk that fails once in so many reads, or gives wrong bytes. */
struct disk {
    uint64_t random;
    unsigned fails, lies; /* 0: never */
    uint64_t reads;
};

static int fetch(void *arg, const struct page_read *reads, unsigned n)
{
    struct disk *d = arg;
    for (unsigned i = 0; i < n; i++) {
        d->reads++;
        if (d->fails && dataset_random(&d->random) % d->fails == 0)
            return -EIO;
        memcpy(reads[i].to, reads[i].from, reads[i].size);
        if (d->lies && dataset_random(&d->random) % d->lies == 0)
            ((uint8_t *)reads[i].to)[dataset_random(&d->random) % reads[i].size] ^= 0x10;
    }
    return 0;
}

static void add_paged(void)
{
    if (!index_kind_named("paged"))
        index_kind_add(&index_paged);
}

Test(kind, one_that_reads_pages_is_exact_and_reads_them)
{
    struct sealed s;
    struct segment_index *x;
    struct disk disk = {.random = 1};
    add_paged();
    sealed_init(&s, DATASET_LATENT, METRIC_L2, 37, 1500, &(struct index_options){.kind = id_of("paged")});
    assert_exact_however(&s.d, s.x, s.d.count);
    cr_assert_eq(sealed_open(&s, true, &x), 0);
    assert_exact(&s.d, x, s.d.count, &(struct search_params){.k = K, .ef = 1, .fetch = fetch, .fetch_arg = &disk});
    cr_assert_geq(disk.reads, 20 * 1500 / 28, "all rows, from pages of 4 KiB");
    cr_assert_lt(segment_index_bytes(x), 4096, "the pages are not held");
    segment_index_destroy(x);
    sealed_fini(&s);
}

Test(kind, one_that_reads_pages_gives_an_error_or_the_answer)
{
    struct sealed s;
    struct segment_index *x;
    struct search_scratch *scratch = search_scratch_create();
    unsigned failed = 0, answered = 0;
    add_paged();
    sealed_init(&s, DATASET_LATENT, METRIC_L2, 37, 400, &(struct index_options){.kind = id_of("paged")});
    cr_assert_eq(sealed_open(&s, false, &x), 0);
    for (unsigned i = 0; i < 600; i++) {
        struct disk disk = {.random = i, .fails = i % 3 == 0 ? 20 : 0, .lies = i % 3 == 1 ? 20 : 0};
        const struct search_params params = {.k = K, .fetch = fetch, .fetch_arg = &disk};
        struct hit truth[K], hits[K];
        const float *query = dataset_row(&s.d, i % 400);
        int n = segment_index_search(x, &s.d.rows, 400, query, &params, scratch, hits);
        failed += n < 0;
        answered += n >= 0;
        cr_assert(n == K || n == (disk.lies ? -EBADMSG : disk.fails ? -EIO : K));
        for (int j = 0; j < n && dataset_nearest(&s.d, 400, query, K, NULL, truth); j++)
            cr_assert_eq(hits[j].row, truth[j].row);
    }
    cr_assert_gt(failed, 100);
    cr_assert_gt(answered, 250);
    segment_index_destroy(x);
    search_scratch_destroy(scratch);
    sealed_fini(&s);
}
