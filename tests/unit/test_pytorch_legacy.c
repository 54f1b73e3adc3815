/* PyTorch files of torch before 1.6: reads one, and refuses each kind of bad one by name. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "check.h"
#include "files.h"
#include "format/pytorch.h"
#include "pytorch_files.h"

#define DICTIONARY(storage)                                                                        \
    "\x80\2}" PAIR("w", TENSOR(storage, "K\0", "K\2K\3\x86", "K\3K\1\x86")) "s."
#define GOOD BEGIN DICTIONARY(WHOLE)

/* The file of a dictionary and what follows it, with 24 bytes of numbers at the end. */
static struct elcl_str file_of(const char *pickles, size_t n_pickles, const char *rest,
                               size_t n_rest)
{
    struct elcl_str file = {0};
    elcl_str_append(&file, pickles, n_pickles);
    elcl_str_append(&file, rest, n_rest);
    elcl_str_append(&file, storage_bytes, sizeof(storage_bytes));
    return file;
}

#define FILE_OF(pickles, rest) file_of(pickles, sizeof(pickles) - 1, rest, sizeof(rest) - 1)

static void expect(const char *what, struct elcl_str file, int code, const char *part)
{
    struct elcl_tensors *tensors = NULL;
    elcl_error err = {0};
    if (check_case("old file: %s", what)) {
        const int rc = elcl_pytorch_open_memory(file.data, file.n, "f", &tensors, &err);
        check_failure("file", rc, &err, code, part);
    }
    elcl_tensors_close(&tensors);
    elcl_str_finish(&file);
}

/* Two tensors of one storage, the second a view that begins at element 3. */
static void test_views(void)
{
    static const char pickles[] =
        BEGIN "\x80\2}" PAIR("w", TENSOR(WHOLE, "K\0", "K\2K\3\x86", "K\3K\1\x86")) "s" PAIR(
            "v", TENSOR(OLD_STORAGE("Float", "0", "K\6", TEXT("\1", "9") "K\3K\3\x87"), "K\1",
                        "K\2\x85", "K\1\x85")) "s.";
    if (!check_case("old file: a view"))
        return;
    struct elcl_str file = FILE_OF(pickles, KEYS COUNT);
    struct elcl_tensors *tensors = NULL;
    elcl_error err = {0};
    CHECK(!elcl_pytorch_open_memory(file.data, file.n, "f", &tensors, &err), "%s", err.msg);
    const struct elcl_tensor *w = tensors ? elcl_tensors_find(tensors, "w") : NULL;
    const struct elcl_tensor *v = tensors ? elcl_tensors_find(tensors, "v") : NULL;
    if (CHECK(w && v, "%s", err.msg)) {
        CHECK(!elcl_tensors_load(tensors, w, &err) && !elcl_tensors_load(tensors, v, &err), "%s",
              err.msg);
        CHECK(!memcmp(w->data, file.data + file.n - 24, 24), "the storage");
        CHECK(!memcmp(v->data, (const char *)w->data + 4 * sizeof(float), 8), "view");
    }
    elcl_tensors_close(&tensors);
    elcl_str_finish(&file);
}

static void test_bad_files(void)
{
    static const char other[] = "\x80\2]X\1\0\0\0"
                                "1a.";
    expect("version 1000", FILE_OF(MAGIC "\x80\2M\xe8\3." MACHINE("\x88") DICTIONARY(WHOLE), KEYS),
           ELCL_E_FORMAT, "version: expected 1001");
    expect("big-endian", FILE_OF(MAGIC VERSION MACHINE("\x89") DICTIONARY(WHOLE), KEYS COUNT),
           ELCL_E_UNSUPPORTED, "byte order: expected little_endian true");
    expect("facts are a number", FILE_OF(MAGIC VERSION "\x80\2K\1.", ""), ELCL_E_FORMAT,
           "facts about the machine: expected a dictionary, found an integer");
    expect("no dictionary", FILE_OF(BEGIN "\x80\2K\1.", KEYS COUNT), ELCL_E_FORMAT,
           "expected a dictionary of tensors");
    expect("a list in the dictionary", FILE_OF(BEGIN "\x80\2].", KEYS), ELCL_E_UNSUPPORTED,
           "opcode EMPTY_LIST");
    expect("a call", FILE_OF(BEGIN "\x80\2cos\nsystem\n.", KEYS), ELCL_E_UNSUPPORTED,
           "names os.system, which a dictionary of tensors does not need; nothing was executed");
    expect("keys are no list", FILE_OF(GOOD, "\x80\2}."), ELCL_E_FORMAT,
           "keys of storages: expected a list, found a dictionary");
    expect("two lists", FILE_OF(GOOD, "\x80\2]]a."), ELCL_E_FORMAT, "a second list");
    expect("a key is a number", FILE_OF(GOOD, "\x80\2]K\1a." COUNT), ELCL_E_FORMAT,
           "keys of storages: expected strings, found an integer");
    expect("append to nothing", FILE_OF(GOOD, "\x80\2a."), ELCL_E_FORMAT, "the stack is empty");
    expect("an unknown key", file_of(GOOD, sizeof(GOOD) - 1, other, sizeof(other) - 1),
           ELCL_E_FORMAT, "storage 1: no tensor uses it");
    expect("a key twice",
           FILE_OF(GOOD, "\x80\2](X\1\0\0\0"
                         "0X\1\0\0\0"
                         "0e." COUNT),
           ELCL_E_FORMAT, "storage 0: is listed twice");
    expect("no key", FILE_OF(GOOD, "\x80\2]." COUNT), ELCL_E_FORMAT,
           "tensor w: its storage is not in the file");
    expect("another size", FILE_OF(GOOD, KEYS "\5\0\0\0\0\0\0\0"), ELCL_E_FORMAT,
           "storage 0: has another size than the dictionary says");
    expect("two types of a storage",
           FILE_OF(BEGIN "\x80\2}" PAIR("w", TENSOR(WHOLE, "K\0", "K\1\x85", "K\1\x85")) "s" PAIR(
                       "v", TENSOR(OLD_STORAGE("Half", "0", "K\6", "N"), "K\0", "K\1\x85",
                                   "K\1\x85")) "s.",
                   KEYS COUNT),
           ELCL_E_FORMAT, "storage 0: has two types or two sizes");
    expect("a view of strings",
           FILE_OF(BEGIN DICTIONARY(OLD_STORAGE("Float", "0", "K\6", TEXT("\1", "9"))), KEYS COUNT),
           ELCL_E_FORMAT, "persistent id: expected None or a view of 3 values, found a string");
    expect("a view beyond the storage",
           FILE_OF(BEGIN DICTIONARY(OLD_STORAGE("Float", "0", "K\6", TEXT("\1", "9") "K\3K\3\x87")),
                   KEYS COUNT),
           ELCL_E_FORMAT, "tensor w: offset, shape and strides exceed its storage");
    expect("an offset that overflows",
           FILE_OF(BEGIN DICTIONARY(OLD_STORAGE("Float", "0", "K\6",
                                                TEXT("\1", "9") "\x8a\10\xff\xff\xff\xff\xff\xff"
                                                                "\xff\x7fK\3\x87")),
                   KEYS COUNT),
           ELCL_E_FORMAT, "exceed its storage");
    struct elcl_str tar = {0};
    for (int i = 0; i < 257; i++)
        elcl_str_append(&tar, "", 1);
    elcl_str_append(&tar, "ustar", 5);
    expect("tar", tar, ELCL_E_UNSUPPORTED, "f: is a tar archive of torch before 0.1.10; load it");
}

/* No part of a good file is one, and no changed byte leads outside the file. */
static void test_damage(void)
{
    size_t n = 0;
    if (!check_case("old file: cut and changed"))
        return;
    char *data = read_golden_file("tests/golden/pytorch/legacy.bin", &n);
    for (size_t i = 0; data && i < n; i++) {
        struct elcl_tensors *tensors = NULL;
        elcl_error err = {0};
        CHECK(elcl_pytorch_open_memory(data, i, "f", &tensors, &err), "%zu bytes open", i);
        elcl_tensors_close(&tensors);
    }
    for (size_t i = 0; data && i < 8 * n; i++) {
        struct elcl_tensors *tensors = NULL;
        elcl_error err = {0};
        data[i / 8] ^= (char)(1 << i % 8);
        const int rc = elcl_pytorch_open_memory(data, n, "f", &tensors, &err);
        CHECK(!rc == !*err.msg, "bit %zu: code %d, \"%s\"", i, rc, err.msg);
        data[i / 8] ^= (char)(1 << i % 8);
        elcl_tensors_close(&tensors);
    }
    elcl_free(data);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_views();
    test_bad_files();
    test_damage();
    return check_end();
}
