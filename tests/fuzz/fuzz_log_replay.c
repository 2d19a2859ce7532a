/* fuzz_log_replay.c -- makes the files of a log by a script, and replays them in the simulated
 * world.
 *
 * Random bytes would never hold two blocks with right checksums. So the input is a list of commands
 * of four bytes: write a block, write something else, damage written bytes, or begin another file.
 * Each replayed group must have been written at its place. */
#include "base/log.h"
#include "reactor/fibers/fiber.h"
#include "reactor/file.h"
#include "reactor/sim/sim.h"
#include "shards/log/log_block.h"
#include "shards/log/log_files.h"

#include <stdlib.h>
#include <string.h>

#define UNITS_MAX 64
#define FILES_MAX 8

static struct script {
    uint8_t bytes[UNITS_MAX * LOG_UNIT];
    uint32_t sizes[UNITS_MAX];  /* bytes of payload of the block that begins at the unit */
    bool continued[UNITS_MAX];  /* whether the next block belongs to the same group */
    uint64_t starts[FILES_MAX]; /* the positions at which files begin */
    size_t units, files;
    uint64_t run, start, known_end, expected; /* expected: where the next group must begin */
} script;

static uint8_t payload_byte(uint64_t position, uint32_t i)
{
    return (uint8_t)(position / LOG_UNIT * 31 + i * 7);
}

static void put_block(const uint8_t c[4])
{
    static uint8_t payload[3 * LOG_UNIT];
    struct log_block b = {
        .position = script.units * LOG_UNIT,
        .epoch = c[0] == 250 ? 2 : 1,
        .run = script.run,
        .durable = (uint64_t)(c[3] % (script.units + 1)) * LOG_UNIT,
        .reactor = c[0] == 251,
        .size = c[2] * 40u, /* up to two and a half units */
        .flags = c[1] & 1 ? LOG_CONTINUED : 0,
        .payload = payload,
    };
    size_t units = log_block_extent(b.size) / LOG_UNIT;
    if (script.units + units > UNITS_MAX)
        return;
    for (uint32_t i = 0; i < b.size; i++)
        payload[i] = payload_byte(b.position, i);
    script.sizes[script.units] = b.size;
    script.continued[script.units] = b.flags != 0;
    if (c[0] == 252) /* the block names another place */
        b.position += LOG_UNIT;
    log_block_write(&b, script.bytes + script.units * LOG_UNIT);
    script.units += units;
}

static void obey(const uint8_t c[4])
{
    size_t used = script.units * LOG_UNIT;
    switch (c[0]) {
    case 0: script.run += c[1] % 3; break;
    case 1: script.run -= script.run > 1; break;
    case 2: /* a unit that was never written, or by another program */
        if (script.units < UNITS_MAX)
            memset(script.bytes + script.units++ * LOG_UNIT, c[1], LOG_UNIT);
        break;
    case 3: /* a damaged byte */
        if (used)
            script.bytes[((size_t)c[1] << 16 | (size_t)c[2] << 8 | c[3]) % used] ^= 1u << (c[1] >> 5);
        break;
    case 4:
        if (script.files < FILES_MAX && (!script.files || script.starts[script.files - 1] < used))
            script.starts[script.files++] = used;
        break;
    case 5: script.start = (uint64_t)(c[1] % UNITS_MAX) * LOG_UNIT; break;
    case 6: script.known_end = (uint64_t)(c[1] % UNITS_MAX) * LOG_UNIT; break;
    default: put_block(c); break;
    }
}

/* -- in the world -- */

static int write_files(const struct log_options *o)
{
    char path[PATH_TEXT_MAX];
    int rc = directory_create(o->dir);
    for (size_t i = 0; rc == 0 && i < script.files; i++) {
        uint64_t end = i + 1 < script.files ? script.starts[i + 1] : script.units * LOG_UNIT;
        struct file *f;
        rc = log_file_path(o, script.starts[i], path);
        if (rc == 0)
            rc = file_open(path, FILE_WRITE | FILE_CREATE, &f);
        if (rc < 0)
            break;
        rc = file_write(f, script.bytes + script.starts[i], (size_t)(end - script.starts[i]), 0);
        file_close(f);
    }
    return rc;
}

/* A group must consist of the payloads of blocks that were written at its place. */
static int take_group(const uint8_t *bytes, size_t size, uint64_t position, void *arg)
{
    (void)arg;
    check(position == script.expected && position % LOG_UNIT == 0);
    size_t taken = 0;
    bool more = true;
    while (more) {
        check(position < script.units * LOG_UNIT);
        uint32_t n = script.sizes[position / LOG_UNIT];
        check(n <= size - taken);
        for (uint32_t i = 0; i < n; i++)
            check(bytes[taken + i] == payload_byte(position, i));
        more = script.continued[position / LOG_UNIT];
        taken += n;
        position += log_block_extent(n);
    }
    check(taken == size);
    script.expected = position;
    return 0;
}

static void boot(void *arg)
{
    (void)arg;
    struct log_options o = {.dir = "log", .epoch = 1, .file_bytes = 16 * LOG_UNIT, .known_end = script.known_end};
    struct log_end end;
    struct error e = {0};
    check(write_files(&o) == 0);
    script.expected = script.start;
    int rc = log_replay(&o, script.start, take_group, NULL, &end, &e);
    if (rc < 0)
        check(e.code == ERROR_CORRUPT && e.text[0]);
    else
        check(end.position >= script.expected && end.durable <= end.position);
    if (rc == 0 && script.known_end)
        check(end.position == script.known_end);
    runtime_stop();
}

static void quiet(enum log_level level, const char *line, void *arg)
{
    (void)level, (void)line, (void)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    memset(&script, 0, sizeof(script));
    script.run = 1;
    script.files = 1; /* the first file begins at 0 */
    for (; size >= 4; input += 4, size -= 4)
        obey(input);
    log_set_sink(quiet, NULL);
    struct sim *sim;
    struct runtime *rt;
    struct error e;
    check(sim_create(1, &sim) == 0);
    struct runtime_options options = {.backend = BACKEND_SIM, .reactors = 1, .fibers_max = 16, .sim = sim};
    check(runtime_create(&options, &rt, &e) == 0);
    check(runtime_run(rt, boot, NULL, NULL) == 0);
    runtime_destroy(rt);
    sim_destroy(sim);
    return 0;
}
