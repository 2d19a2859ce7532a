/* compare.c -- compare OLD NEW: the differences between two files of `ann --output` lines. Exit
 * status: 0, 1 after a regression, 2 when there is nothing to compare. */
#include "compare.h"
#include "options.h"

#include <getopt.h>
#include <string.h>

static const char help[] =
    "usage: compare [--threshold PART] [--relative-to ENGINE] OLD NEW\n"
    "compares the best speed of each engine at each recall in two files of `ann --output` lines\n"
    "\n"
    "  --threshold PART        a regression is at least so much slower, and beyond the spread of the rounds (0.05)\n"
    "  --relative-to ENGINE    speeds count as multiples of this engine's in the same file (hnswlib); none: as they "
    "are\n";

static const struct option long_options[] = {{"threshold", required_argument, NULL, 't'},
                                             {"relative-to", required_argument, NULL, 'r'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

static int compare_files(const struct compare_options *o, const char *old_path, const char *new_path)
{
    struct results old, now = {0};
    struct error e;
    int rc = results_read(old_path, &old, &e);
    if (rc == 0)
        rc = results_read(new_path, &now, &e);
    unsigned worse = 0, compared = 0;
    if (rc < 0)
        fprintf(stderr, "compare: %s\n", e.text);
    else
        worse = compare_results(o, &old, &now, stdout, &compared);
    if (rc == 0 && compared == 0)
        fprintf(stderr,
                "compare: the files have no pair of data and engine in common; measure the same data with both\n");
    else if (rc == 0)
        printf("%u of %u slower by more than %.0f %%%s%s\n", worse, compared, 100 * o->threshold,
               o->relative ? ", as multiples of " : "", o->relative ? o->relative : "");
    results_fini(&old);
    results_fini(&now);
    return rc < 0 || compared == 0 ? 2 : worse > 0;
}

int main(int argc, char **argv)
{
    struct compare_options o = {.threshold = 0.05, .relative = "hnswlib"};
    for (int option; (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1;) {
        if (option == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (option == 't' ? option_double("threshold", optarg, 0, 1, &o.threshold) < 0 : option != 'r')
            return 2;
        if (option == 'r')
            o.relative = strcmp(optarg, "none") == 0 ? NULL : optarg;
    }
    if (argc - optind != 2) {
        fputs(help, stderr);
        return 2;
    }
    return compare_files(&o, argv[optind], argv[optind + 1]);
}
