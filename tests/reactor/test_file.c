/* test_file.c -- files and directories: the same calls give the same answers on a disk
 * and in the simulator. */
#include "reactor/file.h"
#include "world.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(file, .timeout = 30);

struct path {
    char text[120];
};

static struct path in_folder(const char *name)
{
    struct path p;
    snprintf(p.text, sizeof(p.text), "%s/%s", world_folder(), name);
    return p;
}

static struct file *open_file(const char *name, unsigned flags)
{
    struct file *f;
    want_eq(file_open(in_folder(name).text, flags, &f), 0);
    return f;
}

static void make_file(const char *name, const char *text)
{
    struct file *f = open_file(name, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE);
    want_eq(file_write(f, text, strlen(text), 0), 0);
    file_close(f);
}

static void want_text(const char *name, const char *text)
{
    char bytes[64] = "";
    struct file *f = open_file(name, FILE_READ);
    want_eq(file_read(f, bytes, sizeof(bytes), 0), strlen(text));
    want(memcmp(bytes, text, strlen(text)) == 0);
    file_close(f);
}

/* -- bytes -- */

#define MUCH ((size_t)300000)

static void write_and_read(void *arg)
{
    char *out = malloc(MUCH), *in = malloc(MUCH);
    want(out && in);
    for (size_t i = 0; i < MUCH; i++)
        out[i] = (char)(i * 7 + i / 251);
    struct file *f = open_file("data", FILE_WRITE | FILE_CREATE);
    want_eq(file_size(f), 0);
    want_eq(file_write(f, out, MUCH, 0), 0);
    want_eq(file_flush(f), 0);
    want_eq(file_size(f), MUCH);
    want_eq(file_read(f, in, MUCH, 0), MUCH);
    want(memcmp(in, out, MUCH) == 0);
    want_eq(file_write(f, "over", 4, 1000), 0);
    want_eq(file_read(f, in, 8, 998), 8);
    want(memcmp(in + 2, "over", 4) == 0 && in[0] == out[998] && in[7] == out[1005]);
    want_eq(file_write(f, "x", 1, MUCH + 999), 0); /* a hole reads as zeros */
    want_eq(file_read(f, in, 1000, MUCH), 1000);
    want(in[0] == 0 && in[998] == 0 && in[999] == 'x');
    file_close(f);
    free(out);
    free(in);
}

EVERYWHERE(file, reads_back_what_was_written)
{
    world_run_well(backend, 1, write_and_read, NULL);
}

/* -- slices -- */

#define SLICES_MOST 2500 /* more than one operation takes */

static void write_slices(void *arg)
{
    static char bytes[MUCH], in[MUCH];
    static struct iovec slices[SLICES_MOST];
    struct file *f = open_file("slices", FILE_WRITE | FILE_CREATE);
    for (size_t i = 0; i < MUCH; i++)
        bytes[i] = (char)random_u64();
    for (unsigned round = 0; round < 30; round++) {
        const unsigned count = (unsigned)(random_u64() % (round < 20 ? 20 : SLICES_MOST));
        const uint64_t most = round < 20 ? 20000 : 100, offset = random_u64() % 10000;
        size_t size = 0;
        for (unsigned i = 0; i < count; i++) {
            const size_t n = random_u64() % 4 ? random_u64() % most : 0, left = MUCH - size;
            slices[i] = (struct iovec){bytes + size, n < left ? n : left};
            size += slices[i].iov_len;
        }
        want_eq(file_truncate(f, 0), 0);
        want_eq(file_writev(f, slices, count, offset), 0);
        want_eq(file_size(f), size ? offset + size : 0);
        want_eq(file_read(f, in, MUCH, offset), size);
        want(memcmp(in, bytes, size) == 0);
    }
    file_close(f);
}

EVERYWHERE(file, slices_lie_one_behind_the_other)
{
    world_run_well(backend, 1, write_slices, NULL);
}

static void read_past_the_end(void *arg)
{
    char bytes[16];
    make_file("short", "seven b");
    struct file *f = open_file("short", FILE_READ);
    want_eq(file_read(f, bytes, sizeof(bytes), 0), 7);
    want_eq(file_read(f, bytes, sizeof(bytes), 5), 2);
    want(memcmp(bytes, " b", 2) == 0);
    want_eq(file_read(f, bytes, sizeof(bytes), 7), 0);
    want_eq(file_read(f, bytes, sizeof(bytes), 1 << 20), 0);
    file_close(f);
}

EVERYWHERE(file, a_read_ends_at_the_end)
{
    world_run_well(backend, 1, read_past_the_end, NULL);
}

static void truncate_and_grow(void *arg)
{
    char bytes[16];
    make_file("cut", "0123456789");
    struct file *f = open_file("cut", FILE_WRITE);
    want_eq(file_truncate(f, 4), 0);
    want_eq(file_size(f), 4);
    want_eq(file_truncate(f, 8), 0);
    want_eq(file_read(f, bytes, sizeof(bytes), 0), 8);
    want(memcmp(bytes, "0123\0\0\0\0", 8) == 0);
    file_close(f);
    make_file("cut", "new"); /* opened with FILE_TRUNCATE */
    want_text("cut", "new");
}

EVERYWHERE(file, truncated_bytes_are_gone)
{
    world_run_well(backend, 1, truncate_and_grow, NULL);
}

/* -- names -- */

static void ask_for_what_is_not_there(void *arg)
{
    struct file *f = NULL;
    struct mapping m;
    want_eq(file_open(in_folder("none").text, FILE_READ, &f), -ENOENT);
    want_eq(file_open(in_folder("none").text, FILE_WRITE, &f), -ENOENT);
    want_eq(file_open(in_folder("no/where").text, FILE_WRITE | FILE_CREATE, &f), -ENOENT);
    want_eq(file_remove(in_folder("none").text), -ENOENT);
    want_eq(file_rename(in_folder("none").text, in_folder("some").text), -ENOENT);
    want_eq(mapping_open(in_folder("none").text, &m), -ENOENT);
    want_eq(directory_remove(in_folder("none").text), -ENOENT);
    want_eq(directory_flush(in_folder("none").text), -ENOENT);
    want(!f);
}

EVERYWHERE(file, what_is_not_there_is_enoent)
{
    world_run_well(backend, 1, ask_for_what_is_not_there, NULL);
}

static void create_exclusively(void *arg)
{
    struct file *f;
    file_close(open_file("mine", FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE));
    want_eq(file_open(in_folder("mine").text, FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE, &f), -EEXIST);
    file_close(open_file("mine", FILE_WRITE | FILE_CREATE));
}

EVERYWHERE(file, exclusive_creation_succeeds_once)
{
    world_run_well(backend, 1, create_exclusively, NULL);
}

static void rename_over(void *arg)
{
    make_file("old", "old text");
    make_file("new", "new");
    struct file *f = open_file("old", FILE_READ);
    want_eq(file_rename(in_folder("new").text, in_folder("old").text), 0);
    want_text("old", "new");
    char bytes[8];
    /* who had it open still reads the one that was replaced */
    want_eq(file_read(f, bytes, 8, 0), 8);
    want(memcmp(bytes, "old text", 8) == 0);
    file_close(f);
    want_eq(file_open(in_folder("new").text, FILE_READ, &f), -ENOENT);
    want_eq(file_remove(in_folder("old").text), 0);
    want_eq(file_open(in_folder("old").text, FILE_READ, &f), -ENOENT);
}

EVERYWHERE(file, renaming_replaces_and_removing_removes)
{
    world_run_well(backend, 1, rename_over, NULL);
}

static void link_twice(void *arg)
{
    make_file("first", "one file");
    want_eq(directory_create(in_folder("d").text), 0);
    want_eq(file_link(in_folder("first").text, in_folder("d/second").text), 0);
    want_text("d/second", "one file");
    struct file *f = open_file("first", FILE_WRITE);
    want_eq(file_write(f, "ONE", 3, 0), 0);
    file_close(f);
    want_text("d/second", "ONE file"); /* the same bytes, not a copy of them */
    want_eq(file_remove(in_folder("first").text), 0);
    want_text("d/second", "ONE file");
    make_file("first", "another");
    want_text("d/second", "ONE file");
    want_eq(file_link(in_folder("first").text, in_folder("d/second").text), -EEXIST);
    want_eq(file_link(in_folder("none").text, in_folder("d/third").text), -ENOENT);
    want_eq(file_link(in_folder("first").text, in_folder("nowhere/third").text), -ENOENT);
    want_eq(file_link(in_folder("d").text, in_folder("e").text), -EPERM);
}

EVERYWHERE(file, a_linked_file_lives_until_its_last_name_goes)
{
    world_run_well(backend, 1, link_twice, NULL);
}

/* -- directories -- */

static int append_name(const char *name, void *arg)
{
    strcat(strcat(arg, name), " ");
    return strcmp(name, "stop") == 0 ? -ECANCELED : 0;
}

static void list_names(void *arg)
{
    char names[200] = "";
    want_eq(directory_create(in_folder("d").text), 0);
    want_eq(directory_create(in_folder("d").text), 0); /* there already: also well */
    want_eq(directory_list(in_folder("d").text, append_name, names), 0);
    want(strcmp(names, "") == 0);
    const char *const made[] = {"d/pear", "d/apple", "d/zebra", "d/10", "d/9", "d/Plum"};
    for (unsigned i = 0; i < ARRAY_LEN(made); i++)
        make_file(made[i], "");
    want_eq(directory_create(in_folder("d/inner").text), 0);
    want_eq(directory_list(in_folder("d").text, append_name, names), 0);
    want(strcmp(names, "10 9 Plum apple inner pear zebra ") == 0);
    make_file("d/stop", "");
    names[0] = 0;
    want_eq(directory_list(in_folder("d").text, append_name, names), -ECANCELED);
    want(strcmp(names, "10 9 Plum apple inner pear stop ") == 0);
    want_eq(directory_list(in_folder("nowhere").text, append_name, names), -ENOENT);
}

EVERYWHERE(file, a_directory_is_listed_in_name_order)
{
    world_run_well(backend, 1, list_names, NULL);
}

static void remove_directories(void *arg)
{
    want_eq(directory_create(in_folder("full").text), 0);
    make_file("full/one", "x");
    want_eq(directory_remove(in_folder("full").text), -ENOTEMPTY);
    want_eq(file_remove(in_folder("full/one").text), 0);
    want_eq(directory_flush(in_folder("full").text), 0);
    want_eq(directory_remove(in_folder("full").text), 0);
    want_eq(directory_remove(in_folder("full").text), -ENOENT);
    want_eq(directory_create(in_folder("no/parent").text), -ENOENT);
    want(directory_space(in_folder("").text) > 0);
}

EVERYWHERE(file, a_directory_goes_only_when_it_is_empty)
{
    world_run_well(backend, 1, remove_directories, NULL);
}

/* -- mappings -- */

static void map_and_remove(void *arg)
{
    struct mapping m, empty;
    make_file("seen", "what is mapped stays");
    make_file("empty", "");
    want_eq(mapping_open(in_folder("seen").text, &m), 0);
    want_eq(mapping_open(in_folder("empty").text, &empty), 0);
    want_eq(file_remove(in_folder("seen").text), 0);
    make_file("seen", "WHAT CAME AFTERWARDS");
    want_eq(m.size, 20);
    mapping_advise(&m, 0, m.size, MAPPING_WILLNEED);
    mapping_advise(&m, 5, 1 << 20, MAPPING_RANDOM); /* cut to what there is */
    want(memcmp(m.bytes, "what is mapped stays", 20) == 0);
    want_eq(empty.size, 0);
    mapping_advise(&m, 0, m.size, MAPPING_DROP);
    want(memcmp(m.bytes, "what is mapped stays", 20) == 0); /* seen again when it is looked at */
    mapping_close_slowly(&m);
    want(!m.bytes);
    mapping_close_slowly(&empty);
    want(!m.bytes);
}

#define PAGE ((size_t)4096)

/* Two views of a file that is cut while they are there: the second has no page in memory yet. */
static void cut_while_mapped(void *arg)
{
    uint8_t *ones = malloc(4 * PAGE);
    struct mapping m, other, copy;
    uint64_t offset = 0, losses = mapping_losses();
    memset(ones, 1, 4 * PAGE);
    struct file *f = open_file("cut", FILE_WRITE | FILE_CREATE | FILE_TRUNCATE);
    want_eq(file_write(f, ones, 4 * PAGE, 0), 0);
    want_eq(mapping_open(in_folder("cut").text, &m), 0);
    want_eq(mapping_open(in_folder("cut").text, &other), 0);
    want_eq(file_truncate(f, 2 * PAGE), 0);
    want_eq(m.bytes[PAGE], 1);
    want(!mapping_lost(&m, &offset));
    want_eq(mapping_losses(), losses);
    copy = m;
    want_eq(m.bytes[3 * PAGE + 5], 0);
    want(mapping_lost(&m, &offset) && mapping_lost(&copy, &offset));
    want_eq(offset, 3 * PAGE);
    want_eq(mapping_losses(), losses + 1);
    want_eq(m.bytes[2 * PAGE], 0); /* the first that was lost stays */
    want(mapping_lost(&m, &offset) && offset == 3 * PAGE);
    want_eq(m.bytes[PAGE], 1);
    want(!mapping_lost(&other, &offset));
    /* read by the kernel: no signal */
    want_eq(file_write(f, other.bytes + 2 * PAGE, PAGE, 0), -EIO);
    mapping_close(&m);
    mapping_close(&other);
    want_eq(mapping_open(in_folder("cut").text, &m), 0);
    want(!mapping_lost(&m, &offset)); /* its guard was another's before */
    mapping_close(&m);
    file_close(f);
    free(ones);
}

ON_REAL_BACKENDS(file, a_page_that_was_cut_off_reads_as_zeros_and_is_noted)
{
    world_run_well(backend, 1, cut_while_mapped, NULL);
}

EVERYWHERE(file, a_mapping_outlives_the_file)
{
    world_run_well(backend, 1, map_and_remove, NULL);
}

/* -- the system's cache -- */

#define CACHED ((size_t)1 << 20)

/* How many of a file's pages are in memory; -1 where the file system does not keep its
 * files anywhere else. */
static int64_t pages_cached(const char *path)
{
    static unsigned char in_memory[CACHED / 4096];
    struct statfs fs;
    int fd = open(path, O_RDONLY), count = 0;
    want(fd >= 0 && fstatfs(fd, &fs) == 0);
    void *bytes = mmap(NULL, CACHED, PROT_READ, MAP_SHARED, fd, 0);
    want(bytes != MAP_FAILED && mincore(bytes, CACHED, in_memory) == 0);
    for (size_t i = 0; i < sizeof(in_memory); i++)
        count += in_memory[i] & 1;
    munmap(bytes, CACHED);
    close(fd);
    return fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC ? count : -1;
}

static void drop_and_read(void *backend)
{
    uint8_t *out = malloc(CACHED), *in = malloc(CACHED);
    want(out && in);
    memset(out, 7, CACHED);
    struct file *f = open_file("cached", FILE_WRITE | FILE_CREATE);
    want_eq(file_write(f, out, CACHED, 0), 0);
    if (*(enum backend_kind *)backend != BACKEND_SIM)
        want(pages_cached(in_folder("cached").text) != 0);
    /* what was not yet flushed is not lost */
    want_eq(file_drop_cache(in_folder("cached").text), 0);
    if (*(enum backend_kind *)backend != BACKEND_SIM)
        want(pages_cached(in_folder("cached").text) <= 0);
    want_eq(file_read(f, in, CACHED, 0), CACHED);
    want(memcmp(in, out, CACHED) == 0);
    file_close(f);
    want_eq(file_drop_cache(in_folder("none").text), -ENOENT);
    free(out);
    free(in);
}

EVERYWHERE(file, what_is_dropped_from_the_cache_is_still_on_the_disk)
{
    world_run_well(backend, 1, drop_and_read, &backend);
}

/* -- many reads -- */

#define READS 40 /* more than go at once */
#define STEP  1000

static void read_many(void *arg)
{
    static uint8_t out[READS * STEP], in[READS][STEP];
    struct file_read reads[READS];
    struct file *f = open_file("many", FILE_WRITE | FILE_CREATE);
    for (size_t i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)(i * 7 + i / STEP);
    want_eq(file_write(f, out, sizeof(out), 0), 0);
    for (unsigned i = 0; i < READS; i++) { /* backwards; each begins amid another's bytes */
        const uint64_t offset = (READS - 1 - i) * STEP + STEP / 2;
        reads[i] = (struct file_read){in[i], STEP, offset, -1};
    }
    file_read_many(f, reads, READS);
    for (unsigned i = 0; i < READS; i++) {
        want_eq(reads[i].got, i == 0 ? STEP / 2 : STEP); /* the first reaches beyond the end */
        want(memcmp(in[i], out + reads[i].offset, (size_t)reads[i].got) == 0);
    }
    reads[0] = (struct file_read){in[0], STEP, sizeof(out) + 5, -1};
    file_read_many(f, reads, 1);
    want_eq(reads[0].got, 0);
    file_read_many(f, reads, 0);
    file_close(f);
}

EVERYWHERE(file, many_reads_bring_what_each_asks_for)
{
    world_run_well(backend, 1, read_many, NULL);
}

/* -- locks -- */

static void lock_against_another_process(void *arg)
{
    struct file *f = open_file("lock", FILE_WRITE | FILE_CREATE);
    int ready[2], release[2], status;
    char byte;
    want(pipe(ready) == 0 && pipe(release) == 0);
    pid_t other = fork();
    if (other == 0) { /* a process of its own: plain system calls only */
        int fd = open(in_folder("lock").text, O_RDWR);
        bool held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
        bool told = write(ready[1], held ? "y" : "n", 1) == 1 && read(release[0], &byte, 1) == 1;
        _exit(told ? 0 : 1);
    }
    want(other > 0);
    want(read(ready[0], &byte, 1) == 1 && byte == 'y');
    want_eq(file_lock(f), -EWOULDBLOCK);
    want(write(release[1], "x", 1) == 1);
    want(waitpid(other, &status, 0) == other && status == 0);
    want_eq(file_lock(f), 0); /* the lock died with its holder */
    file_close(f);
}

ON_REAL_BACKENDS(file, a_lock_is_held_against_other_processes)
{
    world_run_well(backend, 1, lock_against_another_process, NULL);
}

static void lock_twice(void *arg)
{
    struct file *a = open_file("lock", FILE_WRITE | FILE_CREATE), *b = open_file("lock", FILE_WRITE);
    want_eq(file_lock(a), 0);
    want_eq(file_lock(a), 0); /* it has it already */
    want_eq(file_lock(b), -EWOULDBLOCK);
    file_close(open_file("lock", FILE_READ)); /* not the one that holds it */
    want_eq(file_lock(b), -EWOULDBLOCK);
    file_close(a);
    want_eq(file_lock(b), 0);
    file_close(b);
}

EVERYWHERE(file, a_lock_ends_when_its_file_is_closed)
{
    world_run_well(backend, 1, lock_twice, NULL);
}
