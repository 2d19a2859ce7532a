/* settings_keeper.c -- the file of settings, and the change of one. A value is durable before
 * any reactor uses it. */
#include "actors/catalog/settings_keeper.h"
#include "actors/addresses.h"
#include "actors/admission/budget.h"
#include "actors/control_messages.h"
#include "actors/disk_watch.h"
#include "base/checksum.h"
#include "base/log.h"
#include "base/text/size.h"
#include "reactor/file.h"
#include "reactor/machine/memory_limit.h"
#include "shards/folder/read_only.h"
#include "shards/folder/whole_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FILE_NAME      "settings"
#define FIRST_LINE     "kith settings 1\n"
#define FILE_BYTES_MAX 2048

/* -- the text -- */

int settings_text_seal(struct buffer *text, size_t begin)
{
    uint32_t crc = checksum_crc32c(0, text->bytes + begin, text->size - begin);
    return buffer_printf(text, "crc32c %08" PRIx32 "\n", crc);
}

int settings_text_write(const struct settings *s, struct buffer *ret)
{
    size_t begin = ret->size;
    int rc = buffer_printf(ret, FIRST_LINE);
    for (unsigned i = 0; i < setting_count && rc == 0; i++) {
        char value[SETTING_TEXT_MAX];
        if (s->sources[i] != SETTING_STORED)
            continue;
        setting_format(&setting_table[i], settings_read(s, i), value);
        rc = buffer_printf(ret, "%s %s\n", setting_table[i].name, value);
    }
    return rc < 0 ? rc : settings_text_seal(ret, begin);
}

static void line_take(char *line, struct settings *s)
{
    struct error why;
    unsigned which;
    uint64_t value;
    char *space = strchr(line, ' ');
    if (!space)
        return;
    *space = 0;
    int rc = setting_find(line, &which, &why);
    if (rc == 0)
        rc = setting_parse(&setting_table[which], space + 1, &value, &why);
    if (rc == 0)
        settings_write(s, which, value, SETTING_STORED);
    else
        log_warn("what was set for %s is left out: %s", line, why.text);
}

int settings_text_read(const char *text, size_t size, struct settings *s)
{
    char copy[FILE_BYTES_MAX + 1], *rest = copy, *line;
    size_t first = strlen(FIRST_LINE);
    size = size <= FILE_BYTES_MAX ? whole_text_size(text, size) : 0;
    if (size < first || memcmp(text, FIRST_LINE, first) != 0)
        return -EBADMSG;
    memcpy(copy, text + first, size - first);
    copy[size - first] = 0;
    while ((line = strsep(&rest, "\n")))
        line_take(line, s);
    return 0;
}

/* -- the file -- */

static int file_load(struct settings_keeper *k, struct error *error)
{
    char path[PATH_TEXT_MAX], text[FILE_BYTES_MAX + 1];
    struct file *f;
    int rc = path_join(path, k->dir, FILE_NAME);
    if (rc == 0)
        rc = file_open(path, FILE_READ, &f);
    if (rc == -ENOENT)
        return 0;
    if (rc < 0)
        return error_set_errno(error, rc, "opening %s", path);
    int64_t n = file_read(f, text, sizeof(text), 0);
    file_close(f);
    if (n < 0 && n != -EIO)
        return error_set_errno(error, (int)n, "reading %s", path);
    if (n < 0) /* a server without its settings is better than none */
        log_error("%s cannot be read (%s): what was set in it does not count; look at kith config and set it again",
                  path, strerror((int)-n));
    else if (settings_text_read(text, (size_t)n, &k->stored) < 0)
        log_error(
            "%s is damaged or of a later version: what was set in it does not count; look at kith config and set it "
            "again",
            path);
    return 0;
}

static int file_store(struct settings_keeper *k, const struct settings *next, struct error *error)
{
    struct buffer text = {0};
    uint64_t round = k->disk->round;
    int rc = settings_text_write(next, &text);
    if (rc == 0)
        rc = whole_file_replace(k->dir, FILE_NAME, text.bytes, text.size);
    buffer_fini(&text);
    if (!disk_failed(rc))
        return rc < 0 ? error_set_errno(error, rc, "the settings could not be written in %s", k->dir) : 0;
    disk_watch_report(k->disk, rc, round);
    return read_only_refuse(rc, k->dir, error);
}

/* -- the cores -- */

/* The messages go one after the other, so that they need no memory: this must not fail half way. */
static void tell_all(const struct settings *now)
{
    for (unsigned r = 0; r < reactor_count(); r++) {
        struct control_settings_message m = {.settings = now};
        check(message_call(&m.base, address_of(r, ACTOR_NOTICE), MSG_CONTROL_SETTINGS, NULL) == 0);
    }
}

/* It is not refused: the limit may rise while the server runs. */
static void warn_of_memory(const struct settings *now)
{
    const struct memory_limit limit = now->memory ? memory_limit_find() : (struct memory_limit){0};
    char set[SIZE_TEXT_MAX], there[SIZE_TEXT_MAX];
    if (limit.bytes && now->memory > limit.bytes)
        log_warn("memory is set to %s, which is more than the %s of %s: the system may kill the server before it "
                 "refuses anything; set less, or auto",
                 size_format(now->memory, set), size_format(limit.bytes, there), limit.from);
}

int settings_keeper_start(struct settings_keeper *k, const char *dir, const struct settings *given,
                          struct disk_watch *disk, struct error *error)
{
    *k = (struct settings_keeper){.dir = dir, .disk = disk, .given = *given};
    semaphore_init(&k->changing, 1, ORDER_CHANGE);
    settings_init(&k->stored);
    int rc = file_load(k, error);
    if (rc < 0)
        return rc;
    k->now = k->stored;
    for (unsigned i = 0; i < setting_count; i++)
        if (given->sources[i] == SETTING_OPTION)
            settings_write(&k->now, i, settings_read(given, i), SETTING_OPTION);
    struct error why;
    /* each value alone is right, but an option may not fit a stored one */
    if (settings_check(&k->now, &why) < 0) {
        struct settings plain;
        settings_init(&plain);
        log_error("%s; they are as by default until kith config or an option changes that", why.text);
        k->now.background_share = plain.background_share;
        k->now.write_share = plain.write_share;
    }
    warn_of_memory(&k->now);
    tell_all(&k->now);
    return 0;
}

static void put_back(struct settings *stored, struct settings *now, const struct settings *given, unsigned which)
{
    settings_write(stored, which, setting_table[which].standard, SETTING_DEFAULT);
    bool is_given = given->sources[which] == SETTING_OPTION;
    settings_write(now, which, is_given ? settings_read(given, which) : setting_table[which].standard,
                   is_given ? SETTING_OPTION : SETTING_DEFAULT);
}

static int change_locked(struct settings_keeper *k, unsigned which, const uint64_t *value, struct error *error)
{
    struct settings stored = k->stored, now = k->now;
    if (value) {
        settings_write(&stored, which, *value, SETTING_STORED);
        settings_write(&now, which, *value, SETTING_STORED);
    } else {
        put_back(&stored, &now, &k->given, which);
    }
    int rc = settings_check(&now, error);
    if (rc == 0)
        rc = budget_check(now.memory, reactor_count(), error);
    if (rc == 0)
        rc = file_store(k, &stored, error);
    if (rc < 0)
        return rc;
    if (now.memory != k->now.memory)
        warn_of_memory(&now);
    k->stored = stored;
    k->now = now;
    tell_all(&k->now);
    return 0;
}

int settings_keeper_change(struct settings_keeper *k, const char *name, const char *value, struct error *error)
{
    unsigned which;
    uint64_t number = 0;
    int rc = setting_find(name, &which, error);
    if (rc == 0 && value)
        rc = setting_parse(&setting_table[which], value, &number, error);
    if (rc < 0)
        return rc;
    semaphore_acquire(&k->changing, 1);
    rc = change_locked(k, which, value ? &number : NULL, error);
    semaphore_release(&k->changing, 1);
    if (rc < 0)
        return rc;
    char text[SETTING_TEXT_MAX], more[LOG_SHARE_TEXT_MAX];
    setting_format(&setting_table[which], settings_read(&k->now, which), text);
    if (log_share_take(&k->said, clock_now_ns(), more))
        log_info("%s is %s from now on%s", setting_table[which].name, text, more);
    return 0;
}
