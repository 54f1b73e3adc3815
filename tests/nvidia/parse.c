/* PTX, as clang writes it, to instructions. What it does not know stops it, with line and text. */
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nvidia.h"

enum { MAX_OPERANDS = 8, MAX_TEXT = 1024 };

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

static void fail(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct parser *p, const char *fmt, ...)
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

static void add_place(struct places *places, const char *name, uint64_t address)
{
    places->list = grow(places->list, places->n, &places->capacity, sizeof(*places->list));
    struct place *place = &places->list[places->n++];
    snprintf(place->name, sizeof(place->name), "%.63s", name);
    place->address = address;
}

static const struct place *find_place(const struct places *places, const char *name)
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

static bool starts_with(const char *s, const char *prefix)
{
    return !strncmp(s, prefix, strlen(prefix));
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

static size_t name_length(const char *s)
{
    size_t n = 0;
    while (in_name(s[n]))
        n++;
    return n;
}

/* ".type" to bytes: 1 also for a predicate; 0 if it is not known. */
static uint8_t type_bytes(const char *type)
{
    if (!strcmp(type, "pred"))
        return 1;
    const size_t n = strcspn(type, "0123456789");
    const int bits = atoi(type + n);
    return n >= 1 && n <= 4 && (bits == 8 || bits == 16 || bits == 32 || bits == 64)
               ? (uint8_t)(bits / 8)
               : 0;
}

/* ---- registers and constants --------------------------------------------------------------- */

static uint32_t new_slots(struct parser *p, uint32_t n)
{
    const uint32_t first = p->kernel->slots;
    p->kernel->slots += n;
    if (p->kernel->slots > UINT16_MAX)
        fail(p, "%s has more than %d registers", p->kernel->name, UINT16_MAX);
    return first;
}

/* ".reg .b32 %r<93>" or ".reg .pred a, b" */
static void declare_registers(struct parser *p, char *text)
{
    char *type = strchr(text + 4, '.');
    const size_t n = type ? strcspn(++type, " ") : 0;
    if (!n || !type[n]) {
        fail(p, "%s", text);
        return;
    }
    type[n] = '\0';
    for (char *name = strtok(type + n + 1, ", "); name; name = strtok(NULL, ", ")) {
        p->registers =
            grow(p->registers, p->n_registers, &p->registers_capacity, sizeof(*p->registers));
        struct registers *r = &p->registers[p->n_registers++];
        char *count = strchr(name, '<');
        if (count)
            *count++ = '\0';
        r->numbered = count != NULL;
        r->n = count ? (uint32_t)atoi(count) : 1;
        r->width = type_bytes(type);
        r->first = new_slots(p, r->n * (r->width == 8 ? 2 : 1));
        snprintf(r->prefix, sizeof(r->prefix), "%s", name);
        if (!r->width)
            fail(p, "registers of type %s", type);
    }
}

static const struct registers *find_register(const struct parser *p, const char *name,
                                             uint32_t *number)
{
    for (size_t i = p->n_registers; i-- > 0;) { /* the last declaration hides others */
        const struct registers *r = &p->registers[i];
        const size_t n = strlen(r->prefix);
        if (strncmp(name, r->prefix, n) != 0)
            continue;
        *number = 0;
        if (!r->numbered && !name[n])
            return r;
        char *end;
        *number = (uint32_t)strtoul(name + n, &end, 10);
        if (r->numbered && isdigit((unsigned char)name[n]) && !*end && *number < r->n)
            return r;
    }
    return NULL;
}

static uint16_t constant_slot(struct parser *p, uint64_t value, uint8_t width)
{
    struct kernel *k = p->kernel;
    for (size_t i = 0; i < k->n_constants; i++)
        if (k->constants[i].value == value && k->constants[i].width == width)
            return k->constants[i].slot;
    k->constants =
        grow(k->constants, k->n_constants, &k->constants_capacity, sizeof(*k->constants));
    struct constant *c = &k->constants[k->n_constants++];
    *c = (struct constant){(uint16_t)new_slots(p, width == 8 ? 2 : 1), width, value};
    return c->slot;
}

static bool find_special(const char *name, uint16_t *number)
{
    static const char *const names[] = {
        "%tid.x",   "%tid.y",   "%tid.z",    "%ntid.x",   "%ntid.y",   "%ntid.z", "%ctaid.x",
        "%ctaid.y", "%ctaid.z", "%nctaid.x", "%nctaid.y", "%nctaid.z", "%laneid", "%warpid"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(name, names[i])) {
            *number = (uint16_t)(TID + i);
            return true;
        }
    return false;
}

/* The address of a variable: in local, private or constant memory. */
static bool find_address(const struct parser *p, const char *name, uint64_t *address)
{
    const struct place *place = find_place(&p->variables, name);
    if (place) {
        *address = place->address;
        return true;
    }
    for (size_t i = 0; i < p->program->n_variables; i++)
        if (!strcmp(p->program->variables[i].name, name)) {
            *address = p->program->variables[i].address;
            return true;
        }
    return false;
}

static bool parse_number(const char *text, uint8_t width, uint64_t *value)
{
    char *end;
    if (text[0] == '0' && (text[1] == 'f' || text[1] == 'd'))
        *value = strtoull(text + 2, &end, 16);
    else if (*text == '-')
        *value = (uint64_t)strtoll(text, &end, 0);
    else
        *value = strtoull(text, &end, 0);
    if (*end == 'U')
        end++;
    if (width == 1)
        *value = *value ? UINT32_MAX : 0;
    else if (width < 8)
        *value &= (UINT64_C(1) << (8 * width)) - 1;
    return end != text && !*end;
}

/* Returns the slot of a register or of a constant of `width` bytes; 0 widths take any. */
static uint16_t operand(struct parser *p, const char *text, uint8_t width)
{
    uint32_t number;
    uint16_t special;
    uint64_t value;
    const struct registers *r = find_register(p, text, &number);
    if (r && (r->width == width || !width))
        return (uint16_t)(r->first + number * (r->width == 8 ? 2 : 1));
    if (width == 4 && find_special(text, &special))
        return special;
    if (!r && (find_address(p, text, &value) || parse_number(text, width, &value)))
        return constant_slot(p, value, width);
    fail(p, "operand %s is no value of %d bytes", text, width);
    return 0;
}

static uint8_t register_width(const struct parser *p, const char *text)
{
    uint32_t number;
    uint16_t special;
    const struct registers *r = find_register(p, text, &number);
    return r ? r->width : find_special(text, &special) ? 4 : 0;
}

/* ---- instructions -------------------------------------------------------------------------- */

struct statement {
    char op[128];
    char operands[MAX_OPERANDS][256];
    size_t n;
};

static bool fits(const struct parser *p, const char *text, uint8_t width)
{
    const uint8_t found = register_width(p, text);
    return width && (!found || found == width);
}

static bool op_fits(const struct parser *p, const struct statement *s, const struct op *op)
{
    const uint8_t widths[] = {op->d, op->a, op->b, op->c};
    size_t n = 0;
    while (n < 4 && widths[n])
        n++;
    if (strcmp(op->name, s->op) != 0 || s->n < n || s->n > n + 1)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!fits(p, s->operands[i], widths[i]))
            return false;
    return true;
}

static bool parse_computation(struct parser *p, struct instr *i, const struct statement *s)
{
    const struct op *op = NULL;
    for (size_t k = 0; k < n_ops && !op; k++)
        op = op_fits(p, s, &ops[k]) ? &ops[k] : NULL;
    if (!op)
        return false;
    i->run = op->run;
    i->d[0] = op->d ? operand(p, s->operands[0], op->d) : 0;
    i->a[0] = op->a ? operand(p, s->operands[1], op->a) : 0;
    i->b[0] = op->b ? operand(p, s->operands[2], op->b) : 0;
    i->c[0] = op->c ? operand(p, s->operands[3], op->c) : 0;
    if (s->n == 5)
        i->c[1] = operand(p, s->operands[4], 4);
    return true;
}

/* "{%f1, %f2}" or "%f1" to at most four slots. Returns how many; sets the width if it is 0. */
static int parse_list(struct parser *p, const char *text, uint16_t *slots, uint8_t *width)
{
    char copy[256], *rest = copy;
    int n = 0;
    snprintf(copy, sizeof(copy), "%s", text);
    for (char *name = strtok_r(copy, "{}, ", &rest); name; name = strtok_r(NULL, "{}, ", &rest)) {
        if (!*width)
            *width = register_width(p, name);
        if (n == 4 || !*width) {
            fail(p, "operand %s", text);
            return 0;
        }
        slots[n++] = operand(p, name, *width);
    }
    return n;
}

/* "[%rd1+16]", "[name]" or "[%r1]". */
static void parse_address(struct parser *p, struct instr *i, const char *text, uint16_t *to,
                          uint8_t *width)
{
    char name[64];
    if (*text != '[') {
        fail(p, "address %s", text);
        return;
    }
    text += 1 + strspn(text + 1, " ");
    const size_t n = name_length(text);
    snprintf(name, sizeof(name), "%.*s", (int)n, text);
    const char *offset = text + n + strspn(text + n, "+ ");
    i->offset += strtoll(offset, NULL, 0);
    *width = register_width(p, name);
    if (!*width)
        *width = 8;
    *to = operand(p, name, *width);
}

static bool has_part(const char *op, const char *part)
{
    const size_t n = strlen(part);
    for (const char *at = op; (at = strstr(at, part)); at += n)
        if (at > op && at[-1] == '.' && (!at[n] || at[n] == '.'))
            return true;
    return false;
}

static const char *last_part(const char *op)
{
    const char *dot = strrchr(op, '.');
    return dot ? dot + 1 : op;
}

static enum space find_space(const char *op)
{
    return has_part(op, "global")   ? GLOBAL
           : has_part(op, "shared") ? LOCAL
           : has_part(op, "local")  ? PRIVATE
           : has_part(op, "const")  ? CONSTANT
                                    : GENERIC;
}

/* All parts of an opcode are among the words. */
static bool only_parts(const char *op, const char *words)
{
    char copy[128], *rest = copy;
    snprintf(copy, sizeof(copy), "%s", op);
    for (char *part = strtok_r(copy, ".", &rest); part; part = strtok_r(NULL, ".", &rest)) {
        const size_t n = strlen(part);
        bool found = false;
        for (const char *at = words; !found && (at = strstr(at, part)); at += n)
            found = (at == words || at[-1] == ' ') && (at[n] == ' ' || !at[n]);
        if (!found)
            return false;
    }
    return true;
}

#define MEMORY_WORDS                                                                               \
    "global shared local const ca cg cs lu cv wb wt nc volatile relaxed cta gpu v2 v4 b8 u8 s8 "   \
    "b16 u16 s16 f16 b32 u32 s32 f32 b64 u64 s64 L1::evict_first L1::evict_last L1::no_allocate "  \
    "L1::evict_normal L2::64B L2::128B L2::256B"

static bool parse_load(struct parser *p, struct instr *i, const struct statement *s)
{
    const bool store = starts_with(s->op, "st.");
    if ((!store && !starts_with(s->op, "ld.")) || s->n != 2 || !only_parts(s->op + 3, MEMORY_WORDS))
        return false;
    i->run = store ? run_store : run_load;
    i->space = (uint8_t)find_space(s->op);
    i->bytes = type_bytes(last_part(s->op));
    i->is_signed = *last_part(s->op) == 's';
    i->width = register_width(p, s->operands[store ? 1 : 0]);
    if (store && !i->width && s->operands[1][0] != '{')
        i->width = i->bytes < 2 ? 2 : i->bytes;
    const int n = parse_list(p, s->operands[store ? 1 : 0], store ? i->b : i->d, &i->width);
    i->count = (uint8_t)n;
    if (n != (has_part(s->op, "v4") ? 4 : has_part(s->op, "v2") ? 2 : 1))
        fail(p, "%s of %d registers", s->op, n);
    parse_address(p, i, s->operands[store ? 0 : 1], &i->a[0], &i->address_width);
    return true;
}

/* "ld.param.u32 %r1, [name_param_3+4]" */
static bool parse_load_param(struct parser *p, struct instr *i, const struct statement *s)
{
    if (!starts_with(s->op, "ld.param.") || s->n != 2)
        return false;
    const char *name = s->operands[1] + 1;
    size_t n = name_length(name);
    i->offset = strtoll(name + n + strspn(name + n, "+"), NULL, 0);
    while (n && isdigit((unsigned char)name[n - 1]))
        n--;
    const uint32_t number = (uint32_t)atoi(name + n);
    if (number >= p->kernel->n_params) {
        fail(p, "parameter %s", name);
        return true;
    }
    i->run = run_load_param;
    i->offset += p->kernel->params[number].offset;
    i->bytes = type_bytes(last_part(s->op));
    i->is_signed = *last_part(s->op) == 's';
    i->count = (uint8_t)parse_list(p, s->operands[0], i->d, &i->width);
    return true;
}

/* cp.async.cg.shared.global [to], [from], 16 {, source bytes} */
static bool parse_copy(struct parser *p, struct instr *i, const struct statement *s)
{
    if (!strcmp(s->op, "cp.async.commit_group"))
        i->run = run_copy_commit;
    else if (!strcmp(s->op, "cp.async.wait_all"))
        i->run = run_copy_wait_all;
    else if (!strcmp(s->op, "cp.async.wait_group") && s->n == 1) {
        i->run = run_copy_wait;
        i->offset = atoi(s->operands[0]);
    } else if ((starts_with(s->op, "cp.async.ca.shared.global") ||
                starts_with(s->op, "cp.async.cg.shared.global")) &&
               (s->n == 3 || s->n == 4)) {
        const bool cg = starts_with(s->op, "cp.async.cg");
        const int bytes = atoi(s->operands[2]);
        i->run = run_copy;
        i->bytes = (uint8_t)bytes;
        i->count = 1;
        if (cg ? bytes != 16 : bytes != 4 && bytes != 8 && bytes != 16)
            fail(p, "%s of %d bytes", s->op, bytes);
        struct instr from = {0};
        parse_address(p, i, s->operands[0], &i->a[0], &i->address_width);
        parse_address(p, &from, s->operands[1], &i->b[0], &i->width);
        if (from.offset) /* one offset is kept: that of the target */
            fail(p, "%s: offset of the source", s->op);
        if (s->n == 4)
            i->c[0] = operand(p, s->operands[3], 4);
    } else
        return false;
    return true;
}

static bool parse_matrix(struct parser *p, struct instr *i, const struct statement *s)
{
    static const struct {
        const char *name;
        run_fn *run;
        int a, b;
    } kinds[] = {
        {"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", run_mma_bf16, 4, 2},
        {"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", run_mma_f16, 4, 2},
        {"mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32", run_mma_s8, 4, 2},
    };
    uint8_t width = 4;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
        if (!strcmp(s->op, kinds[k].name) && s->n == 4) {
            i->run = kinds[k].run;
            if (parse_list(p, s->operands[0], i->d, &width) != 4 ||
                parse_list(p, s->operands[1], i->a, &width) != kinds[k].a ||
                parse_list(p, s->operands[2], i->b, &width) != kinds[k].b ||
                parse_list(p, s->operands[3], i->c, &width) != 4)
                fail(p, "fragments of %s", s->op);
            return true;
        }
    if (!starts_with(s->op, "ldmatrix.sync.aligned.m8n8.x") || s->n != 2 ||
        !has_part(s->op, "shared") || strcmp(last_part(s->op), "b16") != 0)
        return false;
    i->run = run_ldmatrix;
    i->is_signed = has_part(s->op, "trans");
    i->bytes = 16;
    i->count = (uint8_t)parse_list(p, s->operands[0], i->d, &width);
    if (i->count != s->op[strlen("ldmatrix.sync.aligned.m8n8.x")] - '0')
        fail(p, "%s of %d registers", s->op, i->count);
    parse_address(p, i, s->operands[1], &i->a[0], &i->address_width);
    return true;
}

/* shfl.sync.MODE.b32 d{|p}, a, lane, clamp, lanes */
static bool parse_shuffle(struct parser *p, struct instr *i, const struct statement *s)
{
    static const char *const modes[] = {"idx", "up", "down", "bfly"};
    if (!starts_with(s->op, "shfl.sync.") || s->n != 5)
        return false;
    char d[64];
    snprintf(d, sizeof(d), "%.63s", s->operands[0]);
    char *bar = strchr(d, '|');
    if (bar) {
        *bar = '\0';
        i->d[1] = operand(p, bar + 1, 1);
    }
    i->run = run_shuffle;
    i->d[0] = operand(p, d, 4);
    i->a[0] = operand(p, s->operands[1], 4);
    i->b[0] = operand(p, s->operands[2], 4);
    i->c[0] = operand(p, s->operands[3], 4);
    for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++)
        if (has_part(s->op, modes[m]))
            i->count = (uint8_t)(m + 1);
    if (!i->count)
        fail(p, "%s", s->op);
    return true;
}

static bool parse_flow(struct parser *p, struct instr *i, const struct statement *s)
{
    if ((!strcmp(s->op, "bra") || !strcmp(s->op, "bra.uni")) && s->n == 1) {
        i->run = run_branch;
        add_place(&p->branches, s->operands[0], p->kernel->n - 1);
    } else if (!strcmp(s->op, "ret") || !strcmp(s->op, "exit"))
        i->run = run_return;
    else if ((!strcmp(s->op, "bar.sync") || !strcmp(s->op, "barrier.sync")) && s->n == 1)
        i->run = run_barrier;
    else if (starts_with(s->op, "prefetch.global."))
        i->run = run_prefetch;
    else
        return false;
    return true;
}

/* mov.b32 {%rs1, %rs2}, %r1 and back, with b64 and halves of 32 bits too. */
static void run_unpack(struct warp *w, struct instr *i)
{
    const uint8_t *a = slot(w, i->a[0]);
    for (int half = 0; half < 2; half++) {
        uint8_t *d = slot(w, i->d[half]);
        for (int l = 0; l < WARP; l++)
            if (w->active[l])
                memcpy(d + l * i->width, a + (2 * l + half) * i->width, i->width);
    }
}

static void run_pack(struct warp *w, struct instr *i)
{
    uint8_t *d = slot(w, i->d[0]);
    for (int half = 0; half < 2; half++) {
        const uint8_t *a = slot(w, i->a[half]);
        for (int l = 0; l < WARP; l++)
            if (w->active[l])
                memcpy(d + (2 * l + half) * i->width, a + l * i->width, i->width);
    }
}

static bool parse_pack(struct parser *p, struct instr *i, const struct statement *s)
{
    const bool wide = !strcmp(s->op, "mov.b64");
    if ((strcmp(s->op, "mov.b32") != 0 && !wide) || s->n != 2)
        return false;
    i->width = wide ? 4 : 2;
    const uint8_t whole = wide ? 8 : 4;
    int n;
    if (s->operands[0][0] == '{') {
        i->run = run_unpack;
        n = parse_list(p, s->operands[0], i->d, &i->width);
        i->a[0] = operand(p, s->operands[1], whole);
    } else if (s->operands[1][0] == '{') {
        i->run = run_pack;
        n = parse_list(p, s->operands[1], i->a, &i->width);
        i->d[0] = operand(p, s->operands[0], whole);
    } else
        return false;
    if (n != 2)
        fail(p, "%s of %d parts", s->op, n);
    return true;
}

/* Splits "op a, {b, c}, [d]"; commas in braces do not count. */
static void split(struct parser *p, const char *text, struct statement *s)
{
    size_t n = strcspn(text, " ");
    int depth = 0;
    snprintf(s->op, sizeof(s->op), "%.*s", (int)n, text);
    s->n = 0;
    for (text += n; *text && !p->failed;) {
        text += strspn(text, " ,");
        for (n = 0; text[n] && (depth || text[n] != ','); n++)
            depth += (text[n] == '{' || text[n] == '[') - (text[n] == '}' || text[n] == ']');
        if (!n)
            break;
        if (s->n == MAX_OPERANDS)
            fail(p, "too many operands");
        else
            snprintf(s->operands[s->n++], sizeof(s->operands[0]), "%.*s", (int)n, text);
        text += n;
    }
    for (size_t k = 0; k < s->n; k++)
        for (size_t end = strlen(s->operands[k]); end && s->operands[k][end - 1] == ' ';)
            s->operands[k][--end] = '\0';
}

/* "@!%p1 op ...": reads the predicate, and returns the rest. */
static const char *parse_guard(struct parser *p, struct instr *i, const char *text)
{
    char name[64];
    if (*text != '@')
        return text;
    i->guard_negated = *++text == '!';
    text += i->guard_negated;
    const size_t n = name_length(text);
    snprintf(name, sizeof(name), "%.*s", (int)n, text);
    i->guard = operand(p, name, 1);
    return text + n + strspn(text + n, " ");
}

static void parse_instruction(struct parser *p, uint32_t line, const char *text)
{
    struct kernel *k = p->kernel;
    k->code = grow(k->code, k->n, &k->capacity, sizeof(*k->code));
    struct instr *i = &k->code[k->n++];
    memset(i, 0, sizeof(*i));
    i->line = line;
    i->source_file = p->source_file;
    i->source_line = p->source_line;
    i->target = i->join = -1;
    struct statement s;
    split(p, parse_guard(p, i, text), &s);
    i->op = strdup(s.op);
    if (!parse_load_param(p, i, &s) && !parse_load(p, i, &s) && !parse_copy(p, i, &s) &&
        !parse_matrix(p, i, &s) && !parse_shuffle(p, i, &s) && !parse_flow(p, i, &s) &&
        !parse_pack(p, i, &s) && !parse_computation(p, i, &s))
        fail(p, "unknown instruction: %s", text);
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
    const size_t length = at ? name_length(at + 3 + blanks) : 0;
    if (!at || !length || sscanf(at + 3 + blanks + length, "[%u]", &n) != 1 || !align) {
        fail(p, "%s", text);
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
    add_place(&p->variables, name, base + begin);
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
    const size_t label = name_length(p->at);
    if (label && p->at[label] == ':' && p->at[label + 1] != ':') {
        snprintf(text, sizeof(text), "%.*s", (int)label, p->at);
        add_place(&p->labels, text, p->kernel->n);
        p->at += label + 1;
        return;
    }
    if (!read_until(p, ";", text, sizeof(text)))
        fail(p, "no end of: %.40s", text);
    else if (starts_with(text, ".reg"))
        declare_registers(p, text);
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
        const struct place *label = find_place(&p->labels, p->branches.list[b].name);
        struct instr *i = &p->kernel->code[p->branches.list[b].address];
        if (label)
            i->target = (int32_t)label->address;
        else
            fail(p, "no label %s", p->branches.list[b].name);
    }
}

static void parse_body(struct parser *p)
{
    for (int depth = 1; depth && !p->failed;) {
        skip_blanks(p);
        if (!*p->at)
            fail(p, "the kernel does not end");
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
            fail(p, "%s has more than %d parameters", k->name, MAX_PARAMS);
            return;
        }
        unsigned align = 0, bytes = 0;
        const char *at = strstr(text, ".align"), *array = strchr(text, '[');
        char type[8] = "";
        if (array) {
            sscanf(array, "[%u]", &bytes);
            align = at ? (unsigned)atoi(at + 6) : 1;
        } else if (sscanf(text, ".param .%7[a-z0-9]", type) == 1)
            align = bytes = type_bytes(type);
        if (!bytes || !align) {
            fail(p, "%s", text);
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
        fail(p, "%s has no body", p->kernel->name);
    const char *size = strstr(text, ".reqntid");
    uint32_t *group = p->kernel->group_size;
    if (size && sscanf(size, ".reqntid %u, %u, %u", group, group + 1, group + 2) != 3)
        fail(p, "%s", text);
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
            fail(p, "only kernels and constants are known: %.60s", p->at);
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
