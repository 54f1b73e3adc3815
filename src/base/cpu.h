/* What the processor of this machine can do. */
#ifndef ELCL_BASE_CPU_H
#define ELCL_BASE_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* Instruction sets that this processor has and that the system lets programs use. */
enum elcl_cpu_feature {
    ELCL_CPU_AVX2,
    ELCL_CPU_AVX512BW,
    ELCL_CPU_AVX512_VNNI,
    ELCL_CPU_AVX512_BF16
};
bool elcl_cpu_has(enum elcl_cpu_feature feature);

/* Hashes the model and all features that the system reports: what was compiled or measured for one
 * value may not run or not hold with another. */
uint64_t elcl_cpu_hash(void);

#endif
