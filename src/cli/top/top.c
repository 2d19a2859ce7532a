/* top.c -- takes two samples of the server's counters and computes the rates between them. */
#include "cli/top/top.h"
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The counters of one core at one moment. */
struct counted {
    uint64_t busy_ns, interactive_ns, write_ns, background_ns, stalls, queries, written, deleted, flushes, refused,
        slowed_ns, narrow, wide;
    struct histogram searches;
};

struct top_reading {
    double at; /* seconds */
    uint64_t cpu_ns, uptime_ns;
    size_t count;
    struct counted all, cores[];
};

static void count_core(struct counted *to, const struct kith_reactor_stats *s)
{
    *to = (struct counted){
        .busy_ns = s->busy_ns,
        .interactive_ns = s->interactive_ns,
        .write_ns = s->write_ns,
        .background_ns = s->background_ns,
        .stalls = s->stalls,
        .queries = s->queries,
        .written = s->points_written,
        .deleted = s->points_deleted,
        .flushes = s->log_flushes,
        .refused = s->refused,
        .slowed_ns = s->slowed_ns,
        .narrow = s->searches_narrow,
        .wide = s->searches_wide,
    };
    histogram_init(&to->searches);
    for (size_t i = 0; i < s->search_count; i++)
        for (size_t j = 0; j < s->searches[i].count; j++)
            histogram_add_many(&to->searches, s->searches[i].at_most_ns[j], s->searches[i].counts[j]);
}

static void count_more(struct counted *sum, const struct counted *one)
{
    sum->busy_ns += one->busy_ns;
    sum->interactive_ns += one->interactive_ns;
    sum->write_ns += one->write_ns;
    sum->background_ns += one->background_ns;
    sum->stalls += one->stalls;
    sum->queries += one->queries;
    sum->written += one->written;
    sum->deleted += one->deleted;
    sum->flushes += one->flushes;
    sum->refused += one->refused;
    sum->slowed_ns += one->slowed_ns;
    sum->narrow += one->narrow;
    sum->wide += one->wide;
    histogram_merge(&sum->searches, &one->searches);
}

static struct top_reading *reading_make(const struct kith_stats *s)
{
    struct top_reading *r = calloc(1, sizeof(*r) + s->reactor_count * sizeof(r->cores[0]));
    if (!r)
        return NULL;
    r->at = clock_seconds();
    r->cpu_ns = s->cpu_ns;
    r->uptime_ns = s->uptime_ns;
    r->count = s->reactor_count;
    histogram_init(&r->all.searches);
    for (size_t i = 0; i < r->count; i++) {
        count_core(&r->cores[i], &s->reactors[i]);
        count_more(&r->all, &r->cores[i]);
    }
    return r;
}

/* -- rates -- */

static double rate(uint64_t now, uint64_t before, double seconds)
{
    return now > before ? (double)(now - before) / seconds : 0;
}

static struct top_times times_of(const struct histogram *h)
{
    return (struct top_times){
        histogram_percentile(h, 50),
        histogram_percentile(h, 90),
        histogram_percentile(h, 99),
        histogram_percentile(h, 99.9),
    };
}

static void core_rates(struct top_core *to, const struct counted *now, const struct counted *before, double seconds)
{
    static struct histogram h;
    h = now->searches;
    histogram_subtract(&h, &before->searches);
    to->busy = rate(now->busy_ns, before->busy_ns, seconds * 1e9);
    to->interactive = rate(now->interactive_ns, before->interactive_ns, seconds * 1e9);
    to->write = rate(now->write_ns, before->write_ns, seconds * 1e9);
    to->background = rate(now->background_ns, before->background_ns, seconds * 1e9);
    to->searches = rate(now->queries, before->queries, seconds);
    to->writes = rate(now->written, before->written, seconds);
    to->deletes = rate(now->deleted, before->deleted, seconds);
    to->flushes = rate(now->flushes, before->flushes, seconds);
    to->refused = rate(now->refused, before->refused, seconds);
    double wide = rate(now->wide, before->wide, 1), narrow = rate(now->narrow, before->narrow, 1);
    to->wide = wide > 0 ? wide / (wide + narrow) : 0;
    to->slowed = rate(now->slowed_ns, before->slowed_ns, seconds * 1e9);
    to->stalls = now->stalls - before->stalls;
    to->times = times_of(&h);
}

static void core_state(struct top_core *to, const struct kith_reactor_stats *s)
{
    to->queue = s->run_queue;
    to->fibers = s->fibers;
    to->connections = s->connections;
    to->waiting = s->waiting;
    to->slowed_now = s->slowed_now;
    to->backlog_rows = s->backlog_rows;
    to->backlog_ns = s->backlog_ns;
    to->builds = s->builds;
    to->merges = s->merges;
}

/* Adds the state of a core to that of all. Cores work in parallel, so the longest backlog counts
 * for the user. */
static void all_state(struct top_core *all, const struct top_core *one)
{
    all->queue += one->queue;
    all->fibers += one->fibers;
    all->connections += one->connections;
    all->waiting += one->waiting;
    all->slowed_now += one->slowed_now;
    all->backlog_rows += one->backlog_rows;
    all->backlog_ns = all->backlog_ns > one->backlog_ns ? all->backlog_ns : one->backlog_ns;
    all->builds += one->builds;
    all->merges += one->merges;
}

static void remember(struct top *t, double searches, uint64_t p99_ns)
{
    if (t->history_count == TOP_HISTORY) {
        memmove(t->history, t->history + 1, (TOP_HISTORY - 1) * sizeof(*t->history));
        memmove(t->history_p99, t->history_p99 + 1, (TOP_HISTORY - 1) * sizeof(*t->history_p99));
    } else {
        t->history_count++;
    }
    t->history[t->history_count - 1] = searches;
    t->history_p99[t->history_count - 1] = (double)p99_ns;
}

/* False if the server was restarted, since its counters begin at 0; then this is a first
 * reading. */
static bool follows(const struct top_reading *now, const struct top_reading *before)
{
    return before && before->count == now->count && before->uptime_ns < now->uptime_ns && before->at < now->at;
}

static int cores_read(struct top *t, const struct kith_stats *s, const struct top_reading *now)
{
    const struct top_reading *before = t->before;
    struct top_core *cores = realloc(t->cores, (now->count + 1) * sizeof(*cores));
    if (!cores)
        return -1;
    t->cores = cores;
    t->core_count = now->count;
    memset(cores, 0, now->count * sizeof(*cores));
    t->all = (struct top_core){0};
    t->seconds = follows(now, before) ? now->at - before->at : 0;
    t->cpu = t->seconds > 0 ? rate(now->cpu_ns, before->cpu_ns, t->seconds * 1e9) : 0;
    for (size_t i = 0; i < now->count; i++) {
        core_state(&cores[i], &s->reactors[i]);
        all_state(&t->all, &cores[i]);
        if (t->seconds > 0)
            core_rates(&cores[i], &now->cores[i], &before->cores[i], t->seconds);
    }
    if (t->seconds > 0) {
        core_rates(&t->all, &now->all, &before->all, t->seconds);
        remember(t, t->all.searches, t->all.times.p99);
    }
    return 0;
}

/* -- figures of the whole server -- */

static void minute_read(struct top *t, const struct kith_stats *s)
{
    static struct histogram h;
    histogram_init(&h);
    for (size_t r = 0; r < s->reactor_count; r++)
        for (size_t i = 0; i < s->reactors[r].recent_count; i++) {
            const struct kith_search_times *x = &s->reactors[r].recent[i];
            for (size_t j = 0; j < x->count; j++)
                histogram_add_many(&h, x->at_most_ns[j], x->counts[j]);
        }
    t->minute = times_of(&h);
}

static void builds_read(struct top *t, const struct kith_stats *s)
{
    t->build_count = 0;
    for (size_t r = 0; r < s->reactor_count; r++)
        for (size_t i = 0; i < s->reactors[r].build_count && t->build_count < TOP_BUILDS; i++) {
            const struct kith_build *from = &s->reactors[r].builds_now[i];
            struct top_build *to = &t->builds[t->build_count++];
            *to = (struct top_build){.core = r,
                                     .rows = from->rows,
                                     .rows_done = from->rows_done,
                                     .elapsed_ns = from->elapsed_ns,
                                     .left_ns = from->left_ns};
            snprintf(to->collection, sizeof(to->collection), "%s", from->collection);
            snprintf(to->kind, sizeof(to->kind), "%s", from->kind);
            snprintf(to->phase, sizeof(to->phase), "%s", from->phase);
        }
}

static int by_bytes(const void *a, const void *b)
{
    const struct top_memory *x = a, *y = b;
    return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : strcmp(x->name, y->name);
}

static void memory_read(struct top *t, const struct kith_stats *s)
{
    t->memory_count = s->memory_count < TOP_KINDS ? s->memory_count : TOP_KINDS;
    t->memory_sum = 0;
    t->memory_mapped = s->memory_mapped;
    t->memory_budget = s->memory_budget;
    t->memory_pressure = s->memory_pressure;
    for (size_t i = 0; i < t->memory_count; i++) {
        t->memory[i].bytes = s->memory[i].count;
        t->memory_sum += s->memory[i].count;
        snprintf(t->memory[i].name, sizeof(t->memory[i].name), "%s", s->memory[i].name);
    }
    qsort(t->memory, t->memory_count, sizeof(t->memory[0]), by_bytes);
}

static void collections_read(struct top *t, const struct kith_stats *s)
{
    t->collections_total = s->collection_count;
    t->collection_count = s->collection_count < TOP_COLLECTIONS ? s->collection_count : TOP_COLLECTIONS;
    for (size_t i = 0; i < t->collection_count; i++) {
        const struct kith_collection_stats *x = &s->collections[i];
        t->collections[i] = (struct top_collection){
            .damaged = x->damaged,
            .points = x->points,
            .segments = x->sealed_segments,
            .growing_rows = x->growing_rows,
            .backlog_rows = x->backlog_rows,
            .memory_bytes = x->memory_bytes,
            .disk_bytes = x->disk_bytes,
        };
        snprintf(t->collections[i].name, sizeof(t->collections[i].name), "%s", x->name);
    }
}

double top_build_share(const struct top_build *b)
{
    if (strcmp(b->phase, "reading") == 0 || strcmp(b->phase, "columns") == 0)
        return 0;
    double graph = b->rows ? (double)b->rows_done / (double)b->rows : 1;
    return 0.9 * graph + (strcmp(b->phase, "writing") == 0 ? 0.05 : strcmp(b->phase, "taking over") == 0 ? 0.1 : 0);
}

int top_read(struct top *t, struct kith *k)
{
    struct kith_stats s;
    int rc = kith_stats_read_all(k, &s);
    if (rc < 0)
        return rc;
    struct top_reading *now = reading_make(&s);
    if (!now || cores_read(t, &s, now) < 0) {
        free(now);
        return cli_fail("no memory for the figures of %zu cores", s.reactor_count);
    }
    t->uptime_ns = s.uptime_ns;
    t->resident_bytes = s.resident_bytes;
    snprintf(t->read_only, sizeof(t->read_only), "%s", s.read_only);
    free(t->before);
    t->before = now;
    minute_read(t, &s);
    builds_read(t, &s);
    memory_read(t, &s);
    collections_read(t, &s);
    return 0;
}

void top_forget(struct top *t)
{
    free(t->before);
    t->before = NULL;
}

void top_free(struct top *t)
{
    free(t->cores);
    free(t->before);
}

/* -- numbers as text -- */

const char *top_pressure_text(unsigned pressure)
{
    static const char *const texts[] = {"", "links are packed", "links are packed, refine rows stay in files",
                                        "links are packed, refine rows stay in files, pools are small"};
    return texts[pressure < ARRAY_LEN(texts) ? pressure : ARRAY_LEN(texts) - 1];
}

static char *text_slot(void)
{
    static char ring[8][32];
    static unsigned next;
    return ring[next++ % 8];
}

const char *top_uptime_text(uint64_t ns)
{
    char *text = text_slot();
    uint64_t s = ns / 1000000000;
    if (s < 120)
        snprintf(text, 32, "%u s", (unsigned)s);
    else if (s < 7200)
        snprintf(text, 32, "%u min", (unsigned)(s / 60));
    else if (s < 172800)
        snprintf(text, 32, "%u h %02u min", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
    else
        snprintf(text, 32, "%u days", (unsigned)(s / 86400));
    return text;
}

const char *top_time_text(uint64_t ns)
{
    char *text = text_slot();
    if (ns == 0)
        return "-";
    if (ns < 1000000)
        snprintf(text, 32, "%.0f us", (double)ns / 1e3);
    else if (ns < 1000000000)
        snprintf(text, 32, ns < 10000000 ? "%.1f ms" : "%.0f ms", (double)ns / 1e6);
    else
        snprintf(text, 32, "%.1f s", (double)ns / 1e9);
    return text;
}

/* Whether the error may end when the server is restarted. */
static bool is_passing(int rc)
{
    return rc == -KITH_DISCONNECTED || rc == -KITH_REFUSED || rc == -KITH_UNAVAILABLE || rc == -KITH_RESOURCE_EXHAUSTED;
}

int top_read_again(struct cli *c, struct top *t)
{
    int rc = c->kith ? top_read(t, c->kith) : 0;
    if (rc == 0 && c->kith)
        return 0;
    if (rc < 0)
        snprintf(c->why, sizeof(c->why), "%s", kith_error(c->kith));
    if (rc == -KITH_UNAVAILABLE) /* the server is starting: the connection is good */
        return 1;
    kith_close(c->kith);
    c->kith = NULL;
    top_forget(t);
    if (rc < 0)
        return is_passing(rc) ? 1 : -1;
    rc = kith_open_within(c->server, 0, NULL, NULL, &c->kith, c->why, sizeof(c->why));
    if (rc < 0)
        return is_passing(rc) ? 1 : -1;
    kith_patience_set(c->kith, 0, NULL, NULL);
    return top_read_again(c, t);
}
