/* Files that are there and cannot be read: none of them counts as absent, and none makes the
 * program wait. */
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "base/util.h"
#include "check.h"
#include "files.h"
#include "format/config.h"
#include "format/tensors.h"
#include "text/tokenizer.h"

/* Waiting for the writer of a FIFO ends the program. */
#define LIMIT_SECONDS 50

static void put_dangling(const char *path)
{
    CHECK(!symlink("none", path), "%s: %s", path, strerror(errno));
}

static void put_loop(const char *path)
{
    const char *slash = strrchr(path, '/');
    CHECK(!symlink(slash + 1, path), "%s: %s", path, strerror(errno));
}

static void put_directory(const char *path)
{
    CHECK(!mkdir(path, 0777), "%s: %s", path, strerror(errno));
}

static void put_fifo(const char *path)
{
    CHECK(!mkfifo(path, 0666), "%s: %s", path, strerror(errno));
}

static const struct {
    const char *name;
    void (*put)(const char *path);
    const char *message;
} kinds[] = {
    {"dangling", put_dangling, "is a symbolic link to none, which does not exist; is the download"},
    {"loop", put_loop, "cannot open: Too many levels of symbolic links"},
    {"directory", put_directory, "is a directory, not a regular file"},
    {"fifo", put_fifo, "is a FIFO, not a regular file"},
};

static void check_path(const char *path, const char *message)
{
    char *data = NULL;
    size_t n = 0;
    bool there;
    struct elcl_file file;
    elcl_error exists = {0}, opened = {0}, read = {0};
    check_failure(path, elcl_file_exists(path, &there, &exists), &exists, ELCL_E_IO, message);
    check_failure(path, elcl_file_open(path, &file, &opened), &opened, ELCL_E_IO, message);
    check_failure(path, elcl_read_optional_file(path, 100, &data, &n, &read), &read, ELCL_E_IO,
                  message);
    CHECK(!strncmp(read.msg, path, strlen(path)), "%s does not name the file", read.msg);
}

static void test_names(void)
{
    if (!check_case("only a missing name is absent"))
        return;
    const char *dir = check_temporary_directory();
    char path[1024], *data = NULL, name[300];
    size_t n = 0;
    bool there = true;
    elcl_error err = {0};
    for (size_t i = 0; i < ELCL_COUNT(kinds); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, kinds[i].name);
        kinds[i].put(path);
        check_path(path, kinds[i].message);
    }
    write_text("text", "abc");
    snprintf(path, sizeof(path), "%s/text/below", dir);
    check_path(path, "cannot open: Not a directory");
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    check_path(path, "cannot open: File name too long");
    check_path("/dev/null", "is a device, not a regular file");
    snprintf(path, sizeof(path), "%s/absent", dir);
    CHECK(!elcl_file_exists(path, &there, &err) && !there, "%s", err.msg);
    CHECK(!elcl_read_optional_file(path, 100, &data, &n, &err) && !data, "%s", err.msg);
    snprintf(path, sizeof(path), "%s/text", dir);
    CHECK(!elcl_read_optional_file(path, 3, &data, &n, &err) && n == 3, "%s", err.msg);
    CHECK(data && !strcmp(data, "abc"), "%s", data);
    elcl_free(data);
    check_failure("large", elcl_read_file(path, 2, &data, &n, &err), &err, ELCL_E_FORMAT,
                  "3 bytes, at most 2 are expected");
}

static void test_make(void)
{
    char path[1024];
    elcl_error err = {0};
    if (!check_case("why a directory cannot be made"))
        return;
    snprintf(path, sizeof(path), "%s/nowhere", check_temporary_directory());
    put_dangling(path);
    check_failure(path, elcl_make_directories(path, 0777, &err), &err, ELCL_E_IO,
                  "cannot make directory: File exists");
}

/* ---- a model's directory --------------------------------------------------------------------- */

/* Links all files of the golden directory into an empty one, without `name`. */
static void link_golden(const char *golden, const char *to, const char *name)
{
    char from[512], path[1024], target[1024];
    snprintf(from, sizeof(from), "%s/tests/golden/%s", check_root(), golden);
    DIR *dir = opendir(from);
    CHECK(dir != NULL, "%s: %s", from, strerror(errno));
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (*entry->d_name == '.' || !strcmp(entry->d_name, name))
            continue;
        snprintf(target, sizeof(target), "%s/%s", from, entry->d_name);
        snprintf(path, sizeof(path), "%s/%s", to, entry->d_name);
        CHECK(!symlink(target, path), "%s: %s", path, strerror(errno));
    }
    if (dir)
        closedir(dir);
}

static int open_all(const char *dir, elcl_error *err)
{
    struct elcl_config config = {0};
    struct elcl_tokenizer *tokenizer = NULL;
    struct elcl_tensors *tensors = NULL;
    int rc = elcl_config_load(dir, &config, err);
    if (!rc)
        rc = elcl_tokenizer_load(dir, &tokenizer, err);
    if (!rc)
        rc = elcl_tensors_open(dir, &tensors, err);
    elcl_config_finish(&config);
    elcl_tokenizer_destroy(&tokenizer);
    elcl_tensors_close(&tensors);
    return rc;
}

static void check_model(const char *golden, const char *name, size_t kind)
{
    static int number;
    char sub[64], path[1024];
    elcl_error err = {0};
    snprintf(sub, sizeof(sub), "model-%d/model", number++);
    const char *dir = directory(sub);
    link_golden(golden, dir, name);
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    kinds[kind].put(path);
    check_failure(name, open_all(dir, &err), &err, ELCL_E_IO, kinds[kind].message);
    CHECK(!strncmp(err.msg, path, strlen(path)), "%s/%s: %s", golden, name, err.msg);
}

#define TOKENIZER_NAMES                                                                            \
    "tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json",                         \
        "special_tokens_map.json", "added_tokens.json", "sentencepiece.bpe.model", "source.spm",   \
        "target.spm", "target_vocab.json", "vocab-src.json", "vocab-tgt.json"

static void test_models(void)
{
    static const struct {
        const char *golden, *names[32];
    } models[] = {
        {"tiny-bart",
         {"config.json", "generation_config.json", "model.safetensors", TOKENIZER_NAMES,
          "spiece.model"}},
        {"tiny-bart-shards",
         {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
          "pytorch_model.bin.index.json", "pytorch_model-00002-of-00002.bin"}},
        {"ct2-opennmt",
         {"config.json", "model.bin", "shared_vocabulary.json", "source.spm", "target.spm",
          "sentencepiece.bpe.model", "sentencepiece.model", "bpe.model", "../metadata.json",
          "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
          "pytorch_model.bin.index.json", TOKENIZER_NAMES}},
        {"ct2-gpt2", {"vocabulary.json", "shared_vocabulary.json", "any.model"}},
    };
    for (size_t i = 0; i < ELCL_COUNT(models); i++)
        for (size_t k = 0; k < ELCL_COUNT(kinds); k++) {
            if (!check_case("%s: %s", models[i].golden, kinds[k].name))
                continue;
            const bool lists_directories = !strcmp(kinds[k].name, "directory");
            for (size_t j = 0; j < ELCL_COUNT(models[i].names) && models[i].names[j]; j++)
                if (!lists_directories || strcmp(models[i].names[j], "any.model") != 0)
                    check_model(models[i].golden, models[i].names[j], k);
        }
}

/* ---- files that change ----------------------------------------------------------------------- */

static void test_shrinking(void)
{
    static const struct {
        const char *golden, *name, *last; /* a tensor beyond the first kilobyte */
    } files[] = {
        {"tiny-bart", "model.safetensors", "model.shared.weight"},
        {"tiny-fsmt", "pytorch_model.bin", "model.encoder.embed_tokens.weight"},
        {"ct2-opennmt", "model.bin", "decoder.embed_tokens.weight"},
        {"ct2-marian", "model.bin", "encoder.layers.0.fc1.weight"},
    };
    for (size_t i = 0; i < ELCL_COUNT(files); i++) {
        if (!check_case("%s of %s becomes shorter", files[i].name, files[i].golden))
            continue;
        char name[256], path[1024];
        size_t n = 0;
        elcl_error err = {0};
        struct elcl_tensors *tensors = NULL;
        snprintf(name, sizeof(name), "tests/golden/%s/%s", files[i].golden, files[i].name);
        char *data = read_golden_file(name, &n);
        snprintf(name, sizeof(name), "shrinking-%zu", i);
        const char *dir = directory(name);
        snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
        snprintf(name, sizeof(name), "shrinking-%zu/%s", i, files[i].name);
        write_file(name, data, n);
        elcl_free(data);
        const struct elcl_tensor *t = NULL;
        if (CHECK(!elcl_tensors_open(dir, &tensors, &err), "%s", err.msg))
            t = elcl_tensors_find(tensors, files[i].last);
        if (CHECK(t != NULL, "%s is not there", files[i].last)) {
            CHECK(!truncate(path, 1024), "%s", strerror(errno));
            check_failure("load", elcl_tensors_load(tensors, t, &err), &err, ELCL_E_IO,
                          "bytes when it was opened: another program changes it");
            CHECK(!t->data, "data in spite of the error");
        }
        elcl_tensors_close(&tensors);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    alarm(LIMIT_SECONDS);
    test_names();
    test_make();
    test_models();
    test_shrinking();
    return check_end();
}
