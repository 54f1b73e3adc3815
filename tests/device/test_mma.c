/* Which matrix instruction a compiler may see, and that the probe rejects wrong sums. */
#include "tests.h"

#include <string.h>

static void test_allowed(void)
{
    static const char amd[] = "AMD Accelerated Parallel Processing";
    static const char intel[] = "Intel(R) OpenCL Graphics";
    static const char dpas[] = "cl_khr_fp16 cl_intel_required_subgroup_size "
                               "cl_intel_subgroup_matrix_multiply_accumulate";
    static const char nv[] = "cl_khr_icd cl_nv_device_attribute_query cl_nv_pragma_unroll";
    static const struct {
        struct elcl_mma_facts facts;
        enum elcl_mma want;
        const char *why;
    } cases[] = {
        {{"NVIDIA CUDA", "NVIDIA Corporation", "NVIDIA H100", nv, 9, 0}, ELCL_MMA_NVIDIA, ""},
        {{"NVIDIA CUDA", "NVIDIA Corporation", "NVIDIA A100", nv, 8, 0}, ELCL_MMA_NVIDIA, ""},
        {{"NVIDIA CUDA", "NVIDIA Corporation", "Tesla V100", nv, 7, 0}, ELCL_MMA_NONE, "7.x"},
        {{"rusticl", "NVIDIA", "NV140", "cl_khr_fp16", 0, 0}, ELCL_MMA_NONE, "known only"},
        {{amd, "Advanced Micro Devices, Inc.", "gfx1100", "", 0, 0}, ELCL_MMA_AMD_WMMA, ""},
        {{amd, "Advanced Micro Devices, Inc.", "gfx1151", "", 0, 0}, ELCL_MMA_AMD_WMMA, ""},
        {{amd, "Advanced Micro Devices, Inc.", "gfx1201", "", 0, 0}, ELCL_MMA_NONE, "gfx1201"},
        {{amd, "Advanced Micro Devices, Inc.", "gfx90a:sramecc+:xnack-", "", 0, 0},
         ELCL_MMA_AMD_MFMA,
         ""},
        {{amd, "Advanced Micro Devices, Inc.", "gfx942:sramecc+:xnack-", "", 0, 0},
         ELCL_MMA_AMD_MFMA,
         ""},
        {{amd, "Advanced Micro Devices, Inc.", "gfx908", "", 0, 0}, ELCL_MMA_NONE, "gfx908"},
        {{"rusticl", "AMD", "AMD Radeon RX 7900 XTX (radeonsi, navi31)", "", 0, 0},
         ELCL_MMA_NONE,
         "known only"},
        {{intel, "Intel(R) Corporation", "Intel(R) Arc(TM) A770", dpas, 0, 8},
         ELCL_MMA_INTEL_8,
         ""},
        {{intel, "Intel(R) Corporation", "Intel(R) Data Center GPU Max 1550", dpas, 0, 16},
         ELCL_MMA_INTEL_16,
         ""},
        {{intel, "Intel(R) Corporation", "a later one", dpas, 0, 32}, ELCL_MMA_NONE, "of 32"},
        {{intel, "Intel(R) Corporation", "UHD 630", "cl_intel_required_subgroup_size", 0, 8},
         ELCL_MMA_NONE,
         "known only"},
        {{"Portable Computing Language", "AuthenticAMD", "a CPU", "", 0, 0},
         ELCL_MMA_NONE,
         "known only"},
    };
    if (!check_case("matrix instructions, what compilers may see"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        char why[160] = "";
        const enum elcl_mma got = elcl_mma_allowed(&cases[i].facts, why, sizeof(why));
        CHECK(got == cases[i].want && strstr(why, cases[i].why), "%s: %d \"%s\"",
              cases[i].facts.name, (int)got, why);
        CHECK((got == ELCL_MMA_NONE) == (why[0] != '\0'), "%s: \"%s\"", cases[i].facts.name, why);
    }
}

static void test_numbers(struct elcl_device *device)
{
    struct elcl_program_parts parts = elcl_mma_program(ELCL_MMA_EMULATED_32);
    elcl_error err = {0};
    cl_program wrong = NULL;
    if (!check_case("matrix instructions, numbers"))
        return;
    for (int kind = ELCL_MMA_EMULATED_8; kind <= ELCL_MMA_EMULATED_64; kind++)
        CHECK(elcl_mma_try(device, (enum elcl_mma)kind) == ELCL_RIGHT, "%d items",
              elcl_mma_kinds[kind].subgroup);
    strcat(parts.options, " -DELCL_TEST_WRONG");
    if (!CHECK(!elcl_program_build(device, &parts, &wrong, &err), "%s", err.msg))
        return;
    CHECK(elcl_mma_compare(device, wrong, ELCL_MMA_EMULATED_32) == ELCL_WRONG, "wrong sums pass");
    clReleaseProgram(wrong);
}

void test_mma(struct elcl_device *device)
{
    test_allowed();
    test_numbers(device);
}
