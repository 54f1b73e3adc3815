/*
 * PTX, as clang writes it, to kernels. What the parser does not know stops it, with line and text:
 * this file reads kernels and their declarations, parse_operand.c registers and constants, and
 * parse_instr.c instructions.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "parse_impl.h"

void *grow(void *array, size_t n, size_t *capacity, size_t bytes)
{
    if (n < *capacity)
        return array;
    *capacity = *capacity ? 2 * *capacity : 16;
    void *larger = realloc(array, *capacity * bytes);
    if (!larger) {
        fprintf(stderr, "emulated NVIDIA device: out of memory\n");
        exit(1);
    }
    return larger;
}

void parse_fail(struct parser *p, const char *fmt, ...)
{
    if (p->failed)
        return;
    p->failed = true;
    const int n = snprintf(p->error, p->error_bytes, "error: PTX line %u: ", p->line);
    va_list args;
    va_start(args, fmt);
    vsnprintf(p->error + n, p->error_bytes - (size_t)n, fmt, args);
    va_end(args);
}

void parse_add_place(struct places *places, const char *name, uint64_t address)
{
    places->list = grow(places->list, places->n, &places->capacity, sizeof(*places->list));
    struct place *place = &places->list[places->n++];
    snprintf(place->name, sizeof(place->name), "%.63s", name);
    place->address = address;
}

const struct place *parse_find_place(const struct places *places, const char *name)
{
    for (size_t i = 0; i < places->n; i++)
        if (!strcmp(places->list[i].name, name))
            return &places->list[i];
    return NULL;
}

/* ---- text ---------------------------------------------------------------------------------- */

/* Skips blanks and comments. */
static void skip_blanks(struct parser *p)
{
    for (;; p->at++) {
        if (p->at[0] == '/' && p->at[1] == '/')
            p->at += strcspn(p->at, "\n");
        if (*p->at == '\n')
            p->line++;
        if (!*p->at || !isspace((unsigned char)*p->at))
            return;
    }
}

/* Copies text up to one of `ends`, without comments and without blanks around it. Returns the end.
 */
static char read_until(struct parser *p, const char *ends, char *text, size_t bytes)
{
    size_t n = 0;
    while (*p->at && !strchr(ends, *p->at)) {
        if (p->at[0] == '/' && p->at[1] == '/') {
            p->at += strcspn(p->at, "\n");
            continue;
        }
        p->line += *p->at == '\n';
        const char c = isspace((unsigned char)*p->at) ? ' ' : *p->at;
        if (n + 1 < bytes && (n || c != ' '))
            text[n++] = c;
        p->at++;
    }
    while (n && text[n - 1] == ' ')
        n--;
    text[n] = '\0';
    return *p->at ? *p->at++ : '\0';
}

static bool in_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '%';
}

size_t parse_name_length(const char *s)
{
    size_t n = 0;
    while (in_name(s[n]))
        n++;
    return n;
}

/* ---- kernels ------------------------------------------------------------------------------- */

/* ".shared .align 4 .b8 name[512]": returns where it begins after `end` bytes, and its name. */
static uint32_t parse_variable(struct parser *p, const char *text, uint32_t end, char *name,
                               uint32_t *bytes)
{
    unsigned align = 1, n = 0;
    const char *at = strstr(text, ".align");
    if (at)
        align = (unsigned)atoi(at + 6);
    at = strstr(text, ".b8");
    const size_t blanks = at ? strspn(at + 3, " ") : 0;
    const size_t length = at ? parse_name_length(at + 3 + blanks) : 0;
    if (!at || !length || sscanf(at + 3 + blanks + length, "[%u]", &n) != 1 || !align) {
        parse_fail(p, "%s", text);
        return end;
    }
    snprintf(name, 64, "%.*s", (int)length, at + 3 + blanks);
    *bytes = n;
    return (end + align - 1) / align * align;
}

static void declare_local(struct parser *p, const char *text, uint32_t base, uint32_t *end)
{
    char name[64] = "";
    uint32_t bytes = 0;
    const uint32_t begin = parse_variable(p, text, *end, name, &bytes);
    parse_add_place(&p->variables, name, base + begin);
    *end = begin + bytes;
}

/* ".loc 1 23 5, function_name ..., inlined_at ...": the rest of the line is left. */
static void parse_location(struct parser *p)
{
    char text[MAX_TEXT];
    unsigned file = 0, line = 0;
    read_until(p, "\n", text, sizeof(text));
    p->line++;
    if (sscanf(text, ".loc %u %u", &file, &line) == 2) {
        p->source_file = (uint16_t)file;
        p->source_line = line;
    }
}

static void parse_statement(struct parser *p)
{
    char text[MAX_TEXT];
    const uint32_t line = p->line;
    const size_t label = parse_name_length(p->at);
    if (label && p->at[label] == ':' && p->at[label + 1] != ':') {
        snprintf(text, sizeof(text), "%.*s", (int)label, p->at);
        parse_add_place(&p->labels, text, p->kernel->n);
        p->at += label + 1;
        return;
    }
    if (!read_until(p, ";", text, sizeof(text)))
        parse_fail(p, "no end of: %.40s", text);
    else if (starts_with(text, ".reg"))
        parse_registers(p, text);
    else if (starts_with(text, ".shared"))
        declare_local(p, text, LOCAL_BASE, &p->kernel->static_bytes);
    else if (starts_with(text, ".local"))
        declare_local(p, text, PRIVATE_BASE, &p->kernel->private_bytes);
    else if (*text && !starts_with(text, ".pragma"))
        parse_instruction(p, line, text);
}

static void resolve_branches(struct parser *p)
{
    for (size_t b = 0; b < p->branches.n; b++) {
        const struct place *label = parse_find_place(&p->labels, p->branches.list[b].name);
        struct instr *i = &p->kernel->code[p->branches.list[b].address];
        if (label)
            i->target = (int32_t)label->address;
        else
            parse_fail(p, "no label %s", p->branches.list[b].name);
    }
}

static void parse_body(struct parser *p)
{
    for (int depth = 1; depth && !p->failed;) {
        skip_blanks(p);
        if (!*p->at)
            parse_fail(p, "the kernel does not end");
        else if (*p->at == '{' || *p->at == '}')
            depth += *p->at++ == '{' ? 1 : -1;
        else if (starts_with(p->at, ".loc\t") || starts_with(p->at, ".loc "))
            parse_location(p);
        else
            parse_statement(p);
    }
    parse_instruction(p, p->line, "ret");
    resolve_branches(p);
}

/* "(.param .u64 a, .param .align 16 .b8 b[16])" */
static void parse_params(struct parser *p)
{
    char text[MAX_TEXT];
    struct kernel *k = p->kernel;
    char end;
    do {
        end = read_until(p, ",)", text, sizeof(text));
        if (!*text)
            continue;
        if (k->n_params == MAX_PARAMS) {
            parse_fail(p, "%s has more than %d parameters", k->name, MAX_PARAMS);
            return;
        }
        unsigned align = 0, bytes = 0;
        const char *at = strstr(text, ".align"), *array = strchr(text, '[');
        char type[8] = "";
        if (array) {
            sscanf(array, "[%u]", &bytes);
            align = at ? (unsigned)atoi(at + 6) : 1;
        } else if (sscanf(text, ".param .%7[a-z0-9]", type) == 1)
            align = bytes = parse_type_bytes(type);
        if (!bytes || !align) {
            parse_fail(p, "%s", text);
            return;
        }
        k->param_bytes = (k->param_bytes + align - 1) / align * align;
        k->params[k->n_params++] = (struct param){k->param_bytes, bytes};
        k->param_bytes += bytes;
    } while (end == ',');
}

static void begin_kernel(struct parser *p, const char *name)
{
    struct program *program = p->program;
    program->kernels =
        grow(program->kernels, program->n, &program->capacity, sizeof(struct kernel *));
    struct kernel *k = calloc(1, sizeof(*k));
    program->kernels[program->n++] = p->kernel = k;
    k->name = strdup(name);
    k->program = program;
    k->slots = FREE_SLOT;
    p->n_registers = p->labels.n = p->variables.n = p->branches.n = 0;
}

/* The smallest access to local memory, so that its cells are as large as may be. */
static uint32_t find_granule_shift(const struct kernel *k)
{
    uint32_t least = 16;
    for (size_t n = 0; n < k->n; n++) {
        const struct instr *i = &k->code[n];
        const bool local = i->run == run_copy || i->run == run_ldmatrix ||
                           ((i->run == run_load || i->run == run_store) &&
                            (i->space == LOCAL || i->space == GENERIC));
        const uint32_t bytes = (uint32_t)i->bytes * (i->run == run_ldmatrix ? 1 : i->count);
        if (local && bytes < least)
            least = bytes;
    }
    return (uint32_t)__builtin_ctz(least);
}

/* ".visible .entry name(params) .reqntid 128, 1, 1 { body }" */
static void parse_kernel(struct parser *p)
{
    char text[MAX_TEXT];
    read_until(p, "(", text, sizeof(text));
    const char *name = strstr(text, ".entry");
    begin_kernel(p, name ? name + 6 + strspn(name + 6, " ") : "");
    parse_params(p);
    if (!read_until(p, "{", text, sizeof(text)))
        parse_fail(p, "%s has no body", p->kernel->name);
    const char *size = strstr(text, ".reqntid");
    uint32_t *group = p->kernel->group_size;
    if (size && sscanf(size, ".reqntid %u, %u, %u", group, group + 1, group + 2) != 3)
        parse_fail(p, "%s", text);
    parse_body(p);
    p->kernel->granule_shift = find_granule_shift(p->kernel);
    if (!p->failed)
        flow_find_joins(p->kernel);
}

/* ".const .align 8 .b8 NAME[1032] = {0, 255, ...};" */
static void parse_constant(struct parser *p)
{
    char text[MAX_TEXT], byte[16];
    uint32_t bytes = 0;
    struct program *program = p->program;
    const char end = read_until(p, "=;", text, sizeof(text));
    program->variables = grow(program->variables, program->n_variables,
                              &program->variables_capacity, sizeof(*program->variables));
    struct variable *v = &program->variables[program->n_variables++];
    parse_variable(p, text, 0, v->name, &bytes);
    uint8_t *values = aligned_alloc(256, ((size_t)bytes + 256) / 256 * 256);
    memset(values, 0, bytes);
    v->address = (uint64_t)(uintptr_t)values;
    v->bytes = bytes;
    if (end != '=')
        return;
    read_until(p, "{", text, sizeof(text));
    for (uint32_t n = 0; n < bytes; n++) {
        const char after = read_until(p, ",}", byte, sizeof(byte));
        values[n] = (uint8_t)atoi(byte + strspn(byte, " "));
        if (after != ',')
            break;
    }
    read_until(p, ";", text, sizeof(text));
}

/* ".file 1 "/directory" "name.cl"" or ".file 1 "name.cl"" */
static void parse_file(struct parser *p, const char *text)
{
    unsigned number = 0;
    const size_t files = sizeof(p->program->files) / sizeof(p->program->files[0]);
    const char *end = strrchr(text, '"');
    if (sscanf(text, ".file %u", &number) != 1 || number >= files || !end || end == text)
        return;
    const char *name = end;
    while (name > text && name[-1] != '"' && name[-1] != '/')
        name--;
    snprintf(p->program->files[number], sizeof(p->program->files[0]), "%.*s", (int)(end - name),
             name);
}

/* A function that kernels do not call, because they contain it. */
static void skip_function(struct parser *p)
{
    char text[MAX_TEXT];
    read_until(p, "{", text, sizeof(text));
    for (int depth = 1; depth && *p->at;)
        depth += read_until(p, "{}", text, sizeof(text)) == '{' ? 1 : -1;
}

static void parse_program(struct parser *p)
{
    char text[MAX_TEXT];
    for (skip_blanks(p); *p->at && !p->failed; skip_blanks(p)) {
        if (starts_with(p->at, ".visible .entry") || starts_with(p->at, ".entry"))
            parse_kernel(p);
        else if (starts_with(p->at, ".const") || starts_with(p->at, ".global"))
            parse_constant(p);
        else if (starts_with(p->at, ".func") || starts_with(p->at, ".visible .func"))
            skip_function(p);
        else if (starts_with(p->at, ".extern"))
            parse_fail(p, "only kernels and constants are known: %.60s", p->at);
        else {
            read_until(p, "\n", text, sizeof(text));
            p->line++;
            if (starts_with(text, ".file"))
                parse_file(p, text);
        }
    }
}

struct program *ptx_parse(const char *text, char *error, size_t n)
{
    struct parser p = {.at = text, .line = 1, .error = error, .error_bytes = n};
    p.program = calloc(1, sizeof(*p.program));
    parse_program(&p);
    free(p.registers);
    free(p.labels.list);
    free(p.variables.list);
    free(p.branches.list);
    if (p.failed)
        ptx_destroy(p.program);
    return p.failed ? NULL : p.program;
}

void ptx_destroy(struct program *program)
{
    for (size_t i = 0; i < program->n; i++) {
        for (size_t c = 0; c < program->kernels[i]->n; c++)
            free(program->kernels[i]->code[c].op);
        free(program->kernels[i]->name);
        free(program->kernels[i]->code);
        free(program->kernels[i]->constants);
        free(program->kernels[i]);
    }
    for (size_t i = 0; i < program->n_variables; i++)
        free((void *)(uintptr_t)program->variables[i].address);
    free(program->kernels);
    free(program->variables);
    free(program);
}
