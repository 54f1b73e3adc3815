/* What the parts of the parser of PTX share. */
#ifndef ELCL_TESTS_NVIDIA_PARSE_IMPL_H
#define ELCL_TESTS_NVIDIA_PARSE_IMPL_H

#include <string.h>

#include "nvidia.h"

enum { MAX_TEXT = 1024 };

/* Registers declared together: %f<524>, or one with a name. */
struct registers {
    char prefix[32];
    bool numbered;
    uint32_t first, n;
    uint8_t width; /* 1: predicate */
};

/* A name with a place: a label, or a variable in local or private memory. */
struct place {
    char name[64];
    uint64_t address;
};

struct places {
    struct place *list;
    size_t n, capacity;
};

struct parser {
    const char *at;
    uint32_t line;
    struct program *program;
    struct kernel *kernel;
    struct registers *registers;
    size_t n_registers, registers_capacity;
    struct places labels, variables, branches; /* branches: the label's name, the instruction */
    uint16_t source_file;
    uint32_t source_line;
    char *error;
    size_t error_bytes;
    bool failed;
};

static inline bool starts_with(const char *s, const char *prefix)
{
    return !strncmp(s, prefix, strlen(prefix));
}

/* parse.c: the first failure stops the parser. */
void parse_fail(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void parse_add_place(struct places *places, const char *name, uint64_t address);
const struct place *parse_find_place(const struct places *places, const char *name);
/* How many characters of a name begin the text. */
size_t parse_name_length(const char *s);

/* parse_operand.c */
/* "u32" to bytes: 1 also for a predicate; 0 if it is not known. */
uint8_t parse_type_bytes(const char *type);
/* ".reg .b32 %r<93>" or ".reg .pred a, b" */
void parse_registers(struct parser *p, char *text);
/* Returns the slot of a register or of a constant of `width` bytes. */
uint16_t parse_operand(struct parser *p, const char *text, uint8_t width);
/* Bytes of a register; 0 if it is none. */
uint8_t parse_register_width(const struct parser *p, const char *text);

/* parse_instr.c: adds "@%p1 op a, b" to the kernel. */
void parse_instruction(struct parser *p, uint32_t line, const char *text);

#endif
