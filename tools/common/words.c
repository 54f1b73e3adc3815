#include "common/words.h"

#include "base/number.h"

#include "common/input.h"

#include <stdint.h>
#include <string.h>

#define MAX_WORD 32

/* clang-format off */
/* The names that other programs have for the types follow ours. */
#define FLOAT_WORDS \
    {"f32", ELCL_F32}, {"f16", ELCL_F16}, {"bf16", ELCL_BF16}, {"fp32", ELCL_F32}, \
    {"float32", ELCL_F32}, {"float", ELCL_F32}, {"fp16", ELCL_F16}, {"float16", ELCL_F16}, \
    {"half", ELCL_F16}, {"bfloat16", ELCL_BF16}
const struct cli_choice cli_format_words[] = {
    {"text", CLI_FORMAT_TEXT}, {"jsonl", CLI_FORMAT_JSONL}, {"ids", CLI_FORMAT_IDS}, {NULL, 0}};
const struct cli_choice cli_attention_words[] = {
    {"el", ELCL_ATTN_EL}, {"mha", ELCL_ATTN_MHA}, {"mha-beam", ELCL_ATTN_MHA_BEAM},
    {"auto", ELCL_ATTN_AUTO}, {NULL, 0}};
const struct cli_choice cli_gemm_words[] = {
    {"auto", ELCL_GEMM_AUTO}, {"clblast", ELCL_GEMM_CLBLAST}, {"native", ELCL_GEMM_NATIVE},
    {NULL, 0}};
const struct cli_choice cli_kernel_words[] = {
    {"auto", ELCL_KERNELS_AUTO}, {"cpu", ELCL_KERNELS_CPU}, {"gpu", ELCL_KERNELS_GPU}, {NULL, 0}};
const struct cli_choice cli_matrix_words[] = {{"auto", 0}, {"off", 1}, {NULL, 0}};
const struct cli_choice cli_weight_words[] = {
    FLOAT_WORDS, {"int8", ELCL_INT8}, {"int4", ELCL_INT4}, {"i8", ELCL_INT8}, {"i4", ELCL_INT4},
    {NULL, 0}};
const struct cli_choice cli_compute_words[] = {
    {"auto", ELCL_COMPUTE_AUTO}, {"f32", ELCL_COMPUTE_F32}, {"int8", ELCL_COMPUTE_INT8},
    {"bf16", ELCL_COMPUTE_BF16}, {"f16", ELCL_COMPUTE_F16}, {"fp32", ELCL_COMPUTE_F32},
    {"float32", ELCL_COMPUTE_F32}, {"fp16", ELCL_COMPUTE_F16}, {"half", ELCL_COMPUTE_F16},
    {"i8", ELCL_COMPUTE_INT8}, {"int", ELCL_COMPUTE_INT8}, {"bfloat16", ELCL_COMPUTE_BF16},
    {NULL, 0}};
const struct cli_choice cli_state_words[] = {
    FLOAT_WORDS, {"int8", ELCL_INT8}, {"i8", ELCL_INT8}, {"int4", ELCL_INT4}, {"i4", ELCL_INT4},
    {NULL, 0}};
/* clang-format on */

bool cli_find_choice(const struct cli_choice *choices, const char *text, int *value)
{
    for (const struct cli_choice *c = choices; c && c->word; c++) {
        if (elcl_is_word(c->word, text)) {
            *value = c->value;
            return true;
        }
    }
    return false;
}

const char *cli_word_of(const struct cli_choice *words, int value)
{
    for (; words->word; words++) {
        if (words->value == value)
            return words->word;
    }
    return "unknown";
}

const char *cli_attention_word(int value)
{
    return cli_word_of(cli_attention_words, value);
}

const char *cli_gemm_word(int value)
{
    return cli_word_of(cli_gemm_words, value);
}

const char *cli_kernels_word(int value)
{
    return cli_word_of(cli_kernel_words, value);
}

const char *cli_storage_word(int value)
{
    return cli_word_of(cli_state_words, value);
}

const char *cli_type_word(enum elcl_device_type type)
{
    return type == ELCL_DEVICE_CPU ? "cpu" : type == ELCL_DEVICE_GPU ? "gpu" : "other";
}

void cli_spell_option(char *name)
{
    for (; *name; name++)
        if (*name == '_')
            *name = '-';
}

/* ---- misspelt words ------------------------------------------------------------------------ */

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* '_' counts as '-': other programs spell our options with underscores. */
static char folded(char c)
{
    return c == '_' ? '-' : c;
}

/* Counts insertions, deletions, changes and swaps of neighbors between two words; SIZE_MAX for long
 * words. */
static size_t edit_distance(const char *a, const char *b)
{
    const size_t n_a = strlen(a), n_b = strlen(b);
    size_t rows[3][MAX_WORD + 1] = {{0}}; /* row i is rows[i % 3] */
    if (n_a > MAX_WORD || n_b > MAX_WORD)
        return SIZE_MAX;
    for (size_t j = 0; j <= n_b; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            const char x = folded(a[i - 1]), y = folded(b[j - 1]);
            row[j] = min_size(above[j - 1] + (x != y), 1 + min_size(above[j], row[j - 1]));
            if (i > 1 && j > 1 && x == folded(b[j - 2]) && y == folded(a[i - 2]))
                row[j] = min_size(row[j], rows[(i - 2) % 3][j - 2] + 1);
        }
    }
    return rows[n_a % 3][n_b];
}

const char *cli_nearest(const char *wrong, const char *const *words, size_t n)
{
    const char *best = NULL;
    size_t n_wrong = strlen(wrong);
    size_t best_distance = min_size(n_wrong / 3 + 1, 3);
    for (size_t i = 0; i < n; i++) {
        size_t distance = edit_distance(wrong, words[i]);
        if (distance < best_distance) {
            best = words[i];
            best_distance = distance;
        } else if (!best && n_wrong >= 3 && !strncmp(wrong, words[i], n_wrong)) {
            best = words[i];
        }
    }
    return best;
}
