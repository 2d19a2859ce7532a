#include "load/load.h"
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: load [options]\n"
    "open-loop load on a Kith server: requests leave at fixed times, latencies count from those times\n"
    "\n"
    "  --scenario S          search    searches\n"
    "                        upsert    new points, into a collection of their own\n"
    "                        mix       searches alone, then the same searches while points are written again\n"
    "                        overhead  CPU time of the server a search, less that of the same search in this process\n"
    "                        durable   upserts by 64 clients, beside bare writes and flushes of the same bytes\n"
    "                        deletes   searches before, during and after a quarter of the points is deleted and "
    "compacted\n"
    "                        draining  searches while graphs are built, rows written, snapshots taken, rows deleted\n"
    "                        scaling   the same data on one reactor and on several: saturated, and at low load\n"
    "                        space     bytes on the disk beside what is stored, at rest and while compacting\n"
    "                        replay    a log of 256 MiB is replayed after a kill\n"
    "                        start     from the exec of kithd on existing data to the first search answered\n"
    "  --server HOST:PORT    the server (127.0.0.1:7700)\n"
    "  --target T            kith, or pgvector: PostgreSQL with that extension (scenarios search and draining)\n"
    "  --pg \"...\"            pgvector: where it is, as libpq takes it (\"host=/tmp dbname=postgres\"; its own "
    "defaults)\n"
    "  --start-server        a kithd of our own on a temporary folder, ended and removed afterwards\n"
    "  --kithd PATH          the kithd to start (found beside this program)\n"
    "  --kithd-args \"...\"    more arguments for it\n"
    "  --data-folder DIR     start: an existing data folder of kithd; without it one is made from the data\n"
    "  --server-pid PID      overhead: the server's process, when we have not started it\n"
    "\n"
    "  --collection NAME     (bench); imported from the data when it is missing\n"
    "  --data DIR            base.npy[.gz], queries.npy, gt_ids.npy; without it rows are made from a seed\n"
    "  --metric M            l2, ip or cosine\n"
    "  --n N, --dim D        made rows (100000 x 768); with --data the first N rows\n"
    "  --limit-queries N     no more queries than N (default: all; made: 1000)\n"
    "  --m M, --ef-construct N  of a collection that is created (0: the server's defaults)\n"
    "  --index-wait S        seconds to wait until all is indexed (600)\n"
    "\n"
    "  --rate R              requests a second (1000; draining: 30 % of what the quiet server can do;\n"
    "                        scaling, at low load: 5 % of what one reactor can do);\n"
    "                        0: as many as go, every place in flight filled again at once\n"
    "  --uniform             equal gaps between requests instead of a Poisson process\n"
    "  --seconds S           of each phase (10; durable: 2), after --warm-up S (1)\n"
    "  --requests N          overhead: searches of each round (10000)\n"
    "  --connections N       (4; durable: 64)\n"
    "  --in-flight N         requests on the way, on each connection (32; durable: 1)\n"
    "  --reactors N          scaling: of the larger server (2)\n"
    "  --fan-out HOW          over how many cores of the server a search goes: auto, 1 or all (as it is set)\n"
    "  --k K, --ef EF        neighbours asked for (10), candidates kept (64)\n"
    "  --batch N             points of an upsert (1; upsert: 64; durable: 1, then 16); scaling: queries of a frame "
    "(64)\n"
    "  --write-share W       mix: the share of requests that are upserts (0.1)\n"
    "  --svg FILE            draining: latency over time as a picture\n"
    "  --keep                scenario upsert: leaves its collection\n"
    "  --json                a JSON object a line instead of tables\n";

enum {
    O_SCENARIO = 256,
    O_SERVER,
    O_START,
    O_KITHD,
    O_KITHD_ARGS,
    O_FOLDER,
    O_PID,
    O_COLLECTION,
    O_DATA,
    O_METRIC,
    O_N,
    O_DIM,
    O_M,
    O_EFC,
    O_QUERIES,
    O_INDEX_WAIT,
    O_RATE,
    O_UNIFORM,
    O_SECONDS,
    O_WARM_UP,
    O_REQUESTS,
    O_CONNECTIONS,
    O_IN_FLIGHT,
    O_K,
    O_EF,
    O_BATCH,
    O_SHARE,
    O_FAN_OUT,
    O_TARGET,
    O_PG,
    O_REACTORS,
    O_KEEP,
    O_SVG,
    O_JSON
};

static const struct option long_options[] = {
    {"scenario", required_argument, NULL, O_SCENARIO},
    {"server", required_argument, NULL, O_SERVER},
    {"start-server", no_argument, NULL, O_START},
    {"kithd", required_argument, NULL, O_KITHD},
    {"kithd-args", required_argument, NULL, O_KITHD_ARGS},
    {"data-folder", required_argument, NULL, O_FOLDER},
    {"server-pid", required_argument, NULL, O_PID},
    {"collection", required_argument, NULL, O_COLLECTION},
    {"data", required_argument, NULL, O_DATA},
    {"metric", required_argument, NULL, O_METRIC},
    {"n", required_argument, NULL, O_N},
    {"dim", required_argument, NULL, O_DIM},
    {"limit-queries", required_argument, NULL, O_QUERIES},
    {"m", required_argument, NULL, O_M},
    {"ef-construct", required_argument, NULL, O_EFC},
    {"index-wait", required_argument, NULL, O_INDEX_WAIT},
    {"rate", required_argument, NULL, O_RATE},
    {"uniform", no_argument, NULL, O_UNIFORM},
    {"seconds", required_argument, NULL, O_SECONDS},
    {"warm-up", required_argument, NULL, O_WARM_UP},
    {"requests", required_argument, NULL, O_REQUESTS},
    {"connections", required_argument, NULL, O_CONNECTIONS},
    {"in-flight", required_argument, NULL, O_IN_FLIGHT},
    {"k", required_argument, NULL, O_K},
    {"ef", required_argument, NULL, O_EF},
    {"batch", required_argument, NULL, O_BATCH},
    {"write-share", required_argument, NULL, O_SHARE},
    {"reactors", required_argument, NULL, O_REACTORS},
    {"target", required_argument, NULL, O_TARGET},
    {"pg", required_argument, NULL, O_PG},
    {"fan-out", required_argument, NULL, O_FAN_OUT},
    {"keep", no_argument, NULL, O_KEEP},
    {"svg", required_argument, NULL, O_SVG},
    {"json", no_argument, NULL, O_JSON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int scenario_read(const char *text, enum scenario *ret)
{
    for (enum scenario s = SCENARIO_SEARCH; s <= SCENARIO_SCALING; s++)
        if (strcmp(text, scenario_name(s)) == 0) {
            *ret = s;
            return 0;
        }
    return option_wrong("scenario", text,
                        "search, upsert, mix, overhead, start, durable, replay, space, deletes, draining or scaling");
}

static int target_read(const char *text, struct load_options *o)
{
    o->pgvector = strcmp(text, "pgvector") == 0;
    return o->pgvector || strcmp(text, "kith") == 0 ? 0 : option_wrong("target", text, "kith or pgvector");
}

static int fan_out_read(const char *text, enum kith_fan_out *ret)
{
    static const char *const names[] = {
        [KITH_FAN_OUT_AUTO] = "auto", [KITH_FAN_OUT_ONE] = "1", [KITH_FAN_OUT_ALL] = "all"};
    for (unsigned s = KITH_FAN_OUT_AUTO; s < ARRAY_LEN(names); s++)
        if (strcmp(text, names[s]) == 0) {
            *ret = (enum kith_fan_out)s;
            return 0;
        }
    return option_wrong("fan-out", text, "auto, 1 or all");
}

static int option_take(int option, struct load_options *o)
{
    switch (option) {
    case O_SCENARIO: return scenario_read(optarg, &o->scenario);
    case O_SERVER: o->server = optarg; return 0;
    case O_START: o->start_server = true; return 0;
    case O_KITHD: o->kithd = optarg; return 0;
    case O_KITHD_ARGS: o->kithd_args = optarg; return 0;
    case O_FOLDER: o->data_folder = optarg; return 0;
    case O_PID: return option_u32("server-pid", optarg, 1, INT32_MAX, &o->server_pid);
    case O_COLLECTION: o->collection = optarg; return 0;
    case O_DATA: o->data.folder = optarg; return 0;
    case O_METRIC: return option_metric(optarg, &o->data.metric);
    case O_N: return option_u32("n", optarg, 1, UINT32_MAX, &o->data.count);
    case O_DIM: return option_u32("dim", optarg, 1, DIM_MAX, &o->data.dim);
    case O_QUERIES: return option_u32("limit-queries", optarg, 1, UINT32_MAX, &o->data.query_count);
    case O_M: return option_u32("m", optarg, 0, 256, &o->m);
    case O_EFC: return option_u32("ef-construct", optarg, 0, 65535, &o->ef_construct);
    case O_INDEX_WAIT: return option_double("index-wait", optarg, 0, 1e6, &o->index_wait_s);
    case O_RATE: return option_double("rate", optarg, 0, 1e7, &o->rate);
    case O_UNIFORM: o->uniform = true; return 0;
    case O_SECONDS: return option_double("seconds", optarg, 0.1, 1e6, &o->seconds);
    case O_WARM_UP: return option_double("warm-up", optarg, 0, 1e6, &o->warm_up_s);
    case O_REQUESTS: return option_u32("requests", optarg, 100, 100000000, &o->requests);
    case O_CONNECTIONS: return option_u32("connections", optarg, 1, 4096, &o->connections);
    case O_IN_FLIGHT: return option_u32("in-flight", optarg, 1, 65536, &o->in_flight);
    case O_K: return option_u32("k", optarg, 1, 100, &o->k);
    case O_EF: return option_u32("ef", optarg, 0, 100000, &o->ef);
    case O_BATCH: return option_u32("batch", optarg, 1, 65536, &o->batch);
    case O_SHARE: return option_double("write-share", optarg, 0, 1, &o->write_share);
    case O_REACTORS: return option_u32("reactors", optarg, 2, 256, &o->reactors);
    case O_TARGET: return target_read(optarg, o);
    case O_PG: o->pg = optarg; return 0;
    case O_FAN_OUT: return fan_out_read(optarg, &o->fan_out);
    case O_KEEP: o->keep = true; return 0;
    case O_SVG: o->svg = optarg; return 0;
    case O_JSON: o->json = true; return 0;
    }
    return -1; /* getopt has printed the error */
}

/* Sets defaults that depend on the scenario. */
static void defaults_fill(struct load_options *o)
{
    bool durable = o->scenario == SCENARIO_DURABLE, draining = o->scenario == SCENARIO_DRAINING;
    bool scaling = o->scenario == SCENARIO_SCALING;
    if (o->rate < 0)
        o->rate = draining || scaling ? 0 : 1000;
    if (o->seconds == 0)
        o->seconds = durable ? 2 : draining ? 60 : scaling ? 4 : 10;
    if (o->connections == 0)
        o->connections = durable ? 64 : scaling || o->pgvector ? 16 : 4;
    if (o->in_flight == 0)
        o->in_flight = durable ? 1 : scaling ? 2 : 32;
    if (o->batch == 0 && !durable)
        o->batch = o->scenario == SCENARIO_UPSERT || scaling ? 64 : 1;
    bool replay = o->scenario == SCENARIO_REPLAY, space = o->scenario == SCENARIO_SPACE;
    if ((durable || replay || space) && !o->data.folder) {
        o->data.dim = o->data.dim ? o->data.dim : 128;
        if (replay && o->data.count == 0) /* 256 MiB of records: 48 bytes and the vector */
            o->data.count = (256u << 20) / (48 + o->data.dim * 4) + 1;
        if (space && o->data.count == 0)
            o->data.count = 400000;
        o->data.query_count = 1; /* no searches */
    }
    o->data.truth_k = draining ? 3 * o->k + 10 : o->k; /* a quarter of the points is deleted */
}

int load_options_read(int argc, char **argv, struct load_options *ret)
{
    *ret = (struct load_options){.collection = "bench",
                                 .rate = -1,
                                 .warm_up_s = 1,
                                 .index_wait_s = 600,
                                 .write_share = 0.1,
                                 .k = 10,
                                 .ef = 64,
                                 .requests = 10000,
                                 .reactors = 2};
    int option;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (option_take(option, ret) < 0)
            return -1;
    }
    if (optind < argc)
        return option_wrong("argument", argv[optind], "nothing");
    if (ret->pgvector && ret->scenario != SCENARIO_SEARCH && ret->scenario != SCENARIO_DRAINING)
        return option_wrong("scenario", scenario_name(ret->scenario), "search or draining, with --target pgvector");
    if (ret->pgvector && ret->start_server)
        return option_wrong("start-server", "with --target pgvector", "a running PostgreSQL (--pg)");
    if (ret->scenario == SCENARIO_OVERHEAD && !ret->start_server && !ret->server_pid)
        return option_wrong("scenario", "overhead", "--start-server or --server-pid");
    defaults_fill(ret);
    return 1;
}
