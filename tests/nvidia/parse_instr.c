/* Instructions in PTX. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "parse_impl.h"

enum { MAX_OPERANDS = 8 };

struct statement {
    char op[128];
    char operands[MAX_OPERANDS][256];
    size_t n;
};

static bool fits(const struct parser *p, const char *text, uint8_t width)
{
    const uint8_t found = parse_register_width(p, text);
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
    i->d[0] = op->d ? parse_operand(p, s->operands[0], op->d) : 0;
    i->a[0] = op->a ? parse_operand(p, s->operands[1], op->a) : 0;
    i->b[0] = op->b ? parse_operand(p, s->operands[2], op->b) : 0;
    i->c[0] = op->c ? parse_operand(p, s->operands[3], op->c) : 0;
    if (s->n == 5)
        i->c[1] = parse_operand(p, s->operands[4], 4);
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
            *width = parse_register_width(p, name);
        if (n == 4 || !*width) {
            parse_fail(p, "operand %s", text);
            return 0;
        }
        slots[n++] = parse_operand(p, name, *width);
    }
    return n;
}

/* "[%rd1+16]", "[name]" or "[%r1]". */
static void parse_address(struct parser *p, struct instr *i, const char *text, uint16_t *to,
                          uint8_t *width)
{
    char name[64];
    if (*text != '[') {
        parse_fail(p, "address %s", text);
        return;
    }
    text += 1 + strspn(text + 1, " ");
    const size_t n = parse_name_length(text);
    snprintf(name, sizeof(name), "%.*s", (int)n, text);
    const char *offset = text + n + strspn(text + n, "+ ");
    i->offset += strtoll(offset, NULL, 0);
    *width = parse_register_width(p, name);
    if (!*width)
        *width = 8;
    *to = parse_operand(p, name, *width);
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
    i->bytes = parse_type_bytes(last_part(s->op));
    i->is_signed = *last_part(s->op) == 's';
    i->width = parse_register_width(p, s->operands[store ? 1 : 0]);
    if (store && !i->width && s->operands[1][0] != '{')
        i->width = i->bytes < 2 ? 2 : i->bytes;
    const int n = parse_list(p, s->operands[store ? 1 : 0], store ? i->b : i->d, &i->width);
    i->count = (uint8_t)n;
    if (n != (has_part(s->op, "v4") ? 4 : has_part(s->op, "v2") ? 2 : 1))
        parse_fail(p, "%s of %d registers", s->op, n);
    parse_address(p, i, s->operands[store ? 0 : 1], &i->a[0], &i->address_width);
    return true;
}

/* "ld.param.u32 %r1, [name_param_3+4]" */
static bool parse_load_param(struct parser *p, struct instr *i, const struct statement *s)
{
    if (!starts_with(s->op, "ld.param.") || s->n != 2)
        return false;
    const char *name = s->operands[1] + 1;
    size_t n = parse_name_length(name);
    i->offset = strtoll(name + n + strspn(name + n, "+"), NULL, 0);
    while (n && isdigit((unsigned char)name[n - 1]))
        n--;
    const uint32_t number = (uint32_t)atoi(name + n);
    if (number >= p->kernel->n_params) {
        parse_fail(p, "parameter %s", name);
        return true;
    }
    i->run = run_load_param;
    i->offset += p->kernel->params[number].offset;
    i->bytes = parse_type_bytes(last_part(s->op));
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
            parse_fail(p, "%s of %d bytes", s->op, bytes);
        struct instr from = {0};
        parse_address(p, i, s->operands[0], &i->a[0], &i->address_width);
        parse_address(p, &from, s->operands[1], &i->b[0], &i->width);
        if (from.offset) /* one offset is kept: that of the target */
            parse_fail(p, "%s: offset of the source", s->op);
        if (s->n == 4)
            i->c[0] = parse_operand(p, s->operands[3], 4);
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
                parse_fail(p, "fragments of %s", s->op);
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
        parse_fail(p, "%s of %d registers", s->op, i->count);
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
        i->d[1] = parse_operand(p, bar + 1, 1);
    }
    i->run = run_shuffle;
    i->d[0] = parse_operand(p, d, 4);
    i->a[0] = parse_operand(p, s->operands[1], 4);
    i->b[0] = parse_operand(p, s->operands[2], 4);
    i->c[0] = parse_operand(p, s->operands[3], 4);
    for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++)
        if (has_part(s->op, modes[m]))
            i->count = (uint8_t)(m + 1);
    if (!i->count)
        parse_fail(p, "%s", s->op);
    return true;
}

static bool parse_flow(struct parser *p, struct instr *i, const struct statement *s)
{
    if ((!strcmp(s->op, "bra") || !strcmp(s->op, "bra.uni")) && s->n == 1) {
        i->run = run_branch;
        parse_add_place(&p->branches, s->operands[0], p->kernel->n - 1);
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
        i->a[0] = parse_operand(p, s->operands[1], whole);
    } else if (s->operands[1][0] == '{') {
        i->run = run_pack;
        n = parse_list(p, s->operands[1], i->a, &i->width);
        i->d[0] = parse_operand(p, s->operands[0], whole);
    } else
        return false;
    if (n != 2)
        parse_fail(p, "%s of %d parts", s->op, n);
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
            parse_fail(p, "too many operands");
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
    const size_t n = parse_name_length(text);
    snprintf(name, sizeof(name), "%.*s", (int)n, text);
    i->guard = parse_operand(p, name, 1);
    return text + n + strspn(text + n, " ");
}

void parse_instruction(struct parser *p, uint32_t line, const char *text)
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
        parse_fail(p, "unknown instruction: %s", text);
}
