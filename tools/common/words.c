#include "common/words.h"

#include "common/input.h"

/* clang-format off */
const struct cli_choice cli_format_words[] = {
    {"text", CLI_LINE_TEXT}, {"jsonl", CLI_LINE_JSONL}, {"ids", CLI_LINE_IDS}, {NULL, 0}};
const struct cli_choice cli_attention_words[] = {
    {"el", ELCL_ATTN_EL}, {"mha", ELCL_ATTN_MHA}, {"mha-beam", ELCL_ATTN_MHA_BEAM},
    {"auto", ELCL_ATTN_AUTO}, {NULL, 0}};
const struct cli_choice cli_gemm_words[] = {
    {"auto", ELCL_GEMM_AUTO}, {"clblast", ELCL_GEMM_CLBLAST}, {"native", ELCL_GEMM_NATIVE},
    {NULL, 0}};
const struct cli_choice cli_kernel_words[] = {
    {"auto", ELCL_KERNELS_AUTO}, {"cpu", ELCL_KERNELS_CPU}, {"gpu", ELCL_KERNELS_GPU}, {NULL, 0}};
const struct cli_choice cli_weight_words[] = {
    {"f32", ELCL_F32}, {"f16", ELCL_F16}, {"bf16", ELCL_BF16}, {"int8", ELCL_INT8}, {NULL, 0}};
const struct cli_choice cli_compute_words[] = {
    {"auto", ELCL_COMPUTE_AUTO}, {"f32", ELCL_COMPUTE_F32}, {"int8", ELCL_COMPUTE_INT8},
    {"bf16", ELCL_COMPUTE_BF16}, {NULL, 0}};
const struct cli_choice cli_state_words[] = {
    {"f32", ELCL_F32}, {"f16", ELCL_F16}, {"bf16", ELCL_BF16}, {NULL, 0}};
/* clang-format on */

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
    return cli_word_of(cli_weight_words, value);
}
