/* id_list.h -- the ids a command is given: any number of arguments, and files with one id a
 * line. */
#pragma once

#include "cli/options.h"

#include <kith/kith.h>
#include <stddef.h>

struct id_list {
    struct kith_id *ids;
    size_t count, capacity;
};

void id_list_fini(struct id_list *l);
/* Adds the ids that words are. 0, or an exit status after a sentence. */
int id_list_add_words(struct id_list *l, const char *command, const char *const *words, size_t n);
/* Adds the ids of a file ("-": standard input); blank lines are passed over. 0, or an exit
 * status after a sentence. */
int id_list_add_file(struct id_list *l, const char *path);
