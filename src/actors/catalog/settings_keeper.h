/* settings_keeper.h -- owns the settings of the server, on reactor 0, and keeps those that a
 * client has set in the data folder.
 *
 *   DIR/settings    text, replaced as a whole:
 *                     kith settings 1
 *                     search.ef 200
 *                     crc32c 5f0c1b2a         of the lines before
 *
 * At a start an option of the command line wins over the file, and the file over the default.
 * Always true: a setting that a client was told is set is in the file. Settings belong to the
 * machine and not to the data: a snapshot has none, and a restore changes none. */
#pragma once

#include "actors/catalog/settings.h"
#include "base/log_share.h"
#include "reactor/fibers/sync.h"

struct disk_watch;

struct settings_keeper {
    const char *dir;
    struct settings stored; /* those in the file; the others have their defaults */
    struct settings given;  /* those on the command line; the others have their defaults */
    struct settings now;    /* those that every core has, or is being told */
    struct semaphore changing;
    struct log_share said;
    struct disk_watch *disk;
};

/* Reads the file and tells every core. `given` has the source SETTING_OPTION where there was an
 * option. A file that is damaged, or that the disk cannot read (-EIO), is logged and ignored.
 * Other failures are returned. Waits. */
MUST_USE int settings_keeper_start(struct settings_keeper *k, const char *dir, const struct settings *given,
                                   struct disk_watch *disk, struct error *error);
/* Changes one setting; value NULL: back to the option or the default. When it returns 0, the
 * file has the value and every core uses it. Waits. */
MUST_USE int settings_keeper_change(struct settings_keeper *k, const char *name, const char *value,
                                    struct error *error);

/* -- the file, for settings_keeper.c and its tests -- */

/* Reads the text into *s, with the source SETTING_STORED. A name or a value that this version
 * does not know is logged and ignored. -EBADMSG: the text is damaged, or of a later version. */
MUST_USE int settings_text_read(const char *text, size_t size, struct settings *s);
/* Appends the text of the values that have the source SETTING_STORED. */
struct buffer;
MUST_USE int settings_text_write(const struct settings *s, struct buffer *ret);
/* Appends the line with the checksum of the lines from `begin` on. */
MUST_USE int settings_text_seal(struct buffer *text, size_t begin);
