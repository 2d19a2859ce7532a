#include "ann/ann.h"
#include "ann/zoo_index.h"
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char help[] =
    "usage: ann [options]\n"
    "recall@k against queries a second on one core: Kith's index beside hnswlib and Faiss, as far as they are in this "
    "build\n"
    "\n"
    "  --data DIR            base and queries as .npy, .fvecs or .bvecs (or .gz of them), gt_ids.npy if there is one;\n"
    "                        without it rows are made from a seed\n"
    "  --metric M            l2, ip or cosine (default: what DIR/README.md says, else l2; made rows: cosine)\n"
    "  --n N, --dim D        made rows (100000 x 768); with --data the first N rows, truth computed anew\n"
    "  --limit-queries N     no more queries than N (default: all; made: 1000)\n"
    "  --k K                 neighbours asked for (10)\n"
    "  --engines A,B,...     kith, hnswlib, faiss (all), each perhaps with options behind a colon and + between:\n"
    "                        code sq8 sq4 rabitq1..8 f32 f16 bf16, then what scores again: f32 f16 bf16 none,\n"
    "                        mapped, packed or plain links, whole walks, mN, efcN; such as kith:sq4+f16+packed, "
    "hnswlib:m32\n"
    "  --ef A,B,...          candidates kept while searching, from small to large\n"
    "  --refine-k A,B,...    multiples of k that are scored again (those worth trying)\n"
    "  --m M                 links a row (Kith chooses by the data; others 16)\n"
    "  --ef-construct N      candidates kept while building (likewise; others 200)\n"
    "  --build-threads A,B   builds once with each number; the first is searched in (1)\n"
    "  --interleave A,B      also with so many queries under way at once, where the engine can (2,4)\n"
    "  --keep DIR            what peers build is kept there with its times, and read again by the next run\n"
    "  --rounds N            rounds whose median is shown (5)\n"
    "  --paced               writes \"ready\" before each round and waits for a line on standard input: another\n"
    "                        program can then measure in turns with this one\n"
    "  --recall-enough R     larger efs are left out once an engine has reached R (0.9995)\n"
    "  --core N              the core to run on (the last one allowed)\n"
    "  --json                a JSON line an engine instead of tables\n"
    "  --output FILE         adds these lines to FILE, for bench/compare and --from\n"
    "  --zoo[=A,B,...]       Kith at its defaults on many kinds of data, or those named, in every state of a segment,\n"
    "                        beside hnswlib; --n rows (6000), --dim D (2, 64 and 768), --metric M (all three)\n"
    "  --queries-before N    of the zoo: other queries of the kind that clients sent before, which an index measures\n"
    "                        its recall with (32; at most 64)\n"
    "  --commit NAME         the commit that those lines name (that of the build)\n"
    "  --from FILE           measures nothing: shows the lines of FILE\n"
    "  --markdown            tables as they stand in docs/performance.md\n"
    "  --svg FILE            draws recall against queries a second\n";

enum {
    O_DATA = 256,
    O_METRIC,
    O_N,
    O_DIM,
    O_QUERIES,
    O_K,
    O_ENGINES,
    O_EF,
    O_REFINE_K,
    O_M,
    O_EFC,
    O_THREADS,
    O_INTERLEAVE,
    O_ROUNDS,
    O_PACED,
    O_ENOUGH,
    O_CORE,
    O_JSON,
    O_OUTPUT,
    O_COMMIT,
    O_FROM,
    O_KEEP,
    O_MARKDOWN,
    O_SVG,
    O_ZOO,
    O_BEFORE
};

static const struct option long_options[] = {
    {"data", required_argument, NULL, O_DATA},
    {"metric", required_argument, NULL, O_METRIC},
    {"n", required_argument, NULL, O_N},
    {"dim", required_argument, NULL, O_DIM},
    {"k", required_argument, NULL, O_K},
    {"limit-queries", required_argument, NULL, O_QUERIES},
    {"ef", required_argument, NULL, O_EF},
    {"refine-k", required_argument, NULL, O_REFINE_K},
    {"engines", required_argument, NULL, O_ENGINES},
    {"m", required_argument, NULL, O_M},
    {"ef-construct", required_argument, NULL, O_EFC},
    {"build-threads", required_argument, NULL, O_THREADS},
    {"interleave", required_argument, NULL, O_INTERLEAVE},
    {"rounds", required_argument, NULL, O_ROUNDS},
    {"paced", no_argument, NULL, O_PACED},
    {"recall-enough", required_argument, NULL, O_ENOUGH},
    {"core", required_argument, NULL, O_CORE},
    {"json", no_argument, NULL, O_JSON},
    {"output", required_argument, NULL, O_OUTPUT},
    {"commit", required_argument, NULL, O_COMMIT},
    {"from", required_argument, NULL, O_FROM},
    {"markdown", no_argument, NULL, O_MARKDOWN},
    {"keep", required_argument, NULL, O_KEEP},
    {"svg", required_argument, NULL, O_SVG},
    {"zoo", optional_argument, NULL, O_ZOO},
    {"queries-before", required_argument, NULL, O_BEFORE},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const uint32_t ef_default[] = {10, 12,  14,  16,  20,  24,  28,  32,  40,  48,  56,   64,   80,
                                      96, 112, 128, 160, 192, 256, 320, 384, 512, 768, 1024, 1536, 2048};

/* Reads numbers above low and at most high, separated by commas, ascending if `rising`. */
static int list_read(const char *name, const char *text, double low, double high, bool rising, unsigned room,
                     double *values, uint32_t *ret_count)
{
    uint32_t count = 0;
    for (const char *at = text; *at;) {
        char *end;
        double value = strtod(at, &end);
        bool ordered = !rising || count == 0 || value > values[count - 1];
        if (end == at || (*end && *end != ',') || !ordered || !(value > low && value <= high) || count == room)
            return option_wrong(name, text,
                                rising ? "rising numbers with commas between" : "numbers with commas between");
        values[count++] = value;
        at = *end ? end + 1 : end;
    }
    if (count == 0)
        return option_wrong(name, text, "a number");
    *ret_count = count;
    return 0;
}

static int whole_list_read(const char *name, const char *text, uint32_t high, bool rising, unsigned room,
                           uint32_t *values, uint32_t *ret_count)
{
    double numbers[ANN_EFS_MAX];
    int rc = list_read(name, text, 0, high, rising, room, numbers, ret_count);
    for (uint32_t i = 0; rc == 0 && i < *ret_count; i++) {
        values[i] = (uint32_t)numbers[i];
        if (values[i] != numbers[i])
            rc = option_wrong(name, text, "whole numbers");
    }
    return rc;
}

/* Drops values below k: a walk with a narrower beam returns too few points. */
static void ef_clamp(struct ann_options *o)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < o->ef_count; i++) {
        uint32_t ef = o->ef[i] < o->k ? o->k : o->ef[i];
        if (kept == 0 || ef > o->ef[kept - 1])
            o->ef[kept++] = ef;
    }
    o->ef_count = kept;
}

static int option_take(int option, struct ann_options *o)
{
    switch (option) {
    case O_DATA: o->data.folder = optarg; return 0;
    case O_METRIC: return option_metric(optarg, &o->data.metric);
    case O_N: return option_u32("n", optarg, 1, UINT32_MAX, &o->data.count);
    case O_DIM: return option_u32("dim", optarg, 1, DIM_MAX, &o->data.dim);
    case O_QUERIES: return option_u32("limit-queries", optarg, 1, UINT32_MAX, &o->data.query_count);
    case O_K: return option_u32("k", optarg, 1, 100, &o->k);
    case O_ENGINES: o->engines = optarg; return 0;
    case O_EF: return whole_list_read("ef", optarg, 100000, true, ANN_EFS_MAX, o->ef, &o->ef_count);
    case O_REFINE_K:
        return list_read("refine-k", optarg, 0, 10000, true, ANN_REFINE_MAX, o->refine_k, &o->refine_count);
    case O_THREADS:
        return whole_list_read("build-threads", optarg, ANN_THREADS_MAX, false, RESULT_BUILDS_MAX, o->threads,
                               &o->threads_count);
    case O_M: return option_u32("m", optarg, 2, 256, &o->m);
    case O_EFC: return option_u32("ef-construct", optarg, 1, 65535, &o->ef_construct);
    case O_INTERLEAVE:
        return whole_list_read("interleave", optarg, PEER_LANES_MAX, true, ANN_INTERLEAVES_MAX, o->interleave,
                               &o->interleave_count);
    case O_ROUNDS: return option_u32("rounds", optarg, 1, ANN_ROUNDS_MAX, &o->rounds);
    case O_PACED: o->paced = true; return 0;
    case O_ENOUGH: return option_double("recall-enough", optarg, 0, 2, &o->recall_enough);
    case O_CORE: {
        uint32_t core = 0;
        int rc = option_u32("core", optarg, 0, 1023, &core);
        o->core = (int)core;
        return rc;
    }
    case O_JSON: o->json = true; return 0;
    case O_OUTPUT: o->output = optarg; return 0;
    case O_COMMIT: o->commit = optarg; return 0;
    case O_FROM: o->from = optarg; return 0;
    case O_MARKDOWN: o->markdown = true; return 0;
    case O_KEEP:
        o->keep = optarg;
        return mkdir(optarg, 0777) == 0 || errno == EEXIST ? 0 : option_wrong("keep", optarg, "a folder");
    case O_SVG: o->svg = optarg; return 0;
    case O_ZOO:
        o->zoo = true;
        o->zoo_kinds = optarg;
        return 0;
    case O_BEFORE: return option_u32("queries-before", optarg, 0, ZOO_LENT_MAX, &o->queries_before);
    }
    return -1; /* getopt has printed the error */
}

int ann_options_read(int argc, char **argv, struct ann_options *ret)
{
    *ret = (struct ann_options){.queries_before = 32,
                                .k = 10,
                                .rounds = 5,
                                .recall_enough = 0.9995,
                                .core = -1,
                                .interleave = {2, 4},
                                .interleave_count = 2,
                                .threads = {1},
                                .threads_count = 1};
    memcpy(ret->ef, ef_default, sizeof(ef_default));
    ret->ef_count = ARRAY_LEN(ef_default);
    int option;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (option_take(option, ret) < 0)
            return -1;
    }
    if (optind < argc && ret->json)
        return option_wrong("json", argv[optind], "nothing; --output takes a file");
    if (optind < argc)
        return option_wrong("argument", argv[optind], "nothing");
    ret->data.truth_k = ret->k;
    ef_clamp(ret);
    return 1;
}
