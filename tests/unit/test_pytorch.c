/* PyTorch files: what is read, and what each kind of lie in a file is answered with. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/os.h"
#include "base/util.h"
#include "check.h"
#include "format/pytorch.h"
#include "pytorch_files.h"

static void open_file(const char *name, struct elcl_tensors **tensors)
{
    char path[512];
    elcl_error err = {0};
    snprintf(path, sizeof(path), "%s/tests/golden/pytorch/%s", check_root(), name);
    CHECK(!elcl_pytorch_open_file(path, tensors, &err), "%s", err.msg);
}

static void check_failure(const char *what, int rc, const elcl_error *err, int code,
                          const char *part)
{
    CHECK(rc == code && err->code == code, "%s: code %d, want %d: %s", what, rc, code, err->msg);
    CHECK(strstr(err->msg, part) != NULL, "%s: \"%s\", want \"%s\"", what, err->msg, part);
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
        bool made; /* no data before it is loaded */
        float values[6];
    } want[] = {
        {"f32", ELCL_F32, 2, {2, 3}, false, {0, 1, 2, 3, 4, 5}},
        {"f16", ELCL_F16, 2, {2, 3}, false, {0, 0.5f, 1, 1.5f, 2, 2.5f}},
        {"bf16", ELCL_BF16, 2, {2, 3}, false, {0, -1, -2, -3, -4, -5}},
        {"f64", ELCL_F32, 2, {2, 3}, true, {0.25f, 1.25f, 2.25f, 3.25f, 4.25f, 5.25f}},
        {"tied", ELCL_F32, 2, {2, 3}, false, {0, 1, 2, 3, 4, 5}},
        {"row", ELCL_F32, 2, {1, 3}, false, {3, 4, 5}},
        {"columns", ELCL_F32, 2, {2, 2}, true, {1, 2, 4, 5}},
        {"transposed", ELCL_F32, 2, {3, 2}, true, {0, 3, 1, 4, 2, 5}},
        {"parameter", ELCL_F32, 2, {2, 3}, false, {1, 2, 3, 4, 5, 6}},
        {"scalar", ELCL_F32, 0, {0}, false, {1.5f}},
        {"empty", ELCL_F32, 2, {0, 3}, false, {0}},
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
        CHECK(!t->data == want[i].made, "%s: data before loading", want[i].name);
        elcl_error err = {0};
        CHECK(!elcl_tensors_load(tensors, t, &err) && t->data, "%s", err.msg);
        for (size_t k = 0; k < n; k++)
            CHECK(fabsf(value_of(t, k) - want[i].values[k]) < 1e-9f, "%s: value %zu is %g",
                  want[i].name, k, (double)value_of(t, k));
        elcl_tensors_drop(tensors);
        CHECK(!t->data == want[i].made, "%s: data after dropping", want[i].name);
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
        {"five", "has 5 dimensions, at most 4 are expected"},
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
        {"legacy.bin", ELCL_E_UNSUPPORTED, "is in the format of torch before 1.6; load it with"},
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

/* ---- the pickle ---- */

static int open_pickle(const char *pickle, size_t n, struct elcl_tensors **tensors,
                       struct elcl_str *file, elcl_error *err)
{
    *file = archive_of_pickle(pickle, n);
    return elcl_pytorch_open_memory(file->data, file->n, "f", tensors, err);
}

static void expect(const char *what, const char *pickle, size_t n, int code, const char *part)
{
    if (!check_case("pickle: %s", what))
        return;
    struct elcl_str file;
    struct elcl_tensors *tensors = NULL;
    elcl_error err = {0};
    check_failure(what, open_pickle(pickle, n, &tensors, &file, &err), &err, code, part);
    CHECK(!tensors, "an output after a failure");
    elcl_tensors_close(&tensors);
    elcl_str_finish(&file);
}

#define EXPECT(what, pickle, code, part) expect(what, pickle, sizeof(pickle) - 1, code, part)

/* Names and opcodes that could run something, or that a state dictionary has no use for. */
static void test_evil(void)
{
    EXPECT("os.system", P "cos\nsystem\n(X\2\0\0\0idtR.", ELCL_E_UNSUPPORTED,
           "f: pickle, byte 2: names os.system, which a dictionary of tensors does not need");
    EXPECT("os.system by protocol 4", P TEXT("\2", "os") TEXT("\6", "system") "\x93.",
           ELCL_E_UNSUPPORTED, "names os.system");
    EXPECT("builtins.eval", P "cbuiltins\neval\n.", ELCL_E_UNSUPPORTED, "names builtins.eval");
    EXPECT("other function of torch", P "ctorch\nload\n.", ELCL_E_UNSUPPORTED, "names torch.load");
    EXPECT("control characters", P "c\033[2J\n\xff\n.", ELCL_E_UNSUPPORTED, "names \033[2J.\xef");
    EXPECT("INST", P "(ios\nsystem\n.", ELCL_E_UNSUPPORTED, "byte 3: opcode INST (0x69)");
    EXPECT("OBJ", P "(o.", ELCL_E_UNSUPPORTED, "opcode OBJ (0x6f)");
    EXPECT("NEWOBJ", P ")\x81.", ELCL_E_UNSUPPORTED, "opcode NEWOBJ (0x81)");
    EXPECT("EXT1", P "\x82\1.", ELCL_E_UNSUPPORTED, "opcode EXT1 (0x82)");
    EXPECT("PERSID", P "Px\n.", ELCL_E_UNSUPPORTED, "opcode PERSID (0x50)");
    EXPECT("no opcode", P "\xff.", ELCL_E_UNSUPPORTED, "opcode unknown (0xff)");
    EXPECT("call of a storage class", P "ctorch\nFloatStorage\n)R.", ELCL_E_FORMAT,
           "a storage class is called");
    EXPECT("call of a text", P TEXT("\1", "x") ")R.", ELCL_E_FORMAT,
           "expected a name, found a str");
    EXPECT("OrderedDict of values", P "ccollections\nOrderedDict\nK\1\x85R.", ELCL_E_FORMAT,
           "OrderedDict takes no values");
    EXPECT("attributes of a tuple", P ")}b.", ELCL_E_FORMAT, "BUILD: expected a dictionary");
}

/* Every byte as an opcode: accepted ones are few, all others are named. */
static void test_opcodes(void)
{
    static const char accepted[] =
        "\x80\x95(N\x88\x89KMJ\x8aG\x8cXc\x93)\x85\x86\x87t}suQRbqr\x94hj.";
    if (!check_case("pickle: all other opcodes are refused"))
        return;
    int n = 0;
    for (int c = 0; c < 256; c++) {
        if (memchr(accepted, c, sizeof(accepted) - 1))
            continue;
        const char pickle[] = {'\x80', 2, (char)c, 0, 0, 0, 0, 0, 0, 0, 0, '.'};
        struct elcl_str file;
        struct elcl_tensors *tensors = NULL;
        elcl_error err = {0};
        const int rc = open_pickle(pickle, sizeof(pickle), &tensors, &file, &err);
        CHECK(rc == ELCL_E_UNSUPPORTED && strstr(err.msg, "opcode"), "0x%02x: %s", c, err.msg);
        elcl_str_finish(&file);
        n++;
    }
    CHECK(n == 256 - (int)sizeof(accepted) + 1, "%d opcodes", n);
}

static void test_stack(void)
{
    EXPECT("empty", "", ELCL_E_FORMAT, "ends within an opcode");
    EXPECT("protocol 5", "\x80\5}.", ELCL_E_UNSUPPORTED, "pickle protocol 5; 2, 3 and 4 are read");
    EXPECT("no value", P ".", ELCL_E_FORMAT, "the stack is empty");
    EXPECT("two values", P "}}.", ELCL_E_FORMAT, "values are left over");
    EXPECT("a mark left", P "(}.", ELCL_E_FORMAT, "values are left over");
    EXPECT("more behind the end", P "}.}", ELCL_E_FORMAT, "something follows the end");
    EXPECT("a tensor alone", P TENSOR(STORAGE("Float", "K\6"), "K\0", "K\2\x85", "K\1\x85") ".",
           ELCL_E_FORMAT, "expected a dictionary of tensors, found a tensor");
    EXPECT("memo not set", P "h\0.", ELCL_E_FORMAT, "memo number that was not set");
    EXPECT("memo with a gap", P "}r\xff\xff\xff\x7f.", ELCL_E_FORMAT, "number that skips others");
    EXPECT("memo of nothing", P "q\0.", ELCL_E_FORMAT, "the stack is empty");
    EXPECT("value below a mark", P "}(b.", ELCL_E_FORMAT, "the stack is empty");
    EXPECT("tuple without mark", P "t.", ELCL_E_FORMAT, "no mark");
    EXPECT("key without value", P "}(K\1u.", ELCL_E_FORMAT, "a key without a value");
    EXPECT("items without dictionary", P "(u.", ELCL_E_FORMAT, "the stack is empty");
    EXPECT("items of a tuple", P ")K\1K\1s.", ELCL_E_FORMAT, "SETITEM: expected a dictionary");
    EXPECT("long integer", P "\x8a\x9.", ELCL_E_FORMAT, "an integer of more than 8 bytes");
    EXPECT("text beyond the end", P "X\xff\xff\xff\xffx.", ELCL_E_FORMAT, "ends within an opcode");
    EXPECT("name without end", P "cos", ELCL_E_FORMAT, "ends within an opcode");
}

/* Marks and tuples nest without recursion, and a self-containing dictionary is not followed. */
static void test_nesting(void)
{
    enum { DEPTH = 1000000 };
    static char pickle[2 + 2 * DEPTH + 1] = {'\x80', 2};
    memset(pickle + 2, '(', DEPTH);
    memset(pickle + 2 + DEPTH, 't', DEPTH);
    pickle[sizeof(pickle) - 1] = '.';
    expect("tuples in tuples", pickle, sizeof(pickle), ELCL_E_FORMAT, "found a tuple");
    memset(pickle + 2, '(', 2 * DEPTH);
    expect("marks only", pickle, sizeof(pickle), ELCL_E_FORMAT, "the stack is empty");
    if (check_case("pickle: a dictionary that holds itself")) {
        static const char self[] = P "}q\0" TEXT("\1", "x") "h\0s.";
        struct elcl_str file;
        struct elcl_tensors *tensors = NULL;
        elcl_error err = {0};
        CHECK(!open_pickle(self, sizeof(self) - 1, &tensors, &file, &err), "%s", err.msg);
        CHECK(tensors && !elcl_pytorch_name(tensors, 0), "a tensor in it");
        elcl_tensors_close(&tensors);
        elcl_str_finish(&file);
    }
}

/* The storage has 24 bytes. */
static void test_tensors(void)
{
#define F6 STORAGE("Float", "K\6")
#define BIG "\x8a\6\0\0\0\0\0\1" /* 2^40 */
#define ONE(storage, offset, shape, stride) ENTRY("w", TENSOR(storage, offset, shape, stride))
    EXPECT("storage longer than its entry", ONE(STORAGE("Float", "K\7"), "K\0", ")", ")"),
           ELCL_E_FORMAT, "f: tensor w: its storage is shorter than the pickle says");
    EXPECT("storage overflows",
           ONE(STORAGE("Double", "\x8a\x8\0\0\0\0\0\0\0\x7f"), "K\0", ")", ")"), ELCL_E_FORMAT,
           "its storage is shorter");
    EXPECT("negative storage", ONE(STORAGE("Float", "J\xff\xff\xff\xff"), "K\0", ")", ")"),
           ELCL_E_FORMAT, "persistent id: expected a number of elements");
    EXPECT("beyond the storage", ONE(F6, "K\1", "K\2K\3\x86", "K\3K\1\x86"), ELCL_E_FORMAT,
           "tensor w: offset, shape and strides reach beyond its storage");
    EXPECT("offset at the end", ONE(F6, "K\6", ")", ")"), ELCL_E_FORMAT, "reach beyond");
    EXPECT("stride too long", ONE(F6, "K\0", "K\2\x85", "K\6\x85"), ELCL_E_FORMAT, "reach beyond");
    EXPECT("huge offset", ONE(F6, "\x8a\x8\xff\xff\xff\xff\xff\xff\xff\x7f", "K\2\x85", "K\1\x85"),
           ELCL_E_FORMAT, "reach beyond");
    EXPECT("negative offset", ONE(F6, "\x8a\1\xff", "K\1\x85", "K\1\x85"), ELCL_E_FORMAT,
           "expected an offset of 0 or more");
    EXPECT("negative size", ONE(F6, "K\0", "\x8a\1\xff\x85", "K\1\x85"), ELCL_E_FORMAT,
           "shape: expected 0 or more, found -1");
    EXPECT("negative stride", ONE(F6, "K\5", "K\2\x85", "J\xff\xff\xff\xff\x85"), ELCL_E_FORMAT,
           "strides: expected 0 or more, found -1");
    EXPECT("product overflows", ONE(F6, "K\0", BIG BIG "\x86", "K\0K\0\x86"), ELCL_E_FORMAT,
           "the shape's product overflows");
    EXPECT("reach overflows", ONE(F6, "K\0", BIG "\x85", BIG "\x85"), ELCL_E_FORMAT,
           "the shape's product overflows");
    EXPECT("fewer strides", ONE(F6, "K\0", "K\2K\3\x86", "K\1\x85"), ELCL_E_FORMAT,
           "shape and strides have different lengths");
    EXPECT("shape of texts", ONE(F6, "K\0", TEXT("\1", "x") "\x85", "K\1\x85"), ELCL_E_FORMAT,
           "shape: expected an integer, found a string");
    EXPECT("no such storage", ONE(STORAGE_AT("Float", "1", "K\6"), "K\0", ")", ")"), ELCL_E_FORMAT,
           "tensor w: its storage is not in the file");
    EXPECT("key that leaves", ONE(STORAGE_AT("Float", "/", "K\6"), "K\0", ")", ")"), ELCL_E_FORMAT,
           "tensor w: its storage is not in the file");
    EXPECT("type of a storage", ONE(STORAGE("Complex", "K\6"), "K\0", ")", ")"), ELCL_E_UNSUPPORTED,
           "names torch.ComplexStorage");
    EXPECT("tensor of an integer", ONE("K\1", "K\0", ")", ")"), ELCL_E_FORMAT,
           "_rebuild_tensor_v2: expected a storage, found an integer");
    EXPECT("persistent id of an integer", P "K\1Q.", ELCL_E_FORMAT, "found an integer");
    EXPECT("persistent id of other kind",
           P "(" TEXT("\7", "package") "ctorch\nFloatStorage\nK\0K\0K\0tQ.", ELCL_E_FORMAT,
           "persistent id: expected \"storage\"");
    EXPECT("persistent id with a function",
           P "(" TEXT("\7", "storage") "ccollections\nOrderedDict\nK\0K\0K\0tQ.", ELCL_E_FORMAT,
           "expected a storage class");
    EXPECT("name twice",
           P "}(" PAIR("w", TENSOR(F6, "K\0", ")", ")"))
               PAIR("w", TENSOR(F6, "K\0", ")", ")")) "u.",
           ELCL_E_FORMAT, "tensor w: stands twice");
    EXPECT("name that is a number", P "}K\1" TENSOR(F6, "K\0", ")", ")") "s.", ELCL_E_FORMAT,
           "name of a tensor: expected a string, found an integer");
    EXPECT("name with U+0000", P "}" TEXT("\2", "a\0") TENSOR(F6, "K\0", ")", ")") "s.",
           ELCL_E_FORMAT, "not UTF-8 or holds U+0000");
    EXPECT("parameter of a storage", P "ctorch._utils\n_rebuild_parameter\n" F6 "\x89}\x87R.",
           ELCL_E_FORMAT, "_rebuild_parameter takes a tensor");
}

/* A tuple of many sizes, kept in the memo and used by every tensor, would cost their product. */
static void test_long_shape(void)
{
    struct elcl_str pickle = {0};
    elcl_str_append(&pickle, P "(", 3);
    for (int i = 0; i < 65; i++)
        elcl_str_append(&pickle, "K\1", 2);
    static const char rest[] = "tq\0}" PAIR("w", TENSOR(F6, "K\0", "h\0", "h\0")) "s.";
    elcl_str_append(&pickle, rest, sizeof(rest) - 1);
    expect("65 dimensions", pickle.data, pickle.n, ELCL_E_FORMAT, "more than 64 dimensions");
    elcl_str_finish(&pickle);
}

static void test_cut_pickle(void)
{
    static const char whole[] = ONE(F6, "K\0", "K\2K\3\x86", "K\3K\1\x86");
    if (!check_case("pickle: cut at every byte"))
        return;
    for (size_t n = 0; n < sizeof(whole); n++) {
        struct elcl_str file;
        struct elcl_tensors *tensors = NULL;
        elcl_error err = {0};
        const int rc = open_pickle(whole, n, &tensors, &file, &err);
        CHECK(rc == (n + 1 < sizeof(whole) ? ELCL_E_FORMAT : ELCL_OK), "%zu bytes: %d %s", n, rc,
              err.msg);
        elcl_tensors_close(&tensors);
        elcl_str_finish(&file);
    }
}

/* ---- the archive ---- */

static const char good[] = ONE(F6, "K\0", "K\2K\3\x86", "K\3K\1\x86");

/* Opens the archive, of which it takes ownership. */
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
    expect_archive("big", with_byte_order("big"), ELCL_E_UNSUPPORTED, "byteorder: little is");
    expect_archive("without pickle", archive_of(parts + 1, 1, 0), ELCL_E_FORMAT,
                   "a zip archive without data.pkl");
    expect_archive("no entry", archive_of(parts, 0, 0), ELCL_E_FORMAT, "without data.pkl");
    expect_archive("entry twice", archive_of(twice, 3, 0), ELCL_E_FORMAT,
                   "entry a/data/0 stands twice");
    expect_archive("entries overlap", archive_of(parts, 2, ARCHIVE_OVERLAP), ELCL_E_FORMAT,
                   "two entries overlap");
    struct elcl_str empty = {0};
    expect_archive("empty file", empty, ELCL_E_FORMAT, "f: not a whole zip archive: it has no end");
    struct elcl_str lfs = {0};
    elcl_str_printf(&lfs, "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
    expect_archive("pointer", lfs, ELCL_E_FORMAT, "is a pointer of Git LFS");
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

static void write_file(const char *path, const void *data, size_t n)
{
    elcl_error err = {0};
    CHECK(!elcl_write_file_atomic(path, data, n, &err), "%s", err.msg);
}

/* Which of the files is read, and an index that lies. */
static void test_directory(void)
{
    if (!check_case("files of a directory"))
        return;
    char *one = elcl_path_join(check_temporary_directory(), ELCL_PYTORCH_FILE);
    char *index = elcl_path_join(check_temporary_directory(), ELCL_PYTORCH_INDEX);
    char *shard = elcl_path_join(check_temporary_directory(), "s.bin");
    const char *directory = check_temporary_directory();
    struct elcl_tensors *tensors = NULL;
    elcl_error err = {0};
    check_failure("nothing", elcl_tensors_open(directory, &tensors, &err), &err, ELCL_E_IO,
                  "has none of model.safetensors, model.safetensors.index.json, "
                  "pytorch_model.bin and pytorch_model.bin.index.json");
    struct elcl_str file = archive_of_pickle(good, sizeof(good) - 1);
    write_file(shard, file.data, file.n);
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
        write_file(index, maps[i].map, strlen(maps[i].map));
        const int rc = elcl_tensors_open(directory, &tensors, &err);
        if (maps[i].code)
            check_failure(maps[i].map, rc, &err, maps[i].code, maps[i].part);
        else
            CHECK(!rc && elcl_tensors_find(tensors, "w"), "%s", err.msg);
        elcl_tensors_close(&tensors);
    }
    write_file(one, file.data, file.n);
    err = (elcl_error){0};
    CHECK(!elcl_tensors_open(directory, &tensors, &err), "%s", err.msg);
    CHECK(tensors && strstr(tensors->path, ELCL_PYTORCH_FILE) && !strstr(tensors->path, "index"),
          "%s", tensors ? tensors->path : "nothing");
    elcl_tensors_close(&tensors);
    elcl_str_finish(&file);
    elcl_free(one);
    elcl_free(index);
    elcl_free(shard);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_values("protocol2.bin");
    test_values("protocol3.bin");
    test_values("protocol4.bin");
    test_values("plain.bin");
    test_refused();
    test_other_files();
    test_evil();
    test_opcodes();
    test_stack();
    test_nesting();
    test_tensors();
    test_long_shape();
    test_cut_pickle();
    test_archive();
    test_fields();
    test_cut_archive();
    test_directory();
    return check_end();
}
