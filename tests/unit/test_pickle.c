/* The pickle of a PyTorch file: refuses each kind of bad pickle with its message. */
#include <string.h>

#include "base/util.h"
#include "check.h"
#include "format/pytorch.h"
#include "files.h"
#include "pytorch_files.h"

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

/* Names and opcodes that could run code, or that a state dictionary does not use. */
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

/* Tries every byte as an opcode: a few are accepted, and the message names any other. */
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
    EXPECT("protocol 5", "\x80\5}.", ELCL_E_UNSUPPORTED, "pickle protocol 5; expected 2, 3 or 4");
    EXPECT("no value", P ".", ELCL_E_FORMAT, "the stack is empty");
    EXPECT("two values", P "}}.", ELCL_E_FORMAT, "values are left over");
    EXPECT("a mark left", P "(}.", ELCL_E_FORMAT, "values are left over");
    EXPECT("data after the end", P "}.}", ELCL_E_FORMAT, "something follows the end");
    EXPECT("only a tensor", P TENSOR(STORAGE("Float", "K\6"), "K\0", "K\2\x85", "K\1\x85") ".",
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
        CHECK(tensors && !elcl_tensors_name(tensors, 0), "a tensor in it");
        elcl_tensors_close(&tensors);
        elcl_str_finish(&file);
    }
}

/* The storage has 24 bytes. */
static void test_tensors(void)
{
#define BIG "\x8a\6\0\0\0\0\0\1" /* 2^40 */
    EXPECT("storage longer than its entry", ONE(STORAGE("Float", "K\7"), "K\0", ")", ")"),
           ELCL_E_FORMAT, "f: tensor w: its storage is shorter than the pickle says");
    EXPECT("storage overflows",
           ONE(STORAGE("Double", "\x8a\x8\0\0\0\0\0\0\0\x7f"), "K\0", ")", ")"), ELCL_E_FORMAT,
           "its storage is shorter");
    EXPECT("negative storage", ONE(STORAGE("Float", "J\xff\xff\xff\xff"), "K\0", ")", ")"),
           ELCL_E_FORMAT, "persistent id: expected a number of elements");
    EXPECT("beyond the storage", ONE(F6, "K\1", "K\2K\3\x86", "K\3K\1\x86"), ELCL_E_FORMAT,
           "tensor w: offset, shape and strides exceed its storage");
    EXPECT("offset at the end", ONE(F6, "K\6", ")", ")"), ELCL_E_FORMAT, "exceed its storage");
    EXPECT("stride too long", ONE(F6, "K\0", "K\2\x85", "K\6\x85"), ELCL_E_FORMAT,
           "exceed its storage");
    EXPECT("huge offset", ONE(F6, "\x8a\x8\xff\xff\xff\xff\xff\xff\xff\x7f", "K\2\x85", "K\1\x85"),
           ELCL_E_FORMAT, "exceed its storage");
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
           ELCL_E_FORMAT, "tensor w: appears twice");
    EXPECT("name that is a number", P "}K\1" TENSOR(F6, "K\0", ")", ")") "s.", ELCL_E_FORMAT,
           "name of a tensor: expected a string, found an integer");
    EXPECT("name with U+0000", P "}" TEXT("\2", "a\0") TENSOR(F6, "K\0", ")", ")") "s.",
           ELCL_E_FORMAT, "not UTF-8 or contains U+0000");
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

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_evil();
    test_opcodes();
    test_stack();
    test_nesting();
    test_tensors();
    test_long_shape();
    test_cut_pickle();
    return check_end();
}
