/* safetensors: reads good files and refuses each kind of bad file with its message. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "check.h"
#include "files.h"
#include "format/safetensors.h"
#include "format/tensors.h"

/* Returns a file in memory: the length, the header, n bytes of data that count up. */
static struct elcl_str file_of(const char *header, size_t n_data)
{
    struct elcl_str file = {0};
    size_t n = strlen(header);
    for (int i = 0; i < 8; i++) {
        const char byte = (char)(n >> (8 * i) & 0xff);
        elcl_str_append(&file, &byte, 1);
    }
    elcl_str_append(&file, header, strlen(header));
    for (n = 0; n < n_data; n++) {
        const char byte = (char)n;
        elcl_str_append(&file, &byte, 1);
    }
    return file;
}

static int open_header(const char *header, size_t n_data, struct elcl_str *file,
                       struct elcl_safetensors **st, elcl_error *err)
{
    *file = file_of(header, n_data);
    return elcl_safetensors_open_memory(file->data, file->n, "f", st, err);
}

/* ---- what is read -------------------------------------------------------------------------- */

static void check_tensor(struct elcl_safetensors *st, const char *name, enum elcl_storage dtype,
                         int n_dims, const int64_t *shape, int first)
{
    const struct elcl_tensor *t = elcl_safetensors_find(st, name);
    if (!CHECK(t != NULL, "%s is not there", name))
        return;
    CHECK(!strcmp(t->name, name) && t->dtype == dtype && t->n_dims == n_dims, "%s", name);
    size_t n = 1;
    for (int i = 0; i < n_dims; i++) {
        CHECK(t->shape[i] == shape[i], "%s: dimension %d", name, i);
        n *= (size_t)shape[i];
    }
    CHECK(t->n == n, "%s: %zu elements, want %zu", name, t->n, n);
    elcl_error err = {0};
    CHECK(!elcl_tensors_load(elcl_safetensors_tensors(st), t, &err), "%s", err.msg);
    if (n)
        CHECK(*(const unsigned char *)t->data == first, "%s: data", name);
    CHECK(!elcl_safetensors_refusal(st, name), "%s is refused", name);
}

static void test_read(void)
{
    if (!check_case("tensors of one file"))
        return;
    struct elcl_str file;
    struct elcl_safetensors *st = NULL;
    elcl_error err = {0};
    const int rc = open_header("{\"__metadata__\":{\"format\":\"pt\"},"
                               "\"b\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[24,30]},"
                               "\"a\":{\"shape\":[2,3],\"data_offsets\":[0,24],\"dtype\":\"F32\"},"
                               "\"\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[30,32]},"
                               "\"none\":{\"dtype\":\"F32\",\"shape\":[5,0],"
                               "\"data_offsets\":[24,24]}}  \n",
                               32, &file, &st, &err);
    if (CHECK(!rc && st, "%s", err.msg)) {
        CHECK(elcl_safetensors_count(st) == 4, "%zu tensors", elcl_safetensors_count(st));
        check_tensor(st, "a", ELCL_F32, 2, (int64_t[]){2, 3}, 0);
        check_tensor(st, "b", ELCL_F16, 1, (int64_t[]){3}, 24);
        check_tensor(st, "", ELCL_BF16, 0, NULL, 30);
        check_tensor(st, "none", ELCL_F32, 2, (int64_t[]){5, 0}, 0);
        CHECK(!elcl_safetensors_find(st, "A"), "names know upper and lower case");
        CHECK(!elcl_safetensors_refusal(st, "A"), "not there is not refused");
        CHECK(!elcl_safetensors_find(st, "__metadata__"), "metadata is no tensor");
        CHECK(!elcl_safetensors_at(st, 4), "beyond the last");
        CHECK(!strcmp(elcl_safetensors_path(st), "f"), "%s", elcl_safetensors_path(st));
    }
    elcl_safetensors_close(&st);
    CHECK(!st, "close clears the pointer");
    elcl_safetensors_close(&st);
    elcl_str_finish(&file);
}

static void test_refused(void)
{
    if (!check_case("tensors that cannot be used"))
        return;
    struct elcl_str file;
    struct elcl_safetensors *st = NULL;
    elcl_error err = {0};
    const int rc =
        open_header("{\"i\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[0,16]},"
                    "\"q\":{\"dtype\":\"Q3_NEW\",\"shape\":[9],\"data_offsets\":[16,20]},"
                    "\"d\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,2],\"data_offsets\":[20,28]},"
                    "\"ok\":{\"dtype\":\"F16\",\"shape\":[1,1,1,2],\"data_offsets\":[28,32]}}",
                    32, &file, &st, &err);
    static const struct {
        const char *name, *why;
    } want[] = {
        {"i", "has dtype I64; expected F32, F16 or BF16"},
        {"q", "has dtype Q3_NEW; expected F32, F16 or BF16"},
        {"d", "has 5 dimensions; expected at most 4"},
    };
    if (CHECK(!rc && st, "%s", err.msg)) {
        for (size_t i = 0; i < ELCL_COUNT(want); i++) {
            const char *why = elcl_safetensors_refusal(st, want[i].name);
            CHECK(why && !strcmp(why, want[i].why), "%s: %s", want[i].name, why ? why : "nothing");
            CHECK(!elcl_safetensors_find(st, want[i].name), "%s is found", want[i].name);
        }
        CHECK(elcl_safetensors_count(st) == 1, "%zu tensors", elcl_safetensors_count(st));
        check_tensor(st, "ok", ELCL_F16, 4, (int64_t[]){1, 1, 1, 2}, 28);
    }
    elcl_safetensors_close(&st);
    elcl_str_finish(&file);
}

static void test_many(void)
{
    if (!check_case("5,000 tensors"))
        return;
    struct elcl_str header = {0}, file;
    struct elcl_safetensors *st = NULL;
    elcl_error err = {0};
    for (int i = 0; i < 5000; i++) /* stored backwards */
        elcl_str_printf(&header,
                        "%s\"t%d\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
                        i ? "," : "{", i, 9998 - 2 * i, 10000 - 2 * i);
    elcl_str_append(&header, "}", 1);
    const int rc = open_header(header.data, 10000, &file, &st, &err);
    if (CHECK(!rc && st, "%s", err.msg)) {
        CHECK(elcl_safetensors_count(st) == 5000, "%zu tensors", elcl_safetensors_count(st));
        for (int i = 0; i < 5000; i++) {
            char name[16];
            snprintf(name, sizeof(name), "t%d", i);
            check_tensor(st, name, ELCL_F16, 1, (int64_t[]){1}, (9998 - 2 * i) & 0xff);
        }
    }
    elcl_safetensors_close(&st);
    elcl_str_finish(&header);
    elcl_str_finish(&file);
}

/* ---- bad files ----------------------------------------------------------------------------- */

static void test_headers(void)
{
#define T(rest) "{\"w\":{" rest "}}"
    static const struct {
        const char *what, *header;
        size_t n_data;
        const char *message;
    } cases[] = {
        {"not JSON", "{\"w\":", 0, "f: not valid JSON at byte 5"},
        {"two values", "{} {}", 0, "f: not valid JSON at byte 3"},
        {"no object", "[1]", 0, "f: expected a JSON object, found an array"},
        {"empty header", "", 0, "f: not valid JSON at byte 0"},
        {"bad UTF-8", "{\"\xff\":0}", 0, "f: not UTF-8 at byte 2"},
        {"NUL in a name", "{\"a\\u0000b\":{}}", 0, "f: a string contains U+0000"},
        {"metadata", "{\"__metadata__\":3}", 0, "f: __metadata__: expected an object, found 3"},
        {"tensor type", "{\"w\":[]}", 0, "f: tensor w: expected an object, found an array"},
        {"no dtype", T("\"shape\":[1],\"data_offsets\":[0,4]"), 4,
         "f: tensor w: dtype: expected a string, found nothing"},
        {"dtype type", T("\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,4]"), 4,
         "f: tensor w: dtype: expected a string, found 1"},
        {"no shape", T("\"dtype\":\"F32\",\"data_offsets\":[0,4]"), 4,
         "f: tensor w: shape: expected an array of integers, found nothing"},
        {"negative dimension", T("\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]"), 4,
         "f: tensor w: shape: expected integers of 0 or more, found -1"},
        {"fraction", T("\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]"), 4,
         "f: tensor w: shape: expected integers of 0 or more, found 1.5"},
        {"string dimension", T("\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]"), 4,
         "f: tensor w: shape: expected integers of 0 or more, found \"1\""},
        {"huge dimension", T("\"dtype\":\"F32\",\"shape\":[1e300],\"data_offsets\":[0,4]"), 4,
         "f: tensor w: shape: expected integers of 0 or more, found 1"},
        {"infinite dimension", T("\"dtype\":\"F32\",\"shape\":[1e999],\"data_offsets\":[0,4]"), 4,
         "f: tensor w: shape: expected integers of 0 or more, found inf"},
        {"product overflow",
         T("\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]"), 4,
         "f: tensor w: the shape's product overflows"},
        {"byte overflow",
         T("\"dtype\":\"F32\",\"shape\":[4294967296,2147483648],\"data_offsets\":[0,4]"), 4,
         "f: tensor w: the shape's product overflows"},
        {"overflow beyond 4 dimensions",
         T("\"dtype\":\"F32\",\"shape\":[65536,65536,65536,65536,2],\"data_offsets\":[0,4]"), 4,
         "f: tensor w: the shape's product overflows"},
        {"shape too large", T("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]"), 4,
         "f: tensor w: dtype and shape take 8 bytes, data_offsets give 4"},
        {"shape too small", T("\"dtype\":\"I8\",\"shape\":[3],\"data_offsets\":[0,4]"), 4,
         "f: tensor w: dtype and shape take 3 bytes, data_offsets give 4"},
        {"no offsets", T("\"dtype\":\"F32\",\"shape\":[1]"), 4,
         "f: tensor w: data_offsets: expected two integers, 0 <= begin <= end, found nothing"},
        {"three offsets", T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]"), 4,
         "f: tensor w: data_offsets: expected two integers"},
        {"one offset", T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4]"), 4,
         "f: tensor w: data_offsets: expected two integers"},
        {"offsets backwards", T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]"), 4,
         "f: tensor w: data_offsets: expected two integers"},
        {"negative offset", T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]"), 4,
         "f: tensor w: data_offsets: expected two integers"},
        {"beyond the file", T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]"), 3,
         "f: tensor w: data ends at 4, but the file has 3 bytes after the header"},
        {"far beyond the file",
         T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[9007199254740988,9007199254740992]"),
         4, "f: tensor w: data ends at 9007199254740992, but the file has 4 bytes"},
        {"above exact integers",
         T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,18446744073709551620]"), 4,
         "f: tensor w: data_offsets: expected two integers"},
        {"trailing data", T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]"), 6,
         "f: the tensors take 4 bytes, the file has 6 after the header"},
        {"hole at the start", T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]"), 8,
         "f: tensor w: data begins at 4, leaving a hole after the end 0"},
        {"key twice", T("\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]"),
         4, "f: key dtype appears twice"},
        {"hole",
         "{\"v\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]},"
         "\"w\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[4,6]}}",
         6, "f: tensor w: data begins at 4, leaving a hole after the end 2"},
        {"overlap",
         "{\"v\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]},"
         "\"w\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[2,6]}}",
         6, "f: tensor w: data begins at 2, overlapping the end 4"},
        {"name twice",
         "{\"v\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]},"
         "\"v\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[2,4]}}",
         4, "f: tensor v appears twice"},
        {"name twice, refused",
         "{\"v\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[0,2]},"
         "\"v\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[2,4]}}",
         4, "f: tensor v appears twice"},
    };
#undef T
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("bad header: %s", cases[i].what))
            continue;
        struct elcl_str file;
        struct elcl_safetensors *st = NULL;
        elcl_error err = {0};
        const int rc = open_header(cases[i].header, cases[i].n_data, &file, &st, &err);
        check_failure(cases[i].what, rc, &err, ELCL_E_FORMAT, cases[i].message);
        CHECK(!st, "something was opened");
        elcl_safetensors_close(&st);
        elcl_str_finish(&file);
    }
}

static void test_lengths(void)
{
    if (!check_case("bad header lengths"))
        return;
    struct elcl_safetensors *st = NULL;
    static const struct {
        unsigned char bytes[10];
        size_t n;
        const char *message;
    } cases[] = {
        {{0}, 0, "f: 0 bytes, a safetensors file has at least 8"},
        {{2, 0, 0, 0, 0, 0, 0}, 7, "f: 7 bytes, a safetensors file has at least 8"},
        {{3, 0, 0, 0, 0, 0, 0, 0, '{', '}'}, 10, "given as 3 bytes, the file has 2 after it"},
        {{255, 255, 255, 255, 255, 255, 255, 255, '{', '}'}, 10, "18446744073709551615 bytes"},
        {{0, 0, 0, 0, 0, 0, 0, 128, '{', '}'}, 10, "9223372036854775808 bytes"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        elcl_error err = {0};
        const int rc = elcl_safetensors_open_memory(cases[i].bytes, cases[i].n, "f", &st, &err);
        check_failure("length", rc, &err, ELCL_E_FORMAT, cases[i].message);
    }
    elcl_error err = {0};
    const unsigned char empty[10] = {2, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    CHECK(!elcl_safetensors_open_memory(empty, 10, "f", &st, &err), "%s", err.msg);
    CHECK(st && !elcl_safetensors_count(st), "tensors in an empty file");
    elcl_safetensors_close(&st);
}

static void test_truncated(void)
{
    if (!check_case("a file cut at every length"))
        return;
    struct elcl_str file =
        file_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                "\"b\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[8,14]}}",
                14);
    for (size_t n = 0; n < file.n; n++) {
        char *copy = elcl_strndup(file.data, n); /* sanitizers see reads beyond it */
        struct elcl_safetensors *st = NULL;
        elcl_error err = {0};
        const int rc = elcl_safetensors_open_memory(copy, n, "f", &st, &err);
        CHECK(rc == ELCL_E_FORMAT && !st && err.msg[0], "cut at %zu: code %d", n, rc);
        elcl_safetensors_close(&st);
        free(copy);
    }
    elcl_str_finish(&file);
}

/* ---- directories --------------------------------------------------------------------------- */

static void write_shard(const char *name, const char *header, size_t n_data)
{
    struct elcl_str file = file_of(header, n_data);
    write_file(name, file.data, file.n);
    elcl_str_finish(&file);
}

static void test_files(void)
{
    if (!check_case("files and directories"))
        return;
    struct elcl_safetensors *st = NULL;
    elcl_error err = {0};
    const char *dir = directory("one");
    int rc = elcl_safetensors_open(dir, &st, &err);
    check_failure("nothing there", rc, &err, ELCL_E_IO,
                  "one: has neither model.safetensors nor model.safetensors.index.json");
    err = (elcl_error){0};
    rc = elcl_safetensors_open_file("/nonexistent/file", &st, &err);
    check_failure("no file", rc, &err, ELCL_E_IO, "/nonexistent/file: cannot open");
    write_text("one/model.safetensors", "");
    err = (elcl_error){0};
    rc = elcl_safetensors_open(dir, &st, &err);
    check_failure("empty file", rc, &err, ELCL_E_FORMAT, "one/model.safetensors: 0 bytes");
    write_text("one/model.safetensors", "version https://git-lfs.github.com/spec/v1\n");
    err = (elcl_error){0};
    rc = elcl_safetensors_open(dir, &st, &err);
    check_failure("pointer", rc, &err, ELCL_E_FORMAT,
                  "one/model.safetensors: is a Git LFS pointer, not the file itself; run git lfs");
    write_shard("one/model.safetensors",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4);
    err = (elcl_error){0};
    CHECK(!elcl_safetensors_open(dir, &st, &err), "%s", err.msg);
    if (st) {
        check_tensor(st, "a", ELCL_F32, 1, (int64_t[]){1}, 0);
        CHECK(strstr(elcl_safetensors_path(st), "one/model.safetensors") != NULL, "%s",
              elcl_safetensors_path(st));
    }
    elcl_safetensors_close(&st);
}

static void test_shards(void)
{
    if (!check_case("an index with shards"))
        return;
    const char *dir = directory("shards/sub");
    write_shard("shards/1.safetensors",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                "\"i\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
                8);
    write_shard("shards/sub/2.safetensors",
                "{\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4);
    write_text("shards/model.safetensors.index.json",
               "{\"metadata\":{\"total_size\":12},\"weight_map\":{\"a\":\"1.safetensors\","
               "\"b\":\"sub/2.safetensors\",\"i\":\"1.safetensors\"}}");
    struct elcl_safetensors *st = NULL;
    elcl_error err = {0};
    dir = directory("shards");
    CHECK(!elcl_safetensors_open(dir, &st, &err), "%s", err.msg);
    if (st) {
        check_tensor(st, "a", ELCL_F32, 1, (int64_t[]){1}, 0);
        check_tensor(st, "b", ELCL_F16, 1, (int64_t[]){2}, 0);
        CHECK(elcl_safetensors_refusal(st, "i") != NULL, "i is not refused");
        const struct elcl_tensor *b = elcl_safetensors_find(st, "b");
        CHECK(b && strstr(b->file, "shards/sub/2.safetensors"), "the file of b");
        CHECK(strstr(elcl_safetensors_path(st), "index.json") != NULL, "%s",
              elcl_safetensors_path(st));
    }
    elcl_safetensors_close(&st);
}

static void test_index_lies(void)
{
    static const struct {
        const char *what, *index;
        int code;
        const char *message;
    } cases[] = {
        {"not JSON", "{", ELCL_E_FORMAT, "index.json: not valid JSON"},
        {"no map", "{}", ELCL_E_FORMAT,
         "weight_map: expected an object of tensor and file names, found nothing"},
        {"empty map", "{\"weight_map\":{}}", ELCL_E_FORMAT, "weight_map: expected an object"},
        {"file type", "{\"weight_map\":{\"a\":1}}", ELCL_E_FORMAT,
         "weight_map: a: expected a file name, found 1"},
        {"missing shard", "{\"weight_map\":{\"a\":\"9.safetensors\"}}", ELCL_E_IO,
         "9.safetensors: cannot open"},
        {"tensor elsewhere",
         "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\","
         "\"b2\":\"2.safetensors\"}}",
         ELCL_E_FORMAT, "places tensor b in 1.safetensors, which does not have it"},
        {"tensor nowhere", "{\"weight_map\":{\"z\":\"1.safetensors\"}}", ELCL_E_FORMAT,
         "places tensor z in 1.safetensors, which does not have it"},
        {"key twice", "{\"weight_map\":{\"a\":\"1.safetensors\",\"a\":\"2.safetensors\"}}",
         ELCL_E_FORMAT, "key a appears twice"},
        {"tensor in two shards",
         "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"3.safetensors\"}}", ELCL_E_FORMAT,
         "3.safetensors: tensor a appears twice"},
        {"parent", "{\"weight_map\":{\"a\":\"../1.safetensors\"}}", ELCL_E_FORMAT,
         "weight_map: a: file name \"../1.safetensors\" leaves the directory"},
        {"parent inside", "{\"weight_map\":{\"a\":\"sub/../../1.safetensors\"}}", ELCL_E_FORMAT,
         "leaves the directory"},
        {"parent at the end", "{\"weight_map\":{\"a\":\"sub/..\"}}", ELCL_E_FORMAT,
         "leaves the directory"},
        {"absolute", "{\"weight_map\":{\"a\":\"/etc/passwd\"}}", ELCL_E_FORMAT,
         "leaves the directory"},
        {"backslash", "{\"weight_map\":{\"a\":\"..\\\\1.safetensors\"}}", ELCL_E_FORMAT,
         "leaves the directory"},
        {"empty name", "{\"weight_map\":{\"a\":\"\"}}", ELCL_E_FORMAT, "leaves the directory"},
        {"a directory", "{\"weight_map\":{\"a\":\"sub\"}}", ELCL_E_IO,
         "sub: is a directory, not a regular file"},
    };
    directory("lies/sub");
    write_shard("lies/1.safetensors",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4);
    write_shard("lies/2.safetensors",
                "{\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]},"
                "\"b2\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[4,8]}}",
                8);
    write_shard("lies/3.safetensors",
                "{\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]},"
                "\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[4,8]}}",
                8);
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("index: %s", cases[i].what))
            continue;
        write_text("lies/model.safetensors.index.json", cases[i].index);
        struct elcl_safetensors *st = NULL;
        elcl_error err = {0};
        const int rc = elcl_safetensors_open(directory("lies"), &st, &err);
        check_failure(cases[i].what, rc, &err, cases[i].code, cases[i].message);
        CHECK(!st, "something was opened");
        elcl_safetensors_close(&st);
    }
}

static void test_drop(void)
{
    if (!check_case("data that is dropped can be read again"))
        return;
    struct elcl_str file;
    struct elcl_safetensors *st = NULL;
    elcl_error err = {0};
    const int rc = open_header("{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}",
                               4, &file, &st, &err);
    if (CHECK(!rc, "%s", err.msg)) {
        struct elcl_tensors *tensors = elcl_safetensors_tensors(st);
        const struct elcl_tensor *t = elcl_tensors_find(tensors, "a");
        for (int i = 0; i < 2; i++) {
            CHECK(!t->data, "data before it is loaded");
            CHECK(!elcl_tensors_load(tensors, t, &err) && !memcmp(t->data, "\0\1\2\3", 4), "%s",
                  err.msg);
            elcl_tensors_drop(tensors);
        }
    }
    elcl_safetensors_close(&st);
    elcl_str_finish(&file);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_read();
    test_refused();
    test_many();
    test_headers();
    test_lengths();
    test_truncated();
    test_files();
    test_shards();
    test_index_lies();
    test_drop();
    return check_end();
}
