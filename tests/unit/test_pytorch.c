/* PyTorch files: reads good files and refuses each kind of bad archive or index with its message.
 * test_pickle.c does this for pickles. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/os.h"
#include "base/util.h"
#include "check.h"
#include "format/pytorch.h"
#include "files.h"
#include "pytorch_files.h"

static void open_file(const char *name, struct elcl_tensors **tensors)
{
    char path[512];
    elcl_error err = {0};
    snprintf(path, sizeof(path), "%s/tests/golden/pytorch/%s", check_root(), name);
    CHECK(!elcl_pytorch_open_file(path, tensors, &err), "%s", err.msg);
}

/* ---- what is read ---- */

static float value_of(const struct elcl_tensor *t, size_t i)
{
    uint16_t h;
    float f;
    if (t->dtype == ELCL_F32) {
        memcpy(&f, (const char *)t->data + i * 4, 4);
        return f;
    }
    memcpy(&h, (const char *)t->data + i * 2, 2);
    return t->dtype == ELCL_F16 ? elcl_f16_to_f32(h) : elcl_bf16_to_f32(h);
}

static void test_values(const char *file)
{
    static const struct {
        const char *name;
        enum elcl_storage dtype;
        int n_dims;
        int64_t shape[2];
        float values[6];
    } want[] = {
        {"f32", ELCL_F32, 2, {2, 3}, {0, 1, 2, 3, 4, 5}},
        {"f16", ELCL_F16, 2, {2, 3}, {0, 0.5f, 1, 1.5f, 2, 2.5f}},
        {"bf16", ELCL_BF16, 2, {2, 3}, {0, -1, -2, -3, -4, -5}},
        {"f64", ELCL_F32, 2, {2, 3}, {0.25f, 1.25f, 2.25f, 3.25f, 4.25f, 5.25f}},
        {"tied", ELCL_F32, 2, {2, 3}, {0, 1, 2, 3, 4, 5}},
        {"row", ELCL_F32, 2, {1, 3}, {3, 4, 5}},
        {"columns", ELCL_F32, 2, {2, 2}, {1, 2, 4, 5}},
        {"transposed", ELCL_F32, 2, {3, 2}, {0, 3, 1, 4, 2, 5}},
        {"parameter", ELCL_F32, 2, {2, 3}, {1, 2, 3, 4, 5, 6}},
        {"scalar", ELCL_F32, 0, {0}, {1.5f}},
        {"empty", ELCL_F32, 2, {0, 3}, {0}},
    };
    if (!check_case("tensors of %s", file))
        return;
    struct elcl_tensors *tensors = NULL;
    open_file(file, &tensors);
    for (size_t i = 0; tensors && i < ELCL_COUNT(want); i++) {
        const struct elcl_tensor *t = elcl_tensors_find(tensors, want[i].name);
        if (!CHECK(t != NULL, "%s is not there", want[i].name))
            continue;
        CHECK(t->dtype == want[i].dtype && t->n_dims == want[i].n_dims, "%s", want[i].name);
        size_t n = 1;
        for (int d = 0; d < t->n_dims; d++) {
            CHECK(t->shape[d] == want[i].shape[d], "%s: dimension %d", want[i].name, d);
            n *= (size_t)want[i].shape[d];
        }
        CHECK(t->n == n, "%s: %zu elements", want[i].name, t->n);
        CHECK(!t->data, "%s: data before loading", want[i].name);
        elcl_error err = {0};
        CHECK(!elcl_tensors_load(tensors, t, &err) && t->data, "%s", err.msg);
        for (size_t k = 0; k < n; k++)
            CHECK(fabsf(value_of(t, k) - want[i].values[k]) < 1e-9f, "%s: value %zu is %g",
                  want[i].name, k, (double)value_of(t, k));
        elcl_tensors_drop(tensors);
        CHECK(!t->data, "%s: data after dropping", want[i].name);
    }
    elcl_tensors_close(&tensors);
    CHECK(!tensors, "close clears the pointer");
}

static void test_refused(void)
{
    static const struct {
        const char *name, *why;
    } want[] = {
        {"i64", "has elements of torch.LongStorage"},
        {"i32", "has elements of torch.IntStorage"},
        {"u8", "has elements of torch.ByteStorage"},
        {"flag", "has elements of torch.BoolStorage"},
        {"five", "has 5 dimensions; expected at most 4"},
        {"expanded", "is an expanded view: 12 elements of a storage of 6"},
    };
    if (!check_case("tensors that cannot be used"))
        return;
    struct elcl_tensors *tensors = NULL;
    open_file("protocol2.bin", &tensors);
    for (size_t i = 0; tensors && i < ELCL_COUNT(want); i++) {
        const char *why = elcl_tensors_refusal(tensors, want[i].name);
        CHECK(why && strstr(why, want[i].why), "%s: %s", want[i].name, why ? why : "nothing");
        CHECK(!elcl_tensors_find(tensors, want[i].name), "%s is found", want[i].name);
    }
    static const char *const none[] = {"number", "text", "nothing", "_metadata", "F32"};
    for (size_t i = 0; tensors && i < ELCL_COUNT(none); i++)
        CHECK(!elcl_tensors_find(tensors, none[i]) && !elcl_tensors_refusal(tensors, none[i]),
              "%s is there", none[i]);
    elcl_tensors_close(&tensors);
}

static void test_other_files(void)
{
    static const struct {
        const char *file;
        int code;
        const char *part;
    } cases[] = {
        {"quantized.bin", ELCL_E_UNSUPPORTED, "names torch._utils._rebuild_qtensor, which a"},
        {"none.bin", ELCL_E_IO, "none.bin: cannot open"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("%s", cases[i].file))
            continue;
        char path[512];
        struct elcl_tensors *tensors = NULL;
        elcl_error err = {0};
        snprintf(path, sizeof(path), "%s/tests/golden/pytorch/%s", check_root(), cases[i].file);
        check_failure("file", elcl_pytorch_open_file(path, &tensors, &err), &err, cases[i].code,
                      cases[i].part);
        CHECK(!tensors, "an output after a failure");
    }
}

/* ---- the archive ---- */

static const char good[] = ONE(F6, "K\0", "K\2K\3\x86", "K\3K\1\x86");

/* Opens the archive and takes ownership of it. */
static void expect_archive(const char *what, struct elcl_str file, int code, const char *part)
{
    struct elcl_tensors *tensors = NULL;
    elcl_error err = {0};
    if (check_case("archive: %s", what)) {
        const int rc = elcl_pytorch_open_memory(file.data, file.n, "f", &tensors, &err);
        if (code)
            check_failure(what, rc, &err, code, part);
        else if (CHECK(!rc, "%s", err.msg))
            CHECK(elcl_tensors_find(tensors, "w") != NULL, "no tensor w");
    }
    elcl_tensors_close(&tensors);
    elcl_str_finish(&file);
}

static struct elcl_str patched(struct elcl_str file, size_t at, const char *bytes, size_t n)
{
    memcpy(file.data + at, bytes, n);
    return file;
}

static struct elcl_str with_byte_order(const char *order)
{
    struct part parts[3] = {{"a/data.pkl", good, sizeof(good) - 1},
                            {"a/byteorder", order, strlen(order)},
                            {"a/data/0", storage_bytes, sizeof(storage_bytes)}};
    return archive_of(parts, 3, 0);
}

static void test_archive(void)
{
    const struct part parts[] = {{"a/data.pkl", good, sizeof(good) - 1},
                                 {"a/data/0", storage_bytes, sizeof(storage_bytes)}};
    const struct part twice[] = {parts[0], parts[1], parts[1]};
    expect_archive("as it should be", archive_of(parts, 2, 0), ELCL_OK, NULL);
    expect_archive("zip64", archive_of(parts, 2, ARCHIVE_ZIP64), ELCL_OK, NULL);
    expect_archive("with a comment", archive_of(parts, 2, ARCHIVE_COMMENT), ELCL_OK, NULL);
    expect_archive("little", with_byte_order("little"), ELCL_OK, NULL);
    expect_archive("big", with_byte_order("big"), ELCL_E_UNSUPPORTED, "byteorder: expected little");
    expect_archive("without pickle", archive_of(parts + 1, 1, 0), ELCL_E_FORMAT,
                   "a zip archive without data.pkl");
    expect_archive("no entry", archive_of(parts, 0, 0), ELCL_E_FORMAT, "without data.pkl");
    expect_archive("entry twice", archive_of(twice, 3, 0), ELCL_E_FORMAT,
                   "entry a/data/0 appears twice");
    expect_archive("entries overlap", archive_of(parts, 2, ARCHIVE_OVERLAP), ELCL_E_FORMAT,
                   "two entries overlap");
    struct elcl_str empty = {0};
    expect_archive("empty file", empty, ELCL_E_FORMAT, "f: not a whole zip archive: it has no end");
    struct elcl_str lfs = {0};
    elcl_str_printf(&lfs, "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
    expect_archive("pointer", lfs, ELCL_E_FORMAT,
                   "f: is a Git LFS pointer, not the file itself; run git lfs pull");
}

/* Fields of the directory's first record, of its entry, and of the end record. */
static void test_fields(void)
{
    const struct part parts[] = {{"a/data.pkl", good, sizeof(good) - 1},
                                 {"a/data/0", storage_bytes, sizeof(storage_bytes)}};
    static const struct {
        const char *what;
        enum { ENTRY_RECORD, DIRECTORY_RECORD, END_RECORD } record;
        size_t at;
        const char *bytes;
        size_t n;
        const char *part;
    } cases[] = {
        {"encrypted", DIRECTORY_RECORD, 8, "\1", 1, "f: entry a/data.pkl is encrypted"},
        {"compressed", DIRECTORY_RECORD, 10, "\x8", 1, "entry a/data.pkl is compressed"},
        {"two sizes", DIRECTORY_RECORD, 20, "\1\0\0\0", 4, "has two different sizes"},
        {"too long", DIRECTORY_RECORD, 20, "\0\0\0\1\0\0\0\1", 8,
         "reaches beyond the entries' end"},
        {"zip64 without field", DIRECTORY_RECORD, 24, "\xff\xff\xff\xff", 4, "zip64 field is miss"},
        {"name too long", DIRECTORY_RECORD, 28, "\xff\xff", 2, "its directory is damaged"},
        {"elsewhere", DIRECTORY_RECORD, 42, "\7\0\0\0", 4, "has no header where the directory"},
        {"far away", DIRECTORY_RECORD, 42, "\0\0\0\x7f", 4, "has no header where the directory"},
        {"other name", ENTRY_RECORD, 30, "b", 1, "has another name in its own header"},
        {"no header", ENTRY_RECORD, 0, "PK\1\2", 4, "has no header where the directory says"},
        {"long header", ENTRY_RECORD, 28, "\xff\xff", 2, "reaches beyond the entries' end"},
        {"several parts", END_RECORD, 4, "\1", 1, "it has several parts"},
        {"more entries", END_RECORD, 8, "\x9\0\x9\0", 4, "it has fewer entries"},
        {"long directory", END_RECORD, 12, "\xff\xff\xff\0", 4, "directory lies outside the file"},
        {"far directory", END_RECORD, 16, "\xff\xff\xff\x7f", 4, "directory lies outside the fi"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        struct elcl_str file = archive_of(parts, 2, 0);
        const size_t places[] = {0, directory_of(&file), file.n - 22};
        expect_archive(
            cases[i].what,
            patched(file, places[cases[i].record] + cases[i].at, cases[i].bytes, cases[i].n),
            ELCL_E_FORMAT, cases[i].part);
    }
    struct elcl_str file = archive_of(parts, 2, ARCHIVE_ZIP64);
    expect_archive("zip64 end elsewhere", patched(file, file.n - 22 - 20 + 8, "\1", 1),
                   ELCL_E_FORMAT, "its zip64 end record is not where it should be");
}

static void test_cut_archive(void)
{
    const struct part parts[] = {{"a/data.pkl", good, sizeof(good) - 1},
                                 {"a/data/0", storage_bytes, sizeof(storage_bytes)}};
    if (!check_case("archive: cut at every byte"))
        return;
    for (int flags = 0; flags <= ARCHIVE_ZIP64; flags += ARCHIVE_ZIP64) {
        struct elcl_str file = archive_of(parts, 2, flags);
        for (size_t n = 0; n < file.n; n++) {
            struct elcl_tensors *tensors = NULL;
            elcl_error err = {0};
            char *copy = malloc(n ? n : 1);
            memcpy(copy, file.data, n);
            const int rc = elcl_pytorch_open_memory(copy, n, "f", &tensors, &err);
            CHECK(rc == ELCL_E_FORMAT, "%zu bytes: %d %s", n, rc, err.msg);
            elcl_tensors_close(&tensors);
            free(copy);
        }
        elcl_str_finish(&file);
    }
}

/* ---- directories ---- */

/* Tests which of the files is read, and an index with errors. */
static void test_directory(void)
{
    if (!check_case("files of a directory"))
        return;
    const char *dir = check_temporary_directory();
    struct elcl_tensors *tensors = NULL;
    elcl_error err = {0};
    check_failure("nothing", elcl_tensors_open(dir, &tensors, &err), &err, ELCL_E_IO,
                  "has none of model.safetensors, model.safetensors.index.json, "
                  "pytorch_model.bin, pytorch_model.bin.index.json and model.bin");
    err = (elcl_error){0};
    write_text("decoder_model.onnx", "");
    check_failure("ONNX", elcl_tensors_open(dir, &tensors, &err), &err, ELCL_E_UNSUPPORTED,
                  "/decoder_model.onnx: is an ONNX model; elcl reads the Hugging Face model");
    struct elcl_str file = archive_of_pickle(good, sizeof(good) - 1);
    write_file("s.bin", file.data, file.n);
    static const struct {
        const char *map;
        int code;
        const char *part;
    } maps[] = {
        {"{\"weight_map\":{\"w\":\"s.bin\"}}", ELCL_OK, NULL},
        {"{\"weight_map\":{\"v\":\"s.bin\"}}", ELCL_E_FORMAT,
         "weight_map places tensor v in s.bin, which does not have it"},
        {"{\"weight_map\":{\"w\":\"t.bin\"}}", ELCL_E_IO, "t.bin: cannot open"},
        {"{\"weight_map\":{\"w\":\"../s.bin\"}}", ELCL_E_FORMAT, "leaves the directory"},
        {"{\"weight_map\":[]}", ELCL_E_FORMAT, "weight_map: expected an object of tensor"},
    };
    for (size_t i = 0; i < ELCL_COUNT(maps); i++) {
        err = (elcl_error){0};
        write_text(ELCL_PYTORCH_INDEX, maps[i].map);
        const int rc = elcl_tensors_open(dir, &tensors, &err);
        if (maps[i].code)
            check_failure(maps[i].map, rc, &err, maps[i].code, maps[i].part);
        else
            CHECK(!rc && elcl_tensors_find(tensors, "w"), "%s", err.msg);
        elcl_tensors_close(&tensors);
    }
    write_file(ELCL_PYTORCH_FILE, file.data, file.n);
    err = (elcl_error){0};
    CHECK(!elcl_tensors_open(dir, &tensors, &err), "%s", err.msg);
    CHECK(tensors && strstr(tensors->path, ELCL_PYTORCH_FILE) && !strstr(tensors->path, "index"),
          "%s", tensors ? tensors->path : "nothing");
    elcl_tensors_close(&tensors);
    elcl_str_finish(&file);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_values("protocol2.bin");
    test_values("protocol3.bin");
    test_values("protocol4.bin");
    test_values("plain.bin");
    test_values("legacy.bin");
    test_refused();
    test_other_files();
    test_archive();
    test_fields();
    test_cut_archive();
    test_directory();
    return check_end();
}
