/* settings_keeper.h -- owns the settings of the server, on reactor 0, and keeps those that somebody
 * has set in the data folder.
 *
 *   DIR/settings    text, replaced as a whole:
 *                       kith settings 1
 *                       search.ef 200
 *                       crc32c 5f0c1b2a          of the lines before
 *
 * At a start an option of the command line wins over the file, the file over the default. Always
 * true: what clients were told is set is in the file. They belong to the machine, not to the data:
 * a snapshot does not have them, a restore leaves them alone. */
#pragma once

#include "actors/catalog/settings.h"
#include "base/log_share.h"
#include "reactor/fibers/sync.h"

struct disk_watch;

struct settings_keeper {
    const char *dir;
    struct settings stored; /* in the file; the others as by default */
    struct settings given;  /* on the command line; likewise */
    struct settings now;    /* what every core has, but while it is being told */
    struct semaphore changing;
    struct log_share said;
    struct disk_watch *disk;
};

/* Reads the file and tells every core. `given` has the source SETTING_OPTION where there
 * was an option. A file that is damaged does not count, which is logged; -EIO when it
 * cannot be read. Waits. */
MUST_USE int settings_keeper_start(struct settings_keeper *k, const char *dir, const struct settings *given,
                                   struct disk_watch *disk, struct error *error);
/* value NULL: as if nobody had set it. When it returns 0 the file has it and every
 * core goes by it. Waits. */
MUST_USE int settings_keeper_change(struct settings_keeper *k, const char *name, const char *value,
                                    struct error *error);

/* -- the file, for settings_keeper.c and its tests -- */

/* Puts what it says into *s, with the source SETTING_STORED; what it names and this version
 * does not know, or not with this value, is logged and left out. -EBADMSG: it is damaged,
 * or of a later version. */
MUST_USE int settings_text_read(const char *text, size_t size, struct settings *s);
/* Appends the text of what has the source SETTING_STORED. */
struct buffer;
MUST_USE int settings_text_write(const struct settings *s, struct buffer *ret);
/* Appends the last line, for the lines from `begin` on. */
MUST_USE int settings_text_seal(struct buffer *text, size_t begin);
