/* server.c -- the order in which a server starts and stops.
 *
 * Start: every reactor makes its core and starts its actors. Reactor 0 opens the folder and
 * starts the catalog. It listens, then the others listen on the port it got, so that clients can
 * be told how far the start is. All stores open their segments, share them, and find out which
 * rows are dead. Then clean collections can be read, while the stores replay their logs.
 *
 * Stop: the same backwards. No store is closed before all reactors have halted, because stores
 * use each other's segments. A start that fails is undone from where it got to. */
#include "actors/server.h"
#include "actors/control_messages.h"
#include "base/log.h"
#include "reactor/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OPENING_RETRY_MS 100 /* while files are opened the rest of the time cannot be estimated */

#define DRAIN_MS_DEFAULT 5000
#define RESERVE_MAX      ((uint64_t)32 << 20)
#define RESERVE_MIN      ((uint64_t)256 << 10)

const char *server_version(void)
{
    return KITH_VERSION;
}

int server_create(const struct server_options *options, struct server **ret)
{
    struct server *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->options = *options;
    if (!s->options.runtime.credits)
        s->options.runtime.credits = order_credits;
    if (s->options.drain_ms == 0)
        s->options.drain_ms = DRAIN_MS_DEFAULT;
    *ret = s;
    return 0;
}

void server_destroy(struct server *s)
{
    for (unsigned r = 0; r < REACTORS_MAX; r++)
        if (s->cores[r]) {
            if (s->cores[r]->front)
                s->options.front->destroy(s->cores[r]);
            core_destroy(s->cores[r]);
        }
    catalog_fini(&s->catalog);
    free(s);
}

static int open_segments(const struct server *s, const struct manifest *m, struct error *error)
{
    struct control_open_message first = {.manifest = m, .read_only = s->disk.reason, .round = s->disk.round}, *all;
    int rc = control_broadcast(ACTOR_CONTROL, MSG_CONTROL_OPEN, &first, sizeof(first), (void **)&all);
    for (unsigned r = 0; all && r < reactor_count() && error->code == ERROR_OK; r++)
        if (all[r].error.code != ERROR_OK)
            *error = all[r].error;
    free(all);
    return rc;
}

static int replay_logs(const struct manifest *m, struct error *error)
{
    struct control_replay_message first = {.manifest = m}, *all;
    int rc = control_broadcast(ACTOR_CONTROL, MSG_CONTROL_REPLAY, &first, sizeof(first), (void **)&all);
    for (unsigned r = 0; all && r < reactor_count() && error->code == ERROR_OK; r++)
        if (all[r].error.code != ERROR_OK)
            *error = all[r].error;
    free(all);
    return rc;
}

static int tell_all(enum actor_id actor, uint32_t type)
{
    struct message first = {0};
    void *messages;
    int rc = control_broadcast(actor, type, &first, sizeof(first), &messages);
    free(messages);
    return rc;
}

int server_open_stores(struct server *s, const struct manifest *m, struct error *error)
{
    int rc = open_segments(s, m, error);
    if (rc == 0)
        rc = tell_all(ACTOR_CONTROL, MSG_CONTROL_SHARE);
    if (rc == 0)
        rc = tell_all(ACTOR_CONTROL, MSG_CONTROL_MAP);
    if (rc == 0)
        rc = tell_all(ACTOR_CONTROL, MSG_CONTROL_ANNOUNCE_DAMAGE);
    if (rc == 0)
        rc = tell_all(ACTOR_CONTROL, MSG_CONTROL_READ);
    if (rc == 0 && s->stopping)
        rc = -ESHUTDOWN;
    return rc < 0 ? rc : replay_logs(m, error);
}

/* Space for the records of deletions and of drops. Less where segments are small, because the
 * disk may be small too. */
static uint64_t reserve_bytes(const struct server *s)
{
    uint64_t bytes = s->options.growing_bytes / 2;
    return bytes == 0 || bytes > RESERVE_MAX ? RESERVE_MAX : bytes < RESERVE_MIN ? RESERVE_MIN : bytes;
}

/* A log file of each reactor: what the stores want, too, when no segment waits to be sealed. */
static uint64_t log_files_bytes(struct server *s)
{
    const uint64_t memory = budget_bytes(server_core(s)); /* as the settings say */
    const uint64_t growing = budget_of_growing(memory, reactor_count(), s->options.growing_bytes);
    return store_log_file_bytes(growing) * reactor_count();
}

static int prepare_disk(struct server *s, bool is_new)
{
    const uint64_t reserve = reserve_bytes(s), log_files = log_files_bytes(s);
    int rc = is_new ? folder_check_space(s->options.data, reserve + log_files, &s->error) : 0;
    if (rc == 0)
        disk_watch_prepare(&s->disk, s->options.data, reserve, log_files);
    return rc;
}

static int listen_all(struct server *s)
{
    uint16_t ports[LISTENERS_MAX];
    for (unsigned i = 0; i < s->options.listener_count; i++)
        ports[i] = s->options.listeners[i].port;
    for (unsigned r = 0; r < reactor_count(); r++) {
        struct control_listen_message m = {.ports = ports};
        int rc = message_call(&m.base, address_of(r, ACTOR_SERVER), MSG_CONTROL_LISTEN, NULL);
        if (rc < 0) {
            s->error = m.error;
            return rc;
        }
    }
    memcpy(s->ports, ports, s->options.listener_count * sizeof(*ports));
    if (s->options.on_listening)
        s->options.on_listening(s, s->options.arg);
    return 0;
}

uint16_t server_port(const struct server *s, enum listener_protocol protocol)
{
    for (unsigned i = 0; i < s->options.listener_count; i++)
        if (s->options.listeners[i].protocol == protocol)
            return s->ports[i];
    return 0;
}

static int restore(void *server, const char *snapshot, struct error *error)
{
    return server_restore(server, snapshot, error);
}

static void start_catalog(struct server *s, struct manifest *m)
{
    const struct catalog_parts parts = {.dir = s->options.data,
                                        .core = s->cores[0],
                                        .budget = &s->budget,
                                        .disk = &s->disk,
                                        .settings = &s->settings,
                                        .restore = restore,
                                        .restore_arg = s};
    catalog_start(&s->catalog, &parts, m);
}

static int open_folder(struct server *s)
{
    struct manifest m = {0};
    int rc = s->options.restore ? folder_restore(s->options.data, s->options.restore, &s->error) : 0;
    if (rc < 0)
        return rc;
    rc = folder_open(s->options.data, &s->lock, &m, &s->error);
    if (rc < 0)
        return rc;
    rc = settings_keeper_start(&s->settings, s->options.data, &s->options.settings, &s->disk, &s->error);
    if (rc == 0)
        rc = budget_check(budget_bytes(server_core(s)), reactor_count(), &s->error);
    if (rc == 0)
        rc = prepare_disk(s, m.reactors == 0);
    if (rc == 0)
        rc = folder_prepare(s->options.data, &m, reactor_count(), &s->error);
    if (rc == 0 && s->options.drop_caches)
        rc = folder_drop_caches(s->options.data, &s->error);
    if (rc < 0) {
        manifest_fini(&m);
        return rc;
    }
    /* The stores read a copy of the manifest, because their commits change the catalog's. */
    start_catalog(s, &m);
    rc = listen_all(s);
    if (rc < 0)
        return rc;
    struct manifest start;
    rc = catalog_snapshot(&s->catalog, &start);
    if (rc < 0)
        return rc;
    rc = server_open_stores(s, &start, &s->error);
    manifest_fini(&start);
    if (rc == 0)
        rc = catalog_complete(&s->catalog, &s->error);
    if (rc == 0 && s->stopping)
        rc = -ESHUTDOWN;
    return rc < 0 ? rc : disk_watch_start(&s->disk);
}

static int serve(struct server *s)
{
    for (unsigned r = 0; r < reactor_count(); r++) {
        struct control_serve_message m = {.error = {0}};
        int rc = message_call(&m.base, address_of(r, ACTOR_SERVER), MSG_CONTROL_SERVE, NULL);
        if (rc < 0) {
            s->error = m.error;
            return rc;
        }
    }
    return 0;
}

int server_starting(const struct server *s, struct error *error)
{
    uint64_t done = 0, bytes = 0, start_ns = clock_now_ns();
    for (unsigned r = 0; r < reactor_count(); r++) {
        const struct replay_progress *p = &s->progress[r];
        done += p->bytes_done;
        bytes += p->bytes;
        if (p->start_ns && p->start_ns < start_ns)
            start_ns = p->start_ns;
    }
    if (done == 0 || bytes < done) {
        int rc = error_set(error, ERROR_UNAVAILABLE,
                           "the server is starting and opens its files; repeat the request in a moment");
        error->retry_after_ms = OPENING_RETRY_MS;
        return rc;
    }
    double ns = (double)(clock_now_ns() - start_ns);
    uint64_t left_s = (uint64_t)(ns / (double)done * (double)(bytes - done) / 1e9) + 1;
    int rc = error_set(error, ERROR_UNAVAILABLE,
                       "the server is starting: %" PRIu64 " %% of the log is read (%" PRIu64 " of at most %" PRIu64
                       " MiB); repeat the request in about %" PRIu64 " s",
                       done * 100 / bytes, done >> 20, bytes >> 20, left_s);
    error->retry_after_ms = left_s < UINT32_MAX / 1000 ? (uint32_t)left_s * 1000 : UINT32_MAX;
    return rc;
}

static void boot(void *arg)
{
    struct server *s = arg;
    unsigned r = reactor_id();
    int rc = core_create(s, &s->cores[r]);
    if (r != 0) {
        /* nothing else has been allocated yet; a machine without memory for a
         * core cannot run a server */
        check(rc == 0);
        return;
    }
    s->began_ns = clock_now_ns();
    if (rc == 0)
        rc = open_folder(s);
    if (rc == 0)
        rc = serve(s);
    if (rc < 0 && s->stopping) /* the stop made it fail */
        return;
    if (rc < 0) {
        s->rc = rc;
        if (s->error.code == ERROR_OK)
            error_set_errno(&s->error, rc, "the server could not start");
        server_stop(s);
        return;
    }
    if (s->options.on_ready)
        s->options.on_ready(s, s->options.arg);
}

static void on_signal(void *arg)
{
    struct server *s = arg;
    log_info("stopping");
    server_stop(s);
}

void server_stop(struct server *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    void *messages;
    struct control_drain_message drain = {.deadline_ns = clock_now_ns() + (uint64_t)s->options.drain_ms * 1000000};
    if (control_broadcast(ACTOR_SERVER, MSG_CONTROL_DRAIN, &drain, sizeof(drain), &messages) < 0)
        log_warn("not every reactor could end its connections in order");
    free(messages);
    disk_watch_stop(&s->disk);
    if (tell_all(ACTOR_SERVER, MSG_CONTROL_HALT) < 0)
        log_warn("not every reactor could end its work in order");
    if (tell_all(ACTOR_SERVER, MSG_CONTROL_CLOSE) < 0)
        log_warn("not every reactor could close its store in order");
    catalog_stop(&s->catalog);
    if (s->lock)
        file_close(s->lock);
    s->lock = NULL;
    runtime_stop();
}

int server_run(struct server *s, struct error *error)
{
    struct runtime *rt;
    int rc = runtime_create(&s->options.runtime, &rt, error);
    if (rc < 0)
        return rc;
    rc = runtime_run(rt, boot, s->options.signals ? on_signal : NULL, s);
    runtime_destroy(rt);
    if (rc < 0) {
        if (error && rc != -EOWNERDEAD)
            error_set_errno(error, rc, "the reactors could not run");
        return rc;
    }
    if (s->rc < 0 && error)
        *error = s->error;
    return s->rc;
}

int server_measure(struct metrics_sample *samples, struct arena *arena)
{
    unsigned n = reactor_count();
    struct control_measure_message *m = arena_alloc(arena, n * sizeof(*m));
    if (!m)
        return -ENOMEM;
    memset(m, 0, n * sizeof(*m));
    for (unsigned r = 0; r < n; r++)
        m[r].sample = &samples[r];
    const struct scatter all = {
        .messages = m, .size = sizeof(*m), .count = n, .to = address_of(0, ACTOR_ASK), .type = MSG_CONTROL_MEASURE};
    return message_scatter(&all);
}

int server_measure_times(unsigned reactor, struct search_times *ret)
{
    struct control_measure_message m = {.times = ret};
    return message_call(&m.base, address_of(reactor, ACTOR_ASK), MSG_CONTROL_MEASURE, NULL);
}
