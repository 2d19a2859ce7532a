/* main.c -- kithd: reads its options, connects the parts of the server, and serves until a signal
 * stops it. */
#include "actors/admission/budget.h"
#include "actors/server.h"
#include "base/log.h"
#include "gpu/gpu.h"
#include "kith/protocol.h"
#include "net/front.h"
#include "offline.h"
#include "reactor/machine/memory_limit.h"
#include "reactor/machine/topology.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
    "usage: kithd [options]\n"
    "\n"
    "  --data DIR           the data folder (./kith-data)\n"
    "  --listen HOST:PORT   native protocol (127.0.0.1:7700); port 0: any free one\n"
    "  --http HOST:PORT     /healthz, /readyz, /metrics (127.0.0.1:7701), or off\n"
    "  --reactors N         number of reactors, one on each core (one on each core that this process may use)\n"
    "  --io KIND            auto, uring or uv (auto)\n"
    "  --spin-us N          how long an idle reactor polls before it sleeps, in us (0 on up to 4 cores, otherwise 50)\n"
    "  --no-pin             do not bind reactors to cores\n"
    "  --growing-mib N      size of the vectors at which a growing segment is sealed, in MiB for each collection and\n"
    "                       core (122)\n"
    "  --drop-caches        drop the data files from the page cache at the start (for benchmarks)\n"
    "  --verify             check all checksums of the data folder, report damage, and end without serving\n"
    "  --merge-mib N        largest size of the vectors of a merged segment, in MiB (1024)\n"
    "  --compact-percent N  share of deleted rows, in percent, at which a segment is rewritten (20)\n"
    "  --seal-age SECONDS   age at which a growing segment is sealed even if it is not full (3600)\n"
    "  --memory SIZE        memory to use, like 8GiB, or a share of the available memory (70%)\n"
    "  --set NAME=VALUE     a setting, as kith config lists them; overrides a value set while the server ran\n"
    "  --restore NAME       first restore this snapshot; everything written after it is lost\n"
    "  --log-level LEVEL    debug, info, warn or error (info)\n"
    "  --json               log lines as JSON\n"
    "  --version, --help\n"
    "\n"
    "--reactors, --growing-mib, --merge-mib, --compact-percent, --seal-age: 0 means the default.\n";

enum option_id {
    OPT_DATA = 256,
    OPT_LISTEN,
    OPT_HTTP,
    OPT_REACTORS,
    OPT_IO,
    OPT_SPIN,
    OPT_NO_PIN,
    OPT_GROWING,
    OPT_MERGE,
    OPT_COMPACT,
    OPT_SEAL_AGE,
    OPT_DROP_CACHES,
    OPT_VERIFY,
    OPT_MEMORY,
    OPT_SET,
    OPT_RESTORE,
    OPT_LOG_LEVEL,
    OPT_JSON,
    OPT_VERSION,
    OPT_HELP
};

enum { NATIVE, HTTP }; /* indices of server_options.listeners */

static const struct option option_table[] = {
    {"data", required_argument, NULL, OPT_DATA},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"http", required_argument, NULL, OPT_HTTP},
    {"reactors", required_argument, NULL, OPT_REACTORS},
    {"io", required_argument, NULL, OPT_IO},
    {"spin-us", required_argument, NULL, OPT_SPIN},
    {"no-pin", no_argument, NULL, OPT_NO_PIN},
    {"growing-mib", required_argument, NULL, OPT_GROWING},
    {"merge-mib", required_argument, NULL, OPT_MERGE},
    {"compact-percent", required_argument, NULL, OPT_COMPACT},
    {"seal-age", required_argument, NULL, OPT_SEAL_AGE},
    {"drop-caches", no_argument, NULL, OPT_DROP_CACHES},
    {"verify", no_argument, NULL, OPT_VERIFY},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"set", required_argument, NULL, OPT_SET},
    {"restore", required_argument, NULL, OPT_RESTORE},
    {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
    {"json", no_argument, NULL, OPT_JSON},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

struct config {
    struct server_options server;
    char host[64], http_host[64]; /* storage that `listeners` points to */
    bool json, spin_given, verify;
};

static _Noreturn void fail(const char *option, const char *value, const char *expected)
{
    fprintf(stderr, "kithd: %s %s: expected %s (see kithd --help)\n", option, value, expected);
    exit(2);
}

static unsigned long number(const char *option, const char *value, unsigned long most)
{
    char *end;
    unsigned long n = strtoul(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || n > most) {
        char expected[64];
        snprintf(expected, sizeof(expected), "a number from 0 to %lu", most);
        fail(option, value, expected);
    }
    return n;
}

/* Parses "127.0.0.1:7700", "127.0.0.1" or "[::1]:7700". */
static void host_port(const char *option, const char *value, char host[64], uint16_t *port)
{
    const char *begin = value, *end, *colon;
    if (*value == '[') {
        begin = value + 1;
        end = strchr(begin, ']');
        if (!end)
            fail(option, value, "an IPv6 address in brackets, like [::1]:7700");
        if (end[1] != 0 && end[1] != ':')
            fail(option, value, "a colon and a port behind the bracket, as in [ADDRESS]:PORT");
        colon = end[1] == ':' ? end + 1 : NULL;
    } else {
        colon = strrchr(value, ':');
        end = colon ? colon : value + strlen(value);
    }
    if (end == begin || end - begin >= 64)
        fail(option, value, "HOST:PORT, like 127.0.0.1:7700");
    if (*value != '[' && memchr(value, ':', (size_t)(end - value)))
        fail(option, value, "an IPv6 address in brackets, like [::1]:7700");
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = 0;
    if (!address_valid(host))
        fail(option, value,
             "an IP address and a port, like 127.0.0.1:7700, 0.0.0.0:7700 (all of IPv4) or [::]:7700 (all)");
    if (colon)
        *port = (uint16_t)number(option, colon + 1, 65535);
}

static int one_of(const char *option, const char *value, const char *const *names, unsigned n, const char *expected)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(value, names[i]) == 0)
            return (int)i;
    fail(option, value, expected);
}

static void setting(struct server_options *s, const char *name, const char *value)
{
    struct error error;
    unsigned which;
    uint64_t number;
    if (setting_find(name, &which, &error) < 0 || setting_parse(&setting_table[which], value, &number, &error) < 0) {
        fprintf(stderr, "kithd: %s (see kithd --help)\n", error.text);
        exit(2);
    }
    settings_write(&s->settings, which, number, SETTING_OPTION);
}

/* Applies a setting like "search.ef=200". */
static void setting_given(struct server_options *s, const char *value)
{
    char name[64];
    size_t n = strcspn(value, "=");
    if (value[n] == 0 || n >= sizeof(name))
        fail("--set", value, "NAME=VALUE, like search.ef=200");
    memcpy(name, value, n);
    name[n] = 0;
    setting(s, name, value + n + 1);
}

/* Applies a size like "8GiB", or a share like "60%". */
static void memory(struct server_options *s, const char *value)
{
    const struct memory_limit limit = memory_limit_find();
    const size_t digits = strspn(value, "0123456789");
    if (digits == 0 || strcmp(value + digits, "%") != 0) {
        setting(s, "memory", value);
        return;
    }
    const unsigned long percent = strtoul(value, NULL, 10);
    const uint64_t bytes = percent <= 100 ? limit.bytes / 100 * percent : 0;
    if (bytes < BUDGET_BYTES_MIN)
        fail("--memory", value, "a size of at least 64MiB, like 8GiB, or a share of what there is, like 60%");
    char text[32];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
    setting(s, "memory", text);
}

/* Each alone is right. */
static void check_settings(const struct server_options *s)
{
    struct error error;
    if (settings_check(&s->settings, &error) < 0) {
        fprintf(stderr, "kithd: %s (see kithd --help)\n", error.text);
        exit(2);
    }
}

static void take_option(struct config *c, int id, const char *value)
{
    static const char *const kinds[] = {[BACKEND_AUTO] = "auto", [BACKEND_URING] = "uring", [BACKEND_UV] = "uv"};
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    struct server_options *s = &c->server;
    switch (id) {
    case OPT_DATA: s->data = value; break;
    case OPT_LISTEN: host_port("--listen", value, c->host, &s->listeners[NATIVE].port); break;
    case OPT_HTTP:
        s->listener_count = strcmp(value, "off") == 0 ? 1 : 2;
        if (s->listener_count == 2)
            host_port("--http", value, c->http_host, &s->listeners[HTTP].port);
        break;
    case OPT_REACTORS: s->runtime.reactors = (unsigned)number("--reactors", value, REACTORS_MAX); break;
    case OPT_IO: s->runtime.backend = (enum backend_kind)one_of("--io", value, kinds, 3, "auto, uring or uv"); break;
    case OPT_SPIN:
        s->runtime.spin_us = (unsigned)number("--spin-us", value, 1000000);
        c->spin_given = true;
        break;
    case OPT_NO_PIN: s->runtime.pin = false; break;
    case OPT_GROWING: s->growing_bytes = (uint64_t)number("--growing-mib", value, 1u << 20) << 20; break;
    case OPT_DROP_CACHES: s->drop_caches = true; break;
    case OPT_VERIFY: c->verify = true; break;
    case OPT_MERGE: s->merge_bytes = (uint64_t)number("--merge-mib", value, 1u << 20) << 20; break;
    case OPT_COMPACT: s->compact_percent = (uint32_t)number("--compact-percent", value, 100); break;
    case OPT_SEAL_AGE: s->seal_age_s = (uint32_t)number("--seal-age", value, 1u << 30); break;
    case OPT_MEMORY: memory(s, value); break;
    case OPT_SET: setting_given(s, value); break;
    case OPT_RESTORE: s->restore = value; break;
    case OPT_LOG_LEVEL:
        log_set_level((enum log_level)one_of("--log-level", value, levels, 4, "debug, info, warn or error"));
        break;
    case OPT_JSON: c->json = true; break;
    case OPT_VERSION: printf("kithd %s\n", server_version()); exit(0);
    case OPT_HELP: fputs(usage, stdout); exit(0);
    default: fputs("kithd --help lists the options\n", stderr); exit(2);
    }
}

/* -- the log -- */

static void json_string(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++) {
        unsigned char ch = (unsigned char)*text;
        if (ch == '"' || ch == '\\')
            fprintf(f, "\\%c", ch);
        else if (ch < 0x20)
            fprintf(f, "\\u%04x", ch);
        else
            fputc(ch, f);
    }
    fputc('"', f);
}

static void log_sink(enum log_level level, const char *line, void *arg)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    const struct config *c = arg;
    uint64_t ns = clock_wall_ns();
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm tm;
    char at[40];
    size_t n = strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
    snprintf(at + n, sizeof(at) - n, ".%03uZ", (unsigned)(ns / 1000000 % 1000));
    flockfile(stderr); /* lines of several reactors do not mix */
    if (c->json) {
        fprintf(stderr, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", at, names[level]);
        json_string(stderr, line);
        fputs("}\n", stderr);
    } else {
        fprintf(stderr, "%s %-5s %s\n", at, names[level], line);
    }
    funlockfile(stderr);
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static void warn_open(const char *host)
{
    if (!is_loopback(host))
        log_warn(
            "all clients that can reach %s may read and write all data, because there are no passwords: keep others "
            "out with a firewall",
            host);
}

static void on_ready(struct server *s, void *arg)
{
    const struct config *c = arg;
    struct reactor_stats stats;
    reactor_stats_read(&stats);
    char metrics[96] = "no HTTP";
    if (s->options.listener_count > HTTP && net_has_http())
        snprintf(metrics, sizeof(metrics), strchr(c->http_host, ':') ? "metrics on [%s]:%u" : "metrics on %s:%u",
                 c->http_host, server_port(s, PROTOCOL_HTTP));
    printf(strchr(c->host, ':') ? "kithd %s serving on [%s]:%u, %s, data in %s, %u reactor%s (%s)\n"
                                : "kithd %s serving on %s:%u, %s, data in %s, %u reactor%s (%s)\n",
           server_version(), c->host, server_port(s, PROTOCOL_NATIVE), metrics, s->options.data, reactor_count(),
           reactor_count() == 1 ? "" : "s",
           strcmp(stats.backend, "uring") == 0 ? "io_uring"
           : strcmp(stats.backend, "uv") == 0  ? "libuv"
                                               : stats.backend);
    fflush(stdout);
}

/* Share of the memory that Kith uses by default. The rest is for the page cache, which holds the
 * vectors of sealed segments, and for other programs. */
#define MEMORY_PERCENT 70

/* Takes as many reactors as there are cores, but no more than the memory suffices for. A number
 * from --reactors is not changed here. */
static void take_reactors(struct config *c, unsigned cores)
{
    const uint64_t set = c->server.settings.memory;
    const unsigned most = budget_reactors_most(set ? set : c->server.memory_default);
    if (c->server.runtime.reactors || cores <= most)
        return;
    c->server.runtime.reactors = most;
    log_info("%u reactors on %u cores, because memory suffices for no more; each needs %u MiB (--memory)", most, cores,
             (unsigned)(BUDGET_OF_REACTOR >> 20));
}

/* Chooses from the machine whatever the options leave open. */
static void take_machine(struct config *c)
{
    struct topology *t = topology_open();
    unsigned cores = t ? topology_busy(t) : 1;
    /* on a small machine other programs need the cores, and an idle reactor that polls takes time
     * from them */
    if (!c->spin_given)
        c->server.runtime.spin_us = cores <= 4 ? 0 : 50;
    if (t)
        topology_close(t);
    const uint64_t bytes = memory_limit_find().bytes / 100 * MEMORY_PERCENT;
    c->server.memory_default = bytes && bytes < BUDGET_BYTES_MIN ? BUDGET_BYTES_MIN : bytes;
    take_reactors(c, cores);
}

int main(int argc, char **argv)
{
    static struct config c = {
        .server =
            {
                .data = "./kith-data",
                .listeners = {[NATIVE] = {PROTOCOL_NATIVE, c.host, KITH_PORT},
                              [HTTP] = {PROTOCOL_HTTP, c.http_host, KITH_HTTP_PORT}},
                .listener_count = 2,
                .runtime = {.backend = BACKEND_AUTO, .pin = true},
                .front = &net_front,
                .gpu = &gpu_none,
                .signals = true,
                .on_ready = on_ready,
                .arg = &c,
            },
        .host = "127.0.0.1",
        .http_host = "127.0.0.1",
    };
    process_memory_init();
    int id;
    while ((id = getopt_long(argc, argv, "", option_table, NULL)) != -1)
        take_option(&c, id, optarg);
    if (optind < argc)
        fail("argument", argv[optind], "only options");
    check_settings(&c.server);
    log_set_sink(log_sink, &c);
    take_machine(&c);
    if (c.verify)
        return offline_verify(c.server.data, c.server.runtime.backend);

    warn_open(c.host);
    struct server *s;
    struct error error = {0};
    if (server_create(&c.server, &s) < 0) {
        fputs("kithd: too little memory to start; free some memory\n", stderr);
        return 1;
    }
    int rc = server_run(s, &error);
    server_destroy(s);
    if (rc < 0) {
        fprintf(stderr, "kithd: %s\n", error.text);
        return 1;
    }
    return 0;
}
