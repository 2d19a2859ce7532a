/* importer.c -- sends pieces and repeats them. A piece is in one of two lists: `in_flight` (sent,
 * not answered) or `waiting` (to be sent, for the first time or again). Every event moves a piece
 * between the lists or ends it. So after a broken connection, all pieces in flight wait again.
 *
 * The last row with an id must win, but the server may carry out requests that are in flight
 * together in any order. Three rules ensure it:
 * 1. `waiting` is in the order of rows, and only its first piece is sent.
 * 2. A piece is sent only if none of its ids is in a piece in flight.
 * 3. A piece that must be sent again returns to its place in that order.
 *
 * So when a row is sent, every earlier row with its id has been acknowledged. When kith_reconnect()
 * returns, all requests of the broken connection have ended. So no row from it arrives after a
 * later row with its id. */
#include "cli/import/importer.h"

#include "cli/id_set.h"
#include "cli/import/import_batch.h"
#include "cli/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define RETRY_FIRST_S        0.05
#define RETRY_LONGEST_S      5.0
#define RETRY_SAID_LONGEST_S 60.0
#define GIVE_UP_S            120.0      /* longest time without any acknowledgement */
#define SAY_EVERY_S          5.0        /* time between two reports of a problem */
#define REQUEST_BYTES_MAX    (8u << 20) /* of vectors; larger requests are no faster */
#define IN_FLIGHT_BYTES_MAX  (8 * REQUEST_BYTES_MAX)

struct run {
    struct importer *im;
    struct error *e;
    struct import_piece *in_flight, *waiting; /* in the order of rows */
    size_t in_flight_count, in_flight_bytes;
    /* empty if the source gives no ids, because then each row has its own */
    struct id_set in_flight_ids;
    bool source_ended;
    double retry_s;       /* pause before the next attempt; 0: no problem */
    unsigned pauses;      /* number of pauses so far */
    double failing_since; /* valid while retry_s is not 0 */
    double said_at;       /* time of the last report */
};

static int no_memory(struct run *r)
{
    return error_set(r->e, ERROR_RESOURCE_EXHAUSTED,
                     "no memory for another batch: use a smaller --batch or --in-flight");
}

__attribute__((format(printf, 2, 3))) static void tell(const struct run *r, const char *format, ...)
{
    char sentence[2 * ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    r->im->on_trouble(r->im, sentence);
}

/* Pauses before the next attempt, longer each time. Fails after a long time without progress. */
static int back_off(struct run *r, const char *why)
{
    const double now = clock_seconds();
    if (r->retry_s == 0)
        r->failing_since = r->said_at = now;
    if (now - r->failing_since > GIVE_UP_S)
        return error_set(r->e, ERROR_UNAVAILABLE, "gave up after %.0f s without progress: %s", GIVE_UP_S, why);
    if (now - r->said_at >= SAY_EVERY_S) {
        tell(r, "%s; no progress for %.0f s, and the import gives up after %.0f s", why, now - r->failing_since,
             GIVE_UP_S);
        r->said_at = now;
    }
    r->retry_s = r->retry_s == 0 ? RETRY_FIRST_S : r->retry_s * 2;
    if (r->retry_s > RETRY_LONGEST_S)
        r->retry_s = RETRY_LONGEST_S;
    /* the server's estimate when it is busy */
    double said_s = kith_retry_after_ms(r->im->kith) / 1e3;
    double pause_s = said_s > r->retry_s && said_s < RETRY_SAID_LONGEST_S ? said_s : r->retry_s;
    usleep((useconds_t)(pause_s * 1e6));
    r->pauses++;
    return 0;
}

/* Inserts p into `waiting`, before the first piece with later rows. */
static void wait_in_order(struct run *r, struct import_piece *p)
{
    struct import_piece **at = &r->waiting;
    while (*at && import_piece_row(*at) < import_piece_row(p))
        at = &(*at)->next;
    p->next = *at;
    *at = p;
}

/* Adds p to `in_flight`; false without memory. */
static bool add_in_flight(struct run *r, struct import_piece *p)
{
    const struct kith_points x = import_piece_points(p);
    if (p->batch->own_ids && !id_set_add(&r->in_flight_ids, x.ids, x.count))
        return false;
    p->next = r->in_flight;
    r->in_flight = p;
    r->in_flight_count++;
    r->in_flight_bytes += import_piece_bytes(p);
    return true;
}

/* Removes the piece at *at from `in_flight`. */
static struct import_piece *take_in_flight(struct run *r, struct import_piece **at)
{
    struct import_piece *p = *at;
    const struct kith_points x = import_piece_points(p);
    *at = p->next;
    r->in_flight_count--;
    r->in_flight_bytes -= import_piece_bytes(p);
    if (p->batch->own_ids)
        id_set_remove(&r->in_flight_ids, x.ids, x.count);
    return p;
}

static void wait_again(struct run *r)
{
    while (r->in_flight)
        wait_in_order(r, take_in_flight(r, &r->in_flight));
}

static int reconnect(struct run *r)
{
    struct importer *im = r->im;
    char why[ERROR_TEXT_MAX];
    snprintf(why, sizeof(why), "%s", kith_error(im->kith));
    wait_again(r);
    tell(r, "%s; connecting again, for %.0f s", why, GIVE_UP_S);
    for (;;) {
        int rc = back_off(r, why);
        if (rc < 0)
            return rc;
        rc = kith_reconnect(im->kith);
        if (rc == 0) {
            im->reconnects++;
            return 0;
        }
        snprintf(why, sizeof(why), "%s", kith_error(im->kith));
        if (rc != -KITH_REFUSED && rc != -KITH_DISCONNECTED && rc != -KITH_UNAVAILABLE &&
            rc != -KITH_RESOURCE_EXHAUSTED)
            return error_set(r->e, ERROR_UNAVAILABLE, "cannot connect again: %s", why);
    }
}

/* Ids made from row numbers must not exceed 2^64 - 1. */
static int ids_check(struct run *r, const struct vector_batch *b)
{
    if (b->ids || b->row_end == 0 || b->row_end - 1 <= UINT64_MAX - r->im->start_id)
        return 0;
    return error_set(r->e, ERROR_INVALID_ARGUMENT,
                     "row %llu and those behind it would have ids beyond 2^64 - 1: use a smaller --start-id than %llu",
                     (unsigned long long)(UINT64_MAX - r->im->start_id + 1), (unsigned long long)r->im->start_id);
}

/* Reads the source until there is a piece to send or the source ends. */
static int refill(struct run *r)
{
    struct importer *im = r->im;
    while (!r->waiting && !r->source_ended) {
        size_t rows = REQUEST_BYTES_MAX / (im->dim * sizeof(float));
        rows = rows == 0 ? 1 : rows > im->batch_rows ? im->batch_rows : rows;
        if (im->rows_max && im->rows_max - im->rows_read < rows)
            rows = (size_t)(im->rows_max - im->rows_read);
        struct vector_batch b;
        int rc = rows > 0 ? im->source.next(im->source.arg, rows, &b, r->e) : 0;
        if (rc < 0)
            return rc;
        if (rc == 0) {
            r->source_ended = true;
            break;
        }
        rc = ids_check(r, &b);
        if (rc < 0)
            return rc;
        im->rows_read += b.row_end - b.row_first;
        im->rejected += b.reject_count;
        for (size_t i = 0; i < b.reject_count; i++)
            im->on_reject(im, &b.rejects[i]);
        if (b.count > 0 && !(r->waiting = import_piece_create(&b, im->dim, im->start_id)))
            return no_memory(r);
    }
    return 0;
}

static void reject_piece(struct run *r, struct import_piece *p, const char *reason)
{
    for (size_t i = p->first; i < p->first + p->count; i++) {
        const struct vector_reject reject = {p->batch->rows[i], p->batch->lines[i], reason};
        r->im->on_reject(r->im, &reject);
    }
    r->im->rejected += p->count;
    import_piece_destroy(p);
}

/* Replaces p by its two halves. */
static int halve(struct run *r, struct import_piece *p)
{
    struct import_piece *rest = import_piece_split(p);
    wait_in_order(r, p);
    if (!rest)
        return no_memory(r);
    wait_in_order(r, rest);
    return 0;
}

/* The server or the library refused p as invalid: halves it, or rejects it if it is a single
 * row. */
static int refuse(struct run *r, struct import_piece *p)
{
    p->cut_at = 0;
    if (p->count > 1)
        return halve(r, p);
    reject_piece(r, p, kith_error(r->im->kith));
    return 0;
}

/* The server has no room for p and gives no time for a retry, so p may be too large. If it is not,
 * its halves are refused as well, and the import waits with a single row. */
static int cut(struct run *r, struct import_piece *p)
{
    p->cut_at = r->pauses + 1;
    return halve(r, p);
}

/* Part of a piece that was too large was accepted without a pause, so later batches have at most
 * its size. */
static void learn_size(struct run *r, const struct import_piece *p)
{
    if (p->cut_at == p->pauses + 1 && p->count < r->im->batch_rows)
        r->im->batch_rows = p->count;
}

/* Whether pieces that were sent before the last pause are still in flight. They will be refused,
 * too. */
static bool is_burst_in_flight(const struct run *r)
{
    for (const struct import_piece *p = r->in_flight; p; p = p->next)
        if (p->pauses != r->pauses)
            return true;
    return false;
}

/* Whether p may be sent now by the rules above and the limit on bytes in flight. */
static bool may_send(const struct run *r, const struct import_piece *p)
{
    const struct kith_points x = import_piece_points(p);
    if (r->in_flight_count == r->im->in_flight_max || is_burst_in_flight(r))
        return false;
    if (r->in_flight && r->in_flight_bytes + import_piece_bytes(p) > IN_FLIGHT_BYTES_MAX)
        return false;
    return !p->batch->own_ids || !id_set_has_any(&r->in_flight_ids, x.ids, x.count);
}

/* Sends the first waiting piece. */
static int send_one(struct run *r)
{
    struct import_piece *p = r->waiting;
    const struct kith_points points = import_piece_points(p);
    r->waiting = p->next;
    if (!add_in_flight(r, p)) {
        wait_in_order(r, p);
        return no_memory(r);
    }
    p->pauses = r->pauses;
    p->request = kith_start_upsert(r->im->kith, r->im->collection, &points);
    if (p->request >= 0)
        return 0;
    if (p->request == -KITH_INVALID_ARGUMENT)
        return refuse(r, take_in_flight(r, &r->in_flight));
    return p->request == -KITH_NO_MEMORY ? no_memory(r) : reconnect(r);
}

static int send_some(struct run *r)
{
    for (;;) {
        int rc = refill(r);
        if (rc < 0)
            return rc;
        if (!r->waiting || !may_send(r, r->waiting))
            return 0;
        rc = send_one(r);
        if (rc < 0)
            return rc;
    }
}

/* Removes the piece of that request from `in_flight` and returns it; NULL: there is none. */
static struct import_piece *take_answered(struct run *r, int64_t request)
{
    for (struct import_piece **at = &r->in_flight; *at; at = &(*at)->next)
        if ((*at)->request == request)
            return take_in_flight(r, at);
    return NULL;
}

static int answer(struct run *r, const struct kith_reply *reply)
{
    struct importer *im = r->im;
    struct import_piece *p = take_answered(r, reply->request);
    check(p != NULL);
    if (reply->code == 0) {
        im->points += p->count;
        learn_size(r, p);
        r->retry_s = 0;
        import_piece_destroy(p);
        return 0;
    }
    if (reply->code == -KITH_INVALID_ARGUMENT)
        return refuse(r, p);
    if (reply->code == -KITH_TOO_LARGE)
        return p->count > 1 ? cut(r, p) : refuse(r, p);
    if (reply->code == -KITH_RESOURCE_EXHAUSTED && kith_retry_after_ms(im->kith) == 0 && p->count > 1)
        return cut(r, p);
    wait_in_order(r, p); /* kept in any case */
    /* of pieces that were in flight together only the first causes a pause */
    if (reply->code == -KITH_RESOURCE_EXHAUSTED || reply->code == -KITH_UNAVAILABLE ||
        reply->code == -KITH_DEADLINE_EXCEEDED)
        return p->pauses == r->pauses ? back_off(r, kith_error(im->kith)) : 0;
    return error_set(r->e, ERROR_IO, "%s", kith_error(im->kith));
}

static int run(struct run *r)
{
    struct importer *im = r->im;
    for (;;) {
        int rc = send_some(r);
        if (rc < 0)
            return rc;
        if (!r->in_flight && !r->waiting && r->source_ended)
            return 0;
        struct kith_reply reply;
        rc = kith_next(im->kith, -1, &reply);
        if (rc == 1)
            rc = answer(r, &reply);
        else if (rc < 0)
            rc = reconnect(r);
        if (rc < 0)
            return rc;
        im->on_progress(im, im->source.fraction(im->source.arg));
    }
}

/* After an error: waits for the answers to pieces in flight, so that stored points are counted. */
static void drain(struct run *r)
{
    struct kith_reply reply;
    while (r->in_flight && kith_next(r->im->kith, -1, &reply) == 1) {
        struct import_piece *p = take_answered(r, reply.request);
        r->im->points += reply.code == 0 ? p->count : 0;
        import_piece_destroy(p);
    }
}

int importer_run(struct importer *im, struct error *e)
{
    struct run r = {.im = im, .e = e};
    if (im->in_flight_max > kith_requests_max(im->kith) && kith_requests_max(im->kith) > 0)
        im->in_flight_max = kith_requests_max(im->kith);
    int rc = run(&r);
    if (rc < 0)
        drain(&r);
    wait_again(&r);
    while (r.waiting) { /* only after an error */
        struct import_piece *p = r.waiting;
        r.waiting = p->next;
        import_piece_destroy(p);
    }
    id_set_fini(&r.in_flight_ids);
    return rc;
}
