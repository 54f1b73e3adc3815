/* Prints programs for tools that have no such device: compilers, emulators, audits. */
#include "base/util.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>

/* Matrix instructions of vendors. */
static const struct {
    const char *word;
    enum elcl_mma mma;
} instructions[] = {
    {"nvidia", ELCL_MMA_NVIDIA},   {"amd-wmma", ELCL_MMA_AMD_WMMA}, {"amd-mfma", ELCL_MMA_AMD_MFMA},
    {"intel-8", ELCL_MMA_INTEL_8}, {"intel-16", ELCL_MMA_INTEL_16},
};

static bool is_16_bit(enum elcl_storage storage)
{
    return storage == ELCL_F16 || storage == ELCL_BF16;
}

void list_programs(const char *name, enum elcl_kernels kernels,
                   const struct elcl_ops_params *params)
{
    puts(name);
    if (kernels == ELCL_KERNELS_CPU || params->mma)
        return;
    const bool matrix = is_16_bit(params->weights) || is_16_bit(params->state);
    for (size_t i = 0; matrix && i < ELCL_COUNT(instructions); i++)
        printf("%s %s\n", name, instructions[i].word);
}

bool print_program(enum elcl_kernels kernels, struct elcl_ops_params params,
                   const char *instruction)
{
    struct elcl_device device = {
        .kernels = kernels,
        .desc = {.type = kernels == ELCL_KERNELS_CPU ? ELCL_DEVICE_CPU : ELCL_DEVICE_GPU,
                 .vector_width = 8,
                 .max_work_group = 1024,
                 .local_bytes = 49152}};
    const enum elcl_dot int8_dot = kernels == ELCL_KERNELS_CPU      ? ELCL_DOT_PLAIN_INT8
                                   : !strcmp(instruction, "nvidia") ? ELCL_DOT_GPU_NVIDIA
                                                                    : ELCL_DOT_GPU_PLAIN;
    const struct elcl_features features = {.mac = ELCL_MAC_FMA,
                                           .int8_dot = {.kind = int8_dot},
                                           .bf16_dot = {.kind = ELCL_DOT_PLAIN_BF16},
                                           .int4_dot = {.kind = ELCL_DOT_PLAIN_INT4},
                                           .state_dot = {.kind = ELCL_DOT_PLAIN_INT8}};
    struct elcl_str source = {0}, options = {0};
    elcl_error err = {0};
    for (size_t i = 0; i < ELCL_COUNT(instructions); i++)
        if (!strcmp(instruction, instructions[i].word))
            params.mma = instructions[i].mma;
    if (*instruction && !params.mma)
        return false;
    suite_must(elcl_ops_program_text(&device, &features, &params, &source, &options, &err), &err);
    printf("// %s\n%s", options.data, source.data);
    elcl_str_finish(&source);
    elcl_str_finish(&options);
    return true;
}
