#include "base/cpu.h"

#include <stdio.h>
#include <string.h>

#include "base/util.h"

bool elcl_cpu_has(enum elcl_cpu_feature feature)
{
#if defined(__x86_64__)
    return feature == ELCL_CPU_AVX2          ? __builtin_cpu_supports("avx2")
           : feature == ELCL_CPU_AVX512BW    ? __builtin_cpu_supports("avx512bw")
           : feature == ELCL_CPU_AVX512_VNNI ? __builtin_cpu_supports("avx512vnni")
                                             : __builtin_cpu_supports("avx512bf16");
#else
    (void)feature;
    return false;
#endif
}

/* The lines of /proc/cpuinfo, of x86, ARM and RISC-V, that are the same at every look. */
static bool is_lasting(const char *line)
{
    static const char *const keys[] = {"vendor_id", "model name",       "flags",    "Features",
                                       "CPU imp",   "CPU architecture", "CPU part", "isa"};
    for (size_t i = 0; i < ELCL_COUNT(keys); i++)
        if (!strncmp(line, keys[i], strlen(keys[i])))
            return true;
    return false;
}

/* Hashes the lines of the first processor: its part of the file ends with an empty line. */
static uint64_t hash_system(uint64_t hash)
{
    char part[1024]; /* of a line, which may be longer */
    bool starts = true, lasting = false;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(part, sizeof(part), file) && !(starts && *part == '\n')) {
        const size_t n = strlen(part);
        lasting = starts ? is_lasting(part) : lasting;
        starts = n && part[n - 1] == '\n';
        if (lasting)
            hash = elcl_hash(hash, part, n);
    }
    if (file)
        (void)fclose(file);
    return hash;
}

uint64_t elcl_cpu_hash(void)
{
    uint64_t hash = ELCL_HASH_INIT;
    for (int i = ELCL_CPU_AVX2; i <= ELCL_CPU_AVX512_BF16; i++) {
        const unsigned char has = elcl_cpu_has((enum elcl_cpu_feature)i);
        hash = elcl_hash(hash, &has, 1);
    }
    return hash_system(hash);
}
