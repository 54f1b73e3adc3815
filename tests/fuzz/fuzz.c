#define _POSIX_C_SOURCE 200809L

#include "format/tensors.h"
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "text/tokenizer.h"

void fuzz_require(int ok, const char *file, int line, const char *cond)
{
    if (ok)
        return;
    fprintf(stderr, "%s:%d: %s does not hold\n", file, line, cond);
    abort();
}

void fuzz_check_error(int rc, const elcl_error *err)
{
    FUZZ_REQUIRE(rc <= 0 && rc == err->code);
    FUZZ_REQUIRE(rc != ELCL_E_INTERNAL);
    FUZZ_REQUIRE(memchr(err->msg, '\0', sizeof(err->msg)) != NULL);
    FUZZ_REQUIRE(!rc == !err->msg[0]);
}

char *fuzz_copy(const uint8_t *data, size_t n)
{
    char *copy = malloc(n ? n : 1);
    if (!copy)
        abort();
    if (n)
        memcpy(copy, data, n);
    return copy;
}

static char directory[64];

static void remove_directory(void)
{
    struct elcl_file_info *files = NULL;
    size_t n = 0;
    if (!elcl_list_files(directory, &files, &n))
        return;
    for (size_t i = 0; i < n; i++) {
        char *path = elcl_path_join(directory, files[i].name);
        if (path)
            unlink(path);
        elcl_free(path);
    }
    elcl_free_files(files, n);
    rmdir(directory);
}

const char *fuzz_directory(void)
{
    if (!*directory) {
        const bool memory = elcl_is_directory("/dev/shm"); /* files on disk are ten times slower */
        snprintf(directory, sizeof(directory), "%s/elcl-fuzz-XXXXXX", memory ? "/dev/shm" : "/tmp");
        if (!mkdtemp(directory) || atexit(remove_directory))
            abort();
    }
    return directory;
}

const char *fuzz_file(const char *name, const void *data, size_t n)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%.60s", fuzz_directory(), name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, n, file) != n || fclose(file))
        abort();
    return path;
}

uint8_t fuzz_choice(const uint8_t **data, size_t *n)
{
    if (!*n)
        return 0;
    (*n)--;
    return *(*data)++;
}

char *fuzz_next(const uint8_t **data, size_t *n, size_t *length)
{
    if (!*data)
        return NULL;
    const uint8_t *end = *n ? memchr(*data, 0xff, *n) : NULL;
    *length = end ? (size_t)(end - *data) : *n;
    char *copy = fuzz_copy(*data, *length);
    *n = end ? *n - *length - 1 : 0;
    *data = end ? end + 1 : NULL;
    return copy;
}

int fuzz_encode(const struct elcl_tokenizer *t, const char *text, size_t n, int32_t **ids,
                size_t *n_ids)
{
    elcl_error err = {0};
    *ids = NULL;
    *n_ids = 0;
    const int rc = elcl_tokenizer_encode(t, text, n, ids, n_ids, &err);
    fuzz_check_error(rc, &err);
    for (size_t i = 0; i < *n_ids; i++)
        FUZZ_REQUIRE((*ids)[i] >= 0 && (*ids)[i] < elcl_tokenizer_size(t));
    return rc;
}

void fuzz_check_tensor(struct elcl_tensors *tensors, const char *name, size_t most)
{
    const struct elcl_tensor *t = elcl_tensors_find(tensors, name);
    FUZZ_REQUIRE(!t == (elcl_tensors_refusal(tensors, name) != NULL));
    if (!t)
        return;
    FUZZ_REQUIRE(t->n_dims >= 0 && t->n_dims <= ELCL_MAX_DIMS);
    size_t elements = 1;
    for (int d = 0; d < t->n_dims; d++)
        elements *= (size_t)t->shape[d];
    FUZZ_REQUIRE(elements == t->n);
    const size_t bytes = t->n * (t->dtype == ELCL_F32 ? 4u : 2u);
    FUZZ_REQUIRE(!t->data && bytes <= most);
    elcl_error err = {0};
    FUZZ_REQUIRE(!elcl_tensors_load(tensors, t, &err) && t->data);
}

void fuzz_take_tensors(int rc, const elcl_error *err, struct elcl_tensors *tensors, size_t most)
{
    const char *name;
    fuzz_check_error(rc, err);
    FUZZ_REQUIRE(!rc == (tensors != NULL));
    for (size_t i = 0; tensors && (name = elcl_tensors_name(tensors, i)); i++)
        fuzz_check_tensor(tensors, name, most);
    elcl_tensors_close(&tensors);
}

void fuzz_take_tokenizer(int rc, const elcl_error *err, struct elcl_tokenizer *t, const char *text,
                         size_t n)
{
    fuzz_check_error(rc, err);
    FUZZ_REQUIRE(!rc || !t);
    if (t) {
        int32_t *ids;
        size_t n_ids;
        (void)fuzz_encode(t, text, n, &ids, &n_ids);
        elcl_free(ids);
    }
    elcl_tokenizer_destroy(&t);
}
