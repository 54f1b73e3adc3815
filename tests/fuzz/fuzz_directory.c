/* Input: files of a model directory of CTranslate2, separated by bytes 0xff: config.json,
 * shared_vocabulary.json, a text to encode, bpe.model, and last model.bin. If the first is empty,
 * the second is an index of weights in several files. config.json may name languages, too. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/util.h"
#include "format/ctranslate2.h"
#include "format/shards.h"
#include "fuzz.h"
#include "text/tokenizer_load.h"

/* ---- an index ------------------------------------------------------------------------------ */

static int open_shard(void *user, const char *path, elcl_error *err)
{
    int *n = user;
    (void)err;
    FUZZ_REQUIRE(!strncmp(path, fuzz_directory(), strlen(fuzz_directory())));
    FUZZ_REQUIRE(!strstr(path, "/../") && !elcl_ends_with(path, strlen(path), "/.."));
    return (*n)++ < 100 ? ELCL_OK : elcl_fail(err, ELCL_E_IO, "no more files");
}

static bool holds(const void *user, const char *name, int i)
{
    FUZZ_REQUIRE(i >= 0 && i < *(const int *)user);
    return strlen(name) % 7 != 6;
}

static void read_index(const char *data, size_t n)
{
    static const struct elcl_shards_user functions = {open_shard, holds};
    int n_files = 0;
    elcl_error err = {0};
    const char *path = fuzz_file("index.json", data, n);
    fuzz_check_error(elcl_shards_open(fuzz_directory(), path, &functions, &n_files, &err), &err);
}

/* ---- a directory --------------------------------------------------------------------------- */

static void read_directory(const char *text, size_t n_text)
{
    cJSON *config = NULL, *generation = NULL;
    struct elcl_tokenizer *t = NULL;
    elcl_direction direction;
    elcl_error e1 = {0}, e2 = {0}, e3 = {0};
    int rc = elcl_ct2_config(fuzz_directory(), &config, &generation, &e1);
    fuzz_check_error(rc, &e1);
    FUZZ_REQUIRE(!rc == (config != NULL) && (!rc || !generation));
    cJSON_Delete(config);
    cJSON_Delete(generation);
    rc = elcl_ct2_tokenizer_load(fuzz_directory(), &t, &e2);
    FUZZ_REQUIRE(!rc == (t != NULL));
    fuzz_take_tokenizer(rc, &e2, t, text ? text : "", n_text);
    fuzz_check_error(elcl_direction_read(fuzz_directory(), &direction, &e3), &e3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const names[] = {"config.json", "shared_vocabulary.json", NULL, "bpe.model"};
    char *parts[ELCL_COUNT(names)];
    size_t sizes[ELCL_COUNT(names)] = {0};
    for (size_t i = 0; i < ELCL_COUNT(names); i++)
        parts[i] = fuzz_next(&data, &n, &sizes[i]);
    if (!sizes[0]) {
        read_index(parts[1] ? parts[1] : "", sizes[1]);
    } else {
        for (size_t i = 0; i < ELCL_COUNT(names); i++)
            if (names[i])
                fuzz_file(names[i], parts[i] ? parts[i] : "", sizes[i]);
        fuzz_file("model.bin", data ? (const char *)data : "", n);
        read_directory(parts[2], sizes[2]);
    }
    for (size_t i = 0; i < ELCL_COUNT(names); i++)
        free(parts[i]);
    return 0;
}
