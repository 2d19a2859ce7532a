/* id_list.h -- the ids that a command gets: as arguments, and in files with one id on each line. */
#pragma once

#include "cli/options.h"

#include <kith/kith.h>
#include <stddef.h>

struct id_list {
    struct kith_id *ids;
    size_t count, capacity;
};

void id_list_fini(struct id_list *l);
/* Adds the ids in `words`. 0, or an exit status after printing an error. */
int id_list_add_words(struct id_list *l, const char *command, const char *const *words, size_t n);
/* Adds the ids of a file ("-": standard input); blank lines are skipped. 0, or an exit status after
 * printing an error. */
int id_list_add_file(struct id_list *l, const char *path);
