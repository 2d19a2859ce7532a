/* replay.c -- runs a fuzz target without libFuzzer, on each file of a folder, and prints a TAP line
 * for each. An input that once made a target fail stays in its corpus, so that every test run reads
 * it again. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int eat(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) < 0) {
        perror(path);
        return -1;
    }
    size_t size = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(size + 1);
    int rc = bytes && fread(bytes, 1, size, f) == size ? LLVMFuzzerTestOneInput(bytes, size) : -1;
    free(bytes);
    fclose(f);
    return rc;
}

int main(int argc, char **argv)
{
    struct dirent **names;
    int n = argc == 2 ? scandir(argv[1], &names, NULL, alphasort) : -1, tests = 0, failed = 0;
    if (n < 0) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", argv[1], names[i]->d_name);
        if (names[i]->d_name[0] != '.') {
            int rc = eat(path);
            failed += rc != 0;
            printf("%s %d - %s\n", rc == 0 ? "ok" : "not ok", ++tests, names[i]->d_name);
        }
        free(names[i]);
    }
    free(names);
    printf("1..%d\n", tests);
    return failed != 0;
}
