#include "format/pickle_names.h"

#include <string.h>

#include "base/util.h"

static const struct {
    const char *module, *name;
} callables[ELCL_PICKLE_CALLABLES] = {
    [ELCL_PICKLE_ORDERED_DICT] = {"collections", "OrderedDict"},
    [ELCL_PICKLE_TENSOR] = {"torch._utils", "_rebuild_tensor_v2"},
    [ELCL_PICKLE_PARAMETER] = {"torch._utils", "_rebuild_parameter"},
};

/* Of module torch. */
static const struct elcl_pickle_type types[] = {
    {"FloatStorage", 4}, {"HalfStorage", 2}, {"BFloat16Storage", 2}, {"DoubleStorage", 8},
    {"LongStorage", 8},  {"IntStorage", 4},  {"ShortStorage", 2},    {"CharStorage", 1},
    {"ByteStorage", 1},  {"BoolStorage", 1},
};

/* The names of refused opcodes, for messages. */
static const struct {
    unsigned char code;
    const char *name;
} opcodes[] = {
    {'0', "POP"},          {'1', "POP_MARK"},
    {'2', "DUP"},          {'F', "FLOAT"},
    {'I', "INT"},          {'L', "LONG"},
    {'P', "PERSID"},       {'S', "STRING"},
    {'T', "BINSTRING"},    {'U', "SHORT_BINSTRING"},
    {'V', "UNICODE"},      {'a', "APPEND"},
    {'d', "DICT"},         {'e', "APPENDS"},
    {'g', "GET"},          {'i', "INST"},
    {'l', "LIST"},         {']', "EMPTY_LIST"},
    {'o', "OBJ"},          {'p', "PUT"},
    {'B', "BINBYTES"},     {'C', "SHORT_BINBYTES"},
    {0x81, "NEWOBJ"},      {0x82, "EXT1"},
    {0x83, "EXT2"},        {0x84, "EXT4"},
    {0x8b, "LONG4"},       {0x8d, "BINUNICODE8"},
    {0x8e, "BINBYTES8"},   {0x8f, "EMPTY_SET"},
    {0x90, "ADDITEMS"},    {0x91, "FROZENSET"},
    {0x92, "NEWOBJ_EX"},   {0x96, "BYTEARRAY8"},
    {0x97, "NEXT_BUFFER"}, {0x98, "READONLY_BUFFER"},
};

static bool same(const char *text, const char *s, size_t n)
{
    return strlen(text) == n && !memcmp(text, s, n);
}

int elcl_pickle_global(const char *module, size_t n_module, const char *name, size_t n_name)
{
    for (int i = 0; i < ELCL_PICKLE_CALLABLES; i++)
        if (same(callables[i].module, module, n_module) && same(callables[i].name, name, n_name))
            return i;
    if (same("torch", module, n_module))
        for (size_t i = 0; i < ELCL_COUNT(types); i++)
            if (same(types[i].name, name, n_name))
                return ELCL_PICKLE_CALLABLES + (int)i;
    return -1;
}

const struct elcl_pickle_type *elcl_pickle_storage_type(int global)
{
    return global < ELCL_PICKLE_CALLABLES ? NULL : &types[global - ELCL_PICKLE_CALLABLES];
}

const char *elcl_pickle_opcode(unsigned char opcode)
{
    for (size_t i = 0; i < ELCL_COUNT(opcodes); i++)
        if (opcodes[i].code == opcode)
            return opcodes[i].name;
    return "unknown";
}
